"""Dead letters and the audit trail. Both are the kernel's tables, so visibility is asked for here, not by the unit."""

from typing import Any

from sqlalchemy import func, or_, select
from sqlmodel import col

from services.kernel.unit import UnitOfWork
from services.lifecycle.contract import DEVICE_TOPICS
from services.lifecycle.tables import ProductRow


def dead_letter_page(unit: UnitOfWork, before: int | None, limit: int, *, reason: str | None) -> list[Any]:
    """Up to `limit` + 1 dead letters, newest first. Who does not see all sees those of own devices' topics."""
    table = unit.tables.dead_letter
    query = select(table)
    if before is not None:
        query = query.where(table.c.id < before)
    if reason is not None:
        query = query.where(table.c.reason == reason)
    if _visible(unit) is not None:
        own = f"{DEVICE_TOPICS}/" + col(ProductRow.id)
        mine = select(col(ProductRow.id)).where(or_(table.c.topic == own, table.c.topic.startswith(own + "/"))).exists()
        query = query.where(mine)
    return list(unit.session.execute(query.order_by(table.c.id.desc()).limit(limit + 1)))


def dead_letter_reasons(unit: UnitOfWork) -> dict[str, int]:
    """Dead letters by reason, of the whole installation."""
    table = unit.tables.dead_letter
    query = select(table.c.reason, func.count()).group_by(table.c.reason)
    return {reason: int(count) for reason, count in unit.session.execute(query)}


def audit_page(
    unit: UnitOfWork, before: str, limit: int, *, object_: str | None, correlation_id: str | None
) -> list[Any]:
    """Up to `limit` + 1 entries of visible organisations, newest first, below an id."""
    table = unit.tables.audit
    query = select(table)
    if before:
        query = query.where(table.c.id < before)
    if object_ is not None:
        query = query.where(table.c.object == object_)
    if correlation_id is not None:
        query = query.where(table.c.correlation_id == correlation_id)
    visible = _visible(unit)
    if visible is not None:
        query = query.where(table.c.organisation_id.in_(sorted(visible)))
    return list(unit.session.execute(query.order_by(table.c.id.desc()).limit(limit + 1)))


def _visible(unit: UnitOfWork) -> frozenset[str] | None:
    return unit.principal.visible_organisations(unit.service) if unit.principal else None
