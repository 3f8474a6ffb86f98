"""A product type's data model, made ready for state detection: which limits of which signal are watched, and how."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.lifecycle.rules.vibration_zones import boundaries, class_name, machine_class_of

SPEED = "speed_rpm"
VIBRATION = "vibration_velocity_mm_s"
SLOW_UNITS = frozenset({"Cel", "°C", "degC", "K"})  # Temperatures follow the load with a lag.
HYSTERESIS_RATIO = 0.05  # Of the limit; a limit at 0 uses the distance to its neighbour or this number itself.
CHANGE_RATIO = 0.25  # ISO 20816-1, criterion II: a change of a quarter of the B/C boundary is significant.
TEMPERATURE_DEVIATION_MIN_K = 15.0  # The surroundings, which nobody measures, swing by that much in a day.
DEVIATION_RATIO_MIN = 0.15  # Of the normal level: less is not worth a person's time, however unlikely by chance.


class DataModelUnusable(ValueError):
    """The data model contradicts itself; the text names the signal and the limit."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """Passed beyond `raise_at`, left beyond `clear_at` on the other side; both in the signal's unit."""

    severity: str
    raise_at: float
    clear_at: float
    note_zh: str = ""
    note_en: str = ""


@dataclass(frozen=True, slots=True)
class Watch:
    """One gauge of the data model. `high` and `low` are ordered from mild to grave."""

    name: str
    name_zh: str
    name_en: str
    unit: str
    high: tuple[Threshold, ...]
    low: tuple[Threshold, ...]
    charted: bool
    slow: bool
    deviation_least: float | None  # In the signal's unit; none: DEVIATION_RATIO_MIN of the learned level.
    weight: float  # Share in the health index, any scale.


def watches_of(data_model: Mapping[str, Any]) -> list[Watch]:
    """Watches of all gauges but the speed, in the order of the data model.

    `data_model` is a product type as plain data: `signals`, each with `name` and optionally `name_zh`, `name_en`,
    `unit`, `kind`, `warning_low`, `warning_high`, `alarm_low`, `alarm_high`, `health_weight`, `statistics`,
    `deviation_least`; and `rated` with `power_kw`. Raises DataModelUnusable.
    """
    return [
        _watch(signal, data_model)
        for signal in data_model["signals"]
        if signal.get("kind", "gauge") == "gauge" and signal["name"] != SPEED
    ]


def _watch(signal: Mapping[str, Any], data_model: Mapping[str, Any]) -> Watch:
    name = signal["name"]
    high, low = _limits(signal, "high"), _limits(signal, "low")
    least = signal.get("deviation_least")
    if name == VIBRATION:
        if not high:
            high = _zone_limits(data_model)
        if high and least is None:
            least = CHANGE_RATIO * high[0].raise_at
    slow = signal.get("unit") in SLOW_UNITS
    if slow and least is None:
        least = TEMPERATURE_DEVIATION_MIN_K
    if high and low and low[0].raise_at >= high[0].raise_at:
        raise DataModelUnusable(f"{name}: its lower limit {low[0].raise_at} is not below {high[0].raise_at}")
    return Watch(
        name=name,
        name_zh=signal.get("name_zh") or name,
        name_en=signal.get("name_en") or name,
        unit=signal.get("unit", ""),
        high=high,
        low=low,
        charted=bool(signal.get("statistics", False)),
        slow=slow,
        deviation_least=least,
        weight=float(signal.get("health_weight") or 0.0),
    )


def _limits(signal: Mapping[str, Any], side: str) -> tuple[Threshold, ...]:
    outwards = 1.0 if side == "high" else -1.0
    found = []
    for rank, severity in (("warning", "warning"), ("alarm", "major")):
        limit = signal.get(f"{rank}_{side}")
        if limit is None:
            continue
        if not math.isfinite(limit):
            raise DataModelUnusable(f"{signal['name']}: {rank}_{side} is not a number")
        found.append(
            Threshold(severity, float(limit), float(limit) - outwards * HYSTERESIS_RATIO * (abs(limit) or 1.0))
        )
    if len(found) == 2 and outwards * (found[1].raise_at - found[0].raise_at) <= 0:
        raise DataModelUnusable(f"{signal['name']}: alarm_{side} lies before warning_{side}")
    return tuple(found)


def _zone_limits(data_model: Mapping[str, Any]) -> tuple[Threshold, ...]:
    """Boundaries B/C and C/D of the vibration class by rated power, for a data model that names no limits itself."""
    power_kw = (data_model.get("rated") or {}).get("power_kw")
    machine_class = None if power_kw is None else machine_class_of(power_kw)
    if machine_class is None:
        return ()
    limits = boundaries(machine_class)
    keep = 1.0 - HYSTERESIS_RATIO
    name_zh, name_en = class_name(machine_class)
    return tuple(
        Threshold(severity, limits[key], limits[key] * keep, f"{name_zh}，{zone} 区", f"{name_en}, zone {zone}")
        for severity, key, zone in (("warning", "b_c", "C"), ("critical", "c_d", "D"))
    )
