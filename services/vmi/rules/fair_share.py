"""Too little for everyone: who gets what. In proportion to need, or where a unit prevents most.

What is given out never exceeds what there is, nobody gets more than they can use, and what is kept is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from services.vmi.rules.distributions import cost_curve, probability_table

Array = NDArray[numpy.float64]


@dataclass(frozen=True, slots=True)
class Location:
    """A place that waits for stock: `position` in units, demand until the next supply, costs per unit at its end."""

    position: int
    mean: float
    holding_cost: float
    stockout_cost: float
    variance: float | None = None


@dataclass(frozen=True, slots=True)
class Shares:
    """Units for each place, in the order given, and what is `kept`."""

    quantities: tuple[int, ...]
    kept: int


def share_by_need(available: int, needs: Sequence[int]) -> Shares:
    """In proportion to need, whole units by largest remainder, earlier places first; all needs where it lasts."""
    if available < 0 or any(need < 0 for need in needs):
        raise ValueError("available and needs must not be negative")
    total = sum(needs)
    if total <= available:
        return Shares(tuple(needs), available - total)
    whole = [available * need // total for need in needs]
    order = sorted(range(len(needs)), key=lambda index: -(available * needs[index] % total))
    for index in order[: available - sum(whole)]:
        whole[index] += 1
    return Shares(tuple(whole), 0)


def share_by_cost(available: int, locations: Sequence[Location]) -> Shares:
    """Each unit where it lowers expected cost most, which is optimal because every place's cost is convex.

    B. L. Fox, "Discrete optimization via marginal analysis", Management Science 13 (1966). A unit that would lower
    no place's cost is kept: it is better off upstream.
    """
    if available < 0:
        raise ValueError("available must not be negative")
    gains = numpy.array([_gains(available, place) for place in locations]).reshape(len(locations), available)
    order = numpy.argsort(-gains, axis=None, kind="stable")[:available]
    useful = order[gains.ravel()[order] > 1e-12]
    counts = numpy.bincount(useful // max(available, 1), minlength=len(locations))
    return Shares(tuple(int(each) for each in counts), available - int(counts.sum()))


def shared_cost(quantities: Sequence[int], locations: Sequence[Location]) -> float:
    """Expected cost at the end of the cycle after giving out `quantities`: to compare one split with another."""
    return sum(
        float(_curve(place, numpy.array([place.position + quantity]))[0])
        for quantity, place in zip(quantities, locations, strict=True)
    )


def _curve(place: Location, levels: NDArray[numpy.int64]) -> Array:
    table = probability_table(place.mean, place.variance)
    return cost_curve(table, place.holding_cost, place.stockout_cost, levels)


def _gains(available: int, place: Location) -> Array:
    """What the first, second, ... unit saves at a place."""
    return -numpy.diff(_curve(place, numpy.arange(place.position, place.position + available + 1)))
