"""Deterministic sample alarms, work orders and commands."""

from datetime import timedelta

from gateway.console.views import (
    Alarm,
    AttentionItem,
    Command,
    CommandStep,
    Words,
    WorkOrder,
    WorkOrderStep,
)
from tests.console.sample_fleet import CARDS, FAULTY, NOW

REASONS = {
    "bearing_inner_race": Words("轴承内圈缺陷：包络值为基线的 5.5 倍", "Inner race: envelope 5.5 times its baseline"),
    "cavitation": Words("汽蚀：高频振动升高，入口压力过低", "Cavitation: high-frequency vibration is up"),
    "seal_leak": Words("密封泄漏量超过 20 mL/h", "Seal leakage above 20 mL/h"),
    "sensor_drift": Words("轴承温度与其他信号不符，疑似传感器漂移", "Temperature disagrees with the rest: drift"),
}
SEVERITY = {"bearing_inner_race": "critical", "cavitation": "major", "seal_leak": "minor", "sensor_drift": "warning"}


def correlation(number: int) -> str:
    return f"0193{number:04}a7c2f00d5e8b9c1d2e3f"


def alarms() -> dict[str, Alarm]:
    made = {}
    for place, (number, fault) in enumerate(FAULTY.items()):
        machine = CARDS[number - 1]
        alarm_id = f"A-{1040 + number}"
        made[alarm_id] = Alarm(
            id=alarm_id,
            machine_id=machine.id,
            machine=machine.name,
            customer=machine.customer,
            code=fault,
            severity=SEVERITY[fault],
            state="ACKNOWLEDGED" if place == 1 else "RAISED",
            reason=REASONS[fault],
            source="diagnosis" if place else "statistics",
            raised=NOW - timedelta(minutes=13 * (place + 1)),
            correlation_id=correlation(number),
            signal="vibration_envelope_g",
            value=2.31,
            limit=1.2,
            acknowledged=NOW - timedelta(minutes=9) if place == 1 else None,
            acknowledged_by=Words("林工", "Lin") if place == 1 else None,
            assignee="林工" if place == 1 else None,
            work_order_id="W-301" if place == 0 else None,
        )
    return made


def attention() -> tuple[AttentionItem, ...]:
    items = [
        AttentionItem(
            kind="alarm",
            severity=alarm.severity,
            text=alarm.reason,
            detail=Words(f"{alarm.machine.zh} · {alarm.customer.zh}", f"{alarm.machine.en} · {alarm.customer.en}"),
            since=alarm.raised,
            link=f"/console/alarms/{alarm.id}",
        )
        for alarm in alarms().values()
    ]
    return (
        *items,
        AttentionItem(
            kind="dead_letter",
            severity="warning",
            text=Words("3 条消息未能接收", "3 messages could not be taken"),
            detail=Words("未登记的设备 pump-77", "unregistered device pump-77"),
            since=NOW - timedelta(hours=1),
            link="/console/events/dead-letters",
        ),
    )


def work_orders() -> dict[str, WorkOrder]:
    states = ("OPEN", "PLANNED", "IN_PROGRESS", "IN_PROGRESS", "ON_HOLD", "COMPLETED", "CLOSED", "CANCELLED")
    actions = {
        "OPEN": ("plan", "cancel"),
        "PLANNED": ("start", "cancel"),
        "IN_PROGRESS": ("complete", "hold", "cancel"),
        "ON_HOLD": ("resume", "cancel"),
        "COMPLETED": ("close",),
    }
    faults = ("bearing_inner_race", "seal_leak", "cavitation", "wear", "imbalance", "sensor_drift", "wear", None)
    made = {}
    for place, (state, fault) in enumerate(zip(states, faults, strict=True)):
        machine = CARDS[place * 4 + 2]
        order_id = f"W-{301 + place}"
        opened = NOW - timedelta(hours=5 * place + 1)
        made[order_id] = WorkOrder(
            id=order_id,
            machine_id=machine.id,
            machine=machine.name,
            customer=machine.customer,
            state=state,
            fault=fault,
            instruction=Words(
                "更换驱动端轴承 6205；复测包络值低于 0.8 g。", "Change bearing 6205; envelope then below 0.8 g."
            ),
            assignee=None if state == "OPEN" else "林工",
            opened=opened,
            started=None if state in ("OPEN", "PLANNED") else opened + timedelta(hours=1),
            completed=opened + timedelta(hours=3) if state in ("COMPLETED", "CLOSED") else None,
            steps=(
                WorkOrderStep(state="OPEN", at=opened, by=Words("平台", "platform")),
                WorkOrderStep(state=state, at=opened + timedelta(hours=1), by=Words("林工", "Lin"), note="备件已领"),
            ),
            actions=actions.get(state, ()),
            alarm_ids=("A-1043",),
            correlation_id=correlation(3),
        )
    return made


def commands(machine_id: str) -> tuple[Command, ...]:
    def made(number: int, name: str, state: str, *passed: str, **parameters: float) -> Command:
        return Command(
            id=f"C-{number}",
            name=name,
            parameters=parameters,
            state=state,
            created=NOW - timedelta(minutes=number),
            steps=tuple(
                CommandStep(state=one, at=NOW - timedelta(minutes=number, seconds=-4 * place), by=Words("林工", "Lin"))
                for place, one in enumerate((*passed, state))
            ),
            correlation_id=correlation(number),
            can_cancel=state == "QUEUED",
        )

    return (
        made(3, "set_speed", "QUEUED", speed_rpm=2850),
        made(42, "set_speed", "SUCCEEDED", "QUEUED", "SENT", "DELIVERED", "EXECUTING", speed_rpm=2975),
        made(95, "stop", "REJECTED", "QUEUED", "SENT"),
    )
