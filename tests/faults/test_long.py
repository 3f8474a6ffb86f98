"""Nothing grows with time: hours of a large fleet, then a million messages."""

import pytest

from benchmarks import soak

GROWTH_RATIO_MAX = 1.15


@pytest.mark.soak
def test_memory_stays_flat_and_the_ledger_exact() -> None:
    results = {each["metric"]: each for each in soak.run()}
    grown = {name: each["ratio"] for name, each in results.items() if (each["ratio"] or 0) > GROWTH_RATIO_MAX}
    assert not grown
    for name in ("ledger received", "ledger stored", "ledger difference"):
        assert results[name]["value"] == results[name]["baseline"], results[name]
