"""A house that is told to end finishes what it has begun: a real process, a real signal, requests half sent."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from opensom.supervisor import listen
from services.kernel.clock import monotonic_s, sleep_s
from services.kernel.identity import Role
from services.kernel.testing import free_port
from tests.contract.house import DOORS, House, open_house
from tests.contract.routes import filled, uses_of
from tests.contract.seeds import QUOKKA, Seeded, furnish

BEGUN = 8  # Requests whose body is half sent when the signal comes.
READERS = 4
PATIENCE_S = 30.0
CREATING = {"lifecycle": "POST /products", "billing": "POST /tariffs", "gateway": "POST /api/lifecycle/products"}
LISTS = {"lifecycle": "/products", "billing": "/tariffs", "gateway": "/api/lifecycle/products"}


@dataclass
class Served:
    """A house in a process of its own."""

    process: subprocess.Popen[str]
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def served(door: str, data_dir: Path, root: Path) -> Iterator[Served]:
    """Start it, wait until it is ready, and leave nothing behind."""
    command = [sys.executable, "-m", "tests.contract.serving", door, str(data_dir), str(free_port())]
    with (data_dir / "served.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        made = Served(process, int(process.stdout.readline()))
        _wait(lambda: httpx2.get(f"{made.url}/health/ready", timeout=5).status_code == 200)
        yield made
    finally:
        process.kill()
        process.wait()


def _wait(done: object) -> None:
    start_s = monotonic_s()
    while True:
        try:
            if done():  # type: ignore[operator]
                return
        except httpx2.HTTPError:
            pass
        assert monotonic_s() - start_s < PATIENCE_S, "waited in vain"
        sleep_s(0.05)


@dataclass
class Begun:
    """A request of which the server has seen the head and half of the body."""

    connection: socket.socket
    rest: bytes

    @classmethod
    def at(cls, port: int, method: str, path: str, token: str, body: object) -> "Begun":
        content = json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        half = len(content) // 2
        connection.sendall(head.encode() + content[:half])
        return cls(connection, content[half:])

    def finish(self) -> int:
        """Send the rest and give the answer's status."""
        self.connection.sendall(self.rest)
        answer = b""
        while chunk := self.connection.recv(65_536):
            answer += chunk
        self.connection.close()
        return int(answer.split(b" ", 2)[1])


@dataclass
class Readers:
    """Threads that read one page after the other until the server is gone."""

    url: str
    token: str
    answers: list[int] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)

    def run(self) -> None:
        with httpx2.Client(headers={"Authorization": f"Bearer {self.token}"}) as client:
            while True:
                try:
                    answer = client.get(self.url, timeout=PATIENCE_S)
                except (httpx2.ReadError, httpx2.ConnectError, httpx2.RemoteProtocolError):
                    return
                self.answers.append(answer.status_code)
                try:
                    answer.json()
                except ValueError:
                    self.torn.append(answer.text[:200])


def bodies(door: str, seeded: Seeded) -> list[dict[str, object]]:
    """Commands that each leave a row behind."""
    return [filled(uses_of(door)[CREATING[door]].body, seeded.request_identifiers()) for _ in range(BEGUN)]


def count(house: House, token: str) -> int:
    found = house.ask("GET", LISTS[house.door], token)
    return len(found if isinstance(found, list) else found["items"])


@pytest.mark.parametrize("door", DOORS)
def test_requests_that_have_begun_are_finished(door: str, data_dir: Path, project_root: Path) -> None:
    """Guards: an order that is lost, or carried out without an answer, whenever somebody installs a new version."""
    with open_house(door, data_dir) as house:
        seeded = furnish(house)[QUOKKA]
        token = house.token(QUOKKA, Role.ADMINISTRATOR)
        before = count(house, token)
    method, path = CREATING[door].split(" ")
    with served(door, data_dir, project_root) as running:
        readers = Readers(running.url + LISTS[door], token)
        threads = [threading.Thread(target=readers.run) for _ in range(READERS)]
        for thread in threads:
            thread.start()
        stream = _open_stream(running, token) if door == "gateway" else None
        begun = [Begun.at(running.port, method, path, token, body) for body in bodies(door, seeded)]
        _wait(lambda: len(readers.answers) > 20)
        running.process.send_signal(signal.SIGTERM)
        sleep_s(0.3)  # The signal is heard, the server is ending.
        assert [each.finish() for each in begun] == [201] * BEGUN
        assert running.process.wait(PATIENCE_S) in (0, -signal.SIGTERM)
        for thread in threads:
            thread.join(PATIENCE_S)
        if stream is not None:
            stream.close()
        assert set(readers.answers) == {200} and readers.torn == []
        log = (data_dir / "served.log").read_text(encoding="utf-8")
        assert "Traceback" not in log, log[-3_000:]
    with open_house(door, data_dir) as house:
        assert count(house, token) == before + BEGUN


def test_an_answer_leaves_at_once() -> None:
    """Guards: 40 ms on every answer, while the system waits for the caller to acknowledge its first half."""

    async def option_of_an_accepted_connection() -> int:
        accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def accept(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        listener = listen(0)
        async with await asyncio.start_server(accept, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            found = await accepted
            writer.close()
            return found

    assert asyncio.run(option_of_an_accepted_connection()) != 0


def _open_stream(running: Served, token: str) -> socket.socket:
    """A stream of events that nobody ends: it must not keep the server from ending."""
    connection = socket.create_connection(("127.0.0.1", running.port), timeout=PATIENCE_S)
    head = f"GET /api/events/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
    connection.sendall(head.encode())
    assert connection.recv(1_000).startswith(b"HTTP/1.1 200")
    return connection
