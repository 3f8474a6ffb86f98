"""One behaviour suite over every bus: in memory, over iotcore, over Mosquitto."""

import threading
import time
from contextlib import ExitStack

import pytest

from services.kernel.broker import EmbeddedBroker, MosquittoBroker, find_mosquitto
from services.kernel.bus import BusFull, MemoryBus, Message, MqttBus, Unavailable, topic_matches
from services.kernel.bus.intake import Intake

needs_mosquitto = pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")
BROKERS = {"iotcore": EmbeddedBroker, "mosquitto": MosquittoBroker}
REAL = ["iotcore", pytest.param("mosquitto", marks=needs_mosquitto)]


def wait_until(condition, seconds: float = 15.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return bool(condition())


class World:
    """Makes buses of one kind and stops them."""

    def __init__(self, kind, tmp_path, stack):
        self.kind, self.stack = kind, stack
        self.broker = stack.enter_context(BROKERS[kind](tmp_path)) if kind in BROKERS else None

    def bus(self, name="consumer", **options):
        if self.broker is not None:
            bus = MqttBus("127.0.0.1", self.broker.port, name, backoff_s=0.01, **options)
        else:
            bus = MemoryBus(threaded=self.kind == "memory-threaded", **options)
        self.stack.callback(bus.stop)
        return bus


@pytest.fixture(params=["memory", "memory-threaded", *REAL])
def world(request, tmp_path):
    with ExitStack() as stack:
        yield World(request.param, tmp_path, stack)


@pytest.fixture(params=REAL)
def real(request, tmp_path):
    with ExitStack() as stack:
        yield World(request.param, tmp_path, stack)


def test_messages_arrive_in_order_with_their_payload(world):
    bus, got = world.bus(), []
    bus.subscribe("a/+/c", got.append)
    bus.start()
    assert bus.wait_until_ready(10)
    for number in range(50):
        bus.publish("a/b/c", b"%d" % number)
    assert wait_until(lambda: bus.statistics()["acknowledged"] == 50)
    assert [m.payload for m in got] == [b"%d" % number for number in range(50)]
    assert (got[0].topic, got[0].qos, got[0].retain) == ("a/b/c", 1, False)
    assert bus.statistics()["received"] == bus.statistics()["handled"] == 50


def test_batches_hold_neighbours_and_no_more_than_allowed(world):
    bus, sizes = world.bus(), []
    bus.subscribe_batches("t/#", lambda messages: sizes.append(len(messages)), size_max=7)
    bus.start()
    assert bus.wait_until_ready(10)
    for _ in range(60):
        bus.publish("t/1", b"x")
    assert wait_until(lambda: sum(sizes) == 60)
    assert max(sizes) <= 7


def test_a_poison_message_is_put_aside_and_its_neighbours_are_handled(world):
    kept, good = [], []

    def handle(messages):
        if any(m.payload == b"bad" for m in messages):
            raise ValueError("cannot read it")
        good.extend(m.payload for m in messages)

    bus = world.bus(on_poison=lambda message, reason: kept.append((message.payload, reason)), attempts_max=2)
    bus.subscribe_batches("p", handle, size_max=10)
    bus.start()
    assert bus.wait_until_ready(10)
    for payload in (b"1", b"bad", b"2", b"3"):
        bus.publish("p", payload)
    assert wait_until(lambda: bus.statistics()["acknowledged"] == 4)
    assert sorted(good) == [b"1", b"2", b"3"]
    assert kept == [(b"bad", "ValueError: cannot read it")]
    assert bus.statistics()["poisoned"] == 1


def test_unavailable_is_tried_again_and_never_poison(world):
    attempts, kept = [], []

    def handle(message):
        attempts.append(message.payload)
        if len(attempts) < 5:
            raise Unavailable("database is down")

    bus = world.bus(on_poison=lambda *args: kept.append(args), attempts_max=2)
    bus.subscribe("u", handle)
    bus.start()
    assert bus.wait_until_ready(10)
    bus.publish("u", b"x")
    assert wait_until(lambda: bus.statistics()["acknowledged"] == 1)
    assert attempts == [b"x"] * 5 and kept == []


def test_a_retained_message_reaches_who_comes_later_until_it_is_cleared(world):
    bus, got = world.bus(), []
    bus.start()
    assert bus.wait_until_ready(10)
    bus.publish("r/kept", b"v", retain=True).wait(10)
    bus.publish("r/gone", b"v", retain=True).wait(10)
    bus.publish("r/gone", b"", retain=True).wait(10)
    bus.subscribe("r/#", got.append)
    assert wait_until(lambda: len(got) == 1)
    assert (got[0].topic, got[0].payload, got[0].retain) == ("r/kept", b"v", True)


def test_a_handler_may_publish(world):
    bus, got = world.bus(), []
    bus.subscribe("ask", lambda message: bus.publish("answer", message.payload))
    bus.subscribe("answer", got.append)
    bus.start()
    assert bus.wait_until_ready(10)
    bus.publish("ask", b"x")
    assert wait_until(lambda: [m.payload for m in got] == [b"x"])


def test_connect_hooks_run_and_wrong_topics_are_refused(world):
    bus, ran = world.bus(), threading.Event()
    bus.on_connect(ran.set)
    bus.start()
    assert ran.wait(10) and wait_until(lambda: bus.connected)
    with pytest.raises(ValueError):
        bus.publish("a/#", b"")
    with pytest.raises(ValueError):
        bus.subscribe("a/#/b", print)


def test_a_message_longer_than_one_read_arrives_whole(real):
    bus, got = real.bus(), []
    bus.subscribe("long", got.append)
    bus.start()
    assert bus.wait_until_ready(10)
    payload = bytes(range(256)) * 12_000  # 3 MB
    bus.publish("long", payload)
    bus.publish("long", b"short")
    assert wait_until(lambda: len(got) == 2)
    assert [m.payload for m in got] == [payload, b"short"]


def test_the_will_is_sent_for_a_connection_that_broke_and_not_for_one_that_ended(real):
    watcher, got = real.bus("watcher"), []
    watcher.subscribe("state/+", got.append)
    watcher.start()
    assert watcher.wait_until_ready(10)
    for name, breaks in (("polite", False), ("broken", True)):
        device = real.bus(name, will=Message(f"state/{name}", b"offline"))
        device.start()
        assert device.wait_until_ready(10)
        if breaks:
            device._client._sock.shutdown(2)
        else:
            device.stop()
    assert wait_until(lambda: len(got) == 1)
    assert [m.topic for m in got] == ["state/broken"]


def test_publishing_without_a_broker_waits_until_there_is_one_and_is_bounded(real):
    real.broker.stop()
    bus = real.bus("early", queue_max=3)
    bus.start()
    handles = [bus.publish("q", b"x") for _ in range(3)]
    with pytest.raises(BusFull):
        bus.publish("q", b"x")
    assert not any(handle.confirmed for handle in handles)
    assert not bus.publish("q", b"x", qos=0).wait(0.1)
    real.broker.start()
    assert all(handle.wait(20) for handle in handles), "it must find the broker again by itself"


def test_waiting_for_a_publish_in_a_handler_is_refused(real):
    errors = []
    bus = real.bus(attempts_max=1, on_poison=lambda message, reason: errors.append(reason))
    bus.subscribe("w", lambda message: bus.publish("elsewhere", b"").wait(5))
    bus.start()
    assert bus.wait_until_ready(10)
    bus.publish("w", b"x")
    assert wait_until(lambda: len(errors) == 1) and "must not wait" in errors[0]


def test_a_slow_consumer_blocks_the_reader_and_loses_nothing(real):
    bus, gate, got = real.bus(queue_max=20), threading.Event(), []

    def handle(message):
        gate.wait(20)
        got.append(int(message.payload))

    bus.subscribe("s", handle)
    bus.start()
    assert bus.wait_until_ready(10)
    publisher = real.bus("publisher")
    publisher.start()
    handles = [publisher.publish("s", b"%d" % number) for number in range(500)]
    assert all(handle.wait(20) for handle in handles)
    gate.set()
    assert wait_until(lambda: len(got) >= 500) and got == list(range(500))


def test_a_full_intake_holds_the_producer_and_passes_a_message_beyond_its_bytes():
    intake, looks = Intake(count_max=2, bytes_max=10), []
    intake.put([Message("t", b"x" * 100)])

    def look():
        looks.append(len(intake))
        assert len(intake.take(10, 0)) == 1

    intake.put([Message("t", b"y")], look)
    assert looks == [1] and [m.payload for m in intake.take(10, 0)] == [b"y"] and intake.bytes_count == 0


@pytest.mark.parametrize(
    ("topic_filter", "topic", "expected"),
    [
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("+/b", "a/b", True),
        ("+", "a/b", False),
        ("a/+", "a/", True),
        ("#", "$SYS/x", False),
        ("+/x", "$SYS/x", False),
        ("$SYS/#", "$SYS/x", True),
        ("a/b", "a/b/c", False),
    ],
)
def test_filters_match_as_the_standard_says(topic_filter, topic, expected):
    assert topic_matches(topic_filter, topic) is expected
