"""The equations of a pump against their sources."""

import numpy
import pytest

from simulator.fleet import Fleet
from simulator.pumps import COUNTERS, GRAVITY_M_S2, PUMP_TYPES, SIGNALS, operating_point, parameters_of, speed_for_flow

TYPES = list(PUMP_TYPES.values())
ONES = numpy.ones(len(TYPES))


def point(speed: float = 1.0, head: float = 1.0, efficiency: float = 1.0, shortage: float = 0.0):
    return operating_point(parameters_of(TYPES), speed * ONES, ONES, head * ONES, efficiency * ONES, shortage * ONES)


def test_the_rated_point_is_the_one_of_the_data_sheet() -> None:
    """Guards: flow, head and motor size that users compare with the product type."""
    rated = point()
    p = parameters_of(TYPES)
    assert rated.flow_m3_h == pytest.approx(p.rated_flow_m3_h, rel=1e-3)
    assert rated.head_m == pytest.approx(p.rated_head_m, rel=2e-3)
    assert (rated.shaft_power_kw < p.rated_power_kw).all(), "the motor would burn"


@pytest.mark.parametrize("speed", [0.8, 0.9, 1.0])
def test_energy_is_neither_made_nor_lost(speed: float) -> None:
    """Guards the balance: shaft power = rho g Q H / efficiency; what the motor takes exceeds it by its losses."""
    at, p = point(speed), parameters_of(TYPES)
    hydraulic_kw = p.density_kg_m3 * GRAVITY_M_S2 * at.flow_m3_h / 3600 * at.head_m / 1000
    assert at.shaft_power_kw * at.efficiency == pytest.approx(hydraulic_kw)
    wire_to_water = hydraulic_kw / at.power_kw
    assert (wire_to_water < at.efficiency).all()
    assert (wire_to_water > 0.35).all()


def test_affinity_laws_hold_on_a_system_without_static_head() -> None:
    """Guards: Q ~ n, H ~ n^2, P ~ n^3."""
    from dataclasses import replace

    p = parameters_of(TYPES)
    free = replace(p, static_head_m=0 * p.static_head_m, system_m_per_flow2=p.rated_head_m / p.rated_flow_m3_h**2)
    full, half = (operating_point(free, n * ONES, ONES, ONES, ONES, 0 * ONES) for n in (1.0, 0.5))
    # Slower pumps need less NPSH, so a trace of cavitation loss remains at full speed only.
    assert full.flow_m3_h / half.flow_m3_h == pytest.approx(2 * ONES, rel=1e-3)
    assert full.head_m / half.head_m == pytest.approx(4 * ONES, rel=2e-3)
    assert full.shaft_power_kw / half.shaft_power_kw == pytest.approx(8 * ONES, rel=3e-3)


def test_the_drive_finds_the_speed_for_the_demand() -> None:
    """Guards: a variable-speed pump delivers what is asked for, a fixed-speed pump what the pipes give."""
    p = parameters_of(TYPES)
    demand = 0.8 * ONES
    delivered = operating_point(p, speed_for_flow(p, demand), ONES, ONES, ONES, 0 * ONES).flow_m3_h / p.rated_flow_m3_h
    assert delivered == pytest.approx(numpy.where(p.variable_speed, 0.8, 1.0), rel=0.01)


def test_a_pump_against_too_much_static_head_delivers_nothing_but_still_takes_power() -> None:
    """Guards: no root of a negative number, no division by zero at a shut check valve or at rest."""
    churning, resting = point(0.5, head=0.6), point(0.0)
    assert (churning.flow_m3_h == 0).all()
    assert (churning.power_kw > 0).all()
    assert (resting.power_kw == 0).all()
    assert (resting.discharge_pressure_bar == resting.suction_pressure_bar).all()


def test_counters_never_fall_and_are_whole() -> None:
    """Guards billing: usage is the difference of two counters in whole base units."""
    fleet = Fleet(TYPES, numpy.random.default_rng(1))
    chance = numpy.random.default_rng(2)
    before = numpy.zeros((len(COUNTERS), len(TYPES)))
    for step in range(200):
        fleet.demand[:] = chance.choice([0.0, 0.7, 1.0], len(TYPES))
        fleet.step(float(chance.uniform(0.1, 300)), chance)
        values = fleet.measure(chance)
        assert set(values) == set(SIGNALS)
        now = numpy.stack([values[name] for name in COUNTERS])
        assert now.dtype.kind == "i"
        assert (now >= before).all(), f"a counter fell in step {step}"
        before = now


def test_energy_and_volume_are_the_integrals_of_power_and_flow() -> None:
    """Guards: an invoice over kWh or m3 that does not match the trend."""
    fleet, chance = Fleet(TYPES, numpy.random.default_rng(1)), numpy.random.default_rng(2)
    fleet.demand[:] = 0.9
    fleet.settle()
    energy_wh, volume_l = numpy.zeros(3), numpy.zeros(3)
    for _ in range(60):
        fleet.step(60.0, chance)
        energy_wh += fleet.point.power_kw * 1000 / 60
        volume_l += fleet.point.flow_m3_h * 1000 / 60
    counted = dict(zip(COUNTERS, fleet.counters, strict=True))
    assert counted["energy_wh"] == pytest.approx(energy_wh)
    assert counted["volume_l"] == pytest.approx(volume_l)
    assert counted["run_seconds"] == pytest.approx(3600.0)


def test_bearings_follow_load_as_a_first_order_system() -> None:
    """Guards: after one time constant 63 % of the way is done, whatever the steps."""
    temperatures = []
    for steps in (1, 50):
        fleet, chance = Fleet(TYPES, numpy.random.default_rng(1)), numpy.random.default_rng(2)
        fleet.demand[:] = 0.0
        fleet.settle()
        fleet.temperature_c[:] = 70.0
        for _ in range(steps):
            fleet.step(1500.0 / steps, chance)
        temperatures.append(fleet.temperature_c.copy())
    assert temperatures[0] == pytest.approx(20 + 50 * numpy.exp(-1) * ONES)
    assert temperatures[1] == pytest.approx(temperatures[0])
