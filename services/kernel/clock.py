"""The clock's two questions: what time is it in business, and what time is it on the wall.

Business time (due dates, service levels, billing, calendars) is an affine map of wall time that can run faster or
pause; wall time (tokens, time-outs, retries, liveness) never does. This module and `chance` are the only places
that ask the machine for either.
"""

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Protocol

from pydantic import AwareDatetime, BaseModel, Field

CLOCK_TOPIC = "som/v1/clock"
SPEED_MIN = 1.0  # Business seconds in a wall second.
SPEED_MAX = 3600.0


class ClockSet(BaseModel):
    """What the gateway keeps retained on `som/v1/clock`: the affine map that every service follows."""

    anchor_wall: AwareDatetime
    anchor_business: AwareDatetime
    speed: float = Field(ge=SPEED_MIN, le=SPEED_MAX)
    paused: bool = False
    version: int = Field(ge=0, description="Grows with every setting; an older one is ignored")


class Clock(Protocol):
    """Anything that answers both questions."""

    @property
    def speed(self) -> float: ...

    @property
    def paused(self) -> bool: ...

    def business_now(self) -> datetime: ...

    def wall_now(self) -> datetime: ...


def wall_now() -> datetime:
    """The machine's own time, UTC."""
    return datetime.now(UTC)


def monotonic_s() -> float:
    """Seconds that only grow: for measuring how long a thing took."""
    return time.perf_counter()


def sleep_s(seconds: float) -> None:
    """Wait on the wall clock."""
    time.sleep(seconds)


@dataclass(frozen=True)
class _Map:
    anchor_wall: datetime
    anchor_business: datetime
    speed: float
    paused: bool
    version: int

    def at(self, wall: datetime) -> datetime:
        if self.paused:
            return self.anchor_business
        return self.anchor_business + (wall - self.anchor_wall) * self.speed


class AffineClock:
    """A business clock over wall time that never moves back.

    A new setting starts where business time stands; when a follower learns of a setting late, its own business time
    holds still until the new map has caught up with it.
    """

    def __init__(self, start: ClockSet | None = None) -> None:
        now = wall_now()
        self._lock = Lock()
        self._map = _Map(now, now, 1.0, False, 0)
        self._latest = datetime.min.replace(tzinfo=UTC)
        if start is not None:
            self.follow(start)

    @property
    def speed(self) -> float:
        return self._map.speed

    @property
    def paused(self) -> bool:
        return self._map.paused

    @property
    def version(self) -> int:
        return self._map.version

    def wall_now(self) -> datetime:
        return wall_now()

    def business_now(self) -> datetime:
        with self._lock:
            self._latest = max(self._latest, self._map.at(wall_now()))
            return self._latest

    def follow(self, setting: ClockSet) -> bool:
        """Adopt the gateway's setting unless a newer one is known; returns whether it was adopted."""
        with self._lock:
            if setting.version < self._map.version:
                return False
            if self._map.version == 0:  # So far it only knew the machine's own time, which binds nobody.
                self._latest = datetime.min.replace(tzinfo=UTC)
            self._map = _Map(
                setting.anchor_wall, setting.anchor_business, setting.speed, setting.paused, setting.version
            )
            return True

    def set(self, *, speed: float | None = None, paused: bool | None = None) -> ClockSet:
        """Change speed or pause from here on, and return the setting to publish. Only the gateway does this."""
        business = self.business_now()
        with self._lock:
            self._map = replace(
                self._map,
                anchor_wall=wall_now(),
                anchor_business=business,
                speed=self._map.speed if speed is None else speed,
                paused=self._map.paused if paused is None else paused,
                version=self._map.version + 1,
            )
        return self.setting()

    def setting(self) -> ClockSet:
        """The present map as a message."""
        m = self._map
        return ClockSet(
            anchor_wall=m.anchor_wall,
            anchor_business=m.anchor_business,
            speed=m.speed,
            paused=m.paused,
            version=m.version,
        )


class ManualClock:
    """A clock for tests and experiments: it stands until it is advanced; business and wall are apart."""

    speed = 1.0
    paused = False

    def __init__(self, business: datetime, wall: datetime | None = None) -> None:
        self._business = business
        self._wall = wall or wall_now()

    def business_now(self) -> datetime:
        return self._business

    def wall_now(self) -> datetime:
        return self._wall

    def advance(self, seconds: float, *, wall_seconds: float = 0.0) -> None:
        """Move business time on by `seconds`, and wall time by `wall_seconds`."""
        self._business += timedelta(seconds=seconds)
        self._wall += timedelta(seconds=wall_seconds)


def to_microseconds(instant: datetime) -> int:
    """Microseconds since 1970 UTC, exact; raises ValueError for a time without zone."""
    if instant.tzinfo is None:
        raise ValueError("a time without a zone is not an instant")
    return (instant - _EPOCH) // _MICROSECOND


def from_microseconds(microseconds: int) -> datetime:
    """The aware UTC time of `microseconds` since 1970."""
    return _EPOCH + timedelta(microseconds=microseconds)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
