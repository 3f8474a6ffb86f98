"""The broker may lose, repeat and reorder events: a consumer still handles each one once and in order."""

from collections.abc import Iterator
from typing import ClassVar

import pytest
from sqlalchemy import select
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from services.kernel.bus import MemoryBus
from services.kernel.clock import ManualClock
from services.kernel.events import Event, EventData, topic_of_type
from services.kernel.inbox import Inbox
from services.kernel.outbox import (
    EventPage,
    OutboxPublisher,
    forget_old_events,
    head_position,
    head_topic,
    read_events,
)
from services.kernel.problems import Problem
from services.kernel.testing import START, DatabaseMaker
from services.kernel.unit import UnitOfWork


class ProducerBase(SQLModel, registry=registry()):
    pass


class ConsumerBase(SQLModel, registry=registry()):
    pass


class SeenRow(ConsumerBase, table=True):
    __tablename__ = "seen"
    id: int | None = Field(default=None, primary_key=True)
    value: int


class Happened(EventData):
    service: ClassVar[str] = "producer"
    noun: ClassVar[str] = "thing"
    event: ClassVar[str] = "happened"
    value: int


class Pair:
    """A producer and a consumer, joined by a bus that tests may cut."""

    def __init__(self, make_database: DatabaseMaker) -> None:
        self.clock = ManualClock(START)
        self.producer = make_database(ProducerBase.metadata, "producer", self.clock)
        self.consumer = make_database(ConsumerBase.metadata, "consumer", self.clock)
        self.producer.create()
        self.consumer.create()
        self.pulls = 0
        self.inbox = self.new_inbox()

    def new_inbox(self) -> Inbox:
        return Inbox(self.consumer, MemoryBus(), "producer", self.pull, {Happened.type(): self.handle})

    def pull(self, after: int, limit: int) -> EventPage:
        self.pulls += 1
        return self.producer.read(
            lambda unit: EventPage(items=read_events(unit, after=after, limit=limit), head=head_position(unit))
        )

    def handle(self, unit: UnitOfWork, event: Event) -> None:
        value = Happened.of(event).value
        unit.session.add(SeenRow(value=value))
        unit.session.flush()
        if value == 13:
            raise ValueError("unlucky")

    def happen(self, *values: int) -> list[Event]:
        caught: list[Event] = []
        self.producer.on_commit = [caught.extend]
        for value in values:
            self.producer.run(lambda unit, value=value: unit.announce(Happened(value=value)))
        return caught

    def deliver(self, *events: Event) -> None:
        from services.kernel.bus import Message

        self.inbox.receive([Message(topic_of_type(event.type), event.to_bytes()) for event in events])

    def seen(self) -> list[int]:
        return self.consumer.read(
            lambda unit: [row for (row,) in unit.session.execute(select(SeenRow.value).order_by(SeenRow.id))]
        )

    def dead(self) -> int:
        return self.consumer.read(lambda unit: len(unit.session.execute(select(unit.tables.dead_letter)).all()))


@pytest.fixture
def pair(make_database: DatabaseMaker) -> Iterator[Pair]:
    yield Pair(make_database)


def test_repeated_events_are_handled_once(pair: Pair) -> None:
    one, two = pair.happen(1, 2)
    pair.deliver(one, one, two)
    pair.deliver(one, two)
    assert pair.seen() == [1, 2]
    assert pair.inbox.duplicates == 3


def test_events_in_the_wrong_order_are_handled_in_the_right_one(pair: Pair) -> None:
    one, two, three = pair.happen(1, 2, 3)
    pair.deliver(three, one, two)
    assert pair.seen() == [1, 2, 3]


def test_a_lost_event_is_pulled(pair: Pair) -> None:
    one, _lost, three = pair.happen(1, 2, 3)
    pair.deliver(one)
    pair.deliver(three)
    assert pair.seen() == [1]  # Three waits: it must not overtake two.
    pair.inbox.catch_up()
    assert pair.seen() == [1, 2, 3]


def test_everything_lost_is_noticed_by_the_head(pair: Pair) -> None:
    from services.kernel.bus import Message

    pair.happen(1, 2)
    pair.inbox.tick()
    assert pair.seen() == [1, 2]  # At the start it pulls.
    pair.happen(3)
    pair.inbox.receive([Message(head_topic("producer"), b'{"position": 3}')])
    pair.inbox._behind_since_s = 0.0  # The patience for a gap has passed.
    pair.inbox.tick()
    assert pair.seen() == [1, 2, 3]


def test_a_poison_event_is_dead_lettered_and_the_rest_goes_on(pair: Pair) -> None:
    pair.deliver(*pair.happen(12, 13, 14))
    assert pair.seen() == [12, 14]  # The row that the failed handler wrote is gone with it.
    assert pair.dead() == 1
    assert pair.inbox.cursor == 3


def test_a_new_process_goes_on_where_the_old_one_stood(pair: Pair) -> None:
    pair.deliver(*pair.happen(1, 2))
    pair.happen(3)
    pair.inbox = pair.new_inbox()
    pair.inbox.catch_up()
    assert pair.seen() == [1, 2, 3]


def test_garbage_on_the_topic_is_not_taken_for_an_event(pair: Pair) -> None:
    from services.kernel.bus import Message

    one = pair.happen(1)[0]
    pair.inbox.receive(
        [
            Message("som/v1/events/producer/thing/happened", b"\xff{"),
            Message(topic_of_type(one.type), one.to_bytes()),
            Message(head_topic("producer"), b"nonsense"),
        ]
    )
    assert pair.seen() == [1]


def test_a_log_that_no_longer_reaches_back_says_so_and_the_consumer_resynchronises(pair: Pair) -> None:
    pair.happen(1, 2)
    pair.clock.advance(0, wall_seconds=40 * 86_400)
    assert pair.producer.run(forget_old_events, 30) == 2
    pair.happen(3)
    with pytest.raises(Problem) as problem:
        pair.pull(0, 10)
    assert problem.value.status == 410
    pair.inbox.catch_up()
    assert pair.dead() == 1
    fresh = pair.happen(4)
    pair.deliver(*fresh)
    assert pair.seen() == [4]


def test_a_bus_that_is_down_does_not_stop_the_producer(pair: Pair) -> None:
    class DeadBus(MemoryBus):
        def publish(self, *arguments: object, **keywords: object) -> None:  # type: ignore[override]
            raise ConnectionError("no broker")

    publisher = OutboxPublisher(pair.producer, DeadBus())
    pair.producer.run(lambda unit: unit.announce(Happened(value=1)))
    assert publisher.failed > 0
    pair.inbox.catch_up()
    assert pair.seen() == [1]


def test_four_writers_leave_no_gap(pair: Pair) -> None:
    import threading

    def write() -> None:
        for value in range(20):
            pair.producer.run(lambda unit, value=value: unit.announce(Happened(value=value)))

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    page = pair.pull(0, 1000)
    assert [event.position for event in page.items] == list(range(1, 81))
