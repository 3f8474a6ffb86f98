"""Queries for tariffs and contracts."""

from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from services.billing.tables import (
    ContractRow,
    TariffRow,
)


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
