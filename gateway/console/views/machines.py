"""Machines: the fleet's cards, and the twin of one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.console.views.viewer import Words


@dataclass(frozen=True, slots=True)
class Option:
    """One entry of a list to choose from."""

    value: str
    label: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetFilter:
    text: str = ""
    customer_id: str = ""
    type_id: str = ""
    state: str = ""
    band: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The last known value of a signal; `quality` is GOOD, STALE or BAD."""

    value: float | None
    quality: str = "GOOD"
    source_time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineCard:
    """One machine of the fleet; `state` is running, stopped, alarm or offline."""

    id: str
    name: Words
    type_name: Words
    customer_id: str
    customer: Words
    site: Words
    state: str
    last_seen: datetime | None
    health_index: float | None
    health_band: str
    alarms_active: int = 0
    diagnosis: str | None = None
    values: Mapping[str, Reading] = field(default_factory=dict)

    @property
    def short(self) -> str:
        """What tells it from its neighbours on a plan: the last part of its id."""
        return self.id.rpartition("-")[2] or self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """The machines that the filter leaves, and counts over all that the viewer may see."""

    machines: tuple[MachineCard, ...]
    total: int
    states: Mapping[str, int]
    customers: tuple[Option, ...]
    types: tuple[Option, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalInfo:
    """One signal of a machine's data model, with its limits in the signal's own unit."""

    name: str
    label: Words
    warning_low: float | None = None
    warning_high: float | None = None
    alarm_low: float | None = None
    alarm_high: float | None = None
    counter: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterOffer:
    name: str
    label: Words
    least: float | None = None
    most: float | None = None
    initial: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandOffer:
    """A command that this machine understands."""

    name: str
    label: Words
    parameters: tuple[ParameterOffer, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One machine and its twin."""

    id: str
    name: Words
    type_id: str
    type_name: Words
    serial: str
    firmware: str | None
    customer_id: str
    customer: Words
    site: Words
    state: str
    last_seen: datetime | None
    registered: datetime
    signals: tuple[SignalInfo, ...]
    values: Mapping[str, Reading] = field(default_factory=dict)
    desired: Mapping[str, Any] = field(default_factory=dict)
    reported: Mapping[str, Any] = field(default_factory=dict)
    commands: tuple[CommandOffer, ...] = ()
    recorded: bool = False  # Replays signals that were recorded on a real machine.


@dataclass(frozen=True, slots=True)
class LivePoint:
    """What one message said: signal to value."""

    time: datetime
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """What one signal takes off the health index."""

    signal: str
    penalty: float
    reason: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What the rules make of the signals; `fault` may be none or cannot_tell; `confidence` is a word, no number."""

    fault: str
    confidence: str
    reason: Words
    as_of: datetime
    others: tuple[str, ...] = ()  # Faults whose patterns fit too.
    ruled_out: tuple[tuple[str, Words], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Health index 0-100; none when the data cannot tell; `band` is good, watch, poor or cannot_tell."""

    index: float | None
    band: str
    as_of: datetime | None
    contributions: tuple[Contribution, ...] = ()
    diagnosis: Diagnosis | None = None
    trend: tuple[tuple[datetime, float], ...] = ()
    remaining_life_h: tuple[float, float, float] | None = None  # Least, likely, most.


@dataclass(frozen=True, slots=True)
class StateInterval:
    """One bar of the state timeline; `end` none means that it goes on."""

    state: str
    start: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class HistoryPoint:
    time: datetime
    mean: float
    least: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalSeries:
    """One signal over time; `width_s` 0 means raw readings, else `least` to `most` around the mean of a bucket."""

    signal: str
    width_s: int
    points: tuple[HistoryPoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandStep:
    state: str
    at: datetime
    by: Words
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    id: str
    name: str
    parameters: Mapping[str, Any]
    state: str
    created: datetime
    steps: tuple[CommandStep, ...]
    correlation_id: str
    can_cancel: bool = False
    result: Mapping[str, Any] = field(default_factory=dict)
