"""(r, Q): order a fixed quantity when the position falls to r. Exact for normal and Poisson demand, and heuristics.

Continuous review. All rates are per one unit of time: `mean` and `deviation` of demand, `holding_cost` and
`stockout_cost` per unit in stock or waiting, `lead_time` in the same unit. With G(y) the cost rate of the position y,
the cost of a policy is (K mean + integral of G from r to r + Q) / Q (Snyder and Shen, "Fundamentals of Supply Chain
Theory", 2nd edition, section 5.3).
"""

from dataclasses import dataclass

import numpy
from numpy.typing import ArrayLike, NDArray

from services.vmi.rules.distributions import cost_curve, probability_table
from services.vmi.rules.lot_sizes import economic_order_quantity, quantity_with_backorders

Array = NDArray[numpy.float64]

ROUNDS_MAX = 60  # Newton converges quadratically; a dozen rounds are usual.
CLOSE = 1e-11


@dataclass(frozen=True, slots=True)
class ReorderPolicy:
    """`reorder_point` r, `quantity` Q in units, exact `cost` a unit of time; arrays where the inputs were arrays."""

    reorder_point: Array
    quantity: Array
    cost: Array


class _Curve:
    """G(y) of many items at once, demand over the lead time being normal, with its derivative and its integral."""

    def __init__(self, holding: Array, stockout: Array, mean: Array, spread: Array) -> None:
        from scipy.special import ndtr, ndtri

        self._ndtr = ndtr
        self.holding, self.stockout, self.both = holding, stockout, holding + stockout
        self.mean, self.spread = mean, spread  # Of demand over the lead time.
        self.best = self.mean + ndtri(stockout / self.both) * self.spread

    def of(self, items: NDArray[numpy.int64]) -> "_Curve":
        """The curves of some items, counted along the flattened arrays."""
        return _Curve(*(each.ravel()[items] for each in (self.holding, self.stockout, self.mean, self.spread)))

    def parts(self, level: Array) -> tuple[Array, Array, Array]:
        """Standard score, normal density there, probability above."""
        score = (level - self.mean) / self.spread
        return score, numpy.exp(-(score**2) / 2) / numpy.sqrt(2 * numpy.pi), self._ndtr(-score)

    def value(self, level: Array) -> Array:
        """h E[(y - D)+] + p E[(D - y)+]."""
        score, density, above = self.parts(level)
        return self.holding * (level - self.mean) + self.both * self.spread * (density - score * above)

    def slope(self, level: Array) -> Array:
        """(h + p) F(y) - p, written so that both tails keep their digits."""
        return self.holding - self.both * self.parts(level)[2]

    def second_loss(self, level: Array) -> Array:
        """E[((D - y)+)^2] / 2."""
        score, density, above = self.parts(level)
        return self.spread**2 / 2 * ((score**2 + 1) * above - score * density)

    def integral(self, low: Array, high: Array) -> Array:
        """Of G from `low` to `high`."""
        linear = self.holding * (high - low) * ((high + low) / 2 - self.mean)
        return linear + self.both * (self.second_loss(low) - self.second_loss(high))

    def solve(self, level_cost: Array, start: Array, inward: int) -> Array:
        """Where G is `level_cost`, from a start outside: Newton on a convex function comes in monotonically.

        `inward` is 1 from the left, -1 from the right.
        """
        point = start
        for _ in range(ROUNDS_MAX):
            step = (level_cost - self.value(point)) / self.slope(point)
            point = point + step
            # A step back is rounding: that item has arrived.
            if numpy.all(step * inward <= CLOSE * (numpy.abs(point) + self.spread)):
                break
        return point


