"""What the sources make of the services' answers before a page shows them."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.console.naming import alarm_name, halves
from gateway.console.views import StateInterval, Words
from gateway.sources.event_texts import text_of
from gateway.sources.golden import golden_checks
from gateway.sources.kept import Kept
from gateway.sources.states import merged, timeline_with
from gateway.sources.thinning import thinned
from services.kernel.events import Event
from services.lifecycle.contract import Alarm, HistoryPoint

NOON = datetime(2026, 11, 22, 4, 0, 0, tzinfo=UTC)


def at(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


def alarm(severity: str, raised: float, cleared: float | None) -> Alarm:
    return Alarm(
        id="a", device_id="pump-1", organisation_id="o", code="c", severity=severity, state="RAISED", reason_zh="",
        reason_en="", source="limit", raised=at(raised), cleared=None if cleared is None else at(cleared),
        correlation_id="k",
    )  # fmt: skip


def test_timeline_says_alarm_while_a_grave_alarm_is_active() -> None:
    """Guards: a machine that shows 'running' all day while its bearing breaks."""
    intervals = [
        StateInterval("running", at(0), at(4)), StateInterval("offline", at(4), at(6)),
        StateInterval("stopped", at(6), None),
    ]  # fmt: skip
    alarms = [alarm("major", 1, 2), alarm("critical", 1.5, 3), alarm("minor", 0, None), alarm("major", 5, 7)]
    parts = [(one.state, one.start, one.end) for one in timeline_with(intervals, alarms)]
    assert parts == [
        ("running", at(0), at(1)), ("alarm", at(1), at(3)), ("running", at(3), at(4)), ("offline", at(4), at(6)),
        ("alarm", at(6), at(7)), ("stopped", at(7), None),
    ]  # fmt: skip
    assert [one.state for one in timeline_with(intervals, [alarm("major", -1, None)])] == ["alarm", "offline", "alarm"]
    assert timeline_with(intervals, []) == intervals


def test_spans_that_overlap_become_one() -> None:
    assert merged([(at(2), at(3)), (at(0), at(2)), (at(5), None), (at(6), at(7))]) == [(at(0), at(3)), (at(5), None)]


def test_thinned_history_keeps_its_extremes() -> None:
    """Guards: a peak that the chart of a long range no longer shows."""
    points = [
        HistoryPoint(time=at(place), mean=float(place % 7), least=-float(place), most=float(place), count=1 + place % 2)
        for place in range(1003)
    ]
    found = thinned(points, 100)
    assert len(found) <= 100 and found[0].time == at(0)
    assert (min(one.least for one in found), max(one.most for one in found)) == (-1002.0, 1002.0)
    assert all(one.least <= one.mean <= one.most for one in found)
    assert len(thinned(points[:100], 100)) == 100


def test_one_answer_serves_all_who_ask() -> None:
    """Guards: a page that asks a service for the same list once for each of its panels, or keeps an error."""

    async def ask_often() -> None:
        kept, asked = Kept(), []

        async def ask() -> int:
            asked.append(1)
            await asyncio.sleep(0.01)
            if len(asked) == 2:
                raise ValueError("away")
            return len(asked)

        assert await asyncio.gather(*(kept.answer(("list", "me"), 60, ask) for _ in range(5))) == [1] * 5
        assert await kept.answer(("list", "me"), 60, ask) == 1
        kept.forget("list")
        with pytest.raises(ValueError, match="away"):
            await kept.answer(("list", "me"), 60, ask)
        assert await kept.answer(("list", "me"), 60, ask) == 3

    asyncio.run(ask_often())


@pytest.mark.parametrize(
    ("code", "zh", "en"),
    [
        ("vibration_envelope_g_high", "振动包络超过限值", "Vibration envelope above its limit"),
        ("power_kw_deviation", "功率偏离自身基线", "Power off its own baseline"),
        ("diagnosed_bearing_inner_race", "诊断：轴承内圈缺陷", "Diagnosed: Bearing, inner race"),
        ("bearing-temperature-trip", "轴承过热停机", "Stopped: bearing too hot"),
        ("dry_run", "dry run", "dry run"),
    ],
)
def test_alarm_codes_are_said_in_words(code: str, zh: str, en: str) -> None:
    assert alarm_name(code) == Words(zh, en)


def test_text_in_both_languages_is_halved() -> None:
    assert halves("东湖取水泵房 / East Lake intake") == Words("东湖取水泵房", "East Lake intake")
    assert halves("n / a") == Words("n / a", "n / a")


@pytest.mark.parametrize(
    ("kind", "data", "zh", "en"),
    [
        ("lifecycle.product.health-changed", {"band": "good"}, "健康等级：良好", "Health: Good"),
        ("lifecycle.usage.metered", {"meter": "run_seconds", "quantity": 5400}, "计量：运行时间 1.50 h",
         "Metered: Running time 1.50 h"),
        ("lifecycle.command.changed", {"name": "set_speed", "state": "SUCCEEDED"}, "远程指令“设定转速”：已成功",
         "Remote command, Set the speed: Succeeded"),
        ("lifecycle.alarm.assigned", {"assignee": None}, "告警负责人：无", "Alarm assigned to nobody"),
        ("lifecycle.alarm.acknowledged", {"by": "user:lin", "withdrawn": True}, "林工撤回了确认",
         "Lin withdrew the acknowledgement"),
        ("billing.usage.held-back", {}, "用量暂缓计费", "Usage held back"),
    ],
)  # fmt: skip
def test_events_are_said_in_words(kind: str, data: dict[str, Any], zh: str, en: str) -> None:
    """Guards: codes of the program where a person expects a sentence."""
    event = Event.model_construct(type=f"som.v1.{kind}", data=data)
    assert text_of(event, lambda subject: Words("林工", "Lin")) == Words(zh, en)


def test_every_golden_check_that_a_page_names_is_recomputed() -> None:
    """Guards: a fold-out that names a published number which nobody recomputes any more."""
    from gateway.sources.overview import _explanations

    known = golden_checks()
    named = {check.id for group in _explanations().values() for one in group for check in one.golden}
    assert named and named <= set(known)
    assert all(known[each].passes for each in named)
