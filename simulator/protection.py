"""The device's own protection: coarse limits on its own readings, with hysteresis; the gravest stop the pump.

It reacts late by design, to save the machine; finding faults early is the platform's business.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    """Active from `raise_at` until back at `clear_at`; which side is the bad one follows from their order."""

    code: str
    signal: str
    severity: str
    text: str
    raise_at: float
    clear_at: float
    trips: bool = False
    only_running: bool = True  # A pump at rest neither shakes nor leaks, which proves nothing.

    def next_state(self, active: bool, value: float) -> bool:
        """Whether the alarm is active after this value. A trip is latched: only a reset ends it."""
        sign = 1 if self.raise_at > self.clear_at else -1
        if not active:
            return sign * value >= sign * self.raise_at
        return self.trips or sign * value > sign * self.clear_at


LIMITS = (
    Limit(
        "bearing-temperature-high", "bearing_temperature_c", "major", "轴承温度高 / Bearing hot",
        90.0, 84.0, only_running=False,
    ),
    Limit(
        "bearing-temperature-trip", "bearing_temperature_c", "critical",
        "轴承过热停机 / Stopped: bearing too hot", 105.0, 84.0, trips=True,
    ),
    Limit("vibration-high", "vibration_velocity_mm_s", "major", "振动大 / Vibration high", 7.1, 5.0),
    Limit(
        "vibration-trip", "vibration_velocity_mm_s", "critical",
        "振动过大停机 / Stopped: vibration too high", 11.2, 5.0, trips=True,
    ),
    Limit("suction-pressure-low", "suction_pressure_bar", "major", "吸入压力低 / Suction pressure low", -0.5, -0.4),
    Limit("seal-leakage-high", "seal_leakage_ml_h", "minor", "密封泄漏大 / Seal leakage high", 250.0, 120.0),
)  # fmt: skip


class Protection:
    """The alarms of one device; below half of its rated speed it counts as standing still."""

    def __init__(self, rated_speed_rpm: float, active: set[str] | None = None) -> None:
        self._running_rpm = 0.49 * rated_speed_rpm
        self.active: set[str] = set(active or ())

    def check(self, values: Mapping[str, float]) -> list[tuple[Limit, bool]]:
        """Look at a reading; returns the limits whose alarm changed, each with whether it is active now."""
        changed = []
        running = values["speed_rpm"] >= self._running_rpm
        for limit in LIMITS:
            if limit.only_running and not running:
                continue
            was = limit.code in self.active
            active = limit.next_state(was, values[limit.signal])
            if active != was:
                (self.active.add if active else self.active.discard)(limit.code)
                changed.append((limit, active))
        return changed

    def reset(self, *, latched_only: bool = True) -> list[Limit]:
        """Clear what is latched, or all; returns the limits whose alarm ended. One whose cause remains comes back."""
        ended = [limit for limit in LIMITS if limit.code in self.active and (limit.trips or not latched_only)]
        self.active -= {limit.code for limit in ended}
        return ended
