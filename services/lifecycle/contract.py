"""PUBLIC: what the lifecycle service takes, gives and announces (全生命周期管理服务的公开契约)."""

from enum import StrEnum
from typing import Any, ClassVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from services.kernel.events import EventData

SERVICE = "lifecycle"
DEVICE_TOPICS = "som/v1/devices"
DEVICE_ID = r"^[a-z0-9-]{1,64}$"
SIGNAL = r"^[a-z][a-z0-9_]{0,63}$"


def device_topic(device_id: str, kind: str) -> str:
    """Topic of one kind (birth, telemetry, state, alarm, ack; command, confirmed) of one device."""
    return f"{DEVICE_TOPICS}/{device_id}/{kind}"


class Quality(StrEnum):
    """How far a value can be trusted (可信度)."""

    GOOD = "GOOD"
    STALE = "STALE"
    BAD = "BAD"


class Severity(StrEnum):
    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    WARNING = "warning"


class AlarmState(StrEnum):
    """RAISED and ACKNOWLEDGED are active; CLEARED when the cause is gone."""

    RAISED = "RAISED"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    CLEARED = "CLEARED"


class WorkOrderState(StrEnum):
    OPEN = "OPEN"
    PLANNED = "PLANNED"
    IN_PROGRESS = "IN_PROGRESS"
    ON_HOLD = "ON_HOLD"
    COMPLETED = "COMPLETED"
    CLOSED = "CLOSED"
    CANCELLED = "CANCELLED"


class CommandState(StrEnum):
    QUEUED = "QUEUED"
    SENT = "SENT"
    DELIVERED = "DELIVERED"
    EXECUTING = "EXECUTING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"


# ---- Products -------------------------------------------------------------------------------------------------


class Signal(BaseModel):
    """One data point of a product type's data model (数据点); limits are in the signal's own unit."""

    name: str = Field(pattern=SIGNAL)
    name_zh: str
    name_en: str
    unit: str
    kind: str = Field(default="gauge", pattern="^(gauge|counter)$")
    least: float | None = Field(default=None, description="Physically possible minimum; below is BAD")
    most: float | None = Field(default=None, description="Physically possible maximum; above is BAD")
    warning_low: float | None = None
    warning_high: float | None = None
    alarm_low: float | None = None
    alarm_high: float | None = None
    health_weight: float = Field(default=0.0, ge=0, le=1)
    statistics: bool = Field(default=False, description="Watched by a control chart on the device's own baseline")


class ProductType(BaseModel):
    """What kind of product it is, with its data model (产品型号与数据模型)."""

    id: str = Field(pattern=DEVICE_ID)
    name_zh: str
    name_en: str
    maker_id: str = Field(description="Organisation that makes it")
    signals: list[Signal] = Field(min_length=1, max_length=200)
    bearing: str | None = Field(default=None, description="Bearing of the drive end, as rules/vibration names it")
    rated: dict[str, float] = {}


class ProductTypeCreate(ProductType):
    pass


class ProductCreate(BaseModel):
    """A product instance to be registered; it announces itself with its first birth message."""

    id: str = Field(pattern=DEVICE_ID)
    type_id: str
    serial: str = Field(min_length=1, max_length=64)
    name_zh: str = ""
    name_en: str = ""
    organisation_id: str = Field(description="Customer that uses it")
    site: str = ""


class Product(ProductCreate):
    """A product instance (产品实例)."""

    maker_id: str
    registered: AwareDatetime
    announced: AwareDatetime | None = None
    firmware: str | None = None


class DeviceCredential(BaseModel):
    """Shown once; the service keeps only a hash."""

    device_id: str
    username: str
    password: str
    broker_host: str
    broker_port: int
    example: str = Field(description="A mosquitto_pub line that works as pasted")


# ---- Twin -----------------------------------------------------------------------------------------------------


class Value(BaseModel):
    """The last known value of a signal, never shown as live when it is not."""

    value: float | None
    quality: Quality
    source_time: AwareDatetime | None
    expires: AwareDatetime | None = None


class Contribution(BaseModel):
    """What one signal takes off the health index."""

    signal: str
    penalty: float
    reason_zh: str
    reason_en: str


class Health(BaseModel):
    """Health index 0-100 (健康指数); `index` is none when the data cannot tell."""

    index: float | None
    band: str = Field(description="good, watch, poor or cannot_tell")
    contributions: list[Contribution] = []
    as_of: AwareDatetime | None = None


class Diagnosis(BaseModel):
    """What the rules make of a device's signals, or `cannot_tell`."""

    fault: str
    confidence: str
    reason_zh: str
    reason_en: str
    evidence: dict[str, Any] = {}
    as_of: AwareDatetime


class Twin(BaseModel):
    """Desired and reported side of one product instance (数字孪生)."""

    device_id: str
    online: bool
    last_seen: AwareDatetime | None
    last_seen_wall: AwareDatetime | None = None
    boot: int | None
    sequence: int | None
    values: dict[str, Value] = {}
    desired: dict[str, Any] = {}
    reported: dict[str, Any] = {}
    health: Health
    diagnosis: Diagnosis | None = None


class ProductSummary(BaseModel):
    """One card of the fleet."""

    product: Product
    online: bool
    last_seen: AwareDatetime | None
    health: Health
    alarms_active: int
    key_values: dict[str, Value] = {}


class HistoryPoint(BaseModel):
    """`least` to `most` around `mean` within the bucket that starts at `time`."""

    time: AwareDatetime
    mean: float
    least: float
    most: float
    count: int


