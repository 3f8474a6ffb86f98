"""When a customer who finds nothing goes elsewhere: the exact optimum for short lead times, and the best base stock.

The order of a period is placed before its demand and arrives `lead_time` periods later. The optimum depends on every
order under way, not on their sum, so it is found by relative value iteration over stock and pipeline (P. Zipkin, "Old
and new methods for lost-sales inventory systems", Operations Research 56 (2008)). Costs per unit left and per unit
lost, each period.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from services.vmi.rules.distributions import cost_curve, probability_table

Array = NDArray[numpy.float64]

TABLE_ENTRIES_MAX = 2_000_000
ROUNDS_MAX = 5_000
SPAN = 1e-7  # The cost lies within this of the true one.


@dataclass(frozen=True, slots=True)
class LostSalesPolicy:
    """`orders[x0, x1, ...]` is what to order with x0 in stock and x1, ... arriving in the next periods.

    `cost` a period of the optimum; `base_stock_level` and its cost, the simple rule; `gain` what the optimum saves
    over it, as a share: where it is tiny, the simple rule is the better rule.
    """

    orders: NDArray[numpy.int64]
    cost: float
    base_stock_level: int
    base_stock_cost: float

    @property
    def gain(self) -> float:
        """Share of the simple rule's cost that the optimum saves."""
        return 1 - self.cost / self.base_stock_cost

    def order(self, on_hand: int, arriving: Sequence[int] = ()) -> int:
        """What to order now; a stock beyond the table needs nothing."""
        state = (on_hand, *arriving)
        if len(state) != self.orders.ndim:
            raise ValueError(f"{self.orders.ndim - 1} orders under way are needed, {len(state) - 1} were given")
        return int(self.orders[state]) if max(state) < self.orders.shape[0] else 0


def optimise_lost_sales(
    holding_cost: float, stockout_cost: float, mean: float, lead_time: int, variance: float | None = None
) -> LostSalesPolicy:
    """The optimum for a lead time of 1 to a few periods; raises ValueError where the table would be too large."""
    if lead_time < 1 or mean <= 0:
        raise ValueError("lead_time must be at least 1 and mean above 0; without a lead time it is the newsvendor")
    periods = lead_time + 1
    protection = probability_table(mean * periods, None if variance is None else variance * periods)
    # No optimal order lifts the position beyond the level that is best when customers wait (Zipkin 2008).
    ratio = stockout_cost / (stockout_cost + holding_cost)
    top = int(numpy.searchsorted(numpy.cumsum(protection), ratio))
    if (top + 1) ** periods > TABLE_ENTRIES_MAX:
        raise ValueError(f"a table of {top + 1}^{periods} entries is too large: use a base stock or a larger unit")
    table = probability_table(mean, variance)
    cost = cost_curve(table, holding_cost, stockout_cost, numpy.arange(top + 1))
    left = _left_over(table, top)
    position = numpy.indices((top + 1,) * periods).sum(axis=0)
    best, orders = _iterate(cost, left, lead_time, numpy.where(position > top, numpy.inf, 0.0))
    level, level_cost = top, numpy.inf
    for candidate in range(top, -1, -1):
        closed = numpy.where(_is_base_stock(position, candidate, top), 0.0, numpy.inf)
        found, _ = _iterate(cost, left, lead_time, closed)
        if found >= level_cost:  # The cost is convex in the level (Janakiraman and Roundy 2004).
            break
        level, level_cost = candidate, found
    return LostSalesPolicy(orders, best, level, float(level_cost))


def _left_over(table: Array, top: int) -> Array:
    """P(y is left of x) for x, y = 0 ... top."""
    chances = numpy.zeros(top + 1)
    chances[: min(table.size, top + 1)] = table[: top + 1]
    left = numpy.zeros((top + 1, top + 1))
    for stock in range(top + 1):
        left[stock, 1 : stock + 1] = chances[:stock][::-1]
        left[stock, 0] = 1 - left[stock, 1:].sum()
    return left


def _is_base_stock(position: NDArray[numpy.int64], level: int, top: int) -> NDArray[numpy.bool_]:
    """Whether the last axis, the order, is what a base stock of `level` would order."""
    order = numpy.arange(top + 1)
    before = position - order
    return numpy.asarray(order == numpy.maximum(level - before, 0))


def _iterate(cost: Array, left: Array, lead_time: int, closed: Array) -> tuple[float, NDArray[numpy.int64]]:
    """Average cost and orders; `closed` is infinite for orders that are not allowed. Ordering nothing always is."""
    top = cost.size - 1
    open_always = numpy.isinf(closed).all(axis=-1)
    closed = closed.copy()
    closed[open_always, 0] = 0.0
    following = numpy.minimum(numpy.add.outer(numpy.arange(top + 1), numpy.arange(top + 1)), top)
    stage = cost.reshape((-1,) + (1,) * (lead_time - 1))
    value = numpy.zeros((top + 1,) * lead_time)
    for _ in range(ROUNDS_MAX):
        ahead = value[following]  # Stock left and next arrival join; the rest of the pipeline moves up.
        choices = numpy.tensordot(left, ahead, axes=(1, 0)) + closed
        new = stage + choices.min(axis=-1)
        change = new - value
        value = new - new.flat[0]
        if change.max() - change.min() < SPAN:
            return float(change.max() + change.min()) / 2, choices.argmin(axis=-1)
    raise ValueError("the iteration did not settle")
