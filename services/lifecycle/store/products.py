"""Product types, products and twins."""

import json
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import func
from sqlmodel import col, select, update

from services.kernel.unit import UnitOfWork
from services.lifecycle.contract import DEVICE_ID
from services.lifecycle.tables import ProductRow, ProductTypeRow, TwinRow

_DEVICE_ID = re.compile(DEVICE_ID.strip("^$"))
IDS_A_QUERY_MAX = 1_000  # Databases bound the parameters of one statement.


def products_with_twins(unit: UnitOfWork, ids: set[str]) -> list[tuple[ProductRow, TwinRow]]:
    """Those products that are registered, as the database has them now."""
    found: list[tuple[ProductRow, TwinRow]] = []
    wanted = sorted(each for each in ids if _DEVICE_ID.fullmatch(each))  # A topic may hold any text.
    for place in range(0, len(wanted), IDS_A_QUERY_MAX):
        query = (
            select(ProductRow, TwinRow)
            .join(TwinRow, col(TwinRow.device_id) == ProductRow.id)
            .where(col(ProductRow.id).in_(wanted[place : place + IDS_A_QUERY_MAX]))
            .execution_options(populate_existing=True)
        )
        found += unit.session.exec(query).all()
    return found


# ---- Product types --------------------------------------------------------------------------------------------


def product_type(unit: UnitOfWork, type_id: str) -> ProductTypeRow | None:
    return unit.session.exec(select(ProductTypeRow).where(ProductTypeRow.id == type_id)).first()


def types_by_id(unit: UnitOfWork, ids: Iterable[str]) -> list[ProductTypeRow]:
    return list(unit.session.exec(select(ProductTypeRow).where(col(ProductTypeRow.id).in_(sorted(ids)))))


def type_page(unit: UnitOfWork, after: str, limit: int) -> list[ProductTypeRow]:
    """Up to `limit` + 1 product types after an id."""
    query = select(ProductTypeRow).where(ProductTypeRow.id > after).order_by(ProductTypeRow.id).limit(limit + 1)
    return list(unit.session.exec(query))


# ---- Products -------------------------------------------------------------------------------------------------


def product(unit: UnitOfWork, device_id: str) -> ProductRow | None:
    """A product that the principal may see."""
    return unit.session.exec(select(ProductRow).where(ProductRow.id == device_id)).first()


def is_taken(unit: UnitOfWork, device_id: str) -> bool:
    """Whether any organisation has a product of this id: ids are unique in the whole platform."""
    table = ProductRow.__table__  # type: ignore[attr-defined]
    return unit.session.execute(table.select().where(table.c.id == device_id)).first() is not None


def announce(unit: UnitOfWork, device_id: str, at: datetime, firmware: str) -> None:
    unit.session.execute(
        update(ProductRow).where(col(ProductRow.id) == device_id).values(announced=at, firmware=firmware)
    )


def keep_firmware(unit: UnitOfWork, device_id: str, firmware: str) -> None:
    unit.session.execute(update(ProductRow).where(col(ProductRow.id) == device_id).values(firmware=firmware))


def card_page(
    unit: UnitOfWork, after: str, limit: int, *, type_id: str | None, organisation_id: str | None, state: str | None
) -> list[tuple[ProductRow, TwinRow]]:
    """Up to `limit` + 1 products with their twins after an id."""
    query = (
        select(ProductRow, TwinRow)
        .join(TwinRow, col(TwinRow.device_id) == ProductRow.id)
        .where(ProductRow.id > after)
        .order_by(ProductRow.id)
        .limit(limit + 1)
    )
    if type_id is not None:
        query = query.where(ProductRow.type_id == type_id)
    if organisation_id is not None:
        query = query.where(ProductRow.organisation_id == organisation_id)
    if state is not None:
        query = query.where(TwinRow.timeline == state)
    return [(row[0], row[1]) for row in unit.session.exec(query)]


def password_page(unit: UnitOfWork, after: str, limit: int) -> list[ProductRow]:
    """Up to `limit` + 1 products that have credentials, after an id."""
    query = (
        select(ProductRow)
        .where(ProductRow.id > after, col(ProductRow.credential_hash).is_not(None))
        .order_by(ProductRow.id)
        .limit(limit + 1)
    )
    return list(unit.session.exec(query))


def announced_counts(unit: UnitOfWork) -> tuple[int, int]:
    """(all products, products that have announced themselves)."""
    query = select(func.count(), func.count(col(ProductRow.announced))).select_from(ProductRow)
    total, announced = unit.session.exec(query).one()
    return int(total), int(announced)


# ---- Twins ----------------------------------------------------------------------------------------------------


def twin(unit: UnitOfWork, device_id: str) -> TwinRow | None:
    """A twin that the principal may see, as it is now."""
    query = select(TwinRow).where(TwinRow.device_id == device_id).execution_options(populate_existing=True)
    return unit.session.exec(query).first()


def keep_desired(unit: UnitOfWork, device_id: str, change: dict[str, Any]) -> None:
    """Set desired parameters; None takes one back. Only this column: the rest of a twin is the ingest worker's."""
    query = select(TwinRow.desired).where(TwinRow.device_id == device_id).with_for_update()
    desired = json.loads(unit.session.exec(query).one())
    desired.update(change)
    kept = json.dumps({name: value for name, value in desired.items() if value is not None}, ensure_ascii=False)
    unit.session.execute(update(TwinRow).where(col(TwinRow.device_id) == device_id).values(desired=kept))


def online_ids(unit: UnitOfWork, ids: Iterable[str]) -> set[str]:
    """Those of `ids` whose device is online."""
    query = select(TwinRow.device_id).where(col(TwinRow.device_id).in_(sorted(ids)), col(TwinRow.online))
    return set(unit.session.exec(query))


def state_counts(unit: UnitOfWork) -> dict[str, int]:
    """Twins in each state of the timeline."""
    query = select(TwinRow.timeline, func.count()).group_by(TwinRow.timeline)
    return {state: int(count) for state, count in unit.session.exec(query)}


def online_count(unit: UnitOfWork) -> int:
    query = select(func.count()).select_from(TwinRow).where(col(TwinRow.online))
    return int(unit.session.exec(query).one())


def healths(unit: UnitOfWork) -> list[tuple[str, str, str | None]]:
    """(device, health, diagnosis) of all twins, as stored."""
    query = select(TwinRow.device_id, TwinRow.health, TwinRow.diagnosis).order_by(TwinRow.device_id)
    return [(device, health, diagnosis) for device, health, diagnosis in unit.session.exec(query)]


def settled(unit: UnitOfWork) -> list[str]:
    """Settled sequence numbers of every twin, as `rules.settling` keeps them."""
    return list(unit.session.exec(select(TwinRow.settled)))


def newest_seen_wall(unit: UnitOfWork) -> tuple[str, datetime] | None:
    """(device, wall time) of the newest message of any device."""
    query = (
        select(TwinRow.device_id, TwinRow.last_seen_wall)
        .where(col(TwinRow.last_seen_wall).is_not(None))
        .order_by(col(TwinRow.last_seen_wall).desc())
        .limit(1)
    )
    row = unit.session.exec(query).first()
    return None if row is None or row[1] is None else (row[0], row[1])
