"""Decision rules: from a result, its uncertainty and the tolerance to a statement, with the risk that it carries.

ILAC-G8:09/2019, JJF 1094-2002, ISO 14253-1:2017, JCGM 106:2012. The rule is agreed before the measurement (ISO/IEC
17025:2017, 7.1.3) and printed with its risk (7.8.6). Numbers are compared as they are written, in decimal: 0.2 is
within 0.3 - 0.1.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from services.testing_lab.rules.conformity import Limits, conformance_probability
from services.testing_lab.rules.rounding import exact

ISO_14253_GUARD = 1.65  # Standard uncertainties: one-sided 95 %, the default of ISO 14253-1:2017.
SMALL_UNCERTAINTY = 3  # JJF 1094, 5.3.1: U95 at most a third of the maximum permissible error does not count.


class Outcome(StrEnum):
    """What is stated; the conditional words of ILAC-G8, 4.2.3, and 待定 of JJF 1094 (`CANNOT_DECIDE`)."""

    PASS = "pass"
    CONDITIONAL_PASS = "conditional-pass"
    CONDITIONAL_FAIL = "conditional-fail"
    FAIL = "fail"
    CANNOT_DECIDE = "cannot-decide"


@dataclass(frozen=True, slots=True)
class Decision:
    """The statement with its ground; limits in the unit of the result."""

    outcome: Outcome
    acceptance_lower: float | None
    acceptance_upper: float | None
    conformance_probability: float
    false_decision_probability: float | None  # Specific risk of the statement; None when nothing is decided.


@dataclass(frozen=True, slots=True)
class Measurement:
    """A result: value, expanded uncertainty and its coverage factor."""

    value: float
    expanded_uncertainty: float
    coverage_factor: float = 2.0

    def __post_init__(self) -> None:
        exact(self.value)  # Refuses what is not finite.
        if not (exact(self.expanded_uncertainty) >= 0 and exact(self.coverage_factor) > 0):
            raise ValueError("an expanded uncertainty is 0 or more, a coverage factor above 0")

    @property
    def standard_uncertainty(self) -> float:
        """u = U / k."""
        return self.expanded_uncertainty / self.coverage_factor


def simple_acceptance(result: Measurement, tolerance: Limits) -> Decision:
    """Shared risk, ILAC-G8, 4.2.1: the tolerance limits are the acceptance limits; at the limit the risk is 50 %."""
    return _decision(result, tolerance, Decimal(0), Outcome.PASS if tolerance.hold(result.value) else Outcome.FAIL)


def guard_band(result: Measurement, tolerance: Limits, *, guard_ratio: float = 1.0, binary: bool = True) -> Decision:
    """Guard band w = r U, ILAC-G8, 4.2.2 (binary) and 4.2.3 (non-binary).

    Binary: pass up to T - w, else fail. Non-binary: pass, conditional pass up to T, conditional fail up to T + w, fail.
    Raises ValueError for a negative ratio.
    """
    if not guard_ratio >= 0:
        raise ValueError("a guard ratio is 0 or more")
    width = exact(guard_ratio) * exact(result.expanded_uncertainty)
    if _excess(result.value, tolerance) <= -width:
        outcome = Outcome.PASS
    elif binary or _excess(result.value, tolerance) > width:
        outcome = Outcome.FAIL
    elif tolerance.hold(result.value):
        outcome = Outcome.CONDITIONAL_PASS
    else:
        outcome = Outcome.CONDITIONAL_FAIL
    return _decision(result, tolerance, width, outcome)


def iso_14253(result: Measurement, tolerance: Limits, *, guard_factor: float = ISO_14253_GUARD) -> Decision:
    """ISO 14253-1:2017: conformity proved within T - g u, nonconformity beyond T + g u, between them neither."""
    width = exact(guard_factor) * exact(result.expanded_uncertainty) / exact(result.coverage_factor)
    excess = _excess(result.value, tolerance)
    outcome = Outcome.FAIL if excess > width else Outcome.CANNOT_DECIDE
    if excess <= -width:
        outcome = Outcome.PASS
    return _decision(result, tolerance, width, outcome)


def jjf_1094(result: Measurement, maximum_permissible_error: float) -> Decision:
    """Error of indication `result.value` against +-MPEV: JJF 1094-2002, 5.3.1.

    U95 <= MPEV / 3: pass when |error| <= MPEV, else fail. Larger U95: pass when |error| <= MPEV - U95, fail when
    |error| >= MPEV + U95, between them 待定.
    """
    if not maximum_permissible_error > 0:
        raise ValueError("a maximum permissible error is above 0")
    tolerance = Limits(-maximum_permissible_error, maximum_permissible_error)
    permitted, expanded = exact(maximum_permissible_error), exact(result.expanded_uncertainty)
    error = abs(exact(result.value))
    if SMALL_UNCERTAINTY * expanded <= permitted:
        return _decision(result, tolerance, Decimal(0), Outcome.PASS if error <= permitted else Outcome.FAIL)
    outcome = Outcome.FAIL if error >= permitted + expanded else Outcome.CANNOT_DECIDE
    if error <= permitted - expanded:
        outcome = Outcome.PASS
    return _decision(result, tolerance, expanded, outcome)


def target_false_accept(result: Measurement, tolerance: Limits, *, false_accept_max: float = 0.025) -> Decision:
    """Pass when the probability of being outside the tolerance is at most `false_accept_max`: JCGM 106, 8.3.2.

    With one limit the guard band is z(1 - false_accept_max) * u. With two, the limits given are those of either side
    alone; the decision itself counts both tails, so it is the stricter of the two.
    """
    from scipy.special import ndtri

    if not 0 < false_accept_max <= 0.5:
        raise ValueError("a false-accept probability promised in advance is above 0 and at most 0.5")
    width = exact(float(ndtri(1 - false_accept_max)) * result.standard_uncertainty)
    conforms = _conformance(result, tolerance)
    accepted = tolerance.hold(result.value) and 1 - conforms <= false_accept_max * (1 + 1e-9)
    return _decision(result, tolerance, width, Outcome.PASS if accepted else Outcome.FAIL)


def maximum_false_accept(guard_ratio: float, coverage_factor: float = 2.0) -> float:
    """Largest specific risk of a pass with guard band w = r U and one limit: Phi(-r k), table 1 of ILAC-G8."""
    return 1 - conformance_probability(-guard_ratio * coverage_factor, 1.0, upper=0.0)


RULES = {
    "simple": simple_acceptance,
    "guard-band": guard_band,
    "iso-14253": iso_14253,
    "target-false-accept": target_false_accept,
}


def decide(
    *,
    rule: str,
    value: float,
    expanded_uncertainty: float,
    coverage_factor: float = 2.0,
    lower: float | None = None,
    upper: float | None = None,
    **options: Any,
) -> Decision:
    """Apply the rule of that name from `RULES`, or "jjf-1094" for limits of +-MPEV, with the rule's own options.

    Raises ValueError for an unknown rule or option.
    """
    result = Measurement(value, expanded_uncertainty, coverage_factor)
    try:
        if rule == "jjf-1094":
            if upper is None or lower not in (None, -upper):
                raise ValueError("JJF 1094 judges an error against limits of the same size on both sides of 0")
            return jjf_1094(result, upper, **options)
        if rule not in RULES:
            raise ValueError(f"{rule!r} is not one of {', '.join((*RULES, 'jjf-1094'))}")
        return RULES[rule](result, Limits(lower, upper), **options)
    except TypeError as error:
        raise ValueError(f"{rule}: {error}") from error


def _excess(value: float, tolerance: Limits) -> Decimal:
    """How far the value lies beyond the nearer limit; negative within."""
    number = exact(value)
    below = [] if tolerance.lower is None else [exact(tolerance.lower) - number]
    above = [] if tolerance.upper is None else [number - exact(tolerance.upper)]
    return max(below + above)


def _conformance(result: Measurement, tolerance: Limits) -> float:
    return conformance_probability(result.value, result.standard_uncertainty, tolerance.lower, tolerance.upper)


def _decision(result: Measurement, tolerance: Limits, width: Decimal, outcome: Outcome) -> Decision:
    conforms = _conformance(result, tolerance)
    if outcome is Outcome.CANNOT_DECIDE:
        wrong = None
    else:
        wrong = 1 - conforms if outcome in (Outcome.PASS, Outcome.CONDITIONAL_PASS) else conforms
    return Decision(
        outcome=outcome,
        acceptance_lower=None if tolerance.lower is None else float(exact(tolerance.lower) + width),
        acceptance_upper=None if tolerance.upper is None else float(exact(tolerance.upper) - width),
        conformance_probability=conforms,
        false_decision_probability=wrong,
    )
