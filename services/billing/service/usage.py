"""Usage comes in: accepted once, placed on the draft invoice of its contract and period, or held back with a reason."""

from datetime import timedelta

from services.billing import store
from services.billing.contract import (
    ContractSign,
    InvoiceState,
    MeterPrice,
    QuarantinedUsage,
    ServiceContract,
    UnbilledCount,
    Usage,
    UsageHeldBack,
    UsageReceipt,
    UsageReport,
    UsageState,
)
from services.billing.rules import metering, periods
from services.billing.rules.metering import Seen, Unbilled
from services.billing.service import contracts
from services.billing.service.contracts import may_act_for, price_of
from services.billing.service.quarantine import quarantine
from services.billing.settings import BillingSettings
from services.billing.tables import ContractRow, InvoiceRow, LineRow, TariffRow, UsageRow
from services.kernel.chance import new_id
from services.kernel.principals import PLATFORM, Principal
from services.kernel.problems import conflict, forbidden, not_found
from services.kernel.unit import UnitOfWork

RETRY_SIZE = 1_000  # Held-back usage that is looked at again in one transaction.


def accept_usage(unit: UnitOfWork, report: UsageReport, settings: BillingSettings) -> UsageReceipt | QuarantinedUsage:
    """Take a report of usage; whoever sends it again gets the same answer.

    The same (source, id) of a provider with another payload is quarantined: kept, announced, never counted. What
    another provider reports under the same identity is other usage: nobody can take an identity away from anybody.
    """
    fingerprint = metering.fingerprint(report.data.model_dump(mode="json"))
    known = store.usage_by_identity(unit.session, report.data.provider_id, report.source, report.id)
    seen = metering.compare(known.fingerprint if known else None, fingerprint)
    if known is not None:
        if seen is Seen.CONFLICT:
            return quarantine(unit, report, fingerprint, known)
        return UsageReceipt(duplicate=True, usage=usage_of(known))
    data = report.data
    row = UsageRow(
        id=new_id(),
        organisation_id=data.provider_id,
        counterparty_id=data.customer_id,
        source=report.source,
        event_id=report.id,
        fingerprint=fingerprint,
        device_id=data.device_id,
        meter=data.meter,
        quantity=data.quantity,
        start=data.start,
        end=data.end,
        estimated=data.estimated,
        received=unit.clock.business_now(),
        state=UsageState.UNBILLED,
        correlation_id=unit.correlation_id,
    )
    unit.session.add(row)
    _place(unit, row, settings)
    if row.state == UsageState.UNBILLED:
        _announce_held_back(unit, row)
    return UsageReceipt(duplicate=False, usage=usage_of(row))


def may_report(who: Principal, report: UsageReport) -> None:
    """Raise Problem `forbidden` unless the caller may report usage of the provider that the report names."""
    if who.organisation_id not in (report.data.provider_id, PLATFORM):
        raise forbidden(
            "只能上报本组织提供的服务用量。", "Only usage of your own organisation's services can be reported."
        )


def release_usage(unit: UnitOfWork, usage_ids: list[str], note: str, settings: BillingSettings) -> list[Usage]:
    """Bill usage that was held back, because a person says so.

    Raises Problem `not-found`, or `usage-not-releasable` (409) for usage that lacks a contract, a price or its time.
    """
    rows = [_usage(unit, usage_id) for usage_id in dict.fromkeys(usage_ids)]
    for row in rows:
        may_act_for(unit, row.organisation_id)
        if row.state != UsageState.UNBILLED:
            raise conflict(f"用量 {row.id} 已在账单上。", f"Usage {row.id} is not held back.", "usage-not-releasable")
        _place(unit, row, settings, released=True)
        if row.state == UsageState.UNBILLED:
            raise conflict(
                f"用量 {row.id} 仍不能计费：{row.reason}。",
                f"Usage {row.id} still cannot be billed: {row.reason}.",
                "usage-not-releasable",
                reason=row.reason,
            )
        unit.audit("release-usage", f"usage/{row.id}", row.organisation_id, {"note": note, "line": row.line_id})
    return [usage_of(row) for row in rows]


def sign_contract(
    unit: UnitOfWork, command: ContractSign, settings: BillingSettings, contract_id: str | None = None
) -> ServiceContract:
    """Put a contract in force, and place the usage of these two that waited for one.

    Raises Problem `not-found` for the tariff, `contract-overlap` (409).
    """
    signed = contracts.sign_contract(unit, command, settings.billing_interval, contract_id)
    waiting = [Unbilled.UNKNOWN_CONTRACT, Unbilled.UNKNOWN_METER]
    _place_again(unit, waiting, settings, parties=(signed.provider_id, signed.customer_id))
    return signed


def future_has_arrived(unit: UnitOfWork) -> bool:
    """Whether usage that ended in the future when it came could be placed now."""
    now = unit.clock.business_now()
    return bool(store.held_usage(unit.session, [Unbilled.IN_FUTURE], 1, ended_by=now))


def place_arrived_future(unit: UnitOfWork, settings: BillingSettings) -> int:
    """Look again at usage that ended in the future when it came; returns how much found its place."""
    return _place_again(unit, [Unbilled.IN_FUTURE], settings, ended_by=unit.clock.business_now())


