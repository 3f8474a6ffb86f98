"""The worker keeps nothing of what it settled; the long form runs for hours with the tests marked `soak`."""

import gc
import tracemalloc
from pathlib import Path

import pytest

from tests.services.lifecycle.ingest_bench import DEVICES, Bench, bench_over

GROWTH_BYTES_MAX = 200_000  # One batch of 300 readings is more.


def test_memory_does_not_grow_with_the_messages(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    with bench_over("sqlite", request, tmp_path) as bench:
        settle(bench, 0, 10)
        tracemalloc.start()
        try:
            settle(bench, 10, 5)
            before = memory()
            settle(bench, 15, 40)
            assert memory() - before < GROWTH_BYTES_MAX
        finally:
            tracemalloc.stop()


def settle(bench: Bench, first: int, batches: int) -> None:
    """Batches with everything in them: readings, duplicates, dead letters, a reused sequence."""
    for batch in range(first, first + batches):
        readings = [bench.reading(100 * batch + n, device=device) for n in range(100) for device in DEVICES]
        bad = [bench.message("pump-1", "telemetry", b"{"), bench.message("nobody-" + str(batch), "telemetry", b"{}")]
        bench.settle(*readings, *readings[:10], *bad, bench.reading(100 * batch, values={}))


def memory() -> int:
    """Bytes that are in use now."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
