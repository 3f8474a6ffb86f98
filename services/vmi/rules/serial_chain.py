"""Echelon base stock of a serial chain: how much each stage and everything below it should hold together.

Stage 1 serves the customer and buys from stage 2, and so on; the last stage buys from a source that never fails. All
lists run downstream to upstream. Clark and Scarf 1960, solved by the recursion of F. Chen and Y.-S. Zheng, "Lower
bounds for multi-echelon stochastic inventory systems", Management Science 40 (1994), as Snyder and Shen,
"Fundamentals of Supply Chain Theory", 2nd edition, section 6.2.2.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, sqrt

import numpy
from numpy.typing import NDArray

from services.vmi.rules.distributions import probability_table

Array = NDArray[numpy.float64]

STEPS_PER_DEVIATION = 200  # Grid of the stage with the least uncertain lead time demand.
DEVIATIONS = 8.0
GRID_POINTS_MAX = 4_000_000


@dataclass(frozen=True, slots=True)
class ChainPolicy:
    """Optimal echelon levels and, from them, local ones; `cost` a unit of time for the whole chain."""

    echelon_levels: tuple[float, ...]
    local_levels: tuple[float, ...]
    cost: float


def optimise_chain(
    echelon_holding_costs: Sequence[float],
    lead_times: Sequence[float],
    stockout_cost: float,
    mean: float,
    deviation: float | None = None,
) -> ChainPolicy:
    """The optimum for a continuous-review chain; demand over a time t is normal(mean t, deviation^2 t), or Poisson.

    `echelon_holding_costs[j]` is what stage j adds to the cost of holding a unit, `lead_times[j]` the time from its
    supplier; without `deviation` demand is Poisson and levels are whole. Normal levels are exact to about a thousandth
    of a deviation. Raises ValueError for inputs that are not positive.
    """
    stages = len(lead_times)
    if stages == 0 or len(echelon_holding_costs) != stages:
        raise ValueError("echelon_holding_costs and lead_times must have one value a stage")
    if min(*echelon_holding_costs, *lead_times, stockout_cost, mean) <= 0 or (deviation is not None and deviation <= 0):
        raise ValueError("costs, lead times, mean and deviation must be above 0")
    step, tables = _demand_tables(lead_times, mean, deviation)
    low, high = _grid_reach(echelon_holding_costs, lead_times, stockout_cost, mean, deviation)
    first, last = ceil(low / step), ceil(high / step)
    if last - first > GRID_POINTS_MAX:
        raise ValueError("the lead times differ too much for one grid")
    positions = numpy.arange(first, last + 1, dtype=numpy.float64) * step
    # Implied cost of stage 1's backorders: p plus all holding costs, per unit short.
    penalty = numpy.maximum(-positions, 0.0) * (stockout_cost + sum(echelon_holding_costs))
    levels: list[float] = []
    cost = 0.0
    for holding, (offset, table) in zip(echelon_holding_costs, tables, strict=True):
        stage = _expect(penalty + holding * positions, offset, table)
        index = int(stage.argmin())
        level, cost = float(positions[index]), float(stage[index])
        if deviation is not None:
            level, cost = _vertex(positions, stage, index)
        levels.append(level)
        penalty = numpy.where(numpy.arange(stage.size) < index, stage, stage[index])
    # Upstream stock beyond what is held upstream of it would wait for nothing: levels never fall on the way up.
    held = [min(levels[stage:]) for stage in range(stages)]
    local = (held[0], *(above - below for below, above in pairwise(held)))
    return ChainPolicy(tuple(levels), local, cost)


def _demand_tables(
    lead_times: Sequence[float], mean: float, deviation: float | None
) -> tuple[float, list[tuple[int, Array]]]:
    """Grid step, and of each stage the (first grid point, probabilities) of its lead time demand."""
    if deviation is None:
        return 1.0, [(0, probability_table(mean * time)) for time in lead_times]
    step = deviation * sqrt(min(lead_times)) / STEPS_PER_DEVIATION
    tables = []
    for time in lead_times:
        centre, spread = mean * time, deviation * sqrt(time)
        first = int((centre - DEVIATIONS * spread) // step)
        points = numpy.arange(first, ceil((centre + DEVIATIONS * spread) / step) + 1) * step
        weights = numpy.exp(-(((points - centre) / spread) ** 2) / 2)
        tables.append((first, weights / weights.sum()))
    return step, tables


def _grid_reach(
    echelon_holding_costs: Sequence[float],
    lead_times: Sequence[float],
    stockout_cost: float,
    mean: float,
    deviation: float | None,
) -> tuple[float, float]:
    """Lowest and highest echelon position that the recursion has to know."""
    total = sum(lead_times)
    spread = (sqrt(mean) if deviation is None else deviation) * sqrt(total)
    margin = (DEVIATIONS + 2) * spread + 20 * (deviation is None)
    return -margin, mean * total + margin


def _expect(values: Array, offset: int, table: Array) -> Array:
    """E[values at position - demand] on the grid; below the grid `values` go on in a straight line, as they do."""
    reach = offset + table.size - 1
    slope = values[1] - values[0]
    ahead = max(reach, 0)
    extended = numpy.concatenate([values[0] + slope * numpy.arange(-ahead, 0), values])
    if offset < 0:
        extended = numpy.concatenate([extended, values[-1] + (values[-1] - values[-2]) * numpy.arange(1, -offset + 1)])
    size = 1 << (extended.size + table.size - 1).bit_length()
    product = numpy.fft.irfft(numpy.fft.rfft(extended, size) * numpy.fft.rfft(table, size), size)
    start = ahead - offset
    return numpy.asarray(product[start : start + values.size])


def _vertex(positions: Array, values: Array, index: int) -> tuple[float, float]:
    """Lowest point of the parabola through the least grid value and its neighbours."""
    if not 0 < index < values.size - 1:
        raise ValueError("the optimum lies outside the grid")
    before, here, after = (float(each) for each in values[index - 1 : index + 2])
    bend = before - 2 * here + after
    shift = 0.0 if bend <= 0 else (before - after) / (2 * bend)
    shift = min(max(shift, -1.0), 1.0)
    return float(positions[index] + shift * (positions[1] - positions[0])), here - (before - after) * shift / 4
