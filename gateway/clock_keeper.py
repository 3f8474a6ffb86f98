"""The owner of business time: keeps it over restarts, publishes it, and never lets it move back.

Business time that is written down once a second is behind what was handed out when a crash comes. So each note also
says how far business time may run before the next note; after a crash it goes on from there at the latest.
"""

from datetime import datetime, timedelta
from threading import Lock

import structlog
from pydantic import ValidationError

from gateway import store
from gateway.contract import OPERATOR, BusinessTimeSet, ClockChange, ClockState
from gateway.tables import ClockRow
from services.kernel.bus import Bus, Message
from services.kernel.clock import CLOCK_TOPIC, AffineClock, ClockSet
from services.kernel.database import Database
from services.kernel.identity import Principal
from services.kernel.unit import UnitOfWork

NOTES_MISSED_MAX = 10  # How many notes may fail before business time could run past what was reserved.

log = structlog.get_logger(__name__)


class ClockKeeper:
    """Sets the one `AffineClock` of this process and tells the others. Thread-safe."""

    def __init__(self, clock: AffineClock, database: Database, bus: Bus, *, interval_s: float = 1.0) -> None:
        self._clock, self._database, self._bus = clock, database, bus
        self._reserve_s = interval_s * NOTES_MISSED_MAX
        self._lock = Lock()
        self.changes = self.failures = 0
        bus.subscribe(CLOCK_TOPIC, self._hear)
        bus.on_connect(self.publish)

    def start(self, business_start: datetime, speed: float) -> None:
        """Go on from where business time stood; the very first time from `business_start` at `speed`."""
        with self._lock:
            self._clock.follow(self._database.run(self._take_up, business_start, speed))

    def change(self, change: ClockChange, principal: Principal) -> ClockState:
        """Another speed, pause or go on, from where business time stands; published and audited."""
        with self._lock:
            setting = self._database.run(self._change, change, principal=principal)
            self._clock.follow(setting)
            self.changes += 1
        self.publish()
        return self.state()

    def persist(self) -> None:
        """Write down where business time stands. Called about once a second."""
        with self._lock:
            self._database.run(self._note)

    def stop(self) -> None:
        """Write down the exact end, so that the next start takes nothing from the reserve."""
        with self._lock:
            self._database.run(self._note, reserve_s=0.0)

    def state(self) -> ClockState:
        """The clock's map and what it reads."""
        return ClockState(
            **self._clock.setting().model_dump(),
            business_now=self._clock.business_now(),
            wall_now=self._clock.wall_now(),
        )

    def publish(self) -> None:
        """Keep the setting retained for every service; the broker may be away, it is sent again at each connection."""
        try:
            self._bus.publish(CLOCK_TOPIC, self._clock.setting().model_dump_json().encode(), qos=1, retain=True)
        except Exception as error:
            self.failures += 1
            log.warning("clock not published", error=repr(error))

    def statistics(self) -> dict[str, float]:
        """Speed, and what was changed and missed."""
        return {"speed": self._clock.speed, "changes": self.changes, "failures": self.failures}

    def _take_up(self, unit: UnitOfWork, business_start: datetime, speed: float) -> ClockSet:
        row, wall = store.clock(unit.session), self._clock.wall_now()
        if row is None:
            setting = ClockSet(anchor_wall=wall, anchor_business=business_start, speed=speed, version=1)
        else:
            run_s = 0.0 if row.paused else max(0.0, (wall - row.wall).total_seconds()) * row.speed
            business = min(row.business_most, row.business + timedelta(seconds=run_s))
            setting = ClockSet(
                anchor_wall=wall,
                anchor_business=max(row.business, business),
                speed=row.speed,
                paused=row.paused,
                version=row.version + 1,
            )
        self._write(unit, setting, setting.anchor_business, self._reserve_s)
        return setting

    def _change(self, unit: UnitOfWork, change: ClockChange) -> ClockSet:
        setting = self._clock.setting()
        new = ClockSet(
            anchor_wall=unit.clock.wall_now(),
            anchor_business=self._clock.business_now(),
            speed=setting.speed if change.speed is None else change.speed,
            paused=setting.paused if change.paused is None else change.paused,
            version=setting.version + 1,
        )
        # Until the new map is followed the old one is still handed out.
        self._write(unit, new, new.anchor_business, self._reserve_s, speed_before=setting.speed)
        unit.audit("set clock", "clock", OPERATOR, {"speed": new.speed, "paused": new.paused})
        unit.announce(
            BusinessTimeSet(speed=new.speed, paused=new.paused, by=unit.subject),
            subject="clock",
            organisation_id=OPERATOR,
        )
        return new

    def _note(self, unit: UnitOfWork, reserve_s: float | None = None) -> None:
        business = self._clock.business_now()
        self._write(unit, self._clock.setting(), business, self._reserve_s if reserve_s is None else reserve_s)

    def _write(
        self,
        unit: UnitOfWork,
        setting: ClockSet,
        business: datetime,
        reserve_s: float,
        speed_before: float = 1.0,
    ) -> None:
        row = store.clock(unit.session) or ClockRow(
            id=1,
            speed=1.0,
            paused=False,
            version=0,
            wall=setting.anchor_wall,
            business=business,
            business_most=business,
        )
        row.speed, row.paused, row.version = setting.speed, setting.paused, setting.version
        row.wall, row.business = self._clock.wall_now(), business
        row.business_most = business + timedelta(seconds=reserve_s * max(setting.speed, speed_before))
        unit.session.add(row)

    def _hear(self, message: Message) -> None:
        """A retained setting that is newer than ours comes from a life that this database knows nothing of."""
        if not message.retain:
            return
        try:
            heard = ClockSet.model_validate_json(message.payload)
        except ValidationError as error:
            log.warning("clock setting unreadable", reason=str(error)[:200])
            return
        with self._lock:
            ours = self._clock.setting()
            if heard == ours:
                return
            if heard.version > ours.version:
                self._clock.follow(self._database.run(self._outdo, heard))
        self.publish()

    def _outdo(self, unit: UnitOfWork, heard: ClockSet) -> ClockSet:
        """What was heard, taken over as ours: a version above it, and business time not before it."""
        setting = self._clock.setting().model_copy(
            update={
                "anchor_wall": self._clock.wall_now(),
                "anchor_business": max(self._clock.business_now(), heard.anchor_business),
                "version": heard.version + 1,
            }
        )
        self._write(unit, setting, setting.anchor_business, self._reserve_s)
        return setting
