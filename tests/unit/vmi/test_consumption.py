"""What customers use: classes, forecasts, repair of what was not seen, change, and the choice of a model."""

from pathlib import Path

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from services.vmi.rules.censored_demand import repair_demand
from services.vmi.rules.consumption_change import TRACKING_LIMIT, change_alarm, tracking_signal, trend
from services.vmi.rules.demand_classes import classify
from services.vmi.rules.forecasts import MODELS, damped_holt, damped_total, exponential_smoothing
from services.vmi.rules.model_choice import choose_model, replay_costs

counts = st.lists(st.lists(st.integers(0, 20), min_size=12, max_size=12), min_size=1, max_size=4)

# Mean absolute error and mean root mean square error per series; fixed origin, twelve months ahead, weights 0.1.
CAR_PARTS = {
    "exponential_smoothing": (0.6102, 0.7875),
    "croston": (0.7089, 0.9021),
    "syntetos_boylan": (0.6918, 0.8884),
    "teunter_syntetos_babai": (0.6307, 0.8069),
}
ONE_STEP = {
    "exponential_smoothing": (0.5832, 1.0845),
    "croston": (0.6854, 1.2012),
    "syntetos_boylan": (0.6701, 1.1915),
}


@pytest.fixture(scope="module")
def car_parts(data_path: Path) -> numpy.ndarray:
    path = data_path / "spare_parts" / "carparts.csv"
    if not path.exists():
        pytest.skip(f"public data set not found: {path}")
    return numpy.loadtxt(path, delimiter=",", skiprows=1)[:, 1:]


@pytest.mark.data
def test_forecasts_of_the_car_parts_have_the_published_errors(car_parts: numpy.ndarray) -> None:
    """Guards: one step too far in a recursion, which no hand-made series would show."""
    assert car_parts.shape == (2509, 51)
    for name, (absolute, square) in CAR_PARTS.items():
        error = car_parts[:, 39:] - MODELS[name](car_parts[:, :39])[:, -1:]
        assert abs(error).mean() == pytest.approx(absolute, abs=5e-5)
        assert numpy.sqrt((error**2).mean(axis=1)).mean() == pytest.approx(square, abs=5e-5)
    for name, (absolute, square) in ONE_STEP.items():
        error = car_parts[:, 39:] - MODELS[name](car_parts)[:, 39:-1]
        assert abs(error).mean() == pytest.approx(absolute, abs=5e-5)
        assert numpy.sqrt((error**2).mean()) == pytest.approx(square, abs=5e-5)


@pytest.mark.data
def test_the_choice_by_replayed_cost_beats_one_model_for_all_on_unseen_months(car_parts: numpy.ndarray) -> None:
    """Guards: a choice that overfits the earlier months would cost more than no choice on the later ones."""
    choice = choose_model(car_parts, 2, 1.0, 10.0, tune_periods=36, warm_up_periods=6)
    assert choice.chosen_cost.mean() < choice.present_cost.mean() * 1.02
    assert 0 < choice.changed.mean() < 1


@pytest.mark.parametrize(
    ("history", "interval", "kind"),
    [
        ([5, 6, 5, 6, 5, 6], 1.0, "smooth"),
        ([1, 30, 2, 40, 1, 50], 1.0, "erratic"),
        ([0, 2, 0, 0, 2, 0], 2.5, "intermittent"),
        ([0, 1, 0, 0, 30, 0], 2.5, "lumpy"),
    ],
)
def test_demand_is_classified(history: list[int], interval: float, kind: str) -> None:
    found = classify(history)
    assert (found.interval[0], found.classes[0]) == (interval, kind)


def test_an_item_that_never_sold_has_no_class() -> None:
    assert classify([[0, 0, 0]]).classes[0] == "none"


@given(demand=counts)
@settings(max_examples=40, deadline=None)
def test_a_forecast_never_looks_ahead(demand: list[list[int]]) -> None:
    """Guards: a replay with forecasts that know the future would choose whatever knows most."""
    table = numpy.array(demand, dtype=float)
    changed = table.copy()
    changed[:, 8:] += 7
    for model in MODELS.values():
        before, after = model(table), model(changed)
        assert (before >= 0).all() and before.shape == (len(table), 13)
        # Column 0 repeats the first value, which is known to both.
        numpy.testing.assert_array_equal(before[:, :9], after[:, :9])


