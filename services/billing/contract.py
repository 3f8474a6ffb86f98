"""PUBLIC: what the billing service takes, gives and announces (计量计费服务的公开契约).

Quantities are integers in a meter's base unit, money is integers in minor units (fen, cent), prices are decimals.
"""

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from services.kernel.events import EventData

SERVICE = "billing"
ORGANISATION = r"^[a-z0-9-]{1,64}$"
IDENTIFIER = r"^[!-~]{1,200}$"  # Visible ASCII, as CloudEvents ids and sources are.
ROW_ID = r"^[a-z0-9-]{1,64}$"
METER = r"^[a-z][a-z0-9_]{0,63}$"
LINE_OF_TEXT = r"^[^\x00-\x1f\x7f]*$"
QUANTITY_MAX = 10**12

OrganisationId = Annotated[str, Field(pattern=ORGANISATION)]
RowId = Annotated[str, Field(pattern=ROW_ID)]
Meter = Annotated[str, Field(pattern=METER, description="run_seconds, volume_l, energy_wh ...")]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=LINE_OF_TEXT)]
Note = Annotated[str, Field(max_length=500, pattern=LINE_OF_TEXT)]
Instant = Annotated[AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(2200, 1, 1, tzinfo=UTC))]
PriceAmount = Annotated[Decimal, Field(ge=0, le=Decimal("1e9"), max_digits=18, decimal_places=8)]


class PriceModel(StrEnum):
    """How a quantity becomes an amount (计价方式)."""

    PER_UNIT = "per_unit"
    GRADUATED = "graduated"
    VOLUME = "volume"
    PACKAGE = "package"
    FLAT = "flat"


class Interval(StrEnum):
    """Length of a service period, in calendar days or months of the business zone (服务周期)."""

    DAY = "day"
    MONTH = "month"


class UsageState(StrEnum):
    """Where accepted usage stands."""

    PLACED = "PLACED"  # On an invoice line.
    INCLUDED = "INCLUDED"  # Metered, free of charge by the contract.
    UNBILLED = "UNBILLED"  # Held back, with a reason.


class InvoiceState(StrEnum):
    """DRAFT grows; ISSUED may be objected to; POSTED is in the books; a VOIDED or REVERSED one counts no more."""

    DRAFT = "DRAFT"
    ISSUED = "ISSUED"
    POSTED = "POSTED"
    VOIDED = "VOIDED"
    REVERSED = "REVERSED"


class AccountKind(StrEnum):
    """Kinds of account in a provider's books (科目)."""

    RECEIVABLE = "receivable"
    REVENUE = "revenue"
    TAX_PAYABLE = "tax-payable"


# ---- Tariffs and contracts ------------------------------------------------------------------------------------


class TierPrice(BaseModel):
    """A band of quantity (阶梯): up to and including `up_to` base units; the last one is open."""

    up_to: int | None = Field(default=None, ge=1, le=QUANTITY_MAX)
    unit_price: PriceAmount = Decimal(0)
    flat_price: PriceAmount = Decimal(0)


class PricePlan(BaseModel):
    """The price of one meter, in major units of the tariff's currency for `unit_size` base units."""

    model: PriceModel
    unit_size: int = Field(default=1, ge=1, le=10**9, description="Base units that the price is for: 3600 s an hour")
    price: PriceAmount = Decimal(0)
    free_quantity: int = Field(default=0, ge=0, le=QUANTITY_MAX)
    tiers: list[TierPrice] = Field(default=[], max_length=50)


class MeterPrice(BaseModel):
    """What a meter costs under a tariff; without `plan` its usage is included free of charge."""

    meter: Meter
    unit_zh: str = Field(max_length=20, pattern=LINE_OF_TEXT, description="Name of the priced unit: 小时")
    unit_en: str = Field(max_length=20, pattern=LINE_OF_TEXT, description="Name of the priced unit: h")
    plan: PricePlan | None = None


class TariffCreate(BaseModel):
    """Command: a provider makes a tariff (价目). It never changes; a new price is a new tariff."""

    name_zh: Name
    name_en: Name
    currency: str = Field(default="CNY", pattern="^[A-Z]{3}$")
    tax_rate: Decimal = Field(ge=0, lt=1, max_digits=6, decimal_places=4, description="0.13 for 13 %")
    prices: list[MeterPrice] = Field(min_length=1, max_length=50)


class Tariff(TariffCreate):
    """A price list of one provider."""

    id: str
    provider_id: str
    created: AwareDatetime


class ContractSign(BaseModel):
    """Command: a provider and a customer agree on a tariff from a time on (签约)."""

    tariff_id: RowId
    customer_id: OrganisationId
    service_mode: str = Field(default="product-as-a-service", pattern=ROW_ID, description="Tag of every posting")
    interval: Interval | None = Field(default=None, description="None takes the service's setting")
    starts: Instant
    ends: Instant | None = None

    @model_validator(mode="after")
    def _ends_after_start(self) -> Self:
        if self.ends is not None and self.ends <= self.starts:
            raise ValueError("a contract ends after it starts")
        return self


