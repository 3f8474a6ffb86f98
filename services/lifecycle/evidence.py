"""Evidence: live figures for the clauses that this service shows. Nothing is claimed without a figure behind it."""

import json
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from services.kernel.clock import to_microseconds
from services.kernel.evidence import Evidence, EvidenceBook, Figure, Link, shown_if
from services.kernel.outbox import read_events
from services.kernel.unit import UnitOfWork
from services.lifecycle.contract import AlarmState, CommandState, DiagnosisMade, HealthChanged, ProductAnnounced
from services.lifecycle.rules.service_times import mean_time
from services.lifecycle.service import fleet, messages
from services.lifecycle.store import history, products, work
from services.lifecycle.tables import AlarmRow

BOOK = EvidenceBook()

LIVE_S_MAX = 60.0  # Wall seconds since the last message for monitoring to be called live.
LOOKED_BACK_MAX = 200
RATE_WINDOW_S = 60
DEVICES_COUNTED_MAX = 1_000
NO_FAULT = ("none", "cannot_tell")


def _figure(name: str, label_zh: str, label_en: str, value: float | int | str | None, unit: str = "") -> Figure:
    return Figure(name=name, label_zh=label_zh, label_en=label_en, value=value, unit=unit)


def _machine(device_id: str) -> Link:
    return Link(label_zh=f"产品 {device_id}", label_en=f"Product {device_id}", href=f"/console/machines/{device_id}")


def _api(path: str) -> Link:
    return Link(label_zh="接口数据", label_en="Data of the API", href=f"/api/lifecycle{path}")


FLEET = Link(label_zh="产品群", label_en="Fleet", href="/console/fleet")
ALARMS = Link(label_zh="告警", label_en="Alarms", href="/console/alarms")


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else round((end - start).total_seconds(), 1)


def _events(unit: UnitOfWork, event_type: str) -> list[Any]:
    return read_events(unit, after=0, limit=LOOKED_BACK_MAX, type_prefix=event_type, newest_first=True)


@BOOK.shows("HN-1-1-a")
def remote_monitoring(unit: UnitOfWork) -> Evidence:
    """Devices online, readings stored, and how fresh the newest message is."""
    total, _ = products.announced_counts(unit)
    online = products.online_count(unit)
    newest = products.newest_seen_wall(unit)
    age_s = fleet.seconds_since(unit, newest[1]) if newest else None
    stored = messages.ledger(unit).stored
    return shown_if(
        [
            _figure("online", "在线产品", "Products online", online),
            _figure("products", "登记产品", "Products registered", total),
            _figure("stored", "已存消息", "Messages stored", stored),
            _figure("age_s", "距最近一条消息", "Since the newest message", age_s, "s"),
        ],
        shown=online > 0 and stored > 0 and age_s is not None and age_s <= LIVE_S_MAX,
        unit=unit,
        summary_zh="产品交付后经 MQTT 持续上报，最新值、曲线和在线状态随到随更新。",
        summary_en="Delivered products report over MQTT; newest values, charts and connection follow as data comes in.",
        links=[FLEET, _api("/fleet"), *([_machine(newest[0])] if newest else [])],
        computed_by="store.products.online_count, message ledger",
    )


@BOOK.shows("HN-1-1-b")
def remote_diagnosis(unit: UnitOfWork) -> Evidence:
    """The last diagnosis that named a fault, with the reason that it gave."""
    made = [(event, DiagnosisMade.of(event)) for event in _events(unit, DiagnosisMade.type())]
    named = [(event, data) for event, data in made if data.fault not in NO_FAULT]
    event, data = named[0] if named else (None, None)
    return shown_if(
        [
            _figure("named", "近期已定名的诊断", "Recent diagnoses that name a fault", len(named)),
            _figure("device", "最近一例的产品", "Product of the last one", data.device_id if data else None),
            _figure("fault", "故障", "Fault", data.fault if data else None),
            _figure("confidence", "把握", "Confidence", data.confidence if data else None),
            _figure("reason_zh", "依据（中文）", "Reason in Chinese", data.reason_zh if data else None),
            _figure("reason_en", "依据（英文）", "Reason in English", data.reason_en if data else None),
            _figure("time", "时间", "Time", event.time.isoformat() if event else None),
        ],
        shown=data is not None,
        unit=unit,
        summary_zh="仅凭传回的数据判断故障并说明依据；数据不足时回答无法判断。",
        summary_en="Faults are named from the data alone, with the reason; where the data cannot tell, it says so.",
        links=[*([_machine(data.device_id)] if data else []), _api(f"/events?type={DiagnosisMade.type()}")],
        computed_by="rules.diagnosis, rules.vibration",
    )


