"""Events that the lifecycle service announces, in the past tense."""

from typing import ClassVar

from pydantic import AwareDatetime, ConfigDict, Field

from services.kernel.events import EventData
from services.lifecycle.contract.products import SERVICE
from services.lifecycle.contract.work import CommandState, Severity, WorkOrderState


class LifecycleEvent(EventData):
    """Base of all events here: each is about one device."""

    model_config = ConfigDict(frozen=True)
    service: ClassVar[str] = SERVICE
    device_id: str


class ProductRegistered(LifecycleEvent):
    """A product instance was made known."""

    noun, event = "product", "registered"
    type_id: str
    serial: str


class ProductAnnounced(LifecycleEvent):
    """A registered product was heard of for the first time, or with other firmware."""

    noun, event = "product", "announced"
    firmware: str
    boot: int


class ConnectionChanged(LifecycleEvent):
    """A device came online or went offline."""

    noun, event = "product", "connection-changed"
    online: bool


class HealthChanged(LifecycleEvent):
    """The health index entered another band."""

    noun, event = "product", "health-changed"
    index: float | None
    band: str


class AlarmRaised(LifecycleEvent):
    """An abnormal state began."""

    noun, event = "alarm", "raised"
    alarm_id: str
    code: str
    severity: Severity
    reason_zh: str
    reason_en: str


class AlarmChanged(LifecycleEvent):
    """An active alarm has another severity."""

    noun, event = "alarm", "changed"
    alarm_id: str
    code: str
    severity: Severity
    reason_zh: str
    reason_en: str


class AlarmAcknowledged(LifecycleEvent):
    """Somebody has seen the alarm; `withdrawn` when that was taken back."""

    noun, event = "alarm", "acknowledged"
    alarm_id: str
    by: str
    withdrawn: bool = False


class AlarmAssigned(LifecycleEvent):
    """Somebody was made responsible for the alarm, or nobody."""

    noun, event = "alarm", "assigned"
    alarm_id: str
    assignee: str | None


class AlarmCleared(LifecycleEvent):
    """The cause is gone, or somebody cleared the alarm by hand."""

    noun, event = "alarm", "cleared"
    alarm_id: str


class DiagnosisMade(LifecycleEvent):
    """The rules name another fault than before."""

    noun, event = "diagnosis", "made"
    fault: str
    confidence: str
    reason_zh: str
    reason_en: str


class TicketOpened(LifecycleEvent):
    """A fault case was opened from alarms."""

    noun, event = "ticket", "opened"
    ticket_id: str
    alarm_ids: list[str]


class TicketClosed(LifecycleEvent):
    """All alarms of a fault case are cleared and its repair is done."""

    noun, event = "ticket", "closed"
    ticket_id: str


class WorkOrderChanged(LifecycleEvent):
    """A work order was made or entered another state."""

    noun, event = "work-order", "changed"
    work_order_id: str
    ticket_id: str
    state: WorkOrderState
    fault: str | None


class CommandChanged(LifecycleEvent):
    """A remote command was made or entered another state."""

    noun, event = "command", "changed"
    command_id: str
    name: str
    state: CommandState


class UsageMetered(LifecycleEvent):
    """Usage of one meter of one device in one bucket of business time; its CloudEvents id is stable for that bucket."""

    noun, event = "usage", "metered"
    meter: str = Field(description="run_seconds, volume_l or energy_wh")
    quantity: int = Field(ge=0, description="In the meter's base unit")
    start: AwareDatetime
    end: AwareDatetime
    estimated: bool = Field(default=False, description="Part of it was read across a gap in the data")
    customer_id: str
    provider_id: str
