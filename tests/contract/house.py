"""The services as the command joins them, over databases of their own, asked from outside."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from gateway.app import create_app as create_gateway
from gateway.first_start import prepare
from gateway.settings import GatewaySettings
from services.billing.app import create_app as create_billing
from services.billing.settings import BillingSettings
from services.kernel.bus import MemoryBus
from services.kernel.database import Database
from services.kernel.identity import KeyStore, Principal, Role
from services.kernel.outbox import EventPage, read_events
from services.kernel.unit import UnitOfWork
from services.lifecycle.app import create_app as create_lifecycle
from services.lifecycle.settings import LifecycleSettings

SERVICES = ("lifecycle", "billing")  # Those that the gateway leads to.
DOORS = (*SERVICES, "gateway")
KEYS = ("gateway", *SERVICES)
METHODS = ("get", "put", "post", "patch", "delete")
OPERATOR = "operator"  # The organisation that runs the platform.


@dataclass(frozen=True)
class Operation:
    """One method of one path, as the published description has it."""

    method: str
    path: str
    described: dict[str, Any] = field(compare=False, hash=False)

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    def parameters(self, place: str) -> dict[str, dict[str, Any]]:
        """Schemas of the parameters in `path` or `query`."""
        return {each["name"]: each for each in self.described.get("parameters", []) if each["in"] == place}

    def answers(self) -> dict[str, dict[str, Any]]:
        return self.described["responses"]


@dataclass
class House:
    """One application with whatever is mounted in it, and the means to ask it and to look behind it."""

    door: str
    keys: KeyStore
    apps: dict[str, FastAPI]
    http: TestClient = field(init=False)

    @property
    def app(self) -> FastAPI:
        """The application that is asked."""
        return self.apps[self.door]

    @property
    def services(self) -> tuple[str, ...]:
        """The services in this house, the gateway among them."""
        return tuple(self.apps)

    @property
    def databases(self) -> dict[str, Database]:
        """Each service's own."""
        return {name: parts_of(app).database for name, app in self.apps.items()}

    def prefix(self, service: str) -> str:
        """Where a service's routes begin."""
        return f"/api/{service}" if self.door == "gateway" and service != "gateway" else ""

    def document(self) -> dict[str, Any]:
        """The published description."""
        answer = self.http.get("/api/openapi.json" if self.door == "gateway" else "/openapi.json")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def operations(self) -> list[Operation]:
        """Every operation of the published description."""
        return [
            Operation(method.upper(), path, item[method])
            for path, item in sorted(self.document()["paths"].items())
            for method in METHODS
            if method in item
        ]

    def token(self, organisation: str, *roles: Role, sees: dict[str, Any] | None = None, kind: Any = "user") -> str:
        """A token as the gateway would sign it; a service signs its own."""
        if Role.SERVICE in roles:
            return self.keys.signer("billing").own_token()
        who = Principal(f"user:{organisation}-{'-'.join(roles)}", organisation, frozenset(roles), kind, sees or {})
        return self.keys.signer("gateway").issue(who)

    def ask(self, method: str, path: str, token: str, status: int = 200, **more: Any) -> Any:
        """The JSON of an answer whose status was checked."""
        headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
        answer = self.http.request(method, path, headers=headers, **more)
        assert answer.status_code == status, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None


def lifecycle(data_dir: Path, database_url: str | None, bus: MemoryBus | None, **changes: Any) -> FastAPI:
    """The lifecycle service; without a bus it uses the broker of its settings."""
    return create_lifecycle(LifecycleSettings(data_dir=data_dir, database_url=database_url, **changes), bus)


def billing(
    data_dir: Path, database_url: str | None, bus: MemoryBus | None, producer: Database | None = None, **changes: Any
) -> FastAPI:
    """The billing service, which reads the log of `producer`, or an empty one."""

    def pull(after: int, limit: int) -> EventPage:
        def read(unit: UnitOfWork) -> EventPage:
            events = read_events(unit, after=after, limit=limit)
            return EventPage(items=events, head=events[-1].position or 0 if events else after)

        return producer.read(read) if producer else EventPage(items=[], head=0)

    settings = BillingSettings(data_dir=data_dir, database_url=database_url, **changes)
    return create_billing(settings, pull_lifecycle=pull, bus=bus)


def parts_of(app: FastAPI) -> Any:
    """What an application stands on: its `database`, `ticker`, `bus`, `clock`."""
    for name in ("assembly", "parts", "gateway"):
        if hasattr(app.state, name):
            return getattr(app.state, name)
    raise AssertionError("the application does not say what it stands on")


def build(door: str, data_dir: Path, database_url: str | None, broker_port: int | None) -> dict[str, FastAPI]:
    """The applications of a house, not started: the one of `door` and whatever is mounted in it."""
    changes: dict[str, Any] = {"broker_port": broker_port} if broker_port else {}
    buses = {name: None if broker_port else MemoryBus() for name in DOORS}
    made: dict[str, FastAPI] = {}
    if door != "billing":
        made["lifecycle"] = lifecycle(data_dir, database_url, buses["lifecycle"], **changes)
    if door != "lifecycle":
        producer = parts_of(made["lifecycle"]).database if made else None
        made["billing"] = billing(data_dir, database_url, buses["billing"], producer, **changes)
    if door == "gateway":
        settings = GatewaySettings(
            data_dir=data_dir, database_url=database_url, rate_per_s=0, sign_in_rate_per_min=1e6, **changes
        )
        prepare(settings)
        made = {"gateway": create_gateway(settings, dict(made), bus=buses["gateway"]), **made}
    return made


@contextmanager
def open_house(
    door: str, data_dir: Path, database_url: str | None = None, *, broker_port: int | None = None
) -> Iterator[House]:
    """A running house: one service by itself, or the gateway with all of them mounted.

    Each has a `MemoryBus`, unless `broker_port` names a real broker. Nothing happens by itself: timers stand still.
    """
    keys = KeyStore.create(data_dir, KEYS)
    house = House(door, keys, build(door, data_dir, database_url, broker_port))
    with TestClient(house.app, raise_server_exceptions=False) as house.http:
        for app in house.apps.values():
            parts_of(app).ticker.stop()
        if door == "gateway":
            house.app.state.gateway.hub.close()  # Every stream of events then ends at once.
        yield house