def hold_invoice_usage(unit: UnitOfWork, invoice_id: str) -> int:
    """Put the usage of an invoice that no longer counts into the unbilled bucket; returns how many events."""
    rows = store.usage_of_invoice(unit.session, invoice_id)
    for row in rows:
        row.state, row.reason = UsageState.UNBILLED, Unbilled.INVOICE_VOIDED
    return len(rows)


def list_usage(
    unit: UnitOfWork, after: str, limit: int, state: str | None, reason: str | None, device_id: str | None
) -> list[Usage]:
    """Up to `limit` + 1 usage events after an id, in order of arrival."""
    rows = store.usage_page(unit.session, after, limit, state=state, reason=reason, device_id=device_id)
    return [usage_of(row) for row in rows]


def count_unbilled(unit: UnitOfWork) -> list[UnbilledCount]:
    """The unbilled bucket by reason and meter."""
    return [
        UnbilledCount(reason=reason, meter=meter, events=events, quantity=quantity)
        for reason, meter, events, quantity in store.unbilled_counts(unit.session)
    ]


def usage_of(row: UsageRow) -> Usage:
    return Usage(
        id=row.id,
        source=row.source,
        event_id=row.event_id,
        device_id=row.device_id,
        meter=row.meter,
        quantity=row.quantity,
        start=row.start,
        end=row.end,
        estimated=row.estimated,
        late=row.late,
        customer_id=row.counterparty_id,
        provider_id=row.organisation_id,
        received=row.received,
        state=UsageState(row.state),
        reason=row.reason,
        contract_id=row.contract_id,
        invoice_id=row.invoice_id,
        line_id=row.line_id,
        correlation_id=row.correlation_id,
    )


def _place(unit: UnitOfWork, row: UsageRow, settings: BillingSettings, *, released: bool = False) -> None:
    """Put usage on the draft line of its contract and period, or say why not."""
    moment = periods.moment_of_usage(row.start, row.end)
    contract = store.contract_covering(unit.session, row.organisation_id, row.counterparty_id, moment)
    price = price_of(unit, contract, row.meter) if contract else None
    held = metering.hold_back(
        metering.Usage(row.source, row.event_id, row.quantity, row.start, row.end, row.estimated),
        row.meter,
        has_contract=contract is not None,
        has_price=price is not None,
        now=unit.clock.business_now(),
    )
    if released and held in metering.RELEASABLE:
        held = None
    row.contract_id = contract.id if contract else None
    row.reason = held
    if held is not None or contract is None or price is None:
        row.state = UsageState.UNBILLED
        return
    if price.plan is None:
        row.state = UsageState.INCLUDED
        return
    service = periods.service_period(moment, contract.interval)
    row.late = metering.is_late(row.received, periods.billing_times(service, settings.grace).cut_off)
    line = _draft_line(unit, contract, service, price, settings.grace)
    row.state, row.invoice_id, row.line_id = UsageState.PLACED, line.invoice_id, line.id


def _draft_line(
    unit: UnitOfWork, contract: ContractRow, service: periods.Period, price: MeterPrice, grace: timedelta
) -> LineRow:
    """The line of a meter on the draft invoice of a contract's period; both are made when they are missing."""
    session = unit.session
    draft_key = f"{contract.id}/{service.start:%Y%m%dT%H%M%SZ}"
    invoice = store.draft(session, draft_key)
    if invoice is None:
        tariff = session.get_one(TariffRow, contract.tariff_id)
        covered = periods.clip(service, contract.starts, contract.ends)
        invoice = InvoiceRow(
            id=new_id(),
            organisation_id=contract.organisation_id,
            counterparty_id=contract.counterparty_id,
            contract_id=contract.id,
            tariff_id=tariff.id,
            tariff_zh=tariff.name_zh,
            tariff_en=tariff.name_en,
            currency=tariff.currency,
            tax_rate=tariff.tax_rate,
            state=InvoiceState.DRAFT,
            draft_key=draft_key,
            service_start=covered.start,
            service_end=covered.end,
            invoice_at=periods.next_invoice_at(service, unit.clock.business_now(), contract.interval, grace),
            correlation_id=unit.correlation_id,
        )
        session.add(invoice)
        session.flush()
    line = store.line_of(session, invoice.id, price.meter)
    if line is None:
        line = LineRow(
            id=new_id(),
            organisation_id=contract.organisation_id,
            counterparty_id=contract.counterparty_id,
            invoice_id=invoice.id,
            meter=price.meter,
            price=price.model_dump(mode="json"),
        )
        session.add(line)
        session.flush()
    return line


def _place_again(unit: UnitOfWork, reasons: list[Unbilled], settings: BillingSettings, **which: object) -> int:
    placed, after = 0, ""
    while rows := store.held_usage(unit.session, reasons, RETRY_SIZE, after=after, **which):  # type: ignore[arg-type]
        for row in rows:
            _place(unit, row, settings)
            placed += row.state != UsageState.UNBILLED
        after = rows[-1].id
    return placed


def _announce_held_back(unit: UnitOfWork, row: UsageRow) -> None:
    unit.announce(
        UsageHeldBack(
            usage_id=row.id, device_id=row.device_id, meter=row.meter, quantity=row.quantity, reason=row.reason or ""
        ),
        subject=row.device_id,
        organisation_id=row.counterparty_id,
    )


def _usage(unit: UnitOfWork, usage_id: str) -> UsageRow:
    row = unit.session.get(UsageRow, usage_id)
    if row is None:
        raise not_found("usage", usage_id, "用量")
    return row
