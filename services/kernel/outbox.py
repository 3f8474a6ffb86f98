"""Outbox: the log of what a service committed. The broker is the fast path and may forget; this table does not."""

import json
from collections.abc import Callable
from datetime import timedelta
from threading import Lock
from typing import Any

from fastapi import APIRouter, Query
from pydantic import BaseModel
from sqlalchemy import delete, func, select

from services.kernel.bus import Bus
from services.kernel.clock import monotonic_s
from services.kernel.database import Database
from services.kernel.events import EVENT_TOPICS, Event, topic_of_type
from services.kernel.identity import Principal, Role, requires
from services.kernel.problems import Problem
from services.kernel.unit import UnitOfWork

HEAD_INTERVAL_S = 1.0  # The retained head is refreshed at most this often.
EVENTS_MAX = 1_000


def head_topic(service: str) -> str:
    """Where a service keeps its newest position retained."""
    return f"{EVENT_TOPICS}/{service}/head"


class OutboxPublisher:
    """Publishes committed events from the process that committed them, and the newest position as a retained head.

    A publish that fails is not repeated here: consumers see the gap or the head and pull.
    """

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database, self._bus = database, bus
        self._lock = Lock()
        self._head_published_s = 0.0
        self.published = self.failed = 0
        database.on_commit.append(self.publish)
        bus.on_connect(self.publish_head)

    def publish(self, events: list[Event]) -> None:
        """Send events of one commit, in order."""
        with self._lock:
            for made in events:
                try:
                    self._bus.publish(topic_of_type(made.type), made.to_bytes(), qos=1)
                    self.published += 1
                except Exception:
                    self.failed += 1
            due = monotonic_s() - self._head_published_s > HEAD_INTERVAL_S
        if due:
            self.publish_head()

    def publish_head(self) -> None:
        """Keep the newest position retained, so that a consumer learns of a loss without waiting for an event."""
        self._head_published_s = monotonic_s()
        position = self._database.read(head_position)
        try:
            self._bus.publish(
                head_topic(self._database.service), json.dumps({"position": position}).encode(), qos=1, retain=True
            )
        except Exception:
            self.failed += 1

    def statistics(self) -> dict[str, Any]:
        """Counters since the start of this process."""
        return {"published": self.published, "failed": self.failed}


def head_position(unit: UnitOfWork) -> int:
    """The newest position in the log; 0 when nothing happened yet."""
    return int(unit.session.execute(select(unit.tables.outbox_head.c.position)).scalar_one())


def read_events(
    unit: UnitOfWork,
    *,
    after: int,
    limit: int,
    type_prefix: str = "",
    correlation_id: str = "",
    subject: str = "",
    newest_first: bool = False,
) -> list[Event]:
    """Events with a position above `after` (or below it, newest first), as far as the principal may see them.

    Raises Problem `events-expired` (410) when the log no longer reaches back to `after`.
    """
    outbox = unit.tables.outbox
    if not newest_first:
        oldest = unit.session.execute(select(func.min(outbox.c.position))).scalar()
        if oldest is not None and after + 1 < oldest:
            raise Problem(
                "events-expired",
                410,
                f"{oldest} 之前的事件已过保留期，请重新同步",
                f"events before {oldest} are no longer kept: synchronise again",
            )
    query = select(outbox.c.body).limit(limit)
    if newest_first:
        query = query.order_by(outbox.c.position.desc())
        if after:
            query = query.where(outbox.c.position < after)
    else:
        query = query.order_by(outbox.c.position).where(outbox.c.position > after)
    if type_prefix:
        query = query.where(outbox.c.type.startswith(type_prefix, autoescape=True))
    if correlation_id:
        query = query.where(outbox.c.correlation_id == correlation_id)
    if subject:
        query = query.where(outbox.c.subject == subject)
    principal = unit.principal
    visible = None if principal is None else principal.visible_organisations(unit.service)
    if visible is not None:
        query = query.where(outbox.c.organisation_id.in_(sorted(visible)))
    return [Event.from_bytes(row.body) for row in unit.session.execute(query)]


def forget_old_events(unit: UnitOfWork, days: int) -> int:
    """Drop events recorded more than `days` wall days ago; returns how many."""
    outbox = unit.tables.outbox
    limit = unit.clock.wall_now() - timedelta(days=days)
    return int(unit.session.execute(delete(outbox).where(outbox.c.recorded < limit)).rowcount)  # type: ignore[attr-defined]


class EventPage(BaseModel):
    """A slice of a service's log; `head` is its newest position."""

    items: list[Event]
    head: int


def events_router(database: Database) -> APIRouter:
    """GET /events: the log, for consumers that missed something and for people who want to see."""
    router = APIRouter(tags=["events"])

    @router.get("/events", summary="事件日志 · The log of events")
    def list_events(
        after: int = Query(0, ge=0, le=2**62, description="Position after which to read (before it, newest first)"),
        limit: int = Query(100, ge=1, le=EVENTS_MAX),
        type: str = Query("", max_length=160, description="Start of the CloudEvents type"),
        correlation_id: str = Query("", max_length=64),
        subject: str = Query("", max_length=160),
        newest_first: bool = False,
        principal: Principal = requires(*Role),
    ) -> EventPage:
        def page(unit: UnitOfWork) -> EventPage:
            items = read_events(
                unit,
                after=after,
                limit=limit,
                type_prefix=type,
                correlation_id=correlation_id,
                subject=subject,
                newest_first=newest_first,
            )
            return EventPage(items=items, head=head_position(unit))

        return database.read(page, principal=principal)

    return router


PullEvents = Callable[[int, int], EventPage]  # (after, limit) -> page
