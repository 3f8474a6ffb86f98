"""A pump that has run long enough to know what is normal for it."""

from dataclasses import dataclass, field

import pytest

from services.lifecycle.rules.state_detection import DetectionState, Detector, Finding, compile_detector
from tests.unit.lifecycle.pump import SECOND_US, data_model, readings


@dataclass
class Bench:
    """A detector with one device, whose time moves on by one second a reading."""

    detector: Detector
    state: DetectionState = field(init=False)
    time_us: int = 0

    def __post_init__(self) -> None:
        self.state = self.detector.new_state()

    def take(self, values: dict[str, float]) -> list[Finding]:
        self.time_us += SECOND_US
        return self.detector.step(self.state, values, self.time_us) or []

    def run(self, count: int, seed: int = 1, speed: float = 1.0, **factors: float) -> list[Finding]:
        return [found for values in readings(count, seed, speed, **factors) for found in self.take(values)]


@pytest.fixture
def new_pump() -> Bench:
    return Bench(compile_detector(data_model()))


@pytest.fixture
def learned_pump(new_pump: Bench) -> Bench:
    assert new_pump.run(400) == []
    return new_pump
