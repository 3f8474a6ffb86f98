"""A draft becomes an issued invoice, which is posted, voided or reversed; its lines drill down to usage."""

from typing import Any

from services.billing import store
from services.billing.contract import (
    InvoiceEvent,
    InvoiceIssued,
    InvoicePosted,
    InvoiceReversed,
    InvoiceState,
    InvoiceVoided,
)
from services.billing.rules import money, periods, rating
from services.billing.rules.ledger import Phase
from services.billing.rules.metering import Aggregate
from services.billing.service import books
from services.billing.service.contracts import may_act_for
from services.billing.service.usage import hold_invoice_usage
from services.billing.settings import BillingSettings
from services.billing.tables import ContractRow, InvoiceRow, LineRow
from services.kernel.problems import conflict, not_found
from services.kernel.unit import UnitOfWork

NOTHING = Aggregate(0, 0, 0)


def issue_invoice(unit: UnitOfWork, invoice_id: str, settings: BillingSettings) -> None:
    """Rate the lines of a draft, give it its number and reserve its money in the ledger: all in this transaction.

    Raises Problem `invoice-state` (409) for an invoice that is no draft.
    """
    invoice = invoice_row(unit, invoice_id, InvoiceState.DRAFT)
    may_act_for(unit, invoice.organisation_id)
    now = unit.clock.business_now()
    earlier = store.live_invoices(unit.session, invoice.contract_id, invoice.service_start)
    for line, values in rate_lines(unit, invoice, earlier):
        for name, value in values.items():
            setattr(line, name, value)
        invoice.net_minor += values["amount_minor"]
    invoice.tax_minor = tax_of(invoice, invoice.net_minor, earlier)
    invoice.state, invoice.draft_key = InvoiceState.ISSUED, None
    invoice.issued, invoice.post_at = now, now + settings.objection
    invoice.corrects_id = earlier[-1].id if earlier else None
    invoice.serial = store.next_serial(unit.session, invoice.organisation_id)
    invoice.number = f"{periods.business_month(now)}-{invoice.serial:06d}"
    contract = unit.session.get_one(ContractRow, invoice.contract_id)
    books.reserve(unit, invoice, contract.service_mode)
    unit.audit("issue-invoice", f"invoice/{invoice.id}", invoice.organisation_id, {"number": invoice.number})
    _announce(
        unit,
        invoice,
        InvoiceIssued(
            **_event_fields(invoice),
            service_start=invoice.service_start,
            service_end=invoice.service_end,
            post_at=invoice.post_at,
        ),
    )


def post_invoice(unit: UnitOfWork, invoice_id: str) -> None:
    """Post the pending transfers of an issued invoice."""
    invoice = invoice_row(unit, invoice_id, InvoiceState.ISSUED)
    may_act_for(unit, invoice.organisation_id)
    books.settle(unit, invoice, Phase.POST)
    _settled(unit, invoice, InvoiceState.POSTED)
    _announce(unit, invoice, InvoicePosted(**_event_fields(invoice)))


def void_invoice(unit: UnitOfWork, invoice_id: str, reason: str) -> None:
    """Call off an issued invoice before it is posted; its usage goes to the unbilled bucket.

    Raises Problem `invoice-state` (409), or `invoice-has-correction` (409) while a later one builds on it.
    """
    invoice = invoice_row(unit, invoice_id, InvoiceState.ISSUED)
    may_act_for(unit, invoice.organisation_id)
    _refuse_if_corrected(unit, invoice)
    books.settle(unit, invoice, Phase.VOID)
    hold_invoice_usage(unit, invoice.id)
    _settled(unit, invoice, InvoiceState.VOIDED, reason)
    _announce(unit, invoice, InvoiceVoided(**_event_fields(invoice), reason=reason))


def reverse_invoice(unit: UnitOfWork, invoice_id: str, reason: str) -> None:
    """Take a posted invoice back by reversing its transfers; its usage goes to the unbilled bucket.

    Raises Problem `invoice-state` (409), or `invoice-has-correction` (409) while a later one builds on it.
    """
    invoice = invoice_row(unit, invoice_id, InvoiceState.POSTED)
    may_act_for(unit, invoice.organisation_id)
    _refuse_if_corrected(unit, invoice)
    books.reverse(unit, invoice)
    hold_invoice_usage(unit, invoice.id)
    _settled(unit, invoice, InvoiceState.REVERSED, reason)
    _announce(unit, invoice, InvoiceReversed(**_event_fields(invoice), reason=reason))


