"""Sampling plans are those of the tables, judge as their curve says, and switch as the norm says."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.testing_lab.rules.operating_characteristic import (
    acceptance_probability,
    acceptance_probability_of_lot,
    quality_accepted_with,
)
from services.testing_lab.rules.sampling_plans import AQLS, LEVELS, Plan, code_letter, master_cell, single_plan
from services.testing_lab.rules.switching import Severity, Standing, next_standing, resume

LETTERS = "ABCDEFGHJKLMNPQR"
plans = st.tuples(st.integers(1, 2000), st.integers(0, 44))


def cells(severity: str) -> dict[tuple[str, float], Plan]:
    """Every cell of a master table that is certain."""
    found = {}
    for letter in LETTERS:
        for aql in AQLS:
            try:
                found[letter, aql] = master_cell(letter, aql, severity)
            except ValueError as error:
                assert "not certain" in str(error)
    return found


def row(letter: str, severity: str, aqls: list[float]) -> list[int]:
    """Acceptance numbers of a row at cells of its own."""
    found = [master_cell(letter, aql, severity) for aql in aqls]
    assert {plan.letter for plan in found} == {letter}
    return [plan.acceptance_number for plan in found]


def test_rows_of_the_normal_table() -> None:
    """MIL-STD-105E, table II-A, rows A, E, H, K, N, R read one by one."""
    assert row("A", "normal", [6.5, 25, 40, 65, 100, 150, 250, 400, 650, 1000]) == [0, 1, 2, 3, 5, 7, 10, 14, 21, 30]
    assert row("E", "normal", [1.0, 4.0, 6.5, 10, 15, 25, 40, 65, 100, 150, 250]) == [
        0,
        1,
        2,
        3,
        5,
        7,
        10,
        14,
        21,
        30,
        44,
    ]
    assert row("H", "normal", [0.25, 1.0, 1.5, 2.5, 4.0, 6.5, 10, 15, 25]) == [0, 1, 2, 3, 5, 7, 10, 14, 21]
    assert row("K", "normal", [0.10, 0.40, 0.65, 1.0, 1.5, 2.5, 4.0, 6.5, 10]) == [0, 1, 2, 3, 5, 7, 10, 14, 21]
    assert row("N", "normal", [0.025, 0.10, 0.15, 0.25, 0.40, 0.65, 1.0, 1.5, 2.5]) == [0, 1, 2, 3, 5, 7, 10, 14, 21]
    assert row("R", "normal", [0.025, 0.040, 0.065, 0.10, 0.15, 0.25, 0.40, 0.65]) == [1, 2, 3, 5, 7, 10, 14, 21]


def test_rows_of_the_tightened_table() -> None:
    """MIL-STD-105E, table II-B, rows F, J, L read one by one; the extra letter S by an arrow."""
    assert row("F", "tightened", [1.0, 4.0, 6.5, 10, 15, 25, 40]) == [0, 1, 2, 3, 5, 8, 12]
    assert row("J", "tightened", [0.25, 1.0, 1.5, 2.5, 4.0, 6.5, 10, 15]) == [0, 1, 2, 3, 5, 8, 12, 18]
    assert row("L", "tightened", [0.10, 0.40, 0.65, 1.0, 1.5, 2.5, 4.0, 6.5]) == [0, 1, 2, 3, 5, 8, 12, 18]
    assert master_cell("R", 0.025, "tightened") == Plan("S", 3150, 1, 2, whole_lot=False)


@pytest.mark.parametrize("severity", ["normal", "tightened"])
def test_every_plan_accepts_production_at_its_limit_most_of_the_time(severity: str) -> None:
    """The design of the tables: at the AQL normal plans accept about 85 % to 99 %, tightened ones rather less."""
    least = {"normal": 0.80, "tightened": 0.55}[severity]
    for (letter, aql), plan in cells(severity).items():
        accepted = acceptance_probability(aql, plan.sample_size, plan.acceptance_number, "poisson")
        assert least < accepted < 0.9999, f"{letter}/{aql}: {plan} accepts {accepted}"


def test_tightened_is_stricter_than_normal_in_every_cell() -> None:
    normal, tightened = cells("normal"), cells("tightened")
    for key in normal.keys() & tightened.keys():
        limits = [
            quality_accepted_with(0.95, table[key].sample_size, table[key].acceptance_number, "poisson")
            for table in (normal, tightened)
        ]
        assert limits[1] < limits[0], key


def test_only_cells_at_the_edge_are_left_out() -> None:
    whole = {(letter, aql) for letter in LETTERS for aql in AQLS}
    assert whole - cells("normal").keys() == {("A", 10), ("R", 0.015)}
    assert whole - cells("tightened").keys() == {("A", 10), ("R", 0.015)}


@pytest.mark.parametrize("level", LEVELS)
def test_code_letters_rise_with_the_lot(level: str) -> None:
    letters = [code_letter(size, level) for size in (2, 9, 16, 26, 51, 91, 151, 281, 501, 1201, 3201, 10**6)]
    assert all(left <= right for left, right in pairwise(letters))


def test_a_sample_as_large_as_the_lot_is_the_lot() -> None:
    plan = single_plan(40, 0.10)
    assert (plan.sample_size, plan.whole_lot, plan.acceptance_number) == (40, True, 0)
    assert not single_plan(10_000, 0.10).whole_lot


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, 1.0), "2 items"),
        ((100, 1.0, "IV"), "level"),
        ((100, 1.1), "AQLs"),
        ((100, 1.0, "II", "reduced"), "tables at hand"),
        ((5, 10), "not certain"),
    ],
)
def test_what_the_tables_do_not_hold_is_refused(arguments: tuple[int, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        single_plan(*arguments)
    with pytest.raises(ValueError, match="code letter"):
        master_cell("S", 1.0)


@given(plans, st.floats(0, 100), st.floats(0, 100), st.sampled_from(["binomial", "poisson"]))
def test_the_curve_falls_as_quality_gets_worse(plan: tuple[int, int], percent: float, other: float, kind: str) -> None:
    better, worse = (acceptance_probability(each, *plan, kind) for each in sorted((percent, other)))
    assert 1 >= better >= worse - 1e-12 >= -1e-12


@given(plans, st.floats(0.01, 0.99), st.sampled_from(["binomial", "poisson"]))
def test_quality_and_probability_are_inverse(plan: tuple[int, int], probability: float, kind: str) -> None:
    quality = quality_accepted_with(probability, *plan, kind)
    if kind == "poisson" or plan[1] < plan[0]:
        assert acceptance_probability(quality, *plan, kind) == pytest.approx(probability, abs=1e-6)
    else:
        assert quality == 100.0


@given(st.integers(2, 400), st.data())
def test_the_curve_of_a_lot_is_that_of_drawing_without_return(lot: int, data: st.DataObject) -> None:
    bad, sample, allowed = (data.draw(st.integers(low, lot)) for low in (0, 1, 0))
    exact = sum(
        math.comb(bad, found) * math.comb(lot - bad, sample - found)
        for found in range(min(allowed, sample, bad) + 1)
        if sample - found <= lot - bad
    ) / math.comb(lot, sample)
    assert acceptance_probability_of_lot(lot, bad, sample, allowed) == pytest.approx(exact, abs=1e-9)


def test_a_large_lot_is_judged_like_a_production() -> None:
    assert acceptance_probability_of_lot(500_000, 10_000, 80, 2) == pytest.approx(
        acceptance_probability(2.0, 80, 2), abs=0.001
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda: acceptance_probability(101, 10, 1),
        lambda: acceptance_probability(-1, 10, 1),
        lambda: acceptance_probability(1, 0, 1),
        lambda: acceptance_probability(1, 10, 1, "normal"),
        lambda: quality_accepted_with(1, 10, 1),
        lambda: acceptance_probability_of_lot(10, 11, 5, 0),
    ],
)
def test_impossible_plans_are_refused(call: object) -> None:
    with pytest.raises(ValueError):
        call()  # type: ignore[operator]


def run(outcomes: str, standing: Standing | None = None, **options: object) -> Standing:
    """Lots one after another: "a" accepted, "r" not accepted."""
    standing = standing or Standing()
    for outcome in outcomes:
        given_options = {"acceptance_number": 1, **options}
        standing = next_standing(standing, accepted=outcome == "a", **given_options)  # type: ignore[arg-type]
    return standing


@pytest.mark.parametrize(
    ("outcomes", "severity"),
    [
        ("rr", Severity.TIGHTENED),
        ("raaar", Severity.TIGHTENED),
        ("raaaar", Severity.NORMAL),  # Six lots apart is not "five or fewer".
        ("raaaaraaaar", Severity.NORMAL),
        ("rraaaaa", Severity.NORMAL),
        ("rraaaaraaaa", Severity.TIGHTENED),
        ("rrrrrr", Severity.TIGHTENED),  # Four refused under tightened inspection.
        ("rrrrrrr", Severity.DISCONTINUED),
        ("rrrarararar", Severity.DISCONTINUED),
    ],
)
def test_lots_switch_the_severity(outcomes: str, severity: Severity) -> None:
    assert run(outcomes).severity is severity


def test_reduced_inspection_is_earned_and_lost() -> None:
    assert run("a" * 15).severity is Severity.NORMAL  # Nobody asked for it.
    assert run("a" * 14, reduced_allowed=True).severity is Severity.NORMAL
    reduced = run("a" * 15, reduced_allowed=True)
    assert reduced.severity is Severity.REDUCED
    assert run("a", reduced, reduced_allowed=True).severity is Severity.REDUCED
    assert run("r", reduced, reduced_allowed=True).severity is Severity.NORMAL
    assert run("a", reduced, reduced_allowed=True, production_steady=False).severity is Severity.NORMAL
    assert run("a" * 20, reduced_allowed=True, production_steady=False).severity is Severity.NORMAL


def test_the_score_counts_a_larger_plan_only_when_it_would_pass_one_step_tighter() -> None:
    tighter = {"acceptance_number": 2, "accepted_one_step_tighter": True, "reduced_allowed": True}
    assert run("a" * 9, **tighter).switching_score == 27
    assert run("a" * 10, **tighter).severity is Severity.REDUCED
    assert run("a", run("a" * 9, **tighter), acceptance_number=2).switching_score == 0
    assert run("aaar").switching_score == 0


def test_a_discontinued_series_goes_on_only_after_the_supplier_has_acted() -> None:
    stopped = run("rrrrrrr")
    with pytest.raises(ValueError, match="supplier"):
        run("a", stopped)
    assert resume(stopped) == Standing(Severity.TIGHTENED)
    with pytest.raises(ValueError, match="discontinued"):
        resume(Standing())


@given(st.lists(st.booleans(), max_size=80))
def test_a_series_never_skips_a_step(lots: list[bool]) -> None:
    allowed = {
        Severity.NORMAL: {Severity.NORMAL, Severity.TIGHTENED, Severity.REDUCED},
        Severity.TIGHTENED: {Severity.TIGHTENED, Severity.NORMAL, Severity.DISCONTINUED},
        Severity.REDUCED: {Severity.REDUCED, Severity.NORMAL},
    }
    standing = Standing()
    for accepted in lots:
        if standing.severity is Severity.DISCONTINUED:
            break
        after = next_standing(standing, accepted=accepted, acceptance_number=0, reduced_allowed=True)
        assert after.severity in allowed[standing.severity]
        standing = after
