"""How well a supply served, in figures that both sides compute in the same way."""

from dataclasses import dataclass

import numpy
from numpy.typing import ArrayLike, NDArray

Array = NDArray[numpy.float64]


@dataclass(frozen=True, slots=True)
class StockMeasures:
    """Per item: `fill_rate` (nan without demand), periods out of stock, mean stock, `turns` a year, `cover_periods`.

    `turns` and `cover_periods` are nan where there was no stock, or no use.
    """

    fill_rate: Array
    stock_out_periods: NDArray[numpy.int64]
    mean_stock: Array
    turns: Array
    cover_periods: Array


def measure_stock(demand: ArrayLike, served: ArrayLike, end_stock: ArrayLike, periods_per_year: float) -> StockMeasures:
    """Measures of items x periods: demanded and served from stock at once, stock at each period's end.

    fill rate = served / demanded; turns = served / mean stock x periods per year / periods; cover = mean stock / mean
    served. A period is out of stock when something demanded was not served.
    """
    wanted, given, stock = (
        numpy.atleast_2d(numpy.asarray(each, dtype=numpy.float64)) for each in (demand, served, end_stock)
    )
    if not wanted.shape == given.shape == stock.shape or wanted.shape[1] == 0:
        raise ValueError("demand, served and end_stock must have the same shape")
    if numpy.any(given > wanted) or numpy.any(given < 0) or numpy.any(stock < 0):
        raise ValueError("served must lie between 0 and demand, and stock must not be negative")
    total, used, mean_stock = wanted.sum(axis=1), given.sum(axis=1), stock.mean(axis=1)
    periods = wanted.shape[1]
    return StockMeasures(
        fill_rate=_ratio(used, total),
        stock_out_periods=(given < wanted).sum(axis=1),
        mean_stock=mean_stock,
        turns=_ratio(used * periods_per_year / periods, mean_stock),
        cover_periods=_ratio(mean_stock, used / periods),
    )


def on_time_in_full(
    ordered: ArrayLike,
    delivered: ArrayLike,
    promised: ArrayLike,
    arrived: ArrayLike,
    early: float = 0.0,
    late: float = 0.0,
) -> float:
    """OTIF: share of order lines that came complete and within their window; nan without lines.

    One value a line: quantities in units, times on one scale; `early` and `late` are how far before and after the
    promise a line still counts. nan in `arrived` has not come. More than was ordered is not in full.
    """
    wanted, given, due, came = (
        numpy.asarray(each, dtype=numpy.float64) for each in (ordered, delivered, promised, arrived)
    )
    if wanted.size == 0:
        return float("nan")
    good = (given == wanted) & (came >= due - early) & (came <= due + late)
    return float(good.mean())


def _ratio(above: Array, below: Array) -> Array:
    return numpy.where(below > 0, above / numpy.where(below > 0, below, 1.0), numpy.nan)
