"""Every query of the billing service."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, case, func, or_
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from services.billing.contract import InvoiceState, UsageState
from services.billing.rules.ledger import Balance, Phase
from services.billing.rules.metering import Aggregate
from services.billing.tables import (
    AccountRow,
    ContractRow,
    InvoiceRow,
    LineRow,
    QuarantineRow,
    TariffRow,
    TransferRow,
    UsageRow,
)

LIVE = (InvoiceState.ISSUED, InvoiceState.POSTED)  # Invoices that count.


def tariffs(session: Session) -> list[TariffRow]:
    return list(session.exec(select(TariffRow).order_by(TariffRow.id)))


def contracts(session: Session) -> list[ContractRow]:
    return list(session.exec(select(ContractRow).order_by(ContractRow.id)))


def contract_covering(session: Session, provider_id: str, customer_id: str, moment: datetime) -> ContractRow | None:
    """The contract of the two that is in force at `moment`."""
    return session.exec(_between(provider_id, customer_id).where(_in_force(moment, moment, inclusive=True))).first()


def contract_overlapping(
    session: Session, provider_id: str, customer_id: str, starts: datetime, ends: datetime | None
) -> ContractRow | None:
    """A contract of the two that is in force at some time of [starts, ends)."""
    return session.exec(_between(provider_id, customer_id).where(_in_force(starts, ends, inclusive=False))).first()


def _between(provider_id: str, customer_id: str) -> SelectOfScalar[ContractRow]:
    return select(ContractRow).where(
        ContractRow.organisation_id == provider_id, ContractRow.counterparty_id == customer_id
    )


def _in_force(start: datetime, end: datetime | None, *, inclusive: bool) -> Any:
    not_over = or_(col(ContractRow.ends).is_(None), col(ContractRow.ends) > start)
    if end is None:
        return not_over
    return and_(not_over, col(ContractRow.starts) <= end if inclusive else col(ContractRow.starts) < end)


# ---- Usage ----------------------------------------------------------------------------------------------------


def usage_by_identity(session: Session, source: str, event_id: str) -> UsageRow | None:
    return session.exec(select(UsageRow).where(UsageRow.source == source, UsageRow.event_id == event_id)).first()


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


# ---- Invoices -------------------------------------------------------------------------------------------------


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


def billed_lines(session: Session, meter: str) -> list[LineRow]:
    """Lines of a meter on invoices that count, newest first."""
    query = (
        select(LineRow)
        .join(InvoiceRow, col(InvoiceRow.id) == LineRow.invoice_id)
        .where(LineRow.meter == meter, col(InvoiceRow.state).in_(LIVE))
        .order_by(col(LineRow.id).desc())
    )
    return list(session.exec(query))


# ---- Ledger ---------------------------------------------------------------------------------------------------


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
