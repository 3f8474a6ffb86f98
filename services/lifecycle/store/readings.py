"""Readings: what devices sent, one row a message, written by executemany and never by the ORM."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select, tuple_

from services.kernel.unit import UnitOfWork
from services.lifecycle.tables import TELEMETRY

Row = tuple[str, int, int, int, int, int, bytes]  # device, boot, sequence, source time, kind, quality, body
Key = tuple[str, int, int]  # device, boot, sequence

_COLUMNS = "device, boot, sequence, source_time, kind, quality, body"
_INSERT = {
    "sqlite": f"INSERT INTO telemetry ({_COLUMNS}) VALUES (?,?,?,?,?,?,?) ON CONFLICT DO NOTHING",
    "postgresql": f"INSERT INTO telemetry ({_COLUMNS}) VALUES (%s,%s,%s,%s,%s,%s,%s) ON CONFLICT DO NOTHING",
}
_TWIN_COLUMNS = (
    "online", "online_since", "last_seen", "last_seen_wall", "boot", "sequence", '"values"', "reported", "settled",
    "health", "diagnosis", "timeline",
)  # fmt: skip
_TWIN = {
    dialect: "UPDATE twin SET " + ", ".join(f"{name} = {mark}" for name in _TWIN_COLUMNS) + f" WHERE device_id = {mark}"
    for dialect, mark in (("sqlite", "?"), ("postgresql", "%s"))
}
_DETECTION = {
    "sqlite": "UPDATE twin SET detection = ? WHERE device_id = ?",
    "postgresql": "UPDATE twin SET detection = %s WHERE device_id = %s",
}
_COUNT = {
    "sqlite": "INSERT INTO message_count (name, value) VALUES (?, ?) "
    "ON CONFLICT (name) DO UPDATE SET value = message_count.value + excluded.value",
    "postgresql": "INSERT INTO message_count (name, value) VALUES (%s, %s) "
    "ON CONFLICT (name) DO UPDATE SET value = message_count.value + excluded.value",
}
_DEAD = {
    "sqlite": "INSERT INTO dead_letter (topic, reason, detail, payload, received) VALUES (?,?,?,?,?)",
    "postgresql": "INSERT INTO dead_letter (topic, reason, detail, payload, received) VALUES (%s,%s,%s,%s,%s)",
}


def _dialect(unit: UnitOfWork) -> str:
    return "postgresql" if unit.is_postgres else "sqlite"


def _many(unit: UnitOfWork, statements: dict[str, str], rows: Sequence[tuple[Any, ...]]) -> int:
    """Run one statement for all `rows`; returns how many rows it changed."""
    return int(unit.session.connection().exec_driver_sql(statements[_dialect(unit)], list(rows)).rowcount)


def insert_new(unit: UnitOfWork, rows: list[Row]) -> int:
    """Insert what is not there; returns how many rows were new."""
    return _many(unit, _INSERT, rows) if rows else 0


def bodies(unit: UnitOfWork, keys: Iterable[Key]) -> dict[Key, bytes]:
    """The stored bodies of those keys that are stored."""
    columns = TELEMETRY.c
    query = select(columns.device, columns.boot, columns.sequence, columns.body).where(
        tuple_(columns.device, columns.boot, columns.sequence).in_(list(keys))
    )
    return {(row.device, row.boot, row.sequence): bytes(row.body) for row in unit.session.execute(query)}


def write_twins(unit: UnitOfWork, rows: list[tuple[Any, ...]]) -> None:
    """Update twins: `_TWIN_COLUMNS`, then the device id."""
    if rows:
        _many(unit, _TWIN, rows)


def write_detections(unit: UnitOfWork, rows: list[tuple[str, str]]) -> None:
    """Keep detection states, so that another worker can go on from them: (state, device id)."""
    if rows:
        _many(unit, _DETECTION, rows)


def add_counts(unit: UnitOfWork, counts: dict[str, int]) -> None:
    """Add to the ledger of messages, in the transaction that settles them."""
    rows = sorted((name, value) for name, value in counts.items() if value)
    if rows:
        _many(unit, _COUNT, rows)


def bury(unit: UnitOfWork, letters: list[tuple[str, str, str, bytes, int]]) -> None:
    """Keep dead letters: topic, reason, detail, payload, wall microseconds."""
    if letters:
        _many(unit, _DEAD, letters)


def message_counts(unit: UnitOfWork) -> dict[str, int]:
    """The committed part of the ledger of messages."""
    table = unit.tables.message_count
    return {row.name: row.value for row in unit.session.execute(select(table))}
