"""Propagation of distributions by drawing: JCGM 101:2008, the cross-check of a budget."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.kernel.chance import stream
from services.testing_lab.rules.budget import Budget, Correlations, correlation_matrix
from services.testing_lab.rules.expression import Model
from services.testing_lab.rules.quantities import Quantity, parse_quantity

BLOCKS_MIN = 10  # The spread over fewer blocks may be small by luck, and the procedure would stop too soon.
TRIALS_MAX = 2_000_000  # 16 MB of results; most budgets settle well before.


@dataclass(frozen=True, slots=True)
class Simulation:
    """What the drawn results show, in the unit of the result."""

    value: float  # Mean of the results.
    standard_uncertainty: float
    lower: float
    upper: float
    coverage_probability: float
    trials: int
    settled: bool  # More trials would not change the wanted digits.


@dataclass(frozen=True, slots=True)
class CrossCheck:
    """Whether a budget may be used: both ends of its interval agree with the simulation within `tolerance`."""

    agrees: bool
    tolerance: float
    lower_difference: float
    upper_difference: float


def numerical_tolerance(uncertainty: float, significant_digits: int = 2) -> float:
    """Half of the last place of `uncertainty` written with `significant_digits`: JCGM 101, 7.9.2."""
    if not uncertainty > 0 or significant_digits < 1:
        raise ValueError("a tolerance needs an uncertainty above 0 and at least one digit")
    exponent = int(f"{uncertainty:.{significant_digits - 1}e}".partition("e")[2])
    return 0.5 * 10.0 ** (exponent - significant_digits + 1)


def coverage_interval(results: NDArray[np.float64], probability: float, shortest: bool = False) -> tuple[float, float]:
    """(lower, upper) that holds `probability` of sorted `results`: probabilistically symmetric or shortest.

    JCGM 101, 7.7: q = int(p M + 1/2); the interval runs from the r-th to the (r + q)-th result, with r = (M - q) / 2
    rounded up, or the r that makes it shortest.
    """
    count = len(results)
    covered = int(probability * count + 0.5)
    if not 0 < covered < count:
        raise ValueError(f"{count} results tell nothing of a coverage of {probability}")
    start = (
        int(np.argmin(results[covered:] - results[: count - covered])) if shortest else (count - covered + 1) // 2 - 1
    )
    return float(results[start]), float(results[start + covered])


def simulate(
    model: Model,
    quantities: Sequence[Quantity],
    generator: np.random.Generator,
    *,
    correlations: Correlations | None = None,
    coverage_probability: float = 0.95,
    shortest: bool = False,
    significant_digits: int = 1,
    trials_max: int = TRIALS_MAX,
) -> Simulation:
    """Draw until value, uncertainty and both ends are stable: the adaptive procedure of JCGM 101, 7.9.4.

    At least ten blocks of max(10^4, 100 / (1 - p)) trials are drawn, until twice the standard deviation of each mean
    over the blocks is below the tolerance of `significant_digits` of u, or `trials_max` is reached (`settled` is then
    false). Correlated inputs must be normal (6.4.8). Raises ValueError where the model has no finite value for a draw.
    """
    sampler = _sampler(quantities, correlations or {})
    if not 0 < coverage_probability < 1 - 100 / trials_max:
        raise ValueError(f"{trials_max} trials tell nothing of a coverage of {coverage_probability}")
    block = max(10_000, math.ceil(100 / (1 - coverage_probability)))
    results: list[NDArray[np.float64]] = []
    figures: list[tuple[float, ...]] = []
    settled = False
    while not settled and (len(results) + 1) * block <= max(trials_max, block):
        drawn = np.sort(np.broadcast_to(model.evaluate(sampler(generator, block)), block))
        results.append(drawn)
        ends = coverage_interval(drawn, coverage_probability, shortest)
        figures.append((float(drawn.mean()), float(drawn.std(ddof=1)), *ends))
        if len(results) >= BLOCKS_MIN:
            spread = np.std(figures, axis=0, ddof=1) / math.sqrt(len(figures))
            uncertainty = float(np.mean([each[1] for each in figures]))
            settled = uncertainty == 0 or bool(
                np.all(2 * spread < numerical_tolerance(uncertainty, significant_digits))
            )
    together = np.sort(np.concatenate(results))
    lower, upper = coverage_interval(together, coverage_probability, shortest)
    return Simulation(
        float(together.mean()), float(together.std(ddof=1)), lower, upper, coverage_probability, len(together), settled
    )


def simulate_plain(
    model: str,
    quantities: Sequence[Mapping[str, Any]],
    seed: int,
    correlations: Sequence[tuple[str, str, float]] = (),
    coverage_probability: float = 0.95,
    shortest: bool = False,
    significant_digits: int = 1,
    trials_max: int = TRIALS_MAX,
) -> Simulation:
    """`simulate` of the plain form, from a seed: the same seed gives the same figures."""
    return simulate(
        Model(model),
        [parse_quantity(raw) for raw in quantities],
        stream(seed, "monte-carlo"),
        correlations={(left, right): value for left, right, value in correlations},
        coverage_probability=coverage_probability,
        shortest=shortest,
        significant_digits=significant_digits,
        trials_max=trials_max,
    )


def cross_check(budget: Budget, simulation: Simulation, significant_digits: int = 2) -> CrossCheck:
    """JCGM 101, 8.1: compare y - U and y + U of the budget with the ends found by simulation."""
    tolerance = numerical_tolerance(budget.standard_uncertainty, significant_digits)
    lower = abs(budget.value - budget.expanded_uncertainty - simulation.lower)
    upper = abs(budget.value + budget.expanded_uncertainty - simulation.upper)
    return CrossCheck(max(lower, upper) <= tolerance, tolerance, lower, upper)


def _sampler(quantities: Sequence[Quantity], correlations: Correlations) -> Any:
    """A function (generator, count) -> values by name."""
    joined = [q for q in quantities if any(q.name in pair for pair in correlations)]
    if wrong := [q.name for q in joined if q.shape != "normal"]:
        raise ValueError(f"correlated inputs are drawn together as normal ones; {', '.join(wrong)} is not normal")
    matrix = correlation_matrix([q.name for q in quantities], correlations)
    rows = [index for index, q in enumerate(quantities) if q in joined]
    uncertainties = np.array([q.standard_uncertainty for q in joined])
    covariance = matrix[np.ix_(rows, rows)] * np.outer(uncertainties, uncertainties)

    def sample(generator: np.random.Generator, count: int) -> dict[str, NDArray[np.float64]]:
        values = {q.name: q.draw(generator, count) for q in quantities if q not in joined}
        if joined:
            # A correlation of exactly +-1 makes the matrix singular: eigenvectors take that, Cholesky does not.
            means = [q.estimate for q in joined]
            drawn = generator.multivariate_normal(means, covariance, count, method="eigh")
            values |= {q.name: drawn[:, index] for index, q in enumerate(joined)}
        return values

    return sample
