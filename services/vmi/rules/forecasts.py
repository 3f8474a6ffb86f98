"""Forecasts of demand a period for many items at once: smoothing, damped trend, and three for demand that is rare.

Every function takes items x periods, oldest first, and returns items x (periods + 1): column t is the forecast of
period t from what was known before it, so that a replay can use any column; the last is the forecast of what comes.
Column 0, before anything is known, repeats the first known value. nan in the input is a period that tells nothing.
"""

from collections.abc import Callable

import numpy
from numpy.typing import ArrayLike, NDArray

Array = NDArray[numpy.float64]
Forecast = Callable[[ArrayLike], Array]

ALPHA = 0.1  # Weight of the newest value; spare parts are calm.


def exponential_smoothing(demand: ArrayLike, alpha: float = ALPHA) -> Array:
    """SES: level += alpha (demand - level), from the first value (R. G. Brown 1959)."""
    table = _table(demand, alpha)
    return _smooth(table, ~numpy.isnan(table), alpha)


def damped_holt(demand: ArrayLike, alpha: float = ALPHA, beta: float = ALPHA, damping: float = 0.9) -> Array:
    """Holt's linear trend that fades: level and trend are smoothed, the next forecast is level + damping x trend.

    E. S. Gardner and E. McKenzie, "Forecasting trends in time series", Management Science 31 (1985). Starts at the
    first value without trend; never below 0.
    """
    table = _table(demand, alpha, beta, damping)
    known = ~numpy.isnan(table)
    level, trend = _first(table, known), numpy.zeros(len(table))
    forecasts = numpy.empty((len(table), table.shape[1] + 1))
    for period in range(table.shape[1]):
        ahead = level + damping * trend
        forecasts[:, period] = ahead
        now = known[:, period]
        error = numpy.where(now, table[:, period] - ahead, 0.0)
        level = ahead + alpha * error
        trend = damping * trend + alpha * beta * error
    forecasts[:, -1] = level + damping * trend
    return numpy.maximum(forecasts, 0.0)


def damped_total(level: ArrayLike, trend: ArrayLike, damping: float, periods: int) -> Array:
    """Sum of a damped trend's forecasts over the next `periods`: periods x level + trend x sum of damping powers."""
    powers = numpy.cumsum(numpy.power(damping, numpy.arange(1, periods + 1)))
    start, slope = (numpy.asarray(each, dtype=numpy.float64) for each in (level, trend))
    return numpy.asarray(start * periods + slope * powers.sum())


def croston(demand: ArrayLike, alpha: float = ALPHA) -> Array:
    """Croston: size of a demand over the interval between demands, each smoothed when there is one.

    J. D. Croston, "Forecasting and stock control for intermittent demands", Operational Research Quarterly 23 (1972).
    The first demand starts both; its interval counts from the start of the history. 0 until there is one.
    """
    table = _table(demand, alpha)
    size, interval = _sizes_and_intervals(table, alpha)
    return numpy.where(interval > 0, size / numpy.where(interval > 0, interval, 1.0), 0.0)


def syntetos_boylan(demand: ArrayLike, alpha: float = ALPHA) -> Array:
    """SBA: Croston's forecast times 1 - alpha / 2, which takes out most of its bias.

    A. A. Syntetos and J. E. Boylan, "The accuracy of intermittent demand estimates", International Journal of
    Forecasting 21 (2005).
    """
    return (1 - alpha / 2) * croston(demand, alpha)


def teunter_syntetos_babai(demand: ArrayLike, alpha: float = ALPHA, beta: float = ALPHA) -> Array:
    """TSB: size of a demand times the probability of one; the probability is updated every period, so it can die out.

    R. H. Teunter, A. A. Syntetos and M. Z. Babai, "Intermittent demand: linking forecasting to inventory
    obsolescence", European Journal of Operational Research 214 (2011). `beta` weighs the probability.
    """
    table = _table(demand, alpha, beta)
    known = ~numpy.isnan(table)
    size, _ = _sizes_and_intervals(table, alpha)
    happened = numpy.where(known, (table > 0).astype(numpy.float64), numpy.nan)
    return size * _smooth(happened, known, beta)


MODELS: dict[str, Forecast] = {
    "exponential_smoothing": exponential_smoothing,
    "damped_holt": damped_holt,
    "croston": croston,
    "syntetos_boylan": syntetos_boylan,
    "teunter_syntetos_babai": teunter_syntetos_babai,
}


def _table(demand: ArrayLike, *weights: float) -> Array:
    if any(not 0 < weight <= 1 for weight in weights):
        raise ValueError("a weight must be above 0 and at most 1")
    table = numpy.atleast_2d(numpy.asarray(demand, dtype=numpy.float64))
    if table.ndim != 2 or table.shape[1] == 0 or numpy.any(table < 0):
        raise ValueError("demand must be items x periods, not negative")
    return table


def _first(table: Array, known: NDArray[numpy.bool_]) -> Array:
    """First known value of each item, 0 where there is none."""
    value = table[numpy.arange(len(table)), known.argmax(axis=1)]
    return numpy.where(known.any(axis=1), value, 0.0)


def _smooth(table: Array, known: NDArray[numpy.bool_], weight: float) -> Array:
    level = _first(table, known)
    forecasts = numpy.empty((len(table), table.shape[1] + 1))
    for period in range(table.shape[1]):
        forecasts[:, period] = level
        step = numpy.where(known[:, period], table[:, period] - level, 0.0)
        level = level + weight * step
    forecasts[:, -1] = level
    return forecasts


def _sizes_and_intervals(table: Array, weight: float) -> tuple[Array, Array]:
    """Smoothed size of a demand and interval in periods, before each period and after the last; 0 until the first."""
    items, periods = table.shape
    sizes, intervals = numpy.empty((items, periods + 1)), numpy.empty((items, periods + 1))
    size, interval, since = numpy.zeros(items), numpy.zeros(items), numpy.zeros(items)
    for period in range(periods):
        sizes[:, period], intervals[:, period] = size, interval
        value = table[:, period]
        since = since + ~numpy.isnan(value)
        now = value > 0
        step = numpy.where(interval > 0, weight, 1.0)
        size = numpy.where(now, size + step * (value - size), size)
        interval = numpy.where(now, interval + step * (since - interval), interval)
        since = numpy.where(now, 0.0, since)
    sizes[:, -1], intervals[:, -1] = size, interval
    return sizes, intervals
