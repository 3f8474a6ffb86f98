"""Invoices down to the usage behind a line, and the ledger."""

from decimal import Decimal

from pydantic import AwareDatetime, BaseModel, Field

from services.billing.contract.agreements import PricePlan
from services.billing.contract.usage import Usage
from services.billing.contract.words import AccountKind, InvoiceState, Note


class TierPart(BaseModel):
    """The part of a line's quantity that one tier priced, from above `start` up to and including `end` base units."""

    tier: int
    start: int
    end: int | None
    quantity: int = Field(description="Base units; negative where a correction takes them back")
    unit_price: Decimal
    flat_price: Decimal
    amount_minor: int


class InvoiceLine(BaseModel):
    """One rated line (账单明细): its tier parts add up to it, its usage adds up to its quantity."""

    id: str
    meter: str
    unit_zh: str
    unit_en: str
    unit_size: int
    quantity: int
    quantity_before: int = Field(description="Of the same period, billed on earlier invoices")
    estimated_quantity: int = Field(description="Part of the quantity that was estimated and released by a person")
    events: int
    amount_minor: int
    plan: PricePlan
    parts: list[TierPart]


class InvoiceSummary(BaseModel):
    """An invoice without its lines (账单). The three times never stand for each other."""

    id: str
    number: str | None = Field(description="Given when it is issued")
    state: InvoiceState
    provider_id: str
    customer_id: str
    contract_id: str
    tariff_zh: str
    tariff_en: str
    currency: str
    service_start: AwareDatetime
    service_end: AwareDatetime
    invoice_at: AwareDatetime = Field(description="Issued from here on")
    issued: AwareDatetime | None
    post_at: AwareDatetime | None = Field(description="Posted from here on unless it is voided")
    settled: AwareDatetime | None = Field(description="When it was posted, voided or reversed last")
    corrects_id: str | None = Field(description="Earlier invoice of the same service period")
    net_minor: int
    tax_minor: int
    total_minor: int
    lines: int
    correlation_id: str


class Invoice(InvoiceSummary):
    """An invoice with its lines."""

    items: list[InvoiceLine]


class Posting(BaseModel):
    """A transfer in the ledger with what became of it (分录); `state` is pending, posted or voided."""

    id: str
    invoice_id: str
    contract_id: str
    service_mode: str
    debit: str
    credit: str
    amount_minor: int
    currency: str
    code: str
    state: str
    at: AwareDatetime
    settled: AwareDatetime | None
    reverses_id: str | None


class LineProof(BaseModel):
    """Everything behind one invoice line (明细溯源), and whether it holds when it is computed again from the usage."""

    invoice: InvoiceSummary
    line: InvoiceLine
    usage: list[Usage]
    usage_events: int = Field(description="All events of the line, also those beyond the page")
    usage_quantity: int
    recomputed_minor: int
    holds: bool
    postings: list[Posting]


class Reason(BaseModel):
    """Why an invoice is voided or reversed."""

    reason: Note = Field(min_length=1)


class AccountBalance(BaseModel):
    """An account with its sums, minor units (科目余额); `balance_minor` is posted debits less posted credits."""

    account_id: str
    kind: AccountKind
    provider_id: str
    counterparty_id: str
    currency: str
    debits_posted: int
    credits_posted: int
    debits_pending: int
    credits_pending: int
    balance_minor: int


class CurrencyTotal(BaseModel):
    """Posted sums of one currency over all accounts."""

    currency: str
    debits_posted: int
    credits_posted: int
    difference_minor: int = Field(description="Zero in sound books")


class TrialBalance(BaseModel):
    """Whether the books balance (试算平衡)."""

    balanced: bool
    currencies: list[CurrencyTotal]
    accounts: list[AccountBalance]


class BillingFigures(BaseModel):
    """The overview's numbers: run time and income that are on issued invoices, and what waits."""

    run_seconds_billed: int
    income_minor: int = Field(description="Net, posted, in `currency`")
    income_pending_minor: int
    currency: str
    invoices_issued: int
    unbilled_events: int
    quarantined: int
