"""Symptoms of a pump: what differs from the device's own normal state, on one scale.

The strength of a symptom is 1 where it counts as present; below 0.5 it counts as absent; between is a grey zone; none
means that its signals are not known. Head and efficiency follow from pressures, flow and power (ISO 9906): at a given
speed both fall together only when the pump itself has changed, not when the customer opens or shuts a valve.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite

from services.lifecycle.rules.state_detection import Condition

PRESENT = 1.0
ABSENT = 0.5
HEAD_LOSS = 0.04  # Share of the normal pressure rise.
FLOW_LOSS = 0.04  # Share of the normal flow.
EFFICIENCY_LOSS = 0.04  # Share of the normal overall efficiency.

Conditions = Mapping[str, Condition]


@dataclass(frozen=True, slots=True)
class Symptom:
    """`measure` gives the strength from the detector's conditions."""

    name: str
    name_zh: str
    name_en: str
    signals: tuple[str, ...]
    measure: Callable[[Conditions], float | None]


def _above(signal: str) -> Callable[[Conditions], float | None]:
    return lambda conditions: conditions[signal].deviation if signal in conditions else None


def _below(signal: str) -> Callable[[Conditions], float | None]:
    return lambda conditions: -conditions[signal].deviation if signal in conditions else None


def _off(signal: str) -> Callable[[Conditions], float | None]:
    return lambda conditions: abs(conditions[signal].deviation) if signal in conditions else None


def _loss(level: float, expected: float, share: float) -> float | None:
    strength = (1.0 - level / expected) / share if expected > 0 else None
    return strength if strength is not None and isfinite(strength) else None


def _head_loss(conditions: Conditions) -> float | None:
    """Head and flow both below normal at this speed: the weaker of the two losses."""
    try:
        suction, discharge = conditions["suction_pressure_bar"], conditions["discharge_pressure_bar"]
        flow = conditions["flow_m3_h"]
    except KeyError:
        return None
    head = _loss(discharge.level - suction.level, discharge.expected - suction.expected, HEAD_LOSS)
    less_flow = _loss(flow.level, flow.expected, FLOW_LOSS)
    return None if head is None or less_flow is None else min(head, less_flow)


def _efficiency_loss(conditions: Conditions) -> float | None:
    """Hydraulic over electrical power against normal."""
    try:
        suction, discharge = conditions["suction_pressure_bar"], conditions["discharge_pressure_bar"]
        flow, power = conditions["flow_m3_h"], conditions["power_kw"]
    except KeyError:
        return None
    if power.level <= 0 or power.expected <= 0:
        return None
    level = (discharge.level - suction.level) * flow.level / power.level
    expected = (discharge.expected - suction.expected) * flow.expected / power.expected
    return _loss(level, expected, EFFICIENCY_LOSS)


SYMPTOMS = {
    symptom.name: symptom
    for symptom in (
        Symptom("velocity_high", "振动速度升高", "vibration velocity risen", ("vibration_velocity_mm_s",),
                _above("vibration_velocity_mm_s")),
        Symptom("envelope_high", "包络振动升高", "envelope vibration risen", ("vibration_envelope_g",),
                _above("vibration_envelope_g")),
        Symptom("high_frequency_high", "高频振动升高", "high-frequency vibration risen",
                ("vibration_high_frequency_g",), _above("vibration_high_frequency_g")),
        Symptom("suction_low", "吸入压力下降", "suction pressure fallen", ("suction_pressure_bar",),
                _below("suction_pressure_bar")),
        Symptom("head_low", "扬程和流量同时下降", "head and flow fallen together",
                ("suction_pressure_bar", "discharge_pressure_bar", "flow_m3_h"), _head_loss),
        Symptom("efficiency_low", "效率下降", "efficiency fallen",
                ("suction_pressure_bar", "discharge_pressure_bar", "flow_m3_h", "power_kw"), _efficiency_loss),
        Symptom("leakage_high", "密封泄漏量升高", "seal leakage risen", ("seal_leakage_ml_h",),
                _above("seal_leakage_ml_h")),
        Symptom("temperature_off", "轴承温度偏离", "bearing temperature off normal", ("bearing_temperature_c",),
                _off("bearing_temperature_c")),
        Symptom("power_high", "功率升高", "power risen", ("power_kw",), _above("power_kw")),
    )
}  # fmt: skip


def measure_symptoms(conditions: Conditions) -> dict[str, float | None]:
    """Strength of every symptom."""
    return {name: symptom.measure(conditions) for name, symptom in SYMPTOMS.items()}
