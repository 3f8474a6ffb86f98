"""Small worlds for the tests of this directory."""

from datetime import UTC, datetime, timedelta

from simulator.scenario import Scenario
from simulator.trace import DeviceAlarm, Happening, Reading, StateChange
from simulator.world import World

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # A Monday, 09:00 at the customers.


def small_scenario(**changes: object) -> Scenario:
    """Three pumps, one of each type, that never rest; nothing goes wrong by itself within a test."""
    pumps = [
        {"id": "pump-001", "customer": "customer-01", "type": "pump-process-75"},
        {"id": "pump-002", "customer": "customer-01", "type": "pump-feed-110"},
        {"id": "pump-003", "customer": "customer-01", "type": "pump-drain-22"},
    ]
    content = {
        "name": "small",
        "title_zh": "三台泵",
        "title_en": "Three pumps",
        "seed": 7,
        "report_interval_s": 60.0,
        "wear_acceleration": 0.001,
        "customers": [{"id": "customer-01", "name_zh": "甲", "name_en": "A", "duty": "base_load"}],
        "pumps": pumps,
    }
    return Scenario.model_validate(content | changes)


class Record:
    """A listener that sorts what it hears."""

    def __init__(self, world: World) -> None:
        self.readings: list[Reading] = []
        self.alarms: list[DeviceAlarm] = []
        self.changes: list[StateChange] = []
        world.listeners.append(self._hear)

    def _hear(self, happening: Happening) -> None:
        if isinstance(happening, Reading):
            self.readings.append(happening)
        elif isinstance(happening, DeviceAlarm):
            self.alarms.append(happening)
        else:
            self.changes.append(happening)

    def mean(self, device_id: str, signal: str, last: int = 10) -> float:
        """Mean of the last readings of a signal."""
        values = [reading.values[signal] for reading in self.readings if reading.device_id == device_id][-last:]
        return sum(values) / len(values)


def run(world: World, hours: float) -> None:
    """Let `hours` of business time pass."""
    world.advance_to(world.now + timedelta(hours=hours))
