"""A real gateway with real tokens over real databases; behind it a small service that says who asks."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, Request
from fastapi.testclient import TestClient
from pydantic import BaseModel

from gateway.app import Gateway, create_app
from gateway.first_start import prepare
from gateway.settings import GatewaySettings
from gateway.tables import METADATA
from services.kernel.bus import Bus, MemoryBus
from services.kernel.clock import AffineClock
from services.kernel.http import create_service_app
from services.kernel.identity import KeyStore, Principal, Role, requires
from services.kernel.logs import correlation_id
from services.kernel.problems import not_found
from services.kernel.settings import KernelSettings
from services.kernel.testing import postgres_database

SITE = "http://testserver"


class Greeting(BaseModel):
    """What the small service answers."""

    subject: str
    organisations: list[str] | None
    story: str
    cookies: list[str]


def greeting_service(data_dir: Path) -> FastAPI:
    """A service of the kernel's kind."""
    router = APIRouter(tags=["greetings"])

    @router.get("/greeting", summary="问候 · A greeting")
    def greeting(request: Request, principal: Principal = requires()) -> Greeting:
        visible = principal.visible_organisations("greetings")
        return Greeting(
            subject=principal.subject,
            organisations=None if visible is None else sorted(visible),
            story=correlation_id() or "",
            cookies=sorted(request.cookies),
        )

    @router.put("/echo")
    async def echo(
        request: Request, principal: Principal = requires(Role.OPERATOR, Role.ADMINISTRATOR)
    ) -> dict[str, Any]:
        return {"bytes": len(await request.body()), "query": request.url.query}

    @router.get("/missing/{name}")
    def missing(name: str) -> Greeting:
        raise not_found("greeting", name, "问候")

    @router.get("/folder/")
    def folder() -> list[str]:
        return []

    settings = KernelSettings(service="greetings", data_dir=data_dir)
    KeyStore.create(data_dir, ["gateway", "greetings"])
    return create_service_app(settings, "Greetings", [router])


class World:
    """One gateway at a time over one database."""

    def __init__(self, data_dir: Path, database_url: str) -> None:
        self.data_dir, self.database_url = data_dir, database_url
        self.bus = MemoryBus()
        self.link = ""
        self._open = ExitStack()

    def settings(self, **changes: Any) -> GatewaySettings:
        return GatewaySettings(data_dir=self.data_dir, database_url=self.database_url, **changes)

    def start(self, mounted: dict[str, FastAPI] | None = None, bus: Bus | None = None, **changes: Any) -> TestClient:
        """Start (again), and give a client that is not signed in."""
        self.stop()
        self.bus = MemoryBus()
        settings = self.settings(**changes)
        self.link = prepare(settings) or ""
        if mounted is None:
            mounted = {"greetings": greeting_service(self.data_dir)}
        self.app = create_app(settings, mounted, bus=bus or self.bus)
        return self._open.enter_context(TestClient(self.app, base_url=SITE))

    @property
    def gateway(self) -> Gateway:
        gateway: Gateway = self.app.state.gateway
        return gateway

    def client(self) -> TestClient:
        """Another browser on the running gateway."""
        return TestClient(self.app, base_url=SITE)

    def bearer(self, who: Principal) -> dict[str, str]:
        """Headers of a principal as the gateway would sign it."""
        return {"Authorization": f"Bearer {self.gateway.access.token(who)}"}

    def stop(self) -> None:
        self._open.close()


def secret_of(link: str) -> str:
    return link.partition("link=")[2]


def sign_in(client: TestClient, link: str) -> None:
    """Use a one-time link as a browser does."""
    answer = client.post("/api/session", json={"link": secret_of(link)}, headers={"Origin": SITE})
    assert answer.status_code == 204, answer.text


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """On SQLite."""
    made = World(tmp_path, f"sqlite:///{tmp_path}/gateway.sqlite3")
    yield made
    made.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def each_world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """On each database: a test that uses it runs twice."""
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path}/gateway.sqlite3"
        if request.param == "postgresql":
            server = request.getfixturevalue("postgres_url")
            database = stack.enter_context(postgres_database(server, METADATA, "gateway", AffineClock()))
            url = database.engine.url.render_as_string(hide_password=False)
        made = World(tmp_path, url)
        stack.callback(made.stop)
        yield made
