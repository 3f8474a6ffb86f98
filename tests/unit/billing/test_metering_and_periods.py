"""Usage counts once, in its own period, whatever the order it comes in."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.billing.rules import metering, periods
from services.billing.rules.metering import Seen, Unbilled, Usage

NOON = datetime(2026, 11, 22, 4, tzinfo=UTC)  # 12:00 in Shanghai.
instants = st.integers(min_value=0, max_value=15 * 366 * 86_400).map(
    lambda seconds: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


def usage(quantity: int = 600, *, id: str = "1", start: datetime = NOON, minutes: int = 10, **more: bool) -> Usage:
    return Usage("/meters/a", id, quantity, start, start + timedelta(minutes=minutes), **more)


@given(
    st.lists(st.tuples(st.integers(min_value=0, max_value=9), st.integers(min_value=0, max_value=600), st.booleans())),
    st.randoms(use_true_random=False),
)
def test_neither_order_nor_duplicates_change_the_sum(seeds: list[tuple[int, int, bool]], chance: random.Random) -> None:
    once = {number: usage(amount, id=str(number), estimated=flag) for number, amount, flag in seeds}.values()
    shuffled = [*once, *once]
    chance.shuffle(shuffled)
    assert metering.aggregate(shuffled) == metering.aggregate(once)
    assert metering.aggregate(once).quantity == sum(item.quantity for item in once)


def test_the_same_id_with_another_payload_is_a_conflict_whatever_the_order_of_its_keys() -> None:
    first = metering.fingerprint({"quantity": 1, "meter": "run_seconds"})
    assert metering.compare(None, first) is Seen.NEW
    assert metering.compare(first, metering.fingerprint({"meter": "run_seconds", "quantity": 1})) is Seen.DUPLICATE
    assert metering.compare(first, metering.fingerprint({"meter": "run_seconds", "quantity": 2})) is Seen.CONFLICT


@pytest.mark.parametrize(
    ("item", "known", "reason"),
    [
        (usage(), (True, True), None),
        (usage(), (False, True), Unbilled.UNKNOWN_CONTRACT),
        (usage(), (True, False), Unbilled.UNKNOWN_METER),
        (usage(estimated=True), (True, True), Unbilled.ESTIMATED),
        (usage(1201), (True, True), Unbilled.IMPLAUSIBLE),
        (usage(start=NOON + timedelta(hours=2)), (True, True), Unbilled.IN_FUTURE),
    ],
)
def test_usage_that_must_not_be_billed_says_why(item: Usage, known: tuple[bool, bool], reason: Unbilled | None) -> None:
    now = NOON + timedelta(minutes=10)
    assert metering.hold_back(item, "run_seconds", has_contract=known[0], has_price=known[1], now=now) is reason


@given(instants, st.sampled_from(periods.INTERVALS))
def test_periods_tile_time(instant: datetime, interval: str) -> None:
    period = periods.service_period(instant, interval)
    assert instant in period
    assert periods.service_period(period.end, interval).start == period.end
    assert periods.service_period(period.start - timedelta(microseconds=1), interval).end == period.start


def test_days_and_months_begin_at_midnight_in_shanghai() -> None:
    late_in_utc = datetime(2026, 10, 31, 16, tzinfo=UTC)  # 2026-11-01 00:00 in Shanghai.
    assert periods.service_period(late_in_utc, "month").start == late_in_utc
    assert periods.service_period(late_in_utc - timedelta(seconds=1), "day").end == late_in_utc
    assert periods.business_month(late_in_utc) == "2026-11"
    assert periods.service_period(datetime(2026, 12, 31, 20, tzinfo=UTC), "month").start.year == 2026
    with pytest.raises(ValueError, match="interval"):
        periods.service_period(NOON, "fortnight")


def test_usage_that_ends_with_its_period_belongs_to_it() -> None:
    midnight = datetime(2026, 11, 22, 16, tzinfo=UTC)
    hour = timedelta(hours=1)
    before, across = (periods.moment_of_usage(midnight - hour, midnight + more) for more in (timedelta(0), hour))
    assert periods.service_period(before, "day").end == midnight
    assert periods.service_period(across, "day").start == midnight
    assert periods.moment_of_usage(midnight, midnight) == midnight


def test_usage_after_the_cut_off_is_late_and_waits_for_the_next_invoice() -> None:
    grace = timedelta(hours=2)
    day = periods.service_period(NOON, "day")
    times = periods.billing_times(day, grace)
    assert times.service.end < times.cut_off <= times.invoice_at
    assert not metering.is_late(times.cut_off - timedelta(seconds=1), times.cut_off)
    assert metering.is_late(times.cut_off, times.cut_off)
    assert periods.next_invoice_at(day, NOON, "day", grace) == times.invoice_at
    assert periods.next_invoice_at(day, times.cut_off, "day", grace) == times.invoice_at + timedelta(days=1)


def test_a_contract_clips_its_first_and_last_period() -> None:
    day = periods.service_period(NOON, "day")
    assert periods.clip(day, NOON, None) == periods.Period(NOON, day.end)
    assert periods.clip(day, day.start - timedelta(days=1), NOON) == periods.Period(day.start, NOON)
    with pytest.raises(ValueError, match="cover"):
        periods.clip(day, day.end, None)
