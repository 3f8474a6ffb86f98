"""Long runs of the ingest process: a large fleet that reports slowly, then a million messages as fast as they come.

Nothing may grow with time. Memory is read from the system, of the ingest process alone.
"""

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks import fleet
from benchmarks.processes import Measured, memory_mb
from services.kernel.broker import EmbeddedBroker, MosquittoBroker, find_mosquitto
from services.kernel.clock import AffineClock, monotonic_s, sleep_s, wall_now
from services.kernel.database import Database
from services.lifecycle.store.readings import message_counts
from services.lifecycle.tables import METADATA

INTERVAL_S = 60.0  # Between two readings of a device of the slow fleet.
CHUNK = 50_000
FAST_DEVICES = 40
BOOT_SLOW, BOOT_FAST = 1, 1_000
PATIENCE_S = 600.0


class Run:
    """The ingest process over SQLite, live, and the messages that it must have received so far."""

    def __init__(self, stack: ExitStack, devices: int) -> None:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="opensom-soak-")))
        broker = (MosquittoBroker if find_mosquitto() else EmbeddedBroker)(folder / "broker")
        self.port = broker.start()
        stack.callback(broker.stop)
        url = f"sqlite:///{folder}/lifecycle.sqlite3"
        self.database = Database(url, METADATA, service="lifecycle", clock=AffineClock())
        stack.callback(self.database.close)
        self.database.upgrade()
        self.ids = fleet.device_ids(devices)
        fleet.register(self.database, self.ids)
        self.process = Measured("benchmarks.ingest_targets", "durable", str(self.port), url, str(folder))
        stack.callback(self.process.end)
        self.process.tell("live")
        self.process.hear()
        sleep_s(2.0)  # For its subscription.
        self.sent = 0

    def memory_mb(self) -> float:
        """Of the ingest process, now."""
        return memory_mb(self.process.pid)

    def counts(self) -> dict[str, int]:
        """The ledger of messages."""
        return self.database.read(message_counts)

    def wait(self) -> None:
        """Until everything that was sent was received; raises TimeoutError."""
        start_s = monotonic_s()
        while self.counts().get("received", 0) < self.sent:
            if monotonic_s() - start_s > PATIENCE_S:
                raise TimeoutError(f"{self.counts()} of {self.sent}")
            sleep_s(0.5)


def run(quick: bool = False) -> list[dict[str, Any]]:
    """About an hour and a half; `quick` is a look of about a minute."""
    devices, minutes, messages = (1_000, 0.5, 100_000) if quick else (10_000, 60, 1_000_000)
    with ExitStack() as stack:
        it = Run(stack, devices)
        results = [*slow_fleet(it, minutes), *million(it, messages)]
        counts = it.counts()
        parts = sum(counts.get(name, 0) for name in ("stored", "duplicate", "dead_lettered"))
        it.process.tell("enough")
        it.process.hear()
        return [
            *results,
            _result("ledger received", counts["received"], "messages", it.sent),
            _result("ledger stored", counts["stored"], "messages", it.sent),
            _result("ledger difference", counts["received"] - parts, "messages", 0),
        ]


def slow_fleet(it: Run, minutes: float) -> list[dict[str, Any]]:
    """Every device of the fleet says something once a minute."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="soak-publisher")
    client.connect("127.0.0.1", it.port)
    client.loop_start()
    per_s = len(it.ids) / INTERVAL_S
    count = int(minutes * len(it.ids))
    begin, begin_s = wall_now(), monotonic_s()
    after_first_mb = 0.0
    for number, (topic, payload) in enumerate(fleet.readings(it.ids, count, begin, boot=BOOT_SLOW), start=1):
        ahead_s = begin_s + number / per_s - monotonic_s()
        if ahead_s > 0:
            sleep_s(ahead_s)
        client.publish(topic, payload, qos=1)
        it.sent += 1
        if number == min(len(it.ids), count // 2):
            after_first_mb = it.memory_mb()
    it.wait()
    client.disconnect()
    client.loop_stop()
    last_mb = it.memory_mb()
    name = f"memory with {len(it.ids)} devices"
    return [
        _result(f"{name}, all heard of once", after_first_mb, "MB"),
        _result(f"{name}, after {minutes:g} minutes", last_mb, "MB", after_first_mb, last_mb / after_first_mb),
    ]


def million(it: Run, messages: int) -> list[dict[str, Any]]:
    """Messages of a few devices as fast as they are taken."""
    memories = []
    start_s = monotonic_s()
    for chunk in range(messages // CHUNK):
        arguments = (str(it.port), str(FAST_DEVICES), str(CHUNK), str(BOOT_FAST + chunk))
        publisher = Measured("benchmarks.ingest_targets", "publish", *arguments)
        publisher.hear()
        publisher.end()
        it.sent += CHUNK
        it.wait()
        memories.append(it.memory_mb())
    rate = messages / (monotonic_s() - start_s)
    return [
        _result("messages, publisher and ingest side by side", rate, "messages/s"),
        _result(f"memory after {CHUNK} more messages", memories[0], "MB"),
        _result(f"memory after {messages} more messages", memories[-1], "MB", memories[0], memories[-1] / memories[0]),
    ]


def _result(
    metric: str, value: float, unit: str, baseline: float | None = None, ratio: float | None = None
) -> dict[str, Any]:
    return {"metric": metric, "value": round(value, 3), "unit": unit, "baseline": baseline, "ratio": ratio}
