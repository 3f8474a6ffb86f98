"""Joins the parts of the lifecycle service: the process that answers, and the process that takes messages in."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from services.kernel.assembly import Assembly, bus_of
from services.kernel.bus import Bus, Message, MqttBus
from services.kernel.http import Resource, ServiceApplication, create_service_app
from services.kernel.outbox import events_router
from services.lifecycle import inbox
from services.lifecycle.api import ROUTERS
from services.lifecycle.contract import device_topic
from services.lifecycle.service.ingest import IngestWorker
from services.lifecycle.settings import LifecycleSettings
from services.lifecycle.tables import METADATA
from services.lifecycle.timers import set_timers

CONFIRM_INTERVAL_S = 1.0  # How often it is looked whether devices wait for a confirmation while no message comes.
TITLE = "OpenSOM 全生命周期管理 · Life-cycle management"


def create_app(settings: LifecycleSettings | None = None, bus: Bus | None = None) -> ServiceApplication:
    """The API with its timers. `app.state.assembly` is the `Assembly`, `app.state.database` its database."""
    settings = settings or LifecycleSettings()
    parts = Assembly(settings, METADATA, role="api", bus=bus)
    set_timers(parts, settings)
    resources = [
        Resource("parts", start=parts.start, stop=parts.stop),
        Resource(
            "database",
            check=parts.database.check,
            statistics=lambda: {"retries": parts.database.retries},
            hint_zh="请检查数据库是否在运行、地址和口令是否正确。",
            hint_en="Check that the database runs and that its address and password are right.",
        ),
        Resource(
            "broker",
            check=lambda: parts.bus.connected,
            statistics=parts.bus.statistics,
            required=False,
            hint_zh="消息代理未连接：查询可用，指令将在恢复后发送。",
            hint_en="The broker is not connected: reading works, commands are sent once it is back.",
        ),
        Resource("outbox", statistics=parts.publisher.statistics),
        Resource("timers", statistics=parts.ticker.statistics),
    ]
    app = create_service_app(settings, TITLE, [*ROUTERS, events_router(parts.database)], resources)
    app.state.assembly, app.state.database = parts, parts.database
    return app


class Ingest:
    """The process that settles what devices say; one an installation, so that confirmations stay in order."""

    def __init__(self, settings: LifecycleSettings, bus: Bus | None = None) -> None:
        self.parts = Assembly(settings, METADATA, role="ingest", bus=bus or self._own_bus(settings))
        self.worker = IngestWorker(self.parts.database, self.parts.clock, settings, self._confirm)
        inbox.open_door(self.parts.bus, self.worker.settle, size_max=settings.batch_size_max)
        self.parts.ticker.add_wall("confirm", CONFIRM_INTERVAL_S, self.worker.confirm_due)

    def start(self) -> None:
        """Upgrade the database, connect, take messages in."""
        self.parts.start()

    def stop(self) -> None:
        """End; what was not settled comes again."""
        self.parts.stop()

    def statistics(self) -> Mapping[str, Any]:
        """Counters of the worker, the bus and the outbox since the start of this process."""
        parts = self.parts
        return {
            "worker": self.worker.statistics(),
            "bus": parts.bus.statistics(),
            "outbox": parts.publisher.statistics(),
            "database_retries": parts.database.retries,
        }

    def _own_bus(self, settings: LifecycleSettings) -> MqttBus:
        return bus_of(settings, settings.broker_client_id("ingest"), on_poison=partial(Ingest._bury, self))

    def _bury(self, message: Message, reason: str) -> None:
        self.worker.bury(message, reason)

    def _confirm(self, device_id: str, boot: int, sequence: int) -> None:
        payload = json.dumps({"boot": boot, "sequence": sequence}).encode()
        self.parts.bus.publish(device_topic(device_id, "confirmed"), payload, qos=0)


def create_ingest(settings: LifecycleSettings | None = None, bus: Bus | None = None) -> Ingest:
    """The ingest process's parts, not started."""
    return Ingest(settings or LifecycleSettings(), bus)
