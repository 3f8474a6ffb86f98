"""What goes wrong with a pump, how it grows and what it does to the pump.

A severity runs from 0 (sound) to 1 (functional failure). `effects_of` is the only place that says which quantity a
fault touches; the equations of `pumps` and `fleet` carry it on to the signals. Gains are a judgement, chosen so that
a fault is plain at a severity of about 0.2 and the pump protects itself (trips) near 1.

Life times: Weibull. Bearings: shape 1.5, L10 of 25,000 h (asked of process pumps by API 610, life by ISO 281); the
other figures are a judgement.
"""

import math
from dataclasses import dataclass

import numpy

from simulator.contract import Fault
from simulator.pumps import Array

FAULTS = tuple(Fault)
ROW = {fault: row for row, fault in enumerate(FAULTS)}
GROWS_AT_REST = frozenset({Fault.SENSOR_DRIFT, Fault.LOST_CONNECTION, Fault.CAVITATION})


@dataclass(frozen=True)
class Wearout:
    """How a fault comes by itself: Weibull life, then growth from first defect to failure; hours of business time."""

    shape: float
    life_h: float  # Characteristic life: 63 % have failed.
    growth_h: float
    lasts_h: float | None = None  # Ends by itself after this long.


WEAROUT = {
    Fault.IMBALANCE: Wearout(1.2, 90_000, 200),
    Fault.BEARING_INNER_RACE: Wearout(1.5, 112_000, 120),
    Fault.BEARING_OUTER_RACE: Wearout(1.5, 112_000, 160),
    Fault.CAVITATION: Wearout(1.0, 80_000, 12),
    Fault.SEAL_LEAK: Wearout(1.3, 45_000, 150),
    Fault.WEAR: Wearout(2.5, 60_000, 1_500),
    Fault.SENSOR_DRIFT: Wearout(1.0, 120_000, 300),
    Fault.LOST_CONNECTION: Wearout(1.0, 12_000, 0.001, lasts_h=1.5),
}


def remaining_life_h(wearout: Wearout, age_h: float, generator: numpy.random.Generator) -> float:
    """Hours until the fault starts, given that the part has reached `age_h`: inverse of the conditional Weibull law."""
    exhausted = (age_h / wearout.life_h) ** wearout.shape
    drawn: float = generator.standard_exponential()
    return wearout.life_h * math.pow(exhausted + drawn, 1 / wearout.shape) - age_h


@dataclass(frozen=True)
class Effects:
    """What the faults do to each pump; arrays with one element a pump."""

    head_factor: Array
    efficiency_factor: Array
    suction_shortage: Array
    unbalance_mm_s: Array  # Vibration velocity RMS at shaft speed that is added at rated speed.
    inner_envelope_g: Array
    outer_envelope_g: Array
    roughness: Array  # Late bearing damage, 0-1: heats and shakes.
    leakage_ml_h: Array
    drift_k: Array  # Shown by the temperature sensor, not felt by the bearing.


def effects_of(severity: Array) -> Effects:
    """Effects of severities, shape (faults in the order of FAULTS, pumps)."""
    inner, outer = severity[ROW[Fault.BEARING_INNER_RACE]], severity[ROW[Fault.BEARING_OUTER_RACE]]
    wear = severity[ROW[Fault.WEAR]]
    return Effects(
        head_factor=1 - 0.18 * wear,
        efficiency_factor=1 - 0.28 * wear,
        suction_shortage=severity[ROW[Fault.CAVITATION]],
        unbalance_mm_s=10.0 * severity[ROW[Fault.IMBALANCE]],
        # A young spall already rings the races, so the envelope rises early; heat and shaking come late.
        inner_envelope_g=1.4 * inner**0.7,
        outer_envelope_g=1.8 * outer**0.7,
        roughness=numpy.maximum(inner, outer) ** 2,
        leakage_ml_h=500.0 * severity[ROW[Fault.SEAL_LEAK]] ** 1.5,
        drift_k=35.0 * severity[ROW[Fault.SENSOR_DRIFT]],
    )
