"""A transaction that fails leaves memory and database as if it had not begun; any worker can take over from another."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlmodel import Session

from services.kernel.bus import BusFull, Unavailable
from services.kernel.clock import ManualClock
from services.kernel.testing import START, DatabaseMaker
from services.lifecycle.store import readings
from services.lifecycle.tables import METADATA
from tests.services.lifecycle.ingest_bench import DEVICES, HOT, Bench, bench_over

HOT_VALUES = {"speed_rpm": 1480.0, "bearing_temperature_c": HOT}


@pytest.fixture
def bench(make_database: DatabaseMaker) -> Iterator[Bench]:
    clock = ManualClock(START, START)
    yield Bench(make_database(METADATA, "lifecycle", clock), clock)


@pytest.fixture
def postgres_bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    with bench_over("postgresql", request, tmp_path) as made:
        yield made


@contextmanager
def refusing(bench: Bench, table: str, condition: str = "1 = 1") -> Iterator[None]:
    """The database itself refuses inserts into a table."""
    if bench.database.is_postgres:
        make = f"""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON {table} FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION refuse()
        """
        end = f"DROP TRIGGER refuse ON {table}; DROP FUNCTION refuse()"
    else:
        make = f"""
            CREATE TRIGGER refuse BEFORE INSERT ON {table} WHEN {condition}
            BEGIN SELECT RAISE(ABORT, 'refused'); END
        """
        end = "DROP TRIGGER refuse"
    with bench.database.engine.begin() as connection:
        connection.exec_driver_sql(make)
    yield
    with bench.database.engine.begin() as connection:
        connection.exec_driver_sql(end)


@contextmanager
def gone(bench: Bench) -> Iterator[None]:
    """The database does not answer: its file cannot be opened, or its server takes no connection."""
    engine = bench.database.engine
    if not bench.database.is_postgres:
        engine.dispose()
        path = Path(engine.url.database or "")
        aside = path.rename(path.with_suffix(".aside"))
        path.mkdir()
        yield
        path.rmdir()
        aside.rename(path)
        return
    admin = create_engine(engine.url.set(database="postgres"), isolation_level="AUTOCOMMIT")
    name = engine.url.database
    with admin.connect() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        connection.exec_driver_sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        yield
        connection.exec_driver_sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    admin.dispose()


def check_as_if_nothing_had_been(bench: Bench, fail: Callable[[list[Any]], None]) -> None:
    """A batch that fails and comes again has the same effects as one that never failed, and has them once."""
    bench.publish(bench.birth(), bench.reading(1))
    hot = [bench.reading(n, values=HOT_VALUES) for n in range(2, 6)]
    will = bench.state(None, online=False)
    fail([*hot, will])
    assert bench.confirmed["pump-1"] == {1: 1}
    bench.settle(*hot, will)
    counts = bench.counts()
    assert (counts["received"] - counts["duplicate"], counts["stored"]) == (6, 6)
    assert bench.alarms() == [("pump-1", "bearing_temperature_c_high", "RAISED")]
    assert [change.data["online"] for change in bench.events("connection-changed")] == [True, False]
    assert len(bench.events("alarm.raised")) == 1
    assert bench.value("bearing_temperature_c")[0] == HOT
    assert bench.confirmed["pump-1"] == {1: 5}


def test_a_refused_transaction_leaves_nothing_in_memory(bench: Bench) -> None:
    def fail(batch: list[Any]) -> None:
        with refusing(bench, "outbox"), pytest.raises(DBAPIError):
            bench.settle(*batch)

    check_as_if_nothing_had_been(bench, fail)


def test_a_database_that_is_gone_makes_the_messages_wait(bench: Bench) -> None:
    def fail(batch: list[Any]) -> None:
        with gone(bench):
            for _ in range(3):
                with pytest.raises(Unavailable):
                    bench.settle(*batch)
            bench.worker.confirm_due()

    check_as_if_nothing_had_been(bench, fail)


def test_a_commit_whose_answer_is_lost_is_not_repeated_in_effect(bench: Bench) -> None:
    """The database fell between its commit and its answer; what was committed is a duplicate when it comes again."""

    def fail(batch: list[Any]) -> None:
        def lost(_session: Session) -> None:
            raise OperationalError("COMMIT", {}, Exception("connection lost"))

        event.listen(Session, "after_commit", lost)
        try:
            with pytest.raises(Unavailable):
                bench.settle(*batch)
        finally:
            event.remove(Session, "after_commit", lost)

    check_as_if_nothing_had_been(bench, fail)


def test_a_conflict_that_is_tried_again_forgets_the_first_attempt(postgres_bench: Bench) -> None:
    """Guards: on the second attempt all readings would look old, and the alarm of the first would be lost."""
    bench = postgres_bench  # SQLite lets one writer in at a time: it has no conflict after the first statement.
    with bench.database.engine.begin() as connection:
        connection.exec_driver_sql(
            """
            CREATE SEQUENCE attempts;
            CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF nextval('attempts') <= 2 THEN RAISE 'conflict' USING ERRCODE = 'deadlock_detected'; END IF;
                RETURN NEW;
            END $$
            """
        )

    def trip(_batch: list[Any]) -> None:
        with bench.database.engine.begin() as connection:
            make = "CREATE TRIGGER conflict BEFORE UPDATE ON outbox_head FOR EACH ROW EXECUTE FUNCTION conflict()"
            connection.exec_driver_sql(make)

    check_as_if_nothing_had_been(bench, trip)
    assert bench.database.retries == 2 and bench.counts()["duplicate"] == 0


def test_a_device_that_fails_whatever_is_tried_does_not_take_the_others_with_it(bench: Bench) -> None:
    with refusing(bench, "telemetry", "NEW.device = 'pump-2'"):
        messages = [bench.reading(n, device=device) for n in range(3) for device in DEVICES]
        bench.bus.stop()
        bench.publish(*messages)
        bench.bus.start()
        assert bench.counts() == {"received": 9, "stored": 6, "duplicate": 0, "dead_lettered": 3}
        assert bench.reasons() == ["handler-failed"] * 3
        assert bench.confirmed == {device: {1: 2} for device in DEVICES}
    bench.publish(bench.reading(3, device="pump-2"))
    assert bench.confirmed["pump-2"] == {1: 3}


# ---- Confirmations ------------------------------------------------------------------------------------------------


def test_nothing_is_confirmed_before_it_is_committed(bench: Bench) -> None:
    """Guards: a timer that confirms in the middle of a transaction that is then rolled back loses readings for good."""
    told: list[dict[int, int]] = []

    def in_the_middle(_session: Session) -> None:
        bench.worker.confirm_due()
        told.append(dict(bench.confirmed.get("pump-1", {})))

    event.listen(Session, "before_commit", in_the_middle)
    try:
        bench.settle(bench.birth(), bench.reading(1))
        assert told and not any(told)
        told.clear()
        bench.settle(bench.reading(2))
        assert told and all(each == {1: 1} for each in told)
    finally:
        event.remove(Session, "before_commit", in_the_middle)
    assert bench.confirmed["pump-1"] == {1: 2}


def test_a_bus_that_is_full_only_delays_confirmations(bench: Bench) -> None:
    """Guards: stored readings would count as poison because a device could not be told of them."""
    note, bench.worker._confirm = bench.worker._confirm, full
    bench.settle(*(bench.birth(device=device) for device in ("pump-1", "pump-2")))
    assert bench.counts()["stored"] == 2 and bench.confirmed == {}
    bench.worker._confirm = note
    bench.settle(bench.birth(device="pump-3"))
    assert bench.confirmed == {device: {1: 0} for device in DEVICES}


def full(device_id: str, boot: int, sequence: int) -> None:
    raise BusFull("full")


# ---- Two workers --------------------------------------------------------------------------------------------------


def test_a_worker_that_takes_over_goes_on_with_state_detection(bench: Bench) -> None:
    """Three of five hot readings raise the alarm: two were seen by one worker, the third by the next."""
    bench.settle(bench.birth(), bench.reading(1), *(bench.reading(n, values=HOT_VALUES) for n in (2, 3)))
    assert bench.alarms() == []
    bench.start_worker()
    bench.settle(bench.reading(4, values=HOT_VALUES))
    assert bench.alarms() == [("pump-1", "bearing_temperature_c_high", "RAISED")]
    bench.start_worker()
    bench.settle(*(bench.reading(n, values=HOT_VALUES) for n in range(5, 10)))
    assert len(bench.alarms()) == 1 and len(bench.events("alarm.raised")) == 1
    assert [change.data["online"] for change in bench.events("connection-changed")] == [True]
    bench.start_worker()
    bench.settle(*(bench.reading(n) for n in range(10, 16)))
    assert bench.alarms() == [("pump-1", "bearing_temperature_c_high", "CLEARED")]
    assert bench.confirmed["pump-1"] == {1: 15}


def test_two_workers_in_turn_store_nothing_twice_and_confirm_nothing_that_is_missing(bench: Bench) -> None:
    one, other = bench.worker, bench.start_worker()
    for n in range(0, 40, 2):
        worker = one if n % 4 else other
        worker.settle([bench.reading(n), bench.reading(n + 1)])
        stored = {sequence for _, _, sequence in bench.rows()}
        confirmed = bench.confirmed.get("pump-1", {}).get(1, -1)
        assert set(range(confirmed + 1)) <= stored
        worker.settle([bench.reading(max(0, n - 3)), bench.reading(n)])
    assert len(stored) == 40
    bench.counts()


def test_two_workers_at_once_store_each_message_once(bench: Bench) -> None:
    """As while a network is split, when the broker gives both of them the same."""
    workers = [bench.worker, bench.start_worker()]
    batches = [
        [bench.reading(n, device=device) for n in range(k, k + 20) for device in DEVICES] for k in range(0, 100, 10)
    ]
    start = Barrier(2)

    def work(worker: Any) -> None:
        start.wait()
        for batch in batches:
            worker.settle(batch)

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(work, worker) for worker in workers]:
            done.result()
    counts = bench.counts()
    assert (counts["received"], counts["stored"]) == (2 * 600, 330)


def test_what_another_worker_stores_in_between_is_a_duplicate(
    postgres_bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between finding out that something was there and inserting the rest, another worker inserts some of the rest."""
    bench = postgres_bench
    look, other = readings.bodies, Bench.start_worker(bench)
    bench.start_worker()
    bench.settle(bench.reading(1))

    def look_then_wait(*arguments: Any) -> Any:
        found = look(*arguments)
        monkeypatch.setattr(readings, "bodies", look)
        other.settle([bench.reading(2)])
        return found

    monkeypatch.setattr(readings, "bodies", look_then_wait)
    bench.settle(bench.reading(1), bench.reading(2), bench.reading(3))
    counts = bench.counts()
    assert (counts["received"], counts["stored"], counts["duplicate"]) == (5, 3, 2)