def policy_exact(
    holding_cost: ArrayLike,
    stockout_cost: ArrayLike,
    fixed_cost: ArrayLike,
    mean: ArrayLike,
    deviation: ArrayLike,
    lead_time: ArrayLike,
) -> ReorderPolicy:
    """The optimal (r, Q) for demand that is normal over the lead time; inputs broadcast, all above 0.

    At the optimum G(r) = G(r + Q) = cost (Y.-S. Zheng, "On properties of stochastic inventory systems", Management
    Science 38 (1992)). So the cost c is where the area between the line c and the curve G below it equals K mean;
    that area is convex in c with slope Q. G rises at most at rate h to the right of its least value and p to the
    left, hence c <= min G + (cost with planned shortage), from where Newton comes down without a step too far.
    """
    curve, fixed, demand = _prepare(holding_cost, stockout_cost, fixed_cost, mean, deviation, lead_time)
    needed = fixed * demand
    start = curve.value(curve.best) + numpy.sqrt(2 * needed * curve.holding * curve.stockout / curve.both)
    cost, needed = start.ravel(), needed.ravel()
    low, high = numpy.empty_like(cost), numpy.empty_like(cost)
    items = numpy.arange(cost.size)  # Those that are not settled yet: a few hard ones must not hold up the others.
    for _ in range(ROUNDS_MAX):
        some, at = curve.of(items), cost[items]
        low[items] = left = some.solve(at, some.mean - at / some.stockout, 1)
        high[items] = right = some.solve(at, some.mean + at / some.holding, -1)
        area = at * (right - left) - some.integral(left, right)
        step = (area - needed[items]) / (right - left)
        cost[items] = at - step
        items = items[step > CLOSE * at]
        if not items.size:
            break
    return ReorderPolicy(*(each.reshape(start.shape) for each in (low, high - low, cost)))


def policy_cost(
    holding_cost: ArrayLike,
    stockout_cost: ArrayLike,
    fixed_cost: ArrayLike,
    mean: ArrayLike,
    deviation: ArrayLike,
    lead_time: ArrayLike,
    reorder_point: ArrayLike,
    quantity: ArrayLike,
) -> Array:
    """Exact cost rate of any (r, Q) under normal lead-time demand (Snyder and Shen, eq. 5.7)."""
    curve, fixed, demand = _prepare(holding_cost, stockout_cost, fixed_cost, mean, deviation, lead_time)
    low, lot = (numpy.asarray(each, dtype=numpy.float64) for each in (reorder_point, quantity))
    if numpy.any(lot <= 0):
        raise ValueError("quantity must be above 0")
    return (fixed * demand + curve.integral(low, low + lot)) / lot


def policy_backorder_quantity(
    holding_cost: ArrayLike,
    stockout_cost: ArrayLike,
    fixed_cost: ArrayLike,
    mean: ArrayLike,
    deviation: ArrayLike,
    lead_time: ArrayLike,
) -> ReorderPolicy:
    """EOQB: the lot size with planned shortage, with the best reorder point for it; `cost` is its true cost.

    Never more than an eighth above the optimum (Zheng 1992). r solves G(r) = G(r + Q) (Snyder and Shen, eq. 5.9).
    """
    curve, fixed, demand = _prepare(holding_cost, stockout_cost, fixed_cost, mean, deviation, lead_time)
    lot = quantity_with_backorders(fixed, curve.holding, curve.stockout, demand).quantity
    low, high = curve.best - lot, curve.best + 0.0
    for _ in range(2 * ROUNDS_MAX):
        middle = (low + high) / 2
        rising = curve.value(middle + lot) > curve.value(middle)
        low, high = numpy.where(rising, low, middle), numpy.where(rising, middle, high)
    point = (low + high) / 2
    return ReorderPolicy(point, lot, (fixed * demand + curve.integral(point, point + lot)) / lot)


def policy_safety_stock(
    holding_cost: ArrayLike,
    stockout_cost: ArrayLike,
    fixed_cost: ArrayLike,
    mean: ArrayLike,
    deviation: ArrayLike,
    lead_time: ArrayLike,
) -> ReorderPolicy:
    """EOQ+SS: Harris's lot size and the newsvendor's safety stock (Snyder and Shen, eq. 5.21); `cost` is true."""
    curve, fixed, demand = _prepare(holding_cost, stockout_cost, fixed_cost, mean, deviation, lead_time)
    lot = economic_order_quantity(fixed, curve.holding, demand).quantity
    return ReorderPolicy(curve.best, lot, (fixed * demand + curve.integral(curve.best, curve.best + lot)) / lot)


