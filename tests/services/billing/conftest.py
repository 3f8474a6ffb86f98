"""Billing as it runs: the real app over a real database, with the clock in the test's hand."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.billing.app import create_app
from services.billing.contract import UsageData, UsageReport
from services.billing.rules.periods import Period, service_period
from services.billing.seed import seed
from services.billing.settings import BillingSettings
from services.billing.tables import METADATA
from services.billing.timers import close_due
from services.kernel.bus.memory import MemoryBus
from services.kernel.clock import CLOCK_TOPIC, ClockSet
from services.kernel.database import Database
from services.kernel.events import Event
from services.kernel.http import ServiceApplication
from services.kernel.identity import KeyStore, Role
from services.kernel.outbox import EventPage
from services.kernel.testing import DatabaseMaker, principal, token_for

RUN_HOURS = "customer-01"  # Seeded with the tariff by run-hour.
OTHER = "customer-02"


@dataclass
class World:
    """A running billing service and those who talk to it."""

    app: ServiceApplication
    http: TestClient
    keys: KeyStore
    settings: BillingSettings
    bus: MemoryBus
    log: list[Event]
    day: Period  # A whole day of business that lies ahead of the present.
    _version: int = field(default=1)

    @property
    def database(self) -> Database:
        return self.app.state.assembly.database

    def go_to(self, instant: datetime) -> None:
        """Set business time, as the gateway would, and let it stand there."""
        self._version += 1
        wall = datetime.now(UTC)
        setting = ClockSet(anchor_wall=wall, anchor_business=instant, speed=1, paused=True, version=self._version)
        self.bus.publish(CLOCK_TOPIC, setting.model_dump_json().encode(), retain=True)

    def close_day(self) -> int:
        """Go to the time at which the day's invoices are due, and close them."""
        self.go_to(self.day.end + self.settings.grace)
        return close_due(self.database, self.settings)

    def ask(
        self,
        method: str,
        path: str,
        organisation: str = "maker",
        *roles: Role,
        status: int = 200,
        **more: Any,
    ) -> Any:
        """A request by someone of an organisation; the answer's JSON, after its status was checked."""
        headers = {"Authorization": f"Bearer {token_for(self.keys, principal(organisation, *roles))}"}
        response = self.http.request(method, path, headers=headers, **more)
        assert response.status_code == status, response.text
        return response.json()

    def usage(self, number: int, seconds: int = 3600, **changes: Any) -> UsageReport:
        """The usage of one hour of the day, numbered from its start."""
        start = self.day.start + timedelta(hours=number)
        data = {
            "device_id": "pump-01",
            "meter": "run_seconds",
            "quantity": seconds,
            "start": start,
            "end": start + timedelta(hours=1),
            "customer_id": RUN_HOURS,
            "provider_id": "maker",
        }
        identity = changes.pop("id", f"pump-01/run_seconds/{number}")
        return UsageReport(source="/services/lifecycle", id=identity, data=UsageData(**(data | changes)))

    def report(self, report: UsageReport, status: int = 201) -> Any:
        """Send a report by HTTP."""
        return self.ask("POST", "/usage-events", status=status, json=report.model_dump(mode="json"))

    def invoices(self, organisation: str = "maker", **query: Any) -> list[dict[str, Any]]:
        return self.ask("GET", "/invoices", organisation, params=query)["items"]

    def events(self, **query: Any) -> list[dict[str, Any]]:
        """The log as an evaluator sees it."""
        return self.ask("GET", "/events", "evaluator", Role.EVALUATOR, params=query)["items"]


@pytest.fixture
def world(make_database: DatabaseMaker, key_store: KeyStore, tmp_path: Path) -> Iterator[World]:
    made = make_database(METADATA, "billing")
    url = made.engine.url.render_as_string(hide_password=False)
    settings = BillingSettings(data_dir=tmp_path, database_url=url)
    log: list[Event] = []

    def pull(after: int, limit: int) -> EventPage:
        return EventPage(items=log[after : after + limit], head=len(log))

    bus = MemoryBus()
    app = create_app(settings, pull_lifecycle=pull, bus=bus)
    with TestClient(app) as http:
        app.state.assembly.ticker.stop()  # The test says when it is time.
        now = app.state.assembly.clock.business_now()
        day = service_period(now + timedelta(days=2), "day")
        world = World(app, http, key_store, settings, bus, log, day)
        world.go_to(day.start)
        world.database.run(seed, settings, day.start - timedelta(days=30))
        world.go_to(day.end - timedelta(minutes=1))
        yield world
