"""Durable ingest against a bare subscriber, fault to alarm, memory: `opensom bench ingest --json FILE`.

Everything in one run on one broker (Mosquitto where it is installed). Queues are filled before and drained with the
publisher gone, because a live publisher competes for the same cores; subscribers take turns, so that a machine whose
speed drifts is the same for all of them.
"""

import statistics
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import fleet
from benchmarks.fault_to_alarm import measure_latency
from benchmarks.processes import Measured, memory_mb
from services.kernel.broker import EmbeddedBroker, MosquittoBroker, find_mosquitto
from services.kernel.clock import AffineClock
from services.kernel.database import Database
from services.kernel.testing import postgres_server
from services.lifecycle.store.readings import message_counts
from services.lifecycle.tables import METADATA

DEVICES = 40
POINTS = len(fleet.SIGNALS)
PAIRS = 5
PAIR_MESSAGES = 40_000
SOAK_MESSAGES = 1_000_000
SOAK_CHUNK = 100_000


@dataclass
class Target:
    """A subscriber that takes turns with the others."""

    name: str
    process: Measured
    database_url: str = ""
    rates: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)

    def drain(self, count: int) -> None:
        self.process.tell(f"drain {count}")
        heard = self.process.hear()
        self.rates.append(heard["count"] / heard["seconds"])
        self.cpu_us.append(heard["cpu_s"] / count * 1e6)


def run(quick: bool = False) -> list[dict[str, Any]]:
    """Measure everything; `quick` makes it smaller (about a minute) for a look."""
    pairs, messages, soak = (3, 10_000, 0) if quick else (PAIRS, PAIR_MESSAGES, SOAK_MESSAGES)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="opensom-bench-")))
        broker = (MosquittoBroker if find_mosquitto() else EmbeddedBroker)(folder / "broker")
        port = broker.start()
        stack.callback(broker.stop)
        urls = {
            "sqlite": f"sqlite:///{folder}/lifecycle.sqlite3",
            "postgresql": stack.enter_context(postgres_server(folder / "postgres")),
        }
        for url in urls.values():
            _prepare(url)
        targets = [Target("bare", Measured("benchmarks.ingest_targets", "bare", str(port), "bench-bare"))]
        # One broker session a target: the ingest processes of two databases must not share one.
        targets += [
            Target(name, Measured("benchmarks.ingest_targets", "durable", str(port), url, str(folder / name)), url)
            for name, url in urls.items()
        ]
        for target in targets:
            stack.callback(target.process.end)
        results = _pairs(targets, port, pairs, messages)
        results += _ledgers(targets, pairs * messages)
        results += measure_latency(targets[1].process, port, seconds=10 if quick else 60)
        if soak:
            results += _soak(targets[1], port, soak)
        return [{"metric": "broker", "value": type(broker).__name__, "unit": ""}, *results]


def _prepare(url: str) -> None:
    database = Database(url, METADATA, service="lifecycle", clock=AffineClock())
    database.upgrade()
    fleet.register(database, fleet.device_ids(DEVICES))
    database.close()


def _fill(port: int, count: int, boot: int) -> None:
    publisher = Measured("benchmarks.ingest_targets", "publish", str(port), str(DEVICES), str(count), str(boot))
    publisher.hear()
    publisher.end()


def _pairs(targets: list[Target], port: int, pairs: int, messages: int) -> list[dict[str, Any]]:
    for target in targets:
        target.process.tell("subscribe")
        target.process.hear()
    for pair in range(pairs):
        _fill(port, messages, boot=pair + 1)
        # Each goes first in turn: whoever drains first has the broker's memory warm.
        for place in range(len(targets)):
            targets[(place + pair) % len(targets)].drain(messages)
    bare = targets[0]
    results = [_result("bare messages", statistics.median(bare.rates), "messages/s")]
    for target in targets[1:]:
        ratios = [own / yardstick for own, yardstick in zip(target.rates, bare.rates, strict=True)]
        rate = statistics.median(target.rates)
        results += [
            _result(
                f"{target.name} messages", rate, "messages/s", statistics.median(bare.rates), statistics.median(ratios)
            ),
            _result(f"{target.name} data points", rate * POINTS, "points/s"),
            _result(f"{target.name} ratio least", min(ratios), "of bare"),
            _result(f"{target.name} ratio most", max(ratios), "of bare"),
            _result(f"{target.name} processor time", statistics.median(target.cpu_us), "us/message"),
        ]
    return results


def _ledgers(targets: list[Target], expected: int) -> list[dict[str, Any]]:
    results = []
    for target in targets[1:]:
        counts = _counts(target.database_url)
        parts = sum(counts.get(name, 0) for name in ("stored", "duplicate", "dead_lettered"))
        results += [
            _result(f"{target.name} ledger received", counts["received"], "messages", expected),
            _result(f"{target.name} ledger difference", counts["received"] - parts, "messages", 0),
            _result(f"{target.name} ledger stored", counts["stored"], "messages", expected),
        ]
    return results


def _counts(url: str) -> dict[str, int]:
    database = Database(url, METADATA, service="lifecycle", clock=AffineClock())
    counts = database.read(message_counts)
    database.close()
    return counts


def _soak(target: Target, port: int, messages: int) -> list[dict[str, Any]]:
    """Resident memory of the ingest process over many messages."""
    memories = []
    for chunk in range(messages // SOAK_CHUNK):
        _fill(port, SOAK_CHUNK, boot=1_000 + chunk)
        target.drain(SOAK_CHUNK)
        memories.append(memory_mb(target.process.pid))
    return [
        _result(f"memory after {SOAK_CHUNK} messages", memories[0], "MB"),
        _result(f"memory after {messages} messages", memories[-1], "MB", memories[0], memories[-1] / memories[0]),
    ]


def _result(
    metric: str, value: float, unit: str, baseline: float | None = None, ratio: float | None = None
) -> dict[str, Any]:
    return {"metric": metric, "value": round(value, 3), "unit": unit, "baseline": baseline, "ratio": ratio}
