"""Each fault shows where it would, and nowhere else."""

from datetime import timedelta

import numpy
import pytest

from simulator.contract import Fault
from simulator.faults import WEAROUT, remaining_life_h
from simulator.pumps import SIGNALS
from simulator.trace import Change

# (hours of growth, signals that it moves then: +1 up, -1 down). All others stay within CALM of the sound twin.
SIGNATURES = {
    Fault.IMBALANCE: (4.0, {"vibration_velocity_mm_s": +1}),
    Fault.BEARING_INNER_RACE: (6.0, {"vibration_envelope_g": +1}),
    Fault.BEARING_OUTER_RACE: (6.0, {"vibration_envelope_g": +1}),
    Fault.CAVITATION: (2.2, {"suction_pressure_bar": -1, "vibration_high_frequency_g": +1}),
    Fault.SEAL_LEAK: (4.0, {"seal_leakage_ml_h": +1}),
    Fault.WEAR: (4.0, {}),  # Slow by nature: see its own test.
    Fault.SENSOR_DRIFT: (3.0, {"bearing_temperature_c": +1}),
    Fault.LOST_CONNECTION: (4.0, {}),
}
CALM = 0.12
GAUGES = [name for name, unit in SIGNALS.items() if name not in ("run_seconds", "volume_l", "energy_wh")]


@pytest.mark.parametrize("fault", SIGNATURES)
@pytest.mark.parametrize("device_id", ["pump-001", "pump-002", "pump-003"])
def test_a_young_fault_shows_in_its_own_signals_only(observe, device_id: str, fault: Fault) -> None:
    """Guards diagnosis and teaching: a simulated fault that leaks into other signals teaches the wrong pattern."""
    sound, faulty = observe(), observe()
    growth_h, signs = SIGNATURES[fault]
    faulty.world.inject(device_id, fault, growth_h)
    for each in (sound, faulty):
        each.run(1.2)
    ratios = {name: faulty.mean(device_id, name) / sound.mean(device_id, name) for name in GAUGES}
    for name, sign in signs.items():
        assert sign * (ratios.pop(name) - 1) > 0.15, f"{fault} does not show in {name}"
    if fault is Fault.CAVITATION:  # What is sucked in at lower pressure comes out at lower pressure.
        ratios.pop("discharge_pressure_bar")
    loud = {name: round(ratio, 3) for name, ratio in ratios.items() if abs(ratio - 1) > CALM}
    assert not loud, f"{fault} shows in {loud}"
    for other in {"pump-001", "pump-002", "pump-003"} - {device_id}:
        assert faulty.mean(other, "vibration_envelope_g") == sound.mean(other, "vibration_envelope_g")


def test_a_bearing_rings_first_and_heats_later(observe) -> None:
    """Guards the order on which early warning rests: envelope, then temperature, then the trip."""
    seen = observe()
    seen.run(1.0)
    calm_g, calm_c = seen.mean("pump-001", "vibration_envelope_g"), seen.mean("pump-001", "bearing_temperature_c")
    seen.world.inject("pump-001", Fault.BEARING_INNER_RACE, growth_h=4.0)
    seen.run(0.8)
    assert seen.mean("pump-001", "vibration_envelope_g") > 4 * calm_g
    assert seen.mean("pump-001", "bearing_temperature_c") < calm_c + 4
    assert not seen.alarms
    seen.run(5.0)
    assert seen.mean("pump-001", "bearing_temperature_c") < calm_c, "it cools after the trip"
    codes = [alarm.code for alarm in seen.alarms if alarm.active]
    assert codes == ["bearing-temperature-high", "bearing-temperature-trip"]
    assert seen.values("pump-001", "speed_rpm")[-1] == 0
    assert seen.world.tripped("pump-001")


def test_cavitation_is_heard_before_the_head_falls(observe) -> None:
    """Guards: noise starts at several times NPSH3, the head is down by 3 % only at NPSH3 (ISO 9906)."""
    seen = observe()
    seen.run(0.5)
    calm_g = seen.mean("pump-001", "vibration_high_frequency_g")

    def head_bar() -> float:
        return seen.mean("pump-001", "discharge_pressure_bar", 3) - seen.mean("pump-001", "suction_pressure_bar", 3)

    calm_bar = head_bar()
    seen.world.inject("pump-001", Fault.CAVITATION, growth_h=2.0)
    seen.run(1.2)
    assert seen.mean("pump-001", "vibration_high_frequency_g", 3) > 2 * calm_g
    assert head_bar() > 0.97 * calm_bar
    seen.run(1.0)
    assert head_bar() < 0.9 * calm_bar
    assert any(alarm.code == "suction-pressure-low" and alarm.active for alarm in seen.alarms)


