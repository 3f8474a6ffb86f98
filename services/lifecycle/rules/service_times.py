"""How fast faults are answered and mended, and how much of the time a machine could be used.

Terms and formulas: IEC 60050-192 (mean up time, mean time to restoration, availability) and ISO 22400-2.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MeanTime:
    """Mean of the finished cases in seconds, none without any; `open_count` cases are not finished yet."""

    mean_s: float | None
    count: int
    open_count: int
    longest_s: float | None


def mean_time(*, intervals_us: Sequence[tuple[int, int | None]]) -> MeanTime:
    """Mean length of (start, end) pairs in microseconds; an end of None is still open and does not enter the mean.

    Raised to acknowledged gives the mean time to respond; start to completion of repair the mean time to repair.
    """
    lengths_s = []
    for start_us, end_us in intervals_us:
        if end_us is None:
            continue
        if end_us < start_us:
            raise ValueError("an interval ends before it starts")
        lengths_s.append((end_us - start_us) / 1e6)
    unfinished = len(intervals_us) - len(lengths_s)
    if not lengths_s:
        return MeanTime(None, 0, unfinished, None)
    return MeanTime(sum(lengths_s) / len(lengths_s), len(lengths_s), unfinished, max(lengths_s))


@dataclass(frozen=True, slots=True)
class Availability:
    """`ratio` = up / (up + down), none when neither was seen; time in an unknown state is in neither."""

    ratio: float | None
    up_s: float
    down_s: float
    unknown_s: float
    failures: int
    mean_up_s: float | None
    mean_down_s: float | None


def availability_from_states(
    *,
    intervals: Sequence[tuple[str, int, int | None]],
    start_us: int,
    end_us: int,
    down: Collection[str] = ("alarm",),
    unknown: Collection[str] = ("offline",),
) -> Availability:
    """Availability within a window from (state, start, end) in microseconds that do not overlap, in order of time.

    A machine that stands because nobody needs it is up. Parts of the window without any interval are unknown. Each
    time it goes down counts as one failure, also when an unknown time lies inside the same outage.
    """
    if end_us <= start_us:
        raise ValueError("the window ends before it starts")
    seconds = {"up": 0.0, "down": 0.0}
    failures, was_down, covered_us = 0, False, start_us
    for state, begins_us, ends_us in intervals:
        begin, end = max(begins_us, start_us), min(end_us if ends_us is None else ends_us, end_us)
        if end <= begin:
            continue
        if begin < covered_us:
            raise ValueError("intervals overlap or are not in order of time")
        covered_us = end
        if state in unknown:
            continue
        is_down = state in down
        seconds["down" if is_down else "up"] += (end - begin) / 1e6
        failures += is_down and not was_down
        was_down = is_down
    up_s, down_s = seconds["up"], seconds["down"]
    return Availability(
        ratio=up_s / (up_s + down_s) if up_s + down_s else None,
        up_s=up_s,
        down_s=down_s,
        unknown_s=(end_us - start_us) / 1e6 - up_s - down_s,
        failures=failures,
        mean_up_s=up_s / failures if failures else None,
        mean_down_s=down_s / failures if failures else None,
    )


def inherent_availability(*, mean_up_time: float, mean_down_time: float) -> float:
    """MTBF / (MTBF + MTTR), both in one unit; MTBF here is the mean operating time between failures."""
    if mean_up_time < 0 or mean_down_time < 0 or mean_up_time + mean_down_time == 0:
        raise ValueError("needs times of at least 0 of which one is above 0")
    return mean_up_time / (mean_up_time + mean_down_time)
