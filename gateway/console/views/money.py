"""From usage to money."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from gateway.console.views.machines import Option
from gateway.console.views.viewer import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceSummary:
    """`state` is DRAFT, ISSUED, POSTED, VOIDED or REVERSED; it gets its `number` when it is issued.

    Amounts are minor units of `currency`; `total_minor` is with tax.
    """

    id: str
    number: str | None
    customer: Words
    provider: Words
    period_start: datetime
    period_end: datetime
    state: str
    net_minor: int
    tax_minor: int
    total_minor: int
    currency: str
    lines: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceFilter:
    customer_id: str = ""
    state: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceList:
    """The invoices that the filter leaves, and counts by state over all.

    `first` is when the first service period ends, none when an invoice was issued or nothing is agreed.
    """

    rows: tuple[InvoiceSummary, ...]
    states: Mapping[str, int]
    customers: tuple[Option, ...]
    first: datetime | None = None
    now: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceLine:
    """One rated line: `quantity` in `unit` at the tariff's prices, rounded once to `amount_minor`."""

    id: str
    text: Words
    machine_id: str | None
    quantity: Decimal
    unit: Words
    amount_minor: int
    events: int
    estimated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    summary: InvoiceSummary
    lines: tuple[InvoiceLine, ...]
    tariff: Words
    correlation_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TierPart:
    """The part of a line's quantity that falls in one tier of the tariff."""

    start: Decimal
    end: Decimal | None
    price: Decimal
    quantity: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageEvent:
    id: str
    start: datetime
    end: datetime
    meter: str
    quantity: int
    estimated: bool
    correlation_id: str
    machine_id: str = ""
    machine: Words | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One side-to-side move in the ledger; `state` is pending, posted or voided."""

    id: str
    at: datetime
    debit: Words
    credit: Words
    amount_minor: int
    currency: str
    state: str
    text: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class LineProof:
    """Everything behind one invoice line; `holds`: computed again from the usage it is the same; none: not tried."""

    invoice: InvoiceSummary
    line: InvoiceLine
    tiers: tuple[TierPart, ...]
    usage: tuple[UsageEvent, ...]
    postings: tuple[Posting, ...]
    holds: bool | None = None
