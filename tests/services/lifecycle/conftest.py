"""The lifecycle service as it runs: the real app and the real ingest over a real database, with the clock in hand."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.kernel.bus import Message
from services.kernel.bus.memory import MemoryBus
from services.kernel.clock import CLOCK_TOPIC, ClockSet
from services.kernel.database import Database
from services.kernel.events import Event
from services.kernel.http import ServiceApplication
from services.kernel.identity import KeyStore, Principal, Role
from services.kernel.outbox import read_events
from services.kernel.testing import DatabaseMaker, principal, token_for
from services.lifecycle import seed
from services.lifecycle.app import Ingest, create_app, create_ingest
from services.lifecycle.contract import ProductCreate, device_topic
from services.lifecycle.rules.findings import Finding
from services.lifecycle.service import products
from services.lifecycle.service.devices import Device, load_devices
from services.lifecycle.settings import LifecycleSettings
from services.lifecycle.tables import METADATA

PUMP, OTHER_PUMP = "pump-a", "pump-b"  # Of customer-01 and of customer-02.
OWNER, OTHER = "customer-01", "customer-02"
AHEAD = datetime(2050, 1, 3, tzinfo=UTC)  # A Monday. Business time never moves back, so it lies ahead of any wall time.


def make_settings(**changes: Any) -> LifecycleSettings:
    """Every batch assesses health and confirms at once."""
    return LifecycleSettings(**({"confirm_interval_s": 0.001, "health_interval_s": 0.001} | changes))


def register(database: Database, settings: LifecycleSettings) -> None:
    """The process pump type, and one product of each of two customers."""

    def make(unit: Any) -> None:
        products.register_type(unit, seed.product_types()[0])
        unit.session.flush()
        for device_id, customer in ((PUMP, OWNER), (OTHER_PUMP, OTHER)):
            create = ProductCreate(id=device_id, type_id=seed.PROCESS, serial=device_id, organisation_id=customer)
            products.register(unit, create, settings)

    database.run(make)


def finding(code: str = "vibration_velocity_mm_s_high", severity: str = "major", active: bool = True) -> Finding:
    """What state detection would say."""
    return Finding(code, "vibration_velocity_mm_s", severity, active, 7.2, 4.5, "振动高", "vibration high", "limit")


@dataclass
class World:
    """A running lifecycle service and those who talk to it."""

    app: ServiceApplication
    http: TestClient
    keys: KeyStore
    settings: LifecycleSettings
    bus: MemoryBus
    ingest: Ingest
    heard: list[Message] = field(default_factory=list)  # What the platform told devices.
    _version: int = 1
    _sequence: int = 0

    @property
    def database(self) -> Database:
        return self.app.state.database

    @property
    def now(self) -> datetime:
        return self.database.clock.business_now()

    def go_to(self, instant: datetime) -> None:
        """Set business time, as the gateway would, and let it stand there."""
        self._version += 1
        wall = datetime.now(UTC)
        setting = ClockSet(anchor_wall=wall, anchor_business=instant, speed=1, paused=True, version=self._version)
        self.bus.publish(CLOCK_TOPIC, setting.model_dump_json().encode(), retain=True)

    def ask(
        self, method: str, path: str, who: str | Principal = OWNER, *roles: Role, status: int = 200, **more: Any
    ) -> Any:
        """A request by someone of an organisation; the answer's JSON, after its status was checked."""
        asking = who if isinstance(who, Principal) else principal(who, *roles)
        headers = {"Authorization": f"Bearer {token_for(self.keys, asking)}"}
        response = self.http.request(method, path, headers=headers, **more)
        assert response.status_code == status, f"{response.status_code} {response.text}"
        return response.json()

    def says(self, kind: str, device_id: str = PUMP, boot: int = 1, after_s: float = 0, **content: Any) -> bytes:
        """A device's message, `after_s` seconds from the present business time."""
        body = {"boot": boot, "sequence": self._sequence, "time": (self.now + timedelta(seconds=after_s)).isoformat()}
        self._sequence += 1
        payload = json.dumps(body | content).encode()
        self.bus.publish(device_topic(device_id, kind), payload)
        return payload

    def born(self, device_id: str = PUMP, boot: int = 1, **content: Any) -> bytes:
        """The first message of a boot."""
        self._sequence = 0
        return self.says("birth", device_id, boot, type=seed.PROCESS, serial=device_id, firmware="1.0.0", **content)

    def told(self, kind: str) -> list[dict[str, Any]]:
        """What devices were told by the platform so far."""
        return [json.loads(message.payload) for message in self.heard if message.topic.endswith(f"/{kind}")]

    def events(self, correlation_id: str = "", noun: str = "") -> list[Event]:
        """The service's log, of one story or of one noun."""
        prefix = f"som.v1.lifecycle.{noun}" if noun else ""
        return self.database.read(read_events, after=0, limit=1000, correlation_id=correlation_id, type_prefix=prefix)

    def found(self, what: Finding, device_id: str = PUMP, at: datetime | None = None) -> None:
        """State detection found something."""
        from services.lifecycle.service import alarms

        def apply(unit: Any) -> None:
            alarms.apply_finding(unit, load_devices(unit, {device_id})[device_id], what, at or self.now)

        self.database.run(apply)

    def device(self, device_id: str = PUMP) -> Device:
        """A device as the ingest worker would load it."""
        return self.database.read(lambda unit: load_devices(unit, {device_id})[device_id])


@pytest.fixture
def lifecycle_database(make_database: DatabaseMaker) -> Database:
    """An empty database of the service, of each kind."""
    return make_database(METADATA, "lifecycle")


@pytest.fixture
def world(lifecycle_database: Database, tmp_path: Path) -> Iterator[World]:
    """The service with two products, business time standing at midnight UTC."""
    keys = KeyStore.create(tmp_path, ["gateway", "lifecycle"])
    url = lifecycle_database.engine.url.render_as_string(hide_password=False)
    settings = make_settings(data_dir=tmp_path, database_url=url)
    bus = MemoryBus()
    app = create_app(settings, bus)
    ingest = create_ingest(settings, bus)
    with TestClient(app) as http:
        made = World(app, http, keys, settings, bus, ingest)
        ingest.start()
        for parts in (app.state.assembly, ingest.parts):
            parts.ticker.stop()  # A test says itself when time does its work.
        bus.subscribe("som/v1/devices/+/command", made.heard.append)
        bus.subscribe("som/v1/devices/+/confirmed", made.heard.append)
        made.go_to(AHEAD)
        register(made.database, settings)
        yield made
        ingest.stop()