@BOOK.shows("HN-1-1-c")
def health_analysis(unit: UnitOfWork) -> Evidence:
    """Health index of the fleet; of the least healthy product, what takes how much off it."""
    known = [(device_id, fleet.health_of(health)) for device_id, health, _ in products.healths(unit)]
    assessed = [(device_id, health) for device_id, health in known if health.index is not None]
    worst = min(assessed, key=lambda each: each[1].index or 0.0, default=None)
    figures = [
        _figure("assessed", "已评估产品", "Products assessed", len(assessed)),
        _figure("cannot_tell", "数据不足以评估", "Data cannot tell", len(known) - len(assessed)),
        _figure("band_changes", "近期等级变化", "Recent changes of band", len(_events(unit, HealthChanged.type()))),
    ]
    if worst is not None:
        device_id, health = worst
        figures += [
            _figure("lowest_device", "最低健康指数的产品", "Product with the lowest index", device_id),
            _figure("lowest_index", "最低健康指数", "Lowest index", round(health.index or 0.0, 1), "/100"),
        ]
        figures += [
            _figure(f"penalty_{each.signal}", each.reason_zh, each.reason_en, round(each.penalty, 1), "points")
            for each in health.contributions[:5]
        ]
    return shown_if(
        figures,
        shown=bool(assessed),
        unit=unit,
        summary_zh="每台产品有 0 到 100 的健康指数，并列出各数据点扣了多少分。",
        summary_en="Each product has a health index from 0 to 100, with what each signal takes off it.",
        links=[FLEET, *([_machine(worst[0])] if worst else [])],
        computed_by="rules.health",
    )


@BOOK.shows("HN-1-1-d")
def remote_maintenance(unit: UnitOfWork) -> Evidence:
    """Remote commands and the times of the last one that succeeded."""
    counts = work.command_counts(unit)
    last = work.latest_command(unit, CommandState.SUCCEEDED)
    times = {step["state"]: datetime.fromisoformat(step["wall"]) for step in last.history} if last else {}
    ended = times.get("SUCCEEDED")
    figures = [
        _figure("succeeded", "成功的指令", "Commands succeeded", counts.get(CommandState.SUCCEEDED, 0)),
        _figure("commands", "全部指令", "All commands", sum(counts.values())),
        _figure("last", "最近成功的指令", "Last that succeeded", f"{last.device_id} {last.name}" if last else None),
        _figure("result", "设备回报", "Result told by the device", json.dumps(last.result)[:300] if last else None),
        _figure(
            "queued_to_sent_s", "排队到发送", "Queued to sent", _seconds(times.get("QUEUED"), times.get("SENT")), "s"
        ),
        _figure("queued_to_end_s", "排队到成功", "Queued to succeeded", _seconds(times.get("QUEUED"), ended), "s"),
    ]
    links = []
    if last is not None:
        links = [_machine(last.device_id), _api(f"/commands/{last.id}"), _api(f"/audit?object=command/{last.id}")]
    return shown_if(
        figures,
        shown=last is not None,
        unit=unit,
        summary_zh="参数、重启、固件等指令远程下发，逐步回执，每一步都有审计记录。",
        summary_en="Commands are sent from afar and acknowledged step by step; the audit trail has every step.",
        links=links,
        computed_by="rules.command_states, audit trail",
    )


@BOOK.shows("HN-1-1-e")
def fault_handling(unit: UnitOfWork) -> Evidence:
    """From alarm to closed ticket: times of the last case and means of all recent ones."""
    cases = work.closed_tickets(unit, LOOKED_BACK_MAX)
    alarms = work.alarm_times(unit, LOOKED_BACK_MAX)
    respond = mean_time(
        intervals_us=[(to_microseconds(raised), to_microseconds(seen)) for raised, seen, _ in alarms if seen]
    )
    repaired = [(order.opened, order.completed) for _, order in cases if order.completed]
    repair = mean_time(intervals_us=[(to_microseconds(start), to_microseconds(end)) for start, end in repaired])
    figures = [
        _figure("closed", "已关闭的故障个案", "Fault cases closed", len(cases)),
        _figure("mean_respond_s", "平均确认用时", "Mean time to acknowledge", respond.mean_s, "s"),
        _figure("mean_repair_s", "平均修复用时", "Mean time from order to repair", repair.mean_s, "s"),
    ]
    links = [ALARMS]
    if cases:
        ticket, order = cases[0]
        first = min(work.alarms_of_tickets(unit, [ticket.id]), key=lambda alarm: alarm.raised, default=None)
        figures += _case_figures(first, ticket.opened, order.started, order.completed, ticket.closed)
        figures += [
            _figure("device", "最近个案的产品", "Product of the last case", ticket.device_id),
            _figure("fault", "查明的故障", "Fault found", order.fault),
            _figure("assignee", "负责人", "Assignee", order.assignee),
        ]
        links += [
            Link(label_zh="维修工单", label_en="Work order", href=f"/console/work-orders/{order.id}"),
            _api(f"/events?correlation_id={ticket.correlation_id}"),
        ]
    return shown_if(
        figures,
        shown=any(order.started and order.completed for _, order in cases),
        unit=unit,
        summary_zh="告警转为工单请求和维修工单，经指派、修复、验证后关闭，每步都有时间。",
        summary_en="An alarm becomes a ticket and a work order: assigned, repaired, verified, closed, each step timed.",
        links=links,
        computed_by="rules.work_order_states, rules.service_times",
    )


