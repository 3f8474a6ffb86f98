"""Charts: raw readings of a short span, else the finest trend that gives few enough points."""

import math
from collections.abc import Iterable
from datetime import datetime

import msgspec

from services.kernel.clock import from_microseconds, to_microseconds
from services.kernel.problems import Problem, not_found
from services.kernel.unit import UnitOfWork
from services.lifecycle.contract import History, HistoryPoint, Quality, Reading
from services.lifecycle.service import products
from services.lifecycle.service.trends import WIDTHS_S, summed
from services.lifecycle.settings import LifecycleSettings
from services.lifecycle.store import history as store

READINGS_MAX = 20_000  # Of one device in the span that is read raw.
TAIL_READINGS_MAX = 200_000
TIME_US_MAX = 2**62


class _Charted(msgspec.Struct):
    """What a chart reads of a stored telemetry message."""

    values: dict[str, float] = {}
    qualities: dict[str, str] = {}


_decode = msgspec.json.Decoder(_Charted).decode


def history(
    unit: UnitOfWork, device_id: str, signal: str, start: datetime, end: datetime, settings: LifecycleSettings
) -> History:
    """One signal between two times. GOOD values only, so a gap in the line is a gap in what is known."""
    product = products.visible_product(unit, device_id)
    if signal not in {each.name for each in products.product_type(unit, product.type_id).signals}:
        raise not_found("signal", signal, "数据点")
    if end <= start:
        raise Problem("empty-span", 422, "结束时间应晚于开始时间。", "The end should be later than the start.")
    span_s = (end - start).total_seconds()
    if span_s <= settings.history_raw_s:
        return _raw(unit, device_id, signal, start, end, settings.history_points_max)
    width_s = chart_width_s(span_s, settings.history_points_max)
    points = _from_trends(unit, device_id, signal, start, end, width_s)
    return History(device_id=device_id, signal=signal, width_s=width_s, points=points)


def readings(unit: UnitOfWork, device_id: str, after: datetime | None, limit: int) -> list[Reading]:
    """The newest `limit` messages later than `after`, oldest first."""
    products.visible_product(unit, device_id)
    start_us = 0 if after is None else to_microseconds(after) + 1
    found = []
    for reading in store.readings(unit, device_id, start_us, TIME_US_MAX, limit):
        body = _decode(reading.body)
        found.append(
            Reading(
                time=from_microseconds(reading.source_time),
                quality=tuple(Quality)[reading.quality],
                values=body.values,
                qualities={name: Quality(quality) for name, quality in body.qualities.items()},
            )
        )
    return found


def chart_width_s(span_s: float, points_max: int) -> int:
    """The finest width of trend with at most `points_max` buckets in `span_s`; else whole days, as many as needed."""
    for width_s in WIDTHS_S:
        if span_s <= width_s * (points_max - 1):  # A span that begins within a bucket touches one more.
            return width_s
    return WIDTHS_S[-1] * math.ceil(span_s / (WIDTHS_S[-1] * (points_max - 1)))


def _raw(unit: UnitOfWork, device_id: str, signal: str, start: datetime, end: datetime, points_max: int) -> History:
    start_us, end_us = to_microseconds(start), to_microseconds(end)
    readings = store.readings(unit, device_id, start_us, end_us, READINGS_MAX)
    if len(readings) > points_max:
        width_s = math.ceil((end_us - start_us) / 1e6 / (points_max - 1))
        points = _points(summed(readings, [width_s], signal))
        return History(device_id=device_id, signal=signal, width_s=width_s, points=points)
    points = []
    for reading in readings:
        body = _decode(reading.body)
        value = body.values.get(signal)
        if reading.quality == store.GOOD and value is not None and body.qualities.get(signal, "GOOD") == "GOOD":
            time = from_microseconds(reading.source_time)
            points.append(HistoryPoint(time=time, mean=value, least=value, most=value, count=1))
    return History(device_id=device_id, signal=signal, width_s=0, points=points)


def _from_trends(
    unit: UnitOfWork, device_id: str, signal: str, start: datetime, end: datetime, width_s: int
) -> list[HistoryPoint]:
    """Trends, and from the readings what is not merged yet: the newest data is never missing."""
    stored_s = width_s if width_s in WIDTHS_S else WIDTHS_S[-1]
    start_s, end_s = int(start.timestamp()) // width_s * width_s, math.ceil(end.timestamp())
    rows = store.trends(unit, device_id, signal, stored_s, start_s, end_s)
    tail = store.readings_after_id(unit, store.trend_cursor(unit), TIME_US_MAX, TAIL_READINGS_MAX, device_id=device_id)
    sums = summed([reading for _, reading in tail], [stored_s], signal)
    rows += [row for row in sums if start_s <= row[3] < end_s]
    return _points(rows, width_s)


def _points(rows: Iterable[store.Trend], width_s: int | None = None) -> list[HistoryPoint]:
    """Points in order of time; rows of one bucket are one point."""
    merged: dict[int, tuple[int, float, float, float]] = {}
    for _, _, row_width_s, start_s, count, least, most, total in rows:
        bucket_s = start_s // (width_s or row_width_s) * (width_s or row_width_s)
        if bucket_s in merged:
            other = merged[bucket_s]
            merged[bucket_s] = (other[0] + count, min(other[1], least), max(other[2], most), other[3] + total)
        else:
            merged[bucket_s] = (count, least, most, total)
    return [
        HistoryPoint(
            time=from_microseconds(bucket_s * 1_000_000), mean=total / count, least=least, most=most, count=count
        )
        for bucket_s, (count, least, most, total) in sorted(merged.items())
    ]
