"""Trends: new readings merged into buckets of a minute, half an hour and a day. GOOD numbers only."""

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy

from services.kernel.database import Database
from services.kernel.unit import UnitOfWork
from services.lifecycle.settings import LifecycleSettings
from services.lifecycle.store import history as store

WIDTHS_S = (60, 1_800, 86_400)


class _Measured(msgspec.Struct):
    """What trends read of a stored telemetry message."""

    values: dict[str, float] = {}
    qualities: dict[str, str] = {}


_decode = msgspec.json.Decoder(_Measured).decode


def merge(database: Database, settings: LifecycleSettings) -> int:
    """Merge what was stored since the last time; returns how many readings. Several may do so at once.

    Readings are read and added up without a lock; a short unit of work writes the sums and moves the cursor, if
    nobody else has.
    """
    upper = database.run(store.newest_id, bulk=True) if database.is_postgres else database.read(store.newest_id)
    merged = 0
    while True:
        cursor, rows = database.read(_next_readings, upper, settings.trend_rows_max)
        # Ids of other messages than telemetry lie between: the end of a full chunk is its last row.
        reached = rows[-1][0] if len(rows) == settings.trend_rows_max else upper
        if reached <= cursor:
            return merged
        sums = summed([reading for _, reading in rows], WIDTHS_S)
        if not database.run(_write, cursor, reached, sums, bulk=True):
            return merged
        merged += len(rows)


def _next_readings(unit: UnitOfWork, upper: int, limit: int) -> tuple[int, list[tuple[int, store.Reading]]]:
    cursor = store.trend_cursor(unit)
    return cursor, store.readings_after_id(unit, cursor, upper, limit)


def _write(unit: UnitOfWork, before: int, after: int, sums: list[store.Trend]) -> bool:
    if not store.move_trend_cursor(unit, before, after):
        return False
    store.merge_trends(unit, sums)
    return True


def summed(readings: Sequence[store.Reading], widths_s: Sequence[int], only: str | None = None) -> list[store.Trend]:
    """Count, least, most and total of each signal (or `only` one) in each bucket of each width, sorted by key."""
    names: dict[tuple[str, str], int] = {}
    series: list[int] = []
    times_us: list[int] = []
    numbers: list[float] = []
    for reading in readings:
        if reading.quality != store.GOOD:
            continue
        body = _decode(reading.body)
        values = body.values
        if only is not None:
            values = {only: values[only]} if only in values else {}
        for signal, value in values.items():
            if math.isfinite(value) and body.qualities.get(signal, "GOOD") == "GOOD":
                series.append(names.setdefault((reading.device, signal), len(names)))
                times_us.append(reading.source_time)
                numbers.append(value)
    if not numbers:
        return []
    keys = list(names)
    arrays = numpy.asarray(series), numpy.asarray(times_us) // 1_000_000, numpy.asarray(numbers)
    found: list[store.Trend] = []
    for width_s in widths_s:
        found += _grouped(keys, *arrays, width_s)
    return sorted(found)


def _grouped(keys: list[tuple[str, str]], series: Any, times_s: Any, numbers: Any, width_s: int) -> list[store.Trend]:
    """Group by (series, bucket): sort once, then add up between the places where the key changes."""
    buckets = times_s // width_s * width_s
    order = numpy.lexsort((buckets, series))
    series, buckets, numbers = series[order], buckets[order], numbers[order]
    changes = numpy.flatnonzero((numpy.diff(series) != 0) | (numpy.diff(buckets) != 0)) + 1
    starts = numpy.concatenate(([0], changes))
    counts = numpy.diff(numpy.concatenate((starts, [len(numbers)])))
    columns = (
        series[starts].tolist(),
        buckets[starts].tolist(),
        counts.tolist(),
        numpy.minimum.reduceat(numbers, starts).tolist(),
        numpy.maximum.reduceat(numbers, starts).tolist(),
        numpy.add.reduceat(numbers, starts).tolist(),
    )
    return [
        (*keys[place], width_s, bucket, count, least, most, total)
        for place, bucket, count, least, most, total in zip(*columns, strict=True)
    ]
