"""The demonstration's products are those of the simulated world, and a sound pump is not accused."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.kernel.clock import ManualClock
from services.kernel.database import Database
from services.kernel.testing import START, DatabaseMaker
from services.lifecycle import seed
from services.lifecycle.rules.state_detection import compile_detector
from services.lifecycle.tables import METADATA
from simulator.contract import Fault
from simulator.pumps import SIGNALS
from simulator.scenario import load_scenario
from simulator.trace import Reading
from simulator.world import World

INTERVAL_S = 60.0


def test_the_seed_is_the_scenario() -> None:
    """Guards: two lists of the same pumps that drift apart."""
    wanted = [(pump.id, pump.customer, pump.type, pump.serial) for pump in load_scenario().pumps]
    assert [(each.id, each.organisation_id, each.type_id, each.serial) for each in seed.product_list()] == wanted
    for kind in seed.product_types():
        assert [signal.name for signal in kind.signals] == list(SIGNALS)


def test_seeding_twice_changes_nothing(make_database: DatabaseMaker) -> None:
    """Guards: a demonstration that is started again."""
    database: Database = make_database(METADATA, "lifecycle", ManualClock(START))
    database.create()
    assert len(database.run(seed.seed)) == 40
    assert database.run(seed.seed) == []


def findings_of(world: World, hours: float) -> Counter[tuple[str, str, str]]:
    """(device, code, severity) of every limit that was passed."""
    kinds = {kind.id: compile_detector(kind.model_dump()) for kind in seed.product_types()}
    detectors = {pump.id: kinds[pump.type] for pump in world.scenario.pumps}
    states = {pump.id: detectors[pump.id].new_state() for pump in world.scenario.pumps}
    found: Counter[tuple[str, str, str]] = Counter()

    def hear(happening: Any) -> None:
        if isinstance(happening, Reading):
            device_id = happening.device_id
            time_us = int(happening.time.timestamp() * 1e6)
            for each in detectors[device_id].step(states[device_id], happening.values, time_us) or ():
                if each.active and each.source == "limit":
                    found[device_id, each.code, each.severity] += 1

    world.listeners.append(hear)
    world.advance_to(world.now + timedelta(hours=hours))
    return found


def sound_world(month: int) -> World:
    """The scenario without planned faults and without wear."""
    scenario = load_scenario().model_copy(update={"faults": [], "wear_acceleration": 1e-6})
    world = World(scenario, datetime(2026, month, 13, tzinfo=UTC))
    world.set_report_interval(INTERVAL_S)
    return world


@pytest.mark.parametrize("month", [1, 7])
def test_a_sound_pump_passes_no_limit(month: int) -> None:
    """Guards: a fleet of false alarms, which people learn to ignore; winter and summer, a day of every duty."""
    assert findings_of(sound_world(month), 24) == {}


EXPECTED = {
    Fault.IMBALANCE: "vibration_velocity_mm_s_high",
    Fault.BEARING_INNER_RACE: "vibration_envelope_g_high",
    Fault.BEARING_OUTER_RACE: "vibration_envelope_g_high",
    Fault.CAVITATION: "vibration_high_frequency_g_high",
    Fault.SEAL_LEAK: "seal_leakage_ml_h_high",
    Fault.SENSOR_DRIFT: "bearing_temperature_c_high",
}


def test_a_grown_fault_passes_its_limit() -> None:
    """Guards: limits so wide that a fault is never seen; one pump of each type for each fault."""
    world = sound_world(3)
    types: dict[str, list[str]] = {}
    for pump in world.scenario.pumps:
        types.setdefault(pump.type, []).append(pump.id)
    sick = {}
    for row, fault in enumerate(EXPECTED):
        for ids in types.values():
            sick[ids[row]] = fault
            world.inject(ids[row], fault, 1.0)
    found = findings_of(world, 12)
    for device_id, fault in sick.items():
        assert any(key[:2] == (device_id, EXPECTED[fault]) for key in found), (device_id, fault)
    assert {device_id for device_id, _, _ in found} <= set(sick)
