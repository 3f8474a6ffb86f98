"""Queries for invoices and their lines."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from services.billing.contract import InvoiceState
from services.billing.tables import (
    InvoiceRow,
    LineRow,
)

LIVE = (InvoiceState.ISSUED, InvoiceState.POSTED)  # Invoices that count.


def draft(session: Session, draft_key: str) -> InvoiceRow | None:
    return session.exec(select(InvoiceRow).where(InvoiceRow.draft_key == draft_key)).first()


def line_of(session: Session, invoice_id: str, meter: str) -> LineRow | None:
    return session.exec(select(LineRow).where(LineRow.invoice_id == invoice_id, LineRow.meter == meter)).first()


def lines(session: Session, invoice_ids: Sequence[str]) -> list[LineRow]:
    return list(
        session.exec(
            select(LineRow).where(col(LineRow.invoice_id).in_(invoice_ids)).order_by(LineRow.invoice_id, LineRow.meter)
        )
    )


def invoice_page(
    session: Session, before: str, limit: int, *, state: str | None, contract_id: str | None
) -> list[InvoiceRow]:
    """Up to `limit` + 1 invoices, newest first, below an id."""
    query = select(InvoiceRow)
    if before:
        query = query.where(InvoiceRow.id < before)
    if state is not None:
        query = query.where(InvoiceRow.state == state)
    if contract_id is not None:
        query = query.where(InvoiceRow.contract_id == contract_id)
    return list(session.exec(query.order_by(col(InvoiceRow.id).desc()).limit(limit + 1)))


def live_invoices(session: Session, contract_id: str, service_start: datetime) -> list[InvoiceRow]:
    """Invoices of a period that count, oldest first."""
    query = select(InvoiceRow).where(
        InvoiceRow.contract_id == contract_id,
        InvoiceRow.service_start == service_start,
        col(InvoiceRow.state).in_(LIVE),
    )
    return list(session.exec(query.order_by(col(InvoiceRow.serial))))


def billed_before(session: Session, invoice_ids: Sequence[str]) -> dict[str, int]:
    """Quantity of each meter on some invoices."""
    query = (
        select(LineRow.meter, func.sum(LineRow.quantity))
        .where(col(LineRow.invoice_id).in_(invoice_ids))
        .group_by(LineRow.meter)
    )
    return {meter: int(quantity) for meter, quantity in session.exec(query)}


def due_drafts(session: Session, now: datetime) -> list[str]:
    query = select(InvoiceRow.id).where(InvoiceRow.state == InvoiceState.DRAFT, InvoiceRow.invoice_at <= now)
    return list(session.exec(query.order_by(InvoiceRow.id)))


def due_posts(session: Session, now: datetime) -> list[str]:
    query = select(InvoiceRow.id).where(InvoiceRow.state == InvoiceState.ISSUED, col(InvoiceRow.post_at) <= now)
    return list(session.exec(query.order_by(InvoiceRow.id)))


def next_serial(session: Session, provider_id: str) -> int:
    last = session.exec(select(func.max(InvoiceRow.serial)).where(InvoiceRow.organisation_id == provider_id)).one()
    return (last or 0) + 1


def invoice_sums(session: Session) -> list[tuple[str, str, int, int]]:
    """(state, currency, invoices, net) of all invoices."""
    query = select(InvoiceRow.state, InvoiceRow.currency, func.count(), func.sum(InvoiceRow.net_minor)).group_by(
        InvoiceRow.state, InvoiceRow.currency
    )
    return [(state, currency, count, int(net)) for state, currency, count, net in session.exec(query)]


def billed(session: Session, meter: str) -> tuple[int, int, int]:
    """(lines, quantity, amount in minor units) of a meter on invoices that count."""
    query = (
        select(func.count(), func.sum(LineRow.quantity), func.sum(LineRow.amount_minor))
        .join(InvoiceRow, col(InvoiceRow.id) == LineRow.invoice_id)
        .where(LineRow.meter == meter, col(InvoiceRow.state).in_(LIVE))
    )
    count, quantity, amount_minor = session.exec(query).one()
    return count, int(quantity or 0), int(amount_minor or 0)


def newest_lines(session: Session, meter: str, limit: int) -> list[LineRow]:
    """Newest lines of a meter that have been rated."""
    query = select(LineRow).where(LineRow.meter == meter, LineRow.events > 0)
    return list(session.exec(query.order_by(col(LineRow.id).desc()).limit(limit)))
