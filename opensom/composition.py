"""Joins the services to the processes of a local run: the only place that imports a service's `app`."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from gateway import seed as gateway_seed
from gateway.app import create_app as create_gateway
from gateway.first_start import open_database, prepare
from gateway.settings import GatewaySettings
from opensom.installation import Installation
from opensom.processes import ChildProcess
from opensom.supervisor import Part, listen
from services.billing import seed as billing_seed
from services.billing.app import create_app as create_billing
from services.billing.settings import BillingSettings
from services.billing.tables import METADATA as BILLING
from services.kernel.broker import LOOPBACK
from services.kernel.clock import AffineClock
from services.kernel.database import Database
from services.kernel.http import Resource, create_service_app
from services.kernel.identity import KeyStore
from services.kernel.logs import configure_logs
from services.kernel.pull import pull_over_http
from services.kernel.settings import KernelSettings
from services.lifecycle import seed as lifecycle_seed
from services.lifecycle.app import create_app as create_lifecycle
from services.lifecycle.app import create_ingest as create_ingest  # Benchmarks take it from here.
from services.lifecycle.settings import LifecycleSettings
from services.lifecycle.tables import METADATA as LIFECYCLE
from simulator.process import main as run_simulator
from simulator.settings import SimulatorSettings

SERVICES = ("gateway", "lifecycle", "billing")
GRACE_S = 2  # What open answers get when the server is to end.


@dataclass(frozen=True)
class Place:
    """Where a local run keeps its files and finds its broker; all else comes from the environment."""

    data_dir: Path
    broker_port: int
    port: int
    speed: float = 1.0

    def common(self) -> dict[str, Any]:
        """What every process's settings share."""
        return {"data_dir": self.data_dir, "broker_host": LOOPBACK, "broker_port": self.broker_port}

    @property
    def url(self) -> str:
        """Address of the gateway."""
        return f"http://{LOOPBACK}:{self.port}"

    def gateway(self) -> GatewaySettings:
        """Settings of the gateway."""
        return GatewaySettings(**self.common(), listen_port=self.port, clock_speed=self.speed)

    def lifecycle(self) -> LifecycleSettings:
        """Settings of the lifecycle service; what the demonstration's tariffs price is metered."""
        return LifecycleSettings(**self.common(), meters=("run_seconds", "volume_l"))

    def billing(self) -> BillingSettings:
        """Settings of the billing service."""
        return BillingSettings(**self.common())


def parts_of(installation: Installation, wish: Any, broker_port: int) -> tuple[list[Part], str]:
    """The children that a `Wish` asks for, not started, and the gateway's address; keys are made here."""
    listener = listen(wish.port)
    place = Place(installation.data_dir, broker_port, listener.getsockname()[1], wish.speed)
    KeyStore.create(place.data_dir, SERVICES)

    def part(name: str, target: Callable[..., None], on: socket.socket, *more: Any) -> Part:
        process = ChildProcess(name, installation.log_path(name), target, place, on, *more)
        return Part(process, on.getsockname()[1])

    parts = [part("platform", run_platform, listener, wish.seeds), part("ingest", run_ingest, listen(0))]
    if wish.simulator:
        parts.append(part("simulator", simulate, listen(0)))
    return parts, place.url


# ---- Processes ------------------------------------------------------------------------------------------------


def run_platform(place: Place, listener: socket.socket, seeds: bool) -> None:
    """The gateway with every service mounted, in one process."""
    settings = place.gateway()
    configure_logs("platform", level=settings.log_level, json=settings.log_json)
    prepare(settings)
    if seeds:
        seed(place)
    gateway = create_gateway(settings, mounted_services(place))
    serve(gateway, listener, ending=gateway.state.gateway.close_streams)


def mounted_services(place: Place) -> dict[str, FastAPI]:
    """The services that run in the gateway's process; they know each other by events and by HTTP only."""
    billing_signer = KeyStore(place.data_dir).signer("billing")
    pull = pull_over_http(f"{place.url}/api/lifecycle", billing_signer.own_token)
    return {
        "lifecycle": create_lifecycle(place.lifecycle()),
        "billing": create_billing(place.billing(), pull_lifecycle=pull),
    }


def run_ingest(place: Place, listener: socket.socket) -> None:
    """The process that settles what devices say, apart from the one that answers people."""
    settings = place.lifecycle()
    configure_logs("ingest", level=settings.log_level, json=settings.log_json)
    ingest = create_ingest(settings)
    parts = ingest.parts
    resources = [
        Resource("ingest", start=ingest.start, stop=ingest.stop),
        Resource("database", check=parts.database.check),
        Resource("broker", check=lambda: parts.bus.connected),
        Resource("worker", statistics=ingest.worker.statistics),
        Resource("bus", statistics=parts.bus.statistics),
    ]
    serve(create_service_app(settings, "数据采集 · Ingest", [], resources), listener)


def simulate(place: Place, listener: socket.socket) -> None:
    """The world outside."""
    run_simulator(SimulatorSettings(**place.common()), listener)


def serve(app: FastAPI, listener: socket.socket, ending: Callable[[], None] = lambda: None) -> None:
    """Serve `app` until SIGTERM; `ending` is called then, before open answers are waited for."""
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=GRACE_S)
    server = _Server(config)
    server.ending = ending
    server.run(sockets=[listener])


class _Server(uvicorn.Server):
    ending: Callable[[], None]
    _loop: asyncio.AbstractEventLoop

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if hasattr(self, "_loop"):
            self._loop.call_soon_threadsafe(self.ending)
        super().handle_exit(sig, frame)


# ---- Databases and demo data ----------------------------------------------------------------------------------


def service_databases(place: Place) -> Iterator[Database]:
    """Each service's database, open; whoever takes one closes it."""
    gateway = open_database(place.gateway())
    yield gateway
    settings: KernelSettings
    for settings, metadata in (
        (place.lifecycle(), LIFECYCLE),
        (place.billing(), BILLING),
    ):
        database = Database(settings.resolved_database_url(), metadata, service=settings.service, clock=AffineClock())
        database.upgrade()
        database.clock = gateway.clock
        yield database


def upgrade_databases(data_dir: Path) -> Iterator[tuple[str, str]]:
    """Bring every service's database to the newest version; yields (service, where it is without its password)."""
    for database in service_databases(Place(data_dir.resolve(), 1883, 8000)):
        yield database.service, str(database.engine.url)
        database.close()


def seed(place: Place) -> None:
    """Organisations, people, agreements, products, tariffs and contracts of the demonstration, where missing."""
    gateway_seed.seed_demonstration(place.gateway())
    gateway, lifecycle, billing = service_databases(place)
    try:
        starts = gateway.clock.business_now() - timedelta(days=1)
        lifecycle.run(lifecycle_seed.seed, place.lifecycle())
        billing.run(billing_seed.seed, place.billing(), starts)
    finally:
        for database in (gateway, lifecycle, billing):
            database.close()
