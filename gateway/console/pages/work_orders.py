"""工单: the board by state, and one order with its history."""

from collections.abc import Awaitable, Sequence

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from gateway.console.page import ConsolePage, ConsoleRoute, Opened, Posted, need
from gateway.console.pages.frame import CLOCK, explained
from gateway.console.panels import Fragment
from gateway.console.views import EventFilter, EventLine, WorkOrder, WorkOrderFilter

# The board's columns: an order moves from left to right; what is over shares the last one.
COLUMNS = (
    ("OPEN",),
    ("PLANNED",),
    ("IN_PROGRESS",),
    ("ON_HOLD",),
    ("COMPLETED",),
    ("CLOSED", "CANCELLED"),
)
DONE_SHOWN_MAX = 10

router = APIRouter(prefix="/console/work-orders", route_class=ConsoleRoute)


def work_order_filter(page: ConsolePage) -> WorkOrderFilter:
    return WorkOrderFilter(
        machine_id=page.query.get("machine", "")[:64], assignee=page.query.get("assignee", "")[:100].strip()
    )


def load_board(page: ConsolePage) -> Awaitable[Sequence[WorkOrder]]:
    return page.sources.work_orders(work_order_filter(page))


async def load_story(page: ConsolePage) -> Sequence[EventLine]:
    order = await page.sources.work_order(page.subject)
    return (await page.sources.events(EventFilter(correlation_id=order.correlation_id))).rows


WORK = frozenset({"work_order"})

FRAGMENTS = (
    CLOCK,
    Fragment(name="board", template="fragments/board.html", load=load_board, topics=WORK),
    explained("work_orders"),
)
DETAIL = (
    CLOCK,
    Fragment(
        name="work-order",
        template="fragments/work_order.html",
        load=lambda page: page.sources.work_order(page.subject),
        topics=WORK,
        required=True,
    ),
    Fragment(name="story", template="fragments/story.html", load=load_story, topics=frozenset({"event"})),
)
ONCE = (Fragment(name="assignees", template="fragments/nothing.html", load=lambda page: page.sources.assignees()),)


@router.get("")
async def work_orders(page: Opened) -> HTMLResponse:
    return await page.show("work_orders.html", "work_orders", FRAGMENTS, which=work_order_filter(page))


@router.get("/{subject}")
async def work_order(page: Opened, subject: str) -> HTMLResponse:
    return await page.show("work_order.html", "work_order", (*DETAIL, *ONCE))


@router.post("/{subject}/act")
async def act(form: Posted, subject: str) -> Response:
    """One step of the order: plan, start, hold, resume, complete, close or cancel."""
    need(form.page, "handle-work")
    await form.page.sources.act_on_work_order(
        subject, form.text("action", 20), form.optional("assignee", 100), form.optional("note")
    )
    return form.done("work-order-moved", subject)
