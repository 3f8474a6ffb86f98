"""Has consumption a trend, and has it just changed? Both answer 'no' unless the data say otherwise."""

from dataclasses import dataclass

import numpy
from numpy.typing import ArrayLike, NDArray

Array = NDArray[numpy.float64]

LEVEL = 0.05  # p-value below which a trend counts.
TRACKING_LIMIT = 0.55  # For alpha 0.1, after Trigg 1964.


@dataclass(frozen=True, slots=True)
class Trend:
    """Per item: Theil-Sen `slope` in units a period, two-sided `p_value`, `direction` rising, falling or none."""

    slope: Array
    p_value: Array
    direction: NDArray[numpy.str_]


@dataclass(frozen=True, slots=True)
class ChangeAlarm:
    """Per item: period of the first alarm (-1: none), whether use went `up`, `down` or `none`, both sums at the end."""

    period: NDArray[numpy.int64]
    direction: NDArray[numpy.str_]
    upper: Array
    lower: Array


def trend(demand: ArrayLike, level: float = LEVEL) -> Trend:
    """Mann-Kendall test and Theil-Sen slope of items x periods.

    S = sum of sign(x_j - x_i), i < j, with the variance corrected for ties and for continuity (H. B. Mann,
    Econometrica 13 (1945); M. G. Kendall 1975); the slope is the median of all pairs' slopes (P. K. Sen, JASA 63
    (1968)). Rank tests do not mind that demand is rare or skewed.
    """
    from scipy.special import ndtr

    table = numpy.atleast_2d(numpy.asarray(demand, dtype=numpy.float64))
    items, periods = table.shape
    if periods < 3 or numpy.any(numpy.isnan(table)):
        raise ValueError("at least 3 known periods are needed")
    early, late = numpy.triu_indices(periods, 1)
    rises = table[:, late] - table[:, early]
    score = numpy.sign(rises).sum(axis=1)
    slope = numpy.median(rises / (late - early), axis=1)
    variance = numpy.full(items, periods * (periods - 1) * (2 * periods + 5.0))
    for item, row in enumerate(table):
        ties = numpy.unique(row, return_counts=True)[1]
        variance[item] -= (ties * (ties - 1) * (2 * ties + 5)).sum()
    deviation = numpy.sqrt(variance / 18)
    z = numpy.where(deviation > 0, (score - numpy.sign(score)) / numpy.where(deviation > 0, deviation, 1.0), 0.0)
    p_value = 2 * ndtr(-numpy.abs(z))
    direction = numpy.where(p_value >= level, "none", numpy.where(score > 0, "rising", "falling"))
    return Trend(slope, p_value, direction)


def change_alarm(
    demand: ArrayLike, target: ArrayLike, deviation: ArrayLike, allowance: float = 0.5, limit: float = 5.0
) -> ChangeAlarm:
    """Tabular CUSUM of items x periods around each item's `target` and `deviation` a period.

    upper = max(0, upper + x - target - k s), lower likewise, alarm beyond h s (E. S. Page, Biometrika 41 (1954);
    NIST/SEMATECH e-Handbook, section 6.3.2.3); k = 0.5 and h = 5 find a shift of one deviation in about ten periods
    and alarm falsely about once in 465 (normal demand). A deviation of 0 gives no alarm.
    """
    table = numpy.atleast_2d(numpy.asarray(demand, dtype=numpy.float64))
    centre = numpy.broadcast_to(numpy.asarray(target, dtype=numpy.float64), table.shape[:1])
    spread = numpy.broadcast_to(numpy.asarray(deviation, dtype=numpy.float64), table.shape[:1])
    upper, lower = numpy.zeros(len(table)), numpy.zeros(len(table))
    period = numpy.full(len(table), -1)
    direction = numpy.full(len(table), "none", dtype="<U4")
    for column in range(table.shape[1]):
        error = numpy.nan_to_num(table[:, column] - centre)
        upper = numpy.maximum(0.0, upper + error - allowance * spread)
        lower = numpy.maximum(0.0, lower - error - allowance * spread)
        over = numpy.maximum(upper, lower) > limit * spread
        now = over & (period < 0) & (spread > 0)
        period[now] = column
        direction[now] = numpy.where(upper[now] >= lower[now], "up", "down")
    return ChangeAlarm(period, direction, upper, lower)


def tracking_signal(errors: ArrayLike, alpha: float = 0.1) -> Array:
    """Smoothed error over smoothed absolute error of items x periods, -1 to 1: how one-sided a forecast has been.

    D. W. Trigg, "Monitoring a forecasting system", Operational Research Quarterly 15 (1964); beyond
    `TRACKING_LIMIT` the model no longer fits. 0 where there was no error at all.
    """
    table = numpy.atleast_2d(numpy.asarray(errors, dtype=numpy.float64))
    weights = alpha * (1 - alpha) ** numpy.arange(table.shape[1])[::-1]
    absolute = numpy.abs(table) @ weights
    return numpy.where(absolute > 0, (table @ weights) / numpy.where(absolute > 0, absolute, 1.0), 0.0)


def periods_to_notice(shift_deviations: float, allowance: float = 0.5, limit: float = 5.0) -> float:
    """Mean periods until the upper CUSUM notices a shift of so many deviations (0: until a false alarm, one side).

    D. Siegmund's approximation (1985): (exp(-2 d b) + 2 d b - 1) / (2 d^2), d = shift - k, b = h + 1.166.
    """
    drift, reach = shift_deviations - allowance, limit + 1.166
    if abs(drift) < 1e-9:
        return reach**2
    return (float(numpy.exp(-2 * drift * reach)) + 2 * drift * reach - 1) / (2 * drift**2)
