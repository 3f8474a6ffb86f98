"""Figures for Prometheus: one registry an application, so that several in one process do not clash."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from threading import Lock
from typing import Any, TypeVar

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

PREFIX = "opensom_"
SECONDS_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

Statistics = Callable[[], Mapping[str, Any]]
_Kind = TypeVar("_Kind", Counter, Gauge, Histogram)
_log = structlog.get_logger(__name__)


class Metrics:
    """Counters, gauges and histograms by name (prefixed `opensom_`), and the `statistics()` of what is wired.

    Asking for the same name again returns the same metric.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self._metrics: dict[str, Any] = {}
        self._lock = Lock()

    def counter(self, name: str, text: str, labels: Iterable[str] = ()) -> Counter:
        """A number that only grows."""
        return self._once(name, Counter, lambda: Counter(PREFIX + name, text, tuple(labels), registry=self.registry))

    def gauge(self, name: str, text: str, labels: Iterable[str] = ()) -> Gauge:
        """A number that goes up and down."""
        return self._once(name, Gauge, lambda: Gauge(PREFIX + name, text, tuple(labels), registry=self.registry))

    def histogram(
        self, name: str, text: str, labels: Iterable[str] = (), buckets: tuple[float, ...] = SECONDS_BUCKETS
    ) -> Histogram:
        """Counts by size; the default buckets suit seconds of a request."""
        return self._once(
            name,
            Histogram,
            lambda: Histogram(PREFIX + name, text, tuple(labels), buckets=buckets, registry=self.registry),
        )

    def watch(self, name: str, statistics: Statistics) -> None:
        """Show the numbers that `statistics()` returns as gauges `opensom_{name}_{key}`, read at each scrape.

        Nested mappings are joined by underscores, booleans are 0 or 1, whatever is no number is left out. A call that
        raises is logged and shown as `opensom_statistics_failed{source=name} 1`; the scrape goes on.
        """
        self.registry.register(_Watched(name, statistics))

    def render(self) -> tuple[bytes, str]:
        """The exposition text and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST

    def _once(self, name: str, kind: type[_Kind], build: Callable[[], _Kind]) -> _Kind:
        with self._lock:
            metric = self._metrics.get(name)
            if metric is None:
                metric = self._metrics[name] = build()
            if not isinstance(metric, kind):
                raise TypeError(f"metric {name} is a {type(metric).__name__}, not a {kind.__name__}")
            return metric


class _Watched(Collector):
    def __init__(self, name: str, statistics: Statistics) -> None:
        self._name = name
        self._statistics = statistics

    def collect(self) -> Iterable[Metric]:
        failed = GaugeMetricFamily(
            PREFIX + "statistics_failed", "Whether the statistics of a source could not be read", labels=("source",)
        )
        try:
            numbers = dict(_numbers(self._name, self._statistics()))
        except Exception:
            _log.exception("statistics could not be read", source=self._name)
            numbers = {}
            failed.add_metric((self._name,), 1.0)
        for name, value in numbers.items():
            yield GaugeMetricFamily(PREFIX + name, f"Read from {self._name}", value=value)
        if failed.samples:
            yield failed


def _numbers(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for key, value in values.items():
        name = f"{prefix}_{key}".replace("-", "_").replace(".", "_").replace("/", "_")
        if isinstance(value, Mapping):
            yield from _numbers(name, value)
        elif isinstance(value, bool | int | float):
            yield name, float(value)
