"""Which consumption model an item gets: the one whose replayed orders would have cost least, not the smallest error.

On demand that is rare, 'always zero' has the least absolute error and would leave every customer without a part. So
each model drives a base stock through the item's own history, and the cost is compared. What is chosen on the earlier
part of the history is scored on the later part, which it has not seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy
from numpy.typing import ArrayLike, NDArray

from services.vmi.rules.forecasts import MODELS, Forecast

Array = NDArray[numpy.float64]

SAFETY_FACTORS = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)  # Root mean square errors of the period forecast.
ERROR_WEIGHT = 0.1


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Per item: `model` and `safety_factor` to use, and costs a period on the later part of the history.

    `chosen_cost` is that of what the earlier part chose, `present_cost` that of the present model: their means are a
    fair comparison. Where the choice did not save anything on the later part, the present model stays (`changed` is
    False, `gain` 0): no gain here. A single item's gain is flattered, since only confirmed choices are kept.
    """

    model: NDArray[numpy.str_]
    safety_factor: Array
    chosen_cost: Array
    present_cost: Array
    gain: Array
    changed: NDArray[numpy.bool_]


def replay_costs(
    demand: Array,
    forecast: Array,
    lead_time: int,
    holding_cost: Array,
    stockout_cost: Array,
    safety_factors: Sequence[float] = SAFETY_FACTORS,
) -> Array:
    """Cost of every period, factors x items x (periods - lead_time), of a base stock that follows the forecasts.

    At the start of period t, before its demand, the position is raised to forecast x (L + 1) + factor x error x
    sqrt(L + 1), rounded up, and never lowered; what is ordered arrives at the start of t + L, so the stock at the end
    of t + L is the position less the demand of t ... t + L. Column t holds that period's cost. `error` is the smoothed
    root mean square of the one-step errors so far.
    """
    items, periods = demand.shape
    factors = numpy.asarray(safety_factors, dtype=numpy.float64)[:, None]
    span = lead_time + 1
    sums = numpy.concatenate([numpy.zeros((items, 1)), numpy.cumsum(demand, axis=1)], axis=1)
    costs = numpy.empty((len(factors), items, max(periods - lead_time, 0)))
    squares = numpy.zeros(items)
    position = numpy.zeros((len(factors), items))
    for period in range(periods - lead_time):
        target = forecast[:, period] * span + factors * numpy.sqrt(squares * span)
        position = numpy.maximum(position, numpy.ceil(target - 1e-9))
        end = position - (sums[:, period + span] - sums[:, period])
        costs[:, :, period] = holding_cost * numpy.maximum(end, 0) + stockout_cost * numpy.maximum(-end, 0)
        position = position - demand[:, period]
        error = demand[:, period] - forecast[:, period]
        weight = ERROR_WEIGHT if period else 1.0
        squares = squares + weight * (error**2 - squares)
    return costs


def choose_model(
    demand: ArrayLike,
    lead_time: int,
    holding_cost: ArrayLike,
    stockout_cost: ArrayLike,
    tune_periods: int,
    warm_up_periods: int = 0,
    present: str = "exponential_smoothing",
    models: Mapping[str, Forecast] = MODELS,
    safety_factors: Sequence[float] = SAFETY_FACTORS,
) -> ModelChoice:
    """Choose for items x periods of (repaired) demand; costs per unit and period, one or one an item.

    Periods from `warm_up_periods` to `tune_periods` choose model and factor, those from `tune_periods` on score. The
    present model is given its own best factor, so that a gain is the model's and not the factor's. Costs count in the
    period in which the order was decided.
    """
    table = numpy.atleast_2d(numpy.asarray(demand, dtype=numpy.float64))
    items, periods = table.shape
    decided = periods - lead_time
    if not 0 <= warm_up_periods < tune_periods < decided or lead_time < 0:
        raise ValueError("history is too short: warm-up < tuning < periods - lead_time is needed")
    if present not in models:
        raise ValueError(f"the present model {present!r} is not one of {', '.join(models)}")
    if numpy.any(~(table >= 0)):
        raise ValueError("demand must be known and not negative")
    holding = numpy.broadcast_to(numpy.asarray(holding_cost, dtype=numpy.float64), (items,))
    stockout = numpy.broadcast_to(numpy.asarray(stockout_cost, dtype=numpy.float64), (items,))
    tuned, scored = [], []
    for model in models.values():
        costs = replay_costs(table, model(table), lead_time, holding, stockout, safety_factors)
        # A cost decided before the cut but incurred after it would have been seen too late to choose by.
        tuned.append(costs[:, :, warm_up_periods : max(tune_periods - lead_time, warm_up_periods + 1)].mean(axis=2))
        scored.append(costs[:, :, tune_periods:].mean(axis=2))
    earlier, later = numpy.stack(tuned), numpy.stack(scored)  # models x factors x items
    factor = earlier.argmin(axis=1)
    rows = numpy.arange(items)
    best = numpy.take_along_axis(earlier, factor[:, None, :], axis=1)[:, 0].argmin(axis=0)
    now = list(models).index(present)
    cost = later[best, factor[best, rows], rows]
    present_cost = later[now, factor[now], rows]
    changed = cost < present_cost
    kept = numpy.where(changed, best, now)
    return ModelChoice(
        model=numpy.array(list(models))[kept],
        safety_factor=numpy.asarray(safety_factors, dtype=numpy.float64)[factor[kept, rows]],
        chosen_cost=cost,
        present_cost=present_cost,
        gain=numpy.where(changed, present_cost - cost, 0.0),
        changed=changed,
    )
