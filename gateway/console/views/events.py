"""What happened, in every service."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gateway.console.views.viewer import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    service: str = ""
    type: str = ""
    subject: str = ""
    correlation_id: str = ""
    after: str = ""
    brief: bool = False  # Only what a person would tell: of the many meter readings the last one.


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLine:
    """One event; `time` is business time, `wall_time` when it was recorded."""

    id: str
    service: str
    type: str
    subject: str
    text: Words
    time: datetime
    wall_time: datetime
    correlation_id: str
    position: int
    about: Words | None = None  # Name of the machine that it is about.


@dataclass(frozen=True, slots=True, kw_only=True)
class EventDetail:
    line: EventLine
    envelope: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that could not be taken: why, and what to do about it."""

    id: str
    service: str
    topic: str
    reason: str
    detail: str
    payload: str
    received: datetime
    advice: Words | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageLedger:
    """received = stored + duplicate + dead_lettered + in_flight."""

    received: int
    stored: int
    duplicate: int
    dead_lettered: int
    in_flight: int

    @property
    def balanced(self) -> bool:
        return self.received == self.stored + self.duplicate + self.dead_lettered + self.in_flight


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """Something changed that an open page may show.

    `topic` is machine, alarm, work_order, command, invoice, clause, scenario or event; `subject` the id it is about.
    """

    topic: str
    subject: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
