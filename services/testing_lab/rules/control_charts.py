"""Control charts of a method's check measurements, and when they suspend the method.

Limits by ISO 7870-2:2023 (GB/T 17989.2). Tests: Western Electric, "Statistical Quality Control Handbook" (1956), and
L. S. Nelson, Journal of Quality Technology 16 (1984) 237; for clinical and chemical work J. O. Westgard and others,
Clinical Chemistry 27 (1981) 493. ISO/IEC 17025:2017, 7.7.1 and 7.10: work stops when the check fails.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Mean and standard deviation of the range of 2 to 10 standard normal values, ISO 7870-2, table 2.
_RANGE_MEAN = (1.128, 1.693, 2.059, 2.326, 2.534, 2.704, 2.847, 2.970, 3.078)
_RANGE_DEVIATION = (0.853, 0.888, 0.880, 0.864, 0.848, 0.833, 0.820, 0.808, 0.797)


@dataclass(frozen=True, slots=True)
class ChartLimits:
    """Control limits of a location chart and of its spread chart, in the unit of the readings."""

    centre: float
    lower: float
    upper: float
    spread_centre: float
    spread_lower: float
    spread_upper: float
    sigma: float  # Standard deviation of one plotted point, for the zone tests.


@dataclass(frozen=True, slots=True)
class ZoneTest:
    """At least `hits` of the last `window` points beyond `zone` sigmas on the same side."""

    hits: int
    window: int
    zone: float


@dataclass(frozen=True, slots=True)
class Violation:
    """A test that failed at the point with this index (the first is 0)."""

    test: str
    index: int


_ZONE_TESTS = {
    "western-electric-1": ZoneTest(1, 1, 3),
    "western-electric-2": ZoneTest(2, 3, 2),
    "western-electric-3": ZoneTest(4, 5, 1),
    "western-electric-4": ZoneTest(8, 8, 0),
    "nelson-1": ZoneTest(1, 1, 3),
    "nelson-2": ZoneTest(9, 9, 0),
    "nelson-5": ZoneTest(2, 3, 2),
    "nelson-6": ZoneTest(4, 5, 1),
    "westgard-1-3s": ZoneTest(1, 1, 3),
    "westgard-2-2s": ZoneTest(2, 2, 2),
    "westgard-4-1s": ZoneTest(4, 4, 1),
    "westgard-10x": ZoneTest(10, 10, 0),
}
_OTHER_TESTS = {  # Length of the stretch that the test looks at.
    "nelson-3": 6,  # Steadily rising or falling.
    "nelson-4": 14,  # Alternating up and down.
    "nelson-7": 15,  # All within one sigma: too good.
    "nelson-8": 8,  # None within one sigma, on both sides.
    "westgard-r-4s": 2,  # One beyond +2, its neighbour beyond -2 sigma.
}
TESTS = (*_ZONE_TESTS, *_OTHER_TESTS)
WESTERN_ELECTRIC = tuple(name for name in TESTS if name.startswith("western-electric"))
NELSON = tuple(f"nelson-{number}" for number in range(1, 9))
WESTGARD = tuple(name for name in TESTS if name.startswith("westgard"))


def chart_factors(size: int) -> dict[str, float]:
    """Factors for subgroups of 2 to 10 readings by their textbook names: A2 A3 B3 B4 c4 d2 d3 D3 D4."""
    if not 2 <= size <= 10:
        raise ValueError(f"subgroups of 2 to 10 readings, not {size}")
    c4 = math.sqrt(2 / (size - 1)) * math.exp(math.lgamma(size / 2) - math.lgamma((size - 1) / 2))
    d2, d3 = _RANGE_MEAN[size - 2], _RANGE_DEVIATION[size - 2]
    spread, ratio = 3 * math.sqrt(1 - c4**2) / c4, 3 * d3 / d2
    return {
        "A2": 3 / (d2 * math.sqrt(size)), "A3": 3 / (c4 * math.sqrt(size)),
        "B3": max(0.0, 1 - spread), "B4": 1 + spread,
        "D3": max(0.0, 1 - ratio), "D4": 1 + ratio,
        "c4": c4, "d2": d2, "d3": d3,
    }  # fmt: skip


def mean_and_deviation_limits(mean: float, mean_deviation: float, size: int) -> ChartLimits:
    """X-bar and s chart from the grand mean and the mean standard deviation of subgroups of `size` readings."""
    factors = chart_factors(size)
    reach = factors["A3"] * mean_deviation
    spread = mean_deviation, factors["B3"] * mean_deviation, factors["B4"] * mean_deviation
    return ChartLimits(mean, mean - reach, mean + reach, *spread, sigma=reach / 3)


def mean_and_range_limits(mean: float, mean_range: float, size: int) -> ChartLimits:
    """X-bar and R chart from the grand mean and the mean range of subgroups of `size` readings."""
    factors = chart_factors(size)
    reach = factors["A2"] * mean_range
    spread = mean_range, factors["D3"] * mean_range, factors["D4"] * mean_range
    return ChartLimits(mean, mean - reach, mean + reach, *spread, sigma=reach / 3)


def individual_limits(readings: Sequence[float]) -> ChartLimits:
    """Chart of single readings with moving ranges of two: mean +- 3 MR / d2. Needs two readings or more."""
    if len(readings) < 2:
        raise ValueError("a moving range needs two readings")
    mean, moving = float(np.mean(readings)), float(np.mean(np.abs(np.diff(readings))))
    factors = chart_factors(2)
    reach = 3 * moving / factors["d2"]
    return ChartLimits(mean, mean - reach, mean + reach, moving, 0.0, factors["D4"] * moving, sigma=reach / 3)


def violations(
    points: Sequence[float], *, centre: float, sigma: float, tests: Collection[str] = NELSON
) -> list[Violation]:
    """Every failed test at every point, in order of points. Raises ValueError for an unknown test or sigma <= 0."""
    if unknown := sorted(set(tests) - set(TESTS)):
        raise ValueError(f"no such test: {', '.join(unknown)}")
    if not sigma > 0:
        raise ValueError("sigma is above 0")
    # Rounded, so that a point on the line is not beyond it by its last binary digit.
    z = np.round((np.asarray(points, dtype=float) - centre) / sigma, 9)
    return [
        Violation(test, index)
        for index in range(len(z))
        for test in TESTS
        if test in tests and _fails(test, z[: index + 1])
    ]


def first_failed_tests(
    points: Sequence[float], centre: float, sigma: float, tests: Collection[str] = NELSON
) -> dict[str, int]:
    """Each failed test with the index of the point at which it failed first."""
    found: dict[str, int] = {}
    for violation in violations(points, centre=centre, sigma=sigma, tests=tests):
        found.setdefault(violation.test, violation.index)
    return found


def suspends(
    found: Sequence[Violation], *, stopping_tests: Collection[str], released_up_to: int = -1
) -> list[Violation]:
    """The violations that suspend the method: of a stopping test, at a point after the last released one.

    Nonconforming work that was investigated and closed releases all points up to its own (`released_up_to`, an index).
    """
    return [violation for violation in found if violation.test in stopping_tests and violation.index > released_up_to]


def _fails(name: str, z: NDArray[np.float64]) -> bool:
    if name in _ZONE_TESTS:
        test = _ZONE_TESTS[name]
        if len(z) < test.window:
            return False
        window = z[-test.window :]
        # The newest point must be one of them: a test fails once, not for as long as old points stay in the window.
        above, below = window > test.zone, window < -test.zone
        return bool((above[-1] and above.sum() >= test.hits) or (below[-1] and below.sum() >= test.hits))
    length = _OTHER_TESTS[name]
    if len(z) < length:
        return False
    window = z[-length:]
    steps = np.sign(np.diff(window))
    match name:
        case "nelson-3":
            return bool(np.all(steps == 1) or np.all(steps == -1))
        case "nelson-4":
            return bool(np.all(steps[1:] * steps[:-1] == -1))
        case "nelson-7":
            return bool(np.all(np.abs(window) < 1))
        case "nelson-8":
            return bool(np.all(np.abs(window) > 1) and window.min() < 0 < window.max())
        case _:
            return bool(window.max() > 2 and window.min() < -2)
