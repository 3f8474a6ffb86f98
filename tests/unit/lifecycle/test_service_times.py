"""Times and availability count what was seen, and keep apart what was not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.lifecycle.rules.service_times import (
    MeanTime,
    availability_from_states,
    inherent_availability,
    mean_time,
)

HOUR_US = 3_600_000_000


def test_the_mean_covers_finished_cases_and_counts_the_open_ones() -> None:
    found = mean_time(intervals_us=[(0, 60_000_000), (0, 120_000_000), (5, None)])
    assert found == MeanTime(mean_s=90.0, count=2, open_count=1, longest_s=120.0)
    assert mean_time(intervals_us=[(0, None)]) == MeanTime(None, 0, 1, None)
    with pytest.raises(ValueError, match="ends before"):
        mean_time(intervals_us=[(10, 5)])


def test_a_machine_that_stands_unneeded_is_available_and_an_unseen_one_is_neither() -> None:
    found = availability_from_states(
        intervals=[
            ("running", 0, 4 * HOUR_US), ("stopped", 4 * HOUR_US, 6 * HOUR_US), ("alarm", 6 * HOUR_US, 8 * HOUR_US),
            ("offline", 8 * HOUR_US, 9 * HOUR_US), ("running", 9 * HOUR_US, None),
        ],
        start_us=0,
        end_us=12 * HOUR_US,
    )  # fmt: skip
    assert (found.up_s, found.down_s, found.unknown_s) == (9 * 3600, 2 * 3600, 3600)
    assert found.ratio == pytest.approx(9 / 11)
    assert (found.failures, found.mean_up_s, found.mean_down_s) == (1, 9 * 3600, 2 * 3600)


def test_an_outage_that_was_partly_unseen_is_one_failure() -> None:
    states = [("alarm", 0, 1), ("offline", 1, 2), ("alarm", 2, 3), ("running", 3, 4), ("alarm", 4, 5)]
    assert availability_from_states(intervals=states, start_us=0, end_us=5).failures == 2


def test_nothing_seen_gives_no_ratio() -> None:
    found = availability_from_states(intervals=[("offline", 0, None)], start_us=0, end_us=HOUR_US)
    assert (found.ratio, found.unknown_s, found.mean_up_s) == (None, 3600.0, None)


def test_overlapping_states_are_an_error() -> None:
    with pytest.raises(ValueError, match="overlap"):
        availability_from_states(intervals=[("running", 0, 5), ("alarm", 4, 6)], start_us=0, end_us=10)
    with pytest.raises(ValueError, match="window"):
        availability_from_states(intervals=[], start_us=10, end_us=10)


@given(st.lists(st.tuples(st.sampled_from(["running", "alarm", "offline"]), st.integers(1, 10**10)), max_size=20))
def test_up_down_and_unknown_fill_the_window(course: list[tuple[str, int]]) -> None:
    intervals, now = [], 0
    for state, length in course:
        intervals.append((state, now, now + length))
        now += length
    found = availability_from_states(intervals=intervals, start_us=0, end_us=now + 1)
    assert found.up_s + found.down_s + found.unknown_s == pytest.approx((now + 1) / 1e6)
    if found.failures and found.mean_up_s is not None and found.mean_down_s is not None and found.ratio is not None:
        steady = inherent_availability(mean_up_time=found.mean_up_s, mean_down_time=found.mean_down_s)
        assert steady == pytest.approx(found.ratio)


def test_availability_needs_times() -> None:
    with pytest.raises(ValueError, match="above 0"):
        inherent_availability(mean_up_time=0, mean_down_time=0)
