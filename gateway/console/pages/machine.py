"""产品孪生: one machine live, its health with reasons, its states, alarms, commands and history."""

from collections.abc import Awaitable, Sequence
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, JSONResponse, Response

from gateway.console import charts, render
from gateway.console.page import HEADERS, ConsolePage, ConsoleRoute, Opened, Posted, need
from gateway.console.pages.frame import CLOCK, explained
from gateway.console.panels import Fragment, load
from gateway.console.views import (
    Alarm,
    AlarmFilter,
    LivePoint,
    Machine,
    Page,
    SignalInfo,
    SignalSeries,
    StateInterval,
    TimeRange,
)
from services.kernel.problems import Problem, not_found

RANGES_H = {"1h": 1, "6h": 6, "24h": 24, "7d": 168, "30d": 720}
RANGE_OTHERWISE = "24h"
HISTORY_SIGNALS = ("vibration_velocity_mm_s", "bearing_temperature_c", "power_kw")
HISTORY_SIGNALS_MAX = 12

router = APIRouter(route_class=ConsoleRoute)


def range_of(page: ConsolePage) -> TimeRange:
    return TimeRange(last=timedelta(hours=RANGES_H[range_name(page)]))


def range_name(page: ConsolePage) -> str:
    wish = page.query.get("range", "")
    return wish if wish in RANGES_H else RANGE_OTHERWISE


def gauges(machine: Machine) -> list[SignalInfo]:
    """The signals that a live chart draws; counters only grow, so they are shown as numbers."""
    return [signal for signal in machine.signals if not signal.counter]


def wanted_signals(page: ConsolePage) -> list[str]:
    chosen = page.request.query_params.getlist("signal")[:HISTORY_SIGNALS_MAX]
    return chosen or list(HISTORY_SIGNALS)


def load_machine(page: ConsolePage) -> Awaitable[Machine]:
    return page.sources.machine(page.subject)


def load_alarms(page: ConsolePage) -> Awaitable[Page[Alarm]]:
    return page.sources.alarms(AlarmFilter(machine_id=page.subject, state="all"))


async def load_timeline(page: ConsolePage) -> dict[str, Any]:
    """The bars of the timeline over the chosen range, up to now."""
    intervals: Sequence[StateInterval] = await page.sources.state_timeline(page.subject, range_of(page))
    if not intervals:
        return {"bars": [], "start": None, "end": None, "shares": {}}
    now = (await page.sources.clock()).business
    start = max(now - timedelta(hours=RANGES_H[range_name(page)]), min(one.start for one in intervals))
    bars = charts.timeline(intervals, start, now)
    shares: dict[str, float] = {}
    for bar in bars:
        shares[bar.state] = shares.get(bar.state, 0.0) + bar.width / 100
    return {"bars": bars, "start": start, "end": now, "shares": shares}


async def load_live(page: ConsolePage) -> Sequence[LivePoint]:
    return await page.sources.live_points(page.subject, None, charts.LIVE_POINTS_MAX)


async def load_history(page: ConsolePage) -> Sequence[SignalSeries]:
    return await page.sources.history(page.subject, wanted_signals(page), range_of(page))


THIS = frozenset({"machine", "alarm"})

LIVE = (
    CLOCK,
    Fragment(name="head", template="fragments/machine_head.html", load=load_machine, topics=THIS, required=True),
    Fragment(name="twin", template="fragments/machine_twin.html", load=load_machine, topics=THIS),
    Fragment(
        name="health",
        template="fragments/machine_health.html",
        load=lambda page: page.sources.health(page.subject),
        topics=THIS,
    ),
    Fragment(name="timeline", template="fragments/machine_timeline.html", load=load_timeline, topics=THIS),
    Fragment(name="alarms", template="fragments/machine_alarms.html", load=load_alarms, topics=frozenset({"alarm"})),
    Fragment(
        name="commands",
        template="fragments/machine_commands.html",
        load=lambda page: page.sources.commands(page.subject),
        topics=frozenset({"command"}),
    ),
)
# Drawn with the page; the browser goes on with them by itself, or the reader asks for another range.
ONCE = (
    Fragment(name="readings", template="fragments/machine_readings.html", load=load_machine),
    Fragment(name="live-points", template="fragments/nothing.html", load=load_live),
    Fragment(name="history-series", template="fragments/nothing.html", load=load_history),
    explained("machine"),
)


@router.get("/console/machines/{subject}")
async def machine(page: Opened, subject: str) -> HTMLResponse:

    panels = await load(page, (*LIVE, *ONCE))
    shown: Machine = panels["head"].data
    formats = render.formats_of(page.language, page.console.time_zone)
    points, series = panels["live-points"], panels["history-series"]
    signals = {signal.name: signal for signal in shown.signals}
    return page.shown(
        "machine.html",
        "machine",
        (*LIVE, *ONCE),
        panels,
        machine=shown,
        live=charts.live(gauges(shown), points.data, formats) if points.reachable else None,
        last=points.data[-1].time.isoformat() if points.reachable and points.data else "",
        history=charts.history(signals, series.data, formats) if series.reachable and series.data else None,
        range_name=range_name(page),
        ranges=RANGES_H,
        wanted=wanted_signals(page),
    )


@router.get("/console/api/machines/{subject}/live")
async def live(page: Opened, subject: str, after: str = "") -> Response:
    """What is new since `after` (business time): points for the chart and the readings, drawn."""
    try:
        since = datetime.fromisoformat(after) if after else None
    except ValueError:
        raise Problem("invalid-request", 422, "时间格式无效。", "This is no time.") from None
    if since is not None and since.tzinfo is None:
        raise Problem("invalid-request", 422, "时间缺少时区。", "The time lacks a zone.")
    shown = await page.sources.machine(subject)
    points = await page.sources.live_points(subject, since, charts.LIVE_POINTS_MAX)
    formats = render.formats_of(page.language, page.console.time_zone)
    last = points[-1].time.isoformat() if points else after
    return JSONResponse(
        {
            **charts.live_points(gauges(shown), points, formats),
            "after": last,
            "points_max": charts.LIVE_POINTS_MAX,
            "readings": render.draw(page, "fragments/machine_readings.html", data=shown, problem=None),
        },
        headers=HEADERS,
    )


@router.post("/console/machines/{subject}/commands")
async def send_command(form: Posted, subject: str) -> Response:
    """Queue a command with the parameters that the machine offers for it."""
    need(form.page, "send-commands")
    shown = await form.page.sources.machine(subject)
    name = form.text("name", 64)
    offer = next((one for one in shown.commands if one.name == name), None)
    if offer is None:
        raise not_found("command", name, "指令")
    parameters: dict[str, float] = {}
    for parameter in offer.parameters:
        try:
            parameters[parameter.name] = float(form.text(f"{name}.{parameter.name}", 40))
        except ValueError:
            raise Problem(
                "invalid-request", 422, f"参数 {parameter.name} 不是数字。", f"{parameter.name} is not a number."
            ) from None
    await form.page.sources.send_command(subject, name, parameters, form.text("key", 64))
    return form.done("command-queued", subject)


@router.post("/console/commands/{subject}/cancel")
async def cancel_command(form: Posted, subject: str) -> Response:
    need(form.page, "send-commands")
    await form.page.sources.cancel_command(subject)
    return form.done("command-cancelled", subject)
