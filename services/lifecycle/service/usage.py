"""Metering: cumulative counters become usage, one event a meter and bucket of business time, each told once.

A bucket is told when it is over, has waited for late data, and a reading after it shows where the counter stood at its
end. A device that is offline is told of when it is back. What comes later still is in the counter already: it can no
longer change how usage is spread over the buckets, but no usage is lost or told twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from services.kernel.chance import new_id
from services.kernel.clock import from_microseconds, to_microseconds
from services.kernel.database import Database
from services.kernel.unit import UnitOfWork
from services.lifecycle.contract import ProductType, UsageMetered
from services.lifecycle.rules.usage import split_by_bucket, usage_between
from services.lifecycle.settings import LifecycleSettings
from services.lifecycle.store import history as store
from services.lifecycle.store import products
from services.lifecycle.tables import MeterReadingRow

DEVICES_A_UNIT = 50
BUCKETS_A_PASS = 48  # For one device; the rest comes with the next pass.
READINGS_MAX = 100_000  # Of one device in one bucket.
READINGS_AHEAD = 500  # How far to look for the next good reading of a counter.
COUNTER_MAX = 2**53  # JSON numbers hold integers exactly up to here.
SECONDS_METER = "run_seconds"  # Moves one a second at most.


class _Counted(msgspec.Struct):
    """What metering reads of a stored telemetry message."""

    values: dict[str, float] = {}
    qualities: dict[str, str] = {}


_decode = msgspec.json.Decoder(_Counted).decode


@dataclass
class _Standing:
    """Where metering of one counter stands; `fresh` has no row yet."""

    meter: str
    at_us: int
    value: int
    estimated: bool
    fresh: bool
    start_us: int = 0
    told: list[tuple[int, int, int, bool]] = field(default_factory=list)  # bucket start, end, quantity, estimated

    def __post_init__(self) -> None:
        self.start_us = self.at_us


@dataclass
class _Plan:
    """What one device's meters will have told."""

    product: store.Metered
    standings: list[_Standing]


def meter(database: Database, settings: LifecycleSettings) -> int:
    """Tell of all buckets that can be closed; returns how many events were made. Readings are read without a lock."""
    made = 0
    after = ""
    while True:
        plans, last = database.read(_plan, settings, after)
        if plans:
            made += database.run(_book, plans)
        if last is None:
            return made
        after = last


# ---- Reading: what is due -------------------------------------------------------------------------------------


def _plan(unit: UnitOfWork, settings: LifecycleSettings, after: str) -> tuple[list[_Plan], str | None]:
    """Plans of the next devices, and the last id looked at (none: that were all)."""
    bucket_us = settings.usage_bucket_s * 1_000_000
    now = unit.clock.business_now()
    closable_us = to_microseconds(now - timedelta(seconds=settings.usage_allowance_s)) // bucket_us * bucket_us
    found = store.meters_due(unit, settings.meters, from_microseconds(closable_us), after, DEVICES_A_UNIT)
    rows: dict[str, dict[str, MeterReadingRow]] = {}
    for row in store.meter_readings(unit, [each.device_id for each in found]):
        rows.setdefault(row.device_id, {})[row.meter] = row
    counters = _counters(unit, {each.type_id for each in found}, settings.meters)
    gap_s = settings.usage_gap_s + 5 * unit.clock.speed  # At a high speed devices report less often.
    plans = []
    for product in found:
        standings = _standings(unit, product, rows.get(product.device_id, {}), counters[product.type_id])
        _close_buckets(unit, product, standings, closable_us, bucket_us, gap_s)
        if any(each.told or each.fresh or each.at_us != each.start_us for each in standings):
            plans.append(_Plan(product, standings))
    return plans, found[-1].device_id if len(found) == DEVICES_A_UNIT else None


def _counters(unit: UnitOfWork, type_ids: set[str], meters: Sequence[str]) -> dict[str, list[str]]:
    """The metered counters of each product type."""
    found = {}
    for row in products.types_by_id(unit, type_ids):
        signals = ProductType.model_validate(row.body).signals
        found[row.id] = [each.name for each in signals if each.kind == "counter" and each.name in meters]
    return found


def _standings(
    unit: UnitOfWork, product: store.Metered, rows: dict[str, MeterReadingRow], names: list[str]
) -> list[_Standing]:
    standings = [
        _Standing(name, to_microseconds(row.at), row.value, row.estimated, fresh=False)
        for name, row in rows.items()
        if name in names
    ]
    missing = [name for name in names if name not in rows]
    first = _counts(store.readings_from(unit, product.device_id, 0, READINGS_AHEAD)) if missing else []
    for name in missing:
        for time_us, values in first:
            if name in values:
                standings.append(_Standing(name, time_us, values[name], False, fresh=True))
                break
    return standings


