"""What state detection remembers of one device: a cell for each watched signal, a latch for each threshold.

A cell knows between which values nothing can change, so that the detector passes a quiet signal with two comparisons.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any

from services.lifecycle.rules.baseline import Baseline
from services.lifecycle.rules.control_chart import ewma_limits
from services.lifecycle.rules.findings import Finding, deviation_finding, limit_finding
from services.lifecycle.rules.watches import DEVIATION_RATIO_MIN, Threshold, Watch

MOST = 1e15  # No physical reading is larger; finite, so that infinity and NaN leave the quiet path.
STATE_VERSION = 1


@dataclass(frozen=True, slots=True)
class Tuning:
    """Settings of state detection, the same for all signals."""

    debounce_needed: int = 3  # Readings beyond a limit ...
    debounce_window: int = 5  # ... among this many last ones.
    chart_weight: float = 0.1  # Of the newest reading in the moving average.
    chart_width_sigmas: float = 6.0
    readings_to_learn: int = 100
    settle_s: float = 60.0  # After a start, before a chart learns or judges.
    load_lag_s: float = 1500.0  # First-order lag of temperatures behind the load.
    load_margin: float = 0.03  # How far outside the learned loads a chart still judges.
    running_ratio_min: float = 0.1  # Of rated speed; below, the machine stands.


class StateUnreadable(ValueError):
    """The stored state is damaged or of another version; begin with a new one."""


class Latch:
    """Active or not, and the last readings that speak for a change as bits; `threshold` is none for a chart."""

    __slots__ = ("active", "bits", "threshold")

    def __init__(self, threshold: Threshold | None = None) -> None:
        self.threshold = threshold
        self.active = False
        self.bits = 0

    def turns(self, beyond: bool, back: bool, tuning: Tuning) -> bool:
        """Take one more reading in; true when the latch became active or ceased to be."""
        window = (1 << tuning.debounce_window) - 1
        self.bits = (self.bits << 1 | (back if self.active else beyond)) & window
        if self.bits.bit_count() < tuning.debounce_needed:
            return False
        self.active = not self.active
        self.bits = 0
        return True


class Cell:
    """One signal of one device. Between `low` and `high` no limit changes; between `calm_low` and `calm_high` of
    `drift`, the moving average of the distance to the baseline, the chart does not."""

    __slots__ = (
        "baseline", "calm_high", "calm_low", "chart", "drift", "fitted", "high", "highs", "intercept", "low", "lows",
        "name", "reach", "slope", "slow", "tuning", "watch",
    )  # fmt: skip

    def __init__(self, watch: Watch, tuning: Tuning) -> None:
        self.watch = watch
        self.tuning = tuning
        self.name = watch.name
        self.slow = watch.slow
        self.highs = [Latch(threshold) for threshold in watch.high]
        self.lows = [Latch(threshold) for threshold in watch.low]
        self.baseline = Baseline()
        self.forget()

    def forget(self) -> None:
        """Give the baseline up; limits keep their state."""
        self.chart = Latch()
        self.baseline.forget()
        self.drift = self.intercept = self.slope = self.reach = 0.0
        self.fitted = False
        self.set_bands()

    def latches(self) -> list[Latch]:
        """All of them: high from mild to grave, low from mild to grave, the chart."""
        return [*self.highs, *self.lows, self.chart]

    def fit(self) -> None:
        """Let the chart judge by what the baseline has learned so far."""
        self.baseline.fit()
        self.drift = 0.0
        self._draw_chart()
        self.set_bands()

    def _draw_chart(self) -> None:
        baseline, least = self.baseline, self.watch.deviation_least
        by_chance = ewma_limits(
            target=0.0, sigma=baseline.sigma, weight=self.tuning.chart_weight, width=self.tuning.chart_width_sigmas
        )["upper"]
        self.reach = max(by_chance, abs(baseline.mean) * DEVIATION_RATIO_MIN if least is None else least)
        self.intercept, self.slope = baseline.intercept, baseline.slope
        self.fitted = True

    def judge_limits(self, value: float, found: list[Finding]) -> None:
        """Both sides, for a machine that runs."""
        self._judge_side(self.highs, "high", value, found, standing=False)
        self._judge_side(self.lows, "low", value, found, standing=False)
        self.set_bands()

    def judge_standing(self, value: float, found: list[Finding]) -> None:
        """High limits only, and only whether one is passed: standing still does not show that a cause is gone."""
        self._judge_side(self.highs, "high", value, found, standing=True)
        self.set_bands()

    def _judge_side(self, latches: list[Latch], side: str, value: float, found: list[Finding], standing: bool) -> None:
        """One finding when the gravest active threshold became another."""
        outwards = 1.0 if side == "high" else -1.0
        before = after = None
        for latch in latches:  # From mild to grave.
            threshold = latch.threshold
            assert threshold is not None
            if latch.active:
                before = threshold
            if not (standing and latch.active):
                beyond = outwards * (value - threshold.raise_at) > 0
                latch.turns(beyond, outwards * (value - threshold.clear_at) < 0, self.tuning)
            if latch.active:
                after = threshold
        told = after or before
        if told is not None and before is not after:
            needed, window = self.tuning.debounce_needed, self.tuning.debounce_window
            found.append(limit_finding(self.watch, side, told, after is not None, value, needed, window))

    def judge_chart(self, value: float, load: float, found: list[Finding]) -> None:
        """Move the average on; one finding when it left what is normal or came back."""
        self.drift += self.tuning.chart_weight * (value - self.intercept - self.slope * load - self.drift)
        if not self.watch.charted:
            return
        distance = abs(self.drift)
        if self.chart.turns(distance > self.reach, distance < 0.5 * self.reach, self.tuning):
            found.append(self.deviation(self.intercept + self.slope * load))
        self.set_bands()

    def deviation(self, expected: float) -> Finding:
        """The chart's present state as a finding."""
        return deviation_finding(
            self.watch, self.chart.active, expected + self.drift, expected, self.baseline.sigma, self.reach,
            self.baseline.count,
        )  # fmt: skip

    def set_bands(self) -> None:
        """Work out between which values nothing can change; an undecided latch needs to see every reading."""
        low, high = -MOST, MOST
        for latches, upper in ((self.highs, True), (self.lows, False)):
            for latch in latches:
                threshold = latch.threshold
                assert threshold is not None
                if latch.bits:
                    low, high = inf, -inf
                elif latch.active == upper:
                    low = max(low, threshold.clear_at if upper else threshold.raise_at)
                else:
                    high = min(high, threshold.raise_at if upper else threshold.clear_at)
        self.low, self.high = low, high
        if not self.fitted or self.chart.bits:
            self.calm_low, self.calm_high = inf, -inf
        elif not self.watch.charted:
            self.calm_low, self.calm_high = -MOST, MOST
        elif self.chart.active:  # Quiet while it stays away from the middle, on the side where it is.
            away = 0.5 * self.reach
            self.calm_low, self.calm_high = (away, MOST) if self.drift > 0 else (-MOST, -away)
        else:
            self.calm_low, self.calm_high = -self.reach, self.reach

    def to_list(self) -> list[Any]:
        """As plain data: name, drift, fitted, baseline, latches as bits."""
        bits = [latch.bits << 1 | latch.active for latch in self.latches()]
        return [self.name, self.drift, int(self.fitted), self.baseline.to_list(), bits]

    def take(self, drift: float, fitted: int, baseline: Sequence[Any], bits: Sequence[int]) -> None:
        """Undo `to_list`; the arguments are what follows the name."""
        if not isfinite(drift):
            raise ValueError(f"{self.name}: not a number")
        self.baseline.take(baseline)
        if fitted:
            self._draw_chart()
        self.drift = float(drift)
        own = self.latches()
        if len(bits) == len(own):  # Else the limits were changed: they begin anew.
            for latch, stored in zip(own, bits, strict=True):
                latch.active, latch.bits = bool(stored & 1), stored >> 1
        self.set_bands()


