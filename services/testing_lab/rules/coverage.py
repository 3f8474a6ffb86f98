"""From standard to expanded uncertainty: effective degrees of freedom and the coverage factor k.

JCGM 100:2008, annex G; where one or two rectangular inputs dominate the result is no longer normal, and k follows
EA-4/02 M:2022, supplement 2, examples S9 (rectangular) and S10 (trapezoidal).
"""

import math
from collections.abc import Sequence

DOMINANCE_RATIO_MAX = 0.3  # EA-4/02, S9: the other contributions together against the dominant ones.


def effective_degrees_of_freedom(contributions: Sequence[float], degrees_of_freedom: Sequence[float]) -> float:
    """Welch-Satterthwaite, JCGM 100 eq. (G.2b): u_c^4 / sum(u_i^4 / v_i) of independent contributions.

    `contributions` are c_i * u_i in the unit of the result. Infinite when no contribution with finite degrees of
    freedom is left.
    """
    variance = math.fsum(u * u for u in contributions)
    if variance == 0:
        return math.inf
    shares = [(u * u / variance, v) for u, v in zip(contributions, degrees_of_freedom, strict=True)]
    total = math.fsum(share * share / v for share, v in shares)
    return 1 / total if total > 0 else math.inf


def t_factor(probability: float, degrees_of_freedom: float = math.inf) -> float:
    """k of a two-sided interval: the t quantile of JCGM 100 table G.2, degrees of freedom cut to the integer below.

    Raises ValueError below one degree of freedom or for a probability outside (0, 1).
    """
    from scipy.special import ndtri, stdtrit

    if not 0 < probability < 1:
        raise ValueError(f"a coverage probability lies between 0 and 1, not {probability}")
    if not degrees_of_freedom >= 1:
        raise ValueError("below one degree of freedom no interval can be stated: take more readings")
    upper = (1 + probability) / 2
    if math.isinf(degrees_of_freedom):
        return float(ndtri(upper))
    # Never cut 16 to 15 because of the last bit of a quotient.
    return float(stdtrit(math.floor(degrees_of_freedom + 1e-9), upper))


def rectangular_factor(probability: float) -> float:
    """k of a rectangular result: p * sqrt(3), EA-4/02, example S9."""
    return probability * math.sqrt(3)


def trapezoidal_factor(probability: float, half_width: float, other_half_width: float) -> float:
    """k of the sum of two rectangular inputs, EA-4/02, example S10; half-widths in the unit of the result.

    beta = |a1 - a2| / (a1 + a2); k is the half-width of the central interval over the standard deviation
    (a1 + a2) * sqrt((1 + beta^2) / 6).
    """
    beta = abs(half_width - other_half_width) / (half_width + other_half_width)
    if probability / (2 - probability) < beta:
        reach = probability * (1 + beta) / 2
    else:
        reach = 1 - math.sqrt((1 - probability) * (1 - beta**2))
    return reach / math.sqrt((1 + beta**2) / 6)


def choose_factor(
    probability: float,
    degrees_of_freedom: float,
    rectangular_contributions: Sequence[float],
    combined_uncertainty: float,
) -> tuple[float, str]:
    """(k, "t" | "rectangular" | "trapezoidal"): which factor fits the result.

    `rectangular_contributions` are the standard uncertainties |c_i| u_i of the rectangular inputs. One that leaves at
    most 0.3 of itself to all others together makes the result rectangular; failing that, two make it trapezoidal.
    """
    widest = sorted(rectangular_contributions, reverse=True)[:2]
    for dominant in (widest[:1], widest):
        size = math.hypot(*dominant)
        rest = math.sqrt(max(combined_uncertainty**2 - size**2, 0.0))
        if not dominant or size == 0 or rest > DOMINANCE_RATIO_MAX * size * (1 + 1e-12):
            continue
        if len(dominant) == 1 or dominant[1] == 0:
            return rectangular_factor(probability), "rectangular"
        return trapezoidal_factor(probability, dominant[0], dominant[1]), "trapezoidal"
    return t_factor(probability, degrees_of_freedom), "t"
