"""Published optima and figures come out of the rules as published."""

from pathlib import Path

import pytest

import services.vmi
from services.kernel.golden import GoldenResult, check_golden

RESULTS = list(check_golden(Path(services.vmi.__file__).parent / "golden.yaml"))


@pytest.mark.parametrize("result", RESULTS, ids=[result.id for result in RESULTS])
def test_a_published_number_is_reproduced(result: GoldenResult) -> None:
    assert result.passed, f"{result.source}: expected {result.expected}, computed {result.computed}"
