"""Invoices and what is behind them, for one viewer."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from gateway.console.naming import name_of
from gateway.console.views import (
    Invoice,
    InvoiceFilter,
    InvoiceLine,
    InvoiceList,
    InvoiceSummary,
    LineProof,
    Option,
    Posting,
    TierPart,
    UsageEvent,
    Words,
)
from gateway.sources.shared import Viewing
from services.billing import contract as billing

SHOWN_MAX = 200
BUSINESS_ZONE = ZoneInfo("Asia/Shanghai")  # Of the calendar days and months that are billed.
SYMBOLS = {"m3": "m³"}
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

    async def invoices(self, which: InvoiceFilter) -> InvoiceList:
        found = (await self.billing.invoices(limit=SHOWN_MAX)).items
        customers = [Option(each, await self.name_of(each)) for each in sorted({one.customer_id for one in found})]
        wanted = [
            each
            for each in found
            if which.customer_id in ("", each.customer_id) and which.state in ("", each.state.value)
        ]
        return InvoiceList(
            rows=tuple([await self._summary(each) for each in wanted]),
            states=Counter(each.state.value for each in found),
            customers=tuple(customers),
            first=None if any(each.number for each in found) else await self._first_period_end(found),
            now=self.business_now(),
        )

    async def _first_period_end(self, drafts: Sequence[billing.InvoiceSummary]) -> datetime | None:
        """When the first service period with usage ends; its invoice follows when late usage has had its time."""
        if drafts:
            return min(each.service_end for each in drafts)
        now = self.business_now()
        return min((_period_end(each, now) for each in await self.billing.contracts()), default=None)

    async def invoice(self, invoice_id: str) -> Invoice:
        found = await self.billing.invoice(invoice_id)
        return Invoice(
            summary=await self._summary(found),
            lines=tuple(_line(each) for each in found.items),
            tariff=Words(found.tariff_zh, found.tariff_en),
            correlation_id=found.correlation_id,
        )

    async def line_proof(self, invoice_id: str, line_id: str) -> LineProof:
        found, names = await asyncio.gather(self.billing.line_proof(invoice_id, line_id), self.machine_names())
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
                    machine_id=each.device_id,
                    machine=names[each.device_id][0] if each.device_id in names else None,
                )
                for each in found.usage
            ),
            postings=tuple([await self._posting(each) for each in found.postings]),
            holds=found.holds,
        )

    async def _posting(self, posting: billing.Posting) -> Posting:
        return Posting(
            id=posting.id,
            at=posting.at,
            debit=await self._account(posting.debit),
            credit=await self._account(posting.credit),
            amount_minor=posting.amount_minor,
            currency=posting.currency,
            state=posting.state,
            text=CODES.get(posting.code, Words(posting.code, posting.code)),
        )

    async def _account(self, account_id: str) -> Words:
        """`provider:kind:customer:currency` in words; the customer is left out where there is none."""
        _, kind, *others = account_id.split(":")
        name = name_of(kind, "ACCOUNTS")
        if len(others) < 2:
            return name
        customer = await self.name_of(others[0])
        return Words(f"{name.zh} · {customer.zh}", f"{name.en} · {customer.en}")

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


def _unit(line: billing.InvoiceLine) -> Words:
    return Words(line.unit_zh, SYMBOLS.get(line.unit_en, line.unit_en))


def _line(line: billing.InvoiceLine) -> InvoiceLine:
    return InvoiceLine(
        id=line.id,
        text=METERS.get(line.meter, Words(line.meter, line.meter)),
        machine_id=None,  # A line is one meter of one contract; its usage events name the machines.
        quantity=Decimal(line.quantity) / line.unit_size,
        unit=_unit(line),
        amount_minor=line.amount_minor,
        events=line.events,
        estimated=line.estimated_quantity > 0,
    )


def _period_end(contract: billing.ServiceContract, now: datetime) -> datetime:
    """End of the calendar day or month in which usage is metered now, or will first be."""
    first = max(contract.starts, now).astimezone(BUSINESS_ZONE).date()
    if contract.interval == billing.Interval.DAY:
        following = first + timedelta(days=1)
    else:
        following = (first.replace(day=1) + timedelta(days=32)).replace(day=1)
    return datetime.combine(following, time.min, tzinfo=BUSINESS_ZONE)
