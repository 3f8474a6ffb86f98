"""What people see of invoices, down to the usage behind a line."""

from typing import Any

from services.billing import store
from services.billing.contract import (
    BillingFigures,
    Invoice,
    InvoiceLine,
    InvoiceState,
    InvoiceSummary,
    LineProof,
    PricePlan,
    TierPart,
)
from services.billing.service import books, invoices
from services.billing.service.usage import usage_of
from services.billing.tables import InvoiceRow, LineRow
from services.kernel.problems import not_found
from services.kernel.unit import UnitOfWork

COMPUTED = ("quantity", "quantity_before", "estimated_quantity", "events", "amount_minor", "parts")
FIGURES_CURRENCY = "CNY"
Valued = list[tuple[LineRow, dict[str, Any]]]


def list_invoices(
    unit: UnitOfWork, before: str, limit: int, state: str | None, contract_id: str | None
) -> list[InvoiceSummary]:
    """Up to `limit` + 1 invoices, newest first; a draft shows what it would cost now."""
    rows = store.invoice_page(unit.session, before, limit, state=state, contract_id=contract_id)
    kept = store.lines(unit.session, [row.id for row in rows if row.state != InvoiceState.DRAFT])
    by_invoice: dict[str, list[LineRow]] = {}
    for line in kept:
        by_invoice.setdefault(line.invoice_id, []).append(line)
    return [_summary(unit, row, _valued(unit, row, by_invoice.get(row.id, []))) for row in rows]


def get_invoice(unit: UnitOfWork, invoice_id: str) -> Invoice:
    """An invoice with its lines; raises Problem `not-found`."""
    row = invoices.invoice_row(unit, invoice_id)
    valued = _valued(unit, row, store.lines(unit.session, [row.id]))
    return Invoice(**_summary(unit, row, valued).model_dump(), items=[_line(line, values) for line, values in valued])


def prove_line(unit: UnitOfWork, invoice_id: str, line_id: str, after: str, limit: int) -> LineProof:
    """Everything behind a line, computed again from its usage; `usage` holds up to `limit` events after an id.

    Raises Problem `not-found`.
    """
    row = invoices.invoice_row(unit, invoice_id)
    valued = _valued(unit, row, store.lines(unit.session, [row.id]))
    found = next(((line, values) for line, values in valued if line.id == line_id), None)
    if found is None:
        raise not_found("invoice line", line_id, "账单明细")
    line, values = found
    usage = store.aggregates(unit.session, [line.id]).get(line.id, invoices.NOTHING)
    again = invoices.line_values(line, usage, values["quantity_before"], row.currency)
    return LineProof(
        invoice=_summary(unit, row, valued),
        line=_line(line, values),
        usage=[usage_of(each) for each in store.usage_page(unit.session, after, limit, line_id=line.id)[:limit]],
        usage_events=usage.events,
        usage_quantity=usage.quantity,
        recomputed_minor=again["amount_minor"],
        holds=again == values,
        postings=books.list_postings(unit, row.id, "", 0),
    )


def figures(unit: UnitOfWork) -> BillingFigures:
    """The overview's numbers over all that the caller sees."""
    sums = [entry for entry in store.invoice_sums(unit.session) if entry[1] == FIGURES_CURRENCY]
    net = {state: net_minor for state, _, _, net_minor in sums}
    return BillingFigures(
        run_seconds_billed=store.billed(unit.session, "run_seconds")[1],
        income_minor=net.get(InvoiceState.POSTED, 0),
        income_pending_minor=net.get(InvoiceState.ISSUED, 0),
        currency=FIGURES_CURRENCY,
        invoices_issued=sum(count for state, _, count, _ in sums if state in store.LIVE),
        unbilled_events=sum(events for _, _, events, _ in store.unbilled_counts(unit.session)),
        quarantined=store.quarantine_count(unit.session),
    )


def _valued(unit: UnitOfWork, invoice: InvoiceRow, lines: list[LineRow]) -> Valued:
    """Lines with their computed columns: as kept, or as of now for a draft."""
    if invoice.state == InvoiceState.DRAFT:
        earlier = store.live_invoices(unit.session, invoice.contract_id, invoice.service_start)
        return invoices.rate_lines(unit, invoice, earlier)
    return [(line, {name: getattr(line, name) for name in COMPUTED}) for line in lines]


def _summary(unit: UnitOfWork, row: InvoiceRow, valued: Valued) -> InvoiceSummary:
    net_minor, tax_minor, corrects_id = row.net_minor, row.tax_minor, row.corrects_id
    if row.state == InvoiceState.DRAFT:
        earlier = store.live_invoices(unit.session, row.contract_id, row.service_start)
        net_minor = sum(values["amount_minor"] for _, values in valued)
        tax_minor = invoices.tax_of(row, net_minor, earlier)
        corrects_id = earlier[-1].id if earlier else None
    return InvoiceSummary(
        id=row.id,
        number=row.number,
        state=InvoiceState(row.state),
        provider_id=row.organisation_id,
        customer_id=row.counterparty_id,
        contract_id=row.contract_id,
        tariff_zh=row.tariff_zh,
        tariff_en=row.tariff_en,
        currency=row.currency,
        service_start=row.service_start,
        service_end=row.service_end,
        invoice_at=row.invoice_at,
        issued=row.issued,
        post_at=row.post_at,
        settled=row.settled,
        corrects_id=corrects_id,
        net_minor=net_minor,
        tax_minor=tax_minor,
        total_minor=net_minor + tax_minor,
        lines=len(valued),
        correlation_id=row.correlation_id,
    )


def _line(line: LineRow, values: dict[str, Any]) -> InvoiceLine:
    plan = PricePlan.model_validate(line.price["plan"])
    return InvoiceLine(
        id=line.id,
        meter=line.meter,
        unit_zh=line.price["unit_zh"],
        unit_en=line.price["unit_en"],
        unit_size=plan.unit_size,
        plan=plan,
        **{name: values[name] for name in COMPUTED if name != "parts"},
        parts=[TierPart.model_validate(part) for part in values["parts"]],
    )