class ServiceContract(BaseModel):
    """An agreement under which usage is billed (服务合同)."""

    id: str
    provider_id: str
    customer_id: str
    tariff_id: str
    service_mode: str
    interval: Interval
    starts: AwareDatetime
    ends: AwareDatetime | None


# ---- Usage ----------------------------------------------------------------------------------------------------


class UsageData(BaseModel):
    """What a meter of a device counted over [start, end)."""

    device_id: str = Field(pattern=ORGANISATION)
    meter: Meter
    quantity: int = Field(ge=0, le=QUANTITY_MAX, description="In the meter's base unit")
    start: Instant
    end: Instant
    estimated: bool = Field(default=False, description="Part of it was read across a gap in the data")
    customer_id: OrganisationId
    provider_id: OrganisationId

    @model_validator(mode="after")
    def _ends_not_before_start(self) -> Self:
        if self.end < self.start:
            raise ValueError("usage ends before it starts")
        return self


class UsageReport(BaseModel):
    """A CloudEvent 1.0 that reports usage; (source, id) is its identity for ever."""

    specversion: str = Field(default="1.0", pattern=r"^1\.0$")
    source: str = Field(pattern=IDENTIFIER, description="Who measured")
    id: str = Field(pattern=IDENTIFIER)
    type: str = Field(default="som.v1.lifecycle.usage.metered", pattern=IDENTIFIER)
    data: UsageData


class Usage(BaseModel):
    """Accepted usage and where it stands (用量)."""

    id: str
    source: str
    event_id: str
    device_id: str
    meter: str
    quantity: int
    start: AwareDatetime
    end: AwareDatetime
    estimated: bool
    late: bool = Field(description="Came after the cut-off of its period")
    customer_id: str
    provider_id: str
    received: AwareDatetime
    state: UsageState
    reason: str | None = Field(description="Why it is unbilled: unknown-contract, unknown-meter, estimated ...")
    contract_id: str | None
    invoice_id: str | None
    line_id: str | None
    correlation_id: str


class UsageReceipt(BaseModel):
    """Answer to a report: `duplicate` means that the same report had been accepted before."""

    duplicate: bool
    usage: Usage


class UsageRelease(BaseModel):
    """Command: a person takes the responsibility for billing usage that was held back (放行)."""

    note: Note = Field(min_length=1)


class QuarantinedUsage(BaseModel):
    """A report whose (source, id) was known with another payload (隔离用量): never counted, kept to be looked at."""

    id: str
    source: str
    event_id: str
    provider_id: str
    customer_id: str
    usage_id: str = Field(description="The usage that was accepted under this identity")
    payload: str = Field(description="The report as it came, JSON")
    received: AwareDatetime
    correlation_id: str


class UnbilledCount(BaseModel):
    """One row of the unbilled bucket (未计费用量)."""

    reason: str
    meter: str
    events: int
    quantity: int


# ---- Invoices -------------------------------------------------------------------------------------------------


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


# ---- Ledger ---------------------------------------------------------------------------------------------------


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


# ---- Events ---------------------------------------------------------------------------------------------------


class BillingEvent(EventData):
    """Base of what billing announces."""

    model_config = ConfigDict(frozen=True)
    service: ClassVar[str] = SERVICE


class ContractSigned(BillingEvent):
    """A contract is in force from `starts` on."""

    noun, event = "contract", "signed"
    contract_id: str
    provider_id: str
    customer_id: str
    tariff_id: str
    starts: AwareDatetime


class UsageHeldBack(BillingEvent):
    """Usage was accepted but is not billed, for a reason."""

    noun, event = "usage", "held-back"
    usage_id: str
    device_id: str
    meter: str
    quantity: int
    reason: str


class UsageQuarantined(BillingEvent):
    """The same identity came with another payload."""

    noun, event = "usage", "quarantined"
    quarantine_id: str
    usage_id: str
    event_source: str
    event_id: str


class InvoiceEvent(BillingEvent):
    """Base of what happens to an invoice."""

    invoice_id: str
    number: str
    provider_id: str
    customer_id: str
    currency: str
    net_minor: int
    tax_minor: int


class InvoiceIssued(InvoiceEvent):
    """Its transfers are pending in the ledger; `post_at` ends the time for objections."""

    noun, event = "invoice", "issued"
    service_start: AwareDatetime
    service_end: AwareDatetime
    post_at: AwareDatetime


class InvoicePosted(InvoiceEvent):
    """Its transfers are posted; from now on only a reversal corrects it."""

    noun, event = "invoice", "posted"


class InvoiceVoided(InvoiceEvent):
    """Its pending transfers are voided; its usage waits in the unbilled bucket."""

    noun, event = "invoice", "voided"
    reason: str


class InvoiceReversed(InvoiceEvent):
    """Its posted transfers are taken back by reversing ones; its usage waits in the unbilled bucket."""

    noun, event = "invoice", "reversed"
    reason: str
