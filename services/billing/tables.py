"""Tables of the billing service, on its own metadata. Rows never leave the service; contract models do.

Rows between two organisations belong to the provider (`organisation_id`); the customer is the counterparty.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from services.billing.contract import AccountKind, InvoiceState, UsageState
from services.billing.rules.ledger import Phase
from services.kernel.columns import Instant, Money, Price, state_check
from services.kernel.tables import CounterpartyOwned, OrganisationOwned, kernel_tables


class Base(SQLModel, registry=registry()):
    """Own registry: two services may both have a table of the same name."""


METADATA = Base.metadata
kernel_tables(METADATA)


class TariffRow(OrganisationOwned, Base, table=True):
    """Never changed: a new price is a new tariff."""

    __tablename__ = "tariff"
    id: str = Field(primary_key=True, max_length=64)
    name_zh: str = Field(max_length=200)
    name_en: str = Field(max_length=200)
    currency: str = Field(max_length=3)
    tax_rate: Decimal = Field(sa_type=Price)
    prices: list[dict[str, Any]] = Field(sa_type=JSON)
    created: datetime = Field(sa_type=Instant)


class ContractRow(CounterpartyOwned, Base, table=True):
    __tablename__ = "contract"
    id: str = Field(primary_key=True, max_length=64)
    tariff_id: str = Field(max_length=64)
    service_mode: str = Field(max_length=64)
    interval: str = Field(max_length=8)
    starts: datetime = Field(sa_type=Instant)
    ends: datetime | None = Field(default=None, sa_type=Instant)


class UsageRow(CounterpartyOwned, Base, table=True):
    """Accepted usage: written once; only where it stands changes."""

    __tablename__ = "usage"
    __table_args__ = (
        UniqueConstraint("organisation_id", "source", "event_id", name="usage_identity"),
        CheckConstraint("quantity >= 0", name="usage_quantity_positive"),
        state_check("state", UsageState),
        Index("usage_line", "line_id", "id"),
        Index("usage_state", "state", "reason", "id"),
    )
    id: str = Field(primary_key=True, max_length=64)
    source: str = Field(max_length=200)
    event_id: str = Field(max_length=200)
    fingerprint: str = Field(max_length=64)
    device_id: str = Field(max_length=64)
    meter: str = Field(max_length=64)
    quantity: int = Field(sa_type=BigInteger)
    start: datetime = Field(sa_type=Instant)
    end: datetime = Field(sa_type=Instant)
    estimated: bool
    late: bool = False
    received: datetime = Field(sa_type=Instant)
    state: str = Field(max_length=16)
    reason: str | None = Field(default=None, max_length=32)
    contract_id: str | None = Field(default=None, max_length=64)
    invoice_id: str | None = Field(default=None, max_length=64)
    line_id: str | None = Field(default=None, max_length=64)
    correlation_id: str = Field(max_length=64)


class QuarantineRow(CounterpartyOwned, Base, table=True):
    __tablename__ = "quarantine"
    __table_args__ = (UniqueConstraint("source", "event_id", "fingerprint", name="quarantine_identity"),)
    id: str = Field(primary_key=True, max_length=64)
    source: str = Field(max_length=200)
    event_id: str = Field(max_length=200)
    fingerprint: str = Field(max_length=64)
    usage_id: str = Field(max_length=64)
    payload: str
    received: datetime = Field(sa_type=Instant)
    correlation_id: str = Field(max_length=64)


class InvoiceRow(CounterpartyOwned, Base, table=True):
    __tablename__ = "invoice"
    __table_args__ = (
        # One draft a contract and period, whoever of several writers makes it.
        UniqueConstraint("draft_key", name="invoice_one_draft"),
        UniqueConstraint("organisation_id", "serial", name="invoice_serial"),
        state_check("state", InvoiceState),
        Index("invoice_period", "contract_id", "service_start"),
        Index("invoice_due", "state", "invoice_at"),
    )
    id: str = Field(primary_key=True, max_length=64)
    contract_id: str = Field(max_length=64)
    tariff_id: str = Field(max_length=64)
    tariff_zh: str = Field(max_length=200)
    tariff_en: str = Field(max_length=200)
    currency: str = Field(max_length=3)
    tax_rate: Decimal = Field(sa_type=Price)
    state: str = Field(max_length=16)
    draft_key: str | None = Field(default=None, max_length=160)
    serial: int | None = None
    number: str | None = Field(default=None, max_length=64)
    service_start: datetime = Field(sa_type=Instant)
    service_end: datetime = Field(sa_type=Instant)
    invoice_at: datetime = Field(sa_type=Instant)
    issued: datetime | None = Field(default=None, sa_type=Instant)
    post_at: datetime | None = Field(default=None, sa_type=Instant)
    settled: datetime | None = Field(default=None, sa_type=Instant)
    corrects_id: str | None = Field(default=None, max_length=64)
    net_minor: int = Field(default=0, sa_type=Money)
    tax_minor: int = Field(default=0, sa_type=Money)
    correlation_id: str = Field(max_length=64)


class LineRow(CounterpartyOwned, Base, table=True):
    """What it costs is computed while its invoice is a draft, and kept from its issue on."""

    __tablename__ = "invoice_line"
    __table_args__ = (UniqueConstraint("invoice_id", "meter", name="invoice_line_meter"),)
    id: str = Field(primary_key=True, max_length=64)
    invoice_id: str = Field(max_length=64)
    meter: str = Field(max_length=64)
    price: dict[str, Any] = Field(sa_type=JSON)
    quantity: int = Field(default=0, sa_type=BigInteger)
    quantity_before: int = Field(default=0, sa_type=BigInteger)
    estimated_quantity: int = Field(default=0, sa_type=BigInteger)
    events: int = 0
    amount_minor: int = Field(default=0, sa_type=Money)
    parts: list[dict[str, Any]] = Field(default=[], sa_type=JSON)


class AccountRow(CounterpartyOwned, Base, table=True):
    """An account in the books of `organisation_id`; of its own affairs it is its own counterparty."""

    __tablename__ = "account"
    __table_args__ = (state_check("kind", AccountKind),)
    id: str = Field(primary_key=True, max_length=200)
    kind: str = Field(max_length=16)
    currency: str = Field(max_length=3)


class TransferRow(CounterpartyOwned, Base, table=True):
    """Immutable: the database itself refuses to change or delete one."""

    __tablename__ = "transfer"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="transfer_amount_positive"),
        CheckConstraint("debit <> credit", name="transfer_two_accounts"),
        # Posted or voided, once; reversed, once.
        UniqueConstraint("pending_id", name="transfer_settled_once"),
        UniqueConstraint("reverses_id", name="transfer_reversed_once"),
        state_check("phase", Phase),
    )
    id: str = Field(primary_key=True, max_length=160)
    debit: str = Field(max_length=200, index=True)
    credit: str = Field(max_length=200, index=True)
    amount_minor: int = Field(sa_type=Money)
    currency: str = Field(max_length=3)
    code: str = Field(max_length=32)
    phase: str = Field(max_length=16)
    pending_id: str | None = Field(default=None, max_length=160)
    reverses_id: str | None = Field(default=None, max_length=160)
    invoice_id: str = Field(max_length=64, index=True)
    contract_id: str = Field(max_length=64)
    service_mode: str = Field(max_length=64)
    at: datetime = Field(sa_type=Instant)
