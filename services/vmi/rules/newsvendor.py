"""Base stock: raise the position to one level at every review. The newsvendor is its one-period case.

`holding_cost` is paid per unit left and `stockout_cost` per unit short at a period's end. An order placed at the start
of a period arrives `lead_time` periods later, before that period's demand, so that demand of lead time + 1 periods
decides. Source: Snyder and Shen, "Fundamentals of Supply Chain Theory", 2nd edition, chapter 4.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import ArrayLike, NDArray

from services.vmi.rules.distributions import cost_curve, demand_over

Array = NDArray[numpy.float64]


@dataclass(frozen=True, slots=True)
class BaseStock:
    """`level` in units, expected `cost` a period at that level; arrays where the inputs were arrays."""

    level: Array
    cost: Array


def critical_ratio(holding_cost: ArrayLike, stockout_cost: ArrayLike) -> Array:
    """p / (p + h): the share of periods that should end without a shortage."""
    holding, stockout = (numpy.asarray(each, dtype=numpy.float64) for each in (holding_cost, stockout_cost))
    if numpy.any(holding <= 0) or numpy.any(stockout <= 0):
        raise ValueError("holding_cost and stockout_cost must be above 0")
    return stockout / (holding + stockout)


def base_stock_normal(
    holding_cost: ArrayLike, stockout_cost: ArrayLike, mean: ArrayLike, deviation: ArrayLike, lead_time: ArrayLike = 0.0
) -> BaseStock:
    """Optimal level and cost for normal demand a period over lead time + 1 periods; inputs broadcast.

    S = mean + z sigma, cost (h + p) phi(z) sigma (Snyder and Shen, eqs. 4.24 and 4.30).
    """
    from scipy.special import ndtri

    ratio = critical_ratio(holding_cost, stockout_cost)
    periods = numpy.asarray(lead_time, dtype=numpy.float64) + 1
    spread = numpy.asarray(deviation, dtype=numpy.float64) * numpy.sqrt(periods)
    score = ndtri(ratio)
    density = numpy.exp(-(score**2) / 2) / numpy.sqrt(2 * numpy.pi)
    both = numpy.asarray(holding_cost, dtype=numpy.float64) + numpy.asarray(stockout_cost, dtype=numpy.float64)
    return BaseStock(numpy.asarray(mean, dtype=numpy.float64) * periods + score * spread, both * density * spread)


def base_stock_discrete(
    holding_cost: float,
    stockout_cost: float,
    mean: float,
    variance: float | None = None,
    lead_time: int | Sequence[float] = 0,
) -> BaseStock:
    """Optimal whole level and its cost for demand of `mean` and `variance` a period; arguments as in `demand_over`."""
    return base_stock_of_table(demand_over(mean, variance, lead_time), holding_cost, stockout_cost)


def base_stock_of_table(table: Array, holding_cost: float, stockout_cost: float) -> BaseStock:
    """Optimal whole level for any table of demand over the protection interval: the least that reaches the ratio."""
    ratio = critical_ratio(holding_cost, stockout_cost)
    level = int(numpy.searchsorted(numpy.cumsum(table), ratio - 1e-12))
    cost = cost_curve(table, holding_cost, stockout_cost, numpy.array([level]))[0]
    return BaseStock(numpy.asarray(level, dtype=numpy.float64), numpy.asarray(cost))