@given(demand=counts)
@settings(max_examples=20, deadline=None)
def test_every_item_is_forecast_on_its_own(demand: list[list[int]]) -> None:
    for model in MODELS.values():
        alone = numpy.vstack([model([row]) for row in demand])
        numpy.testing.assert_allclose(model(demand), alone)


def test_a_period_that_tells_nothing_changes_nothing() -> None:
    assert exponential_smoothing([[4, numpy.nan, 8]], 0.5)[0].tolist() == [4, 4, 4, 6]


def test_a_damped_trend_is_computed_as_by_hand() -> None:
    # level 10 then 11, trend 0.5 x 0.5 x 2 = 0.5; forecast 11 + 0.8 x 0.5.
    assert damped_holt([[10, 12]], 0.5, 0.5, 0.8)[0].tolist() == pytest.approx([10, 10, 11.4])
    assert damped_total(11, 0.5, 0.8, 2) == pytest.approx(11 * 2 + 0.5 * (0.8 + (0.8 + 0.64)))


def test_demand_hidden_by_empty_shelves_is_found_again() -> None:
    """Guards: an item that sells out is forecast at what was on the shelf, and stays short for ever."""
    demand = numpy.random.default_rng(7).poisson(3, (300, 60))
    sold = numpy.minimum(demand, 4)
    repaired = repair_demand(sold, demand < 4)  # Four on the shelf each period: the fourth sale empties it.
    assert sold.mean() < 2.85
    assert repaired.mean.mean() == pytest.approx(3, abs=0.05)
    assert (repaired.demand >= sold).all()


def test_nothing_is_repaired_where_stock_never_ran_out_or_always_did() -> None:
    repaired = repair_demand([[3, 1, 2], [0, 0, 0]], [[True] * 3, [False] * 3])
    assert repaired.added.tolist() == [0, 0]
    assert repaired.known.tolist() == [True, False]


@given(demand=counts)
@settings(max_examples=25, deadline=None)
def test_the_trend_agrees_with_an_independent_computation(demand: list[list[int]]) -> None:
    found = trend(demand)
    for row, slope in zip(demand, found.slope, strict=True):
        assert slope == pytest.approx(stats.theilslopes(row).slope)


def test_a_trend_is_told_from_noise() -> None:
    noise = numpy.random.default_rng(3).normal(0, 1, (2, 36))
    noise[1] += 0.2 * numpy.arange(36)
    assert trend(noise).direction.tolist() == ["none", "rising"]
    assert trend([[5, 5, 5, 5]]).direction.tolist() == ["none"]


def test_a_jump_of_use_raises_the_alarm_soon_and_calm_use_does_not() -> None:
    calm = numpy.tile([9.0, 10.0, 11.0, 10.0], 10)
    jump = calm.copy()
    jump[20:] += 3
    alarm = change_alarm([calm, jump], 10, 1)
    assert alarm.period.tolist()[0] == -1 and 20 < alarm.period[1] <= 24
    assert alarm.direction.tolist() == ["none", "up"]
    signal = tracking_signal([[1, -1] * 12, [1, 1] * 12])
    assert abs(signal[0]) < TRACKING_LIMIT < signal[1]


def test_a_replay_counts_the_lead_time_as_written() -> None:
    """Guards: an order that arrives a period early or late makes every comparison worthless."""
    demand = numpy.array([[2.0, 5.0, 1.0, 4.0]])
    forecast = numpy.full((1, 5), 3.0)
    costs = replay_costs(demand, forecast, 1, numpy.ones(1), numpy.full(1, 10.0), [0.0])
    # Position 6 at every start: the ends of periods 1, 2 and 3 are 6 - 7, 6 - 6 and 6 - 5.
    assert costs[0, 0].tolist() == [10, 0, 1]


def test_where_no_model_is_better_the_present_one_stays() -> None:
    choice = choose_model(numpy.full((3, 30), 4.0), 1, 1.0, 9.0, tune_periods=20)
    assert choice.model.tolist() == ["exponential_smoothing"] * 3
    assert not choice.changed.any() and choice.gain.tolist() == [0, 0, 0]
