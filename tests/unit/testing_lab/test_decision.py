"""A statement of conformity says what its rule promised, and the risk beside it is the true one."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.chance import stream
from services.testing_lab.rules.conformity import (
    Limits,
    conformance_probability,
    global_risks,
    posterior,
    risks_of_ratio,
)
from services.testing_lab.rules.decision import RULES, Outcome, decide, maximum_false_accept

values = st.floats(-20, 20)
uncertainties = st.floats(0.01, 5)
ORDER = [Outcome.FAIL, Outcome.CONDITIONAL_FAIL, Outcome.CONDITIONAL_PASS, Outcome.PASS]


@given(values, uncertainties, st.floats(0, 3), st.floats(0, 3))
def test_a_wider_guard_band_never_passes_more(value: float, expanded: float, ratio: float, other: float) -> None:
    narrow, wide = (
        decide(rule="guard-band", value=value, expanded_uncertainty=expanded, lower=-10, upper=10, guard_ratio=each)
        for each in sorted((ratio, other))
    )
    assert narrow.outcome is Outcome.PASS or wide.outcome is Outcome.FAIL
    assert wide.acceptance_upper is not None and narrow.acceptance_upper is not None
    assert wide.acceptance_upper <= narrow.acceptance_upper


@given(values, uncertainties, st.floats(0, 3))
def test_a_pass_carries_no_more_risk_than_its_guard_band_allows(value: float, expanded: float, ratio: float) -> None:
    decision = decide(rule="guard-band", value=value, expanded_uncertainty=expanded, upper=10, guard_ratio=ratio)
    if decision.outcome is Outcome.PASS:
        assert decision.false_decision_probability is not None
        assert decision.false_decision_probability <= maximum_false_accept(ratio) + 1e-9


@given(values, uncertainties, st.floats(0.001, 0.5))
def test_the_target_rule_keeps_its_promise_at_both_limits(value: float, expanded: float, promised: float) -> None:
    decision = decide(
        rule="target-false-accept", value=value, expanded_uncertainty=expanded, lower=-10, upper=10,
        false_accept_max=promised,
    )  # fmt: skip
    risk = 1 - decision.conformance_probability
    assert (decision.outcome is Outcome.PASS) == (abs(value) <= 10 and risk <= promised * (1 + 1e-9))


def test_a_pass_is_impossible_when_the_uncertainty_fills_the_tolerance() -> None:
    decision = decide(rule="target-false-accept", value=0, expanded_uncertainty=40, lower=-10, upper=10)
    assert decision.outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        (8.0, Outcome.PASS),
        (9.0, Outcome.PASS),
        (9.5, Outcome.CONDITIONAL_PASS),
        (10.0, Outcome.CONDITIONAL_PASS),
        (10.5, Outcome.CONDITIONAL_FAIL),
        (11.0, Outcome.CONDITIONAL_FAIL),
        (11.5, Outcome.FAIL),
        (-9.5, Outcome.CONDITIONAL_PASS),
        (-11.5, Outcome.FAIL),
    ],
)
def test_the_four_words_of_a_non_binary_guard_band(value: float, outcome: Outcome) -> None:
    options = {"value": value, "expanded_uncertainty": 1.0, "lower": -10, "upper": 10}
    assert decide(rule="guard-band", binary=False, **options).outcome is outcome
    binary = decide(rule="guard-band", **options).outcome
    assert binary is (Outcome.PASS if outcome is Outcome.PASS else Outcome.FAIL)


@pytest.mark.parametrize(
    ("error", "expanded", "outcome"),
    [
        (0.30, 0.10, Outcome.PASS),  # A third: the uncertainty does not count.
        (-0.31, 0.10, Outcome.FAIL),
        (0.18, 0.12, Outcome.PASS),  # More than a third: within MPEV - U.
        (0.19, 0.12, Outcome.CANNOT_DECIDE),
        (-0.41, 0.12, Outcome.CANNOT_DECIDE),
        (0.42, 0.12, Outcome.FAIL),
        (-0.43, 0.12, Outcome.FAIL),
        (0.0, 0.40, Outcome.CANNOT_DECIDE),  # The uncertainty is larger than what is to be judged.
    ],
)
def test_jjf_1094_passes_fails_or_cannot_decide(error: float, expanded: float, outcome: Outcome) -> None:
    decision = decide(rule="jjf-1094", value=error, expanded_uncertainty=expanded, upper=0.30)
    assert decision.outcome is outcome
    assert (decision.false_decision_probability is None) == (outcome is Outcome.CANNOT_DECIDE)


@pytest.mark.parametrize(
    ("value", "outcome"),
    [(9.1, Outcome.PASS), (9.3, Outcome.CANNOT_DECIDE), (10.7, Outcome.CANNOT_DECIDE), (10.9, Outcome.FAIL)],
)
def test_iso_14253_proves_conformity_and_nonconformity_alike(value: float, outcome: Outcome) -> None:
    assert decide(rule="iso-14253", value=value, expanded_uncertainty=1.0, upper=10).outcome is outcome


@pytest.mark.parametrize("rule", ["guard-band", "iso-14253"])
def test_numbers_are_compared_as_they_are_written(rule: str) -> None:
    """In binary 0.3 - 0.1 is below 0.2, and a result at the acceptance limit would fail."""
    options = {"guard_factor": 2} if rule == "iso-14253" else {}
    decision = decide(rule=rule, value=0.2, expanded_uncertainty=0.1, upper=0.3, **options)
    assert (decision.outcome, decision.acceptance_upper) == (Outcome.PASS, 0.2)


def test_simple_acceptance_at_the_limit_is_a_toss_of_a_coin() -> None:
    decision = decide(rule="simple", value=10, expanded_uncertainty=1, upper=10)
    assert decision.outcome is Outcome.PASS
    assert decision.false_decision_probability == pytest.approx(0.5)


@given(values, uncertainties)
def test_conformance_and_the_order_of_words_fall_away_from_the_middle(value: float, expanded: float) -> None:
    nearer, farther = (
        decide(rule="guard-band", value=each, expanded_uncertainty=expanded, lower=-10, upper=10, binary=False)
        for each in (abs(value), abs(value) + 0.5)
    )
    assert nearer.conformance_probability >= farther.conformance_probability - 1e-12
    assert ORDER.index(nearer.outcome) >= ORDER.index(farther.outcome)


def test_without_doubt_the_probability_is_yes_or_no() -> None:
    assert conformance_probability(10, 0, upper=10) == 1.0
    assert conformance_probability(10.1, 0, upper=10) == 0.0


@pytest.mark.parametrize("rule", [*RULES, "jjf-1094"])
def test_every_rule_refuses_what_it_does_not_know(rule: str) -> None:
    with pytest.raises(ValueError, match="colour"):
        decide(rule=rule, value=1, expanded_uncertainty=1, upper=10, colour="red")
    with pytest.raises(ValueError, match="uncertainty"):
        decide(rule=rule, value=1, expanded_uncertainty=-1, upper=10)
    with pytest.raises(ValueError, match=r"limit|both sides"):
        decide(rule=rule, value=1, expanded_uncertainty=1)


@pytest.mark.parametrize(
    ("rule", "options", "message"),
    [
        ("coin", {"upper": 1}, "not one of"),
        ("jjf-1094", {"lower": -2, "upper": 1}, "same size"),
        ("jjf-1094", {"upper": -1}, "above 0"),
        ("jjf-1094", {"lower": 0, "upper": 0}, "above 0"),
        ("guard-band", {"upper": 1, "guard_ratio": -1}, "guard ratio"),
        ("target-false-accept", {"upper": 1, "false_accept_max": 0.7}, "promised"),
        ("simple", {"lower": 2, "upper": 1}, "above the upper"),
        ("simple", {"upper": math.nan}, "finite"),
    ],
)
def test_impossible_rules_are_refused(rule: str, options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decide(rule=rule, value=0, expanded_uncertainty=1, **options)  # type: ignore[arg-type]


@given(st.floats(-2, 2), st.floats(0.2, 3), st.floats(0.05, 2), st.floats(0, 0.5), st.floats(0, 0.5))
def test_guarding_moves_risk_from_customer_to_maker(
    mean: float, deviation: float, uncertainty: float, guard: float, other: float
) -> None:
    narrow, wide = (
        global_risks(
            process_mean=mean, process_standard_deviation=deviation, standard_uncertainty=uncertainty,
            lower=-2, upper=2, acceptance_lower=-2 + each, acceptance_upper=2 - each,
        )
        for each in sorted((guard, other))
    )  # fmt: skip
    assert 0 <= wide.consumer <= narrow.consumer + 1e-12
    assert wide.producer + 1e-12 >= narrow.producer >= 0


def test_global_risks_agree_with_a_simulated_production() -> None:
    chance = stream(1, "production")
    true = chance.normal(0.1, 1.0, 1_000_000)
    measured = true + chance.normal(0, 0.3, len(true))
    conforming, accepted = np.abs(true) <= 2, np.abs(measured) <= 1.8
    risks = global_risks(
        process_mean=0.1, process_standard_deviation=1.0, standard_uncertainty=0.3,
        lower=-2, upper=2, acceptance_lower=-1.8, acceptance_upper=1.8,
    )  # fmt: skip
    assert risks.consumer == pytest.approx(np.mean(~conforming & accepted), abs=0.0003)
    assert risks.producer == pytest.approx(np.mean(conforming & ~accepted), abs=0.0007)


def test_a_single_limit_has_global_risks_too() -> None:
    one = global_risks(process_mean=0, process_standard_deviation=1, standard_uncertainty=0.25, upper=2)
    both = risks_of_ratio(limit_ratio=2, uncertainty_ratio=4)
    assert 2 * one.consumer == pytest.approx(both.consumer, rel=1e-6)


def test_prior_knowledge_and_measurement_are_weighed() -> None:
    combined = posterior(10, 3, 20, 4)
    assert combined.estimate == pytest.approx(13.6)
    assert combined.standard_uncertainty == pytest.approx(2.4)


def test_risks_need_a_spread() -> None:
    with pytest.raises(ValueError, match="above 0"):
        global_risks(process_mean=0, process_standard_deviation=0, standard_uncertainty=1, upper=1)
    with pytest.raises(ValueError, match="above 0"):
        risks_of_ratio(limit_ratio=2, uncertainty_ratio=0)
    with pytest.raises(ValueError, match="above 0"):
        posterior(0, 0, 0, 1)
    with pytest.raises(ValueError, match="finite"):
        conformance_probability(math.nan, 1, upper=1)
    with pytest.raises(ValueError, match="limit"):
        Limits()
