"""No use is lost, none is invented, and what nobody watched is marked as estimated."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.lifecycle.rules.usage import HOUR_US, Usage, split_by_bucket, usage_between

SECOND_US = 1_000_000
counts = st.integers(0, 10**12)


def between(before: int | None, after: int, seconds: float = 10, **options: float) -> Usage:
    return usage_between(
        before=before,
        after=after,
        before_us=None if before is None else 0,
        after_us=int(seconds * SECOND_US),
        gap_s=60,
        **options,  # type: ignore[arg-type]
    )


def test_a_counter_that_goes_on_counts_its_difference() -> None:
    assert between(100, 110) == Usage(10, False, "continuous")
    assert between(100, 100) == Usage(0, False, "none")


def test_use_across_a_gap_counts_in_full_but_as_estimated() -> None:
    assert between(100, 4000, seconds=3900) == Usage(3900, True, "gap")


def test_a_restarted_counter_proves_only_what_it_counted_since() -> None:
    assert between(5000, 7) == Usage(7, True, "reset")


def test_a_counter_that_rolled_over_loses_nothing() -> None:
    assert between(65_530, 4, rollover_at=65_536) == Usage(10, False, "rollover")
    assert between(65_530, 4, rollover_at=65_536, seconds=100) == Usage(10, True, "rollover")
    assert between(30_000, 4, rollover_at=65_536) == Usage(4, True, "reset")


def test_a_late_or_first_reading_adds_nothing() -> None:
    assert between(None, 5000) == Usage(0, False, "first")
    assert between(100, 200, seconds=0) == Usage(0, False, "late")
    assert between(100, 200, seconds=-5) == Usage(0, False, "late")


def test_a_counter_faster_than_possible_is_cut_and_the_rest_kept_as_unproven() -> None:
    assert between(0, 12, most_per_s=1) == Usage(12, False, "continuous")  # Clocks differ by a few seconds.
    assert between(0, 500, most_per_s=1) == Usage(15, True, "implausible", 485)


def test_a_negative_counter_is_an_error() -> None:
    with pytest.raises(ValueError, match="never negative"):
        between(0, -1)


@given(
    st.none() | counts,
    counts,
    st.floats(-1e6, 1e6),
    st.none() | st.integers(1, 10**12),
    st.none() | st.floats(0, 1e3),
)
def test_usage_is_never_negative_and_never_more_than_the_counter_shows(
    before: int | None, after: int, seconds: float, rollover_at: int | None, most_per_s: float | None
) -> None:
    found = usage_between(
        before=before,
        after=after,
        before_us=0,
        after_us=int(seconds * SECOND_US),
        gap_s=60,
        rollover_at=rollover_at,
        most_per_s=most_per_s,
    )
    assert found.quantity >= 0 and found.unproven >= 0
    assert found.quantity + found.unproven <= max(after, (rollover_at or 0) + after)
    if found.reason in ("gap", "reset", "implausible"):
        assert found.estimated


@given(st.lists(counts, min_size=2, max_size=20))
def test_readings_in_between_do_not_change_the_sum_of_a_counter_that_goes_on(values: list[int]) -> None:
    values.sort()
    steps = [between(low, high).quantity for low, high in pairwise(values)]
    assert sum(steps) == between(values[0], values[-1]).quantity


@given(
    st.integers(0, 10**9),
    st.integers(0, 10**16),
    st.integers(0, 50 * HOUR_US),
    st.sampled_from([60 * SECOND_US, HOUR_US, 24 * HOUR_US]),
)
def test_parts_are_whole_and_sum_exactly_to_the_quantity(quantity: int, start: int, length: int, bucket: int) -> None:
    parts = split_by_bucket(quantity=quantity, start_us=start, end_us=start + length, bucket_us=bucket)
    assert sum(part for _, part in parts) == quantity
    for begins, part in parts:
        overlap = min(begins + bucket, start + length) - max(begins, start)
        assert begins % bucket == 0 and overlap >= 0
        if length:
            assert abs(part - quantity * overlap / length) < 1 + 1e-6 * quantity
    assert [begins for begins, _ in parts] == list(range(parts[0][0], parts[-1][0] + 1, bucket))


def test_a_quantity_spreads_over_hours_in_proportion_to_time() -> None:
    start = 10 * HOUR_US - HOUR_US // 4
    parts = split_by_bucket(quantity=100, start_us=start, end_us=start + HOUR_US)
    assert parts == [(9 * HOUR_US, 25), (10 * HOUR_US, 75)]
    assert split_by_bucket(quantity=2, start_us=0, end_us=3 * HOUR_US) == [(0, 1), (HOUR_US, 1), (2 * HOUR_US, 0)]


def test_a_span_that_ends_on_the_hour_does_not_touch_the_next() -> None:
    assert split_by_bucket(quantity=7, start_us=HOUR_US, end_us=2 * HOUR_US) == [(HOUR_US, 7)]
    assert split_by_bucket(quantity=7, start_us=HOUR_US, end_us=HOUR_US) == [(HOUR_US, 7)]


def test_a_span_that_ends_before_it_starts_is_an_error() -> None:
    with pytest.raises(ValueError, match="end not before"):
        split_by_bucket(quantity=1, start_us=1, end_us=0)
