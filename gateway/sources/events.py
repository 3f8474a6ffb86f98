"""What happened in every service, for one viewer."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

import httpx2
import structlog
from pydantic import ValidationError

from gateway.console.views import DeadLetter, EventDetail, EventFilter, EventLine, MessageLedger, Page, Update, Words
from gateway.contract import SERVICE
from gateway.sources.event_texts import text_of
from gateway.sources.shared import Viewing
from services.kernel.clock import monotonic_s
from services.kernel.events import Event
from services.kernel.outbox import EventPage, head_position, read_events
from services.kernel.problems import Problem, not_found
from services.kernel.unit import UnitOfWork

PAGE_LINES = 50
STORY_LINES_MAX = 500
DEAD_LETTERS_SHOWN = 100
BRIEF_LINES = 12
METERED = "som.v1.lifecycle.usage"
# What a brief look asks each log for: starts of types. Of meter readings, dozens an hour, the newest is enough.
BRIEF = {
    "lifecycle": (
        *(f"som.v1.lifecycle.{noun}" for noun in ("alarm", "diagnosis", "ticket", "work-order", "command", "product")),
        METERED,
    ),
    "billing": ("som.v1.billing.invoice", "som.v1.billing.contract"),
}
CLAUSES_EVERY_S = 10.0  # Wall seconds: what services do may show a clause, but counting them takes a while.
TOPICS = {  # The noun of an event's type: what of an open page may have changed.
    "alarm": "alarm",
    "ticket": "work_order",
    "work-order": "work_order",
    "command": "command",
    "invoice": "invoice",
    "usage": "invoice",
    "product": "machine",
    "diagnosis": "machine",
    "scenario": "scenario",
    "business-time": "scenario",
}

log = structlog.get_logger(__name__)


class EventSources(Viewing):
    """See `gateway.console.sources.EventSource`. An event's id is `{service}-{position}`, its place in a log."""

    async def events(self, which: EventFilter) -> Page[EventLine]:
        if which.brief:
            return await self._brief()
        names = [SERVICE, *self.shared.services.names]
        wanted = [name for name in names if which.service in ("", name)]
        limit = STORY_LINES_MAX if which.correlation_id else PAGE_LINES
        before = _positions(which.after)
        if which.after:
            wanted = [name for name in wanted if name in before]
        pages = await asyncio.gather(*(self._newest(name, which, before.get(name, 0), limit) for name in wanted))
        found = [(name, event) for name, page in zip(wanted, pages, strict=True) for event in page]
        line = await self._liner()
        if which.correlation_id:
            found.sort(key=lambda each: (each[1].walltime, each[1].position or 0))
            return Page(rows=tuple(line(name, event) for name, event in found[:limit]))
        found.sort(key=lambda each: (each[1].walltime, each[1].position or 0), reverse=True)
        shown = found[:limit]
        rest = {name: before.get(name, 0) for name, page in zip(wanted, pages, strict=True) if page}
        rest |= {name: event.position or 0 for name, event in shown}  # The last one shown of each is its oldest.
        more = len(found) > limit or any(len(page) == limit for page in pages)
        after = ".".join(f"{name}:{position}" for name, position in sorted(rest.items()))
        return Page(rows=tuple(line(name, event) for name, event in shown), after=after if more else None)

    async def _brief(self) -> Page[EventLine]:
        """The newest of what a person would tell."""
        names = [SERVICE, *self.shared.services.names]
        asked = [(name, start) for name in names for start in BRIEF.get(name, ("",))]
        pages = await asyncio.gather(
            *(
                self._newest(name, EventFilter(type=start), 0, 1 if start == METERED else BRIEF_LINES)
                for name, start in asked
            )
        )
        found = [(name, event) for (name, _), page in zip(asked, pages, strict=True) for event in page]
        found.sort(key=lambda each: (each[1].walltime, each[1].position or 0), reverse=True)
        line = await self._liner()
        return Page(rows=tuple(line(name, event) for name, event in found[:BRIEF_LINES]))

    async def _liner(self) -> Callable[[str, Event], EventLine]:
        """What makes lines of events: it knows the names of people and machines."""
        person, machines = await asyncio.gather(self.person_of(), self.machine_names())

        def line(name: str, event: Event) -> EventLine:
            about = machines.get(event.subject or "")
            return _line(name, event, text_of(event, person), about[0] if about else None)

        return line

    async def event(self, event_id: str) -> EventDetail:
        name, _, position = event_id.rpartition("-")
        if name not in (SERVICE, *self.shared.services.names) or not position.isdigit() or len(position) > 18:
            raise not_found("event", event_id[:100], "事件")
        page = await self._page(name, {"after": int(position) - 1, "limit": 1})
        line = await self._liner()
        for event in page.items:
            if event.position == int(position):
                return EventDetail(line=line(name, event), envelope=event.model_dump(mode="json", exclude_none=True))
        raise not_found("event", event_id[:100], "事件")

    async def dead_letters(self) -> Sequence[DeadLetter]:
        found = await self.lifecycle.dead_letters(limit=DEAD_LETTERS_SHOWN)
        return [
            DeadLetter(
                id=str(each.id),
                service="lifecycle",
                topic=each.topic,
                reason=each.reason,
                detail=each.detail,
                payload=each.payload,
                received=each.received,
            )
            for each in found.items
        ]

    async def message_ledger(self) -> MessageLedger:
        found = await self.lifecycle.ledger()
        return MessageLedger(
            received=found.received,
            stored=found.stored,
            duplicate=found.duplicate,
            dead_lettered=found.dead_lettered,
            in_flight=found.in_flight,
        )

    async def updates(self) -> AsyncIterator[Update]:
        clauses_s = monotonic_s()
        async for event in self.shared.hub.stream(self.who.principal):
            if event is None:
                continue
            for lists in ("products", "alarms", "machine"):
                self.shared.kept.forget(lists)
            if monotonic_s() > clauses_s:
                clauses_s = monotonic_s() + CLAUSES_EVERY_S
                yield Update(topic="clause")
            noun = event.type.split(".")[3] if event.type.count(".") >= 4 else ""
            if noun in TOPICS:
                yield Update(topic=TOPICS[noun], subject=event.subject or "")
            yield Update(topic="event", subject=event.subject or "")

    async def _newest(self, name: str, which: EventFilter, before: int, limit: int) -> list[Event]:
        """Newest first; nothing from a service that does not answer, so that the others are still shown."""
        query: dict[str, str | int | bool] = {
            "after": before,
            "limit": limit,
            "type": which.type,
            "subject": which.subject,
            "correlation_id": which.correlation_id,
            "newest_first": True,
        }
        try:
            return (await self._page(name, query)).items
        except (Problem, httpx2.HTTPError, ValidationError) as error:
            log.info("events unreachable", name=name, error=repr(error))
            return []

    async def _page(self, name: str, query: Mapping[str, str | int | bool]) -> EventPage:
        if name == SERVICE:
            return await self.shared.access.read(_own_page, dict(query), principal=self.who.principal)
        answer = await self._http(name).get("/events", params=dict(query))
        if answer.is_error:
            raise not_found("event", query.get("after", ""), "事件")
        return EventPage.model_validate_json(answer.content)


def _own_page(unit: UnitOfWork, query: dict[str, str | int | bool]) -> EventPage:
    items = read_events(
        unit,
        after=int(query["after"]),
        limit=int(query["limit"]),
        type_prefix=str(query.get("type", "")),
        subject=str(query.get("subject", "")),
        correlation_id=str(query.get("correlation_id", "")),
        newest_first=bool(query.get("newest_first", False)),
    )
    return EventPage(items=items, head=head_position(unit))


def _line(name: str, event: Event, text: Words, about: Words | None) -> EventLine:
    return EventLine(
        id=f"{name}-{event.position}",
        service=name,
        type=event.type,
        subject=event.subject or "",
        text=text,
        about=about,
        time=event.time,
        wall_time=event.walltime,
        correlation_id=event.correlationid,
        position=event.position or 0,
    )


def _positions(cursor: str) -> dict[str, int]:
    """Where the last page ended in each log; a cursor that is none of ours begins anew."""
    pairs = [part.partition(":") for part in cursor.split(".") if part]
    return {name: int(position) for name, _, position in pairs if position.isdigit() and len(position) <= 18}