def due(unit: UnitOfWork) -> tuple[list[str], list[str]]:
    """Ids of drafts to issue and of issued invoices to post by now."""
    now = unit.clock.business_now()
    return store.due_drafts(unit.session, now), store.due_posts(unit.session, now)


def rate_lines(
    unit: UnitOfWork, invoice: InvoiceRow, earlier: list[InvoiceRow]
) -> list[tuple[LineRow, dict[str, Any]]]:
    """What the usage of each line costs now, beyond what `earlier` invoices of the period billed.

    The values are the computed columns of the line; the line itself is not touched.
    """
    lines = store.lines(unit.session, [invoice.id])
    sums = store.aggregates(unit.session, [line.id for line in lines])
    before = store.billed_before(unit.session, [each.id for each in earlier])
    return [
        (line, line_values(line, sums.get(line.id, NOTHING), before.get(line.meter, 0), invoice.currency))
        for line in lines
    ]


def line_values(line: LineRow, usage: Aggregate, quantity_before: int, currency: str) -> dict[str, Any]:
    """The computed columns of a line for its usage."""
    plan = rating.parse_plan(line.price["plan"])
    rated = rating.rated_line(plan, usage.quantity, currency, quantity_before)
    bounds = [0, *(tier.up_to for tier in plan.tiers)] if plan.tiers else [0, None]
    return {
        "quantity": usage.quantity,
        "quantity_before": quantity_before,
        "estimated_quantity": usage.estimated_quantity,
        "events": usage.events,
        "amount_minor": rated.amount_minor,
        "parts": [
            {
                "tier": part.tier,
                "start": bounds[part.tier - 1],
                "end": bounds[part.tier],
                "quantity": part.quantity,
                "unit_price": format(part.unit_price, "f"),
                "flat_price": format(part.flat_price, "f"),
                "amount_minor": amount_minor,
            }
            for part, amount_minor in zip(rated.parts, rated.parts_minor, strict=True)
        ],
    }


def tax_of(invoice: InvoiceRow, net_minor: int, earlier: list[InvoiceRow]) -> int:
    """Tax on the whole period's net less the tax billed before: a correction costs what it would have in time."""
    net_before = sum(each.net_minor for each in earlier)
    tax_before = sum(each.tax_minor for each in earlier)
    return money.tax_minor(net_before + net_minor, invoice.tax_rate) - tax_before


def invoice_row(unit: UnitOfWork, invoice_id: str, state: InvoiceState | None = None) -> InvoiceRow:
    """The row of an invoice that the caller sees, in a given state."""
    row = unit.session.get(InvoiceRow, invoice_id)
    if row is None:
        raise not_found("invoice", invoice_id, "账单")
    if state is not None and row.state != state:
        raise conflict(
            f"账单状态为 {row.state}，此操作要求 {state.value}。",
            f"The invoice is {row.state}; this needs {state.value}.",
            "invoice-state",
            state=row.state,
        )
    return row


def _refuse_if_corrected(unit: UnitOfWork, invoice: InvoiceRow) -> None:
    live = store.live_invoices(unit.session, invoice.contract_id, invoice.service_start)
    if live and live[-1].id != invoice.id:
        raise conflict(
            f"请先撤销同一周期的后续账单 {live[-1].number}。",
            f"Take back the later invoice {live[-1].number} of the same period first.",
            "invoice-has-correction",
            invoice_id=live[-1].id,
        )


def _settled(unit: UnitOfWork, invoice: InvoiceRow, state: InvoiceState, reason: str = "") -> None:
    invoice.state, invoice.settled = state, unit.clock.business_now()
    unit.audit(f"invoice-{state.lower()}", f"invoice/{invoice.id}", invoice.organisation_id, {"reason": reason})


def _event_fields(invoice: InvoiceRow) -> dict[str, Any]:
    return {
        "invoice_id": invoice.id,
        "number": invoice.number,
        "provider_id": invoice.organisation_id,
        "customer_id": invoice.counterparty_id,
        "currency": invoice.currency,
        "net_minor": invoice.net_minor,
        "tax_minor": invoice.tax_minor,
    }


def _announce(unit: UnitOfWork, invoice: InvoiceRow, event: InvoiceEvent) -> None:
    unit.announce(
        event, subject=invoice.id, organisation_id=invoice.counterparty_id, correlation_id=invoice.correlation_id
    )
