"""What every page has: the clock in the header and the fold-out that says how its numbers are computed."""

from collections.abc import Awaitable
from typing import Any

from gateway.console.page import ConsolePage
from gateway.console.panels import Fragment
from gateway.console.views import BusinessClock

EVERY_LOOK = frozenset({"every-look"})


async def clock_of(page: ConsolePage) -> BusinessClock:
    return await page.sources.clock()


CLOCK = Fragment(name="clock", template="fragments/clock.html", load=clock_of, topics=EVERY_LOOK)


def explained(screen: str) -> Fragment:
    """The fold-out of a screen; it does not change while the page is open."""

    def load(page: ConsolePage) -> Awaitable[Any]:
        return page.sources.explanations(screen)

    return Fragment(name="explained", template="fragments/explained.html", load=load)
