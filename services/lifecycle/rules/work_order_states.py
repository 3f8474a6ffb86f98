"""Life of a maintenance work order."""

from services.lifecycle.rules.transitions import StateMachine

WORK_ORDER = StateMachine(
    "work order",
    {
        "OPEN": {"plan": "PLANNED", "start": "IN_PROGRESS", "cancel": "CANCELLED"},
        "PLANNED": {"start": "IN_PROGRESS", "plan": "PLANNED", "hold": "ON_HOLD", "cancel": "CANCELLED"},
        "IN_PROGRESS": {"hold": "ON_HOLD", "complete": "COMPLETED", "cancel": "CANCELLED"},
        "ON_HOLD": {"resume": "IN_PROGRESS", "cancel": "CANCELLED"},
        "COMPLETED": {"close": "CLOSED", "resume": "IN_PROGRESS"},  # Resumed when the check after the repair fails.
        "CLOSED": {},
        "CANCELLED": {},
    },
)


def next_state(current: str, action: str) -> str:
    """State of a work order after `action`; TransitionNotAllowed names what is allowed."""
    return WORK_ORDER.next_state(current, action)