class History(BaseModel):
    """One signal of one device between two times; `width_s` 0 means raw readings."""

    device_id: str
    signal: str
    width_s: int
    points: list[HistoryPoint]


class StateInterval(BaseModel):
    """One bar of the state timeline."""

    state: str = Field(description="running, stopped, alarm, offline")
    start: AwareDatetime
    end: AwareDatetime | None


# ---- Alarms, tickets, work orders, commands ------------------------------------------------------------------


class Alarm(BaseModel):
    id: str
    device_id: str
    organisation_id: str
    code: str
    severity: Severity
    state: AlarmState
    signal: str | None = None
    value: float | None = None
    limit: float | None = None
    reason_zh: str
    reason_en: str
    source: str = Field(description="limit, statistics, diagnosis, device or timer")
    raised: AwareDatetime
    acknowledged: AwareDatetime | None = None
    acknowledged_by: str | None = None
    assignee: str | None = None
    cleared: AwareDatetime | None = None
    ticket_id: str | None = None
    correlation_id: str


class TicketCreate(BaseModel):
    alarm_ids: list[str] = Field(min_length=1, max_length=100)
    title: str = Field(default="", max_length=200)


class Ticket(BaseModel):
    """One fault case: the alarms that belong together (工单请求)."""

    id: str
    device_id: str
    organisation_id: str
    title: str
    opened: AwareDatetime
    closed: AwareDatetime | None = None
    work_order_id: str | None = None
    correlation_id: str


class WorkOrderCreate(BaseModel):
    ticket_id: str
    instruction: str = Field(default="", max_length=2000)
    fault: str | None = None


class WorkOrderAction(BaseModel):
    """plan, start, hold, resume, complete, close, cancel; `note` is kept in the history."""

    action: str = Field(pattern="^(plan|start|hold|resume|complete|close|cancel)$")
    assignee: str | None = Field(default=None, max_length=100)
    note: str = Field(default="", max_length=2000)


class WorkOrderStep(BaseModel):
    state: WorkOrderState
    at: AwareDatetime
    by: str
    note: str = ""


class WorkOrder(BaseModel):
    """Maintenance work order (维修工单)."""

    id: str
    device_id: str
    organisation_id: str
    ticket_id: str
    state: WorkOrderState
    fault: str | None
    instruction: str
    assignee: str | None
    opened: AwareDatetime
    started: AwareDatetime | None
    completed: AwareDatetime | None
    history: list[WorkOrderStep]
    actions: list[str] = Field(default=[], description="Actions that its state allows now")
    correlation_id: str


class CommandCreate(BaseModel):
    """A remote command (远程指令); the same key with the same content gives the same command again."""

    name: str = Field(pattern=SIGNAL)
    parameters: dict[str, float | int | str | bool] = Field(default={}, max_length=50)
    idempotency_key: str = Field(min_length=8, max_length=64)
    expires_s: int = Field(default=3600, ge=5, le=604800, description="Wall seconds it may wait for the device")
    timeout_s: int = Field(default=60, ge=1, le=86400, description="Wall seconds from SENT to an end state")


class CommandStep(BaseModel):
    state: CommandState
    at: AwareDatetime
    by: str
    reason: str = ""


class Command(BaseModel):
    id: str
    device_id: str
    organisation_id: str
    name: str
    parameters: dict[str, Any]
    state: CommandState
    idempotency_key: str
    created: AwareDatetime
    expires: AwareDatetime
    history: list[CommandStep]
    result: dict[str, Any] = {}
    correlation_id: str


# ---- Messages -------------------------------------------------------------------------------------------------


class MessageLedger(BaseModel):
    """received = stored + duplicate + dead_lettered + in_flight, always."""

    received: int
    stored: int
    duplicate: int
    dead_lettered: int
    in_flight: int


class DeadLetter(BaseModel):
    """A message that could not be taken, with the reason and the payload as it came (cut at 64 KiB)."""

    id: int
    topic: str
    reason: str
    detail: str
    payload: str
    received: AwareDatetime


# ---- Events ---------------------------------------------------------------------------------------------------


class LifecycleEvent(EventData):
    model_config = ConfigDict(frozen=True)
    service: ClassVar[str] = SERVICE
    device_id: str


class ProductRegistered(LifecycleEvent):
    noun, event = "product", "registered"
    type_id: str
    serial: str


class ProductAnnounced(LifecycleEvent):
    noun, event = "product", "announced"
    firmware: str
    boot: int


class ConnectionChanged(LifecycleEvent):
    noun, event = "product", "connection-changed"
    online: bool


class HealthChanged(LifecycleEvent):
    """The health index entered another band."""

    noun, event = "product", "health-changed"
    index: float | None
    band: str


class AlarmRaised(LifecycleEvent):
    noun, event = "alarm", "raised"
    alarm_id: str
    code: str
    severity: Severity
    reason_zh: str
    reason_en: str


class AlarmAcknowledged(LifecycleEvent):
    noun, event = "alarm", "acknowledged"
    alarm_id: str
    by: str


class AlarmCleared(LifecycleEvent):
    noun, event = "alarm", "cleared"
    alarm_id: str


class DiagnosisMade(LifecycleEvent):
    noun, event = "diagnosis", "made"
    fault: str
    confidence: str
    reason_zh: str
    reason_en: str


class TicketOpened(LifecycleEvent):
    noun, event = "ticket", "opened"
    ticket_id: str
    alarm_ids: list[str]


class WorkOrderChanged(LifecycleEvent):
    noun, event = "work-order", "changed"
    work_order_id: str
    ticket_id: str
    state: WorkOrderState
    fault: str | None


class CommandChanged(LifecycleEvent):
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
