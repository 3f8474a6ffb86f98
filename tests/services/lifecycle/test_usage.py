"""Metering: every second that a counter shows is told once, in the hour where it belongs."""

import json
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.kernel.clock import ManualClock, to_microseconds
from services.kernel.database import Database
from services.kernel.outbox import read_events
from services.kernel.testing import START, DatabaseMaker
from services.lifecycle.contract import UsageMetered
from services.lifecycle.service import usage
from services.lifecycle.store import readings
from services.lifecycle.tables import METADATA
from tests.services.lifecycle.conftest import PUMP, make_settings, register

SETTINGS = make_settings()
HOUR = timedelta(hours=1)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def database(make_database: DatabaseMaker, clock: ManualClock) -> Database:
    made = make_database(METADATA, "lifecycle", clock)
    made.create()
    register(made, SETTINGS)
    return made


def store(database: Database, counts: list[tuple[float, int]], *, first: int = 0, **more: Any) -> None:
    """Readings at seconds after the start with these run seconds."""

    def write(unit: Any) -> None:
        from services.lifecycle.store.products import twin

        rows = []
        for sequence, (second, count) in enumerate(counts, first):
            body = json.dumps({"values": {"run_seconds": count}} | more).encode()
            time_us = to_microseconds(START + timedelta(seconds=second))
            rows.append((PUMP, 1, sequence, time_us, 0, 0, body))
        readings.insert_new(unit, rows)
        row = twin(unit, PUMP)
        assert row is not None
        last = START + timedelta(seconds=max(second for second, _ in counts))
        row.last_seen = max(row.last_seen or last, last)
        unit.session.add(row)

    database.run(write)


def told(database: Database) -> list[tuple[datetime, int, bool]]:
    """(start of the bucket, quantity, estimated) of all usage events."""
    events = database.read(read_events, after=0, limit=1000, type_prefix=UsageMetered.type())
    assert max(Counter(event.id for event in events).values(), default=1) == 1
    data = [UsageMetered.of(event) for event in events]
    assert all((each.customer_id, each.provider_id) == ("customer-01", "maker") for each in data)
    return [(each.start, each.quantity, each.estimated) for each in data]


def at(clock: ManualClock, instant: datetime) -> None:
    clock.advance((instant - clock.business_now()).total_seconds())


def test_hours_add_up_to_the_counter(database: Database, clock: ManualClock) -> None:
    """Guards: usage between two readings on both sides of an hour is split, and nothing is lost by it."""
    store(database, [(second, 5000 + second) for second in range(0, 7300, 7)])
    at(clock, START + HOUR + timedelta(seconds=SETTINGS.usage_allowance_s - 1))
    assert usage.meter(database, SETTINGS) == 0, "late data may still come"
    at(clock, START + 2 * HOUR + timedelta(seconds=SETTINGS.usage_allowance_s))
    assert usage.meter(database, SETTINGS) == 2
    assert told(database) == [(START, 3600, False), (START + HOUR, 3600, False)]
    assert usage.meter(database, SETTINGS) == 0, "nothing is told twice, also after a restart"
    ids = [event.id for event in database.read(read_events, after=0, limit=9, type_prefix=UsageMetered.type())]
    assert ids[0] == f"{PUMP}:run_seconds:{START.isoformat()}"


def test_an_hour_waits_for_a_device_that_is_away(database: Database, clock: ManualClock) -> None:
    """Guards: a counter that went on while the line was down is billed in full, spread and marked as estimated."""
    store(database, [(0, 0), (600, 600)])
    at(clock, START + 5 * HOUR)
    assert usage.meter(database, SETTINGS) == 0
    store(database, [(4 * 3600 + 1800, 600 + 7000)], first=10)
    assert usage.meter(database, SETTINGS) == 4
    first, *rest = told(database)
    assert first[1] > 600 and first[2] and all(estimated for _, _, estimated in rest)
    store(database, [(3 * 3600, 5000)], first=20)  # Late: it is in the counter already.
    store(database, [(5 * 3600 + 60, 600 + 7000 + 1860)], first=30)
    at(clock, START + 6 * HOUR)
    assert usage.meter(database, SETTINGS) == 1
    assert sum(quantity for _, quantity, _ in told(database)) <= 9460
    store(database, [(7 * 3600, 9460)], first=40)
    at(clock, START + 8 * HOUR)
    usage.meter(database, SETTINGS)
    assert sum(quantity for _, quantity, _ in told(database)) == 9460


def test_a_reset_counter_and_bad_readings(database: Database, clock: ManualClock) -> None:
    """Guards: a counter that begins again loses what nobody saw, never adds what was not; bad values count nothing."""
    store(database, [(0, 900), (60, 960), (120, 30), (180, 90)])
    store(database, [(200, 999_999)], first=10, quality="GOOD", qualities={"run_seconds": "BAD"})
    store(database, [(3700, 90)], first=20)
    at(clock, START + 2 * HOUR)
    usage.meter(database, SETTINGS)
    assert told(database) == [(START, 60 + 30 + 60, True)]


def test_an_idle_hour_makes_no_event_and_a_counter_out_of_range_stops_nothing(
    database: Database, clock: ManualClock
) -> None:
    """Guards: hours without use are silent, and one absurd number does not end the metering of a device."""
    store(database, [(0, 100), (1800, 100), (1900, 2**60), (3700, 100), (7300, 150)])
    at(clock, START + 3 * HOUR)
    assert usage.meter(database, SETTINGS) == 1
    assert told(database)[0][0] == START + HOUR
