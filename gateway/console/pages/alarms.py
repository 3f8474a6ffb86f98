"""告警: what is wrong, how bad, who looks after it, and why the platform says so."""

from collections.abc import Awaitable, Sequence

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from gateway.console.page import ConsolePage, ConsoleRoute, Opened, Posted, need
from gateway.console.pages.frame import CLOCK, explained
from gateway.console.panels import Fragment
from gateway.console.views import Alarm, AlarmFilter, EventFilter, EventLine, Page

STATES = ("active", "RAISED", "ACKNOWLEDGED", "CLEARED", "all")

router = APIRouter(prefix="/console/alarms", route_class=ConsoleRoute)


def alarm_filter(page: ConsolePage) -> AlarmFilter:
    query = page.query
    state = query.get("state", "active")
    return AlarmFilter(
        state=state if state in STATES else "active",
        severity=query.get("severity", "")[:20],
        machine_id=query.get("machine", "")[:64],
        text=query.get("text", "")[:100].strip(),
    )


def load_alarms(page: ConsolePage) -> Awaitable[Page[Alarm]]:
    return page.sources.alarms(alarm_filter(page))


def rows(alarms: Page[Alarm]) -> list[tuple[str, Alarm]]:
    return [(f"alarm-{alarm.id}", alarm) for alarm in alarms.rows]


async def load_story(page: ConsolePage) -> Sequence[EventLine]:
    """Every event that shares the alarm's correlation id: from the reading to the invoice."""
    alarm = await page.sources.alarm(page.subject)
    return (await page.sources.events(EventFilter(correlation_id=alarm.correlation_id))).rows


ALARM = frozenset({"alarm"})

FRAGMENTS = (
    CLOCK,
    Fragment(
        name="alarm-list",
        template="fragments/alarm_list.html",
        load=load_alarms,
        topics=ALARM,
        rows=rows,
        row_template="fragments/alarm_row.html",
    ),
    explained("alarms"),
)
DETAIL = (
    CLOCK,
    Fragment(
        name="alarm",
        template="fragments/alarm.html",
        load=lambda page: page.sources.alarm(page.subject),
        topics=ALARM | {"work_order"},
        required=True,
    ),
    Fragment(name="story", template="fragments/story.html", load=load_story, topics=frozenset({"event"})),
)
ONCE = (Fragment(name="assignees", template="fragments/nothing.html", load=lambda page: page.sources.assignees()),)


@router.get("")
async def alarms(page: Opened) -> HTMLResponse:
    return await page.show("alarms.html", "alarms", (*FRAGMENTS,), which=alarm_filter(page), states=STATES)


@router.get("/{subject}")
async def alarm(page: Opened, subject: str) -> HTMLResponse:
    return await page.show("alarm.html", "alarm", (*DETAIL, *ONCE))


@router.post("/{subject}/acknowledge")
async def acknowledge(form: Posted, subject: str) -> Response:
    need(form.page, "handle-alarms")
    await form.page.sources.acknowledge_alarm(subject)
    return form.done("alarm-acknowledged", subject)


@router.post("/{subject}/withdraw")
async def withdraw(form: Posted, subject: str) -> Response:
    need(form.page, "handle-alarms")
    await form.page.sources.withdraw_acknowledgement(subject)
    return form.done("acknowledgement-withdrawn", subject)


@router.post("/{subject}/assign")
async def assign(form: Posted, subject: str) -> Response:
    need(form.page, "handle-alarms")
    await form.page.sources.assign_alarm(subject, form.text("assignee", 100))
    return form.done("alarm-assigned", subject)


@router.post("/{subject}/clear")
async def clear(form: Posted, subject: str) -> Response:
    need(form.page, "handle-alarms")
    await form.page.sources.clear_alarm(subject)
    return form.done("alarm-cleared", subject)


@router.post("/{subject}/work-order")
async def open_work_order(form: Posted, subject: str) -> Response:
    need(form.page, "handle-work")
    order = await form.page.sources.open_work_order(subject)
    return form.done("work-order-opened", order.id)
