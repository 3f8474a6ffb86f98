"""Published figures come out of the rules as published."""

from pathlib import Path

import pytest

import services.lifecycle
from services.kernel.golden import GoldenResult, check_golden
from services.lifecycle.rules.control_chart import ewma_limits

RESULTS = list(check_golden(Path(services.lifecycle.__file__).parent / "golden.yaml"))


@pytest.mark.parametrize("result", RESULTS, ids=[result.id for result in RESULTS])
def test_a_published_number_is_reproduced(result: GoldenResult) -> None:
    assert result.passed, f"{result.source}: expected {result.expected}, computed {result.computed}"


def test_the_first_limit_of_a_chart_is_that_of_a_single_reading() -> None:
    first = ewma_limits(target=0, sigma=1, weight=0.3, width=3, readings=1)
    assert first["upper"] == pytest.approx(0.9)
    assert ewma_limits(target=0, sigma=1, weight=0.3, width=3, readings=500) == pytest.approx(
        ewma_limits(target=0, sigma=1, weight=0.3, width=3)
    )


@pytest.mark.parametrize(("sigma", "weight"), [(1.0, 0.0), (1.0, 1.1), (-1.0, 0.5)])
def test_a_chart_without_sense_is_refused(sigma: float, weight: float) -> None:
    with pytest.raises(ValueError, match="must"):
        ewma_limits(target=0, sigma=sigma, weight=weight)
