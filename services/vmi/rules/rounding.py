"""From what is needed to what can be ordered: least order, case packs, most that is allowed, whole trucks."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy
from numpy.typing import ArrayLike, NDArray

Array = NDArray[numpy.float64]

EPSILON = 1e-9


@dataclass(frozen=True, slots=True)
class RoundedOrder:
    """Per item: `quantity` in units and what bound it: nothing_needed, none, case_pack, minimum or maximum.

    Never below the need unless `maximum` bound it, which is 0 too where not even the least order is allowed.
    """

    quantity: Array
    bound: NDArray[numpy.str_]


@dataclass(frozen=True, slots=True)
class LoadLine:
    """One item of a load: `need` and `room` above it in units (room: how much more than the need may go along).

    `volume_m3` and `weight_kg` are of one unit, `cover_periods` how long stock without this load lasts, `demand_mean`
    units a period.
    """

    item: str
    need: int
    case_pack: int
    volume_m3: float
    weight_kg: float
    cover_periods: float
    demand_mean: float
    room: int = 0


@dataclass(frozen=True, slots=True)
class TruckLoad:
    """`quantities` in units by item, `trucks`, shares of volume and weight used, and units of need `left_behind`.

    `bound`: volume or weight where no further pack fits, trucks_max where need was left behind, room where nothing
    more was wanted, none without any need.
    """

    quantities: dict[str, int]
    trucks: int
    volume_share: float
    weight_share: float
    left_behind: dict[str, int]
    bound: str


def round_order(
    need: ArrayLike, case_pack: ArrayLike = 1.0, minimum: ArrayLike = 0.0, maximum: ArrayLike = numpy.inf
) -> RoundedOrder:
    """Round needs up to whole packs, at least `minimum`, at most the whole packs within `maximum`; inputs broadcast."""
    inputs = [numpy.asarray(each, dtype=numpy.float64) for each in (need, case_pack, minimum, maximum)]
    wanted, pack, least, most = numpy.broadcast_arrays(*inputs)
    if numpy.any(~(pack > 0)) or numpy.any(~(least >= 0)) or numpy.any(~(most >= 0)):
        raise ValueError("case_pack must be above 0, minimum and maximum must not be negative")
    lowest = numpy.ceil(least / pack - EPSILON) * pack
    in_packs = numpy.ceil(wanted / pack - EPSILON) * pack
    raised = numpy.maximum(in_packs, lowest)
    finite = numpy.where(numpy.isfinite(most), most, 0.0)
    cap = numpy.where(numpy.isfinite(most), numpy.floor(finite / pack + EPSILON) * pack, numpy.inf)
    quantity = numpy.minimum(raised, cap)
    quantity = numpy.where(quantity < lowest, 0.0, quantity)
    bound = numpy.where(in_packs > wanted + EPSILON, "case_pack", "none")
    bound = numpy.where(lowest > in_packs, "minimum", bound)
    bound = numpy.where(cap < raised, "maximum", bound)
    nothing = wanted <= 0
    return RoundedOrder(numpy.where(nothing, 0.0, quantity), numpy.where(nothing, "nothing_needed", bound))


def plan_load(
    lines: Sequence[LoadLine], truck_volume_m3: float, truck_weight_kg: float, trucks_max: int | None = None
) -> TruckLoad:
    """How many trucks the needs take, and what else goes along in the room that is paid for anyway.

    A pack more goes to the line whose stock would run out first, for as long as it fits and the line has room. With
    more need than `trucks_max` can carry, packs stay behind from the line whose stock would last longest. Volume and
    weight are summed over the trucks; how the packs are stowed is not decided here.
    """
    if truck_volume_m3 <= 0 or truck_weight_kg <= 0 or len({line.item for line in lines}) != len(lines):
        raise ValueError("a truck needs volume and weight above 0, and every item may stand on one line only")
    packs = [ceil(max(line.need, 0) / line.case_pack) for line in lines]
    trucks = _trucks(lines, packs, truck_volume_m3, truck_weight_kg)
    bound = "none"
    left = [0] * len(lines)
    if trucks_max is not None and trucks > trucks_max:
        trucks, bound = trucks_max, "trucks_max"
        needed = packs.copy()
        _take_out(lines, packs, trucks * truck_volume_m3, trucks * truck_weight_kg)
        left = [
            max(line.need - pack * line.case_pack, 0) if pack < whole else 0
            for line, pack, whole in zip(lines, packs, needed, strict=True)
        ]
    elif trucks:
        bound = _top_up(lines, packs, trucks * truck_volume_m3, trucks * truck_weight_kg)
    volume, weight = _totals(lines, packs)
    return TruckLoad(
        quantities={line.item: pack * line.case_pack for line, pack in zip(lines, packs, strict=True)},
        trucks=trucks,
        volume_share=volume / (trucks * truck_volume_m3) if trucks else 0.0,
        weight_share=weight / (trucks * truck_weight_kg) if trucks else 0.0,
        left_behind={line.item: units for line, units in zip(lines, left, strict=True) if units},
        bound=bound,
    )


def _totals(lines: Sequence[LoadLine], packs: Sequence[int]) -> tuple[float, float]:
    units = [pack * line.case_pack for line, pack in zip(lines, packs, strict=True)]
    volume = sum(each * line.volume_m3 for line, each in zip(lines, units, strict=True))
    return volume, sum(each * line.weight_kg for line, each in zip(lines, units, strict=True))


def _trucks(lines: Sequence[LoadLine], packs: Sequence[int], volume_m3: float, weight_kg: float) -> int:
    volume, weight = _totals(lines, packs)
    return ceil(max(volume / volume_m3, weight / weight_kg) - EPSILON)


def _cover(line: LoadLine, packs: int) -> float:
    """Periods until the line runs out with so many packs; endless without demand."""
    return line.cover_periods + packs * line.case_pack / line.demand_mean if line.demand_mean > 0 else float("inf")


def _take_out(lines: Sequence[LoadLine], packs: list[int], volume_m3: float, weight_kg: float) -> None:
    volume, weight = _totals(lines, packs)
    queue = [(-_cover(line, packs[index]), index) for index, line in enumerate(lines) if packs[index]]
    heapq.heapify(queue)
    while queue and (volume > volume_m3 + EPSILON or weight > weight_kg + EPSILON):
        _, index = heapq.heappop(queue)
        line = lines[index]
        packs[index] -= 1
        volume -= line.case_pack * line.volume_m3
        weight -= line.case_pack * line.weight_kg
        if packs[index]:
            heapq.heappush(queue, (-_cover(line, packs[index]), index))


def _top_up(lines: Sequence[LoadLine], packs: list[int], volume_m3: float, weight_kg: float) -> str:
    """Fill what is left; says what stopped it."""
    volume, weight = _totals(lines, packs)
    bound = "room"
    queue = [(_cover(line, packs[index]), index) for index, line in enumerate(lines) if line.demand_mean > 0]
    heapq.heapify(queue)
    while queue:
        _, index = heapq.heappop(queue)
        line = lines[index]
        if (packs[index] + 1) * line.case_pack > max(line.need, 0) + line.room:
            continue
        more_volume, more_weight = line.case_pack * line.volume_m3, line.case_pack * line.weight_kg
        if volume + more_volume > volume_m3 + EPSILON or weight + more_weight > weight_kg + EPSILON:
            bound = "volume" if volume + more_volume > volume_m3 + EPSILON else "weight"
            continue
        packs[index] += 1
        volume, weight = volume + more_volume, weight + more_weight
        heapq.heappush(queue, (_cover(line, packs[index]), index))
    return bound
