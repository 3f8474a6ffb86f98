"""Proficiency testing: scores of ISO 13528:2022 (GB/T 28043), clause 9, and its robust algorithm A (annex C.3).

All arguments of one score share one unit.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

MEDIAN_DEVIATION_FACTOR = 1.483  # Makes the median absolute deviation a standard deviation of a normal distribution.
CUT = 1.5
CUT_FACTOR = 1.134  # Makes up for what the cut at 1.5 standard deviations takes away.
ROUNDS_MAX = 1000
SLACK = 1e-9  # The last binary digit of a quotient decides nothing: 0.05 / 0.05 counts as 1.


class Verdict(StrEnum):
    """What a score says of a participant, ISO 13528, 9.4.2 and 9.7.2."""

    SATISFACTORY = "satisfactory"
    QUESTIONABLE = "questionable"
    UNSATISFACTORY = "unsatisfactory"


@dataclass(frozen=True, slots=True)
class RobustEstimate:
    """Algorithm A's mean and standard deviation, with the standard uncertainty of the mean as assigned value."""

    mean: float
    standard_deviation: float
    standard_uncertainty: float


def z_score(result: float, assigned: float, standard_deviation: float) -> float:
    """z = (x - x_pt) / sigma_pt, ISO 13528, 9.4."""
    return (result - assigned) / _positive(standard_deviation)


def z_prime_score(result: float, assigned: float, standard_deviation: float, assigned_uncertainty: float) -> float:
    """z' = (x - x_pt) / sqrt(sigma_pt^2 + u(x_pt)^2), ISO 13528, 9.5: for an assigned value that is itself doubtful."""
    return (result - assigned) / math.hypot(_positive(standard_deviation), assigned_uncertainty)


def zeta_score(result: float, assigned: float, uncertainty: float, assigned_uncertainty: float) -> float:
    """zeta = (x - x_pt) / sqrt(u(x)^2 + u(x_pt)^2), standard uncertainties, ISO 13528, 9.6."""
    return (result - assigned) / _positive(math.hypot(uncertainty, assigned_uncertainty))


def normalized_error(result: float, assigned: float, expanded: float, assigned_expanded: float) -> float:
    """E_n = (x - x_pt) / sqrt(U(x)^2 + U(x_pt)^2), expanded uncertainties, ISO 13528, 9.7; JJF 1117 likewise."""
    return (result - assigned) / _positive(math.hypot(expanded, assigned_expanded))


def score_verdict(score: float) -> Verdict:
    """Of z, z' and zeta: up to 2 satisfactory, from 3 unsatisfactory, between them questionable."""
    if abs(score) <= 2 + SLACK:
        return Verdict.SATISFACTORY
    return Verdict.UNSATISFACTORY if abs(score) >= 3 - SLACK else Verdict.QUESTIONABLE


def normalized_error_verdict(error: float) -> Verdict:
    """Of E_n: up to 1 satisfactory, else unsatisfactory."""
    return Verdict.SATISFACTORY if abs(error) <= 1 + SLACK else Verdict.UNSATISFACTORY


def assigned_value_is_sure(assigned_uncertainty: float, standard_deviation: float) -> bool:
    """u(x_pt) < 0.3 sigma_pt: its doubt may be left out and z used instead of z', ISO 13528, 9.2.1."""
    return assigned_uncertainty < 0.3 * _positive(standard_deviation)


def robust_estimate(results: Sequence[float]) -> RobustEstimate:
    """Algorithm A, ISO 13528, C.3 (Huber's proposal 2): outliers are drawn in to 1.5 s*, until nothing moves.

    Start: median and 1.483 median |x - x*|, or the plain standard deviation when half of the results are equal.
    u(x_pt) = 1.25 s* / sqrt(p), 7.7.3. Raises ValueError for fewer than three results.
    """
    values = np.asarray(results, dtype=float)
    if len(values) < 3 or not np.all(np.isfinite(values)):
        raise ValueError("a robust mean needs three or more finite results")
    mean = float(np.median(values))
    deviation = MEDIAN_DEVIATION_FACTOR * float(np.median(np.abs(values - mean)))
    if deviation == 0:
        deviation = float(np.std(values, ddof=1))
    for _ in range(ROUNDS_MAX):
        drawn_in = np.clip(values, mean - CUT * deviation, mean + CUT * deviation)
        before = mean, deviation
        mean, deviation = float(np.mean(drawn_in)), CUT_FACTOR * float(np.std(drawn_in, ddof=1))
        if max(abs(mean - before[0]), abs(deviation - before[1])) <= 1e-12 * max(abs(mean), deviation):
            break
    return RobustEstimate(mean, deviation, 1.25 * deviation / math.sqrt(len(values)))


def _positive(scale: float) -> float:
    if not scale > 0:
        raise ValueError("a score needs a standard deviation or uncertainty above 0")
    return scale
