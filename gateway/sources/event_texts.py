"""What an event says in one line, in both languages; the explorer shows the whole of it."""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.console.naming import halves, name_of
from gateway.console.views import Words
from services.kernel.events import Event

# Type without `som.v1.`: (Chinese, English), filled with the event's data in words.
TEXTS: dict[str, tuple[str, str]] = {
    "lifecycle.product.registered": ("产品登记：{serial}", "Product registered: {serial}"),
    "lifecycle.product.announced": ("产品报到，固件 {firmware}", "Product announced itself, firmware {firmware}"),
    "lifecycle.product.connection-changed": ("连接状态改变", "The connection changed"),
    "lifecycle.product.health-changed": ("健康等级：{band}", "Health: {band}"),
    "lifecycle.alarm.raised": ("{severity}告警：{reason_zh}", "{severity} alarm: {reason_en}"),
    "lifecycle.alarm.changed": ("告警变为{severity}：{reason_zh}", "{severity} alarm now: {reason_en}"),
    "lifecycle.alarm.acknowledged": ("{by}确认了告警", "{by} acknowledged the alarm"),
    "lifecycle.alarm.assigned": ("告警负责人：{assignee}", "Alarm assigned to {assignee}"),
    "lifecycle.alarm.cleared": ("告警消除", "Alarm cleared"),
    "lifecycle.diagnosis.made": ("诊断：{reason_zh}", "Diagnosis: {reason_en}"),
    "lifecycle.ticket.opened": ("建立故障案例", "Fault case opened"),
    "lifecycle.ticket.closed": ("故障案例关闭", "Fault case closed"),
    "lifecycle.work-order.changed": ("维修工单：{state}", "Work order: {state}"),
    "lifecycle.command.changed": ("远程指令“{name}”：{state}", "Remote command, {name}: {state}"),
    "lifecycle.usage.metered": ("计量：{meter} {quantity}", "Metered: {meter} {quantity}"),
    "billing.contract.signed": ("签订服务合同", "Service contract signed"),
    "billing.usage.held-back": ("用量暂缓计费：{reason}", "Usage held back: {reason}"),
    "billing.usage.quarantined": ("用量上报被隔离", "Usage report quarantined"),
    "billing.invoice.issued": ("开具账单 {number}", "Invoice {number} issued"),
    "billing.invoice.posted": ("账单 {number} 入账", "Invoice {number} posted"),
    "billing.invoice.voided": ("账单 {number} 作废：{reason}", "Invoice {number} voided: {reason}"),
    "billing.invoice.reversed": ("账单 {number} 冲销：{reason}", "Invoice {number} reversed: {reason}"),
    "gateway.organisation.added": ("新增组织 {organisation_id}", "Organisation {organisation_id} added"),
    "gateway.user.added": ("新增用户", "User added"),
    "gateway.agreement.made": ("签订共享协议：{grantor_id} → {grantee_id}", "Agreement: {grantor_id} → {grantee_id}"),
    "gateway.agreement.ended": (
        "共享协议终止：{grantor_id} → {grantee_id}",
        "Agreement over: {grantor_id} → {grantee_id}",
    ),
    "gateway.business-time.set": ("业务时钟：×{speed:g}", "Business clock: ×{speed:g}"),
    "gateway.scenario.steered": ("控制模拟器：{action} {fault}", "Simulator: {action} {fault}"),
}  # fmt: skip
# What a yes or no of the data makes of an event: (type, field, value) -> text.
CASES: dict[tuple[str, str, bool], Words] = {
    ("lifecycle.product.connection-changed", "online", True): Words("设备上线", "Device online"),
    ("lifecycle.product.connection-changed", "online", False): Words("设备离线", "Device offline"),
    ("gateway.business-time.set", "paused", True): Words("业务时钟暂停", "Business clock paused"),
}
# Field of the data: table of names; where the same field means different things, by type.
NAMED = {"band": "BANDS", "severity": "SEVERITIES", "fault": "FAULTS", "meter": "SIGNALS", "action": "WORLD_ACTIONS"}
NAMED_IN = {
    ("lifecycle.work-order.changed", "state"): "WORK_ORDER_STATES",
    ("lifecycle.command.changed", "state"): "COMMAND_STATES",
    ("lifecycle.command.changed", "name"): "COMMANDS",
    ("billing.usage.held-back", "reason"): "HELD_BACK",
}
# Meter: base units in the unit shown, and its symbol.
METER_UNITS = {"run_seconds": (3600, "h"), "volume_l": (1000, "m³"), "energy_wh": (1000, "kWh")}
Person = Callable[[str], Words]


def text_of(event: Event, person: Person = halves) -> Words:
    """One line; an event that is not known here is named by its type. `person` names who acted."""
    name = event.type.removeprefix("som.v1.")
    for (kind, field, value), text in CASES.items():
        if kind == name and event.data.get(field) is value:
            return text
    if name == "lifecycle.alarm.acknowledged" and event.data.get("withdrawn"):
        zh, en = "{by}撤回了确认", "{by} withdrew the acknowledgement"
    else:
        zh, en = TEXTS.get(name, (name, name))
    said = {field: _said(name, field, value, event.data, person) for field, value in event.data.items()}
    return Words(
        _filled(zh, {field: one.zh if isinstance(one, Words) else one for field, one in said.items()}),
        _filled(en, {field: one.en if isinstance(one, Words) else one for field, one in said.items()}),
    )


def _said(name: str, field: str, value: Any, data: Mapping[str, Any], person: Person) -> Any:
    """A field's value in words of both languages, or as it is."""
    if value is None:
        return Words("", "") if field == "fault" else Words("无", "nobody")
    table = NAMED_IN.get((name, field)) or NAMED.get(field)
    if table is not None:
        return name_of(str(value), table)
    if field in ("by", "assignee"):
        return person(str(value))
    if field == "quantity" and isinstance(value, int) and data.get("meter") in METER_UNITS:
        size, unit = METER_UNITS[data["meter"]]
        return f"{value / size:,.2f} {unit}"
    return value


def _filled(template: str, said: Mapping[str, Any]) -> str:
    try:
        return template.format_map(said).strip()
    except (KeyError, ValueError, TypeError):  # Another version of the service tells less.
        return template.partition("{")[0].rstrip("：:, “")
