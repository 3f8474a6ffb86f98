"""A read through the gateway against the same read at the service: `opensom bench gateway --json FILE`.

The service by itself, the gateway with the services mounted in its process, and the gateway that reaches the service
at its URL, each served by uvicorn in a process of its own. They take turns, so that a machine whose speed drifts is
the same for all of them; a ratio compares the batches of one turn. The rate limit is off.
"""

import shutil
import statistics
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks import fleet
from benchmarks.http_client import Batch, read_many
from benchmarks.processes import Measured
from gateway.first_start import prepare
from opensom.composition import SERVICES, Place
from services.kernel.broker import LOOPBACK, EmbeddedBroker
from services.kernel.bus import Message
from services.kernel.clock import AffineClock
from services.kernel.database import Database
from services.kernel.identity import KeyStore, Principal, Role
from services.lifecycle.service.ingest import IngestWorker
from services.lifecycle.settings import LifecycleSettings
from services.lifecycle.tables import METADATA

DEVICES = 40
READINGS = 30  # Of each device, so that a twin shows current values.
ROUNDS = 5
REQUESTS = {1: 300, 16: 600}  # Requests of one batch, by how many are under way at once.
PREFIX = "/api/lifecycle"
LIFETIME_S = 6 * 3600


@dataclass
class Target:
    """A server that takes turns with the others; `prefix` is where the service's routes begin."""

    name: str
    process: Measured
    prefix: str = PREFIX
    port: int = 0
    batches: dict[tuple[str, int], list[Batch]] = field(default_factory=dict)


def run(quick: bool = False) -> list[dict[str, Any]]:
    """Measure every read at every concurrency; `quick` makes it smaller (some ten seconds) for a look."""
    rounds, share = (3, 0.1) if quick else (ROUNDS, 1.0)
    ids = fleet.device_ids(DEVICES)
    reads = {"twin": [f"/products/{device_id}/twin" for device_id in ids], "product list": ["/products?limit=50"]}
    with ExitStack() as stack:
        targets, token = _start(stack, ids)
        for target in targets:
            for paths in reads.values():  # Warm: the token is verified, statements are compiled.
                _measure(target, paths, token, 100, 4)
        for turn in range(rounds):
            for read, paths in reads.items():
                for concurrency, count in REQUESTS.items():
                    for place in range(len(targets)):
                        target = targets[(place + turn) % len(targets)]
                        batch = _measure(target, paths, token, int(count * share), concurrency)
                        target.batches.setdefault((read, concurrency), []).append(batch)
    direct, *doors = targets
    return [result for key in direct.batches for result in _compared(key, direct, doors)]


def _start(stack: ExitStack, ids: list[str]) -> tuple[list[Target], str]:
    """The three servers, ready, and a token for them: two installations with the same content."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="opensom-bench-")))
    token = _prepare(folder / "mounted", ids)
    shutil.copytree(folder / "mounted", folder / "apart")
    ports = {}
    for name in ("mounted", "apart"):
        broker = EmbeddedBroker(folder / name / "broker")
        ports[name] = str(broker.start())
        stack.callback(broker.stop)

    def target(name: str, installation: str, *more: str, prefix: str = PREFIX) -> Target:
        arguments = (name, str(folder / installation), ports[installation], *more)
        made = Target(name, Measured("benchmarks.gateway_targets", *arguments), prefix)
        stack.callback(made.process.end)
        made.port = made.process.hear()["port"]
        return made

    service = target("service", "apart", prefix="")
    url = f"http://{LOOPBACK}:{service.port}"
    return [service, target("mounted", "mounted"), target("by-url", "apart", url)], token


def _prepare(data_dir: Path, ids: list[str]) -> str:
    """Keys, tables, a fleet whose devices have spoken; returns a token for someone who sees it."""
    keys = KeyStore.create(data_dir, SERVICES)
    prepare(Place(data_dir, 1, 1).gateway())
    settings = LifecycleSettings(data_dir=data_dir)
    clock = AffineClock()
    database = Database(settings.resolved_database_url(), METADATA, service="lifecycle", clock=clock)
    database.upgrade()
    fleet.register(database, ids)
    start = clock.business_now() - timedelta(seconds=READINGS)
    messages = [Message(topic, body) for topic, body in fleet.readings(ids, len(ids) * READINGS, start)]
    IngestWorker(database, clock, settings, lambda *_: None).settle(messages)
    database.close()
    viewer = Principal("user:bench", "customer-01", frozenset({Role.VIEWER}))
    return keys.signer("gateway").issue(viewer, LIFETIME_S)


def _measure(target: Target, paths: list[str], token: str, count: int, concurrency: int) -> Batch:
    return read_many(target.port, [target.prefix + path for path in paths], token, count, concurrency)


def _compared(key: tuple[str, int], direct: Target, doors: list[Target]) -> list[dict[str, Any]]:
    """Requests a second, p50 and p95 of one read at one concurrency: the service's own, and each door beside it."""
    read, concurrency = key
    what = f"{read}, {concurrency} at a time"
    own = direct.batches[key]
    own_rate, own_latencies = _rate(own), _latencies(own)
    results = [
        _result(f"{what}: service", own_rate, "requests/s"),
        _result(f"{what}: service p50", own_latencies[0], "ms"),
        _result(f"{what}: service p95", own_latencies[1], "ms"),
    ]
    for door in doors:
        batches = door.batches[key]
        ratios = [each.rate_per_s / beside.rate_per_s for each, beside in zip(batches, own, strict=True)]
        name = f"{what}: gateway, service {'mounted' if door.name == 'mounted' else 'at a URL'}"
        results.append(_result(name, _rate(batches), "requests/s", own_rate, statistics.median(ratios)))
        results.append(_result(f"{name}, ratio least", min(ratios), "of service"))
        results.append(_result(f"{name}, ratio most", max(ratios), "of service"))
        for word, value, beside in zip(("p50", "p95"), _latencies(batches), own_latencies, strict=True):
            results.append(_result(f"{name} {word}", value, "ms", beside, value / beside))
    return results


def _rate(batches: list[Batch]) -> float:
    return statistics.median(batch.rate_per_s for batch in batches)


def _latencies(batches: list[Batch]) -> tuple[float, float]:
    """p50 and p95 over all batches, ms."""
    cuts = statistics.quantiles([each for batch in batches for each in batch.latencies_ms], n=100)
    return cuts[49], cuts[94]


def _result(
    metric: str, value: float, unit: str, baseline: float | None = None, ratio: float | None = None
) -> dict[str, Any]:
    return {
        "metric": metric,
        "value": round(value, 3),
        "unit": unit,
        "baseline": None if baseline is None else round(baseline, 3),
        "ratio": None if ratio is None else round(ratio, 3),
    }
