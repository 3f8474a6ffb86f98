"""总览: what matters now, what needs attention, what happens, and the world's controls."""

from collections.abc import Awaitable
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse

from gateway.console.page import HOME, ConsolePage, ConsoleRoute, Opened
from gateway.console.pages.frame import CLOCK, EVERY_LOOK, explained
from gateway.console.panels import Fragment
from gateway.console.views import EventFilter, EventLine, Page

TICKER_LINES = 12

router = APIRouter(route_class=ConsoleRoute)


def load_ticker(page: ConsolePage) -> Awaitable[Page[EventLine]]:
    return page.sources.events(EventFilter(brief=True))


def load_figures(page: ConsolePage) -> Awaitable[Any]:
    return page.sources.figures()


FRAGMENTS = (
    CLOCK,
    Fragment(
        name="figures",
        template="fragments/figures.html",
        load=load_figures,
        topics=frozenset({"machine", "alarm", "work_order", "invoice"}),
    ),
    Fragment(
        name="attention",
        template="fragments/attention.html",
        load=lambda page: page.sources.attention(),
        topics=frozenset({"alarm", "work_order", "command", "machine", "dead_letter"}),
    ),
    Fragment(name="ticker", template="fragments/ticker.html", load=load_ticker, topics=frozenset({"event"})),
    Fragment(
        name="clock-control",
        template="fragments/clock_control.html",
        load=lambda page: page.sources.clock(),
        topics=EVERY_LOOK,
    ),
    Fragment(
        name="scenario",
        template="fragments/scenario.html",
        load=lambda page: page.sources.scenario(),
        topics=frozenset({"scenario"}),
    ),
    Fragment(
        name="clause-count",
        template="fragments/clause_count.html",
        load=lambda page: page.sources.clause_count(),
        topics=frozenset({"clause"}),
    ),
    explained("overview"),
)


@router.get("/")
async def root() -> RedirectResponse:
    """The address that people type."""
    return RedirectResponse(HOME, 307)


@router.get("/console")
async def overview(page: Opened) -> HTMLResponse:
    return await page.show("overview.html", "overview", FRAGMENTS)
