"""Exact policies against enumeration, simulation and the rules of thumb."""

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from services.vmi.rules.batch_policy import batch_policy, best_batch
from services.vmi.rules.distributions import (
    fit_demand,
    probability_table,
    protection_moments,
    protection_table,
    quantile,
    table_mean,
)
from services.vmi.rules.dynamic_lot_sizes import plan_lots
from services.vmi.rules.joint_replenishment import plan_joint_orders
from services.vmi.rules.lost_sales import optimise_lost_sales
from services.vmi.rules.newsvendor import base_stock_discrete, base_stock_normal
from services.vmi.rules.reorder_point_level import levels_cost, levels_exact
from services.vmi.rules.reorder_point_quantity import (
    policy_backorder_quantity,
    policy_cost,
    policy_exact,
    policy_exact_poisson,
    policy_safety_stock,
)
from services.vmi.rules.serial_chain import optimise_chain
from services.vmi.rules.service_levels import level_for_service, service_of_level

holding = st.floats(0.1, 5)
stockout = st.floats(1, 60)
fixed = st.floats(0.5, 80)
means = st.floats(0.3, 20)
some = settings(max_examples=30, deadline=None)


@given(h=holding, p=stockout, k=fixed, mean=means, over=st.floats(1, 4), lead=st.integers(0, 3))
@some
def test_no_neighbour_of_the_exact_levels_costs_less(
    h: float, p: float, k: float, mean: float, over: float, lead: int
) -> None:
    variance = mean * over
    best = levels_exact(h, p, k, mean, variance, lead)
    assert best.cost is not None
    point, up_to = int(best.reorder_point), int(best.order_up_to)
    for low in range(point - 3, point + 4):
        for high in range(max(up_to - 6, low + 1), up_to + 7):
            assert levels_cost(h, p, k, mean, low, high, variance, lead) >= best.cost * (1 - 1e-9)


@given(h=holding, p=stockout, k=fixed, mean=st.floats(5, 500), sd=st.floats(1, 100), lead=st.floats(0.05, 3))
@some
def test_the_exact_reorder_quantity_is_never_beaten(
    h: float, p: float, k: float, mean: float, sd: float, lead: float
) -> None:
    given_ = (h, p, k, mean, sd, lead)
    best = policy_exact(*given_)
    assert policy_cost(*given_, best.reorder_point, best.quantity) == pytest.approx(float(best.cost), rel=1e-9)
    heuristic = policy_backorder_quantity(*given_)
    assert best.cost * (1 - 1e-9) <= heuristic.cost <= best.cost * 1.125
    assert policy_safety_stock(*given_).cost >= best.cost * (1 - 1e-9)
    for change in (-0.05, 0.05):
        assert policy_cost(*given_, best.reorder_point + change * sd, best.quantity) >= best.cost * (1 - 1e-9)
        assert policy_cost(*given_, best.reorder_point, best.quantity * (1 + change)) >= best.cost * (1 - 1e-9)


def test_the_cost_of_a_reorder_quantity_is_the_integral_that_it_claims_to_be() -> None:
    h, p, k, mean, sd, lead = 0.225, 7.5, 8, 1300, 150, 1 / 12
    law = stats.norm(mean * lead, sd * lead**0.5)

    def rate(level: float) -> float:
        z = (level - law.mean()) / law.std()
        return h * (level - law.mean()) + (h + p) * law.std() * (stats.norm.pdf(z) - z * stats.norm.sf(z))

    area = integrate.quad(rate, 126.8, 126.8 + 328.5)[0]
    found = policy_cost(h, p, k, mean, sd, lead, 126.8, 328.5)
    assert found == pytest.approx((k * mean + area) / 328.5, rel=1e-9)


def test_many_items_at_once_are_the_same_as_one_by_one() -> None:
    draws = numpy.random.default_rng(5)
    items = [draws.uniform(low, high, 50) for low, high in [(0.1, 5), (5, 50), (1, 99), (9, 999), (1, 300), (0.1, 2)]]
    together = policy_exact(*items)
    for index in (0, 17, 49):
        alone = policy_exact(*(each[index] for each in items))
        assert float(alone.cost) == pytest.approx(together.cost[index], rel=1e-10)


