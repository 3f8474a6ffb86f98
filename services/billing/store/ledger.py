"""Queries for accounts and transfers."""

from collections.abc import Sequence

from sqlalchemy import and_, case, func, or_
from sqlmodel import Session, col, select

from services.billing.rules.ledger import Balance, Phase
from services.billing.tables import (
    AccountRow,
    TransferRow,
)


def transfers(session: Session, *, invoice_id: str | None = None, phases: Sequence[str] = ()) -> list[TransferRow]:
    query = select(TransferRow)
    if invoice_id is not None:
        query = query.where(TransferRow.invoice_id == invoice_id)
    if phases:
        query = query.where(col(TransferRow.phase).in_(phases))
    return list(session.exec(query.order_by(col(TransferRow.at), col(TransferRow.id))))


def transfer_page(session: Session, after: str, limit: int) -> list[TransferRow]:
    query = select(TransferRow).where(TransferRow.id > after, col(TransferRow.phase).in_((Phase.PENDING, Phase.SINGLE)))
    return list(session.exec(query.order_by(TransferRow.id).limit(limit + 1)))


def settlements(session: Session, pending_ids: Sequence[str]) -> dict[str, TransferRow]:
    """What became of pending transfers, by their id."""
    query = select(TransferRow).where(col(TransferRow.pending_id).in_(pending_ids))
    return {str(row.pending_id): row for row in session.exec(query)}


def accounts(session: Session) -> list[AccountRow]:
    return list(session.exec(select(AccountRow).order_by(AccountRow.id)))


def balances(session: Session) -> dict[str, Balance]:
    """Sums of every account over all visible transfers."""
    settled = select(TransferRow.pending_id).where(col(TransferRow.pending_id).is_not(None))
    posted = col(TransferRow.phase).in_((Phase.SINGLE, Phase.POST))
    pending = and_(col(TransferRow.phase) == Phase.PENDING, col(TransferRow.id).not_in(settled))
    sums: dict[str, list[int]] = {}
    for place, column in ((0, TransferRow.debit), (1, TransferRow.credit)):
        query = (
            select(
                column,
                func.coalesce(func.sum(case((posted, TransferRow.amount_minor), else_=0)), 0),
                func.coalesce(func.sum(case((pending, TransferRow.amount_minor), else_=0)), 0),
            )
            .where(or_(posted, pending))
            .group_by(column)
        )
        for account_id, posted_minor, pending_minor in session.exec(query):
            entry = sums.setdefault(account_id, [0, 0, 0, 0])
            entry[place] = int(posted_minor)
            entry[place + 2] = int(pending_minor)
    return {account_id: Balance(*entry) for account_id, entry in sums.items()}
