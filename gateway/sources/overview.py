"""The numbers of the overview, and how the numbers of each screen are computed, for one viewer."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import yaml
from anyio import to_thread

from gateway.console.views import Explanation, Figure, GoldenCheck, TrendPoint, Words
from gateway.sources.golden import golden_checks
from gateway.sources.shared import Viewing
from services.billing.contract import BillingFigures
from services.kernel.paging import LIMIT_MAX
from services.kernel.problems import Problem
from services.lifecycle.contract import Alarm, FleetFigures, ProductSummary, WorkOrder

TREND_OVER = timedelta(hours=24)
TREND_POINTS = 25
HEALTH_TARGET = 80.0
GOLDEN_KEPT_S = 60.0  # Wall seconds; the rules do not change while they run.
EXPLANATIONS = Path(__file__).parent / "explanations.yaml"
Answer = TypeVar("Answer")
Span = tuple[datetime, datetime | None]


class OverviewSources(Viewing):
    """The rest of `gateway.console.sources.Sources`."""

    async def figures(self) -> Sequence[Figure]:
        """A number that its service does not tell now is none; the others are shown."""
        fleet, products, alarms, orders, ledger, money = await asyncio.gather(
            _asked(lambda: self.lifecycle.fleet()),
            _asked(self.products),
            _asked(self._recent_alarms),
            _asked(lambda: self.lifecycle.work_orders(limit=LIMIT_MAX)),
            _asked(lambda: self.lifecycle.ledger()),
            _asked(lambda: self.billing.figures()),
        )
        rate = None if ledger is None else self.shared.note_received(ledger.received)
        figures = [
            *_machine_figures(fleet, products),
            *self._work_figures(fleet, alarms, orders.items if orders else []),
            *_money_figures(money),
            Figure(key="messages_per_second", value=rate, unit="1/s", digits=1, link="/console/events/dead-letters"),
        ]
        return [figure if figure.trend else self._noted(figure) for figure in figures]

    def _noted(self, figure: Figure) -> Figure:
        """With the past that was seen here, for figures whose services keep none."""
        value = None if figure.value is None else float(figure.value)
        points = self.shared.note((*self.viewer, figure.key), self.business_now(), value)
        if len(points) < 2:
            return figure
        return replace(figure, trend=points, trend_over=points[-1].time - points[0].time)

    async def _recent_alarms(self) -> list[Alarm]:
        """The newest ones, and all that are still active, however old."""
        newest, active = await asyncio.gather(self.lifecycle.alarms(limit=LIMIT_MAX), self.active_alarms())
        return list({each.id: each for each in (*active, *newest.items)}.values())

    def _work_figures(
        self, fleet: FleetFigures | None, alarms: list[Alarm] | None, orders: Sequence[WorkOrder]
    ) -> list[Figure]:
        repairs = [(order.completed - order.opened).total_seconds() / 3600 for order in orders if order.completed]
        ends = {order.id: order.completed or _cancelled(order) for order in orders}
        return [
            Figure(
                key="alarms_active",
                value=sum(fleet.alarms_active.values()) if fleet else None,
                trend=self._open_over_time((each.raised, each.cleared) for each in alarms or []),
                trend_over=TREND_OVER,
                link="/console/alarms",
            ),
            Figure(
                key="work_orders_open",
                value=fleet.work_orders_open if fleet else None,
                trend=self._open_over_time((each.opened, ends[each.id]) for each in orders),
                trend_over=TREND_OVER,
                link="/console/work-orders",
            ),
            Figure(
                key="repair_time",
                value=sum(repairs) / len(repairs) if repairs else None,
                unit="h",
                digits=1,
                link="/console/work-orders",
            ),
        ]

    def _open_over_time(self, spans: Iterable[Span]) -> tuple[TrendPoint, ...]:
        """How many were open at each time of the last hours of business time, from when each began and ended."""
        known = list(spans)
        now = self.business_now()
        step = TREND_OVER / (TREND_POINTS - 1)
        times = [now - step * place for place in reversed(range(TREND_POINTS))]
        return tuple(
            TrendPoint(time, float(sum(start <= time and (end is None or end > time) for start, end in known)))
            for time in times
        )

    async def explanations(self, screen: str) -> Sequence[Explanation]:
        golden = await self.shared.kept.answer(("golden",), GOLDEN_KEPT_S, lambda: to_thread.run_sync(golden_checks))
        return [
            replace(each, golden=tuple(golden.get(one.id, one) for one in each.golden))
            for each in _explanations().get(screen, ())
        ]


async def _asked(ask: Callable[[], Awaitable[Answer]]) -> Answer | None:
    try:
        return await ask()
    except (Problem, httpx2.HTTPError):
        return None


def _cancelled(order: WorkOrder) -> datetime | None:
    return next((step.at for step in order.history if step.state == "CANCELLED"), None)


def _machine_figures(fleet: FleetFigures | None, products: list[ProductSummary] | None) -> list[Figure]:
    indexes = [each.health.index for each in products or [] if each.health.index is not None]
    health = sum(indexes) / len(indexes) if indexes else None
    return [
        Figure(
            key="machines_online",
            value=fleet.online if fleet else None,
            out_of=fleet.products if fleet else None,
            link="/console/fleet",
        ),
        Figure(
            key="fleet_health",
            value=health,
            digits=1,
            out_of=100.0,
            target=HEALTH_TARGET,
            target_met=None if health is None else health >= HEALTH_TARGET,
            link="/console/fleet",
        ),
    ]


def _money_figures(money: BillingFigures | None) -> list[Figure]:
    return [
        Figure(
            key="run_hours",
            value=money.run_seconds_billed / 3600 if money else None,
            unit="h",
            digits=1,
            link="/console/invoices",
        ),
        Figure(
            key="service_income",
            value=Decimal(money.income_minor) / 100 if money else None,
            unit=money.currency if money else "",
            digits=2,
            link="/console/invoices",
        ),
    ]


@cache
def _explanations() -> dict[str, tuple[Explanation, ...]]:
    """Per screen, as `explanations.yaml` has them: an entry names the screens that it belongs to."""
    entries: list[dict[str, Any]] = yaml.load(EXPLANATIONS.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    found: dict[str, tuple[Explanation, ...]] = {}
    for entry in entries:
        made = Explanation(
            title=Words(**entry["title"]),
            text=Words(**entry["text"]),
            rule=entry["rule"],
            source=entry["source"],
            golden=tuple(GoldenCheck(id=each) for each in entry.get("golden", ())),
        )
        for screen in entry["screens"]:
            found[screen] = (*found.get(screen, ()), made)
    return found
