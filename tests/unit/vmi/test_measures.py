"""Figures that both sides compute alike: service, bullwhip, cards, netting, and the game that shows why."""

import math

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.vmi.rules.beer_game import benchmark, play
from services.vmi.rules.bullwhip import bullwhip_ratio, moving_average_bullwhip, net_stock_amplification
from services.vmi.rules.kanban import kanban_count
from services.vmi.rules.material_requirements import net_requirements
from services.vmi.rules.service_measures import measure_stock, on_time_in_full


def test_service_figures_are_those_counted_by_hand() -> None:
    found = measure_stock([[4, 0, 6, 2]], [[4, 0, 3, 2]], [[2, 2, 0, 2]], periods_per_year=52)
    assert found.fill_rate[0] == 9 / 12 and found.stock_out_periods[0] == 1
    assert found.turns[0] == pytest.approx(9 * 13 / 1.5) and found.cover_periods[0] == pytest.approx(1.5 / 2.25)
    nothing = measure_stock([[0, 0]], [[0, 0]], [[3, 3]], 52)
    assert math.isnan(nothing.fill_rate[0]) and nothing.turns[0] == 0


def test_a_line_counts_only_when_it_is_both_on_time_and_in_full() -> None:
    nan = float("nan")
    assert on_time_in_full([5, 5, 5, 5, 5], [5, 4, 5, 5, 6], [3] * 5, [3, 3, 5, nan, 3], late=1) == 0.2
    assert math.isnan(on_time_in_full([], [], [], []))


def test_passing_orders_on_is_no_bullwhip_and_a_batch_is() -> None:
    demand = numpy.array([[3.0, 5, 4, 6, 2, 4], [4, 4, 4, 4, 4, 4]])
    assert bullwhip_ratio(demand, demand)[0] == 1 and math.isnan(bullwhip_ratio(demand, demand)[1])
    assert bullwhip_ratio([[12, 0, 0, 12, 0, 0]], demand[:1])[0] > 10
    assert net_stock_amplification([[1, 1, 1, 1, 1, 1]], demand[:1])[0] == 0


def test_the_published_ratio_of_a_moving_average_is_that_of_a_simulation() -> None:
    periods, lead = 5, 3
    demand = numpy.random.default_rng(9).normal(100, 10, 400_000)
    mean = numpy.convolve(demand, numpy.ones(periods) / periods, mode="valid")
    # Order = demand of the last period + change of the order-up-to level.
    orders = demand[periods:] + lead * numpy.diff(mean)
    assert bullwhip_ratio([orders], [demand])[0] == pytest.approx(moving_average_bullwhip(lead, periods), rel=0.02)


@given(rate=st.floats(0, 500), lead=st.floats(0, 10), extra=st.floats(0, 1), container=st.integers(1, 50))
@settings(max_examples=40, deadline=None)
def test_cards_cover_the_loop_and_not_a_card_more(rate: float, lead: float, extra: float, container: int) -> None:
    cards = kanban_count(rate, lead, 0.5, extra, container)
    need = rate * (lead + 0.5) * (1 + extra)
    assert (cards - 1) * container < need + 1e-6 and cards * container >= need - 1e-6


def test_netting_is_that_of_the_worked_example() -> None:
    """Lot of two periods, lead time of two: net needs of 15, 30 and 30 become lots of 45 and 30."""
    plan = net_requirements([15, 20, 50, 10, 30, 30, 30, 30], [10, 10, 100, 0, 0, 0, 0, 0], 20, 2, periods_per_lot=2)
    assert plan.planned_receipts == (0, 0, 0, 0, 0, 45, 0, 30)
    assert plan.planned_releases == (0, 0, 0, 45, 0, 30, 0, 0)
    assert plan.projected_on_hand == (15, 5, 55, 45, 15, 30, 0, 0) and plan.overdue == 0


@given(
    gross=st.lists(st.integers(0, 50), min_size=1, max_size=8), stock=st.integers(0, 40), lead=st.integers(0, 3),
    safety=st.integers(0, 10), multiple=st.integers(1, 20), lots=st.integers(1, 3),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_a_net_plan_is_never_short_and_loses_nothing(
    gross: list[int], stock: int, lead: int, safety: int, multiple: int, lots: int
) -> None:
    plan = net_requirements(gross, [0] * len(gross), stock, lead, safety, multiple, periods_per_lot=lots)
    assert all(left >= safety for left in plan.projected_on_hand)
    assert plan.projected_on_hand[-1] == stock + sum(plan.planned_receipts) - sum(gross)
    assert sum(plan.planned_releases) == pytest.approx(sum(plan.planned_receipts))
    if sum(gross) + safety <= stock:
        assert not any(plan.planned_receipts)


def test_the_benchmark_of_the_beer_game_settles_and_panic_costs_more() -> None:
    game = benchmark()
    assert [orders[-1] for orders in game.orders] == [8, 8, 8, 8]
    assert play([4] * 4 + [8] * 32, [40, 40, 40, 32]).total > game.total
