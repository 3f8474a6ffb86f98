"""State detection (ISO 13374): limits with hysteresis and debounce, and an EWMA chart on the device's own baseline.

It runs for every reading of every device, so the quiet path of a signal is two comparisons and one moving average.
Formulas: `control_chart` (limits of the chart), `baseline` (what is normal). The chart's width is far above the
textbook's 3 sigmas, because a fleet takes millions of readings a day and readings that follow each other closely are
not independent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.lifecycle.rules.detection_cells import MOST, DetectionState, StateUnreadable, Tuning
from services.lifecycle.rules.findings import Finding
from services.lifecycle.rules.watches import SPEED, DataModelUnusable, Watch, watches_of

__all__ = [
    "Condition", "DataModelUnusable", "DetectionState", "Detector", "Finding", "StateUnreadable", "Tuning",
    "compile_detector",
]  # fmt: skip

SPEED_RATIO_MAX = 10.0  # A larger ratio to rated speed is no measurement.


@dataclass(frozen=True, slots=True)
class Condition:
    """One signal as the detector sees it: `level` is its moving average, `expected` what is normal at this load.

    `deviation` is (level - expected) / control limit: beyond 1 or -1 the chart calls it out of control.
    """

    level: float
    expected: float
    sigma: float
    deviation: float


def compile_detector(data_model: Mapping[str, Any], tuning: Tuning | None = None) -> "Detector":
    """Make the detector of a product type; for `data_model` see `watches_of`, whose errors it passes on.

    With a `speed_rpm` signal and `rated.speed_rpm` the machine's load is the square of its speed ratio; without, it
    counts as always running at load 1.
    """
    rated_rpm = (data_model.get("rated") or {}).get("speed_rpm")
    measured = any(signal["name"] == SPEED for signal in data_model["signals"])
    return Detector(watches_of(data_model), rated_rpm if measured and rated_rpm else None, tuning or Tuning())


class Detector:
    """State detection of one product type; holds no device's state, so one serves all devices of the type."""

    def __init__(self, watches: Sequence[Watch], rated_rpm: float | None, tuning: Tuning) -> None:
        self.watches = tuple(watches)
        self.tuning = tuning
        self._rated_rpm = rated_rpm
        self._weight = tuning.chart_weight
        self._lag_s = tuning.load_lag_s
        self._settle_us = int(tuning.settle_s * 1e6)
        self._running_min = tuning.running_ratio_min**2

    def new_state(self) -> DetectionState:
        """State of a device that was never seen."""
        return DetectionState(self.watches, self.tuning)

    def restore(self, stored: Sequence[Any]) -> DetectionState:
        """State from what `DetectionState.to_list` gave, also after a change of the data model; StateUnreadable."""
        state = self.new_state()
        state.take(stored)
        return state

    def step(self, state: DetectionState, values: Mapping[str, float], time_us: int) -> list[Finding] | None:
        """Take one reading of a device: GOOD values by signal name, source time in microseconds.

        Returns what changed, None when nothing did. A reading that is not newer than the last one changes nothing.
        While the machine stands a high limit can be passed, but nothing is learned, judged low or cleared.
        """
        last_us = state.time_us
        if last_us is None:
            elapsed_s = 1e9  # Unknown past: take the temperatures as settled.
        elif time_us > last_us:
            elapsed_s = (time_us - last_us) * 1e-6
        else:
            return None
        state.time_us = time_us
        load, standing = 1.0, False
        if self._rated_rpm is not None:
            ratio = values.get(SPEED, -1.0) / self._rated_rpm
            if 0.0 <= ratio <= SPEED_RATIO_MAX:
                load = ratio * ratio
                standing = load < self._running_min
            else:  # No usable speed: it goes on as before.
                load, standing = state.load, state.running_since_us is None or not state.load
        slow = state.load_slow
        slow += ((0.0 if standing else load) - slow) * elapsed_s / (elapsed_s + self._lag_s)
        state.load_slow = slow
        if standing:
            state.running_since_us = None
            return self._stand(state, values)
        if state.running_since_us is None:
            state.running_since_us = time_us
        settled = time_us - state.running_since_us >= self._settle_us
        if not (settled and state.load_low <= load <= state.load_high):
            return self._step_unsure(state, values, load, settled)
        state.load = load
        get = values.get
        weight = self._weight
        found: list[Finding] = []
        for cell in state.cells:
            value = get(cell.name)
            if value is None:
                continue
            if cell.low <= value <= cell.high:
                drift = cell.drift
                drift += weight * (value - cell.intercept - cell.slope * (slow if cell.slow else load) - drift)
                if cell.calm_low <= drift <= cell.calm_high:
                    cell.drift = drift
                    continue
            if not -MOST <= value <= MOST:
                continue
            if not cell.low <= value <= cell.high:
                cell.judge_limits(value, found)
            if cell.fitted:
                cell.judge_chart(value, slow if cell.slow else load, found)
            else:  # Its sensor was missing when the others learned.
                cell.baseline.learn(slow if cell.slow else load, value)
                if cell.baseline.count >= self.tuning.readings_to_learn:
                    cell.fit()
        return found or None

    def conditions(self, state: DetectionState) -> dict[str, Condition]:
        """Signals whose baseline is learned, at the load at which the charts last judged."""
        found = {}
        # While the machine stands the slow load falls to where the baselines know nothing.
        slow = min(max(state.load_slow, state.load_low), state.load_high)
        for cell in state.cells:
            if cell.fitted:
                expected = cell.intercept + cell.slope * (slow if cell.slow else state.load)
                deviation = cell.drift / cell.reach if cell.reach else 0.0
                found[cell.name] = Condition(expected + cell.drift, expected, cell.baseline.sigma, deviation)
        return found

    def conditions_with_limits(self, state: DetectionState) -> dict[str, Condition]:
        """`conditions`, and signals beyond a limit before their baseline was learned: these count as just deviating.

        For diagnosis: a fault that is there from the start keeps its signal from ever being learned as normal.
        """
        found = self.conditions(state)
        for cell in state.cells:
            for sign, latches in ((1.0, cell.highs), (-1.0, cell.lows)):
                passed = [latch.threshold for latch in latches if latch.active and latch.threshold is not None]
                if passed and cell.name not in found:
                    limit = passed[-1]
                    found[cell.name] = Condition(limit.raise_at, limit.clear_at, 0.0, sign * len(passed))
        return found

    def relearn(self, state: DetectionState) -> list[Finding]:
        """Forget all baselines, as after a repair; returns the ends of the deviations that were active."""
        ended = []
        for cell in state.cells:
            if cell.chart.active:
                cell.chart.active = False
                ended.append(cell.deviation(cell.baseline.mean))
            cell.forget()
        state.forget_loads()
        return ended

    def _stand(self, state: DetectionState, values: Mapping[str, float]) -> list[Finding] | None:
        found: list[Finding] = []
        for cell in state.cells:
            value = values.get(cell.name)
            if value is not None and cell.high < value <= MOST:
                cell.judge_standing(value, found)
        return found or None

    def _step_unsure(
        self, state: DetectionState, values: Mapping[str, float], load: float, settled: bool
    ) -> list[Finding] | None:
        """Just started, or at a load that the baselines do not know: judge limits; learn once settled."""
        found: list[Finding] = []
        # A device with something wrong does not teach what is normal, not even by its other signals.
        sound = settled and not any(latch.active for cell in state.cells for latch in cell.latches())
        for cell in state.cells:
            value = values.get(cell.name)
            if value is None or not -MOST <= value <= MOST:
                continue
            if not cell.low <= value <= cell.high:
                cell.judge_limits(value, found)
            if sound and not any(latch.active or latch.bits for latch in cell.latches()):
                cell.baseline.learn(state.load_slow if cell.slow else load, value)
        if sound:
            state.new_readings += 1
            state.new_low = min(state.new_low, load - self.tuning.load_margin)
            state.new_high = max(state.new_high, load + self.tuning.load_margin)
            if state.new_readings >= self.tuning.readings_to_learn:
                self._widen(state)
        return found or None

    def _widen(self, state: DetectionState) -> None:
        """Enough was learned at the new loads: let the charts judge there too."""
        state.load_low = min(state.load_low, state.new_low)
        state.load_high = max(state.load_high, state.new_high)
        state.begin_new_loads()
        for cell in state.cells:
            if cell.baseline.count >= self.tuning.readings_to_learn and not cell.chart.active:
                cell.fit()
