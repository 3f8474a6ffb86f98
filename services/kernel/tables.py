"""Tables that every service keeps for the kernel's mechanisms, on the service's own metadata."""

from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text
from sqlmodel import Field, SQLModel

from services.kernel.columns import Instant

# SQLite counts rows itself only for a plain INTEGER PRIMARY KEY.
RowNumber = BigInteger().with_variant(Integer(), "sqlite")


class OrganisationOwned(SQLModel):
    """Mixin of a row that belongs to an organisation; every read of it is filtered by the unit of work."""

    organisation_id: str = Field(index=True, max_length=64)


class CounterpartyOwned(SQLModel):
    """Mixin of a row between two organisations: both parties see it."""

    organisation_id: str = Field(index=True, max_length=64)
    counterparty_id: str = Field(index=True, max_length=64)


@dataclass(frozen=True)
class KernelTables:
    """The kernel's tables of one service."""

    outbox: Table
    outbox_head: Table
    inbox_cursor: Table
    dead_letter: Table
    message_count: Table
    clock_seen: Table
    audit: Table


def kernel_tables(metadata: MetaData) -> KernelTables:
    """Add the kernel's tables to a service's metadata; calling it again returns the same tables."""
    if "outbox" in metadata.tables:
        return KernelTables(*(metadata.tables[name] for name in KernelTables.__dataclass_fields__))
    return KernelTables(
        outbox=Table(
            "outbox",
            metadata,
            Column("position", RowNumber, primary_key=True, autoincrement=False),
            Column("type", String(160), nullable=False),
            Column("correlation_id", String(64), nullable=False, index=True),
            Column("subject", String(160), index=True),
            Column("organisation_id", String(64), index=True),
            Column("recorded", Instant, nullable=False, index=True),
            Column("body", LargeBinary, nullable=False),
        ),
        outbox_head=Table(
            "outbox_head",
            metadata,
            Column("id", Integer, primary_key=True, autoincrement=False),
            Column("position", BigInteger, nullable=False),
        ),
        inbox_cursor=Table(
            "inbox_cursor",
            metadata,
            Column("producer", String(64), primary_key=True),
            Column("position", BigInteger, nullable=False),
        ),
        dead_letter=Table(
            "dead_letter",
            metadata,
            Column("id", RowNumber, primary_key=True, autoincrement=True),
            Column("topic", String(512), nullable=False),
            Column("reason", String(64), nullable=False),
            Column("detail", Text, nullable=False),
            Column("payload", LargeBinary, nullable=False),
            Column("received", Instant, nullable=False),
            Index("dead_letter_reason", "reason"),
        ),
        message_count=Table(
            "message_count",
            metadata,
            Column("name", String(64), primary_key=True),
            Column("value", BigInteger, nullable=False),
        ),
        clock_seen=Table(
            "clock_seen",
            metadata,
            Column("id", Integer, primary_key=True, autoincrement=False),
            Column("setting", Text, nullable=False),
        ),
        audit=Table(
            "audit",
            metadata,
            Column("id", String(32), primary_key=True),
            Column("at", Instant, nullable=False),
            Column("wall_at", Instant, nullable=False),
            Column("subject", String(160), nullable=False),
            Column("organisation_id", String(64), nullable=False, index=True),
            Column("action", String(80), nullable=False),
            Column("object", String(160), nullable=False, index=True),
            Column("detail", Text, nullable=False),
            Column("correlation_id", String(64), nullable=False, index=True),
        ),
    )
