"""Product types, products and twins."""

import json
from collections.abc import Iterable
from functools import lru_cache

from sqlmodel import col, select

from services.kernel.unit import UnitOfWork
from services.lifecycle.contract import ProductType
from services.lifecycle.rules.state_detection import Detector, compile_detector
from services.lifecycle.service.devices import Device
from services.lifecycle.tables import ProductRow, ProductTypeRow, TwinRow

IDS_A_QUERY_MAX = 1_000  # Databases bound the parameters of one statement.


def load_devices(unit: UnitOfWork, ids: set[str]) -> dict[str, Device]:
    """Live state of those devices that are registered, by id."""
    found: dict[str, Device] = {}
    wanted = sorted(ids)
    for place in range(0, len(wanted), IDS_A_QUERY_MAX):
        some = wanted[place : place + IDS_A_QUERY_MAX]
        query = (
            select(ProductRow, TwinRow)
            .join(TwinRow, col(TwinRow.device_id) == ProductRow.id)
            .where(col(ProductRow.id).in_(some))
            .execution_options(populate_existing=True)
        )
        rows = list(unit.session.exec(query))
        kinds = _compiled_types(unit, {product.type_id for product, _ in rows})
        for product, twin in rows:
            found[product.id] = Device(product, twin, *kinds[product.type_id])
    return found


def _compiled_types(unit: UnitOfWork, ids: set[str]) -> dict[str, tuple[ProductType, Detector]]:
    query = select(ProductTypeRow).where(col(ProductTypeRow.id).in_(ids))
    return {row.id: _compiled(json.dumps(row.body, sort_keys=True)) for row in unit.session.exec(query)}


@lru_cache(maxsize=256)
def _compiled(body: str) -> tuple[ProductType, Detector]:
    """One detector serves all devices of a type; keyed by the data model, not by a name that two databases may share."""
    product_type = ProductType.model_validate_json(body)
    return product_type, compile_detector(product_type.model_dump())
