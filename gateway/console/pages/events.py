"""事件: what happened in every service, one correlation id through all of them, and what could not be taken."""

from collections.abc import Awaitable, Sequence
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from gateway.console.page import ConsolePage, ConsoleRoute, Opened
from gateway.console.pages.frame import CLOCK, explained
from gateway.console.panels import Fragment
from gateway.console.views import EventFilter, EventLine, Page

router = APIRouter(prefix="/console/events", route_class=ConsoleRoute)


def event_filter(page: ConsolePage) -> EventFilter:
    query = page.query
    return EventFilter(
        service=query.get("service", "")[:40],
        type=query.get("type", "")[:100].strip(),
        subject=query.get("about", "")[:100].strip(),
        correlation_id=query.get("correlation", "")[:64].strip(),
        after=query.get("after", "")[:200],
    )


def load_events(page: ConsolePage) -> Awaitable[Page[EventLine]]:
    return page.sources.events(event_filter(page))


async def load_story(page: ConsolePage) -> Sequence[EventLine]:
    event = await page.sources.event(page.subject)
    return (await page.sources.events(EventFilter(correlation_id=event.line.correlation_id))).rows


async def load_dead_letters(page: ConsolePage) -> dict[str, Any]:
    return {"letters": await page.sources.dead_letters(), "ledger": await page.sources.message_ledger()}


FRAGMENTS = (
    CLOCK,
    Fragment(name="event-list", template="fragments/event_list.html", load=load_events, topics=frozenset({"event"})),
    explained("events"),
)
QUIET = (CLOCK,)
ONE = (
    CLOCK,
    Fragment(
        name="event",
        template="fragments/event.html",
        load=lambda page: page.sources.event(page.subject),
        required=True,
    ),
    Fragment(name="story", template="fragments/story.html", load=load_story),
)
DEAD_LETTERS = (
    CLOCK,
    Fragment(
        name="dead-letters",
        template="fragments/dead_letters.html",
        load=load_dead_letters,
        topics=frozenset({"dead_letter"}),
    ),
    explained("dead_letters"),
)


@router.get("")
async def events(page: Opened) -> HTMLResponse:
    return await page.show("events.html", "events", FRAGMENTS, which=event_filter(page))


@router.get("/dead-letters")
async def dead_letters(page: Opened) -> HTMLResponse:
    return await page.show("dead_letters.html", "dead_letters", DEAD_LETTERS)


@router.get("/{subject}")
async def event(page: Opened, subject: str) -> HTMLResponse:
    return await page.show("event.html", "event", ONE)
