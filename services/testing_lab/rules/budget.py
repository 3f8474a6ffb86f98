"""The uncertainty budget of a measurement: JCGM 100:2008, clauses 5 and 6, for one model and its inputs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.testing_lab.rules.coverage import choose_factor, effective_degrees_of_freedom, t_factor
from services.testing_lab.rules.expression import Model
from services.testing_lab.rules.quantities import Quantity, parse_quantity

Correlations = Mapping[tuple[str, str], float]


@dataclass(frozen=True, slots=True)
class Contribution:
    """One line of the budget table."""

    name: str
    estimate: float
    standard_uncertainty: float
    degrees_of_freedom: float
    shape: str
    sensitivity: float  # c = df/dx, unit of the result over the unit of the input.
    contribution: float  # c * u, unit of the result.
    share: float  # Of the first-order variance, correlation included; the shares add up to 1 (to 0 without doubt).
    unit: str


@dataclass(frozen=True, slots=True)
class Budget:
    """A result with its uncertainty: value +- expanded_uncertainty, all in the unit of the result."""

    value: float
    standard_uncertainty: float
    degrees_of_freedom: float
    coverage_probability: float
    coverage_factor: float
    coverage_method: str  # t, rectangular or trapezoidal
    expanded_uncertainty: float
    contributions: tuple[Contribution, ...]


def evaluate(
    model: Model,
    quantities: Sequence[Quantity],
    *,
    correlations: Correlations | None = None,
    coverage_probability: float = 0.95,
    second_order: bool = False,
) -> Budget:
    """Propagate uncertainties: JCGM 100 eq. (10), with correlations eq. (16).

    `correlations` maps a pair of names to its coefficient. `second_order` adds the terms of the note to 5.1.2, which
    hold for independent inputs with symmetric distributions. Raises ValueError when inputs and model do not match, or
    the correlations are impossible.
    """
    values, matrix = _matched(model, quantities, correlations or {})
    gradient = model.gradient(values)
    parts = np.array([gradient[q.name] * q.standard_uncertainty for q in quantities])
    first_order = max(float(parts @ matrix @ parts), 0.0)
    variance = first_order
    if second_order:
        if correlations:
            raise ValueError("second-order terms are known for independent inputs only")
        variance += _second_order_variance(model, quantities, values)
    combined = math.sqrt(max(variance, 0.0))
    freedom = _freedom(parts, [q.degrees_of_freedom for q in quantities], matrix)
    if combined == 0:
        factor, method = t_factor(coverage_probability), "t"
    else:
        rectangles = [abs(part) for part, q in zip(parts, quantities, strict=True) if q.shape == "rectangular"]
        independent = not correlations and not second_order
        factor, method = choose_factor(coverage_probability, freedom, rectangles if independent else (), combined)
    shares = parts * (matrix @ parts) / first_order if first_order > 0 else np.zeros(len(parts))
    return Budget(
        value=float(model.evaluate(values)),
        standard_uncertainty=combined,
        degrees_of_freedom=freedom,
        coverage_probability=coverage_probability,
        coverage_factor=factor,
        coverage_method=method,
        expanded_uncertainty=factor * combined,
        contributions=tuple(
            Contribution(
                q.name, q.estimate, q.standard_uncertainty, q.degrees_of_freedom, q.shape,
                gradient[q.name], float(part), float(share), q.unit,
            )
            for q, part, share in zip(quantities, parts, shares, strict=True)
        ),
    )  # fmt: skip


def evaluate_plain(
    model: str,
    quantities: Sequence[Mapping[str, Any]],
    correlations: Sequence[tuple[str, str, float]] = (),
    coverage_probability: float = 0.95,
    second_order: bool = False,
) -> Budget:
    """`evaluate` of the plain form that a file holds: formula as text, quantities as mappings (`parse_quantity`)."""
    return evaluate(
        Model(model),
        [parse_quantity(raw) for raw in quantities],
        correlations={(left, right): value for left, right, value in correlations},
        coverage_probability=coverage_probability,
        second_order=second_order,
    )


def correlation_of_results(
    model: Model, other: Model, quantities: Sequence[Quantity], correlations: Correlations | None = None
) -> float:
    """Correlation coefficient of two results of the same inputs, JCGM 100 eq. (H.9)."""
    by_name = {q.name: q for q in quantities}
    values = {name: q.estimate for name, q in by_name.items()}
    matrix = correlation_matrix(list(by_name), correlations or {})
    parts = []
    for each in (model, other):
        gradient = each.gradient(values)
        parts.append(np.array([gradient.get(name, 0.0) * q.standard_uncertainty for name, q in by_name.items()]))
    variances = [float(part @ matrix @ part) for part in parts]
    if min(variances) <= 0:
        raise ValueError("a result without doubt is correlated with nothing")
    return float(parts[0] @ matrix @ parts[1]) / math.sqrt(variances[0] * variances[1])


def correlation_of_results_plain(
    model: str, other: str, quantities: Sequence[Mapping[str, Any]], correlations: Sequence[tuple[str, str, float]] = ()
) -> float:
    """`correlation_of_results` of the plain form."""
    pairs = {(left, right): value for left, right, value in correlations}
    return correlation_of_results(Model(model), Model(other), [parse_quantity(raw) for raw in quantities], pairs)


def correlation_matrix(names: Sequence[str], correlations: Correlations) -> NDArray[np.float64]:
    """Symmetric matrix over `names`; raises ValueError for an unknown pair or contradicting coefficients."""
    matrix = np.eye(len(names))
    place = {name: index for index, name in enumerate(names)}
    for (left, right), value in correlations.items():
        if left not in place or right not in place or left == right:
            raise ValueError(f"no such pair of inputs: {left}, {right}")
        matrix[place[left], place[right]] = matrix[place[right], place[left]] = value
    if correlations and not (np.all(np.isfinite(matrix)) and np.linalg.eigvalsh(matrix).min() > -1e-9):
        raise ValueError("these correlations contradict each other: their matrix is not positive semidefinite")
    return matrix


def _matched(
    model: Model, quantities: Sequence[Quantity], correlations: Correlations
) -> tuple[dict[str, float], NDArray[np.float64]]:
    names = [q.name for q in quantities]
    if sorted(names) != sorted(model.names):
        raise ValueError(f"the model needs {sorted(model.names)}, given are {sorted(names)}")
    return {q.name: q.estimate for q in quantities}, correlation_matrix(names, correlations)


def _freedom(parts: NDArray[np.float64], freedoms: Sequence[float], matrix: NDArray[np.float64]) -> float:
    """Welch-Satterthwaite over groups of correlated inputs.

    Eq. (G.2b) wants independent terms. A group counts as one term with the fewest degrees of freedom in it: exact for
    readings taken together (JCGM 100, H.2.4, approach 2), cautious for all else.
    """
    left = set(range(len(parts)))
    sizes, group_freedoms = [], []
    while left:
        group, edge = set(), {left.pop()}
        while edge:
            group |= edge
            edge = {other for other in left for index in edge if matrix[index, other] != 0}
            left -= edge
        members = sorted(group)
        variance = parts[members] @ matrix[np.ix_(members, members)] @ parts[members]
        sizes.append(math.sqrt(max(float(variance), 0.0)))
        group_freedoms.append(min(freedoms[index] for index in members))
    return effective_degrees_of_freedom(sizes, group_freedoms)


def _second_order_variance(model: Model, quantities: Sequence[Quantity], values: Mapping[str, float]) -> float:
    """sum_ij (f_ij^2 / 2 + f_i f_ijj) u_i^2 u_j^2, JCGM 100, note to 5.1.2."""
    gradient = model.gradient(values)
    total = 0.0
    for one in quantities:
        for other in quantities:
            mixed = model.second(values, one.name, other.name)
            higher = model.third(values, one.name, other.name)
            weight = (one.standard_uncertainty * other.standard_uncertainty) ** 2
            total += (mixed**2 / 2 + gradient[one.name] * higher) * weight
    return total
