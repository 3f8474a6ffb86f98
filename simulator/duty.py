"""When customers need their pumps: the demand of one local day as steps. Shapes are a judgement.

A demand is a ratio to the rated flow; 0 means stopped. A day depends only on the duty, the date and the generator
given for it, so a world can start on any day.
"""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum

import numpy

DAY_S = 86_400
Steps = list[tuple[int, float]]  # (second of the local day, demand from then on), the first at 0.

# Water drawn in a town, hour by hour: morning and evening peaks; the mean is about 0.8.
CITY = (
    0.58, 0.55, 0.54, 0.55, 0.60, 0.72, 0.90, 1.00, 0.98, 0.92, 0.88, 0.87,
    0.90, 0.86, 0.82, 0.82, 0.85, 0.92, 0.99, 1.00, 0.95, 0.85, 0.74, 0.64,
)  # fmt: skip


class Duty(StrEnum):
    """Duty cycles of customers."""

    CITY = "city"  # Day and night, follows the town.
    BASE_LOAD = "base_load"  # Day and night, steady.
    TWO_SHIFTS = "two_shifts"  # 06-22 on working days, 06-14 on Saturday.
    DAY_SHIFT = "day_shift"  # 08-18 on working days.
    BATCH = "batch"  # A batch of an hour or two, then a pause; Sunday rests.
    DRAINAGE = "drainage"  # On and off with the level of the sump.


def steps_of_day(duty: Duty, day: date, chance: numpy.random.Generator) -> Steps:
    """Demand of `day` (local date)."""
    return _SHAPES[duty](day.weekday(), chance)


def demand_from(
    duty: Duty, start: datetime, local: tzinfo, chance_of_day: Callable[[date], numpy.random.Generator]
) -> Iterator[tuple[datetime, float]]:
    """(time, demand from then on) without end, beginning with the demand that holds at `start`, given for `start`."""
    midnight = start.astimezone(local).replace(hour=0, minute=0, second=0, microsecond=0)
    now = 0.0
    begun = False
    while True:
        day = midnight.date()
        for second, demand in steps_of_day(duty, day, chance_of_day(day)):
            at = midnight + timedelta(seconds=second)
            if at > start:
                if not begun:
                    yield start, now
                    begun = True
                yield at, demand
            now = demand
        midnight += timedelta(days=1)


def _hourly(demand_of_hour: Callable[[int], float], chance: numpy.random.Generator) -> Steps:
    spread = 1 + 0.02 * numpy.clip(chance.standard_normal(24), -2, 2)
    return [(hour * 3600, round(float(demand_of_hour(hour) * spread[hour]), 3)) for hour in range(24)]


def _city(weekday: int, chance: numpy.random.Generator) -> Steps:
    weekend = 0.95 if weekday >= 5 else 1.0
    return _hourly(lambda hour: CITY[hour] * weekend, chance)


def _base_load(_weekday: int, chance: numpy.random.Generator) -> Steps:
    return _hourly(lambda hour: 0.88 if 7 <= hour < 21 else 0.80, chance)


def _shift(start_h: int, end_h: int, chance: numpy.random.Generator) -> Steps:
    """Runs from `start_h` to `end_h` with a slower half hour in the middle; people are some minutes early or late."""
    begin, pause, finish = (
        int(hour * 3600 + chance.uniform(-600, 600)) for hour in (start_h, (start_h + end_h) / 2, end_h)
    )
    demand = round(float(chance.uniform(0.85, 0.98)), 3)
    return [(0, 0.0), (begin, demand), (pause, round(demand * 0.7, 3)), (pause + 1800, demand), (finish, 0.0)]


def _two_shifts(weekday: int, chance: numpy.random.Generator) -> Steps:
    if weekday == 6:
        return [(0, 0.0)]
    return _shift(6, 14 if weekday == 5 else 22, chance)


def _day_shift(weekday: int, chance: numpy.random.Generator) -> Steps:
    return [(0, 0.0)] if weekday >= 5 else _shift(8, 18, chance)


def _alternating(
    chance: numpy.random.Generator, run_s: tuple[float, float], rest_s: tuple[float, float], demand: tuple[float, float]
) -> Steps:
    steps: Steps = [(0, 0.0)]
    second = int(chance.uniform(60, rest_s[1]))
    while second < DAY_S - run_s[1]:
        steps.append((second, round(float(chance.uniform(*demand)), 3)))
        second += int(chance.uniform(*run_s))
        steps.append((second, 0.0))
        second += int(chance.uniform(*rest_s))
    return steps


def _batch(weekday: int, chance: numpy.random.Generator) -> Steps:
    if weekday == 6:
        return [(0, 0.0)]
    return _alternating(chance, (4200, 7200), (900, 2400), (0.8, 0.98))


def _drainage(_weekday: int, chance: numpy.random.Generator) -> Steps:
    return _alternating(chance, (900, 2400), (600, 2700), (1.0, 1.0))


_SHAPES = {
    Duty.CITY: _city,
    Duty.BASE_LOAD: _base_load,
    Duty.TWO_SHIFTS: _two_shifts,
    Duty.DAY_SHIFT: _day_shift,
    Duty.BATCH: _batch,
    Duty.DRAINAGE: _drainage,
}
