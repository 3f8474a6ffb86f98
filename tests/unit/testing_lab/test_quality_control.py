"""Comparisons, control charts and intervals: what does not hold is noticed, what holds is left alone."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kernel.chance import stream
from services.testing_lab.rules.control_charts import (
    NELSON,
    TESTS,
    WESTERN_ELECTRIC,
    WESTGARD,
    Violation,
    chart_factors,
    first_failed_tests,
    individual_limits,
    mean_and_range_limits,
    suspends,
    violations,
)
from services.testing_lab.rules.instrument_intervals import (
    days_until_limit,
    held_between,
    next_interval_days,
    shortening,
)
from services.testing_lab.rules.proficiency import (
    Verdict,
    assigned_value_is_sure,
    normalized_error,
    normalized_error_verdict,
    robust_estimate,
    score_verdict,
    z_prime_score,
    z_score,
)

GOOD = [10.1, 9.8, 10.0, 10.3, 9.9, 10.2, 9.7, 10.0]
readings = st.lists(st.integers(-1000, 1000).map(lambda n: n / 10), min_size=3, max_size=30)


def test_a_gross_outlier_hardly_moves_the_robust_mean() -> None:
    near, far = (robust_estimate([*GOOD, outlier]) for outlier in (12.0, 1e6))
    assert far.mean == pytest.approx(near.mean, abs=1e-6)
    assert far.standard_deviation == pytest.approx(near.standard_deviation, abs=1e-6)
    assert abs(far.mean - robust_estimate(GOOD).mean) < 0.1


@settings(max_examples=50)
@given(readings, st.floats(-100, 100), st.floats(0.1, 10))
def test_the_robust_estimate_moves_and_stretches_with_its_data(
    results: list[float], shift: float, factor: float
) -> None:
    plain = robust_estimate(results)
    moved = robust_estimate([factor * x + shift for x in results])
    assert moved.mean == pytest.approx(factor * plain.mean + shift, abs=1e-5)
    assert moved.standard_deviation == pytest.approx(factor * plain.standard_deviation, abs=1e-5)


def test_clean_data_keep_their_mean_and_deviation() -> None:
    estimate = robust_estimate(stream(1, "clean").normal(5, 2, 20_000).tolist())
    assert estimate.mean == pytest.approx(5, abs=0.05)
    assert estimate.standard_deviation == pytest.approx(2, abs=0.05)
    assert estimate.standard_uncertainty == pytest.approx(1.25 * 2 / math.sqrt(20_000), rel=0.02)


def test_equal_results_have_no_deviation() -> None:
    assert robust_estimate([3.0, 3.0, 3.0]).standard_deviation == 0
    assert robust_estimate([3.0, 3.0, 3.0, 4.0]).mean == pytest.approx(3.25, abs=0.1)
    with pytest.raises(ValueError, match="three"):
        robust_estimate([1.0, 2.0])


@pytest.mark.parametrize(
    ("score", "verdict"),
    [
        (-2.0, Verdict.SATISFACTORY),
        (2.1, Verdict.QUESTIONABLE),
        (-2.9, Verdict.QUESTIONABLE),
        (3.0, Verdict.UNSATISFACTORY),
    ],
)
def test_scores_have_three_verdicts(score: float, verdict: Verdict) -> None:
    assert score_verdict(score) is verdict


def test_the_normalized_error_has_two_verdicts() -> None:
    assert normalized_error_verdict(-1.0) is Verdict.SATISFACTORY
    assert normalized_error_verdict(1.01) is Verdict.UNSATISFACTORY


def test_a_sure_assigned_value_makes_no_difference() -> None:
    assert assigned_value_is_sure(0.29, 1.0) and not assigned_value_is_sure(0.3, 1.0)
    assert z_prime_score(12, 10, 1, 0) == z_score(12, 10, 1)
    with pytest.raises(ValueError, match="above 0"):
        normalized_error(1, 1, 0, 0)


# Points in sigmas and the index of the point at which the test fails first.
FAILING = {
    "western-electric-1": ([0, 1, 3.1], 2),
    "western-electric-2": ([2.1, 0, 2.1], 2),
    "western-electric-3": ([1.1, 1.1, -0.5, 1.1, 1.1], 4),
    "western-electric-4": ([0.1] * 8, 7),
    "nelson-1": ([-3.1], 0),
    "nelson-2": ([-0.1] * 9, 8),
    "nelson-3": ([0, 0.1, 0.2, 0.3, 0.4, 0.5], 5),
    "nelson-4": ([0.1, -0.1] * 7, 13),
    "nelson-5": ([-2.1, -2.1], 1),
    "nelson-6": ([1.1, 1.1, 1.1, 1.1], 3),
    "nelson-7": ([0.5, -0.5, 0.2] * 5, 14),
    "nelson-8": ([1.1, -1.1] * 4, 7),
    "westgard-1-3s": ([3.1], 0),
    "westgard-2-2s": ([2.1, 2.1], 1),
    "westgard-4-1s": ([1.1] * 4, 3),
    "westgard-10x": ([0.1] * 10, 9),
    "westgard-r-4s": ([2.1, -2.1], 1),
}


@pytest.mark.parametrize("test", TESTS)
def test_each_test_fails_at_its_pattern_and_not_before(test: str) -> None:
    points, index = FAILING[test]
    if test in ("western-electric-2", "western-electric-3", "nelson-5", "nelson-6"):
        # The window need not be full: two beyond two sigmas fail at once, whatever came before.
        points, index = [0.0] * 5 + points, index + 5
    found = first_failed_tests([100 + 2 * z for z in points], 100, 2, [test])
    assert found == {test: index}
    assert test not in first_failed_tests([100 + 2 * z for z in points[:index]], 100, 2, [test])


def test_points_on_both_sides_do_not_count_together() -> None:
    assert first_failed_tests([0, 0, 2.1, -2.1], 0, 1, ["nelson-5", "western-electric-2"]) == {}
    assert first_failed_tests([1.5] * 8, 0, 1, ["nelson-8"]) == {}


def test_a_test_fails_with_the_point_that_makes_it_fail_only() -> None:
    found = violations([0, 0, 2.1, 2.1, 0.1], centre=0, sigma=1, tests=["western-electric-2"])
    assert found == [Violation("western-electric-2", 3)]


def test_false_alarms_are_as_rare_as_published() -> None:
    """Beyond three sigmas by chance: one point in 370."""
    points = stream(4, "chart").normal(0, 1, 20_000).tolist()
    alarms = {each.index for each in violations(points, centre=0, sigma=1, tests=["western-electric-1"])}
    assert len(alarms) / len(points) == pytest.approx(0.0027, abs=0.0012)


def test_a_stopping_test_suspends_until_it_is_released() -> None:
    points = [0, 0, 3.5, 0, 0, 0, -3.2, 2.2, 2.3]
    found = violations(points, centre=0, sigma=1, tests=WESTGARD)
    assert [each.index for each in suspends(found, stopping_tests=["westgard-1-3s"])] == [2, 6]
    assert suspends(found, stopping_tests=["westgard-1-3s"], released_up_to=6) == []
    assert suspends(found, stopping_tests=WESTGARD, released_up_to=6) == [
        Violation("westgard-r-4s", 7),
        Violation("westgard-2-2s", 8),
    ]


def test_limits_of_single_readings_and_ranges() -> None:
    single = individual_limits([10, 12, 10, 12, 10])
    assert (single.centre, single.spread_centre) == (10.8, 2.0)
    assert single.upper == pytest.approx(10.8 + 2.66 * 2, abs=0.01)
    ranged = mean_and_range_limits(50, 4, 5)
    assert (ranged.lower, ranged.upper) == pytest.approx((50 - 0.577 * 4, 50 + 0.577 * 4), abs=0.01)
    assert ranged.sigma * 3 == pytest.approx(ranged.upper - 50)
    assert (len(WESTERN_ELECTRIC), len(NELSON), len(WESTGARD)) == (4, 8, 5)


def test_impossible_charts_are_refused() -> None:
    for call, message in (
        (lambda: chart_factors(11), "2 to 10"),
        (lambda: individual_limits([1.0]), "two readings"),
        (lambda: violations([1.0], centre=0, sigma=0), "sigma"),
        (lambda: violations([1.0], centre=0, sigma=1, tests=["tea-leaves"]), "tea-leaves"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


@given(st.floats(1.01, 1.5), st.floats(0.5, 0.99))
def test_an_interval_stands_still_where_the_wanted_reliability_is_met(lengthening: float, wanted: float) -> None:
    step = wanted * math.log(lengthening) + (1 - wanted) * math.log(shortening(lengthening, wanted))
    assert step == pytest.approx(0, abs=1e-9)


def test_the_simulated_interval_settles_at_the_wanted_reliability() -> None:
    """An instrument whose time to failure is exponential, mean 1,000 days: R = 0.9 is met at 105 days."""
    chance, interval, good = stream(9, "intervals"), 400.0, 0
    visited = []
    for _ in range(20_000):
        held = bool(chance.random() < math.exp(-interval / 1000))
        good += held
        visited.append(interval)
        interval = next_interval_days(interval, found_in_tolerance=held, interval_days_min=5)
    assert good / len(visited) == pytest.approx(0.9, abs=0.01)


def test_an_interval_keeps_its_bounds() -> None:
    assert next_interval_days(1800, found_in_tolerance=True) == 1825
    assert next_interval_days(40, found_in_tolerance=False) == 30
    assert next_interval_days(365, found_in_tolerance=True) == pytest.approx(401.5)
    with pytest.raises(ValueError, match="above 0"):
        next_interval_days(0, found_in_tolerance=True)
    with pytest.raises(ValueError, match="lengthening"):
        shortening(1.0, 0.9)


def test_a_drift_sets_the_day_on_which_the_limit_is_reached() -> None:
    options = {"limit": 1.0, "expanded_uncertainty": 0.2}
    assert days_until_limit([0, 100, 200], [0.0, 0.1, 0.2], **options) == pytest.approx(600)
    assert days_until_limit([0, 100, 200], [0.0, -0.1, -0.2], **options) == pytest.approx(600)
    assert days_until_limit([0, 100], [0.3, 0.3], **options) == math.inf
    assert days_until_limit([0, 100], [0.5, 0.9], **options) == 0
    with pytest.raises(ValueError, match="two different days"):
        days_until_limit([100, 100], [0.1, 0.2], **options)


def test_an_intermediate_check_compares_with_both_uncertainties() -> None:
    assert held_between(10.00, 10.05, 0.04, 0.03)
    assert not held_between(10.00, 10.06, 0.04, 0.03)