def _counts(readings: Sequence[store.Reading]) -> list[tuple[int, dict[str, int]]]:
    """(time, GOOD values as whole numbers) of readings."""
    found = []
    for reading in readings:
        if reading.quality == store.GOOD:
            body = _decode(reading.body)
            good = {
                name: int(value)
                for name, value in body.values.items()
                if 0 <= value <= COUNTER_MAX and body.qualities.get(name, "GOOD") == "GOOD"
            }
            found.append((reading.source_time, good))
    return found


def _close_buckets(
    unit: UnitOfWork,
    product: store.Metered,
    standings: list[_Standing],
    closable_us: int,
    bucket_us: int,
    gap_s: float,
) -> None:
    """Close bucket after bucket of one device, all its meters together, as far as its readings show."""
    last_seen_us = to_microseconds(product.last_seen)
    for _ in range(BUCKETS_A_PASS):
        if not standings:
            return
        begin_us = min(each.at_us for each in standings)
        end_us = begin_us // bucket_us * bucket_us + bucket_us
        if end_us > closable_us or last_seen_us < end_us:
            return
        inside = store.readings(unit, product.device_id, begin_us, end_us, READINGS_MAX)
        beyond = store.readings_from(unit, product.device_id, end_us, READINGS_AHEAD)
        counts = _counts([*inside, *beyond])
        for standing in standings:
            if standing.at_us < end_us:
                _close(standing, counts, end_us, bucket_us, gap_s)
        if any(each.at_us < end_us for each in standings):
            return  # No reading after the bucket shows this counter yet.


def _close(
    standing: _Standing, counts: list[tuple[int, dict[str, int]]], end_us: int, bucket_us: int, gap_s: float
) -> None:
    """Add up one meter until the end of the bucket; without a reading beyond the end nothing is closed."""
    at_us, value, quantity = standing.at_us, standing.value, 0
    estimated = False
    ahead = standing.estimated  # Until the first reading: what was left over of an estimate.
    for time_us, values in counts:
        after = values.get(standing.meter)
        if after is None or time_us <= at_us:
            continue
        used = usage_between(
            before=value,
            after=after,
            before_us=at_us,
            after_us=time_us,
            gap_s=gap_s,
            most_per_s=1.0 if standing.meter == SECONDS_METER else None,
        )
        unsure = used.estimated or (ahead and used.quantity > 0)
        if time_us < end_us:
            quantity += used.quantity
            estimated |= unsure
            at_us, value, ahead = time_us, after, False
            continue
        part = dict(split_by_bucket(quantity=used.quantity, start_us=at_us, end_us=time_us, bucket_us=bucket_us)).get(
            end_us - bucket_us, 0
        )
        standing.told.append((standing.at_us, end_us, quantity + part, estimated or unsure))
        # The counter as it was, or would have been, at the end of the bucket: what is left is told with the next.
        standing.at_us, standing.value, standing.estimated = end_us, after - (used.quantity - part), unsure
        return


# ---- Writing: what is told ------------------------------------------------------------------------------------


def _book(unit: UnitOfWork, plans: list[_Plan]) -> int:
    """Write the new standings and announce usage; a device whose standing is another than planned is left alone."""
    rows = {(row.device_id, row.meter): row for row in store.meter_readings(unit, [p.product.device_id for p in plans])}
    made = 0
    for plan in plans:
        for standing in plan.standings:
            row = rows.get((plan.product.device_id, standing.meter))
            if standing.fresh != (row is None) or (row and to_microseconds(row.at) != standing.start_us):
                continue
            made += _tell(unit, plan.product, standing)
            total = (row.total if row else 0) + sum(quantity for _, _, quantity, _ in standing.told)
            kept = row or MeterReadingRow(
                device_id=plan.product.device_id,
                meter=standing.meter,
                organisation_id=plan.product.organisation_id,
                at=from_microseconds(standing.start_us),
                value=standing.value,
            )
            kept.at = from_microseconds(standing.at_us)
            kept.value, kept.total, kept.estimated = standing.value, total, standing.estimated
            unit.session.add(kept)
    return made


def _tell(unit: UnitOfWork, product: store.Metered, standing: _Standing) -> int:
    """Announce what was used; a bucket without use is not worth an event."""
    made = 0
    for start_us, end_us, quantity, estimated in standing.told:
        if quantity:
            start, end = from_microseconds(start_us), from_microseconds(end_us)
            unit.announce(
                UsageMetered(
                    device_id=product.device_id,
                    meter=standing.meter,
                    quantity=quantity,
                    start=start,
                    end=end,
                    estimated=estimated,
                    customer_id=product.organisation_id,
                    provider_id=product.maker_id,
                ),
                subject=product.device_id,
                organisation_id=product.organisation_id,
                event_id=event_id(product.device_id, standing.meter, start),
                correlation_id=new_id(),
            )
            made += 1
    return made


def event_id(device_id: str, meter_name: str, start: datetime) -> str:
    """The CloudEvents id of one bucket's usage, the same however often it is made."""
    return f"{device_id}:{meter_name}:{start.isoformat()}"
