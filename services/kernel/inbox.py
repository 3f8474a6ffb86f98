"""Inbox: a consumer's cursor in a producer's log. Lower is a duplicate, next is handled, higher means pull."""

from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy import insert, select, update

from services.kernel.bus import Bus, Message, Unavailable
from services.kernel.clock import monotonic_s
from services.kernel.database import Database, is_unavailable
from services.kernel.events import EVENT_TOPICS, Event
from services.kernel.outbox import PullEvents
from services.kernel.problems import Problem
from services.kernel.unit import UnitOfWork

Handler = Callable[[UnitOfWork, Event], None]
PULL_INTERVAL_S = 60.0
PULL_SIZE = 500
GAP_PATIENCE_S = 0.2  # Two commits may be published a moment apart in the wrong order; then no pull is needed.

log = structlog.get_logger(__name__)


class Inbox:
    """Consumes all events of one producer exactly once in effect, in order of position.

    The cursor moves in the transaction that handles the event. An event whose handler raises is dead-lettered and
    the cursor moves on: one bad event must not stop the rest.
    """

    def __init__(
        self, database: Database, bus: Bus, producer: str, pull: PullEvents, handlers: Mapping[str, Handler]
    ) -> None:
        self._database, self._producer, self._pull = database, producer, pull
        self._handlers = dict(handlers)
        self._lock = Lock()
        self._behind_since_s: float | None = None
        self._pulled_s: float | None = None
        self.handled = self.duplicates = self.dead_lettered = self.pulls = self.pull_failures = 0
        bus.subscribe_batches(f"{EVENT_TOPICS}/{producer}/#", self.receive)

    @property
    def cursor(self) -> int:
        """Position of the last event that was dealt with."""
        return self._database.read(_cursor, self._producer)

    def receive(self, messages: list[Message]) -> None:
        """Take what the bus brought; anything that cannot be read here will be pulled from the log."""
        events: list[Event] = []
        for message in messages:
            if message.topic.endswith("/head"):
                self._notice_head(message.payload)
                continue
            try:
                events.append(Event.from_bytes(message.payload))
            except ValidationError as error:
                log.warning("event_unreadable", topic=message.topic, reason=str(error)[:200])
                self._behind_since_s = self._behind_since_s or monotonic_s()
        if events and not self._take(events):
            self._behind_since_s = self._behind_since_s or monotonic_s()

    def tick(self) -> None:
        """Called a few times a second: pull at the start, on a gap that stays, and every minute."""
        now = monotonic_s()
        gap = self._behind_since_s is not None and now - self._behind_since_s > GAP_PATIENCE_S
        if self._pulled_s is None or gap or now - self._pulled_s > PULL_INTERVAL_S:
            self._pulled_s = now
            self.catch_up()

    def catch_up(self) -> None:
        """Pull from the producer's log until its head is reached; a producer that is down is tried again later."""
        try:
            while True:
                self.pulls += 1
                before = self.cursor
                page = self._pull(before, PULL_SIZE)
                self._take(page.items)
                if self.cursor >= page.head or not page.items:
                    self._behind_since_s = None
                    return
                if self.cursor == before:  # Events are withheld from us; asking at once again would never end.
                    raise LookupError(f"the log does not go on after position {before}")
        except Problem as problem:
            self.pull_failures += 1
            if problem.code == "events-expired":
                self._resynchronise()
            log.warning("pull_failed", producer=self._producer, reason=problem.code)
        except Exception as error:
            self.pull_failures += 1
            self._pulled_s = monotonic_s() - PULL_INTERVAL_S + 2.0  # Try again in about two seconds.
            log.warning("pull_failed", producer=self._producer, reason=repr(error)[:200])

    def statistics(self) -> dict[str, Any]:
        """Counters since the start of this process."""
        names = ("handled", "duplicates", "dead_lettered", "pulls", "pull_failures")
        return {name: getattr(self, name) for name in names}

    def _notice_head(self, payload: bytes) -> None:
        try:
            position = int(payload.split(b":")[1].strip(b" }"))
        except (IndexError, ValueError):
            return
        if position > self.cursor:
            self._behind_since_s = self._behind_since_s or monotonic_s()

    def _take(self, events: list[Event]) -> bool:
        """Handle the run of events that follows the cursor; returns whether nothing is missing."""
        with self._lock:
            try:
                return self._database.run(self._handle_run, events)
            except Exception as error:
                _raise_unavailable(error)
                # Somewhere in the run is a poison event: one at a time finds it without losing the others.
                complete = True
                for event in sorted(events, key=lambda each: each.position or 0):
                    complete = self._take_one(event) and complete
                return complete

    def _take_one(self, event: Event) -> bool:
        try:
            return self._database.run(self._handle_run, [event])
        except Exception as error:
            _raise_unavailable(error)
            log.exception("event_dead_lettered", type=event.type, event_id=event.id)
            self.dead_lettered += 1
            self._database.run(_bury, self._producer, event.position or 0, event.type, event.to_bytes(), repr(error))
            return True

    def _handle_run(self, unit: UnitOfWork, events: list[Event]) -> bool:
        cursor = start = _cursor(unit, self._producer)
        duplicates = handled = 0
        complete = True
        for event in sorted(events, key=lambda each: each.position or 0):
            position = event.position or 0
            if position <= cursor:
                duplicates += 1
            elif position == cursor + 1:
                handler = self._handlers.get(event.type)
                if handler is not None:
                    unit.correlation_id = event.correlationid or unit.correlation_id
                    handler(unit, event)
                cursor, handled = position, handled + 1
            else:
                complete = False
                break
        if cursor != start:
            _move(unit, self._producer, cursor, fresh=start == 0)
        self.duplicates += duplicates
        self.handled += handled
        return complete

    def _resynchronise(self) -> None:
        """Jump to the oldest event that is still kept, and leave a dead letter that says what was skipped."""
        head = self._pull(2**62, 1).head
        reason = f"events up to {head} were skipped: the log of {self._producer} no longer reaches back far enough"
        self._database.run(_bury, self._producer, head, "resynchronised", b"{}", reason)


def _raise_unavailable(error: Exception) -> None:
    """A database that does not answer says nothing against the event: it comes again."""
    if is_unavailable(error):
        raise Unavailable(str(error)[:200]) from error


def _cursor(unit: UnitOfWork, producer: str) -> int:
    table = unit.tables.inbox_cursor
    found = unit.session.execute(select(table.c.position).where(table.c.producer == producer)).scalar()
    return int(found or 0)


def _move(unit: UnitOfWork, producer: str, position: int, *, fresh: bool) -> None:
    table = unit.tables.inbox_cursor
    if fresh and unit.session.execute(select(table.c.producer).where(table.c.producer == producer)).first() is None:
        unit.session.execute(insert(table).values(producer=producer, position=position))
    else:
        unit.session.execute(update(table).where(table.c.producer == producer).values(position=position))


def _bury(unit: UnitOfWork, producer: str, position: int, event_type: str, payload: bytes, reason: str) -> None:
    if position <= _cursor(unit, producer):
        return
    unit.session.execute(
        insert(unit.tables.dead_letter).values(
            topic=event_type,
            reason="event-handler-failed",
            detail=reason[:2000],
            payload=payload,
            received=unit.clock.wall_now(),
        )
    )
    _move(unit, producer, position, fresh=True)
