"""Deterministic sample figures, invoices, events and clauses."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from gateway.console.views import (
    Clause,
    ClauseCount,
    DeadLetter,
    EventLine,
    EvidenceFigure,
    EvidenceLink,
    Explanation,
    Figure,
    GoldenCheck,
    Invoice,
    InvoiceFilter,
    InvoiceLine,
    InvoiceList,
    InvoiceSummary,
    LineProof,
    Posting,
    TierPart,
    TrendPoint,
    UsageEvent,
    Words,
)
from tests.console.sample_fleet import CUSTOMERS, NOW
from tests.console.sample_work import correlation


def invoices() -> tuple[InvoiceSummary, ...]:
    return tuple(
        InvoiceSummary(
            id=f"inv-{place + 1}",
            number=None if place % 4 == 3 else f"2026-10-{place + 1:04}",
            customer=customer.label,
            provider=Words("东方泵业", "Dongfang Pumps"),
            period_start=datetime(2026, 9, 30, 16, tzinfo=UTC),
            period_end=datetime(2026, 10, 31, 16, tzinfo=UTC),
            state=("ISSUED", "POSTED", "ISSUED", "DRAFT")[place % 4],
            net_minor=1_286_450 + 73_125 * place,
            tax_minor=6 * 12_864,
            total_minor=1_363_634 + 73_125 * place,
            currency="CNY",
            lines=3,
        )
        for place, customer in enumerate(CUSTOMERS[:8])
    )


def invoice_list(which: InvoiceFilter) -> InvoiceList:
    return InvoiceList(
        rows=tuple(one for one in invoices() if which.state in ("", one.state)),
        states=Counter(one.state for one in invoices()),
        customers=CUSTOMERS,
    )


def invoice_line(number: int) -> InvoiceLine:
    return InvoiceLine(
        id=f"line-{number}",
        text=Words(f"{number} 号泵 运行小时", f"Pump {number}, run-hours"),
        machine_id=f"pump-{number:02}",
        quantity=Decimal("612.43"),
        unit=Words("小时", "h"),
        amount_minor=428_817,
        events=31,
        estimated=number == 2,
    )


def invoice(summary: InvoiceSummary) -> Invoice:
    return Invoice(
        summary=summary,
        lines=tuple(invoice_line(number) for number in (1, 2, 3)),
        tariff=Words("运行小时阶梯价（0–500 h，500 h 以上）", "Run-hours in tiers (0–500 h, above 500 h)"),
        correlation_id=correlation(77),
    )


def line_proof(summary: InvoiceSummary, line: InvoiceLine) -> LineProof:
    return LineProof(
        invoice=summary,
        line=line,
        tiers=(
            TierPart(
                start=Decimal(0), end=Decimal(500), price=Decimal("7.20"), quantity=Decimal(500), amount=Decimal("3600")
            ),
            TierPart(
                start=Decimal(500),
                end=None,
                price=Decimal("6.125"),
                quantity=Decimal("112.43"),
                amount=Decimal("688.63375"),
            ),
        ),
        usage=tuple(
            UsageEvent(
                id=f"usage-{day:02}-{line.id}",
                start=datetime(2026, 10, day, tzinfo=UTC),
                end=datetime(2026, 10, day, tzinfo=UTC) + timedelta(days=1),
                meter="run_seconds",
                quantity=71_000 + 13 * day,
                estimated=day == 9,
                correlation_id=correlation(day),
            )
            for day in range(1, 31)
        ),
        postings=(
            Posting(
                id="p-1",
                at=NOW,
                debit=Words("应收账款 · 鞍山钢铁三分厂", "Receivable · Anshan Steel, works 3"),
                credit=Words("主营业务收入", "Service revenue"),
                amount_minor=line.amount_minor,
                currency="CNY",
                state="posted",
                text=Words("2026 年 10 月运行小时", "Run-hours, October 2026"),
            ),
        ),
        holds=True,
    )


STORY = (
    ("simulator", "fault.injected", Words("注入故障：轴承内圈", "Fault injected: bearing, inner race")),
    ("lifecycle", "alarm.raised", Words("3 号泵 告警：轴承内圈缺陷", "Pump 3 alarm: inner-race defect")),
    (
        "lifecycle",
        "diagnosis.made",
        Words("3 号泵 诊断：轴承内圈，置信度高", "Pump 3 diagnosis: inner race"),
    ),
    ("lifecycle", "ticket.opened", Words("故障案例 T-88 已建立", "Ticket T-88 opened")),
    ("lifecycle", "work-order.changed", Words("工单 W-301 已计划", "Work order W-301 planned")),
    ("lifecycle", "command.changed", Words("指令 设定转速 已成功", "Command set speed succeeded")),
    ("lifecycle", "usage.metered", Words("3 号泵 运行 3 600 s", "Pump 3 ran 3,600 s")),
    ("billing", "line.rated", Words("发票行已计价：¥4,288.17", "Invoice line rated: ¥4,288.17")),
)


def events() -> tuple[EventLine, ...]:
    return tuple(
        EventLine(
            id=f"0193e5{step:06}",
            service=STORY[7 - step % 8][0],
            type=STORY[7 - step % 8][1],
            subject="pump-03",
            text=STORY[7 - step % 8][2],
            time=NOW - timedelta(seconds=47 * step),
            wall_time=NOW - timedelta(seconds=step),
            correlation_id=correlation(3 + step // 8),
            position=20_411 - step,
        )
        for step in range(40)
    )


def dead_letters() -> tuple[DeadLetter, ...]:
    rows = (
        ("unknown-device", "设备 pump-77 未登记", "som/v1/devices/pump-77/telemetry", '{"boot":1,"sequence":4}'),
        ("malformed-json", "第 1 行第 18 列不是 JSON", "som/v1/devices/pump-12/telemetry", '{"boot":1,"sequenc'),
        ("something-new", "a reason that the console has no advice for", "som/v1/devices/pump-12/state", "{}"),
    )
    return tuple(
        DeadLetter(
            id=str(place),
            service="lifecycle",
            topic=topic,
            reason=reason,
            detail=detail,
            payload=payload,
            received=NOW - timedelta(minutes=place),
        )
        for place, (reason, detail, topic, payload) in enumerate(rows)
    )


def figures() -> tuple[Figure, ...]:
    def trend(start: float, step: float) -> tuple[TrendPoint, ...]:
        return tuple(
            TrendPoint(NOW - timedelta(hours=24 - hour), start + step * (hour + hour * 7 % 5)) for hour in range(24)
        )

    return (
        Figure(
            key="machines_online",
            value=38,
            out_of=40,
            target=38,
            target_met=True,
            trend=trend(36, 0.1),
            link="/console/fleet",
        ),
        Figure(
            key="fleet_health",
            value=88.4,
            digits=1,
            target=85,
            target_met=True,
            trend=trend(92, -0.15),
            link="/console/fleet",
        ),
        Figure(key="alarms_active", value=4, target=3, target_met=False, trend=trend(1, 0.12), link="/console/alarms"),
        Figure(key="work_orders_open", value=5, trend=trend(2, 0.1), link="/console/work-orders"),
        Figure(key="repair_time", value=3.2, digits=1, unit="h", target=4, target_met=True, trend=trend(6, -0.1)),
        Figure(key="run_hours", value=18_452.6, digits=1, unit="h", trend=trend(17_000, 60), link="/console/invoices"),
        Figure(key="service_income", value=Decimal("129164.50"), unit="元", trend=trend(9e4, 1500)),
    )


def explanations() -> tuple[Explanation, ...]:
    return (
        Explanation(
            title=Words("健康指数", "Health index"),
            text=Words(
                "从 100 开始，每个信号按其偏离自身基线的程度与权重扣分。",
                "Starts at 100; each signal takes off points by its weight and by how far it is from its own baseline.",
            ),
            rule="services.lifecycle.rules.health.index",
            source="ISO 13374-2:2007",
            golden=(
                GoldenCheck(
                    id="three-signals", passes=True, expected="61.5", computed="61.5", source="the project's own"
                ),
                GoldenCheck(id="two-signals", passes=False, expected="70", computed="71", unit="1"),
                GoldenCheck(id="one-signal"),
            ),
        ),
        Explanation(
            title=Words("在线数", "Machines online"),
            text=Words("最近一次状态消息为在线的设备数。", "Devices whose last state message says online."),
            rule="services.lifecycle.store.count_online",
            source="OpenSOM",
        ),
    )


MODES = {
    "lifecycle": Words("全生命周期管理", "Life-cycle management"),
    "supply": Words("供应链管理", "Supply-chain management"),
    "sharing": Words("共享制造", "Shared manufacturing"),
}
CLAUSE_ROWS = (
    ("HN-1-1-a", "lifecycle", "lifecycle", "capability", "shown", "远程在线监测", "remote online monitoring"),
    ("HN-1-1-b", "lifecycle", "lifecycle", "capability", "shown", "远程诊断", "remote diagnosis"),
    ("HN-1-1-c", "lifecycle", "lifecycle", "capability", "shown", "健康状况分析", "health condition analysis"),
    ("HN-1-3-b", "lifecycle", "billing+lifecycle", "capability", "shown", "按时间计费", "charge by running time"),
    ("HN-1-4-a", "lifecycle", "lifecycle", "effect", "not_yet", "明确稳定的用户", "identified, stable users"),
    ("HN-2-1-b", "supply", "vmi", "capability", "not_yet", "VMI 库存与耗用共享", "stock and use shared with supplier"),
    ("HN-2-1-f", "supply", "vmi", "effect", "not_yet", "双方成本最低", "lowest cost for both parties"),
    ("LN-1-4-a", "sharing", "sharing", "capability", "not_yet", "共享平台", "sharing platform"),
    ("LN-1-6-a", "lifecycle", "lifecycle", "capability", "shown", "在线监测服务", "online monitoring service"),
    ("LN-3-1-a", "sharing", "service_hub", "outside", "outside", "独立法人资格", "independent legal person"),
)


def clauses() -> tuple[Clause, ...]:
    return tuple(
        Clause(
            id=clause_id,
            document=clause_id[:2],
            section=Words("河南 一.1 服务内容", "Henan 1.1 service content")
            if clause_id.startswith("HN-1")
            else Words("河南 二.1 服务内容", "Henan 2.1 service content")
            if clause_id.startswith("HN")
            else Words("辽宁 一 创新模式", "Liaoning 1 innovative modes"),
            mode=mode,
            mode_name=MODES[mode],
            label=Words(zh, en),
            wording=Words("企业通过网络在线监测产品。", "The firm watches its products over a network."),
            demonstration=Words("设备发布数据；图表在 2 秒内更新", "a device publishes; the chart moves within 2 s"),
            service=service,
            kind=kind,
            status=status,
            same_as=("HN-1-1-a",) if clause_id == "LN-1-6-a" else (),
            summary=Words("40 台设备在线发布。", "40 devices publish online.") if status == "shown" else None,
            computed_by="services.lifecycle.evidence.monitoring" if status == "shown" else "",
            figures=(
                EvidenceFigure(label=Words("在线设备", "Devices online"), value=38),
                EvidenceFigure(label=Words("数据延迟 p95", "Delay p95"), value=0.42, unit="s", digits=2),
                EvidenceFigure(label=Words("数据来源", "Data from"), value=Words("MQTT", "MQTT")),
            )
            if status == "shown"
            else (),
            links=(EvidenceLink(Words("3 号泵实时图", "Live chart of pump 3"), "/console/machines/pump-03"),)
            if status == "shown"
            else (),
            as_of=NOW if status == "shown" else None,
        )
        for clause_id, mode, service, kind, status, zh, en in CLAUSE_ROWS
    )


def clause_count() -> ClauseCount:
    return ClauseCount(total=411, shown=52, not_yet=341, outside=18, distinct_total=363, distinct_shown=44)
