"""Queries for usage and quarantine."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import case, func
from sqlmodel import Session, col, select

from services.billing.contract import UsageState
from services.billing.rules.metering import Aggregate
from services.billing.tables import (
    QuarantineRow,
    UsageRow,
)


def usage_by_identity(session: Session, provider_id: str, source: str, event_id: str) -> UsageRow | None:
    query = select(UsageRow).where(UsageRow.organisation_id == provider_id, UsageRow.source == source)
    return session.exec(query.where(UsageRow.event_id == event_id)).first()


def quarantined(session: Session, source: str, event_id: str, fingerprint: str) -> QuarantineRow | None:
    query = select(QuarantineRow).where(QuarantineRow.source == source, QuarantineRow.event_id == event_id)
    return session.exec(query.where(QuarantineRow.fingerprint == fingerprint)).first()


def quarantine_page(session: Session, after: str, limit: int) -> list[QuarantineRow]:
    query = select(QuarantineRow).where(QuarantineRow.id > after)
    return list(session.exec(query.order_by(QuarantineRow.id).limit(limit + 1)))


def quarantine_count(session: Session) -> int:
    return session.exec(select(func.count()).select_from(QuarantineRow)).one()


def usage_page(
    session: Session,
    after: str,
    limit: int,
    *,
    state: str | None = None,
    reason: str | None = None,
    device_id: str | None = None,
    line_id: str | None = None,
) -> list[UsageRow]:
    """Up to `limit` + 1 rows after an id, in order of arrival."""
    query = select(UsageRow).where(UsageRow.id > after)
    for column, value in (
        (UsageRow.state, state),
        (UsageRow.reason, reason),
        (UsageRow.device_id, device_id),
        (UsageRow.line_id, line_id),
    ):
        if value is not None:
            query = query.where(column == value)
    return list(session.exec(query.order_by(UsageRow.id).limit(limit + 1)))


def usage_of_invoice(session: Session, invoice_id: str) -> list[UsageRow]:
    return list(session.exec(select(UsageRow).where(UsageRow.invoice_id == invoice_id).order_by(UsageRow.id)))


def held_usage(
    session: Session,
    reasons: Sequence[str],
    limit: int,
    *,
    parties: tuple[str, str] | None = None,
    ended_by: datetime | None = None,
    after: str = "",
) -> list[UsageRow]:
    """Unbilled usage of some reasons: of (provider, customer), or measured by a time."""
    query = select(UsageRow).where(
        UsageRow.state == UsageState.UNBILLED, col(UsageRow.reason).in_(reasons), UsageRow.id > after
    )
    if parties is not None:
        query = query.where(UsageRow.organisation_id == parties[0], UsageRow.counterparty_id == parties[1])
    if ended_by is not None:
        query = query.where(UsageRow.end <= ended_by)
    return list(session.exec(query.order_by(UsageRow.id).limit(limit)))


def unbilled_counts(session: Session) -> list[tuple[str, str, int, int]]:
    """(reason, meter, events, quantity) of what is held back."""
    query = (
        select(UsageRow.reason, UsageRow.meter, func.count(), func.sum(UsageRow.quantity))
        .where(UsageRow.state == UsageState.UNBILLED)
        .group_by(UsageRow.reason, UsageRow.meter)
        .order_by(UsageRow.reason, UsageRow.meter)
    )
    return [(reason or "", meter, count, int(total)) for reason, meter, count, total in session.exec(query)]


def metered(session: Session, meter: str) -> tuple[int, int, int]:
    """(events, quantity, devices) of all accepted usage of a meter."""
    devices = func.count(col(UsageRow.device_id).distinct())
    query = select(func.count(), func.sum(UsageRow.quantity), devices).where(UsageRow.meter == meter)
    events, quantity, devices_count = session.exec(query).one()
    return events, int(quantity or 0), devices_count


def aggregates(session: Session, line_ids: Sequence[str]) -> dict[str, Aggregate]:
    """Sum of the usage of each line; a line without usage is left out."""
    query = (
        select(
            UsageRow.line_id,
            func.sum(UsageRow.quantity),
            func.sum(case((col(UsageRow.estimated), UsageRow.quantity), else_=0)),
            func.count(),
        )
        .where(col(UsageRow.line_id).in_(line_ids))
        .group_by(UsageRow.line_id)
    )
    return {
        str(line_id): Aggregate(int(quantity), int(estimated), events)
        for line_id, quantity, estimated, events in session.exec(query)
    }
