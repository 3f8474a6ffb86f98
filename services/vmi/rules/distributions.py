"""Demand as a distribution: which family fits, its quantiles, what is expected short or left, random lead times.

Parts that sell rarely are not normal: work with the distribution over the protection interval (lead time plus review
period), not with a multiple of a standard deviation. Demand is in units a period, independent between periods.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, log1p, sqrt

import numpy
from numpy.typing import ArrayLike, NDArray

Array = NDArray[numpy.float64]

TAIL = 1e-12  # Probability left out at the top of a probability table.
TABLE_LENGTH_MAX = 1_000_000
DISPERSION_LEVEL = 0.05  # Below this p-value demand counts as more scattered than Poisson.


@dataclass(frozen=True, slots=True)
class DemandFit:
    """Per item: mean and variance a period, `family` (none, poisson, negative_binomial) and the test's p-value."""

    mean: Array
    variance: Array
    family: NDArray[numpy.str_]
    dispersion_p: Array


def fit_demand(demand: ArrayLike) -> DemandFit:
    """Fit items x periods of counts by moments; nan marks a period that tells nothing.

    Fisher's index of dispersion, (n - 1) s^2 / mean, is chi-square with n - 1 degrees of freedom under Poisson
    demand; negative binomial where it is too large (Fisher 1950, Biometrics 6, "The significance of deviations from
    expectation in a Poisson series"). Items without demand are `none`; less scatter than Poisson counts as Poisson.
    """
    from scipy.stats import chi2

    table = _rows(demand)
    known = ~numpy.isnan(table)
    count = known.sum(axis=1).astype(numpy.float64)
    values = numpy.where(known, table, 0.0)
    if numpy.any(values < 0):
        raise ValueError("demand must not be negative; book returns apart")
    mean = values.sum(axis=1) / numpy.maximum(count, 1)
    squares = (numpy.where(known, table - mean[:, None], 0.0) ** 2).sum(axis=1)
    variance = squares / numpy.maximum(count - 1, 1)
    p_value = numpy.where(
        (count > 1) & (mean > 0), chi2.sf(squares / numpy.where(mean > 0, mean, 1.0), numpy.maximum(count - 1, 1)), 1.0
    )
    family = numpy.where(mean == 0, "none", numpy.where(p_value < DISPERSION_LEVEL, "negative_binomial", "poisson"))
    return DemandFit(mean, variance, family, p_value)


def quantile(mean: ArrayLike, variance: ArrayLike, probability: ArrayLike) -> Array:
    """Least whole number of units that covers demand with `probability`; arrays broadcast.

    Negative binomial where the variance is above the mean, else Poisson. Probabilities must lie in [0, 1).
    """
    from scipy.special import betainc, pdtr

    inputs = [numpy.asarray(each, dtype=numpy.float64) for each in (mean, variance, probability)]
    mean_, variance_, level = numpy.broadcast_arrays(*inputs)
    if numpy.any(~((level >= 0) & (level < 1))) or numpy.any(~(mean_ >= 0)):
        raise ValueError("probability must lie in [0, 1) and the mean must not be negative")
    wide = variance_ > mean_ * (1 + 1e-9)
    share = numpy.where(wide & (mean_ > 0), mean_ / numpy.where(wide, variance_, 1.0), 0.5)
    size = mean_ * share / (1 - share)

    def covered(units: Array) -> NDArray[numpy.bool_]:
        counted = numpy.maximum(units, 0.0)
        rare = betainc(numpy.where(mean_ > 0, size, 1.0), counted + 1, share)
        reached = numpy.where(wide, rare, pdtr(counted, mean_))
        return numpy.asarray((units >= 0) & ((reached >= level) | (mean_ == 0)))

    low = numpy.full(mean_.shape, -1.0)
    high = numpy.ceil(mean_ + 2 * numpy.sqrt(numpy.maximum(variance_, mean_)))
    while numpy.any(short := ~covered(high)):
        low, high = numpy.where(short, high, low), numpy.where(short, 2 * high + 4, high)
    while numpy.any(high - low > 1):
        middle = numpy.floor((low + high) / 2)
        enough = covered(middle)
        low, high = numpy.where(enough, low, middle), numpy.where(enough, middle, high)
    return numpy.asarray(high)


