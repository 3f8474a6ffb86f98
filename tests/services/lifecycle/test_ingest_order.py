"""What is repeated, late, lost or contradicts itself: stored once, confirmed only without a hole, the twin newest."""

import json
from collections.abc import Iterator

import pytest

from services.kernel.clock import ManualClock
from services.kernel.testing import START, DatabaseMaker
from services.lifecycle.tables import METADATA
from tests.services.lifecycle.ingest_bench import COOL, HOT, Bench

GOOD, STALE, BAD = range(3)


@pytest.fixture
def bench(make_database: DatabaseMaker) -> Iterator[Bench]:
    clock = ManualClock(START, START)
    yield Bench(make_database(METADATA, "lifecycle", clock), clock)


# ---- Sequences ----------------------------------------------------------------------------------------------------


def test_a_repeated_message_is_a_counted_duplicate(bench: Bench) -> None:
    first, second = bench.reading(1), bench.reading(2)
    bench.settle(first, first, second)
    bench.settle(second, first, bench.reading(3))
    counts = bench.counts()
    assert (counts["received"], counts["stored"], counts["duplicate"]) == (6, 3, 3)


def test_a_whole_batch_that_comes_again_is_recognised(bench: Bench) -> None:
    """As after a kill between commit and acknowledgement, with the largest batch that there is."""
    messages = [bench.reading(sequence) for sequence in range(500)]
    bench.settle(*messages)
    bench.start_worker()
    bench.settle(*messages)
    counts = bench.counts()
    assert (counts["stored"], counts["duplicate"]) == (500, 500)


def test_a_sequence_that_is_used_again_for_another_body_is_a_dead_letter_without_effect(bench: Bench) -> None:
    original = bench.reading(1)
    contradicting = bench.reading(1, values={"bearing_temperature_c": 77.0})
    bench.publish(original, contradicting)
    bench.settle(bench.reading(2), bench.reading(2, values={"bearing_temperature_c": 78.0}), bench.reading(3))
    assert bench.reasons() == ["sequence-reused"] * 2
    assert bytes(bench.letters()[0].payload) == contradicting.payload
    assert bench.letters()[0].topic == contradicting.topic
    assert bench.rows()["pump-1", 1, 1] == original.payload
    assert bench.value("bearing_temperature_c")[0] == COOL
    assert bench.counts()["stored"] == 3
    assert bench.worker.statistics()["in_flight"] == 0


def test_an_alarm_that_is_dead_lettered_is_not_raised(bench: Bench) -> None:
    body = {"boot": 1, "sequence": 1, "time": START.isoformat(), "severity": "major", "active": True}
    bench.publish(bench.reading(1), bench.message("pump-1", "alarm", body | {"code": "seal_leak"}))
    assert bench.reasons() == ["sequence-reused"]
    assert bench.alarms() == []


def test_messages_in_the_wrong_order_make_the_whole_history_and_leave_the_newest_value(bench: Bench) -> None:
    order = [4, 1, 5, 3, 2]
    messages = {n: bench.reading(n, values={"bearing_temperature_c": 50.0 + n}) for n in order}
    bench.publish(messages[4], messages[1])
    bench.settle(messages[5], messages[3], messages[2])
    assert sorted(sequence for _, _, sequence in bench.rows()) == [1, 2, 3, 4, 5]
    assert bench.value("bearing_temperature_c")[0] == 55.0
    assert bench.twin().sequence == 5


def test_late_readings_of_an_earlier_boot_do_not_touch_the_present(bench: Bench) -> None:
    bench.publish(bench.birth(boot=2), bench.reading(1, boot=2))
    late = [bench.reading(n, boot=1, values={"bearing_temperature_c": HOT}) for n in range(1, 8)]
    bench.settle(*late)
    assert len(bench.rows()) == 9
    assert bench.value("bearing_temperature_c")[0] == COOL
    assert (bench.twin().boot, bench.twin().sequence) == (2, 1)
    assert bench.alarms() == []


# ---- The twin -----------------------------------------------------------------------------------------------------


def test_an_impossible_value_is_shown_as_bad_and_judges_nothing(bench: Bench) -> None:
    """Guards: a sensor that is torn off reads 850 degrees; no alarm of a hot bearing must come of it."""
    torn_off = {"speed_rpm": 1480.0, "bearing_temperature_c": 850.0}
    bench.settle(*(bench.reading(n, values=torn_off) for n in range(1, 10)))
    value, quality, _ = bench.value("bearing_temperature_c")
    assert (value, quality) == (850.0, BAD)
    assert bench.value("speed_rpm")[1] == GOOD
    assert bench.alarms() == []
    bench.settle(bench.reading(10))
    assert bench.value("bearing_temperature_c")[:2] == (COOL, GOOD)


def test_what_the_device_calls_doubtful_is_shown_so_and_judges_nothing(bench: Bench) -> None:
    hot = {"bearing_temperature_c": HOT, "speed_rpm": 1480.0}
    doubted = {"bearing_temperature_c": "STALE"}
    bench.settle(*(bench.reading(n, values=hot, qualities=doubted) for n in range(1, 6)))
    assert bench.value("bearing_temperature_c")[:2] == (HOT, STALE)
    bench.settle(*(bench.reading(n, values=hot, quality="BAD") for n in range(6, 11)))
    assert [bench.value(name)[1] for name in hot] == [BAD, BAD]
    assert bench.alarms() == []


