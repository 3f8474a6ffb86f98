"""Life of a remote command, and what a device's acknowledgements do to it.

MQTT at QoS 1 may deliver an acknowledgement twice, late, or after a later one. So an acknowledgement only ever moves a
command forward and never leaves an end state; everything else it says is ignored without an error.
"""

from services.lifecycle.rules.transitions import StateMachine

_ACKNOWLEDGED = {"DELIVERED": "DELIVERED", "EXECUTING": "EXECUTING", "SUCCEEDED": "SUCCEEDED", "FAILED": "FAILED"}

COMMAND = StateMachine(
    "command",
    {
        # An acknowledgement can overtake the platform's own note that it has sent the command.
        "QUEUED": {"send": "SENT", "expire": "EXPIRED", "cancel": "CANCELLED", **_ACKNOWLEDGED, "REJECTED": "REJECTED"},
        "SENT": {
            "send": "SENT",  # Sent again after a reconnect; the device knows the command's id.
            "expire": "EXPIRED",
            "time_out": "TIMED_OUT",
            **_ACKNOWLEDGED,
            "REJECTED": "REJECTED",
        },
        "DELIVERED": {"time_out": "TIMED_OUT", **_ACKNOWLEDGED, "REJECTED": "REJECTED"},
        "EXECUTING": {"time_out": "TIMED_OUT", "SUCCEEDED": "SUCCEEDED", "FAILED": "FAILED"},
        "SUCCEEDED": {},
        "FAILED": {},
        "TIMED_OUT": {},
        "EXPIRED": {},
        "CANCELLED": {},
        "REJECTED": {},
    },
)
ACKNOWLEDGEMENTS = frozenset({*_ACKNOWLEDGED, "REJECTED"})


def next_state(current: str, action: str) -> str:
    """State of a command after send, expire, time_out, cancel or an acknowledgement's name; TransitionNotAllowed."""
    return COMMAND.next_state(current, action)


def after_acknowledgement(current: str, acknowledged: str) -> str:
    """State after a device's acknowledgement; the same state when it is late, repeated or out of order.

    ValueError when `acknowledged` is none of DELIVERED, EXECUTING, SUCCEEDED, FAILED, REJECTED.
    """
    if acknowledged not in ACKNOWLEDGEMENTS:
        raise ValueError(f"unknown acknowledgement {acknowledged!r}; known: {sorted(ACKNOWLEDGEMENTS)}")
    if acknowledged not in COMMAND.actions(current):
        return current
    return COMMAND.next_state(current, acknowledged)
