"""Charts: trends are what adding up all readings gives, and the newest data is never missing."""

import json
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import numpy
import pytest

from services.kernel.chance import stream
from services.kernel.clock import ManualClock, to_microseconds
from services.kernel.database import Database
from services.kernel.problems import Problem
from services.kernel.testing import START, DatabaseMaker
from services.lifecycle.service import history, trends
from services.lifecycle.store import history as store
from services.lifecycle.store import readings
from services.lifecycle.tables import METADATA
from tests.services.lifecycle.conftest import OTHER_PUMP, PUMP, make_settings, register

SETTINGS = make_settings(trend_rows_max=100)
SIGNAL = "flow_m3_h"
START_S = to_microseconds(START) // 1_000_000


@pytest.fixture
def database(make_database: DatabaseMaker) -> Database:
    made = make_database(METADATA, "lifecycle", ManualClock(START + timedelta(days=3)))
    made.create()
    register(made, SETTINGS)
    return made


def keep(database: Database, rows: list[tuple[str, float, float, int, str]], first: int = 0) -> None:
    """Readings: device, seconds after the start, flow, quality of the message, quality of the signal."""
    made = []
    for sequence, (device, second, value, quality, own) in enumerate(rows, first):
        body: dict[str, Any] = {"values": {SIGNAL: value, "power_kw": value / 10}}
        if own != "GOOD":
            body["qualities"] = {SIGNAL: own}
        time_us = to_microseconds(START + timedelta(seconds=second))
        made.append((device, 1, sequence, time_us, 0, quality, json.dumps(body).encode()))
    made.append((rows[0][0], 2, first, to_microseconds(START), 1, 0, b"{}"))  # A birth is no reading.
    database.run(readings.insert_new, made, bulk=True)


def random_rows(count: int, seed: int) -> list[tuple[str, float, float, int, str]]:
    chance = stream(seed, "readings")
    return [
        (
            (PUMP, OTHER_PUMP)[int(chance.integers(2))],
            float(numpy.round(chance.uniform(0, 200_000), 3)),
            float(numpy.round(chance.normal(100, 5), 2)),
            int(chance.integers(8)) // 6,
            ("GOOD", "BAD")[int(chance.integers(10)) // 9],
        )
        for _ in range(count)
    ]


def brute_force(rows: list[tuple[str, float, float, int, str]], width_s: int) -> dict[int, list[float]]:
    buckets: dict[int, list[float]] = defaultdict(list)
    for device, second, value, quality, own in rows:
        if device == PUMP and quality == 0 and own == "GOOD":
            buckets[int(START_S + second) // width_s * width_s].append(value)
    return buckets


def test_trends_are_what_all_readings_add_up_to(database: Database) -> None:
    """Guards: late, unordered and chunked readings end in the right buckets, each once; bad ones in none."""
    rows = random_rows(350, 1)
    keep(database, rows[:150])
    assert trends.merge(database, SETTINGS) == 150
    keep(database, rows[150:], first=1000)
    assert trends.merge(database, SETTINGS) == 200
    assert trends.merge(database, SETTINGS) == 0
    for width_s in trends.WIDTHS_S:
        kept = database.read(store.trends, PUMP, SIGNAL, width_s, 0, 2**40)
        expected = brute_force(rows, width_s)
        assert [row[3] for row in kept] == sorted(expected)
        for _, _, _, bucket, count, least, most, total in kept:
            values = expected[bucket]
            assert (count, least, most) == (len(values), min(values), max(values))
            assert total == pytest.approx(sum(values))


def test_no_reading_is_missed_while_others_write(database: Database) -> None:
    """Guards: rows that get their number first and are committed later than others must not be passed over."""
    batches, size = 12, 20

    def write(writer: int) -> None:
        for batch in range(batches):
            rows = [(PUMP, float(number), 1.0, 0, "GOOD") for number in range(size)]
            keep(database, rows, first=(writer * batches + batch) * 1_000)

    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write, writer) for writer in range(4)]
        while not all(each.done() for each in writers):
            trends.merge(database, SETTINGS)
        for each in writers:
            each.result()
    trends.merge(database, SETTINGS)
    kept = database.read(store.trends, PUMP, SIGNAL, 86_400, 0, 2**40)
    assert sum(row[4] for row in kept) == 4 * batches * size


def test_a_chart_is_the_same_whether_merged_or_not(database: Database) -> None:
    """Guards: what is not in the trends yet is read from the readings, once."""
    rows = random_rows(300, 2)
    keep(database, rows[:200])
    end = START + timedelta(days=3)

    def chart() -> Any:
        return database.read(history.history, PUMP, SIGNAL, START, end, SETTINGS)

    before = chart()
    trends.merge(database, SETTINGS)
    keep(database, rows[200:], first=1000)
    half = chart()
    trends.merge(database, SETTINGS)
    after = chart()
    assert before.width_s == half.width_s == after.width_s == 1_800
    assert sum(point.count for point in before.points) < sum(point.count for point in after.points)
    assert [(p.time, p.count, p.least, p.most) for p in half.points] == [
        (p.time, p.count, p.least, p.most) for p in after.points
    ]
    expected = brute_force(rows, 1_800)
    assert len(after.points) == len(expected)


def test_a_short_span_shows_raw_readings(database: Database) -> None:
    """Guards: up to two hours every reading is a point; too many of them are drawn together, none is left out."""
    keep(database, [(PUMP, second * 10, float(second), 0, "GOOD") for second in range(700)])
    end = START + timedelta(seconds=SETTINGS.history_raw_s)
    raw = database.read(history.history, PUMP, SIGNAL, START, end, SETTINGS)
    assert raw.width_s == 0 and [point.mean for point in raw.points] == list(range(700))
    few = make_settings(history_points_max=100)
    drawn = database.read(history.history, PUMP, SIGNAL, START, end, few)
    assert len(drawn.points) <= 100 and sum(point.count for point in drawn.points) == 700
    assert drawn.points[-1].most == 699
    newest = database.read(history.readings, PUMP, START + timedelta(seconds=6980), 10)
    assert [reading.values[SIGNAL] for reading in newest] == [699.0]
    assert len(database.read(history.readings, PUMP, None, 5)) == 5


@pytest.mark.parametrize(
    ("span_s", "width_s"),
    [(7_201, 60), (2_999 * 60, 60), (2_999 * 60 + 1, 1_800), (60 * 86_400, 1_800), (90 * 86_400, 86_400)],
)
def test_the_finest_width_with_few_enough_points(span_s: float, width_s: int) -> None:
    """Guards: no chart asks for more than three thousand points, and none is coarser than it needs to be."""
    assert history.chart_width_s(span_s, 3_000) == width_s


def test_centuries_are_drawn_in_many_days(database: Database) -> None:
    """Guards: the bound on points holds for any span."""
    keep(database, [(PUMP, 5.0, 1.0, 0, "GOOD"), (PUMP, 100_000.0, 3.0, 0, "GOOD")])
    start = START - timedelta(days=9_000)
    drawn = database.read(history.history, PUMP, SIGNAL, start, START + timedelta(days=9_000), SETTINGS)
    assert drawn.width_s == 7 * 86_400 and sum(point.count for point in drawn.points) == 2
    with pytest.raises(Problem, match="empty-span"):
        database.read(history.history, PUMP, SIGNAL, START, START, SETTINGS)
    with pytest.raises(Problem, match="not-found"):
        database.read(history.history, PUMP, "nothing", start, START, SETTINGS)
