"""How much to order at a time when demand is known: the economic order quantity and its relatives.

Rates are per one unit of time (any, but the same for all inputs); costs in one currency. Inputs may be arrays of items
that broadcast against each other. Source: L. V. Snyder and Z.-J. M. Shen, "Fundamentals of Supply Chain Theory",
2nd edition (2019), chapters 3 and 9; the equations are named where they are used.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import ArrayLike, NDArray

Array = NDArray[numpy.float64]


@dataclass(frozen=True, slots=True)
class LotSize:
    """`quantity` in units and `cost_rate` per unit of time; arrays where the inputs were arrays."""

    quantity: Array
    cost_rate: Array


@dataclass(frozen=True, slots=True)
class BackorderLotSize:
    """A lot size with planned shortage: `backorder_share` of each cycle's demand waits for the next delivery."""

    quantity: Array
    backorder_share: Array
    cost_rate: Array


@dataclass(frozen=True, slots=True)
class DiscountLotSize:
    """The best lot under a price list: `region` counts the price breaks from 0; `cost_rate` includes the purchase."""

    quantity: float
    region: int
    cost_rate: float


def economic_order_quantity(fixed_cost: ArrayLike, holding_cost: ArrayLike, demand_rate: ArrayLike) -> LotSize:
    """Harris's lot size: `sqrt(2 K d / h)`, cost `sqrt(2 K d h)` (Snyder and Shen, eqs. 3.4 and 3.5)."""
    fixed, holding, demand = _positive(fixed_cost=fixed_cost, holding_cost=holding_cost, demand_rate=demand_rate)
    return LotSize(numpy.sqrt(2 * fixed * demand / holding), numpy.sqrt(2 * fixed * demand * holding))


def quantity_with_backorders(
    fixed_cost: ArrayLike, holding_cost: ArrayLike, stockout_cost: ArrayLike, demand_rate: ArrayLike
) -> BackorderLotSize:
    """Lot size when waiting costs `stockout_cost` per unit and time (Snyder and Shen, eqs. 3.27-3.29)."""
    fixed, holding, stockout, demand = _positive(
        fixed_cost=fixed_cost, holding_cost=holding_cost, stockout_cost=stockout_cost, demand_rate=demand_rate
    )
    both = holding + stockout
    return BackorderLotSize(
        quantity=numpy.sqrt(2 * fixed * demand * both / (holding * stockout)),
        backorder_share=holding / both,
        cost_rate=numpy.sqrt(2 * fixed * demand * holding * stockout / both),
    )


def production_quantity(
    fixed_cost: ArrayLike, holding_cost: ArrayLike, demand_rate: ArrayLike, production_rate: ArrayLike
) -> LotSize:
    """Lot size of a stage that produces at a finite rate above the demand (Snyder and Shen, eqs. 3.31-3.32)."""
    fixed, holding, demand, production = _positive(
        fixed_cost=fixed_cost, holding_cost=holding_cost, demand_rate=demand_rate, production_rate=production_rate
    )
    if numpy.any(production <= demand):
        raise ValueError("production_rate must be above demand_rate")
    effective = holding * (1 - demand / production)
    quantity = numpy.sqrt(2 * fixed * demand / effective)
    return LotSize(quantity, quantity * effective)


def quantity_with_discounts(
    fixed_cost: float, holding_rate: float, demand_rate: float, breaks: Sequence[float], unit_prices: Sequence[float]
) -> DiscountLotSize:
    """Best lot under all-units discounts: each price's own lot size, raised to its break where it lies below.

    `breaks[i]` is the least quantity at `unit_prices[i]`, the first is 0; `holding_rate` is the share of the price that
    holding a unit costs per unit of time (Snyder and Shen, chapter 3, all-units discounts).
    """
    if not breaks or len(breaks) != len(unit_prices) or breaks[0] != 0 or list(breaks) != sorted(set(breaks)):
        raise ValueError("breaks must begin at 0, rise, and be as many as unit_prices")
    found: list[DiscountLotSize] = []
    for region, (least, price) in enumerate(zip(breaks, unit_prices, strict=True)):
        lot = economic_order_quantity(fixed_cost, holding_rate * price, demand_rate)
        quantity = max(float(lot.quantity), float(least))
        if region + 1 < len(breaks) and quantity >= breaks[region + 1]:
            continue  # The next price is at least as good at that quantity.
        cost = price * demand_rate + fixed_cost * demand_rate / quantity + holding_rate * price * quantity / 2
        found.append(DiscountLotSize(quantity, region, cost))
    return min(found, key=lambda lot: lot.cost_rate)


def quantity_with_disruptions(
    fixed_cost: float,
    holding_cost: float,
    stockout_cost: float,
    demand_rate: float,
    disruption_rate: float,
    recovery_rate: float,
) -> LotSize:
    """Lot size from a supplier that fails at `disruption_rate` and comes back at `recovery_rate`, both exponential.

    Demand while out of stock is lost at `stockout_cost` a unit. The cost function is quasiconvex in the quantity
    (Snyder and Shen, chapter 9, after Parlar and Berkin 1991), so a bracketed search finds its least value.
    """
    from scipy.optimize import minimize_scalar

    _positive(
        fixed_cost=fixed_cost, holding_cost=holding_cost, stockout_cost=stockout_cost, demand_rate=demand_rate,
        disruption_rate=disruption_rate, recovery_rate=recovery_rate,
    )  # fmt: skip
    both = disruption_rate + recovery_rate

    def cost_rate(quantity: float) -> float:
        down = disruption_rate / both * (1 - numpy.exp(-both * quantity / demand_rate))
        cycle = fixed_cost + holding_cost * quantity**2 / (2 * demand_rate)
        cycle += stockout_cost * demand_rate * down / recovery_rate
        return float(cycle / (quantity / demand_rate + down / recovery_rate))

    base = float(economic_order_quantity(fixed_cost, holding_cost, demand_rate).quantity)
    # What one outage loses is like a further fixed cost at most, which bounds the quantity from above.
    upper = base + demand_rate * (stockout_cost / holding_cost + 1 / recovery_rate)
    best = minimize_scalar(cost_rate, bounds=(base * 1e-3, upper), method="bounded", options={"xatol": 1e-7 * base})
    return LotSize(numpy.float64(best.x), numpy.float64(best.fun))  # type: ignore[arg-type]


def _positive(**inputs: ArrayLike) -> tuple[Array, ...]:
    arrays = []
    for name, value in inputs.items():
        array = numpy.asarray(value, dtype=numpy.float64)
        if not numpy.all(array > 0):
            raise ValueError(f"{name} must be above 0")
        arrays.append(array)
    return tuple(arrays)
