"""What happens in the world, as values, and the fingerprint of a run."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True)
class Reading:
    """What the sensors of one device showed; `values` holds every signal of pumps.SIGNALS in its unit."""

    device_id: str
    time: datetime
    values: dict[str, float | int]
    quality: str = "GOOD"
    qualities: dict[str, str] = field(default_factory=dict)  # Only where different from `quality`.


@dataclass(frozen=True)
class DeviceAlarm:
    """What the device's own protection found, or found gone."""

    device_id: str
    time: datetime
    code: str
    severity: str
    text: str
    active: bool


class Change(StrEnum):
    """Kinds of state changes."""

    STARTED = "started"
    STOPPED = "stopped"
    TRIPPED = "tripped"
    RESTARTED = "restarted"
    DISCONNECTED = "disconnected"
    RECONNECTED = "reconnected"
    FAULT_BEGAN = "fault_began"  # Known to the world only; the device does not say so.
    FAULT_ENDED = "fault_ended"


@dataclass(frozen=True)
class StateChange:
    """A device's state changed; `detail` names the fault, the alarm code or the demand."""

    device_id: str
    time: datetime
    change: Change
    detail: str = ""


Happening = Reading | DeviceAlarm | StateChange


class Fingerprint:
    """A listener that hashes all that it hears: two runs with the same digest had the same trace."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.count = 0

    def __call__(self, happening: Happening) -> None:
        self._hash.update(repr(happening).encode())
        self.count += 1

    def hexdigest(self) -> str:
        return self._hash.hexdigest()
