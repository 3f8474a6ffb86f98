"""Business time runs, pauses and never goes back; timers lose and double nothing because of it."""

from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from hypothesis import given
from hypothesis import strategies as some

from services.kernel import clock as clock_module
from services.kernel.chance import new_id, stream
from services.kernel.clock import AffineClock, ClockSet, ManualClock, from_microseconds, to_microseconds
from services.kernel.timers import Ticker

START = datetime(2026, 1, 5, tzinfo=UTC)


class Wall:
    """The machine's time under the test's control."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = START
        monkeypatch.setattr(clock_module, "wall_now", lambda: self.now)

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    return Wall(monkeypatch)


def test_business_time_runs_at_its_speed_and_stands_in_a_pause(wall: Wall) -> None:
    clock = AffineClock()
    clock.set(speed=60)
    wall.advance(10)
    assert clock.business_now() == START + timedelta(minutes=10)
    clock.set(paused=True)
    wall.advance(100)
    assert clock.business_now() == START + timedelta(minutes=10)
    clock.set(paused=False, speed=1)
    wall.advance(5)
    assert clock.business_now() == START + timedelta(minutes=10, seconds=5)


def test_a_follower_never_goes_back_when_it_learns_late_of_a_slower_clock(wall: Wall) -> None:
    gateway, follower = AffineClock(), AffineClock()
    follower.follow(gateway.set(speed=3600))
    wall.advance(1)
    slower = gateway.set(speed=1)
    wall.advance(1)  # The message takes a second; the follower ran on at x3600 meanwhile.
    before = follower.business_now()
    follower.follow(slower)
    assert follower.business_now() >= before
    wall.advance(4000)
    assert follower.business_now() == gateway.business_now()


def test_an_older_setting_is_ignored(wall: Wall) -> None:
    gateway, follower = AffineClock(), AffineClock()
    old, new = gateway.set(speed=10), gateway.set(speed=20)
    assert follower.follow(new)
    assert not follower.follow(old)
    assert follower.speed == 20


def test_a_setting_survives_the_wire() -> None:
    setting = AffineClock().set(speed=60)
    assert ClockSet.model_validate_json(setting.model_dump_json()) == setting


@given(some.datetimes(timezones=some.just(UTC)))
def test_instants_are_exact_to_the_microsecond(instant: datetime) -> None:
    assert from_microseconds(to_microseconds(instant)) == instant


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        to_microseconds(datetime(2026, 1, 1))  # noqa: DTZ001


def test_a_timer_runs_once_when_it_is_due_whatever_the_speed() -> None:
    clock = ManualClock(START + timedelta(minutes=10))
    ticker = Ticker(clock)
    ran: list[datetime] = []
    ticker.add("hourly", IntervalTrigger(hours=1, timezone="UTC"), lambda: ran.append(clock.business_now()))
    ticker.tick()
    for _ in range(4):
        clock.advance(1800)
        ticker.tick()
        ticker.tick()
    assert len(ran) == 2
    clock.advance(10 * 3600)  # A leap of ten hours: due once; what it missed is in the tables.
    ticker.tick()
    ticker.tick()
    assert len(ran) == 3


def test_a_timer_on_the_calendar_runs_on_its_day() -> None:
    clock = ManualClock(START)
    ticker = Ticker(clock)
    ran: list[int] = []
    ticker.add("monthly", CronTrigger(day=1, timezone="UTC"), lambda: ran.append(clock.business_now().month))
    for _ in range(70):
        ticker.tick()
        clock.advance(86_400)
    assert ran == [2, 3]


def test_a_timer_that_fails_is_counted_and_the_others_run() -> None:
    clock = ManualClock(START)
    ticker = Ticker(clock)
    ran: list[int] = []
    ticker.add_wall("bad", 0, lambda: 1 / 0)
    ticker.add_wall("good", 0, lambda: ran.append(1))
    ticker.tick()
    ticker.tick()
    assert len(ran) == 2
    assert ticker.statistics()["bad"] == {"runs": 2, "failures": 2}


def test_streams_repeat_by_seed_and_differ_by_name() -> None:
    assert stream(7, "pump-001").random(5).tolist() == stream(7, "pump-001").random(5).tolist()
    assert stream(7, "pump-001").random() != stream(7, "pump-002").random()
    assert stream(7, "a", "b").random() != stream(7, "ab").random()


def test_identifiers_are_unique_and_sort_by_time() -> None:
    made = [new_id() for _ in range(2000)]
    assert len(set(made)) == 2000
    assert [each[:12] for each in made] == sorted(each[:12] for each in made)
