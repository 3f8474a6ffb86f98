"""产品与站点: every machine, by customer on a schematic plan and as a list."""

from collections.abc import Awaitable

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from gateway.console.page import ConsolePage, ConsoleRoute, Opened
from gateway.console.pages.frame import CLOCK, explained
from gateway.console.panels import Fragment
from gateway.console.views import Fleet, FleetFilter, MachineCard

router = APIRouter(route_class=ConsoleRoute)


def fleet_filter(page: ConsolePage) -> FleetFilter:
    query = page.query
    return FleetFilter(
        text=query.get("text", "")[:100].strip(),
        customer_id=query.get("customer", "")[:64],
        type_id=query.get("type", "")[:64],
        state=query.get("state", "")[:20],
        band=query.get("band", "")[:20],
    )


def load_fleet(page: ConsolePage) -> Awaitable[Fleet]:
    return page.sources.fleet(fleet_filter(page))


def rows(fleet: Fleet) -> list[tuple[str, MachineCard]]:
    return [(f"machine-{card.id}", card) for card in fleet.machines]


MACHINE = frozenset({"machine", "alarm"})

FRAGMENTS = (
    CLOCK,
    Fragment(name="fleet-states", template="fragments/fleet_states.html", load=load_fleet, topics=MACHINE),
    Fragment(name="fleet-plan", template="fragments/fleet_plan.html", load=load_fleet, topics=MACHINE),
    Fragment(
        name="fleet-list",
        template="fragments/fleet_list.html",
        load=load_fleet,
        topics=MACHINE,
        rows=rows,
        row_template="fragments/fleet_row.html",
    ),
    explained("fleet"),
)


@router.get("/console/fleet")
async def fleet(page: Opened) -> HTMLResponse:
    return await page.show("fleet.html", "fleet", FRAGMENTS, which=fleet_filter(page))