class DetectionState:
    """All cells of one device and the loads they know; kept with its twin, so that any worker can go on.

    `load` is the square of the speed ratio when the charts last judged; `load_slow` follows the present one with the
    lag of temperatures.
    """

    __slots__ = (
        "cells", "load", "load_high", "load_low", "load_slow", "new_high", "new_low", "new_readings",
        "running_since_us", "time_us",
    )  # fmt: skip

    def __init__(self, watches: Sequence[Watch], tuning: Tuning) -> None:
        self.time_us: int | None = None
        self.running_since_us: int | None = None
        self.load = self.load_slow = 0.0
        self.cells = [Cell(watch, tuning) for watch in watches]
        self.forget_loads()

    def forget_loads(self) -> None:
        """No load is known, so nothing is judged by a chart until it is learned."""
        self.load_low, self.load_high = inf, -inf
        self.begin_new_loads()

    def begin_new_loads(self) -> None:
        """Start counting readings at loads that the baselines do not know."""
        self.new_readings = 0
        self.new_low, self.new_high = inf, -inf

    def to_list(self) -> list[Any]:
        """As plain data for JSON: whole numbers, floats, texts, None and lists of them."""
        loads = [self.load_low, self.load_high, self.new_low, self.new_high]
        return [
            STATE_VERSION,
            self.time_us,
            self.running_since_us,
            self.load,
            self.load_slow,
            self.new_readings,
            [load if isfinite(load) else None for load in loads],
            [cell.to_list() for cell in self.cells],
        ]

    def take(self, stored: Sequence[Any]) -> None:
        """Undo `to_list`. Signals that the data model no longer has are dropped, new ones begin; StateUnreadable."""
        try:
            version, time_us, since_us, load, load_slow, new_readings, loads, cells = stored
            if version != STATE_VERSION:
                raise ValueError(f"version {version}")
            self.time_us, self.running_since_us, self.new_readings = time_us, since_us, int(new_readings)
            self.load, self.load_slow = float(load), float(load_slow)
            self.load_low, self.new_low = (inf if loads[i] is None else float(loads[i]) for i in (0, 2))
            self.load_high, self.new_high = (-inf if loads[i] is None else float(loads[i]) for i in (1, 3))
            kept = {name: rest for name, *rest in cells}
            for cell in self.cells:
                if cell.name in kept:
                    cell.take(*kept[cell.name])
        except (TypeError, ValueError, IndexError) as error:
            raise StateUnreadable(f"stored detection state: {error}") from error
