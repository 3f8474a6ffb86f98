"""Health assessment (ISO 13374): an index of 0 to 100 and what each signal takes off it.

index = 100 - sum of 100 * penalty * weight / largest weight, never below 0. A penalty runs from 0 (as it should be) to
1; it is 0.25 where a signal reaches its warning limit or leaves its control chart and 0.6 at its alarm limit, so one
signal of the largest weight at its alarm limit already makes the whole machine poor: a mean would hide it. These
figures are a judgement of this project, not of a standard.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from services.lifecycle.rules.state_detection import Condition
from services.lifecycle.rules.watches import Threshold, Watch, watches_of

WARNING_PENALTY = 0.25
ALARM_PENALTY = 0.6
DEVIATION_PENALTY_MAX = 0.5  # Unusual for this device but within its limits: never poor by that alone.
GOOD_MIN = 80.0
WATCH_MIN = 50.0
KNOWN_SHARE_MIN = 0.5  # Of the weights: with less fresh data there is no index.
STALE_S = 300.0


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one signal takes off the index: `penalty` in points (0-100); not `known`: there is no fresh data."""

    signal: str
    penalty: float
    weight: float
    known: bool
    reason_zh: str
    reason_en: str


@dataclass(frozen=True, slots=True)
class Health:
    """`index` 0-100, none when `band` is cannot_tell (else good, watch or poor); worst contribution first.

    `known_share` is the share of the weights that had fresh data: below 1 the true index may be lower.
    """

    index: float | None
    band: str
    known_share: float
    contributions: tuple[Contribution, ...]


def health_index(*, penalties: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Index 0-100 from penalties 0-1 by signal; signals without a positive weight do not count."""
    heaviest = max(weights.values(), default=0.0)
    if heaviest <= 0.0:
        return 100.0
    lost = sum(100.0 * penalty * weights.get(signal, 0.0) / heaviest for signal, penalty in penalties.items())
    return max(0.0, 100.0 - lost)


def health_band(index: float | None) -> str:
    """good from 80, watch from 50, else poor; cannot_tell without an index."""
    if index is None:
        return "cannot_tell"
    return "good" if index >= GOOD_MIN else "watch" if index >= WATCH_MIN else "poor"


def deviation_penalty(deviation: float) -> float:
    """0 up to half the control limit, 0.25 at the limit, growing to 0.5 at three times the limit."""
    size = abs(deviation)
    if size <= 1.0:
        return max(0.0, size - 0.5) * 2.0 * WARNING_PENALTY
    return min(DEVIATION_PENALTY_MAX, WARNING_PENALTY + (size - 1.0) / 2.0 * (DEVIATION_PENALTY_MAX - WARNING_PENALTY))


class _Slope:
    """Penalty of a value that moves outwards through its limits: straight lines between four points."""

    __slots__ = ("outwards", "points")

    def __init__(self, thresholds: Sequence[Threshold], outwards: float) -> None:
        mild = outwards * thresholds[0].raise_at
        grave = outwards * thresholds[-1].raise_at
        if len(thresholds) == 1:  # The missing one is taken a fifth of the limit away.
            apart = 0.2 * abs(mild) or 1.0
            mild, grave = (mild, mild + apart) if thresholds[0].severity == "warning" else (mild - apart, mild)
        apart = grave - mild
        # Nothing is lost below half the warning limit, however far away the alarm limit is.
        lead = min(apart, 0.5 * abs(mild) or apart)
        self.outwards = outwards
        self.points = (mild - lead, mild, grave, grave + 1.5 * apart)

    def penalty(self, value: float) -> float:
        """0-1 for a value in the signal's unit."""
        outwards = self.outwards * value
        points, heights = self.points, (0.0, WARNING_PENALTY, ALARM_PENALTY, 1.0)
        place = bisect_right(points, outwards)
        if place == 0:
            return 0.0
        if place == len(points):
            return 1.0
        share = (outwards - points[place - 1]) / (points[place] - points[place - 1])
        return heights[place - 1] + share * (heights[place] - heights[place - 1])


def compile_health(data_model: Mapping[str, Any]) -> "HealthRule":
    """Make the health rule of a product type; for `data_model` see `watches_of`, whose errors it passes on."""
    return HealthRule(watches_of(data_model))


class HealthRule:
    """Health of devices of one product type."""

    def __init__(self, watches: Sequence[Watch]) -> None:
        self._rows = [
            (
                watch,
                [
                    _Slope(thresholds, outwards)
                    for thresholds, outwards in ((watch.high, 1.0), (watch.low, -1.0))
                    if thresholds
                ],
            )
            for watch in watches
            if watch.weight > 0
        ]
        self._heaviest = max((watch.weight for watch, _ in self._rows), default=0.0)
        self._total = sum(watch.weight for watch, _ in self._rows)

    def assess(
        self,
        values: Mapping[str, float],
        times_us: Mapping[str, int],
        now_us: int,
        conditions: Mapping[str, Condition] | None = None,
        stale_s: float = STALE_S,
    ) -> Health:
        """Judge one device: last GOOD value and its time by signal, and the detector's `conditions`.

        A signal with a condition is judged by its level while the machine ran, else by its last value; one that is
        missing or older than `stale_s` counts as not known.
        """
        conditions = conditions or {}
        oldest_us = now_us - int(stale_s * 1e6)
        lost = known = 0.0
        found = []
        for watch, slopes in self._rows:
            name = watch.name
            value = values.get(name)
            if value is None or times_us.get(name, oldest_us - 1) < oldest_us:
                found.append(_unknown(watch, value is None))
                continue
            known += watch.weight
            condition = conditions.get(name)
            level = value if condition is None else condition.level
            by_limit = max((slope.penalty(level) for slope in slopes), default=0.0)
            by_chart = 0.0 if condition is None or not watch.charted else deviation_penalty(condition.deviation)
            penalty = max(by_limit, by_chart)
            if penalty > 0.0:
                points = 100.0 * penalty * watch.weight / self._heaviest
                lost += points
                found.append(_contribution(watch, points, level, condition if by_chart > by_limit else None))
        share = known / self._total if self._total else 0.0
        index = max(0.0, 100.0 - lost) if share >= KNOWN_SHARE_MIN else None
        found.sort(key=lambda each: (each.known, -each.penalty))
        return Health(index, health_band(index), share, tuple(found))


def _contribution(watch: Watch, points: float, level: float, condition: Condition | None) -> Contribution:
    text = f"{level:.4g} {watch.unit}"
    if condition is None:
        reason_zh, reason_en = (
            f"{watch.name_zh} {text}，接近或超过限值",
            f"{watch.name_en} {text}, near or past its limit",
        )
    else:
        usual = f"{condition.expected:.4g} {watch.unit}"
        reason_zh = f"{watch.name_zh} {text}，偏离本机正常水平 {usual}"
        reason_en = f"{watch.name_en} {text}, away from what is normal for this device, {usual}"
    return Contribution(watch.name, points, watch.weight, True, reason_zh, reason_en)


def _unknown(watch: Watch, missing: bool) -> Contribution:
    reason_zh, reason_en = ("没有数据", "no data") if missing else ("数据已过期", "the data is stale")
    return Contribution(
        watch.name, 0.0, watch.weight, False, f"{watch.name_zh}：{reason_zh}", f"{watch.name_en}: {reason_en}"
    )
