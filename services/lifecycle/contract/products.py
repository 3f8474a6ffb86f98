"""Products, their types and twins: what is registered, how it is, what it was."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, Field

SERVICE = "lifecycle"
DEVICE_TOPICS = "som/v1/devices"
DEVICE_ID = r"^[a-z0-9-]{1,64}$"
ORGANISATION_ID = r"^[a-z0-9-]{1,64}$"
SIGNAL = r"^[a-z][a-z0-9_]{0,63}$"
ROW_ID = r"^[a-z0-9-]{1,64}$"
LINE_OF_TEXT = r"^[^\x00-\x1f\x7f]*$"
TEXT = r"^[^\x00-\x08\x0b-\x1f\x7f]*$"  # Lines and tabs are fine, other control characters are not.
NUMBER_MAX = 1e15  # No physical quantity is larger; finite, so that NaN and infinity are refused.

DeviceId = Annotated[str, Field(pattern=DEVICE_ID)]
OrganisationId = Annotated[str, Field(pattern=ORGANISATION_ID)]
SignalName = Annotated[str, Field(pattern=SIGNAL)]
RowId = Annotated[str, Field(pattern=ROW_ID)]
Name = Annotated[str, Field(max_length=200, pattern=LINE_OF_TEXT)]
Number = Annotated[float, Field(ge=-NUMBER_MAX, le=NUMBER_MAX, allow_inf_nan=False)]
Instant = Annotated[AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(2200, 1, 1, tzinfo=UTC))]


def device_topic(device_id: str, kind: str) -> str:
    """Topic of one kind (birth, telemetry, state, alarm, ack; command, confirmed) of one device."""
    return f"{DEVICE_TOPICS}/{device_id}/{kind}"


class Quality(StrEnum):
    """How far a value can be trusted (数据质量)."""

    GOOD = "GOOD"
    STALE = "STALE"
    BAD = "BAD"


class TimelineState(StrEnum):
    """What a product is doing, as the state timeline shows it; `alarm` runs with a major or critical alarm."""

    RUNNING = "running"
    STOPPED = "stopped"
    ALARM = "alarm"
    OFFLINE = "offline"


# ---- Products -------------------------------------------------------------------------------------------------


class Signal(BaseModel):
    """One data point of a product type's data model (数据点); limits are in the signal's own unit."""

    name: SignalName
    name_zh: Name
    name_en: Name
    unit: str = Field(max_length=32, pattern=LINE_OF_TEXT, description="As people read it: °C, mm/s, m³/h")
    kind: str = Field(default="gauge", pattern="^(gauge|counter)$")
    least: Number | None = Field(default=None, description="Physically possible minimum; below is BAD")
    most: Number | None = Field(default=None, description="Physically possible maximum; above is BAD")
    warning_low: Number | None = None
    warning_high: Number | None = None
    alarm_low: Number | None = None
    alarm_high: Number | None = None
    health_weight: float = Field(default=0.0, ge=0, le=1, description="Share in the health index, any scale")
    statistics: bool = Field(default=False, description="Watched by a control chart on the device's own baseline")
    deviation_least: float | None = Field(
        default=None, gt=0, le=NUMBER_MAX, description="Least deviation worth telling; none: a share of the level"
    )


class ProductType(BaseModel):
    """What kind of product it is, with its data model (产品型号与数据模型)."""

    id: DeviceId
    name_zh: Name
    name_en: Name
    maker_id: OrganisationId = Field(description="Organisation that makes it")
    signals: list[Signal] = Field(min_length=1, max_length=200)
    bearing: str | None = Field(
        default=None, max_length=64, pattern=LINE_OF_TEXT, description="Bearing of the drive end, such as 6205"
    )
    rated: dict[SignalName, Number] = Field(default={}, max_length=50)


class ProductTypeCreate(ProductType):
    """Command: make a product type known. It never changes: a new data model is a new type."""


class ProductCreate(BaseModel):
    """Command: register a product instance; it announces itself with its first birth message."""

    id: DeviceId
    type_id: DeviceId
    serial: str = Field(min_length=1, max_length=64, pattern=LINE_OF_TEXT)
    name_zh: Name = ""
    name_en: Name = ""
    organisation_id: OrganisationId = Field(description="Customer that uses it")
    site: Name = ""


class Product(ProductCreate):
    """A product instance (产品实例)."""

    maker_id: str
    registered: AwareDatetime
    announced: AwareDatetime | None = None
    firmware: str | None = None


class DeviceCredential(BaseModel):
    """Name and secret of a device (设备凭据); shown once, the service keeps only a hash."""

    device_id: str
    username: str
    password: str
    broker_host: str
    broker_port: int
    example: str = Field(description="A mosquitto_pub line that works as pasted")


class Registration(BaseModel):
    """A product that was registered just now, with the credentials for its device."""

    product: Product
    credential: DeviceCredential


class DevicePassword(BaseModel):
    """A line of a broker's password file: PBKDF2 in the form `$7$iterations$salt$hash`."""

    device_id: str
    password_hash: str


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
    """What the rules make of a device's signals (诊断), or `cannot_tell`."""

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
    state: str = "offline"


class ProductSummary(BaseModel):
    """One card of the fleet."""

    product: Product
    online: bool
    last_seen: AwareDatetime | None
    health: Health
    alarms_active: int
    key_values: dict[str, Value] = {}
    state: str = "offline"
    diagnosis: Diagnosis | None = None


class FleetFigures(BaseModel):
    """The visible fleet in numbers."""

    products: int
    announced: int
    online: int
    states: dict[str, int] = Field(description="Products in each state of the timeline")
    health_bands: dict[str, int]
    alarms_active: dict[str, int] = Field(description="By severity")
    tickets_open: int
    work_orders_open: int


class Reading(BaseModel):
    """One message of a device as it came (读数): the values of its signals at one source time."""

    time: AwareDatetime
    quality: Quality
    values: dict[str, float]
    qualities: dict[str, Quality] = Field(default={}, description="Signals whose quality differs from the message's")


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
    """One bar of the state timeline; the present one has no end."""

    state: str = Field(description="running, stopped, alarm, offline")
    start: AwareDatetime
    end: AwareDatetime | None
