"""Rounding, loads, shortage, transfers and the gain: nothing appears, nothing is lost, nobody is worse off."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.vmi.rules.fair_share import Location, share_by_cost, share_by_need, shared_cost
from services.vmi.rules.gain_sharing import airport_shares, shapley_shares, share_gain
from services.vmi.rules.rounding import LoadLine, plan_load, round_order
from services.vmi.rules.transshipment import decide_transfer

some = settings(max_examples=40, deadline=None)
costs = st.floats(0, 1e6)
places = st.lists(
    st.builds(
        Location, position=st.integers(-5, 8), mean=st.floats(0.1, 6), holding_cost=st.floats(0.1, 3),
        stockout_cost=st.floats(1, 30),
    ),
    min_size=1, max_size=3,
)  # fmt: skip


@given(need=st.floats(-50, 500), pack=st.floats(0.5, 40), least=st.floats(0, 200), most=st.floats(0, 600))
@some
def test_rounding_is_never_below_the_need_unless_capped(need: float, pack: float, least: float, most: float) -> None:
    free = round_order(need, pack, least)
    assert float(free.quantity) >= need - 1e-6
    packs = float(free.quantity) / pack
    assert packs == pytest.approx(round(packs), abs=1e-6)
    capped = round_order(need, pack, least, most)
    assert float(capped.quantity) <= most + 1e-6
    if need > 0 and float(capped.quantity) < need - 1e-6:
        assert str(capped.bound) == "maximum"
    if float(capped.quantity):
        assert float(capped.quantity) >= least - 1e-6


lines = st.lists(
    st.tuples(
        st.integers(0, 40), st.integers(1, 6), st.floats(0.01, 0.5), st.floats(1, 40), st.floats(0, 9), st.floats(0, 9),
        st.integers(0, 30),
    ),
    min_size=1, max_size=5,
)  # fmt: skip


@given(data=lines, trucks_max=st.none() | st.integers(0, 2))
@some
def test_a_load_fits_and_what_does_not_is_told(data: list[tuple[float, ...]], trucks_max: int | None) -> None:
    load_lines = [LoadLine(f"item-{index}", *each) for index, each in enumerate(data)]  # type: ignore[arg-type]
    load = plan_load(load_lines, truck_volume_m3=4, truck_weight_kg=300, trucks_max=trucks_max)
    assert load.volume_share <= 1 + 1e-6 and load.weight_share <= 1 + 1e-6
    for line in load_lines:
        sent, left = load.quantities[line.item], load.left_behind.get(line.item, 0)
        assert sent % line.case_pack == 0
        assert sent + left >= line.need
        assert sent <= max(line.need + line.room, -(-line.need // line.case_pack) * line.case_pack)
    if trucks_max is None:
        assert not load.left_behind
    else:
        assert load.trucks <= trucks_max


def test_room_in_a_truck_goes_to_what_runs_out_first() -> None:
    soon = LoadLine("soon", 10, 5, 0.1, 1, cover_periods=1, demand_mean=5, room=100)
    later = LoadLine("later", 10, 5, 0.1, 1, cover_periods=20, demand_mean=5, room=100)
    load = plan_load([later, soon], truck_volume_m3=4, truck_weight_kg=900)
    assert load.quantities == {"later": 10, "soon": 30} and (load.trucks, load.bound) == (1, "volume")


@given(available=st.integers(0, 200), needs=st.lists(st.integers(0, 90), min_size=1, max_size=6))
@some
def test_shares_by_need_add_up_and_stay_within_a_unit_of_proportion(available: int, needs: list[int]) -> None:
    shares = share_by_need(available, needs)
    assert sum(shares.quantities) + shares.kept == available
    for share, need in zip(shares.quantities, needs, strict=True):
        assert 0 <= share <= need
        if sum(needs) > available:
            assert abs(share - available * need / sum(needs)) < 1


@given(available=st.integers(0, 6), locations=places)
@some
def test_shares_by_cost_are_the_best_of_all_splits(available: int, locations: list[Location]) -> None:
    shares = share_by_cost(available, locations)
    assert sum(shares.quantities) + shares.kept == available
    least = min(
        shared_cost(split, locations)
        for split in product(range(available + 1), repeat=len(locations))
        if sum(split) <= available
    )
    assert shared_cost(shares.quantities, locations) == pytest.approx(least, rel=1e-9, abs=1e-9)


@given(two=st.tuples(places, places), unit=st.floats(0, 5), fixed=st.floats(0, 20))
@some
def test_a_transfer_saves_what_it_says_or_is_not_made(
    two: tuple[list[Location], list[Location]], unit: float, fixed: float
) -> None:
    sender, receiver = two[0][0], two[1][0]
    transfer = decide_transfer(sender, receiver, unit, fixed)
    assert 0 <= transfer.quantity <= max(sender.position, 0)
    before, after = shared_cost([0, 0], [sender, receiver]), 0.0
    after = shared_cost([-transfer.quantity, transfer.quantity], [sender, receiver])
    transport = unit * transfer.quantity + fixed * transfer.worth_it
    assert before - after - transport == pytest.approx(transfer.saving, abs=1e-6)
    assert transfer.saving > 0 if transfer.worth_it else transfer.saving == 0


def test_a_transfer_needs_the_agreement_and_a_reason() -> None:
    full, empty = Location(9, 2, 1, 9), Location(0, 5, 1, 9)
    assert decide_transfer(full, empty, 0.5, 1).worth_it
    assert "协议" in decide_transfer(full, empty, 0.5, 1, allowed=False).reason_zh
    assert "no gain here" in decide_transfer(full, full, 0.5, 1).reason_en


@given(alone=st.tuples(costs, costs), joint=st.tuples(costs, costs), rule=st.sampled_from(["equal", "proportional"]))
@some
def test_nobody_is_worse_off_and_the_payment_only_moves_money(
    alone: tuple[float, float], joint: tuple[float, float], rule: str
) -> None:
    share = share_gain(*alone, *joint, rule=rule)
    slack = 1e-6 * (1 + sum(alone))
    assert share.customer_cost <= alone[0] + slack and share.supplier_cost <= alone[1] + slack
    if share.worth_it:
        assert share.customer_cost + share.supplier_cost == pytest.approx(sum(joint), abs=slack)
        assert joint[0] - share.transfer == pytest.approx(share.customer_cost, abs=slack)
    else:
        assert share.transfer == 0 and "no gain here" in share.reason_en


def test_the_payment_goes_to_whoever_the_joint_plan_costs_more() -> None:
    assert share_gain(100, 200, 120, 120).transfer == 50
    assert share_gain(100, 200, 40, 200).transfer == -30
    assert share_gain(100, 200, 120, 120, customer_share=1).customer_cost == 40


def test_shapley_shares_are_those_of_the_known_games() -> None:
    def gloves(group: frozenset[str]) -> float:
        return float(min(len(group & {"left-1", "left-2"}), len(group & {"right"})))

    shares = shapley_shares(["left-1", "left-2", "right"], gloves)
    assert shares == pytest.approx({"left-1": 1 / 6, "left-2": 1 / 6, "right": 2 / 3})
    stops = {"near": 12.0, "middle": 28.0, "far": 30.0}
    general = shapley_shares(list(stops), lambda group: max((stops[each] for each in group), default=0.0))
    assert airport_shares([12, 28, 30]) == pytest.approx(tuple(general.values()))
