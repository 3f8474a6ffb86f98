"""When an instrument is due again, and whether it held between two calibrations.

ILAC-G24:2022 (OIML D 10), method 1, automatic adjustment ("staircase"); its two steps are tied to the wanted
reliability as in NCSLI RP-1, method A1: H. Castrup, "Calibration intervals from variables data" (2005) and before.
"""

import math
from collections.abc import Sequence

from services.testing_lab.rules.proficiency import Verdict, normalized_error, normalized_error_verdict


def shortening(lengthening: float, wanted_reliability: float) -> float:
    """The factor after a failure that balances `lengthening` (> 1) after a success at the wanted reliability R.

    lengthening^R * shortening^(1 - R) = 1, so that on average the interval stands still where R is met.
    """
    if not (lengthening > 1 and 0 < wanted_reliability < 1):
        raise ValueError("lengthening is above 1, a reliability between 0 and 1")
    return float(lengthening ** (-wanted_reliability / (1 - wanted_reliability)))


def next_interval_days(
    interval_days: float,
    *,
    found_in_tolerance: bool,
    wanted_reliability: float = 0.9,
    lengthening: float = 1.1,
    interval_days_min: float = 30,
    interval_days_max: float = 1825,
) -> float:
    """The interval after a calibration, in days: longer when found in tolerance, much shorter when not."""
    if not 0 < interval_days_min <= interval_days_max or not interval_days > 0:
        raise ValueError("intervals are above 0, the shortest is not above the longest")
    factor = lengthening if found_in_tolerance else shortening(lengthening, wanted_reliability)
    return min(max(interval_days * factor, interval_days_min), interval_days_max)


def days_until_limit(
    days: Sequence[float], errors: Sequence[float], *, limit: float, expanded_uncertainty: float
) -> float:
    """Days from the last calibration until the drift line plus U reaches +-limit: ILAC-G24, method 2.

    A straight line through errors of indication (unit of `limit`) at `days`; 0 when the limit is reached already,
    infinity without drift. Raises ValueError for fewer than two different days.
    """
    if len(days) != len(errors) or len(set(days)) < 2:
        raise ValueError("a drift needs calibrations on two different days")
    mean_day, mean_error = math.fsum(days) / len(days), math.fsum(errors) / len(errors)
    slope = math.fsum((d - mean_day) * (e - mean_error) for d, e in zip(days, errors, strict=True))
    slope /= math.fsum((d - mean_day) ** 2 for d in days)
    now = mean_error + slope * (max(days) - mean_day)
    if abs(now) + expanded_uncertainty >= limit:
        return 0.0
    if slope == 0:
        return math.inf
    return (math.copysign(limit - expanded_uncertainty, slope) - now) / slope


def held_between(first: float, second: float, first_expanded: float, second_expanded: float) -> bool:
    """Intermediate check (期间核查): |y1 - y2| <= sqrt(U1^2 + U2^2), ISO/IEC 17025:2017, 6.4.10; that is |E_n| <= 1."""
    error = normalized_error(first, second, first_expanded, second_expanded)
    return normalized_error_verdict(error) is Verdict.SATISFACTORY