@given(h=holding, p=stockout, k=fixed, mean=means)
@some
def test_a_dearer_shortage_never_lowers_the_stock(h: float, p: float, k: float, mean: float) -> None:
    assert base_stock_discrete(h, p, mean).level <= base_stock_discrete(h, p * 1.5, mean).level
    assert base_stock_normal(h, p, mean, mean / 3).level <= base_stock_normal(h, p * 1.5, mean, mean / 3).level
    assert levels_exact(h, p, k, mean).cost <= levels_exact(h, p * 1.5, k, mean).cost * (1 + 1e-12)
    cheap, dear = policy_exact_poisson(h, p, k, mean, 2), policy_exact_poisson(h, p, 2 * k, mean, 2)
    assert cheap.cost <= dear.cost and cheap.quantity <= dear.quantity


@given(h=holding, p=stockout, k=fixed, mean=means, pack=st.integers(1, 12), lead=st.integers(0, 3))
@some
def test_batches_cost_at_least_what_free_quantities_cost(
    h: float, p: float, k: float, mean: float, pack: int, lead: int
) -> None:
    best = best_batch(h, p, k, mean, pack, lead_time=lead)
    free = levels_exact(h, p, k, mean, lead_time=lead)
    assert best.batch % pack == 0
    assert free.cost is not None and best.cost >= free.cost * (1 - 1e-9)
    assert batch_policy(h, p, 0, mean, 1, lead_time=lead).cost == pytest.approx(
        float(base_stock_discrete(h, p, mean, lead_time=lead).cost)
    )


