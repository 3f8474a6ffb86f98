"""The console over sample data: as an application for the test client, and as a real server for the browser."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from gateway.console import Console, install
from gateway.console.page import SESSION_COOKIE
from services.kernel.problems import problem_handlers
from tests.console.sample_sources import SampleSources
from tests.console.sample_states import SampleSessions


def console_app(sessions: SampleSessions) -> FastAPI:
    app = FastAPI()
    problem_handlers(app)
    keys = iter(f"key-{number:08}" for number in range(10**6))
    install(app, Console(sessions=sessions, secret=b"a secret of the tests", new_id=lambda: next(keys)))
    return app


@pytest.fixture
def visit() -> Iterator[Callable[..., TestClient]]:
    """Make a client that is signed in, over the given sources."""
    opened: list[TestClient] = []

    def make(sources: Callable[[], Any] = SampleSources, **options: Any) -> TestClient:
        sessions = SampleSessions(sources, **options)
        sessions.open.add("session-1")
        client = TestClient(console_app(sessions), follow_redirects=False, raise_server_exceptions=False)
        client.cookies.set(SESSION_COOKIE, "session-1")
        opened.append(client)
        return client

    yield make
    for client in opened:
        client.close()


class Server:
    """The console on a free port of this machine."""

    def __init__(self, app: FastAPI) -> None:
        self._server = uvicorn.Server(
            uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=1)
        )
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        while not self._server.started:
            self._thread.join(0.05)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)


@pytest.fixture(scope="session")
def console_address() -> Iterator[str]:
    sessions = SampleSessions()
    sessions.links = {"link-1400", "link-390"}
    with Server(console_app(sessions)) as address:
        yield address
