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
from tests.services.lifecycle.ingest_bench import HOT, Bench

HOT_VALUES = {"speed_rpm": 1480.0, "bearing_temperature_c": HOT}


@pytest.fixture
def bench(make_database: DatabaseMaker) -> Iterator[Bench]:
    clock = ManualClock(START)
    yield Bench(make_database(METADATA, "lifecycle", clock), clock)


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
        def lost(_events: list[Any]) -> None:
            raise OperationalError("COMMIT", {}, Exception("connection lost"))

        bench.database.on_commit.append(lost)
        with pytest.raises(Unavailable):
            bench.settle(*batch)
        bench.database.on_commit.remove(lost)

    check_as_if_nothing_had_been(bench, fail)


def test_a_conflict_that_is_tried_again_forgets_the_first_attempt(postgres_only: Bench) -> None:
    """Guards: on the second attempt all readings would look old, and the alarm of the first would be lost."""
    bench = postgres_only
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

    def fail(batch: list[Any]) -> None:
        with bench.database.engine.begin() as connection:
            connection.exec_driver_sql(
                "CREATE TRIGGER conflict BEFORE UPDATE ON outbox_head EXECUTE FUNCTION conflict()"
            )

    check_as_if_nothing_had_been(bench, fail)
    assert bench.database.retries == 2 and bench.counts()["duplicate"] == 0


@pytest.fixture
def postgres_only(bench: Bench) -> Bench:
    if not bench.database.is_postgres:
        bench = bench  # SQLite lets one writer in at a time: there is no conflict after the first statement.
        pytest.skip("SQLite has no conflict inside a transaction")
    return bench
