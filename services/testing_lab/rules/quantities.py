"""What is known of one input of a measurement model: estimate, standard uncertainty, distribution, degrees of freedom.

Type A and type B evaluation by JCGM 100:2008, clauses 4.2 and 4.3; the distributions and how to draw from them by
JCGM 101:2008, table 1 and clause 6.4.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHAPES = ("normal", "t", "rectangular", "triangular", "trapezoidal", "arcsine", "curvilinear")


@dataclass(frozen=True, slots=True)
class Quantity:
    """One input; `standard_uncertainty` and `half_width` in the unit of `estimate`.

    `shape` is one of `SHAPES`. `shape_parameter` is, for "trapezoidal", the top's width over the base's (0 to 1); for
    "curvilinear", by how much the limits themselves are uncertain (half-width, same unit).
    """

    name: str
    estimate: float
    standard_uncertainty: float
    degrees_of_freedom: float = math.inf
    shape: str = "normal"
    half_width: float = 0.0  # Of the shapes with limits.
    shape_parameter: float = 0.0
    unit: str = ""

    def draw(self, generator: np.random.Generator, count: int) -> NDArray[np.float64]:
        """`count` random values of the quantity."""
        a = self.half_width
        match self.shape:
            case "normal":
                deviation = self.standard_uncertainty * generator.standard_normal(count)
            case "t":  # JCGM 101, 6.4.9
                deviation = self.standard_uncertainty * generator.standard_t(self.degrees_of_freedom, count)
            case "rectangular":  # 6.4.2
                deviation = generator.uniform(-a, a, count)
            case "triangular":  # 6.4.5: the sum of two equal rectangles
                deviation = a / 2.0 * (generator.uniform(-1, 1, count) + generator.uniform(-1, 1, count))
            case "trapezoidal":  # 6.4.4: the sum of two rectangles, half-widths a (1 + beta) / 2 and a (1 - beta) / 2
                beta = self.shape_parameter
                wide, narrow = a * (1 + beta) / 2, a * (1 - beta) / 2
                deviation = wide * generator.uniform(-1, 1, count) + narrow * generator.uniform(-1, 1, count)
            case "arcsine":  # 6.4.6
                deviation = a * np.sin(2.0 * np.pi * generator.random(count))
            case _:  # curvilinear, 6.4.3.4: first the limits, then a value between them
                d = self.shape_parameter
                lower = -a - d + 2.0 * d * generator.random(count)
                deviation = lower - 2.0 * lower * generator.random(count)
        return np.asarray(self.estimate + deviation, dtype=float)


def from_readings(
    name: str,
    readings: Sequence[float],
    *,
    pooled_standard_deviation: float | None = None,
    pooled_degrees_of_freedom: float = math.inf,
    unit: str = "",
) -> Quantity:
    """Type A, JCGM 100 eq. (3) to (5): mean, u = s / sqrt(n), n - 1 degrees of freedom.

    With a pooled standard deviation from earlier series (4.2.4) one reading is enough. Raises ValueError otherwise for
    fewer than two readings.
    """
    count = len(readings)
    if not all(map(math.isfinite, readings)):
        raise ValueError(f"{name}: a reading is not a finite number")
    if count < (1 if pooled_standard_deviation is not None else 2):
        raise ValueError(f"{name}: {count} readings tell no spread")
    mean = float(np.mean(readings))
    if pooled_standard_deviation is None:
        deviation, freedom = float(np.std(readings, ddof=1)), float(count - 1)
    else:
        deviation, freedom = pooled_standard_deviation, pooled_degrees_of_freedom
    return _checked(Quantity(name, mean, deviation / math.sqrt(count), freedom, _student(freedom), unit=unit))


def from_limits(
    name: str,
    estimate: float,
    half_width: float,
    shape: str = "rectangular",
    *,
    shape_parameter: float = 0.0,
    degrees_of_freedom: float = math.inf,
    unit: str = "",
) -> Quantity:
    """Type B from limits estimate +- half_width.

    u / a: rectangular 1/sqrt(3) (JCGM 100 eq. 7), triangular 1/sqrt(6) (eq. 9b), trapezoidal sqrt((1+beta^2)/6)
    (eq. 9a), arcsine 1/sqrt(2) (JCGM 101, 6.4.6); curvilinear u^2 = a^2/3 + d^2/9 (JCGM 101, 6.4.3).
    """
    a, parameter = half_width, shape_parameter
    factors = {
        "rectangular": 1 / math.sqrt(3),
        "triangular": 1 / math.sqrt(6),
        "trapezoidal": math.sqrt((1 + parameter**2) / 6),
        "arcsine": 1 / math.sqrt(2),
    }
    if shape == "curvilinear":
        uncertainty = math.sqrt(a**2 / 3 + parameter**2 / 9)
    elif shape in factors:
        uncertainty = a * factors[shape]
    else:
        raise ValueError(f"{name}: {shape!r} is not a shape with limits")
    return _checked(Quantity(name, estimate, uncertainty, degrees_of_freedom, shape, a, parameter, unit))


def from_certificate(
    name: str,
    estimate: float,
    expanded_uncertainty: float,
    coverage_factor: float = 2.0,
    *,
    degrees_of_freedom: float = math.inf,
    unit: str = "",
) -> Quantity:
    """Type B from a certificate, JCGM 100, 4.3.3: u = U / k; with finite degrees of freedom a t distribution."""
    if not coverage_factor > 0:
        raise ValueError(f"{name}: the coverage factor must be above 0")
    uncertainty = expanded_uncertainty / coverage_factor
    shape = _student(degrees_of_freedom)
    return _checked(Quantity(name, estimate, uncertainty, degrees_of_freedom, shape, unit=unit))


def freedom_of_doubt(relative_doubt: float) -> float:
    """Degrees of freedom of a type B uncertainty that is itself doubtful by `relative_doubt`, JCGM 100 eq. (G.3)."""
    if not relative_doubt >= 0:
        raise ValueError("the doubt about an uncertainty is 0 or more")
    return math.inf if relative_doubt == 0 else 0.5 / relative_doubt**2


def correlation_of_means(left: Sequence[float], right: Sequence[float]) -> float:
    """Correlation coefficient of two means from simultaneous readings, JCGM 100 eq. (14) and (17)."""
    if len(left) != len(right) or len(left) < 2:
        raise ValueError("a correlation needs two equally long series of two or more readings")
    if np.std(left) == 0 or np.std(right) == 0:
        raise ValueError("readings that do not vary tell no correlation")
    return float(np.corrcoef(left, right)[0, 1])


def parse_quantity(raw: Mapping[str, Any]) -> Quantity:
    """A quantity from its plain form: `readings`, or `expanded_uncertainty`, or `half_width`, or
    `standard_uncertainty`, beside `name`, `estimate` and the other arguments of the functions above.

    Raises ValueError for an unknown or missing field.
    """
    fields = dict(raw)
    makers: dict[str, Callable[..., Quantity]] = {
        "readings": from_readings,
        "expanded_uncertainty": from_certificate,
        "half_width": from_limits,
    }
    maker = next((makers[field] for field in makers if field in fields), _stated)
    if "relative_doubt" in fields:
        fields["degrees_of_freedom"] = freedom_of_doubt(fields.pop("relative_doubt"))
    try:
        return maker(**fields)
    except TypeError as error:
        raise ValueError(f"{raw.get('name', 'a quantity')}: {error}") from error


def _stated(
    name: str,
    estimate: float,
    standard_uncertainty: float,
    degrees_of_freedom: float = math.inf,
    shape: str = "",
    unit: str = "",
) -> Quantity:
    chosen = shape or _student(degrees_of_freedom)
    if chosen not in ("normal", "t"):
        raise ValueError(f"{name}: a {chosen} quantity is given by its half_width")
    return _checked(Quantity(name, estimate, standard_uncertainty, degrees_of_freedom, chosen, unit=unit))


def _student(degrees_of_freedom: float) -> str:
    return "t" if math.isfinite(degrees_of_freedom) else "normal"


def _checked(quantity: Quantity) -> Quantity:
    numbers = (quantity.estimate, quantity.standard_uncertainty, quantity.half_width, quantity.shape_parameter)
    if not all(map(math.isfinite, numbers)) or min(numbers[1:]) < 0:
        raise ValueError(f"{quantity.name}: an estimate is finite, an uncertainty or half-width finite and 0 or more")
    freedom = quantity.degrees_of_freedom
    if not freedom > 0 or (quantity.shape == "t" and math.isinf(freedom)):
        raise ValueError(f"{quantity.name}: degrees of freedom are above 0, those of a t distribution finite")
    limit = {"trapezoidal": 1.0, "curvilinear": quantity.half_width}.get(quantity.shape, math.inf)
    if quantity.shape_parameter > limit:
        raise ValueError(f"{quantity.name}: the shape parameter of a {quantity.shape} quantity is at most {limit}")
    return quantity
