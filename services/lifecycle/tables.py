"""Tables of the lifecycle service, on its own metadata. Rows never leave the service; contract models do."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from services.kernel.columns import Instant, state_check
from services.kernel.tables import OrganisationOwned, RowNumber, kernel_tables
from services.lifecycle.contract import AlarmState, CommandState, WorkOrderState


class Base(SQLModel, registry=registry()):
    """Own registry: two services may both have a table of the same name."""


METADATA = Base.metadata
kernel_tables(METADATA)


class ProductTypeRow(Base, table=True):
    __tablename__ = "product_type"
    id: str = Field(primary_key=True, max_length=64)
    maker_id: str = Field(max_length=64, index=True)
    body: dict[str, Any] = Field(sa_type=JSON)
    created: datetime = Field(sa_type=Instant)


class ProductRow(OrganisationOwned, Base, table=True):
    __tablename__ = "product"
    id: str = Field(primary_key=True, max_length=64)
    type_id: str = Field(max_length=64, index=True)
    maker_id: str = Field(max_length=64, index=True)
    serial: str = Field(max_length=64)
    name_zh: str = Field(max_length=200)
    name_en: str = Field(max_length=200)
    site: str = Field(max_length=200)
    credential_hash: str | None = Field(default=None, max_length=200)
    registered: datetime = Field(sa_type=Instant)
    announced: datetime | None = Field(default=None, sa_type=Instant)
    firmware: str | None = Field(default=None, max_length=64)


class TwinRow(OrganisationOwned, Base, table=True):
    """One row a device, written once a batch by the ingest worker; `detection` lets any worker take over."""

    __tablename__ = "twin"
    device_id: str = Field(primary_key=True, max_length=64)
    online: bool = False
    online_since: datetime | None = Field(default=None, sa_type=Instant)
    last_seen: datetime | None = Field(default=None, sa_type=Instant)
    last_seen_wall: datetime | None = Field(default=None, sa_type=Instant)
    boot: int | None = Field(default=None, sa_type=BigInteger)
    sequence: int | None = Field(default=None, sa_type=BigInteger)
    values: str = Field(default="{}", sa_type=Text)
    reported: str = Field(default="{}", sa_type=Text)
    desired: str = Field(default="{}", sa_type=Text)
    detection: str = Field(default="", sa_type=Text)
    settled: str = Field(default="{}", sa_type=Text)
    health: str = Field(default="{}", sa_type=Text)
    diagnosis: str | None = Field(default=None, sa_type=Text)
    timeline: str = Field(default="offline", max_length=16)


_ACTIVE = text("state <> 'CLEARED'")


class AlarmRow(OrganisationOwned, Base, table=True):
    __tablename__ = "alarm"
    __table_args__ = (
        state_check("state", AlarmState),
        # One active alarm a device and code: a second worker that sees the same finding cannot raise it twice.
        Index("alarm_active", "device_id", "code", unique=True, sqlite_where=_ACTIVE, postgresql_where=_ACTIVE),
    )
    id: str = Field(primary_key=True, max_length=32)
    device_id: str = Field(max_length=64, index=True)
    code: str = Field(max_length=80)
    severity: str = Field(max_length=16)
    state: str = Field(max_length=16, index=True)
    signal: str | None = Field(default=None, max_length=64)
    value: float | None = None
    limit: float | None = None
    reason_zh: str = Field(sa_type=Text)
    reason_en: str = Field(sa_type=Text)
    source: str = Field(max_length=16)
    raised: datetime = Field(sa_type=Instant, index=True)
    acknowledged: datetime | None = Field(default=None, sa_type=Instant)
    acknowledged_by: str | None = Field(default=None, max_length=160)
    assignee: str | None = Field(default=None, max_length=160)
    cleared: datetime | None = Field(default=None, sa_type=Instant)
    ticket_id: str | None = Field(default=None, max_length=32, index=True)
    correlation_id: str = Field(max_length=64, index=True)


class TicketRow(OrganisationOwned, Base, table=True):
    __tablename__ = "ticket"
    id: str = Field(primary_key=True, max_length=32)
    device_id: str = Field(max_length=64, index=True)
    title: str = Field(max_length=200)
    opened: datetime = Field(sa_type=Instant, index=True)
    closed: datetime | None = Field(default=None, sa_type=Instant)
    work_order_id: str | None = Field(default=None, max_length=32)
    correlation_id: str = Field(max_length=64, index=True)


class WorkOrderRow(OrganisationOwned, Base, table=True):
    __tablename__ = "work_order"
    __table_args__ = (state_check("state", WorkOrderState),)
    id: str = Field(primary_key=True, max_length=32)
    device_id: str = Field(max_length=64, index=True)
    ticket_id: str = Field(max_length=32, index=True)
    state: str = Field(max_length=16, index=True)
    fault: str | None = Field(default=None, max_length=64)
    instruction: str = Field(sa_type=Text)
    assignee: str | None = Field(default=None, max_length=160)
    opened: datetime = Field(sa_type=Instant, index=True)
    started: datetime | None = Field(default=None, sa_type=Instant)
    completed: datetime | None = Field(default=None, sa_type=Instant)
    history: list[dict[str, Any]] = Field(sa_type=JSON)
    correlation_id: str = Field(max_length=64, index=True)


class CommandRow(OrganisationOwned, Base, table=True):
    __tablename__ = "command"
    __table_args__ = (
        state_check("state", CommandState),
        Index("command_key", "device_id", "idempotency_key", unique=True),
    )
    id: str = Field(primary_key=True, max_length=32)
    device_id: str = Field(max_length=64, index=True)
    name: str = Field(max_length=64)
    parameters: dict[str, Any] = Field(sa_type=JSON)
    state: str = Field(max_length=16, index=True)
    idempotency_key: str = Field(max_length=64)
    created: datetime = Field(sa_type=Instant, index=True)
    created_wall: datetime = Field(sa_type=Instant)
    expires_wall: datetime = Field(sa_type=Instant)
    timeout_s: int
    sent_wall: datetime | None = Field(default=None, sa_type=Instant)
    history: list[dict[str, Any]] = Field(sa_type=JSON)
    result: dict[str, Any] = Field(sa_type=JSON)
    late_state: str | None = Field(default=None, max_length=16)  # Acknowledged after it had ended here.
    correlation_id: str = Field(max_length=64, index=True)


class StateIntervalRow(OrganisationOwned, Base, table=True):
    """The state timeline: running, stopped, alarm, offline; the open interval has no end."""

    __tablename__ = "state_interval"
    id: int | None = Field(default=None, primary_key=True, sa_type=RowNumber)
    device_id: str = Field(max_length=64)
    state: str = Field(max_length=16)
    start: datetime = Field(sa_type=Instant)
    end: datetime | None = Field(default=None, sa_type=Instant)
    __table_args__ = (Index("state_interval_device", "device_id", "start"),)


class MeterReadingRow(OrganisationOwned, Base, table=True):
    """Where metering of a counter stands: everything up to `at` has become usage events."""

    __tablename__ = "meter_reading"
    device_id: str = Field(primary_key=True, max_length=64)
    meter: str = Field(primary_key=True, max_length=64)
    at: datetime = Field(sa_type=Instant)
    value: int = Field(sa_type=BigInteger)
    total: int = Field(default=0, sa_type=BigInteger)
    estimated: bool = False  # The stretch from `at` to the next reading is already known to be an estimate.


# Readings are written by executemany and read by hand: never the ORM.
TELEMETRY = Table(
    "telemetry",
    METADATA,
    Column("id", RowNumber, primary_key=True, autoincrement=True),
    Column("device", String(64), nullable=False),
    Column("boot", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("source_time", BigInteger, nullable=False),  # Microseconds since 1970 UTC, as the device says.
    Column("kind", SmallInteger, nullable=False),  # 0 telemetry; 1 birth, 2 state, 3 alarm, 4 ack.
    Column("quality", SmallInteger, nullable=False),  # 0 GOOD, 1 STALE, 2 BAD.
    Column("body", LargeBinary, nullable=False),
    Index("telemetry_key", "device", "boot", "sequence", unique=True),
    Index("telemetry_time", "device", "source_time"),
)

TREND = Table(
    "trend",
    METADATA,
    Column("device", String(64), primary_key=True),
    Column("signal", String(64), primary_key=True),
    Column("width", Integer, primary_key=True),  # Seconds: 60, 1,800, 86,400.
    Column("bucket", BigInteger, primary_key=True),  # Start of the bucket, seconds since 1970 UTC.
    Column("count", Integer, nullable=False),
    Column("least", Float, nullable=False),
    Column("most", Float, nullable=False),
    Column("total", Float, nullable=False),
)

TREND_CURSOR = Table(
    "trend_cursor",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("telemetry_id", BigInteger, nullable=False),
)
