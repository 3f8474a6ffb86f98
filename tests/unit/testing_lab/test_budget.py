"""A budget adds up, agrees with the simulation where it must, and keeps the promise of its interval."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kernel.chance import stream
from services.testing_lab.rules.budget import correlation_of_results_plain, evaluate, evaluate_plain
from services.testing_lab.rules.coverage import (
    choose_factor,
    effective_degrees_of_freedom,
    rectangular_factor,
    t_factor,
    trapezoidal_factor,
)
from services.testing_lab.rules.expression import Model
from services.testing_lab.rules.monte_carlo import (
    coverage_interval,
    cross_check,
    numerical_tolerance,
    simulate,
    simulate_plain,
)
from services.testing_lab.rules.quantities import (
    Quantity,
    correlation_of_means,
    freedom_of_doubt,
    from_certificate,
    from_limits,
    from_readings,
    parse_quantity,
)

uncertainties = st.floats(0.01, 100)
SHAPES = [
    Quantity("x", 3.0, 0.5),
    from_certificate("x", 3.0, 1.0, 2.0, degrees_of_freedom=9),
    from_limits("x", 3.0, 0.5),
    from_limits("x", 3.0, 0.5, "triangular"),
    from_limits("x", 3.0, 0.5, "trapezoidal", shape_parameter=0.4),
    from_limits("x", 3.0, 0.5, "arcsine"),
    from_limits("x", 3.0, 0.5, "curvilinear", shape_parameter=0.2),
]


@pytest.mark.parametrize("quantity", SHAPES, ids=lambda quantity: quantity.shape)
def test_what_is_drawn_has_the_stated_mean_and_uncertainty(quantity: Quantity) -> None:
    drawn = quantity.draw(stream(1, quantity.shape), 200_000)
    # A t distribution is wider than its scale: JCGM 101, 6.4.9.5.
    freedom = quantity.degrees_of_freedom
    wider = math.sqrt(freedom / (freedom - 2)) if quantity.shape == "t" else 1.0
    assert drawn.mean() == pytest.approx(3.0, abs=0.005)
    assert drawn.std() == pytest.approx(quantity.standard_uncertainty * wider, rel=0.01)
    if quantity.half_width:
        assert np.abs(drawn - 3.0).max() <= quantity.half_width * 1.4 + 1e-12


@given(st.lists(st.tuples(st.floats(-10, 10), uncertainties), min_size=1, max_size=8))
def test_shares_add_up_and_the_variance_is_their_sum(terms: list[tuple[float, float]]) -> None:
    quantities = [Quantity(f"x{i}", 1.0, u) for i, (_, u) in enumerate(terms)]
    model = Model(" + ".join(f"({factor!r}) * x{i}" for i, (factor, _) in enumerate(terms)))
    budget = evaluate(model, quantities)
    expected = math.sqrt(sum((factor * u) ** 2 for factor, u in terms))
    assert budget.standard_uncertainty == pytest.approx(expected)
    assert budget.expanded_uncertainty == budget.coverage_factor * budget.standard_uncertainty
    if budget.standard_uncertainty > 0:
        assert sum(each.share for each in budget.contributions) == pytest.approx(1)


@given(uncertainties, uncertainties, st.floats(-1, 1))
def test_correlated_shares_add_up_too(u: float, other: float, r: float) -> None:
    budget = evaluate(Model("a - b"), [Quantity("a", 1, u), Quantity("b", 2, other)], correlations={("a", "b"): r})
    variance = u**2 + other**2 - 2 * r * u * other
    assert budget.standard_uncertainty**2 == pytest.approx(variance, abs=1e-9 * (u**2 + other**2))
    if variance > 1e-6 * (u**2 + other**2):
        assert sum(each.share for each in budget.contributions) == pytest.approx(1)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.floats(0.5, 3), st.floats(0.5, 3)), min_size=1, max_size=4), st.integers(0, 1000))
def test_simulation_agrees_with_the_budget_of_a_linear_normal_model(
    terms: list[tuple[float, float]], seed: int
) -> None:
    model = Model(" + ".join(f"{factor!r} * x{i}" for i, (factor, _) in enumerate(terms)))
    quantities = [Quantity(f"x{i}", 10.0, u) for i, (_, u) in enumerate(terms)]
    budget = evaluate(model, quantities)
    simulation = simulate(model, quantities, stream(seed, "test"))
    assert simulation.settled
    assert simulation.value == pytest.approx(budget.value, abs=0.03 * budget.standard_uncertainty)
    assert simulation.standard_uncertainty == pytest.approx(budget.standard_uncertainty, rel=0.02)
    assert cross_check(budget, simulation, significant_digits=1).agrees


def test_simulation_exposes_a_budget_that_does_not_hold() -> None:
    """At x = 0 the square has no slope: the first-order budget says that there is no doubt at all."""
    quantities = [Quantity("x", 0.05, 0.5)]
    budget = evaluate(Model("x**2"), quantities)
    simulation = simulate(Model("x**2"), quantities, stream(3, "test"))
    assert not cross_check(budget, simulation).agrees
    assert simulation.standard_uncertainty > 5 * budget.standard_uncertainty


def test_correlated_simulation_agrees_with_the_budget() -> None:
    quantities = [Quantity("a", 1, 0.3), Quantity("b", 2, 0.4), Quantity("c", 0, 0.1)]
    pairs = {("a", "b"): 0.9, ("b", "c"): -0.3}
    budget = evaluate(Model("a + b + c"), quantities, correlations=pairs)
    simulation = simulate(Model("a + b + c"), quantities, stream(5, "test"), correlations=pairs)
    assert simulation.standard_uncertainty == pytest.approx(budget.standard_uncertainty, rel=0.01)


def test_the_same_seed_gives_the_same_figures() -> None:
    plain = {"model": "a * 2", "quantities": [{"name": "a", "estimate": 1, "half_width": 1}]}
    assert simulate_plain(**plain, seed=4) == simulate_plain(**plain, seed=4)
    assert simulate_plain(**plain, seed=4) != simulate_plain(**plain, seed=5)


def test_a_simulation_that_may_not_draw_enough_says_so() -> None:
    simulation = simulate(
        Model("a"), [Quantity("a", 0, 1)], stream(1, "test"), significant_digits=4, trials_max=200_000
    )
    assert simulation.trials == 200_000
    assert not simulation.settled


def test_a_simulation_without_doubt_is_a_point() -> None:
    simulation = simulate(Model("2 * a"), [Quantity("a", 1, 0)], stream(1, "test"))
    assert (simulation.value, simulation.lower, simulation.upper) == (2, 2, 2)


@pytest.mark.parametrize("probability", [0.0, 1.0, 0.9999999])
def test_a_coverage_that_would_take_too_many_trials_is_refused(probability: float) -> None:
    with pytest.raises(ValueError, match="tell nothing"):
        simulate(Model("a"), [Quantity("a", 0, 1)], stream(1, "test"), coverage_probability=probability)


def test_the_shortest_interval_is_never_the_longer_one() -> None:
    drawn = np.sort(stream(1, "skewed").exponential(1.0, 50_000))
    symmetric, shortest = (coverage_interval(drawn, 0.95, short) for short in (False, True))
    assert shortest[1] - shortest[0] < symmetric[1] - symmetric[0]
    assert shortest == pytest.approx((0, -math.log(0.05)), abs=0.05)
    assert symmetric == pytest.approx((-math.log(0.975), -math.log(0.025)), abs=0.1)


@pytest.mark.parametrize(("uncertainty", "digits", "tolerance"), [(0.35, 2, 0.005), (0.35, 1, 0.05), (1234, 2, 50)])
def test_numerical_tolerance_is_half_of_the_last_place(uncertainty: float, digits: int, tolerance: float) -> None:
    assert numerical_tolerance(uncertainty, digits) == pytest.approx(tolerance)


def test_the_stated_interval_covers_the_truth_as_often_as_promised() -> None:
    """2,000 jobs: five readings with a reference that is wrong by an unknown, rectangular amount."""
    chance, model, hits, jobs = stream(11, "coverage"), Model("reading - reference"), 0, 2000
    for _ in range(jobs):
        offset = chance.uniform(-0.5, 0.5)
        readings = (10.0 + offset + chance.normal(0, 0.6, 5)).tolist()
        budget = evaluate(model, [from_readings("reading", readings), from_limits("reference", 0.0, 0.5)])
        hits += abs(budget.value - 10.0) <= budget.expanded_uncertainty
    assert 0.93 <= hits / jobs <= 0.98  # A t interval over mixed shapes is a little cautious.


@given(st.floats(0.5, 0.999), st.floats(1, 200))
def test_fewer_degrees_of_freedom_never_narrow_the_interval(probability: float, freedom: float) -> None:
    assert t_factor(probability, freedom) >= t_factor(probability, freedom + 1) >= t_factor(probability)


@given(st.lists(st.tuples(uncertainties, st.floats(1, 100)), min_size=1, max_size=6))
def test_effective_freedom_lies_between_the_least_and_the_sum(terms: list[tuple[float, float]]) -> None:
    freedoms = [v for _, v in terms]
    effective = effective_degrees_of_freedom([u for u, _ in terms], freedoms)
    assert min(freedoms) * (1 - 1e-9) <= effective <= sum(freedoms) * (1 + 1e-9)


def test_whole_degrees_of_freedom_survive_the_arithmetic() -> None:
    assert t_factor(0.95, 15.9999999999) == t_factor(0.95, 16)
    assert t_factor(0.95, 15.9) == t_factor(0.95, 15)


def test_readings_taken_together_keep_their_degrees_of_freedom() -> None:
    """JCGM 100, H.2.4: computing the result of each set and averaging gives n - 1 = 4 as well."""
    left, right = [1.0, 2.0, 3.0, 4.0, 6.0], [2.0, 1.0, 4.0, 3.0, 5.0]
    quantities = [from_readings("a", left), from_readings("b", right)]
    together = evaluate(Model("a + b"), quantities, correlations={("a", "b"): correlation_of_means(left, right)})
    alone = from_readings("s", [x + y for x, y in zip(left, right, strict=True)])
    assert together.standard_uncertainty == pytest.approx(alone.standard_uncertainty)
    assert together.degrees_of_freedom == pytest.approx(alone.degrees_of_freedom)


def test_a_dominant_rectangle_sets_the_factor() -> None:
    quantities = [from_limits("a", 0, 10), Quantity("b", 0, 1)]
    budget = evaluate(Model("a + b"), quantities)
    assert (budget.coverage_method, budget.coverage_factor) == ("rectangular", rectangular_factor(0.95))
    assert evaluate(Model("a + 6 * b"), quantities).coverage_method == "t"


def test_two_dominant_rectangles_make_a_trapezium() -> None:
    quantities = [from_limits("a", 0, 10), from_limits("b", 0, 8), Quantity("c", 0, 0.5)]
    budget = evaluate(Model("a + b + c"), quantities)
    assert budget.coverage_method == "trapezoidal"
    simulation = simulate(Model("a + b + c"), quantities, stream(2, "test"))
    assert budget.expanded_uncertainty == pytest.approx(simulation.upper, rel=0.02)


@given(st.floats(0.5, 0.999), st.floats(0.01, 1))
def test_the_trapezium_holds_what_it_promises(probability: float, narrow: float) -> None:
    factor = trapezoidal_factor(probability, 1.0, narrow)
    assert factor == trapezoidal_factor(probability, narrow, 1.0)
    reach = factor * math.sqrt((1 + narrow**2) / 3)
    # Share of the sum of two rectangles, half-widths 1 and `narrow`, within +-reach: flat top, then sloping sides.
    within = reach if reach <= 1 - narrow else 1 - (1 + narrow - reach) ** 2 / (4 * narrow)
    assert within == pytest.approx(probability)


def test_equal_inputs_by_the_dozen_do_not_dominate() -> None:
    assert choose_factor(0.95, math.inf, [1.0] * 12, math.sqrt(12))[1] == "t"
    assert choose_factor(0.95, math.inf, [], 1.0)[1] == "t"


def test_a_result_is_fully_correlated_with_itself() -> None:
    quantities = [{"name": "a", "estimate": 1, "standard_uncertainty": 0.1}]
    assert correlation_of_results_plain("2 * a", "3 * a", quantities) == pytest.approx(1)
    assert correlation_of_results_plain("2 * a", "1 / a", quantities) == pytest.approx(-1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "a + b"}, "needs"),
        ({"quantities": [{"name": "a", "estimate": 1, "standard_uncertainty": -1}]}, "0 or more"),
        ({"quantities": [{"name": "a", "estimate": math.nan, "standard_uncertainty": 1}]}, "finite"),
        ({"quantities": [{"name": "a", "estimate": "one", "standard_uncertainty": 1}]}, "a: "),
        ({"quantities": [{"name": "a", "estimate": 1}]}, "standard_uncertainty"),
        ({"quantities": [{"name": "a", "estimate": 1, "half_width": 1, "colour": "red"}]}, "colour"),
        ({"quantities": [{"name": "a", "estimate": 1, "half_width": 1, "shape": "normal"}]}, "shape with limits"),
        ({"quantities": [{"name": "a", "estimate": 1, "standard_uncertainty": 1, "shape": "arcsine"}]}, "half_width"),
        (
            {
                "quantities": [
                    {"name": "a", "estimate": 1, "half_width": 1, "shape": "trapezoidal", "shape_parameter": 2}
                ]
            },
            "at most",
        ),
        ({"quantities": [{"name": "a", "estimate": 1, "standard_uncertainty": 1, "shape": "t"}]}, "finite"),
        ({"quantities": [{"name": "a", "readings": [1.0]}]}, "spread"),
        ({"quantities": [{"name": "a", "readings": [1.0, math.inf]}]}, "finite"),
        ({"quantities": [{"name": "a", "estimate": 1, "expanded_uncertainty": 1, "coverage_factor": 0}]}, "above 0"),
        ({"correlations": [("a", "z", 0.5)]}, "no such pair"),
        ({"coverage_probability": 1.0}, "between 0 and 1"),
    ],
)
def test_what_makes_no_budget_is_refused(options: dict[str, object], message: str) -> None:
    plain = {"model": "a", "quantities": [{"name": "a", "estimate": 1, "standard_uncertainty": 1}]}
    with pytest.raises(ValueError, match=message):
        evaluate_plain(**{**plain, **options})


def test_contradicting_correlations_are_refused() -> None:
    quantities = [Quantity(name, 1, 1) for name in "abc"]
    pairs = {("a", "b"): 0.9, ("b", "c"): 0.9, ("a", "c"): -0.9}
    with pytest.raises(ValueError, match="contradict"):
        evaluate(Model("a + b + c"), quantities, correlations=pairs)
    with pytest.raises(ValueError, match="independent"):
        evaluate(Model("a + b + c"), quantities, correlations={("a", "b"): 0.1}, second_order=True)
    with pytest.raises(ValueError, match="is not normal"):
        simulate(
            Model("a + b"),
            [from_limits("a", 0, 1), Quantity("b", 0, 1)],
            stream(1, "test"),
            correlations={("a", "b"): 0.5},
        )


def test_too_few_readings_state_no_interval() -> None:
    with pytest.raises(ValueError, match="more readings"):
        t_factor(0.95, 0.5)


def test_pooled_deviation_makes_one_reading_enough() -> None:
    quantity = from_readings("a", [3.0], pooled_standard_deviation=0.2, pooled_degrees_of_freedom=20)
    assert (quantity.estimate, quantity.standard_uncertainty, quantity.degrees_of_freedom) == (3.0, 0.2, 20)
    assert parse_quantity({"name": "a", "readings": [3.0], "pooled_standard_deviation": 0.2}).shape == "normal"


def test_no_doubt_about_an_uncertainty_means_infinite_freedom() -> None:
    assert freedom_of_doubt(0) == math.inf
    with pytest.raises(ValueError, match="doubt"):
        freedom_of_doubt(-1)


@pytest.mark.parametrize(("left", "right"), [([1.0], [2.0]), ([1.0, 2.0], [1.0]), ([1.0, 1.0], [1.0, 2.0])])
def test_no_correlation_without_common_variation(left: list[float], right: list[float]) -> None:
    with pytest.raises(ValueError, match=r"series|vary"):
        correlation_of_means(left, right)
