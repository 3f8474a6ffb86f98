"""When to order how much of a known demand that differs from period to period: Wagner and Whitin's optimum."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LotPlan:
    """What to order at the start of each period, in units, and what the whole plan costs."""

    quantities: tuple[float, ...]
    cost: float


def plan_lots(
    demand: Sequence[float], fixed_cost: float, holding_cost: float, unit_prices: Sequence[float] | None = None
) -> LotPlan:
    """The cheapest plan that meets `demand` (units a period) without a shortage.

    An order is placed and received at the start of a period at `fixed_cost`; `holding_cost` is paid for each unit
    left at a period's end; `unit_prices` a period are optional. An order always covers whole periods: the least
    cost from t on is the minimum over s > t of the cost of a lot for t ... s - 1 and the least cost from s on (H. M.
    Wagner and T. M. Whitin, "Dynamic version of the economic lot size model", Management Science 5 (1958)). Of equal
    plans the one with the shorter first lot is kept. Raises ValueError for negative inputs.
    """
    periods = len(demand)
    prices = [0.0] * periods if unit_prices is None else list(unit_prices)
    if len(prices) != periods:
        raise ValueError("unit_prices must have one value a period")
    if fixed_cost < 0 or holding_cost < 0 or any(each < 0 for each in demand):
        raise ValueError("demand and costs must not be negative")
    cost_from = [0.0] * (periods + 1)  # Least cost from a period on, nothing in stock at its start.
    covered_to = [periods] * periods
    for start in reversed(range(periods)):
        if demand[start] == 0:  # Nothing is needed yet.
            cost_from[start], covered_to[start] = cost_from[start + 1], start
        else:
            cost_from[start] = float("inf")
        lot_cost = fixed_cost
        for end in range(start, periods):
            lot_cost += (prices[start] + holding_cost * (end - start)) * demand[end]
            if lot_cost + cost_from[end + 1] < cost_from[start]:
                cost_from[start], covered_to[start] = lot_cost + cost_from[end + 1], end + 1
    quantities = [0.0] * periods
    start = 0
    while start < periods:
        end = covered_to[start]
        quantities[start] = float(sum(demand[start:end]))
        start = max(end, start + 1)
    return LotPlan(tuple(quantities), cost_from[0])