def test_a_hot_bearing_raises_one_alarm_that_clears_again(bench: Bench) -> None:
    hot = {"bearing_temperature_c": HOT, "speed_rpm": 1480.0}
    bench.settle(*(bench.reading(n, values=hot) for n in range(1, 6)))
    bench.publish(*(bench.reading(n, values=hot) for n in range(6, 9)))
    assert bench.alarms() == [("pump-1", "bearing_temperature_c_high", "RAISED")]
    bench.settle(*(bench.reading(n) for n in range(9, 20)))
    assert bench.alarms() == [("pump-1", "bearing_temperature_c_high", "CLEARED")]
    assert [event.type.rpartition(".")[2] for event in bench.events(".alarm.")] == ["raised", "cleared"]


def test_the_will_of_an_old_boot_does_not_end_a_newer_connection(bench: Bench) -> None:
    bench.publish(bench.birth(boot=1), bench.reading(1), bench.birth(boot=2))
    bench.publish(bench.state(None, boot=1, online=False))
    assert bench.twin().online
    bench.publish(bench.state(None, boot=2, online=False))
    assert not bench.twin().online
    bench.publish(bench.reading(1, boot=2))
    assert bench.twin().online
    changes = [event.data["online"] for event in bench.events("connection-changed")]
    assert changes == [True, False, True]
    counts = bench.counts()
    assert counts["stored"] == counts["received"] == 4, "a will is the broker's word, it is neither stored nor counted"


def test_a_twin_stays_small_whatever_a_device_makes_up(bench: Bench) -> None:
    """Guards: a device that invents names would else make each batch write more than the one before."""
    for batch in range(10):
        values = {f"signal_{batch}_{n}": 1.0 for n in range(200)}
        reported = {f"parameter_{batch}_{n}": "x" for n in range(200)}
        waveforms = {f"w{batch}_{n}": {"rate_hz": 20.0, "samples": [1.0] * 50} for n in range(8)}
        bench.publish(
            bench.reading(2 * batch + 1, values=values, waveforms=waveforms),
            bench.state(2 * batch + 2, online=True, reported=reported),
        )
    bench.publish(bench.reading(100))
    twin = bench.twin()
    assert len(json.loads(twin.values)) <= 200 and len(json.loads(twin.reported)) <= 200
    assert bench.value("bearing_temperature_c")[0] == COOL
    assert "parameter_9_7" in json.loads(twin.reported)
    assert len(bench.worker._devices["pump-1"].waveforms) <= 8


# ---- What a device may forget -------------------------------------------------------------------------------------


def test_a_hole_is_never_confirmed_over_and_sending_it_again_fills_it(bench: Bench) -> None:
    bench.publish(bench.birth(), bench.reading(1), bench.reading(3), bench.reading(4))
    assert bench.confirmed["pump-1"] == {1: 1}
    bench.start_worker()
    bench.publish(bench.reading(5))
    assert bench.confirmed["pump-1"] == {1: 1}, "also not by a worker that took over"
    bench.settle(*(bench.reading(n) for n in (2, 3, 4, 5)))
    assert bench.confirmed["pump-1"] == {1: 5}
    assert bench.counts()["duplicate"] == 3


def test_what_a_bounded_store_dropped_is_no_hole(bench: Bench) -> None:
    bench.publish(bench.birth(), bench.reading(1))
    bench.publish(bench.state(9, online=True, held={"1": 6}), bench.reading(6), bench.reading(7), bench.reading(8))
    assert bench.confirmed["pump-1"] == {1: 9}


def test_boots_that_are_not_held_any_more_are_not_confirmed_again(bench: Bench) -> None:
    bench.publish(bench.birth(boot=1), bench.reading(1, boot=1), bench.birth(boot=2, held={"1": 0, "2": 0}))
    assert bench.confirmed["pump-1"] == {1: 1, 2: 0}
    bench.confirmed.clear()
    bench.publish(bench.birth(boot=3, held={"3": 0}), bench.reading(1, boot=3))
    assert bench.confirmed["pump-1"] == {3: 1}


def test_each_device_is_told_once_a_round_and_at_once_when_it_asks(bench: Bench) -> None:
    bench.settings.confirm_interval_s = 3_600.0
    bench.start_worker().confirm_due()
    bench.publish(bench.birth(), bench.reading(1), bench.reading(2))
    told = bench.confirmations
    bench.publish(bench.state(3, online=True))
    assert bench.confirmations == told + 1 and bench.confirmed["pump-1"] == {1: 3}
    bench.publish(bench.reading(4))
    assert bench.confirmations == told + 1
    bench.worker._confirmed_s -= 3_601.0
    bench.worker.confirm_due()
    assert bench.confirmations == told + 2 and bench.confirmed["pump-1"] == {1: 4}
