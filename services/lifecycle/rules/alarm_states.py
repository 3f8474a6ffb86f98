"""Life of an alarm: raised, taken notice of, over. Who it is assigned to is kept beside its state."""

from services.lifecycle.rules.transitions import StateMachine

ALARM = StateMachine(
    "alarm",
    {
        "RAISED": {"acknowledge": "ACKNOWLEDGED", "assign": "RAISED", "clear": "CLEARED", "raise": "RAISED"},
        "ACKNOWLEDGED": {
            "acknowledge": "ACKNOWLEDGED",  # A second person's click is no error.
            "assign": "ACKNOWLEDGED",
            "clear": "CLEARED",
            "raise": "ACKNOWLEDGED",  # The same cause, told again or graver.
        },
        "CLEARED": {"clear": "CLEARED"},  # A new occurrence is a new alarm.
    },
)


def next_state(current: str, action: str) -> str:
    """State of an alarm after `action`; TransitionNotAllowed names what is allowed."""
    return ALARM.next_state(current, action)


def is_active(current: str) -> bool:
    """Whether the cause is still there."""
    return current in ("RAISED", "ACKNOWLEDGED")
