"""What an event says in one line, in both languages; the explorer shows the whole of it."""

from collections.abc import Mapping
from typing import Any

from gateway.console.views import Words
from services.kernel.events import Event

# Type without `som.v1.`: (Chinese, English), filled with the event's data.
TEXTS: dict[str, tuple[str, str]] = {
    "lifecycle.product.registered": ("产品登记：{serial}", "Product registered: {serial}"),
    "lifecycle.product.announced": ("产品报到，固件 {firmware}", "Product announced itself, firmware {firmware}"),
    "lifecycle.product.connection-changed": ("连接状态改变", "The connection changed"),
    "lifecycle.product.health-changed": ("健康等级变为 {band}", "The health band is now {band}"),
    "lifecycle.alarm.raised": ("告警：{reason_zh}", "Alarm: {reason_en}"),
    "lifecycle.alarm.changed": ("告警级别变为 {severity}：{reason_zh}", "Alarm is now {severity}: {reason_en}"),
    "lifecycle.alarm.acknowledged": ("{by} 确认了告警", "{by} acknowledged the alarm"),
    "lifecycle.alarm.assigned": ("告警负责人：{assignee}", "Alarm assigned to {assignee}"),
    "lifecycle.alarm.cleared": ("告警消除", "Alarm cleared"),
    "lifecycle.diagnosis.made": ("诊断 {fault}：{reason_zh}", "Diagnosis {fault}: {reason_en}"),
    "lifecycle.ticket.opened": ("建立工单请求", "Ticket opened"),
    "lifecycle.ticket.closed": ("工单请求关闭", "Ticket closed"),
    "lifecycle.work-order.changed": ("维修工单：{state}", "Work order: {state}"),
    "lifecycle.command.changed": ("远程指令 {name}：{state}", "Command {name}: {state}"),
    "lifecycle.usage.metered": ("计量 {meter}：{quantity}", "Metered {meter}: {quantity}"),
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


def text_of(event: Event) -> Words:
    """One line; an event that is not known here is named by its type."""
    name = event.type.removeprefix("som.v1.")
    if name == "lifecycle.product.connection-changed":
        online = bool(event.data.get("online"))
        return Words("设备上线", "Device online") if online else Words("设备离线", "Device offline")
    zh, en = TEXTS.get(name, (name, name))
    return Words(_filled(zh, event.data), _filled(en, event.data))


def _filled(template: str, data: Mapping[str, Any]) -> str:
    try:
        return template.format_map({name: "—" if value is None else value for name, value in data.items()})
    except (KeyError, ValueError, TypeError):  # Another version of the service tells less.
        return template.partition("{")[0].rstrip("：: ")