def test_wear_costs_head_and_energy_per_volume(observe) -> None:
    """Guards: the fault that only shows as power per flow."""
    sound, worn = observe(), observe()
    for device_id in ("pump-001", "pump-002", "pump-003"):
        worn.world.inject(device_id, Fault.WEAR, growth_h=1.0)
    for each in (sound, worn):
        each.run(1.5)
    for device_id in ("pump-001", "pump-002", "pump-003"):
        per_flow = [each.mean(device_id, "power_kw") / each.mean(device_id, "flow_m3_h") for each in (sound, worn)]
        assert per_flow[1] > 1.1 * per_flow[0]
        assert worn.mean(device_id, "flow_m3_h") < 0.95 * sound.mean(device_id, "flow_m3_h")
        assert worn.mean(device_id, "vibration_envelope_g") == pytest.approx(
            sound.mean(device_id, "vibration_envelope_g"), rel=0.05
        )


def test_a_lost_connection_changes_nothing_in_the_pump(observe) -> None:
    """Guards usage billing: what runs unseen still counts."""
    seen, twin = observe(), observe()
    seen.world.inject("pump-002", Fault.LOST_CONNECTION, growth_h=1.0)
    assert not seen.world.connected("pump-002")
    for each in (seen, twin):
        each.run(1.0)
    assert seen.values("pump-002", "energy_wh") == twin.values("pump-002", "energy_wh")
    seen.world.repair("pump-002")
    assert seen.world.connected("pump-002")
    kinds = [change.change for change in seen.changes if change.device_id == "pump-002"]
    assert kinds == [Change.FAULT_BEGAN, Change.DISCONNECTED, Change.RECONNECTED, Change.FAULT_ENDED]


def test_repair_makes_the_pump_sound_and_starts_it_again(observe) -> None:
    """Guards the closed loop: a completed work order must be seen in the next readings."""
    seen = observe()
    seen.run(0.5)
    calm_g = seen.mean("pump-001", "vibration_envelope_g")
    seen.world.inject("pump-001", Fault.BEARING_OUTER_RACE, growth_h=0.5)
    seen.world.inject("pump-001", Fault.SEAL_LEAK, growth_h=1.0)
    seen.run(4.0)
    assert seen.world.tripped("pump-001")
    assert seen.world.repair("pump-001", Fault.IMBALANCE) == [], "nothing of that kind was there"
    assert {active.fault for active in seen.world.active_faults()} == {Fault.BEARING_OUTER_RACE, Fault.SEAL_LEAK}
    assert seen.world.repair("pump-001", Fault.BEARING_OUTER_RACE) == [Fault.BEARING_OUTER_RACE]
    seen.run(0.5)
    assert not seen.world.tripped("pump-001")
    assert seen.mean("pump-001", "vibration_envelope_g") == pytest.approx(calm_g, rel=0.1)
    assert seen.world.repair("pump-001") == [Fault.SEAL_LEAK]
    assert seen.world.active_faults() == []


def test_a_fault_of_a_standing_pump_does_not_grow(observe) -> None:
    """Guards: a bearing wears by turning."""
    seen = observe(customers=[{"id": "customer-01", "name_zh": "甲", "name_en": "A", "duty": "day_shift"}], seed=3)
    seen.run(10.5)  # 19:30 at the customer: closed for today.
    assert seen.values("pump-001", "speed_rpm")[-1] == 0
    for fault in (Fault.IMBALANCE, Fault.SENSOR_DRIFT):
        seen.world.inject("pump-001", fault, growth_h=10.0)
    seen.run(5.0)
    severity = {active.fault: active.severity for active in seen.world.active_faults()}
    assert severity[Fault.IMBALANCE] < 0.001
    assert severity[Fault.SENSOR_DRIFT] == pytest.approx(0.5, abs=0.01)


def test_drawn_lives_follow_the_weibull_law_and_an_aged_part_has_less_left() -> None:
    """Guards the renewal of parts: the fraction that fails within the characteristic life is 63 %."""
    wearout, chance = WEAROUT[Fault.WEAR], numpy.random.default_rng(4)
    new = numpy.array([remaining_life_h(wearout, 0.0, chance) for _ in range(4000)])
    aged = numpy.array([remaining_life_h(wearout, wearout.life_h, chance) for _ in range(4000)])
    assert numpy.mean(new < wearout.life_h) == pytest.approx(1 - numpy.exp(-1), abs=0.03)
    assert (aged > 0).all()
    assert aged.mean() < 0.5 * new.mean()


def test_pumps_wear_out_by_themselves_and_again_after_repair(observe) -> None:
    """Guards long experiments: a fleet in which nothing ever fails, or only once."""
    seen = observe(wear_acceleration=3000.0, report_interval_s=3600.0)
    seen.world.reporting = False
    for _ in range(40):
        seen.run(24)
        for device_id in seen.world.device_ids:
            seen.world.repair(device_id)
    began = [change for change in seen.changes if change.change is Change.FAULT_BEGAN]
    assert {change.detail for change in began} == {fault.value for fault in Fault}
    same = [change.time for change in began if (change.device_id, change.detail) == ("pump-001", "seal_leak")]
    assert len(same) > 1
    assert same[-1] - same[0] > timedelta(days=1)