def _case_figures(
    first: AlarmRow | None,
    opened: datetime,
    started: datetime | None,
    completed: datetime | None,
    closed: datetime | None,
) -> list[Figure]:
    raised = first.raised if first else None
    cleared = first.cleared if first and first.state == AlarmState.CLEARED else None
    steps = (
        ("alarm", "告警", "Alarm raised", raised),
        ("ticket", "工单请求", "Ticket opened", opened),
        ("started", "开始维修", "Repair started", started),
        ("completed", "完成维修", "Repair completed", completed),
        ("cleared", "告警消除", "Alarm cleared", cleared),
        ("closed", "关闭", "Closed", closed),
    )
    return [_figure(f"time_{name}", zh, en, at.isoformat() if at else None) for name, zh, en, at in steps]


@BOOK.shows("HN-1-2-a")
def smart_products(unit: UnitOfWork) -> Evidence:
    """Product types with their data models, and instances that announced themselves."""
    types = products.type_page(unit, "", LOOKED_BACK_MAX)
    total, announced = products.announced_counts(unit)
    last = _events(unit, ProductAnnounced.type())[:1]
    return shown_if(
        [
            _figure("types", "产品型号", "Product types", len(types)),
            _figure(
                "signals", "数据模型中的数据点", "Signals in their data models", sum(_signals(row) for row in types)
            ),
            _figure("announced", "已自行报到的产品", "Products that announced themselves", announced),
            _figure("products", "登记产品", "Products registered", total),
            _figure("last", "最近报到", "Last to announce itself", last[0].subject if last else None),
        ],
        shown=bool(types) and announced > 0,
        unit=unit,
        summary_zh="型号登记时带数据模型；产品首次上电自行报到。",
        summary_en="A type is registered with its data model; an instance announces itself when first switched on.",
        links=[FLEET, _api("/product-types")],
        computed_by="store.products",
    )


def _signals(row: Any) -> int:
    return len(row.body["signals"])


@BOOK.shows("HN-1-2-d")
def data_collection(unit: UnitOfWork) -> Evidence:
    """The ledger of messages, the present rate, and what is missing or came twice."""
    ledger = messages.ledger(unit)
    missing, boots = _gaps(products.settled(unit))
    device_ids = [device_id for device_id, _, _ in products.healths(unit)]
    since = unit.clock.business_now() - timedelta(seconds=RATE_WINDOW_S * unit.clock.speed)
    counted = device_ids[:DEVICES_COUNTED_MAX]
    recent, reporting = history.stored_counts(unit, counted, to_microseconds(since))
    balanced = ledger.received == ledger.stored + ledger.duplicate + ledger.dead_lettered + ledger.in_flight
    return shown_if(
        [
            _figure("received", "收到", "Received", ledger.received),
            _figure("stored", "已存", "Stored", ledger.stored),
            _figure("duplicate", "重复", "Duplicate", ledger.duplicate),
            _figure("dead_lettered", "死信", "Dead-lettered", ledger.dead_lettered),
            _figure("in_flight", "处理中", "In flight", ledger.in_flight),
            _figure("balanced", "台账平衡", "The ledger balances", "yes" if balanced else "no"),
            _figure("missing", "缺失的消息序号", "Sequence numbers missing", missing),
            _figure("boots", "设备启动次数", "Boots of devices seen", boots),
            _figure(
                "rate", "最近一分钟速率", "Rate of the last minute", round(recent / RATE_WINDOW_S, 1), "messages/s"
            ),
            _figure("reporting", "最近一分钟上报的设备", "Devices that reported in it", reporting),
        ],
        shown=ledger.stored > 0 and balanced,
        unit=unit,
        summary_zh="每条消息都有去向：已存、重复或死信；缺号和重复逐一计数。",
        summary_en="Every message is accounted for: stored, duplicate or dead letter; gaps and repeats are counted.",
        links=[
            _api("/messages/ledger"),
            Link(label_zh="死信", label_en="Dead letters", href="/console/events/dead-letters"),
        ],
        computed_by="message ledger, rules.settling",
    )


def _gaps(settled: list[str]) -> tuple[int, int]:
    """(sequence numbers between settled intervals, boots) over all devices."""
    missing = boots = 0
    for stored in settled:
        for intervals in json.loads(stored or "{}").values():
            boots += 1
            missing += sum(after[0] - before[1] - 1 for before, after in pairwise(intervals))
    return missing, boots
