"""Reports whose identity was known with another payload: kept, announced, never counted."""

from services.billing import store
from services.billing.contract import QuarantinedUsage, UsageQuarantined, UsageReport
from services.billing.tables import QuarantineRow, UsageRow
from services.kernel.chance import new_id
from services.kernel.unit import UnitOfWork


def quarantine(unit: UnitOfWork, report: UsageReport, fingerprint: str, known: UsageRow) -> QuarantinedUsage:
    """Keep a report that conflicts with `known` usage; the same report again is the same row."""
    row = store.quarantined(unit.session, report.source, report.id, fingerprint)
    if row is None:
        row = QuarantineRow(
            id=new_id(),
            organisation_id=report.data.provider_id,
            counterparty_id=report.data.customer_id,
            source=report.source,
            event_id=report.id,
            fingerprint=fingerprint,
            usage_id=known.id,
            payload=report.model_dump_json(),
            received=unit.clock.business_now(),
            correlation_id=unit.correlation_id,
        )
        unit.session.add(row)
        unit.announce(
            UsageQuarantined(quarantine_id=row.id, usage_id=known.id, event_source=report.source, event_id=report.id),
            subject=report.data.device_id,
            organisation_id=row.counterparty_id,
        )
    return _quarantined_of(row)


def _quarantined_of(row: QuarantineRow) -> QuarantinedUsage:
    return QuarantinedUsage(
        id=row.id,
        source=row.source,
        event_id=row.event_id,
        provider_id=row.organisation_id,
        customer_id=row.counterparty_id,
        usage_id=row.usage_id,
        payload=row.payload,
        received=row.received,
        correlation_id=row.correlation_id,
    )


def list_quarantine(unit: UnitOfWork, after: str, limit: int) -> list[QuarantinedUsage]:
    """Up to `limit` + 1 quarantined reports after an id."""
    return [_quarantined_of(row) for row in store.quarantine_page(unit.session, after, limit)]
