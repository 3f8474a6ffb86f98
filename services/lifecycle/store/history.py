"""What was: readings and trends of signals, intervals of the state timeline, standings of meters."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import sqlalchemy
from sqlalchemy import func, text
from sqlmodel import col, or_, select, update

from services.kernel.unit import UnitOfWork
from services.lifecycle.tables import (
    TELEMETRY,
    TREND,
    TREND_CURSOR,
    MeterReadingRow,
    ProductRow,
    StateIntervalRow,
    TwinRow,
)

TELEMETRY_KIND = 0
GOOD = 0

# ---- State timeline -------------------------------------------------------------------------------------------


def open_interval(unit: UnitOfWork, device_id: str, organisation_id: str, state: str, start: datetime) -> None:
    unit.session.add(StateIntervalRow(device_id=device_id, organisation_id=organisation_id, state=state, start=start))
    unit.session.flush()


def current_interval(unit: UnitOfWork, device_id: str) -> StateIntervalRow | None:
    """The interval that has no end yet."""
    query = (
        select(StateIntervalRow)
        .where(StateIntervalRow.device_id == device_id, col(StateIntervalRow.end).is_(None))
        .order_by(col(StateIntervalRow.start).desc())
        .limit(1)
    )
    return unit.session.exec(query).first()


def intervals_within(
    unit: UnitOfWork, device_id: str, start: datetime, end: datetime, limit: int
) -> list[StateIntervalRow]:
    """The newest intervals that touch [start, end], newest first."""
    query = (
        select(StateIntervalRow)
        .where(
            StateIntervalRow.device_id == device_id,
            StateIntervalRow.start <= end,
            or_(col(StateIntervalRow.end).is_(None), col(StateIntervalRow.end) > start),
        )
        .order_by(col(StateIntervalRow.start).desc(), col(StateIntervalRow.id).desc())
        .limit(limit)
    )
    return list(unit.session.exec(query))


# ---- Readings -------------------------------------------------------------------------------------------------


class Reading(NamedTuple):
    """One stored telemetry message; time in microseconds since 1970 UTC."""

    device: str
    source_time: int
    quality: int
    body: bytes


_READING = (TELEMETRY.c.device, TELEMETRY.c.source_time, TELEMETRY.c.quality, TELEMETRY.c.body)


def readings(unit: UnitOfWork, device_id: str, start_us: int, end_us: int, limit: int) -> list[Reading]:
    """The newest `limit` readings of a device with start <= source time < end, oldest first."""
    columns = TELEMETRY.c
    query = (
        select(*_READING)
        .where(
            columns.device == device_id,
            columns.kind == TELEMETRY_KIND,
            columns.source_time >= start_us,
            columns.source_time < end_us,
        )
        .order_by(columns.source_time.desc(), columns.id.desc())
        .limit(limit)
    )
    return [Reading(*row) for row in reversed(unit.session.execute(query).all())]


def readings_from(unit: UnitOfWork, device_id: str, time_us: int, limit: int) -> list[Reading]:
    """The first `limit` readings of a device with a source time of at least `time_us`, oldest first."""
    columns = TELEMETRY.c
    query = (
        select(*_READING)
        .where(columns.device == device_id, columns.kind == TELEMETRY_KIND, columns.source_time >= time_us)
        .order_by(columns.source_time, columns.id)
        .limit(limit)
    )
    return [Reading(*row) for row in unit.session.execute(query)]


def readings_after_id(
    unit: UnitOfWork, after: int, upper: int, limit: int, *, device_id: str | None = None
) -> list[tuple[int, Reading]]:
    """(id, reading) with after < id <= upper in order of id; by the primary key, whatever else is indexed."""
    columns = TELEMETRY.c
    query = (
        sqlalchemy.select(columns.id, *_READING)
        .with_hint(TELEMETRY, "NOT INDEXED", "sqlite")
        .where(columns.id > after, columns.id <= upper, columns.kind == TELEMETRY_KIND)
        .order_by(columns.id)
        .limit(limit)
    )
    if device_id is not None:
        query = query.where(columns.device == device_id)
    return [(row[0], Reading(*row[1:])) for row in unit.session.execute(query)]


def newest_id(unit: UnitOfWork) -> int:
    """Id of the newest message; on PostgreSQL one below which nothing can still be committed.

    Ids are given out before they are committed, so a reader that trusts the largest one it sees loses rows. The lock
    waits for the writers that are under way and is the first statement, so that the answer is not older than it.
    """
    if unit.is_postgres:
        unit.session.execute(text("LOCK TABLE telemetry IN SHARE MODE"))
    return int(unit.session.execute(select(func.coalesce(func.max(TELEMETRY.c.id), 0))).scalar_one())


def stored_counts(unit: UnitOfWork, device_ids: Iterable[str], since_us: int) -> tuple[int, int]:
    """(messages, devices that sent any) of these devices since a source time."""
    columns = TELEMETRY.c
    query = select(func.count(), func.count(func.distinct(columns.device))).where(
        columns.device.in_(sorted(device_ids)), columns.source_time >= since_us
    )
    messages, devices = unit.session.execute(query).one()
    return int(messages), int(devices)


# ---- Trends ---------------------------------------------------------------------------------------------------

Trend = tuple[str, str, int, int, int, float, float, float]  # device, signal, width, bucket, count, least, most, total

_MERGE = """
INSERT INTO trend (device, signal, width, bucket, count, least, most, total) VALUES ({marks})
ON CONFLICT (device, signal, width, bucket) DO UPDATE SET
  count = trend.count + excluded.count,
  total = trend.total + excluded.total,
  least = CASE WHEN excluded.least < trend.least THEN excluded.least ELSE trend.least END,
  most = CASE WHEN excluded.most > trend.most THEN excluded.most ELSE trend.most END
