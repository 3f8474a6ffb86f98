"""Every event that a service committed has its effect in the other service once, whatever is killed in between."""

import signal
import subprocess
import sys
from contextlib import ExitStack
from datetime import timedelta

import pytest
from sqlalchemy import MetaData, select

from services.billing.inbox import open_inbox
from services.billing.settings import BillingSettings
from services.billing.tables import METADATA as BILLING
from services.billing.tables import UsageRow
from services.kernel.broker import EmbeddedBroker
from services.kernel.bus import MemoryBus, Message, Unavailable
from services.kernel.clock import Clock, ManualClock
from services.kernel.database import Database
from services.kernel.events import Event
from services.kernel.inbox import Inbox
from services.kernel.outbox import EventPage, head_position, read_events
from services.kernel.testing import START, DatabaseMaker, postgres_database
from services.kernel.unit import UnitOfWork
from services.lifecycle.contract import UsageMetered
from services.lifecycle.tables import METADATA as LIFECYCLE
from tests.faults.children import ROOT

HOUR = timedelta(hours=1)
QUANTITY = 600

# Commits usage in a process of its own, which ends after the commit of event KILLED and before it is published.
COMMIT_AND_DIE = """
import os, signal, sys
from datetime import datetime
from services.kernel.bus import MqttBus
from services.kernel.clock import ManualClock
from services.kernel.database import Database
from services.kernel.events import Event
from services.kernel.outbox import OutboxPublisher
from services.lifecycle.tables import METADATA
from tests.faults.test_events import KILLED, announce_usage

url, now, port = sys.argv[1:]
database = Database(url, METADATA, service="lifecycle", clock=ManualClock(datetime.fromisoformat(now)))
made = []
def die(events):
    made.extend(events)
    if len(made) == KILLED:
        os.kill(os.getpid(), signal.SIGKILL)
database.on_commit.append(die)
bus = MqttBus("127.0.0.1", int(port), "producer")
OutboxPublisher(database, bus)
bus.start()
assert bus.wait_until_ready(60)
for number in range(KILLED):
    database.run(announce_usage, number)
"""
KILLED = 5


def announce_usage(unit: UnitOfWork, number: int) -> None:
    """One hour of one pump."""
    start = START - HOUR * (number + 1)
    made = UsageMetered(
        device_id="pump-001",
        meter="run_seconds",
        quantity=QUANTITY,
        start=start,
        end=start + HOUR,
        customer_id="customer-01",
        provider_id="maker",
    )
    unit.announce(made, subject="pump-001", organisation_id="customer-01", event_id=f"pump-001:{number}")


class Pair:
    """The log of lifecycle, and billing that consumes it."""

    def __init__(self, make_database: DatabaseMaker) -> None:
        clock = ManualClock(START)
        self.lifecycle = make_database(LIFECYCLE, "lifecycle", clock)
        self.billing = make_database(BILLING, "billing", clock)
        for database in (self.lifecycle, self.billing):
            database.create()
        self.bus = MemoryBus()
        self.inbox = self.new_inbox()

    def new_inbox(self) -> Inbox:
        self.inbox = open_inbox(self.billing, self.bus, self.pull, BillingSettings())
        return self.inbox

    def pull(self, after: int, limit: int) -> EventPage:
        def page(unit: UnitOfWork) -> EventPage:
            return EventPage(items=read_events(unit, after=after, limit=limit), head=head_position(unit))

        return self.lifecycle.read(page)

    def booked(self) -> dict[str, int]:
        """Quantity by event, of what billing took."""
        query = select(UsageRow.event_id, UsageRow.quantity)
        rows = self.billing.read(lambda unit: unit.session.execute(query).all())
        assert len(dict(map(tuple, rows))) == len(rows)
        return dict(map(tuple, rows))


@pytest.fixture
def pair(make_database: DatabaseMaker) -> Pair:
    return Pair(make_database)


def test_an_event_that_was_committed_and_never_published_arrives(pair: Pair, embedded_broker: EmbeddedBroker) -> None:
    url = pair.lifecycle.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", COMMIT_AND_DIE, url, START.isoformat(), str(embedded_broker.port)]
    assert subprocess.run(command, cwd=ROOT, timeout=120, check=False).returncode == -signal.SIGKILL
    assert pair.lifecycle.read(head_position) == KILLED
    pair.inbox.tick()
    assert pair.booked() == {f"pump-001:{number}": QUANTITY for number in range(KILLED)}
    pair.new_inbox().tick()
    assert len(pair.booked()) == KILLED


def test_a_consumer_that_was_down_for_long_misses_nothing(pair: Pair) -> None:
    """More than one page of the log."""

    def day(unit: UnitOfWork, first: int) -> None:
        for number in range(first, first + 200):
            announce_usage(unit, number)

    for first in range(0, 600, 200):
        pair.lifecycle.run(day, first)
    pair.inbox.tick()
    assert len(pair.booked()) == 600
    pair.lifecycle.run(day, 600)
    pair.new_inbox().tick()
    assert pair.booked() == {f"pump-001:{number}": QUANTITY for number in range(800)}
    assert pair.inbox.handled == 200


def test_a_log_that_withholds_an_event_is_not_asked_without_end(pair: Pair) -> None:
    """Guards: a consumer that may not see everything would pull the same page without end, in the same tick."""
    for number in range(3):
        pair.lifecycle.run(announce_usage, number)
    whole = pair.pull
    pair.pull = lambda after, limit: whole(after, limit).model_copy(  # type: ignore[method-assign]
        update={"items": [event for event in whole(after, limit).items if event.position != 2]}
    )
    pair.new_inbox().tick()
    assert pair.booked() == {"pump-001:0": QUANTITY}
    assert pair.inbox.pull_failures == 1
    pair.pull = whole  # type: ignore[method-assign]
    pair.new_inbox().tick()
    assert len(pair.booked()) == 3


def test_what_fails_after_a_commit_does_not_make_it_look_undone(pair: Pair) -> None:
    """Guards: the caller would be told of a failure, and do again what was done."""

    def fall(_events: list[Event]) -> None:
        raise ConnectionError("the database fell a moment later")

    pair.lifecycle.on_commit.append(fall)
    pair.lifecycle.run(announce_usage, 0)
    assert pair.lifecycle.read(head_position) == 1


def test_a_database_that_falls_says_nothing_against_an_event(postgres_url: str) -> None:
    """Guards: the event in hand would be dead-lettered as soon as the database is back, and its usage never billed."""
    with ExitStack() as stack:

        def make(metadata: MetaData, service: str, clock: Clock) -> Database:
            return stack.enter_context(postgres_database(postgres_url, metadata, service, clock))

        pair = Pair(make)
        pair.lifecycle.run(announce_usage, 0)
        with pair.billing.engine.begin() as connection:
            connection.exec_driver_sql(FALL_TWICE)
        messages = [Message(UsageMetered.topic(), event.to_bytes()) for event in pair.pull(0, 10).items]
        for _ in range(2):
            with pytest.raises(Unavailable):
                pair.inbox.receive(messages)
        pair.inbox.receive(messages)
        assert pair.booked() == {"pump-001:0": QUANTITY}
        assert pair.inbox.dead_lettered == 0


FALL_TWICE = """
CREATE SEQUENCE attempts;
CREATE FUNCTION fall() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF nextval('attempts') <= 2 THEN RAISE 'terminating connection' USING ERRCODE = 'admin_shutdown'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER fall BEFORE INSERT ON usage FOR EACH ROW EXECUTE FUNCTION fall()
"""
