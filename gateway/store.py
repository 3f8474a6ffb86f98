"""Every query of the gateway."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, or_, update
from sqlmodel import Session, col, select

from gateway.contract import AuditEntry
from gateway.tables import (
    AgreementRow,
    ClientRow,
    ClockRow,
    CredentialRow,
    LinkRow,
    OrganisationRow,
    SessionRow,
    UserRow,
)
from services.kernel.unit import UnitOfWork

SIGN_IN = "sign in"  # The action in the audit trail.
NULL = "\0"  # PostgreSQL refuses a text with it, and nobody is called so.

# ---- Organisations, users, clients ----------------------------------------------------------------------------


def organisations(session: Session, visible: frozenset[str] | None) -> list[OrganisationRow]:
    """All, or the visible ones and those that they have an agreement with."""
    query = select(OrganisationRow).order_by(OrganisationRow.id)
    if visible is not None:
        partners = session.exec(select(AgreementRow.organisation_id, AgreementRow.counterparty_id))
        known = visible.union(*partners)
        query = query.where(col(OrganisationRow.id).in_(sorted(known)))
    return list(session.exec(query))


def organisation(session: Session, organisation_id: str) -> OrganisationRow | None:
    return session.get(OrganisationRow, organisation_id)


def users(session: Session, after: str, limit: int) -> list[UserRow]:
    """By name, after a name."""
    return list(session.exec(select(UserRow).where(UserRow.name > after).order_by(UserRow.name).limit(limit)))


def user(session: Session, user_id: str) -> UserRow | None:
    return session.exec(select(UserRow).where(UserRow.id == user_id)).first()


def user_named(session: Session, name: str) -> UserRow | None:
    if NULL in name:
        return None
    return session.exec(select(UserRow).where(UserRow.name == name)).first()


def name_taken(session: Session, name: str) -> bool:
    """Whether any user, also one whom the principal does not see, has this sign-in name."""
    table = UserRow.__table__  # type: ignore[attr-defined]
    return session.execute(table.select().where(table.c.name == name)).first() is not None


def credential(session: Session, user_id: str) -> CredentialRow | None:
    return session.get(CredentialRow, user_id)


def users_with_password(session: Session, user_ids: Sequence[str]) -> set[str]:
    return set(session.exec(select(CredentialRow.user_id).where(col(CredentialRow.user_id).in_(user_ids))))


def clients(session: Session, after: str, limit: int) -> list[ClientRow]:
    """By id, after an id."""
    return list(session.exec(select(ClientRow).where(ClientRow.id > after).order_by(ClientRow.id).limit(limit)))


def client(session: Session, client_id: str) -> ClientRow | None:
    if NULL in client_id:
        return None
    return session.exec(select(ClientRow).where(ClientRow.id == client_id)).first()


# ---- Agreements -----------------------------------------------------------------------------------------------


def agreements(session: Session, after: str, limit: int) -> list[AgreementRow]:
    """By id, after an id."""
    query = select(AgreementRow).where(AgreementRow.id > after).order_by(AgreementRow.id).limit(limit)
    return list(session.exec(query))


def agreement(session: Session, agreement_id: str) -> AgreementRow | None:
    return session.exec(select(AgreementRow).where(AgreementRow.id == agreement_id)).first()


def agreements_for(session: Session, grantee_id: str, moment: datetime) -> list[AgreementRow]:
    """What others let `grantee_id` see at a business time."""
    return list(
        session.exec(
            select(AgreementRow).where(
                AgreementRow.counterparty_id == grantee_id,
                AgreementRow.starts <= moment,
                or_(col(AgreementRow.ends).is_(None), col(AgreementRow.ends) > moment),
            )
        )
    )


def agreement_between(session: Session, grantor_id: str, grantee_id: str) -> AgreementRow | None:
    """One without an end."""
    return session.exec(
        select(AgreementRow).where(
            AgreementRow.organisation_id == grantor_id,
            AgreementRow.counterparty_id == grantee_id,
            col(AgreementRow.ends).is_(None),
        )
    ).first()


# ---- Links and sessions ---------------------------------------------------------------------------------------


def use_link(session: Session, secret_hash: str, now: datetime) -> str | None:
    """Mark a link as used and give its user; none when it is unknown, used or too old. Only one caller wins."""
    return session.exec(
        update(LinkRow)
        .where(col(LinkRow.secret_hash) == secret_hash, col(LinkRow.used).is_(None), col(LinkRow.expires) > now)
        .values(used=now)
        .returning(col(LinkRow.user_id))
    ).scalar_one_or_none()


def close_links(session: Session, user_id: str, now: datetime) -> None:
    """A user has at most one link that is good: older ones end."""
    session.exec(update(LinkRow).where(col(LinkRow.user_id) == user_id, col(LinkRow.used).is_(None)).values(used=now))


def live_session(session: Session, secret_hash: str, now: datetime) -> SessionRow | None:
    return session.exec(
        select(SessionRow).where(
            SessionRow.secret_hash == secret_hash, col(SessionRow.ended).is_(None), SessionRow.expires > now
        )
    ).first()


def sessions_of(session: Session, user_id: str, now: datetime) -> list[SessionRow]:
    return list(
        session.exec(
            select(SessionRow)
            .where(SessionRow.user_id == user_id, col(SessionRow.ended).is_(None), SessionRow.expires > now)
            .order_by(SessionRow.id)
        )
    )


def session_row(session: Session, session_id: str) -> SessionRow | None:
    return session.exec(select(SessionRow).where(SessionRow.id == session_id)).first()


def forget_old(session: Session, before: datetime) -> None:
    """Drop links and sessions that ran out before a wall time."""
    session.exec(delete(LinkRow).where(col(LinkRow.expires) < before))
    session.exec(delete(SessionRow).where(col(SessionRow.expires) < before))


def ever_signed_in(unit: UnitOfWork, user_name: str) -> bool:
    """Whether the audit trail knows of a sign-in."""
    audit = unit.tables.audit
    query = audit.select().where(audit.c.action == SIGN_IN, audit.c.object == f"user:{user_name}").limit(1)
    return unit.session.execute(query).first() is not None


# ---- Clock and audit ------------------------------------------------------------------------------------------


def clock(session: Session) -> ClockRow | None:
    return session.get(ClockRow, 1)


def audit_page(unit: UnitOfWork, visible: frozenset[str] | None, before: str, limit: int) -> list[AuditEntry]:
    """Newest first, before an id."""
    audit = unit.tables.audit
    query = audit.select().order_by(audit.c.id.desc()).limit(limit)
    if before:
        query = query.where(audit.c.id < before)
    if visible is not None:
        query = query.where(audit.c.organisation_id.in_(sorted(visible)))
    return [AuditEntry.model_validate(dict(row._mapping)) for row in unit.session.execute(query)]
