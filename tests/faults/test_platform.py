"""The whole platform, killed while usage is metered and billed: each second of running is on one invoice line, once."""

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from services.billing.service import books
from services.billing.tables import LineRow, UsageRow
from services.billing.timers import close_due
from services.kernel.clock import ManualClock, wall_now
from services.kernel.database import Database
from services.kernel.outbox import head_position
from services.kernel.unit import UnitOfWork
from services.lifecycle.contract import UsageMetered
from tests.faults.children import wait_until
from tests.faults.servers import kill_broker, restart_broker
from tests.faults.site import Site, running_site

SHORT = {"devices": 12, "readings": 250, "per_s": 400.0}
LONG = {"devices": 31, "readings": 2_500, "per_s": 400.0}


def test_usage_is_billed_once_whatever_is_killed(tmp_path: Path) -> None:
    with running_site(tmp_path, "embedded", "sqlite", **SHORT) as site:
        kill_in_turn(site, rounds=1)
        check(site)


@pytest.mark.soak
@pytest.mark.parametrize("broker", ["embedded", "mosquitto"])
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_usage_of_days_is_billed_once_too(broker: str, database: str, tmp_path: Path) -> None:
    with running_site(tmp_path, broker, database, **LONG) as site:
        kill_in_turn(site, rounds=4)
        check(site)


def kill_in_turn(site: Site, rounds: int) -> None:
    """In each round the platform three times, once together with the broker, the ingest once, and the database."""
    for begin in range(rounds):
        site.wait_made((begin + 0.2) / rounds)
        site.platform.kill()
        site.wait_made((begin + 0.3) / rounds)
        site.start_platform()
        site.wait_made((begin + 0.5) / rounds)
        site.platform.kill()
        kill_broker(site.broker)
        restart_broker(site.broker)
        site.start_platform()
        site.ingest.kill()
        site.ingest.start()
        if site.postgres is not None:
            site.wait_made((begin + 0.65) / rounds)
            site.postgres.kill()
            site.postgres.start()
        site.wait_made((begin + 0.8) / rounds)
        site.platform.kill()
        site.start_platform()
    site.wait_made(1.0)
    site.recorder.wait_for(lambda said: said.get("held") == 0, "everything confirmed")


def check(site: Site) -> None:
    """What was metered, told, taken, placed and invoiced is the same, to the second."""
    expected = site.expected_seconds()
    now = ManualClock(wall_now())
    lifecycle, billing = site.database("lifecycle", now), site.database("billing", now)

    def all_taken() -> bool:
        return metered(lifecycle) == expected and cursor(billing) == lifecycle.read(head_position)

    wait_until(all_taken, lambda: f"all usage told and taken: {expected}, told are {metered(lifecycle)}")
    site.platform.stop()
    told = usage_events(lifecycle)
    columns = (UsageRow.event_id, UsageRow.device_id, UsageRow.quantity, UsageRow.line_id)
    rows = billing.read(lambda unit: unit.session.execute(select(*columns)).all())
    assert {row.event_id: (row.device_id, row.quantity) for row in rows} == told
    assert len(rows) == len(told) and all(row.line_id for row in rows)
    for database in (lifecycle, billing):
        assert not database.read(lambda unit: unit.session.execute(select(unit.tables.dead_letter)).all())
        database.close()
    check_invoices(site, sum(expected.values()))


def check_invoices(site: Site, seconds: int) -> None:
    """Days later all is invoiced and posted: the lines hold each second once, and the ledger balances."""
    clock = ManualClock(wall_now() + timedelta(days=3))
    billing = site.database("billing", clock)
    for _ in ("issue", "post"):
        close_due(billing, site.place.billing())
        clock.advance(86_400)
    query = select(LineRow.quantity).where(LineRow.meter == "run_seconds")
    assert sum(billing.read(lambda unit: unit.session.execute(query).scalars().all())) == seconds
    trial = billing.read(books.trial_balance)
    assert trial.balanced and trial.currencies
    assert all(each.debits_posted == each.credits_posted > 0 for each in trial.currencies)
    billing.close()


def usage_events(lifecycle: Database) -> dict[str, tuple[str, int]]:
    """(device, seconds) by id, of the usage that lifecycle has told."""

    def bodies(unit: UnitOfWork) -> list[dict[str, Any]]:
        outbox = unit.tables.outbox
        query = select(outbox.c.body).where(outbox.c.type == UsageMetered.type())
        return [json.loads(row.body) for row in unit.session.execute(query)]

    found = lifecycle.read(bodies)
    by_id = {each["id"]: (each["data"]["device_id"], each["data"]["quantity"]) for each in found}
    assert len(by_id) == len(found), "usage was told twice"
    return by_id


def metered(lifecycle: Database) -> dict[str, int]:
    """Seconds by device."""
    seconds: Counter[str] = Counter()
    for device, quantity in usage_events(lifecycle).values():
        seconds[device] += quantity
    return dict(seconds)


def cursor(billing: Database) -> int:
    """Position of the last event that billing took."""
    return int(
        billing.read(lambda unit: unit.session.execute(select(unit.tables.inbox_cursor.c.position)).scalar() or 0)
    )
