"""What billing announces."""

from typing import ClassVar

from pydantic import AwareDatetime, ConfigDict

from services.billing.contract.words import SERVICE
from services.kernel.events import EventData


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
