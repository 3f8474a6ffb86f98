"""How much stock a promised service takes, solved from the distribution, with what is achieved beside what was asked.

Whole units, demand not met at once waits. At each review, every `review` periods, an order is placed that arrives
`lead_time` periods later, before that period's demand. Fill rate (beta) is the share of demand served from stock at
once; cycle service (alpha) the probability that a cycle ends without a shortage. The two are not the same promise.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import NDArray

from services.vmi.rules.distributions import demand_over, expected_left, expected_short

Array = NDArray[numpy.float64]

MEASURES = ("fill_rate", "cycle_service")


@dataclass(frozen=True, slots=True)
class ServiceLevel:
    """`level` is the base stock, or the reorder point of a batch policy; `on_hand` the stock left at a cycle's end.

    `achieved` is the measure asked for at that level, never below `asked`; whole units overshoot, and by how much is
    seen here. `short_by_one` is what one unit less would achieve.
    """

    level: int
    asked: float | None
    achieved: float
    short_by_one: float
    fill_rate: float
    cycle_service: float
    on_hand: float


def service_of_level(
    level: int,
    mean: float,
    lead_time: int | Sequence[float],
    variance: float | None = None,
    review: int = 1,
    batch: int = 1,
) -> ServiceLevel:
    """Both measures of a given level: what today's setting really promises. `achieved` is the fill rate."""
    tables = _tables(mean, variance, lead_time, review)
    fill, cycle, left = _measures(numpy.arange(level - 1, level + 1), tables, batch)
    return ServiceLevel(
        level=level,
        asked=None,
        achieved=float(fill[1]),
        short_by_one=float(fill[0]),
        fill_rate=float(fill[1]),
        cycle_service=float(cycle[1]),
        on_hand=float(left[1]),
    )


def level_for_service(
    asked: float,
    mean: float,
    lead_time: int | Sequence[float],
    variance: float | None = None,
    review: int = 1,
    batch: int = 1,
    measure: str = "fill_rate",
) -> ServiceLevel:
    """The least level whose `measure` (fill_rate or cycle_service) is at least `asked`, 0 < asked < 1.

    With F(y) = E[(D - y)+], the demand of a cycle that is not met at once is F over lead time + review less F over
    the lead time (what already waited), so beta = 1 - (F_{L+R}(y) - F_L(y)) / (mean R), exact for any whole demand
    (Hadley and Whitin 1963; also Axsäter, "Inventory Control", chapter 5). With a `batch` Q the position is uniform
    on s + 1 ... s + Q.
    """
    if not 0 < asked < 1:
        raise ValueError("asked must lie between 0 and 1; no finite stock serves everything for certain")
    if measure not in MEASURES:
        raise ValueError(f"measure {measure!r} is not one of {', '.join(MEASURES)}")
    tables = _tables(mean, variance, lead_time, review)
    first = -batch - 1
    levels = numpy.arange(first, tables[1].size + 2)
    fill, cycle, left = _measures(levels, tables, batch)
    served = fill if measure == "fill_rate" else cycle
    if not (served >= asked).any():
        raise ValueError(f"{asked} lies beyond the precision of the demand table")
    index = max(int((served >= asked).argmax()), 1)
    return ServiceLevel(
        level=int(levels[index]),
        asked=asked,
        achieved=float(served[index]),
        short_by_one=float(served[index - 1]),
        fill_rate=float(fill[index]),
        cycle_service=float(cycle[index]),
        on_hand=float(left[index]),
    )


def _tables(
    mean: float, variance: float | None, lead_time: int | Sequence[float], review: int
) -> tuple[Array, Array, float]:
    if mean <= 0 or review < 1:
        raise ValueError("mean must be above 0 and review at least 1")
    before, whole = (demand_over(mean, variance, lead_time, periods) for periods in (0, review))
    return before, whole, mean * review


def _measures(
    levels: NDArray[numpy.int64], tables: tuple[Array, Array, float], batch: int
) -> tuple[Array, Array, Array]:
    """Fill rate, cycle service and stock left of each level; a batch averages over the positions above it."""
    before, whole, demand = tables
    if batch > 1:
        levels = numpy.arange(levels[0] + 1, levels[-1] + batch + 1)
    fill = 1 - (expected_short(whole, levels) - expected_short(before, levels)) / demand
    distribution = numpy.concatenate([[0.0], numpy.cumsum(whole)])
    cycle = distribution[numpy.clip(levels + 1, 0, whole.size)]
    measures = (fill, cycle, expected_left(whole, levels))
    if batch == 1:
        return measures
    mean_of = numpy.ones(batch) / batch
    averaged = [numpy.convolve(each, mean_of, mode="valid") for each in measures]
    return averaged[0], averaged[1], averaged[2]
