"""A consumer takes each event of another service once in effect, however often and in whatever order it comes."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from services.billing.inbox import open_inbox
from services.billing.settings import BillingSettings
from services.kernel.bus import MemoryBus
from services.kernel.database import Database
from services.kernel.events import Event
from services.kernel.inbox import Inbox
from services.kernel.outbox import EventPage, head_position, read_events
from services.kernel.unit import UnitOfWork
from services.lifecycle.contract import ConnectionChanged, UsageMetered
from tests.contract.house import House, open_house, parts_of

CONSUMERS = {"billing"}  # Services that have an inbox. A new one gets a maker of events below.
COUNT = 12
COUNTED = ("message_count", "clock_seen")


@pytest.fixture
def whole(database_url: str | None, data_dir: Path) -> Iterator[House]:
    """The gateway's house: producer and consumer over one kind of database."""
    with open_house("gateway", data_dir, database_url) as house:
        yield house


def produce(house: House) -> list[Event]:
    """Let lifecycle announce usage, and now and then something that billing does not care about."""

    def announce(unit: UnitOfWork) -> None:
        now = unit.clock.business_now()
        for number in range(COUNT):
            unit.announce(ConnectionChanged(device_id="pump-01", online=True), organisation_id="customer-01")
            data = UsageMetered(
                device_id="pump-01",
                meter="run_seconds",
                quantity=60,
                start=now - timedelta(minutes=COUNT - number),
                end=now - timedelta(minutes=COUNT - number - 1),
                customer_id="customer-01",
                provider_id="maker",
            )
            unit.announce(data, organisation_id="customer-01", event_id=f"pump-01/run_seconds/{number}")

    database = house.databases["lifecycle"]
    database.run(announce)
    return database.read(lambda unit: read_events(unit, after=0, limit=1000))


def head(house: House) -> int:
    return house.databases["lifecycle"].read(head_position)


def contents(database: Database) -> dict[str, list[Any]]:
    """All rows of a service."""

    def read(unit: UnitOfWork) -> dict[str, list[Any]]:
        tables = [table for table in database.metadata.sorted_tables if table.name not in COUNTED]
        return {table.name: sorted(map(repr, unit.session.execute(select(table)))) for table in tables}

    return database.read(read)


def test_every_consumer_is_tried_here(whole: House) -> None:
    """Guards: a new consumer that nobody tries with a duplicate."""
    assert {name for name, app in whole.apps.items() if hasattr(app.state, "inbox")} == CONSUMERS


def test_events_count_once_in_whatever_order_they_come(whole: House) -> None:
    """Guards: usage that is billed twice because the broker delivered it twice, or never because it came early."""
    events = produce(whole)
    consumer: Inbox = whole.apps["billing"].state.inbox
    bus = parts_of(whole.apps["billing"]).bus
    database = whole.databases["billing"]
    for event in [*events[10:16], *events[:4], *events[2:6], *reversed(events), events[0]]:
        bus.publish(f"som/v1/events/lifecycle/{event.type.split('.')[-2]}/x", event.to_bytes())
        bus.publish("som/v1/events/lifecycle/usage/metered", b"no event at all")
    consumer.catch_up()
    assert consumer.cursor == head(whole)
    after = contents(database)
    assert len(after["usage"]) == COUNT
    assert after["dead_letter"] == []
    for event in (*events, *reversed(events)):
        bus.publish("som/v1/events/lifecycle/usage/metered", event.to_bytes())
    consumer.catch_up()
    assert contents(database) == after


def test_two_consumers_over_one_database_count_once(whole: House) -> None:
    """Guards: a second process of the service, started while the first one still drains."""
    produce(whole)
    database, producer = whole.databases["billing"], whole.databases["lifecycle"]

    def pull(after: int, limit: int) -> EventPage:
        items = producer.read(lambda unit: read_events(unit, after=after, limit=min(limit, 3)))
        return EventPage(items=items, head=producer.read(head_position))

    both = [open_inbox(database, MemoryBus(), pull, BillingSettings()) for _ in range(2)]
    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(each.catch_up) for each in both]:
            done.result()
    for each in both:
        each.catch_up()
        assert each.cursor == head(whole)
        assert each.statistics()["dead_lettered"] == 0
    rows = contents(database)
    assert len(rows["usage"]) == COUNT
    assert rows["dead_letter"] == [] and len(rows["inbox_cursor"]) == 1
