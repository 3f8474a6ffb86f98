"""A client that keeps to no rule speaks to a real broker: the ingest behind it counts what arrives, and goes on."""

import json
import socket
from pathlib import Path

import pytest
from sqlalchemy import select

from services.lifecycle.contract import DEVICE_TOPICS, device_topic
from services.lifecycle.store.readings import message_counts
from tests.faults.children import wait_until
from tests.faults.crowd import CONNECT, PUBLISH, packet, text
from tests.faults.plant import Plant, idle_plant

ANSWER_S_MAX = 10.0
GOOD = {"boot": 1, "sequence": 1, "values": {"speed_rpm": 1.0}}
TEN_MEGABYTES = b'{"boot":1,"sequence":2,"text":"' + b"x" * 10_000_000 + b'"}'
# What is published, and whether every broker must let it through.
HOSTILE: dict[str, tuple[str | bytes, bytes, bool]] = {
    "10 MB": (device_topic("pump-000", "telemetry"), TEN_MEGABYTES, True),
    "nothing": (device_topic("pump-000", "telemetry"), b"", True),
    "null bytes": (device_topic("pump-000", "telemetry"), b"\0" * 1_000, True),
    "a device of odd letters": (device_topic("泵 '\"%_🤖", "telemetry"), b"{}", True),
    "a device with a null": (f"{DEVICE_TOPICS}/pump\0/telemetry", b"{}", False),
    "a device of broken text": (DEVICE_TOPICS.encode() + b"/\xff\xfe/telemetry", b"{}", False),
    "a device of 60 kB": (device_topic("p" * 60_000, "telemetry"), b"{}", True),
    "an unknown kind": (device_topic("pump-000", "gossip"), b"{}", True),
    "a wildcard": (f"{DEVICE_TOPICS}/+/telemetry", b"{}", False),
}


def publish(port: int, topic: str | bytes, payload: bytes) -> None:
    """Publish at QoS 1 from a connection of its own; returns when the broker has confirmed it or hung up."""
    with socket.create_connection(("127.0.0.1", port), ANSWER_S_MAX) as connection:
        connection.settimeout(ANSWER_S_MAX)
        connection.sendall(packet(CONNECT, text("MQTT") + b"\x04\x02\x00\x3c" + text("hostile")))
        connection.recv(4)
        try:
            connection.sendall(packet(PUBLISH | 0x02, text(topic) + b"\x00\x01" + payload))
            connection.recv(4)
        except OSError:
            return  # The broker would not even answer.


@pytest.mark.parametrize("broker", ["embedded", "mosquitto"])
def test_the_ingest_outlives_whatever_a_client_sends(broker: str, tmp_path: Path) -> None:
    with idle_plant(tmp_path, broker, "sqlite", devices=2, readings=0, per_s=1.0) as plant:
        plant.start_ingest()
        for topic, payload, _ in HOSTILE.values():
            publish(plant.broker.port, topic, payload)
        at = plant.database.clock.business_now().isoformat()
        publish(plant.broker.port, device_topic("pump-001", "telemetry"), json.dumps(GOOD | {"time": at}).encode())
        wait_until(lambda: counts_of(plant).get("stored"), lambda: f"the good one: {counts_of(plant)}")
        counts = counts_of(plant)
        assert counts["received"] == counts["stored"] + counts["dead_lettered"]
        assert counts["stored"] == 1
        certain = sum(passes for _, _, passes in HOSTILE.values())
        assert certain <= counts["dead_lettered"] <= len(HOSTILE)
        query = select(plant.database.tables.dead_letter.c.reason)
        reasons = plant.database.read(lambda unit: unit.session.execute(query).scalars().all())
        assert {"too-large", "not-json", "unknown-device", "unknown-topic"} <= set(reasons)


def counts_of(plant: Plant) -> dict[str, int]:
    return plant.database.read(message_counts)