"""


def trend_cursor(unit: UnitOfWork) -> int:
    """Id of the last message that is in the trends."""
    found = unit.session.execute(select(TREND_CURSOR.c.telemetry_id)).scalar()
    return int(found or 0)


def move_trend_cursor(unit: UnitOfWork, before: int, after: int) -> bool:
    """Move the cursor on; False when somebody else moved it meanwhile."""
    if unit.session.execute(select(TREND_CURSOR.c.id)).first() is None:
        unit.session.execute(TREND_CURSOR.insert().values(id=1, telemetry_id=0))
    moved = unit.session.execute(
        update(TREND_CURSOR).where(TREND_CURSOR.c.telemetry_id == before).values(telemetry_id=after)
    )
    return bool(moved.rowcount == 1)  # type: ignore[attr-defined]


def merge_trends(unit: UnitOfWork, rows: Sequence[Trend]) -> None:
    """Add counts and totals to what is there, widen least and most."""
    if rows:
        marks = ", ".join(["%s" if unit.is_postgres else "?"] * 8)
        unit.session.connection().exec_driver_sql(_MERGE.format(marks=marks), list(rows))


def trends(unit: UnitOfWork, device_id: str, signal: str, width_s: int, start_s: int, end_s: int) -> list[Trend]:
    """Buckets that start in [start, end), seconds since 1970, in order."""
    columns = TREND.c
    query = (
        sqlalchemy.select(TREND)
        .where(
            columns.device == device_id,
            columns.signal == signal,
            columns.width == width_s,
            columns.bucket >= start_s,
            columns.bucket < end_s,
        )
        .order_by(columns.bucket)
    )
    return [tuple(row) for row in unit.session.execute(query)]


# ---- Meters ---------------------------------------------------------------------------------------------------


class Metered(NamedTuple):
    """A product whose meters may be due."""

    device_id: str
    organisation_id: str
    maker_id: str
    type_id: str
    last_seen: datetime


def meters_due(unit: UnitOfWork, meters: Sequence[str], closable: datetime, after: str, limit: int) -> list[Metered]:
    """Products after an id that have reported and have a meter that stands before `closable`, or not at all."""
    standing = (
        sqlalchemy.select(func.count())
        .where(
            col(MeterReadingRow.device_id) == ProductRow.id,
            col(MeterReadingRow.meter).in_(list(meters)),
            col(MeterReadingRow.at) >= closable,
        )
        .scalar_subquery()
    )
    query = (
        sqlalchemy.select(
            col(ProductRow.id),
            col(ProductRow.organisation_id),
            col(ProductRow.maker_id),
            col(ProductRow.type_id),
            col(TwinRow.last_seen),
        )
        .join(TwinRow, col(TwinRow.device_id) == col(ProductRow.id))
        .where(col(ProductRow.id) > after, col(TwinRow.last_seen).is_not(None), standing < len(meters))
        .order_by(col(ProductRow.id))
        .limit(limit)
    )
    return [Metered(*row) for row in unit.session.execute(query)]


def meter_readings(unit: UnitOfWork, device_ids: Iterable[str]) -> list[MeterReadingRow]:
    query = select(MeterReadingRow).where(col(MeterReadingRow.device_id).in_(sorted(device_ids)))
    return list(unit.session.exec(query.execution_options(populate_existing=True)))


def metered_totals(unit: UnitOfWork) -> dict[str, tuple[int, int]]:
    """(devices, total in base units) by meter."""
    query = select(MeterReadingRow.meter, func.count(), func.sum(MeterReadingRow.total)).group_by(MeterReadingRow.meter)
    return {meter: (int(count), int(total)) for meter, count, total in unit.session.exec(query)}
