"""(s, nQ): at a review, order the least number of batches that lifts the position above s. For case packs.

Whole units, periodic review, an order arrives `lead_time` periods later, before that period's demand; costs per period
as in `newsvendor`, and `fixed_cost` for each period in which anything is ordered.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy

from services.vmi.rules.distributions import cost_curve, demand_over, probability_table

BATCHES_MAX = 10_000


@dataclass(frozen=True, slots=True)
class BatchPolicy:
    """Order when the position is at or below `reorder_point`; `batch` units at a time; `cost` a period."""

    reorder_point: int
    batch: int
    cost: float


def batch_policy(
    holding_cost: float,
    stockout_cost: float,
    fixed_cost: float,
    mean: float,
    batch: int,
    variance: float | None = None,
    lead_time: int | Sequence[float] = 0,
) -> BatchPolicy:
    """The best reorder point for a given batch.

    After ordering, the position is uniform on s + 1 ... s + Q, so the cost is K E[min(D, Q)] / Q plus the mean of G
    over that window (Hadley and Whitin 1963; Y.-S. Zheng and F. Chen, "Inventory policies with quantized ordering",
    Naval Research Logistics 39 (1992)). Demand and lead time as in `demand_over`.
    """
    if batch < 1 or mean <= 0 or fixed_cost < 0:
        raise ValueError("batch must be at least 1, mean above 0, fixed_cost not negative")
    table = probability_table(mean, variance)
    protection = demand_over(mean, variance, lead_time)
    levels = numpy.arange(-batch, protection.size + batch + 1)
    curve = cost_curve(protection, holding_cost, stockout_cost, levels)
    sums = numpy.convolve(curve, numpy.ones(batch), mode="valid")
    first = int(sums.argmin())  # The window with the least cost; G is convex, so it holds the least of G.
    ordering = float(numpy.minimum(numpy.arange(table.size), batch) @ table) / batch
    return BatchPolicy(int(levels[first]) - 1, batch, fixed_cost * ordering + float(sums[first]) / batch)


def best_batch(
    holding_cost: float,
    stockout_cost: float,
    fixed_cost: float,
    mean: float,
    case_pack: int,
    variance: float | None = None,
    lead_time: int | Sequence[float] = 0,
) -> BatchPolicy:
    """The best multiple of `case_pack` as a batch.

    The window's mean of G never falls as the batch grows, so the search ends when that alone costs more than the best.
    """
    best: BatchPolicy | None = None
    for packs in range(1, BATCHES_MAX + 1):
        found = batch_policy(holding_cost, stockout_cost, fixed_cost, mean, packs * case_pack, variance, lead_time)
        without_orders = batch_policy(holding_cost, stockout_cost, 0.0, mean, packs * case_pack, variance, lead_time)
        if best is None or found.cost < best.cost:
            best = found
        if without_orders.cost >= best.cost:
            return best
    raise ValueError("no best batch within the limit; the fixed cost is out of proportion")
