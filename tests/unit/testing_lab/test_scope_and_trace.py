"""A mark appears only inside the scope, and no report that rests on a bad instrument is forgotten."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.testing_lab.rules.reverse_trace import Effect, Use, touched_reports, under_review
from services.testing_lab.rules.scope import (
    Outside,
    ScopedResult,
    ScopeEntry,
    best_capability,
    check_scope,
    mark_may_stand,
    stated_uncertainty,
    verification_may_be_issued,
)

ENTRY = ScopeEntry(
    site="nanjing", item="pressure gauge", parameter="error", method="JJF 1", edition="2020", unit="kPa",
    range_lower=0, range_upper=1000, capability=0.5, capability_relative=0.001,
    valid_from=date(2026, 1, 1), valid_until=date(2026, 12, 31), signatories=frozenset({"zhang", "li"}),
)  # fmt: skip
RESULT = ScopedResult(
    site="nanjing", item="pressure gauge", parameter="error", method="JJF 1", edition="2020", unit="kPa",
    value=500, expanded_uncertainty=1.0, performed_on=date(2026, 6, 1), signatory="zhang",
)  # fmt: skip
FOUND = datetime(2026, 6, 1, tzinfo=UTC)
GOOD_CHECK = FOUND - timedelta(days=100)


def use(report: str = "R1", days_ago: float = 10, **known: float) -> Use:
    """A use for a passed result of 9.5 with U = 0.6 and an upper limit of 10."""
    figures = {"sensitivity": 1.0, "value": 9.5, "expanded_uncertainty": 0.6, "upper": 10.0, **known}
    return Use(report, FOUND - timedelta(days=days_ago), **figures)


def trace(*uses: Use, error: float | None = -0.3) -> dict[str, Effect]:
    """Effects by report."""
    found = touched_reports(uses, last_good_check=GOOD_CHECK, found_at=FOUND, error_found=error)
    return {each.report: each.effect for each in found}


def test_a_result_that_fits_in_every_respect_is_inside() -> None:
    decision = check_scope(RESULT, [replace(ENTRY, site="suzhou"), ENTRY])
    assert (decision.inside, decision.entry, decision.reasons) == (True, ENTRY, ())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"item": "thermometer"}, Outside.OTHER_WORK),
        ({"site": "suzhou"}, Outside.OTHER_WORK),
        ({"method": "JJF 2"}, Outside.OTHER_METHOD),
        ({"edition": "2016"}, Outside.OTHER_METHOD),
        ({"unit": "bar"}, Outside.OTHER_UNIT),
        ({"value": 1000.1, "expanded_uncertainty": 2.0}, Outside.OUT_OF_RANGE),
        ({"value": -0.1}, Outside.OUT_OF_RANGE),
        ({"expanded_uncertainty": 0.99}, Outside.UNCERTAINTY_BELOW_CAPABILITY),
        ({"performed_on": date(2027, 1, 1)}, Outside.NOT_VALID_THEN),
        ({"performed_on": date(2025, 12, 31)}, Outside.NOT_VALID_THEN),
        ({"signatory": "wang"}, Outside.SIGNATORY_NOT_AUTHORISED),
    ],
)
def test_one_thing_that_does_not_fit_puts_a_result_outside(change: dict[str, object], reason: Outside) -> None:
    decision = check_scope(replace(RESULT, **change), [ENTRY])  # type: ignore[arg-type]
    assert (decision.inside, decision.reasons) == (False, (reason,))


@pytest.mark.parametrize("change", [{"value": 0.0}, {"value": 1000.0, "expanded_uncertainty": 1.5}])
def test_the_ends_of_a_range_belong_to_it(change: dict[str, float]) -> None:
    assert check_scope(replace(RESULT, **change), [ENTRY]).inside
    assert check_scope(replace(RESULT, performed_on=date(2026, 12, 31), expanded_uncertainty=None), [ENTRY]).inside


def test_every_reason_of_the_nearest_entry_is_told() -> None:
    other = replace(ENTRY, method="JJF 9", unit="bar", signatories=frozenset())
    decision = check_scope(replace(RESULT, value=2000, signatory="wang", expanded_uncertainty=9), [other, ENTRY])
    assert decision.entry == ENTRY
    assert decision.reasons == (Outside.OUT_OF_RANGE, Outside.SIGNATORY_NOT_AUTHORISED)


@given(st.floats(0, 10), st.floats(0, 1000))
def test_what_is_stated_is_never_below_the_best_capability(expanded: float, value: float) -> None:
    stated = stated_uncertainty(expanded, ENTRY, value)
    assert stated >= max(expanded, best_capability(ENTRY, value))
    assert check_scope(replace(RESULT, value=value, expanded_uncertainty=stated), [ENTRY]).inside


def test_a_mark_needs_one_result_inside() -> None:
    inside, outside = check_scope(RESULT, [ENTRY]), check_scope(RESULT, [])
    assert mark_may_stand([outside, inside])
    assert not mark_may_stand([outside])
    assert not mark_may_stand([])


def test_verification_needs_a_legal_authority_that_is_valid() -> None:
    assert verification_may_be_issued("授权证书 12", date(2026, 6, 1), date(2026, 6, 1))
    assert not verification_may_be_issued("授权证书 12", date(2026, 6, 2), date(2026, 6, 1))
    assert not verification_may_be_issued(None, date(2026, 6, 1), date(2027, 1, 1))
    assert not verification_may_be_issued("", date(2026, 6, 1), None)


def test_only_uses_since_the_last_good_check_are_touched() -> None:
    uses = [
        use("before", 100.1),
        use("at the check", 100),
        use("since", 50),
        use("at the finding", 0),
        use("later", -1),
    ]
    assert set(trace(*uses)) == {"at the check", "since", "at the finding"}
    never_checked = touched_reports(uses, last_good_check=None, found_at=FOUND, error_found=1.0)
    assert {each.report for each in never_checked} == {"before", "at the check", "since", "at the finding"}


@pytest.mark.parametrize(
    ("error", "effect"),
    [
        (-0.1, Effect.NEGLIGIBLE),
        (-0.3, Effect.RESULT_SHIFTED),
        (0.3, Effect.RESULT_SHIFTED),
        (-0.6, Effect.STATEMENT_CHANGED),  # It read 0.6 too low: the true value is 10.1.
        (0.6, Effect.RESULT_SHIFTED),
        (None, Effect.UNKNOWN),
    ],
)
def test_the_effect_on_a_report(error: float | None, effect: Effect) -> None:
    assert trace(use(), error=error) == {"R1": effect}


def test_a_failed_item_may_have_been_good() -> None:
    assert trace(use(value=10.2), error=0.3) == {"R1": Effect.STATEMENT_CHANGED}


def test_even_a_small_shift_counts_when_it_turns_the_statement() -> None:
    assert trace(use(value=9.95), error=-0.1) == {"R1": Effect.STATEMENT_CHANGED}


def test_a_result_shifted_to_its_limit_still_passes() -> None:
    assert trace(use(value=0.2, upper=0.3, expanded_uncertainty=0.3), error=-0.1) == {"R1": Effect.NEGLIGIBLE}


def test_a_report_is_as_bad_as_its_worst_use_and_the_worst_comes_first() -> None:
    uses = [use("R1"), use("R2", sensitivity=0.1), use("R1", value=9.9), Use("R3", FOUND)]
    assert list(trace(*uses).items()) == [
        ("R1", Effect.STATEMENT_CHANGED),
        ("R3", Effect.UNKNOWN),
        ("R2", Effect.NEGLIGIBLE),
    ]
    found = touched_reports(uses, last_good_check=GOOD_CHECK, found_at=FOUND, error_found=-0.3)
    assert under_review(found) == ["R1", "R3"]


@given(st.lists(st.tuples(st.sampled_from("ABCD"), st.integers(-5, 205)), max_size=20))
def test_no_report_is_forgotten_or_told_twice(raw: list[tuple[str, int]]) -> None:
    uses = [use(report, days) for report, days in raw]
    found = touched_reports(uses, last_good_check=GOOD_CHECK, found_at=FOUND, error_found=-0.3)
    assert sorted(each.report for each in found) == sorted({report for report, days in raw if 0 <= days <= 100})