def test_the_cost_of_batches_is_that_of_a_simulated_store() -> None:
    policy = batch_policy(1, 9, 20, 5, 8, lead_time=2)
    demand = numpy.random.default_rng(1).poisson(5, 200_000)
    position, cost, orders = float(policy.reorder_point + 8), 0.0, 0
    sums = numpy.concatenate([[0], numpy.cumsum(demand)])
    for period in range(len(demand) - 2):
        if position <= policy.reorder_point:
            orders += 1
            position += 8 * ((policy.reorder_point - position) // 8 + 1)
        end = position - (sums[period + 3] - sums[period])
        cost += max(end, 0) + 9 * max(-end, 0)
        position -= demand[period]
    assert (cost + 20 * orders) / (len(demand) - 2) == pytest.approx(policy.cost, rel=0.01)


@given(mean=st.floats(0.2, 8), over=st.floats(1, 5), lead=st.integers(0, 4), asked=st.floats(0.5, 0.995))
@some
def test_the_service_solver_achieves_what_was_asked_and_no_unit_more_than_needed(
    mean: float, over: float, lead: int, asked: float
) -> None:
    for batch in (1, 5):
        found = level_for_service(asked, mean, lead, mean * over, review=2, batch=batch)
        assert found.achieved >= asked > found.short_by_one
        again = service_of_level(found.level, mean, lead, mean * over, review=2, batch=batch)
        assert again.fill_rate == pytest.approx(found.achieved)
    assert level_for_service(asked, mean, lead, mean * over, measure="cycle_service").cycle_service >= asked


def test_the_fill_rate_is_that_of_a_simulated_store() -> None:
    found = level_for_service(0.9, 4, 3, 12, review=2)
    share = 4 / 12
    draws = numpy.random.default_rng(2).negative_binomial(4 * share / (1 - share), share, 200_000)
    stock, served, under_way = float(found.level), 0.0, [0.0] * 4  # Arrivals of this and the next three periods.
    for period, demand in enumerate(draws):
        if period % 2 == 0:
            under_way[3] += found.level - stock - sum(under_way)
        stock += under_way[0]
        under_way = [*under_way[1:], 0.0]
        served += min(max(stock, 0.0), demand)
        stock -= demand
    assert served / draws.sum() == pytest.approx(found.achieved, abs=0.005)


def test_a_chain_of_one_stage_is_a_newsvendor() -> None:
    chain = optimise_chain([2], [1.5], 20, 30, 6)
    alone = base_stock_normal(2, 20, 30 * 1.5, 6 * 1.5**0.5)
    assert chain.echelon_levels[0] == pytest.approx(float(alone.level), abs=0.01)
    assert chain.cost == pytest.approx(float(alone.cost), rel=1e-4)


@given(p=st.floats(5, 80), mean=st.floats(2, 30))
@settings(max_examples=15, deadline=None)
def test_a_chain_costs_more_when_shortage_does(p: float, mean: float) -> None:
    costs, leads = [1.0, 0.5, 0.25], [1.0, 0.5, 1.0]
    one, two = optimise_chain(costs, leads, p, mean), optimise_chain(costs, leads, 2 * p, mean)
    assert one.cost <= two.cost
    assert all(low <= high for low, high in zip(one.echelon_levels, two.echelon_levels, strict=True))


def test_lost_sales_are_never_worse_than_a_base_stock_and_orders_fall_with_stock() -> None:
    policy = optimise_lost_sales(1, 9, 3, 2)
    assert policy.cost <= policy.base_stock_cost and 0 <= policy.gain < 0.1
    assert policy.order(0, [0]) >= policy.order(2, [0]) >= policy.order(10, [0])
    assert policy.order(500, [0]) == 0


@given(
    demand=st.lists(st.integers(0, 60), min_size=1, max_size=7), k=st.floats(0, 200), h=st.floats(0.1, 4)
)  # fmt: skip
@some
def test_a_lot_plan_is_the_cheapest_of_all_choices_of_order_periods(demand: list[int], k: float, h: float) -> None:
    best = float("inf")
    for chosen in range(1 << len(demand)):
        cost, last = 0.0, None
        for period, need in enumerate(demand):
            if chosen >> period & 1:
                cost, last = cost + k, period
            if need:
                cost += float("inf") if last is None else h * need * (period - last)
        best = min(best, cost)
    plan = plan_lots(demand, k, h)
    assert plan.cost == pytest.approx(best)
    assert sum(plan.quantities) == pytest.approx(sum(demand))


@given(
    items=st.lists(st.tuples(st.floats(0, 50), st.floats(0.1, 5), st.floats(1, 500)), min_size=1, max_size=3),
    shared=st.floats(1, 100),
)
@some
def test_no_small_multiples_beat_the_joint_plan(items: list[tuple[float, float, float]], shared: float) -> None:
    own, held, rates = (list(each) for each in zip(*items, strict=True))
    plan = plan_joint_orders(shared, own, held, rates)
    for multiples in numpy.ndindex(*[8] * len(items)):
        m = numpy.array(multiples) + 1
        cost = (2 * (shared + (own / m).sum()) * (numpy.multiply(held, rates) * m).sum()) ** 0.5
        assert cost >= plan.cost * (1 - 1e-9)
    assert plan.worth_it == (plan.cost < plan.separate_cost * (1 - 1e-12))
    if len(items) == 1:
        assert not plan.worth_it


def test_the_fit_tells_scattered_demand_from_random_arrivals() -> None:
    draws = numpy.random.default_rng(4)
    fit = fit_demand([draws.poisson(2, 60), draws.negative_binomial(1, 1 / 7, 60), numpy.zeros(60)])
    assert fit.family.tolist() == ["poisson", "negative_binomial", "none"]


@given(mean=st.floats(0.1, 40), over=st.floats(1, 8), ratio=st.floats(0.01, 0.999))
@some
def test_a_quantile_is_the_least_number_that_covers(mean: float, over: float, ratio: float) -> None:
    table = numpy.cumsum(probability_table(mean, mean * over))
    level = int(quantile(mean, mean * over, ratio))
    assert table[level] >= ratio - 1e-9
    assert level == 0 or table[level - 1] < ratio + 1e-9


def test_an_unsure_lead_time_costs_more_and_a_sure_one_is_the_plain_one() -> None:
    for policy in (lambda lead: base_stock_discrete(1, 9, 4, 8, lead).cost,
                   lambda lead: levels_exact(1, 9, 30, 4, 8, lead).cost,
                   lambda lead: batch_policy(1, 9, 30, 4, 6, 8, lead).cost,
                   lambda lead: level_for_service(0.97, 4, lead, 8).on_hand):  # fmt: skip
        assert policy([0, 0, 1]) == pytest.approx(policy(2), rel=1e-6)
        assert policy([0, 0.5, 0, 0.5]) > policy(2)


def test_a_random_lead_time_adds_what_the_formula_says() -> None:
    table = probability_table(3, 6)
    mixed = protection_table(table, [0, 0.25, 0.5, 0.25], review=1)
    mean = table_mean(mixed)
    variance = float(numpy.arange(mixed.size) ** 2 @ mixed) - mean**2
    expected = protection_moments(3, 6, lead_mean=2, lead_variance=0.5, review=1)
    assert (mean, variance) == pytest.approx((float(expected[0]), float(expected[1])), rel=1e-6)
