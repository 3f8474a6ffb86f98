"""Small worlds for the tests of this directory."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from simulator.scenario import Scenario
from simulator.trace import DeviceAlarm, Happening, Reading, StateChange
from simulator.world import World

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # A Monday, 09:00 at the customers.
SMALL = {
    "name": "small",
    "title_zh": "三台泵",
    "title_en": "Three pumps",
    "seed": 7,
    "report_interval_s": 60.0,
    "wear_acceleration": 0.001,
    "customers": [{"id": "customer-01", "name_zh": "甲", "name_en": "A", "duty": "base_load"}],
    "pumps": [
        {"id": "pump-001", "customer": "customer-01", "type": "pump-process-75"},
        {"id": "pump-002", "customer": "customer-01", "type": "pump-feed-110"},
        {"id": "pump-003", "customer": "customer-01", "type": "pump-drain-22"},
    ],
}
ScenarioMaker = Callable[..., Scenario]


@dataclass
class Observed:
    """A world and all that it told."""

    world: World
    readings: list[Reading] = field(default_factory=list)
    alarms: list[DeviceAlarm] = field(default_factory=list)
    changes: list[StateChange] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world.listeners.append(self._hear)

    def run(self, hours: float) -> None:
        """Let `hours` of business time pass."""
        self.world.advance_to(self.world.now + timedelta(hours=hours))

    def values(self, device_id: str, signal: str) -> list[float]:
        return [reading.values[signal] for reading in self.readings if reading.device_id == device_id]

    def mean(self, device_id: str, signal: str, last: int = 10) -> float:
        values = self.values(device_id, signal)[-last:]
        return sum(values) / len(values)

    def _hear(self, happening: Happening) -> None:
        if isinstance(happening, Reading):
            self.readings.append(happening)
        elif isinstance(happening, DeviceAlarm):
            self.alarms.append(happening)
        else:
            self.changes.append(happening)


@pytest.fixture
def make_scenario() -> ScenarioMaker:
    """`make_scenario(**changes)`: three pumps, one of each type, that never rest; within a test nothing goes wrong by
    itself."""
    return lambda **changes: Scenario.model_validate(SMALL | changes)


@pytest.fixture
def observe(make_scenario: ScenarioMaker) -> Callable[..., Observed]:
    """`observe(**changes)`: that scenario as a running world with its record."""
    return lambda **changes: Observed(World(make_scenario(**changes), START))
