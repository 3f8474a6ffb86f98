"""A reorder decision explains itself, and what it says adds up."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.vmi.rules.reorder import Decision, Demand, Limits, ReorderRule, StockPosition, decide

RULE = ReorderRule(reorder_point=20, order_up_to=50)
DEMAND = Demand(mean=4, variance=8, lead_time=3, review=1)


def decided(position: StockPosition, rule: ReorderRule = RULE, limits: Limits | None = None) -> Decision:
    return decide(position, rule, DEMAND, limits or Limits(), holding_cost=0.1, stockout_cost=5)


def test_nothing_is_ordered_above_the_reorder_point() -> None:
    decision = decided(StockPosition(on_hand=15, in_transit=10))
    assert (decision.quantity, decision.trigger, decision.bound) == (0, "none", "not_triggered")
    assert "无需补货" in decision.reason_zh and "nothing to order" in decision.reason_en


def test_stock_under_way_counts_and_stock_that_is_owed_does_not() -> None:
    decision = decided(StockPosition(on_hand=10, in_transit=5, on_order=8, backorders=2, reserved=1))
    assert decision.quantity == 30 and decision.trigger == "reorder_point" and decision.worth_it


@pytest.mark.parametrize(
    ("limits", "quantity", "bound", "short"),
    [
        (Limits(), 40, "none", 0),
        (Limits(case_pack=12), 48, "case_pack", 0),
        (Limits(minimum_order=60), 60, "minimum", 0),
        (Limits(stock_maximum=45), 35, "stock_maximum", 5),
        (Limits(available=7), 7, "available", 33),
        (Limits(case_pack=12, available=7), 0, "available", 40),
        (Limits(frozen=True), 0, "frozen", 40),
    ],
)
def test_the_constraint_that_bound_an_order_is_named(limits: Limits, quantity: float, bound: str, short: float) -> None:
    decision = decided(StockPosition(on_hand=10), limits=limits)
    assert (decision.quantity, decision.bound, decision.short_of_rule) == (quantity, bound, short)


def test_a_fixed_quantity_is_ordered_until_the_position_is_above_the_point() -> None:
    assert decided(StockPosition(on_hand=0, backorders=5), ReorderRule(20, quantity=12)).quantity == 36


def test_waiting_is_dear_when_empty_and_free_when_nobody_buys() -> None:
    empty = decided(StockPosition(on_hand=0)).waiting_cost
    assert empty > decided(StockPosition(on_hand=18)).waiting_cost > 0
    quiet = decide(StockPosition(on_hand=10), RULE, Demand(0, 0, 3), Limits(), 0.1, 5)
    assert quiet.waiting_cost < 0 and not quiet.worth_it
    assert "无收益" in quiet.reason_zh and "no gain" in quiet.reason_en


@given(
    parts=st.tuples(*[st.integers(0, 60)] * 5),
    pack=st.integers(1, 15),
    minimum=st.integers(0, 40),
    quantity=st.none() | st.integers(1, 40),
)
@settings(max_examples=80, deadline=None)
def test_the_arithmetic_shown_is_the_arithmetic_done(
    parts: tuple[int, int, int, int, int], pack: int, minimum: int, quantity: int | None
) -> None:
    """Guards: an explanation that was written apart from the decision and drifted away from it."""
    rule = ReorderRule(20, order_up_to=None if quantity else 50, quantity=quantity)
    decision = decided(StockPosition(*map(float, parts)), rule, Limits(case_pack=pack, minimum_order=minimum))
    steps = {step.name: step for step in decision.steps}
    signed = [step.value * (-1 if step.sign == "-" else 1) for step in decision.steps[:5]]
    assert sum(signed) == steps["position"].value
    assert steps["forecast"].value + steps["safety"].value == steps["reorder_point"].value
    assert (decision.trigger == "none") == (steps["position"].value > 20)
    if decision.trigger != "none":
        assert decision.quantity >= steps["wanted"].value
        assert steps["position"].value + decision.quantity > 20
        assert decision.quantity % pack == 0
    numbers_zh, numbers_en = (re.findall(r"-?\d+\.?\d*", text) for text in (decision.reason_zh, decision.reason_en))
    assert numbers_zh == numbers_en


@pytest.mark.parametrize(
    ("position", "rule"),
    [
        (StockPosition(on_hand=-1), RULE),
        (StockPosition(on_hand=float("nan")), RULE),
        (StockPosition(on_hand=1), ReorderRule(20)),
        (StockPosition(on_hand=1), ReorderRule(20, 50, 10)),
        (StockPosition(on_hand=1), ReorderRule(20, order_up_to=20)),
    ],
)
def test_a_decision_without_sense_is_refused(position: StockPosition, rule: ReorderRule) -> None:
    with pytest.raises(ValueError, match=r"must|needs"):
        decided(position, rule)
