"""Joins what every service process stands on: database, bus, clock, timers, outbox. Used only by a service's `app`."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from pydantic import ValidationError
from sqlalchemy import MetaData, delete, insert, select

from services.kernel.bus import Bus, Message, MqttBus
from services.kernel.bus.contract import PoisonHandler
from services.kernel.clock import CLOCK_TOPIC, AffineClock, ClockSet
from services.kernel.database import Database
from services.kernel.outbox import OutboxPublisher, forget_old_events
from services.kernel.settings import KernelSettings
from services.kernel.timers import Ticker
from services.kernel.unit import UnitOfWork

FORGET_INTERVAL_S = 3600.0

log = structlog.get_logger(__name__)


class Assembly:
    """The parts of one service in one process. `role` tells several processes of a service apart on the broker."""

    def __init__(self, settings: KernelSettings, metadata: MetaData, *, role: str = "api", bus: Bus | None = None):
        self.settings = settings
        self.clock = AffineClock()
        self.database = Database(settings.resolved_database_url(), metadata, service=settings.service, clock=self.clock)
        self.bus = bus or bus_of(settings, settings.broker_client_id(role))
        self.ticker = Ticker(self.clock)
        self.publisher = OutboxPublisher(self.database, self.bus)
        self.bus.subscribe(CLOCK_TOPIC, self._follow_clock)
        self.ticker.add_wall("outbox head", 5.0, self.publisher.publish_head)
        self.ticker.add_wall("forget old events", FORGET_INTERVAL_S, self._forget)

    def start(self) -> None:
        """Upgrade the database, take up the clock where it was, connect, tick."""
        self.database.upgrade()
        seen = self.database.read(_clock_seen)
        if seen is not None:
            self.clock.follow(seen)
        self.bus.start()
        self.ticker.start()

    def stop(self) -> None:
        """End in reverse order; what is under way is finished."""
        self.ticker.stop()
        self.bus.stop()
        self.database.close()

    @contextmanager
    def running(self) -> Iterator["Assembly"]:
        """Start, and stop whatever happens."""
        self.start()
        try:
            yield self
        finally:
            self.stop()

    def _follow_clock(self, message: Message) -> None:
        try:
            setting = ClockSet.model_validate_json(message.payload)
        except ValidationError as error:
            log.warning("clock_setting_unreadable", reason=str(error)[:200])
            return
        if self.clock.follow(setting):
            self.database.run(_keep_clock, setting)

    def _forget(self) -> None:
        self.database.run(forget_old_events, self.settings.event_retention_days)


def bus_of(settings: KernelSettings, client_id: str, on_poison: PoisonHandler | None = None) -> MqttBus:
    """A bus as the settings say; `on_poison` takes what no handler could take."""
    password = settings.broker_password
    return MqttBus(
        settings.broker_host,
        settings.broker_port,
        client_id,
        username=settings.broker_username,
        password=password.get_secret_value() if password else None,
        on_poison=on_poison,
    )


def _clock_seen(unit: UnitOfWork) -> ClockSet | None:
    kept = unit.session.execute(select(unit.tables.clock_seen.c.setting)).scalar()
    return ClockSet.model_validate_json(kept) if kept else None


def _keep_clock(unit: UnitOfWork, setting: ClockSet) -> None:
    table = unit.tables.clock_seen
    unit.session.execute(delete(table))
    unit.session.execute(insert(table).values(id=1, setting=setting.model_dump_json()))
