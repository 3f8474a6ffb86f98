"""Browsers that are signed in: whose they are, and ending one that is not this one."""

from gateway import store
from gateway.contract import Session
from gateway.service.identity import administers
from gateway.tables import SessionRow
from services.kernel.problems import not_found
from services.kernel.unit import UnitOfWork


def sessions_of_user(unit: UnitOfWork, user_name: str, current_id: str = "") -> list[Session]:
    """Sessions of one user that live."""
    user = store.user_named(unit.session, user_name)
    rows = store.sessions_of(unit.session, user.id, unit.clock.wall_now()) if user else []
    return [session_of(row, current_id) for row in rows]


def revoke_session(unit: UnitOfWork, session_id: str) -> None:
    """End a session of one's own, or as an administrator of its user's organisation."""
    row = store.session_row(unit.session, session_id)
    user = store.user(unit.session, row.user_id) if row else None
    principal = unit.principal
    if row is None or user is None:
        raise not_found("session", session_id, "会话")
    if (
        principal is not None
        and principal.subject != f"user:{user.name}"
        and not administers(principal, row.organisation_id)
    ):
        raise not_found("session", session_id, "会话")
    row.ended = row.ended or unit.clock.wall_now()
    unit.audit("revoke session", f"session:{row.id}", row.organisation_id, {"user": user.name})


def session_of(row: SessionRow, current_id: str) -> Session:
    return Session(
        id=row.id, user_id=row.user_id, created=row.created, expires=row.expires, current=row.id == current_id
    )
