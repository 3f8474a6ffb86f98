"""Conformance probability and risks of a decision: JCGM 106:2012 (ISO/IEC Guide 98-4).

Values, limits and uncertainties share one unit; a limit that does not exist is None.
"""

import math
from dataclasses import dataclass

import numpy as np

PANELS_MAX = 20_000
REACH = 9.0  # Standard deviations of the production beyond which nothing is counted (1e-19).


@dataclass(frozen=True, slots=True)
class Limits:
    """Tolerance limits, or acceptance limits; both belong to the interval."""

    lower: float | None = None
    upper: float | None = None

    def __post_init__(self) -> None:
        given = [limit for limit in (self.lower, self.upper) if limit is not None]
        if not given or not all(map(math.isfinite, given)):
            raise ValueError("give a lower limit, an upper limit, or both, as finite numbers")
        if self.lower is not None and self.upper is not None and self.lower > self.upper:
            raise ValueError("the lower limit is above the upper one")

    def hold(self, value: float) -> bool:
        """Whether `value` lies within."""
        return self.low <= value <= self.high

    @property
    def low(self) -> float:
        """The lower limit; minus infinity when there is none."""
        return -math.inf if self.lower is None else self.lower

    @property
    def high(self) -> float:
        """The upper limit; infinity when there is none."""
        return math.inf if self.upper is None else self.upper


@dataclass(frozen=True, slots=True)
class Posterior:
    """Estimate and standard uncertainty after prior knowledge and measurement are combined."""

    estimate: float
    standard_uncertainty: float


@dataclass(frozen=True, slots=True)
class GlobalRisks:
    """Of all items measured: the shares that are wrongly accepted and wrongly rejected."""

    consumer: float
    producer: float


def conformance_probability(
    estimate: float, standard_uncertainty: float, lower: float | None = None, upper: float | None = None
) -> float:
    """P(true value within limits) for a normal distribution: Phi((T_U - y) / u) - Phi((T_L - y) / u).

    JCGM 106, clause 7. With u = 0: 1 within the limits, else 0.
    """
    limits = Limits(lower, upper)
    if not (math.isfinite(estimate) and 0 <= standard_uncertainty < math.inf):
        raise ValueError("an estimate is finite, its standard uncertainty finite and 0 or more")
    if standard_uncertainty == 0:
        return float(limits.hold(estimate))
    below = _normal((limits.low - estimate) / standard_uncertainty)
    above = _normal((estimate - limits.high) / standard_uncertainty)
    return max(1.0 - below - above, 0.0)


def posterior(
    prior_mean: float, prior_standard_uncertainty: float, measured: float, standard_uncertainty: float
) -> Posterior:
    """Normal prior and normal measurement combined, weights 1/u^2: JCGM 106, clause 6 (Bayes)."""
    if not (prior_standard_uncertainty > 0 and standard_uncertainty > 0):
        raise ValueError("both uncertainties are above 0")
    prior_weight, weight = prior_standard_uncertainty**-2, standard_uncertainty**-2
    total = prior_weight + weight
    return Posterior((prior_weight * prior_mean + weight * measured) / total, total**-0.5)


def global_risks(
    *,
    process_mean: float,
    process_standard_deviation: float,
    standard_uncertainty: float,
    lower: float | None = None,
    upper: float | None = None,
    acceptance_lower: float | None = None,
    acceptance_upper: float | None = None,
) -> GlobalRisks:
    """Global consumer's and producer's risk of a normal production measured with normal error: JCGM 106, 9.5.

    R_C = integral over true values outside the tolerance of g0(x) P(accepted | x); R_P = integral within the
    tolerance of g0(x) P(rejected | x). Acceptance limits that are not given are the tolerance limits (no guard band).
    """
    tolerance = Limits(lower, upper)
    acceptance = Limits(
        lower if acceptance_lower is None else acceptance_lower, upper if acceptance_upper is None else acceptance_upper
    )
    if not (process_standard_deviation > 0 and standard_uncertainty > 0):
        raise ValueError("standard deviation and standard uncertainty are above 0")
    start = process_mean - REACH * process_standard_deviation
    end = process_mean + REACH * process_standard_deviation
    low, high = min(max(tolerance.low, start), end), min(max(tolerance.high, start), end)
    inside = _weighed(low, high, process_mean, process_standard_deviation, standard_uncertainty, acceptance)
    below = _weighed(start, low, process_mean, process_standard_deviation, standard_uncertainty, acceptance)
    above = _weighed(high, end, process_mean, process_standard_deviation, standard_uncertainty, acceptance)
    return GlobalRisks(consumer=below[0] + above[0], producer=inside[1])


def risks_of_ratio(*, limit_ratio: float, uncertainty_ratio: float, guard_factor: float = 1.0) -> GlobalRisks:
    """Global risks when only ratios are known: D. Deaver, NCSL Workshop and Symposium (1993), and NCSLI RP-19.

    Centred production, symmetric tolerance. `limit_ratio` is tolerance limit over the production's standard deviation,
    `uncertainty_ratio` that standard deviation over u, `guard_factor` acceptance limit over tolerance limit.
    """
    if not (limit_ratio > 0 and uncertainty_ratio > 0 and guard_factor > 0):
        raise ValueError("all ratios are above 0")
    return global_risks(
        process_mean=0.0,
        process_standard_deviation=1.0,
        standard_uncertainty=1.0 / uncertainty_ratio,
        lower=-limit_ratio,
        upper=limit_ratio,
        acceptance_lower=-guard_factor * limit_ratio,
        acceptance_upper=guard_factor * limit_ratio,
    )


def _normal(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2))


def _weighed(
    start: float, end: float, mean: float, deviation: float, uncertainty: float, acceptance: Limits
) -> tuple[float, float]:
    """(accepted, rejected) share of the production between `start` and `end`, by Gauss-Legendre panels."""
    from scipy.special import ndtr

    if end <= start:
        return 0.0, 0.0
    # A panel no wider than the narrower of both bells is integrated to about twelve digits by sixteen points.
    panels = min(max(math.ceil((end - start) / min(deviation, uncertainty)), 1), PANELS_MAX)
    points, weights = np.polynomial.legendre.leggauss(16)
    edges = np.linspace(start, end, panels + 1)
    half = (edges[1:] - edges[:-1])[:, None] / 2
    true = edges[:-1, None] + half * (points + 1)
    density = np.exp(-0.5 * ((true - mean) / deviation) ** 2) / (deviation * math.sqrt(2 * math.pi)) * half * weights
    rejected = ndtr((acceptance.low - true) / uncertainty) + ndtr((true - acceptance.high) / uncertainty)
    return float(np.sum(density * (1 - rejected))), float(np.sum(density * rejected))
