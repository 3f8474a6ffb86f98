"""The clock's door: one APScheduler tick on wall time asks plain triggers in business time what is due.

A timer only asks 'what is due by now?'; its meaning is in the tables, so a restart, a pause or another speed can
neither lose nor double work.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.interval import IntervalTrigger

from services.kernel.clock import Clock, from_microseconds, monotonic_s

TICK_S = 0.1
_EPOCH = from_microseconds(0)

log = structlog.get_logger(__name__)


@dataclass
class _Job:
    name: str
    function: Callable[[], Any]
    trigger: BaseTrigger | None = None  # Business time, or none for a wall interval.
    next_business: datetime | None = None
    wall_interval_s: float = 0.0
    next_wall_s: float = 0.0
    runs: int = 0
    failures: int = 0


class Ticker:
    """Calls each due job once a tick, in the order they were added; a job that raises is counted and goes on."""

    def __init__(self, clock: Clock, tick_s: float = TICK_S) -> None:
        self._clock = clock
        self._jobs: list[_Job] = []
        self._scheduler = BackgroundScheduler(timezone="UTC")
        # coalesce: ticks missed while a long job ran are one tick; max_instances: jobs never overlap.
        self._scheduler.add_job(self.tick, IntervalTrigger(seconds=tick_s), coalesce=True, max_instances=1)

    def add(self, name: str, trigger: BaseTrigger, function: Callable[[], Any]) -> None:
        """Call `function` when `trigger` is due in business time; intervals fall on whole multiples since 1970."""
        if isinstance(trigger, IntervalTrigger):
            # Its default start is the machine's own time, which has nothing to do with business time.
            trigger.start_date = _EPOCH
        self._jobs.append(_Job(name, function, trigger=trigger))

    def add_wall(self, name: str, interval_s: float, function: Callable[[], Any]) -> None:
        """Call `function` every `interval_s` seconds of wall time: retries, pulls, liveness."""
        self._jobs.append(_Job(name, function, wall_interval_s=interval_s))

    def tick(self) -> None:
        """Run what is due now. Called by the scheduler, or by a test."""
        now, wall_s = self._clock.business_now(), monotonic_s()
        for job in self._jobs:
            if job.trigger is None:
                if wall_s >= job.next_wall_s:
                    job.next_wall_s = wall_s + job.wall_interval_s
                    self._run(job)
                continue
            if job.next_business is None:
                job.next_business = job.trigger.get_next_fire_time(None, now)
            if job.next_business is not None and job.next_business <= now:
                # Asked from now on, not from the last time: after a pause or a leap it is due once.
                job.next_business = job.trigger.get_next_fire_time(now, now)
                self._run(job)

    def start(self) -> None:
        """Begin to tick in a thread of its own."""
        self._scheduler.start()

    def stop(self) -> None:
        """Let the running tick end, and tick no more."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)

    def statistics(self) -> dict[str, Any]:
        """Runs and failures of every job."""
        return {job.name: {"runs": job.runs, "failures": job.failures} for job in self._jobs}

    @staticmethod
    def _run(job: _Job) -> None:
        job.runs += 1
        try:
            job.function()
        except Exception:
            job.failures += 1
            log.exception("timer_failed", job=job.name)
