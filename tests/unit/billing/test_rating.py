"""Prices never jump, never round twice and never depend on how often the rater ran."""

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.rules import money, rating
from services.billing.rules.rating import Plan, Tier

prices = st.decimals(min_value=0, max_value=10_000, places=4)
quantities = st.integers(min_value=0, max_value=10**8)


@st.composite
def tiers(draw: st.DrawFn) -> tuple[Tier, ...]:
    bounds = sorted(draw(st.sets(st.integers(min_value=1, max_value=10**7), max_size=4)))
    return tuple(Tier(bound, draw(prices)) for bound in [*bounds, None])


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    return Plan(
        model=draw(st.sampled_from(rating.MODELS)),
        unit_size=draw(st.sampled_from([1, 60, 3600])),
        price=draw(prices),
        free_quantity=draw(st.integers(min_value=0, max_value=10_000)),
        tiers=draw(tiers()),
    )


@given(tiers(), quantities, quantities)
def test_graduated_never_costs_less_for_more(steps: tuple[Tier, ...], one: int, other: int) -> None:
    less, more = sorted((one, other))
    assert rating.amount(rating.graduated(less, steps, 3600)) <= rating.amount(rating.graduated(more, steps, 3600))


@given(tiers())
def test_graduated_is_continuous_at_every_tier_edge(steps: tuple[Tier, ...]) -> None:
    def cost(quantity: int) -> Fraction:
        return rating.amount(rating.graduated(quantity, steps, 3600))

    for tier, following in pairwise(steps):
        assert tier.up_to is not None
        assert cost(tier.up_to) - cost(tier.up_to - 1) == Fraction(tier.unit_price) / 3600
        assert cost(tier.up_to + 1) - cost(tier.up_to) == Fraction(following.unit_price) / 3600


@given(plans(), quantities)
def test_tier_parts_carry_the_whole_quantity(plan: Plan, quantity: int) -> None:
    assert sum(part.quantity for part in rating.rate(plan, quantity)) == quantity


@given(plans(), quantities, quantities)
def test_parts_of_a_line_add_up_to_the_line(plan: Plan, before: int, quantity: int) -> None:
    line = rating.rated_line(plan, quantity, "CNY", before)
    assert sum(line.parts_minor) == line.amount_minor
    if plan.model != "flat":
        assert sum(part.quantity for part in line.parts) == quantity


@given(plans(), st.lists(st.integers(min_value=0, max_value=10**6), min_size=1, max_size=6))
def test_the_bill_does_not_depend_on_how_often_the_rater_runs(plan: Plan, arriving: list[int]) -> None:
    billed_minor = before = 0
    for quantity in arriving:
        billed_minor += rating.rated_line(plan, quantity, "CNY", before).amount_minor
        before += quantity
    assert billed_minor == rating.rated_line(plan, sum(arriving), "CNY").amount_minor


@given(plans())
def test_nothing_used_costs_nothing(plan: Plan) -> None:
    assert rating.rated_line(plan, 0, "CNY") == rating.RatedLine(0, (), ())


def test_a_run_hour_is_priced_by_the_second_and_rounded_once() -> None:
    # 1,000 s at 12.50 yuan an hour are 3.4722 yuan; two lines of 500 s, each rounded, would be 3.48.
    assert rating.line_amount_minor({"model": "per_unit", "price": "12.50", "unit_size": 3600}, 1000) == 347


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ({"model": "auction"}, "model"),
        ({"model": "graduated", "tiers": []}, "open"),
        ({"model": "graduated", "tiers": [{"up_to": 10, "unit_price": "1"}]}, "open"),
        ({"model": "volume", "tiers": [{"up_to": 10}, {"up_to": 10}, {"up_to": None}]}, "rise"),
        ({"model": "volume", "tiers": [{"up_to": None}, {"up_to": None}]}, "rise"),
        ({"model": "per_unit", "price": "-1"}, "zero or more"),
        ({"model": "per_unit", "price": "NaN"}, "zero or more"),
        ({"model": "per_unit", "price": 0.1}, "float"),
        ({"model": "per_unit", "price": "dear"}, "not a price"),
        ({"model": "package", "price": "1", "unit_size": 0}, "unit_size"),
    ],
)
def test_a_plan_that_could_not_price_something_is_refused(raw: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        rating.parse_plan(raw)


@pytest.mark.parametrize("quantity", [-1, rating.QUANTITY_MAX + 1])
def test_a_quantity_out_of_range_is_refused(quantity: int) -> None:
    with pytest.raises(ValueError, match="quantity"):
        rating.rate(Plan("per_unit", price=Decimal(1)), quantity)


def test_an_amount_beyond_reason_is_refused_not_wrapped() -> None:
    with pytest.raises(OverflowError):
        rating.line_amount_minor({"model": "per_unit", "price": "1000000"}, rating.QUANTITY_MAX)


@given(st.integers(min_value=-(10**9), max_value=10**9), st.lists(st.fractions(min_value=0, max_value=100), min_size=1))
def test_shares_add_up_to_the_whole(total: int, weights: list[Fraction]) -> None:
    if sum(weights) == 0:
        return
    parts = money.share_out(total, weights)
    assert sum(parts) == total
    exact = [total * weight / sum(weights) for weight in weights]
    assert all(abs(part - share) < 1 for part, share in zip(parts, exact, strict=True))


@given(st.fractions(min_value=-1000, max_value=1000))
def test_rounding_is_half_up_and_a_credit_mirrors_its_charge(value: Fraction) -> None:
    assert money.round_half_up(-value) == -money.round_half_up(value)
    assert abs(money.round_half_up(value) - value) <= Fraction(1, 2)


def test_a_half_cent_goes_up() -> None:
    assert money.to_minor(Decimal("0.125"), "CNY") == 13
    assert money.to_minor(Decimal("0.5"), "JPY") == 1
    with pytest.raises(ValueError, match="currency"):
        money.to_minor(Decimal(1), "XXX")