def probability_table(mean: float, variance: float | None = None) -> Array:
    """P(demand = 0, 1, 2, ...), all but 1e-12 of it, scaled to 1.

    Poisson, or negative binomial for a `variance` above the mean.
    """
    from scipy.special import gammaln, xlogy

    if mean < 0:
        raise ValueError("mean must not be negative")
    if mean == 0:
        return numpy.ones(1)
    wide = variance is not None and variance > mean * (1 + 1e-9)
    spread = variance if wide and variance is not None else mean
    share = mean / spread
    # Ten deviations hold a Poisson; the tail of a negative binomial falls by 1 - share a unit.
    reach = mean + 10 * sqrt(spread) + 30 + (-log(TAIL) / -log1p(-share) if wide else 0.0)
    if not reach < TABLE_LENGTH_MAX:
        raise ValueError(f"demand of mean {mean} needs a table of {reach:.0f} entries: plan in a larger unit")
    counts = numpy.arange(int(reach) + 1, dtype=numpy.float64)
    if wide:
        size = mean * share / (1 - share)
        logs = gammaln(counts + size) - gammaln(size) - gammaln(counts + 1) + size * log(share)
        logs = logs + counts * log1p(-share)
    else:
        logs = xlogy(counts, mean) - mean - gammaln(counts + 1)
    table = numpy.exp(logs)
    table = table[: int(numpy.searchsorted(numpy.cumsum(table), 1 - TAIL)) + 1]
    return numpy.asarray(table / table.sum())


def protection_moments(
    mean: ArrayLike, variance: ArrayLike, lead_mean: ArrayLike, lead_variance: ArrayLike = 0.0, review: ArrayLike = 0.0
) -> tuple[Array, Array]:
    """Mean and variance of demand over a random lead time plus review, all in periods.

    Variance = variance (E[L] + R) + mean^2 Var[L] (random sum; Hadley and Whitin 1963, "Analysis of Inventory
    Systems", section 3-9).
    """
    mean_, variance_, lead, spread, cycle = (
        numpy.asarray(each, dtype=numpy.float64) for each in (mean, variance, lead_mean, lead_variance, review)
    )
    return mean_ * (lead + cycle), variance_ * (lead + cycle) + mean_**2 * spread


def protection_table(period_table: Sequence[float] | Array, lead_time_table: Sequence[float], review: int = 0) -> Array:
    """Exact P(demand over L + `review` periods) for a lead time of l whole periods with P = `lead_time_table[l]`.

    The mixture of convolution powers of the period's table; lead time and demand are independent.
    """
    weights = numpy.asarray(lead_time_table, dtype=numpy.float64)
    if weights.ndim != 1 or weights.size == 0 or numpy.any(weights < 0) or abs(weights.sum() - 1) > 1e-9 or review < 0:
        raise ValueError("lead_time_table must be probabilities that add up to 1, and review must not be negative")
    power = numpy.ones(1)
    parts: list[Array] = []
    for periods in range(len(weights) + review):
        if periods >= review:
            parts.append(weights[periods - review] * power)
        power = numpy.convolve(power, period_table)
    total = numpy.zeros(max(part.size for part in parts))
    for part in parts:
        total[: part.size] += part
    keep = int(numpy.searchsorted(numpy.cumsum(total), 1 - TAIL)) + 1
    return numpy.asarray(total[:keep] / total[:keep].sum())


def demand_over(mean: float, variance: float | None, lead_time: int | Sequence[float], review: int = 1) -> Array:
    """P(demand over lead time + `review`); `lead_time` in whole periods, or P(l periods) for l = 0, 1, 2, ...

    With a random lead time orders must not overtake each other. Demand a period as in `probability_table`.
    """
    if not isinstance(lead_time, int):
        return protection_table(probability_table(mean, variance), lead_time, review)
    if lead_time < 0:
        raise ValueError("lead_time must not be negative")
    periods = lead_time + review
    return probability_table(mean * periods, None if variance is None else variance * periods)


def table_mean(table: Array) -> float:
    """Expected value of a probability table over 0, 1, 2, ..."""
    return float(numpy.arange(table.size) @ table)


def expected_left(table: Array, levels: NDArray[numpy.int64]) -> Array:
    """E[(y - D)+] at each whole stock level y, negative ones included: what is left at the end."""
    top = max(int(levels.max(initial=0)), 0)
    distribution = numpy.ones(max(top, 1))
    head = min(table.size, distribution.size)
    distribution[:head] = numpy.cumsum(table)[:head]
    left = numpy.concatenate([[0.0], numpy.cumsum(distribution)])
    return numpy.asarray(left[numpy.maximum(levels, 0)])


def expected_short(table: Array, levels: NDArray[numpy.int64]) -> Array:
    """E[(D - y)+] at each whole stock level y: what is short at the end."""
    return numpy.maximum(table_mean(table) - levels + expected_left(table, levels), 0.0)


def cost_curve(table: Array, holding_cost: float, stockout_cost: float, levels: NDArray[numpy.int64]) -> Array:
    """G(y) = h E[(y - D)+] + p E[(D - y)+] at each whole level y: the convex cost that all exact policies stand on."""
    if holding_cost <= 0 or stockout_cost <= 0:
        raise ValueError("holding_cost and stockout_cost must be above 0")
    left, short = expected_left(table, levels), expected_short(table, levels)
    return numpy.asarray(holding_cost * left + stockout_cost * short)


def _rows(demand: ArrayLike) -> Array:
    table = numpy.atleast_2d(numpy.asarray(demand, dtype=numpy.float64))
    if table.ndim != 2:
        raise ValueError("demand must be items x periods")
    return table
