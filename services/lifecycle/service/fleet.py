"""The fleet as it is now: twins with values that expire, summaries, figures."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from services.kernel.clock import from_microseconds
from services.kernel.problems import not_found
from services.kernel.unit import UnitOfWork
from services.lifecycle.contract import (
    Diagnosis,
    FleetFigures,
    Health,
    ProductSummary,
    ProductType,
    Quality,
    Twin,
    Value,
)
from services.lifecycle.service.products import product_of
from services.lifecycle.settings import LifecycleSettings
from services.lifecycle.store import products as store
from services.lifecycle.store import work
from services.lifecycle.tables import ProductRow, TwinRow

QUALITIES = tuple(Quality)  # As stored: 0 GOOD, 1 STALE, 2 BAD.
KEY_VALUES_MAX = 4  # By weight.


def twin(unit: UnitOfWork, device_id: str, settings: LifecycleSettings) -> Twin:
    """Everything that is known of one device now."""
    row = store.twin(unit, device_id)
    if row is None:
        raise not_found("product", device_id, "产品")
    return Twin(
        device_id=row.device_id,
        online=row.online,
        last_seen=row.last_seen,
        last_seen_wall=row.last_seen_wall,
        boot=row.boot,
        sequence=row.sequence,
        values=values_of(unit, row, settings),
        desired=json.loads(row.desired),
        reported=json.loads(row.reported),
        health=health_of(row.health),
        diagnosis=diagnosis_of(row.diagnosis),
        state=row.timeline,
    )


def values_of(unit: UnitOfWork, row: TwinRow, settings: LifecycleSettings) -> dict[str, Value]:
    """Last values; a GOOD one is STALE when it has expired or its device is offline."""
    now = unit.clock.business_now()
    # A device reports at wall intervals; at a high speed these are long in business time.
    lifetime = timedelta(seconds=settings.value_expiry_s * unit.clock.speed)
    found = {}
    for name, (number, quality_number, time_us) in json.loads(row.values).items():
        source_time = from_microseconds(time_us)
        quality = QUALITIES[quality_number]
        expires = source_time + lifetime
        if quality is Quality.GOOD and (not row.online or now > expires):
            quality = Quality.STALE
        found[name] = Value(value=number, quality=quality, source_time=source_time, expires=expires)
    return found


def summaries(
    unit: UnitOfWork, cards: Sequence[tuple[ProductRow, TwinRow]], settings: LifecycleSettings
) -> list[ProductSummary]:
    """Cards of the fleet with the values that weigh most in the health index, and those that the type is rated by."""
    alarms = work.active_counts(unit, [product.id for product, _ in cards])
    types = {row.id: row for row in store.types_by_id(unit, {product.type_id for product, _ in cards})}
    keys = {type_id: _key_signals(ProductType.model_validate(row.body)) for type_id, row in types.items()}
    found = []
    for product, row in cards:
        values = values_of(unit, row, settings)
        found.append(
            ProductSummary(
                product=product_of(product),
                online=row.online,
                last_seen=row.last_seen,
                health=health_of(row.health),
                alarms_active=alarms.get(product.id, 0),
                key_values={name: values[name] for name in keys[product.type_id] if name in values},
                state=row.timeline,
                diagnosis=diagnosis_of(row.diagnosis),
            )
        )
    return found


def figures(unit: UnitOfWork) -> FleetFigures:
    """The visible fleet in numbers."""
    total, announced = store.announced_counts(unit)
    tickets, orders = work.open_counts(unit)
    bands: dict[str, int] = {}
    for _, health, _ in store.healths(unit):
        band = health_of(health).band
        bands[band] = bands.get(band, 0) + 1
    return FleetFigures(
        products=total,
        announced=announced,
        online=store.online_count(unit),
        states=store.state_counts(unit),
        health_bands=bands,
        alarms_active=work.severity_counts(unit),
        tickets_open=tickets,
        work_orders_open=orders,
    )


def health_of(stored: str) -> Health:
    """Health as the twin keeps it; before the first assessment nothing can be told."""
    content: dict[str, Any] = json.loads(stored)
    return Health.model_validate(content) if content else Health(index=None, band="cannot_tell")


def diagnosis_of(stored: str | None) -> Diagnosis | None:
    """Diagnosis as the twin keeps it."""
    return Diagnosis.model_validate_json(stored) if stored else None


def _key_signals(product_type: ProductType) -> list[str]:
    rated = product_type.rated
    weighty = sorted(product_type.signals, key=lambda signal: -signal.health_weight)
    return [signal.name for place, signal in enumerate(weighty) if place < KEY_VALUES_MAX or signal.name in rated]


def seconds_since(unit: UnitOfWork, wall: datetime | None) -> float | None:
    """Wall seconds from `wall` to now."""
    return None if wall is None else round((unit.clock.wall_now() - wall).total_seconds(), 1)
