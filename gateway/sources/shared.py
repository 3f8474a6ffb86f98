"""What all sources of one viewer stand on, and what the viewers of one gateway share."""

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import anyio.to_thread

from gateway import store
from gateway.access import Access
from gateway.clock_keeper import ClockKeeper
from gateway.console.naming import halves
from gateway.console.views import TimeRange, TrendPoint, Words
from gateway.hub import EventHub
from gateway.service.sign_in import SignedIn
from gateway.simulator_door import SimulatorDoor
from gateway.sources.kept import Kept
from gateway.upstream import Services
from services.billing.client import BillingClient
from services.kernel.clock import monotonic_s
from services.kernel.paging import LIMIT_MAX, Page
from services.kernel.problems import Problem, unavailable
from services.kernel.unit import UnitOfWork
from services.lifecycle.client import LifecycleClient
from services.lifecycle.contract import Alarm, ProductSummary, ProductType

Row = TypeVar("Row")
ROWS_MAX = 4 * LIMIT_MAX  # Of a list that has to be there as a whole.
NAMES_KEPT_S = 30.0
LISTS_KEPT_S = 1.0  # Wall seconds: one page asks for the fleet several times. An event ends it before.
NOTED_EVERY = timedelta(minutes=10)  # Business time between two points of a noted figure.
NOTED_POINTS = 145
NOTED_SERIES_MAX = 1_000  # Figures times viewers; beyond, the oldest go.
RATE_INTERVAL_S = 1.0


@dataclass(kw_only=True)
class Shared:
    """One for the gateway: its parts, and what does not depend on who looks."""

    keeper: ClockKeeper
    simulator: SimulatorDoor
    services: Services
    access: Access
    hub: EventHub
    kept: Kept = field(default_factory=Kept)
    noted: dict[tuple[Hashable, ...], deque[TrendPoint]] = field(default_factory=dict)
    types: dict[str, ProductType] = field(default_factory=dict)  # A type never changes.
    received: tuple[float, int] | None = None  # When, and how many messages the platform had received.
    messages_per_s: float | None = None

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Call a function that waits for the database or the broker."""
        await anyio.to_thread.run_sync(partial(function, *arguments))

    def note_received(self, count: int) -> float | None:
        """Messages a second since the last note; none before the second one."""
        now_s = monotonic_s()
        if self.received is None or count < self.received[1]:
            self.received = (now_s, count)
            return None
        since_s, before = self.received
        if now_s - since_s >= RATE_INTERVAL_S:
            self.messages_per_s = (count - before) / (now_s - since_s)
            self.received = (now_s, count)
        return self.messages_per_s

    def note(self, key: tuple[Hashable, ...], time: datetime, value: float | None) -> tuple[TrendPoint, ...]:
        """What was seen of a figure whose past no service keeps, oldest first, with this value as the newest point."""
        points = self.noted.setdefault(key, deque(maxlen=NOTED_POINTS))
        while len(self.noted) > NOTED_SERIES_MAX:
            del self.noted[next(iter(self.noted))]
        if value is not None:
            if len(points) > 1 and time - points[-2].time < NOTED_EVERY:
                points.pop()
            points.append(TrendPoint(time, value))
        return tuple(points)


class Viewing:
    """Base of all sources: one viewer's clients, made when they are first needed."""

    def __init__(self, shared: Shared, token: str, who: SignedIn) -> None:
        self.shared, self.token, self.who = shared, token, who

    @property
    def viewer(self) -> tuple[str, str]:
        """Whose eyes these are: what one viewer is told is not kept for another."""
        return self.who.principal.organisation_id, self.who.principal.subject

    @property
    def lifecycle(self) -> LifecycleClient:
        """The lifecycle service as the viewer; raises Problem `unreachable` where there is none."""
        return LifecycleClient(self._http("lifecycle"))

    @property
    def billing(self) -> BillingClient:
        """The billing service as the viewer; raises Problem `unreachable` where there is none."""
        return BillingClient(self._http("billing"))

    def _http(self, name: str) -> Any:
        try:
            return self.shared.services.client(name, self.token)
        except KeyError:
            raise unavailable("该服务未启用。", "This service is not in use.", "unreachable") from None

    def business_now(self) -> datetime:
        """Business time as the gateway keeps it."""
        return self.shared.keeper.state().business_now

    def span(self, when: TimeRange) -> tuple[datetime, datetime]:
        """Start and end of a range in business time."""
        end = when.end or self.business_now()
        if when.last is not None:
            return end - when.last, end
        return when.start or end, end

    async def name_of(self, organisation_id: str) -> Words:
        """An organisation in both languages; its id where nobody knows it."""
        names = await self.shared.kept.answer(("names",), NAMES_KEPT_S, lambda: self.shared.access.read(_names))
        return names.get(organisation_id, Words(organisation_id, organisation_id))

    async def person_of(self) -> Callable[[str], Words]:
        """What names whoever acted: people of this platform by their name, others as they call themselves."""
        people = await self.shared.kept.answer(("people",), NAMES_KEPT_S, lambda: self.shared.access.read(_people))

        def person(subject: str) -> Words:
            return halves(people.get(subject, subject.removeprefix("user:")))

        return person

    async def type_of(self, type_id: str) -> ProductType:
        """A product type with its data model."""
        if type_id not in self.shared.types:
            self.shared.types[type_id] = await self.lifecycle.product_type(type_id)
        return self.shared.types[type_id]

    async def products(self) -> list[ProductSummary]:
        """All products that the viewer may see."""
        return await self.shared.kept.answer(
            ("products", *self.viewer), LISTS_KEPT_S, lambda: all_of(self.lifecycle.products)
        )

    async def active_alarms(self) -> list[Alarm]:
        """All alarms of these that are raised or acknowledged."""
        return await self.shared.kept.answer(
            ("alarms", *self.viewer), LISTS_KEPT_S, lambda: all_of(self.lifecycle.alarms, active=True)
        )

    async def machine_names(self) -> dict[str, tuple[Words, str]]:
        """Name and customer of each visible product; nothing while nobody can tell."""
        try:
            products = await self.products()
        except Problem:
            return {}
        return {each.product.id: (words_of(each.product), each.product.organisation_id) for each in products}


async def all_of(page: Callable[..., Awaitable[Page[Row]]], **query: Any) -> list[Row]:
    """Rows of a paged list, page after page, up to `ROWS_MAX`."""
    return [row async for row in _rows(page, query)]


async def _rows(page: Callable[..., Awaitable[Page[Row]]], query: dict[str, Any]) -> AsyncIterator[Row]:
    cursor: str | None = None
    for _ in range(ROWS_MAX // LIMIT_MAX):
        found = await page(limit=LIMIT_MAX, cursor=cursor, **query)
        for row in found.items:
            yield row
        cursor = found.next_cursor
        if cursor is None:
            return


def words_of(product: Any) -> Words:
    """A product's name, else its id."""
    return Words(product.name_zh or product.id, product.name_en or product.name_zh or product.id)


def _people(unit: UnitOfWork) -> dict[str, str]:
    return {f"user:{row.name}": row.display_name for row in store.users(unit.session, "", ROWS_MAX)}


def _names(unit: UnitOfWork) -> dict[str, Words]:
    rows = store.organisations(unit.session, None)
    return {row.id: Words(row.name_zh, row.name_en) for row in rows}
