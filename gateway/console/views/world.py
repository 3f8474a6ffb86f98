"""The clock and the simulated world."""

from dataclasses import dataclass
from datetime import datetime

from gateway.console.views.machines import Option
from gateway.console.views.viewer import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class BusinessClock:
    """Business time as the platform reads it now."""

    business: datetime
    speed: float
    paused: bool
    simulated: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveFault:
    """A fault that the simulator was told to play."""

    machine_id: str
    machine: Words
    fault: str
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """What the simulator plays; `running` is false when no simulator is connected."""

    name: Words
    seed: int
    running: bool
    machines: tuple[Option, ...]
    faults: tuple[str, ...]
    active: tuple[ActiveFault, ...] = ()
