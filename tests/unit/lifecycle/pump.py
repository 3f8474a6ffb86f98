"""A pump for these tests: its data model, and readings at any speed with seeded noise."""

import random
from collections.abc import Iterator
from typing import Any

SECOND_US = 1_000_000
RATED_RPM = 2975.0
RATED = {
    "flow_m3_h": 200.0,
    "suction_pressure_bar": 1.0,
    "discharge_pressure_bar": 8.8,
    "power_kw": 62.0,
    "bearing_temperature_c": 52.0,
    "vibration_velocity_mm_s": 1.2,
    "vibration_envelope_g": 0.1,
    "vibration_high_frequency_g": 0.35,
    "seal_leakage_ml_h": 4.0,
}
LIMITS = {
    "bearing_temperature_c": {"warning_high": 80.0, "alarm_high": 95.0},
    "suction_pressure_bar": {"warning_low": 0.3, "alarm_low": 0.1},
}
WEIGHTS = {"vibration_velocity_mm_s": 0.3, "vibration_envelope_g": 0.2, "bearing_temperature_c": 0.2}
UNITS = {"bearing_temperature_c": "Cel", "vibration_velocity_mm_s": "mm/s"}
COUNTERS = ("run_seconds", "volume_l", "energy_wh")


def data_model(**changes: dict[str, Any]) -> dict[str, Any]:
    """A 75 kW process pump as plain data; `changes` by signal name are laid over it."""
    signals: list[dict[str, Any]] = [{"name": "speed_rpm", "unit": "rpm"}]
    signals += [
        {
            "name": name,
            "unit": UNITS.get(name, ""),
            "statistics": name in WEIGHTS or name == "seal_leakage_ml_h",
            "health_weight": WEIGHTS.get(name, 0.0),
            **LIMITS.get(name, {}),
            **changes.get(name, {}),
        }
        for name in RATED
    ]
    signals += [{"name": name, "unit": "", "kind": "counter"} for name in COUNTERS]
    return {"signals": signals, "rated": {"speed_rpm": RATED_RPM, "power_kw": 75.0}}


def readings(count: int, seed: int = 1, speed: float = 1.0, **factors: float) -> Iterator[dict[str, float]]:
    """`count` readings at a ratio to rated speed; vibration follows its square, `factors` multiply a signal."""
    chance = random.Random(seed)
    for _ in range(count):
        values = {"speed_rpm": RATED_RPM * speed * (1 + chance.gauss(0, 0.0002))}
        for name, rated in RATED.items():
            follows = speed**2 if name.startswith(("vibration", "flow", "power", "discharge")) else 1.0
            values[name] = rated * follows * (1 + chance.gauss(0, 0.02)) * factors.get(name, 1.0)
        yield values | dict.fromkeys(COUNTERS, 0)