def policy_expected_inventory(
    holding_cost: float, stockout_cost: float, fixed_cost: float, mean: float, deviation: float, lead_time: float
) -> ReorderPolicy:
    """EIL: the textbook iteration that charges a shortage per unit instead of per unit and time; `cost` is true.

    Q = sqrt(2 mean (K + p n(r)) / h), F(r) = 1 - Q h / (p mean), in turns (Snyder and Shen, eqs. 5.17
    and 5.18). It is
    here because many systems use it: on their example 5.1 it costs 18% more than the optimum.
    """
    from scipy.special import ndtri

    curve, fixed, demand = _prepare(holding_cost, stockout_cost, fixed_cost, mean, deviation, lead_time)
    lot = economic_order_quantity(fixed, curve.holding, demand).quantity
    point = curve.best
    for _ in range(10 * ROUNDS_MAX):
        share = lot * curve.holding / (curve.stockout * demand)
        if numpy.any(share >= 1):
            raise ValueError("the iteration has no reorder point: the lot is too large for the stock-out cost")
        point = curve.mean + ndtri(1 - share) * curve.spread
        score, density, above = curve.parts(point)
        short = curve.spread * (density - score * above)
        former, lot = lot, numpy.sqrt(2 * demand * (fixed + curve.stockout * short) / curve.holding)
        if numpy.all(numpy.abs(lot - former) <= CLOSE * lot):
            break
    return ReorderPolicy(point, lot, (fixed * demand + curve.integral(point, point + lot)) / lot)


def policy_exact_poisson(
    holding_cost: float, stockout_cost: float, fixed_cost: float, mean: float, lead_time: float
) -> ReorderPolicy:
    """The optimal (r, Q) in whole units for Poisson demand.

    The window r + 1 ... r + Q grows towards the cheaper side for as long as that lowers the average (A. Federgruen
    and Y.-S. Zheng, "An efficient algorithm for computing an optimal (r, Q) policy", Operations Research 40 (1992)).
    """
    if mean <= 0 or fixed_cost < 0 or lead_time < 0:
        raise ValueError("mean must be above 0; fixed_cost and lead_time must not be negative")
    table = probability_table(mean * lead_time)
    ratio = stockout_cost / (holding_cost + stockout_cost)
    best = int(numpy.searchsorted(numpy.cumsum(table), ratio))
    reach = best + table.size + int(4 * (fixed_cost * mean * (1 / holding_cost + 1 / stockout_cost)) ** 0.5) + 16
    levels = numpy.arange(-reach, reach + 1)
    curve = cost_curve(table, holding_cost, stockout_cost, levels)
    below, above = best - 1, best + 1
    total, size = fixed_cost * mean + curve[best + reach], 1
    while (cheaper := min(curve[below + reach], curve[above + reach])) < total / size:
        total, size = total + cheaper, size + 1
        if curve[below + reach] <= curve[above + reach]:
            below -= 1
        else:
            above += 1
    return ReorderPolicy(*(numpy.asarray(each, dtype=numpy.float64) for each in (below, size, total / size)))


def _prepare(*inputs: ArrayLike) -> tuple[_Curve, Array, Array]:
    """(curve, fixed cost, mean) of holding, stock-out and fixed cost, mean, deviation, lead time; all above 0."""
    arrays = numpy.broadcast_arrays(*(numpy.asarray(each, dtype=numpy.float64) for each in inputs))
    if any(numpy.any(~(each > 0)) for each in arrays):
        raise ValueError("costs, mean, deviation and lead_time must be above 0")
    holding, stockout, fixed, mean, deviation, lead_time = arrays
    return _Curve(holding, stockout, mean * lead_time, deviation * numpy.sqrt(lead_time)), fixed, mean
