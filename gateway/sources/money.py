"""Invoices and what is behind them, for one viewer."""

from collections.abc import Sequence
from decimal import Decimal

from gateway.console.views import Invoice, InvoiceLine, InvoiceSummary, LineProof, Posting, TierPart, UsageEvent, Words
from gateway.sources.shared import Viewing
from services.billing import contract as billing

SHOWN_MAX = 200
METERS = {
    "run_seconds": Words("运行时间", "Running time"),
    "volume_l": Words("输送水量", "Volume pumped"),
    "energy_wh": Words("耗电量", "Energy used"),
}
CODES = {
    "revenue": Words("服务收入", "Service income"),
    "tax": Words("增值税", "Value added tax"),
}


class MoneySources(Viewing):
    """See `gateway.console.sources.MoneySource`."""

    async def invoices(self) -> Sequence[InvoiceSummary]:
        found = await self.billing.invoices(limit=SHOWN_MAX)
        return [await self._summary(each) for each in found.items]

    async def invoice(self, invoice_id: str) -> Invoice:
        found = await self.billing.invoice(invoice_id)
        return Invoice(
            summary=await self._summary(found),
            lines=tuple(_line(each) for each in found.items),
            tariff=Words(found.tariff_zh, found.tariff_en),
            correlation_id=found.correlation_id,
        )

    async def line_proof(self, invoice_id: str, line_id: str) -> LineProof:
        found = await self.billing.line_proof(invoice_id, line_id)
        size, digits = found.line.unit_size, Decimal(10) ** -2
        return LineProof(
            invoice=await self._summary(found.invoice),
            line=_line(found.line),
            tiers=tuple(
                TierPart(
                    start=Decimal(each.start) / size,
                    end=None if each.end is None else Decimal(each.end) / size,
                    price=each.unit_price,
                    quantity=Decimal(each.quantity) / size,
                    amount=Decimal(each.amount_minor) * digits,
                )
                for each in found.line.parts
            ),
            usage=tuple(
                UsageEvent(
                    id=each.event_id,
                    start=each.start,
                    end=each.end,
                    meter=each.meter,
                    quantity=each.quantity,
                    estimated=each.estimated,
                    correlation_id=each.correlation_id,
                )
                for each in found.usage
            ),
            postings=tuple(_posting(each) for each in found.postings),
            holds=found.holds,
        )

    async def _summary(self, invoice: billing.InvoiceSummary) -> InvoiceSummary:
        return InvoiceSummary(
            id=invoice.id,
            number=invoice.number,
            customer=await self.name_of(invoice.customer_id),
            provider=await self.name_of(invoice.provider_id),
            period_start=invoice.service_start,
            period_end=invoice.service_end,
            state=invoice.state.value,
            net_minor=invoice.net_minor,
            tax_minor=invoice.tax_minor,
            total_minor=invoice.total_minor,
            currency=invoice.currency,
            lines=invoice.lines,
        )


def _line(line: billing.InvoiceLine) -> InvoiceLine:
    return InvoiceLine(
        id=line.id,
        text=METERS.get(line.meter, Words(line.meter, line.meter)),
        machine_id=None,  # A line is one meter of one contract; its usage events name the machines.
        quantity=Decimal(line.quantity) / line.unit_size,
        unit=line.unit_zh if line.unit_zh == line.unit_en else f"{line.unit_zh} / {line.unit_en}",
        amount_minor=line.amount_minor,
        events=line.events,
        estimated=line.estimated_quantity > 0,
    )


def _posting(posting: billing.Posting) -> Posting:
    return Posting(
        id=posting.id,
        at=posting.at,
        debit=posting.debit,
        credit=posting.credit,
        amount_minor=posting.amount_minor,
        currency=posting.currency,
        state=posting.state,
        text=CODES.get(posting.code, Words(posting.code, posting.code)),
    )
