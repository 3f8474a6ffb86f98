"""Alive, ready, degraded, unavailable: what a house says of itself when what it stands on is gone, and comes back."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text

from services.kernel.broker import EmbeddedBroker
from services.kernel.clock import monotonic_s, sleep_s
from services.kernel.identity import Role
from tests.contract.house import DOORS, House, open_house

PATIENCE_S = 20.0


def status_of(house: House) -> tuple[int, dict[str, Any]]:
    answer = house.http.get("/health/ready")
    return answer.status_code, answer.json()


def wait_for(house: House, status: str) -> tuple[int, dict[str, Any]]:
    """Ask until the house says so."""
    start_s = monotonic_s()
    while True:
        code, report = status_of(house)
        if report["status"] == status or monotonic_s() - start_s > PATIENCE_S:
            assert report["status"] == status, report
            return code, report
        sleep_s(0.05)


@contextmanager
def without_database(house: House, database_url: str | None, data_dir: Path) -> Iterator[None]:
    """Take every database of the house away, and give it back with all that was in it."""
    engines = [database.engine for database in house.databases.values()]
    if database_url is None:
        aside = data_dir / "aside"
        aside.mkdir()
        for engine in engines:
            engine.dispose()
        files = [path for path in data_dir.iterdir() if ".sqlite3" in path.name]
        moved = [path.rename(aside / path.name) for path in files]
        for path in files:
            path.mkdir()
        yield
        for path in files:
            path.rmdir()
        for path in moved:
            path.rename(data_dir / path.name)
        return
    url = make_url(database_url)
    admin = create_engine(url.set(database="postgres"), isolation_level="AUTOCOMMIT")

    def run(statement: str) -> None:
        with admin.connect() as connection:
            connection.execute(text(statement))

    run(f"ALTER DATABASE {url.database} WITH ALLOW_CONNECTIONS false")
    run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{url.database}'")
    yield
    run(f"ALTER DATABASE {url.database} WITH ALLOW_CONNECTIONS true")
    admin.dispose()


@pytest.mark.parametrize("door", DOORS)
def test_without_its_database_a_house_lives_but_is_not_ready(
    door: str, database_url: str | None, data_dir: Path
) -> None:
    """Guards: an orchestrator that sends requests to a process that cannot answer them, or kills one that can wait."""
    with open_house(door, data_dir, database_url) as house:
        assert wait_for(house, "ready")[0] == 200
        with without_database(house, database_url, data_dir):
            code, report = wait_for(house, "unavailable")
            assert code == 503
            assert house.http.get("/health/live").status_code == 200
            failed = [check for check in report["checks"] if check["status"] == "fail"]
            assert any(check["required"] for check in failed)
            for check in failed:
                assert check["hint_zh"] and check["hint_en"]
                assert "sqlite" not in check["reason"].lower()
        assert wait_for(house, "ready")[0] == 200


@pytest.mark.parametrize("door", DOORS)
def test_without_its_broker_a_house_is_degraded_and_answers(door: str, data_dir: Path) -> None:
    """Guards: a broker's restart that takes the console with it."""
    broker = EmbeddedBroker(data_dir / "broker")
    port = broker.start()
    try:
        with open_house(door, data_dir, broker_port=port) as house:
            assert wait_for(house, "ready")[0] == 200
            broker.stop()
            code, report = wait_for(house, "degraded")
            assert code == 200
            broken = {check["name"] for check in report["checks"] if check["status"] == "fail"}
            assert broken
            token = house.token("maker", Role.VIEWER)
            path = {"gateway": "/me", "lifecycle": "/products", "billing": "/invoices"}[door]
            house.ask("GET", path, token)
    finally:
        broker.stop()


def test_the_report_names_what_it_checked(house: House) -> None:
    """Guards: a report that is green because nothing is looked at."""
    code, report = status_of(house)
    assert code == 200 and report["service"] == house.door
    assert any(check["required"] for check in report["checks"])
    assert any(not check["required"] for check in report["checks"])
    assert house.http.get("/health/live").json() == {"service": house.door, "status": "alive"}
