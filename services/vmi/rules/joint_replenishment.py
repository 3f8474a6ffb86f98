"""Items that share the cost of an order: how often to order at all, and which item takes part in every how-manieth."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy
from numpy.typing import NDArray

Array = NDArray[numpy.float64]

MULTIPLE_MAX = 1_000


@dataclass(frozen=True, slots=True)
class JointPlan:
    """Order every `cycle_time`; item i takes part in every `multiples[i]`-th order with `quantities[i]` units.

    `cost` and `separate_cost` (every item for itself) per unit of time; `worth_it` is False where joining saves
    nothing.
    """

    cycle_time: float
    multiples: tuple[int, ...]
    quantities: tuple[float, ...]
    cost: float
    separate_cost: float

    @property
    def worth_it(self) -> bool:
        """Whether joint orders cost less than separate ones."""
        return self.cost < self.separate_cost * (1 - 1e-12)


def plan_joint_orders(
    shared_cost: float, item_costs: Sequence[float], holding_costs: Sequence[float], demand_rates: Sequence[float]
) -> JointPlan:
    """The optimal strictly cyclic plan: cost = (K + sum k_i / m_i) / T + T / 2 sum h_i d_i m_i.

    For a given T each m_i is the one with m (m - 1) <= 2 k / (h d T^2) <= m (m + 1), and with the multiples fixed the
    best T is a square root; so only the T at which some multiple changes have to be visited (S. K. Goyal,
    "Determination of optimum packaging frequency of items jointly replenished", Management Science 21 (1974)). T is
    at least K / (cost of any plan), which bounds the search. Separate orders pay `shared_cost` each.
    """
    own, holding, demand = (
        numpy.asarray(each, dtype=numpy.float64) for each in (item_costs, holding_costs, demand_rates)
    )
    if not own.size or own.shape != holding.shape or own.shape != demand.shape:
        raise ValueError("item_costs, holding_costs and demand_rates must have one value an item")
    if shared_cost <= 0 or numpy.any(own < 0) or numpy.any(holding <= 0) or numpy.any(demand <= 0):
        raise ValueError("shared_cost, holding_costs and demand_rates must be above 0, item_costs not negative")
    rate = holding * demand
    best_cost, best = _cost(shared_cost, own, rate, numpy.ones_like(own)), numpy.ones_like(own)
    shortest = shared_cost / best_cost
    ratio = numpy.sqrt(2 * own / rate)
    for time in [*_changes(ratio, shortest), shortest]:
        # Just below a change the larger multiple holds.
        multiples = _multiples(ratio, time * (1 - 1e-12))
        cost = _cost(shared_cost, own, rate, multiples)
        if cost < best_cost * (1 - 1e-13):
            best_cost, best = cost, multiples
    time = sqrt(2 * (shared_cost + float((own / best).sum())) / float((rate * best).sum()))
    separate = float(numpy.sqrt(2 * (shared_cost + own) * rate).sum())
    return JointPlan(
        cycle_time=time,
        multiples=tuple(int(each) for each in best),
        quantities=tuple(float(each) for each in demand * best * time),
        cost=best_cost,
        separate_cost=separate,
    )


def _cost(shared_cost: float, own: Array, rate: Array, multiples: Array) -> float:
    return sqrt(2 * (shared_cost + float((own / multiples).sum())) * float((rate * multiples).sum()))


def _multiples(ratio: Array, time: float) -> Array:
    return numpy.maximum(numpy.ceil((numpy.sqrt(1 + 4 * (ratio / time) ** 2) - 1) / 2), 1.0)


def _changes(ratio: Array, shortest: float) -> list[float]:
    """Cycle times above `shortest` at which some item's best multiple changes from m to m + 1, longest first."""
    found: set[float] = set()
    for each in ratio[ratio > 0]:
        for multiple in range(1, MULTIPLE_MAX):
            time = float(each) / sqrt(multiple * (multiple + 1))
            if time <= shortest:
                break
            found.add(time)
    return sorted(found, reverse=True)
