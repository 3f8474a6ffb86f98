"""(s, S): when the position is at or below s at a review, order up to S. Exact optimum and the power approximation.

Costs per period as in `newsvendor`; each order costs `fixed_cost` besides. An order arrives `lead_time` periods later,
before that period's demand.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import sqrt

import numpy
from numpy.typing import NDArray

from services.vmi.rules.distributions import cost_curve, demand_over, probability_table

Array = NDArray[numpy.float64]


@dataclass(frozen=True, slots=True)
class ReorderLevels:
    """`reorder_point` s, `order_up_to` S in units; `cost` a period, None where the rule is only an approximation."""

    reorder_point: float
    order_up_to: float
    cost: float | None


class _System:
    """One item's cost curve and renewal numbers, grown as far as the search needs them."""

    def __init__(self, table: Array, protection: Array, holding: float, stockout: float, fixed: float) -> None:
        self.fixed, self.table = fixed, table
        self.costs = (protection, holding, stockout)
        self.low, self.high = -protection.size, 2 * protection.size
        self.visits = numpy.zeros(0)

    @cached_property
    def ratio(self) -> float:
        """Critical ratio of the one-period problem."""
        _, holding, stockout = self.costs
        return stockout / (holding + stockout)

    def curve(self, level: int) -> float:
        """G at one level."""
        self._reach(level)
        return float(self.values[level - self.low])

    def cost(self, reorder_point: int, order_up_to: int) -> float:
        """Long-run cost a period: (K + sum of m(j) G(S - j), j < S - s) / M(S - s) (Snyder and Shen, 4.71-4.75)."""
        span = order_up_to - reorder_point
        self._reach(reorder_point)
        self._reach(order_up_to)
        if span > self.visits.size:
            self.visits = expected_visits(self.table, max(2 * span, 64))
        window = self.values[reorder_point + 1 - self.low : order_up_to + 1 - self.low][::-1]
        return float((self.fixed + self.visits[:span] @ window) / self.visits[:span].sum())

    def _reach(self, level: int) -> None:
        if "values" in self.__dict__ and self.low <= level <= self.high:
            return
        while level < self.low:
            self.low *= 2
        while level > self.high:
            self.high *= 2
        protection, holding, stockout = self.costs
        self.values = cost_curve(protection, holding, stockout, numpy.arange(self.low, self.high + 1))


def expected_visits(table: Array, length: int) -> Array:
    """m(j): how often, in expectation, the position stands j units below S before the next order, j < `length`.

    m(0) = 1 / (1 - p0), m(j) = (p1 m(j - 1) + ... + pj m(0)) / (1 - p0).
    """
    if table[0] >= 1:
        raise ValueError("demand must not be zero for certain")
    visits = numpy.zeros(length)
    scale = 1 / (1 - table[0])
    visits[0] = scale
    for below in range(1, length):
        reach = min(below, table.size - 1)
        visits[below] = scale * (table[1 : reach + 1] @ visits[below - reach : below][::-1])
    return visits


def levels_exact(
    holding_cost: float,
    stockout_cost: float,
    fixed_cost: float,
    mean: float,
    variance: float | None = None,
    lead_time: int | Sequence[float] = 0,
) -> ReorderLevels:
    """The optimal (s, S) for Poisson demand, or negative binomial with a `variance` above the mean.

    Y.-S. Zheng and A. Federgruen, "Finding optimal (s, S) policies is about as simple as evaluating a single policy",
    Operations Research 39 (1991). Lead time as in `demand_over`. Raises ValueError for costs that are not positive or
    demand that is none.
    """
    if mean <= 0 or fixed_cost < 0:
        raise ValueError("mean must be above 0 and fixed_cost must not be negative")
    table = probability_table(mean, variance)
    protection = demand_over(mean, variance, lead_time)
    system = _System(table, protection, holding_cost, stockout_cost, fixed_cost)
    best_up_to = int(numpy.searchsorted(numpy.cumsum(protection), system.ratio))
    point = best_up_to - 1
    while system.cost(point, best_up_to) > system.curve(point):
        point -= 1
    best = system.cost(point, best_up_to)
    up_to = best_up_to + 1
    while system.curve(up_to) <= best:
        if system.cost(point, up_to) < best:
            best_up_to = up_to
            while system.cost(point, best_up_to) <= system.curve(point + 1) and point + 1 < best_up_to:
                point += 1
            best = system.cost(point, best_up_to)
        up_to += 1
    return ReorderLevels(point, best_up_to, best)


def levels_cost(
    holding_cost: float,
    stockout_cost: float,
    fixed_cost: float,
    mean: float,
    reorder_point: int,
    order_up_to: int,
    variance: float | None = None,
    lead_time: int | Sequence[float] = 0,
) -> float:
    """Exact cost a period of any (s, S), s < S, so that what is done today can be held against the optimum."""
    if reorder_point >= order_up_to:
        raise ValueError("reorder_point must be below order_up_to")
    protection = demand_over(mean, variance, lead_time)
    table = probability_table(mean, variance)
    return _System(table, protection, holding_cost, stockout_cost, fixed_cost).cost(reorder_point, order_up_to)


def levels_power_approximation(
    holding_cost: float, stockout_cost: float, fixed_cost: float, mean: float, deviation: float, lead_time: float = 0.0
) -> ReorderLevels:
    """Ehrhardt and Mosier's revised power approximation, close to optimal from mean and deviation alone.

    R. Ehrhardt and C. Mosier, "A revision of the power approximation for computing (s, S) policies", Management
    Science 30 (1984), as Snyder and Shen, eqs. 4.77 to 4.80. `mean` and `deviation` are those of one period. The
    original paper besides caps the levels where the lot is below 1.5 periods' demand; the textbook form here does not.
    """
    if min(holding_cost, stockout_cost, fixed_cost, mean, deviation) <= 0:
        raise ValueError("costs, mean and deviation must be above 0")
    over_mean, over_deviation = mean * (lead_time + 1), deviation * sqrt(lead_time + 1)
    quantity = 1.30 * mean**0.494 * (fixed_cost / holding_cost) ** 0.506 * (1 + (over_deviation / mean) ** 2) ** 0.116
    score = sqrt(quantity * holding_cost / (over_deviation * stockout_cost))
    point = 0.973 * over_mean + over_deviation * (0.183 / score + 1.063 - 2.192 * score)
    return ReorderLevels(point, point + quantity, None)
