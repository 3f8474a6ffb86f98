"""The pages, and which live fragments each screen's stream keeps up to date."""

from collections.abc import Sequence

from fastapi import APIRouter

from gateway.console.pages import (
    alarms,
    clauses,
    events,
    fleet,
    invoices,
    lost,
    machine,
    overview,
    sign_in,
    work_orders,
    world,
)
from gateway.console.panels import Fragment

SCREENS: dict[str, Sequence[Fragment]] = {
    "overview": overview.FRAGMENTS,
    "fleet": fleet.FRAGMENTS,
    "machine": machine.LIVE,
    "alarms": alarms.FRAGMENTS,
    "alarm": alarms.DETAIL,
    "work_orders": work_orders.FRAGMENTS,
    "work_order": work_orders.DETAIL,
    "invoices": invoices.FRAGMENTS,
    "invoice": invoices.DETAIL,
    "invoice_line": invoices.QUIET,
    "events": events.FRAGMENTS,
    "event": events.QUIET,
    "dead_letters": events.DEAD_LETTERS,
    "clauses": clauses.FRAGMENTS,
    "clause": clauses.DETAIL,
}

ROUTERS: tuple[APIRouter, ...] = (
    sign_in.router,
    overview.router,
    world.router,
    fleet.router,
    machine.router,
    alarms.router,
    work_orders.router,
    invoices.router,
    events.router,
    clauses.router,
    lost.router,  # Last: it answers every other path under /console.
)
