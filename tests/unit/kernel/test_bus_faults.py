"""What may be lost: nothing that a handler did not finish. Kills, restarts, and the packets on the wire."""

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from services.kernel.broker import EmbeddedBroker, MosquittoBroker, find_mosquitto
from services.kernel.bus import MqttBus
from services.kernel.bus.fast_mqtt import (
    PAHO_INTERNALS,
    FastClient,
    MalformedPacket,
    packet_bounds,
    parse_publish,
)

ROOT = Path(__file__).resolve().parents[3]
needs_mosquitto = pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")
REAL = [EmbeddedBroker, pytest.param(MosquittoBroker, marks=needs_mosquitto)]
COUNT = 300

NEVER_RETURNS = """
import sys, time
from services.kernel.bus import MqttBus
bus = MqttBus("127.0.0.1", int(sys.argv[1]), "consumer")
def handle(messages):
    print("holding", flush=True)
    time.sleep(60)
bus.subscribe_batches("k", handle)
bus.start()
print("ready" if bus.wait_until_ready(10) else "not ready", flush=True)
time.sleep(60)
"""


def wait_until(condition, seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return bool(condition())


def publish_numbers(port, topic, count=COUNT):
    publisher = MqttBus("127.0.0.1", port, "publisher")
    publisher.start()
    handles = [publisher.publish(topic, b"%d" % number) for number in range(count)]
    assert all(handle.wait(20) for handle in handles)
    publisher.stop()


@pytest.mark.parametrize("kind", REAL)
def test_a_consumer_killed_in_its_handler_gets_every_message_again(kind, tmp_path):
    with kind(tmp_path) as broker:
        child = subprocess.Popen(
            [sys.executable, "-c", NEVER_RETURNS, str(broker.port)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert child.stdout.readline() == "ready\n"
        publish_numbers(broker.port, "k")
        assert child.stdout.readline() == "holding\n"
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        got = []
        bus = MqttBus("127.0.0.1", broker.port, "consumer")
        bus.subscribe_batches("k", lambda messages: got.extend(int(m.payload) for m in messages))
        bus.start()
        assert wait_until(lambda: len(got) >= COUNT)
        bus.stop()
        assert got == list(range(COUNT))


@pytest.mark.parametrize("kind", REAL)
def test_a_connection_lost_in_a_handler_drops_its_acknowledgements_and_the_messages_come_again(kind, tmp_path):
    with kind(tmp_path) as broker:
        holding, release, got = threading.Event(), threading.Event(), []

        def handle(messages):
            got.append([int(m.payload) for m in messages])
            holding.set()
            release.wait(20)

        bus = MqttBus("127.0.0.1", broker.port, "consumer")
        bus.subscribe_batches("g", handle, size_max=50)
        bus.start()
        assert bus.wait_until_ready(10)
        publish_numbers(broker.port, "g", 50)
        assert holding.wait(10)
        first_generation = bus._client.generation
        bus._client._sock.shutdown(socket.SHUT_RDWR)
        assert wait_until(lambda: bus._client.generation > first_generation and bus.connected)
        release.set()
        assert wait_until(lambda: bus.statistics()["acknowledged"] >= 50)
        statistics = bus.statistics()
        bus.stop()
        assert statistics["dropped_acknowledgements"] > 0 and statistics["reconnects"] >= 1
        numbers = [number for batch in got for number in batch]
        assert set(numbers) == set(range(50))
        assert sum(number in got[0] for number in numbers) >= 2 * len(got[0]), "the held ones must come again"


@needs_mosquitto
def test_a_broker_restart_confirms_nothing_that_the_handler_did_not_finish(tmp_path):
    """Mosquitto keeps its sessions over an orderly restart, so what the old connection held has to come again."""
    broker = MosquittoBroker(tmp_path)
    broker.start()
    holding, release, finished = threading.Event(), threading.Event(), []

    def handle(messages):
        holding.set()
        release.wait(20)
        finished.extend(int(m.payload) for m in messages)

    bus = MqttBus("127.0.0.1", broker.port, "consumer")
    bus.subscribe_batches("b", handle, size_max=50)
    bus.start()
    assert bus.wait_until_ready(10)
    publish_numbers(broker.port, "b", 50)
    assert holding.wait(10)
    generation = bus._client.generation
    broker.stop()
    broker.start()
    assert wait_until(lambda: bus._client.generation > generation and bus.connected)
    assert bus.statistics()["acknowledged"] == 0
    release.set()
    assert wait_until(lambda: bus.statistics()["acknowledged"] == 50)
    dropped = bus.statistics()["dropped_acknowledgements"]
    bus.stop()
    broker.stop()
    assert dropped == 50 and sorted(finished) == sorted(list(range(50)) * 2)


def test_it_keeps_looking_for_a_killed_broker_and_subscribes_anew(tmp_path):
    """iotcore forgets its sessions when it is killed: without a new subscription the consumer would hear nothing."""
    got = []
    broker = EmbeddedBroker(tmp_path)
    broker.start()
    bus = MqttBus("127.0.0.1", broker.port, "consumer")
    bus.subscribe("x", got.append)
    bus.start()
    assert bus.wait_until_ready(10)
    os.kill(broker.pid, signal.SIGKILL)
    assert wait_until(lambda: not bus.connected and broker.pid is None)
    port = broker.port
    broker.stop()
    assert broker.start() == port
    assert bus.wait_until_ready(20)
    publish_numbers(port, "x", 5)
    assert wait_until(lambda: len(got) == 5)
    bus.stop()
    broker.stop()


def test_acknowledgements_leave_once_each_in_arrival_order():
    """A broker made of a bare socket sees the very bytes."""
    listener = socket.create_server(("127.0.0.1", 0))
    bus = MqttBus("127.0.0.1", listener.getsockname()[1], "wire")
    bus.subscribe_batches("b/#", lambda messages: None, size_max=8)
    bus.subscribe("s", lambda message: None)
    bus.start()
    with closing(listener), closing(listener.accept()[0]) as connection:
        connection.settimeout(10)
        connection.recv(1024)
        connection.sendall(b"\x20\x02\x00\x00")
        subscribe = connection.recv(1024)
        connection.sendall(b"\x90\x04" + subscribe[2:4] + b"\x01\x01")
        identifiers = [7, 3, 65535, 9, 1, 2, *range(100, 130)]
        wire = b"".join(publish_packet(b"s" if i % 5 == 0 else b"b/1", n) for i, n in enumerate(identifiers))
        for start in range(0, len(wire), 5):  # In crumbs, so that packets are cut everywhere.
            connection.sendall(wire[start : start + 5])
        acknowledged = b""
        while len(acknowledged) < 4 * len(identifiers):
            acknowledged += connection.recv(1024)
        assert acknowledged == b"".join(b"\x40\x02" + struct.pack("!H", n) for n in identifiers)
        bus.stop()


@pytest.mark.parametrize("kind", REAL)
def test_messages_published_while_it_connects_keep_their_order(kind, tmp_path):
    with kind(tmp_path) as broker:
        got = []
        consumer = MqttBus("127.0.0.1", broker.port, "consumer")
        consumer.subscribe_batches("o", lambda messages: got.extend(int(m.payload) for m in messages))
        consumer.start()
        assert consumer.wait_until_ready(10)
        for _ in range(5):  # The gap between socket and CONNACK is narrow.
            got.clear()
            publish_numbers(broker.port, "o", 2000)
            assert wait_until(lambda: len(got) >= 2000)
            assert got == list(range(2000))
        consumer.stop()


def publish_packet(topic: bytes, identifier: int, payload: bytes = b"x") -> bytes:
    body = struct.pack("!H", len(topic)) + topic + struct.pack("!H", identifier) + payload
    return bytes((0x32, len(body))) + body


def test_paho_still_has_what_the_fast_path_leans_on():
    client = FastClient("x", clean=True, on_messages=lambda messages: None)
    missing = [name for name in PAHO_INTERNALS if not hasattr(client, name)]
    assert missing == [], "a new paho: look at fast_mqtt.py before raising the pin"


@pytest.mark.parametrize(
    "head", [0x30, 0x31, 0x32, 0x33, 0x3A, 0x3B], ids=["q0", "q0-retain", "q1", "q1-retain", "q1-dup", "q1-dup-retain"]
)
@pytest.mark.parametrize("length", [0, 1, 100, 127, 128, 16_400])
def test_it_reads_a_publish_as_paho_does(head, length):
    topic = "som/v1/泵".encode()
    identifier = b"\x12\x34" if head & 0x06 else b""
    body = struct.pack("!H", len(topic)) + topic + identifier + b"p" * length
    digits, rest = b"", len(body)
    while True:
        rest, digit = divmod(rest, 128)
        digits += bytes((digit | (128 if rest else 0),))
        if not rest:
            break
    wire = bytes((head,)) + digits + body

    theirs = []
    plain = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="x", manual_ack=True)
    plain.on_message = lambda client, data, message: theirs.append(message)
    plain._in_packet = {"command": head, "packet": bytearray(body), "remaining_length": len(body)}
    plain._packet_handle()

    start, stop = packet_bounds(wire, 0)
    ours = parse_publish(wire, 0, start, stop, 1)
    assert stop == len(wire)
    assert (ours.topic, ours.payload, ours.qos) == (theirs[0].topic, bytes(theirs[0].payload), theirs[0].qos)
    assert (ours.retain, ours.duplicate) == (theirs[0].retain, theirs[0].dup)
    assert int.from_bytes(ours.identifier, "big") == theirs[0].mid


@pytest.mark.parametrize("wire", [b"\x32\xff\xff\xff\xff\x01", b"\x32\x02\x00\x09", b"\x34\x05\x00\x01a\x00\x01"])
def test_a_malformed_packet_is_named_as_such(wire):
    with pytest.raises(MalformedPacket):
        start, stop = packet_bounds(wire, 0)
        parse_publish(wire, 0, start, stop, 1)
