"""A client that costs little, so that the servers are what is measured: HTTP/1.1 over kept connections."""

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from services.kernel.broker import LOOPBACK
from services.kernel.clock import monotonic_s

ANSWER_S_MAX = 60.0


@dataclass
class Batch:
    """`seconds` for all requests, and how long each took."""

    seconds: float
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def rate_per_s(self) -> float:
        return len(self.latencies_ms) / self.seconds


def read_many(port: int, paths: list[str], token: str, count: int, concurrency: int) -> Batch:
    """GET `paths` in turn, `count` requests altogether over `concurrency` connections.

    Raises RuntimeError for an answer that is not 200.
    """
    return asyncio.run(_read_many(port, paths, token, count, concurrency))


async def _read_many(port: int, paths: list[str], token: str, count: int, concurrency: int) -> Batch:
    requests = itertools.islice(itertools.cycle([_request(path, token) for path in paths]), count)
    latencies_ms: list[float] = []
    connections = [await asyncio.open_connection(LOOPBACK, port) for _ in range(concurrency)]
    start_s = monotonic_s()
    try:
        async with asyncio.timeout(ANSWER_S_MAX + count / 10):
            await asyncio.gather(*(_work(*connection, requests, latencies_ms) for connection in connections))
        return Batch(monotonic_s() - start_s, latencies_ms)
    finally:
        for _, writer in connections:
            writer.close()


async def _work(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, requests: Iterator[bytes], latencies_ms: list[float]
) -> None:
    for request in requests:
        begin_s = monotonic_s()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(_length_bytes(head))
        latencies_ms.append((monotonic_s() - begin_s) * 1e3)
        if not head.startswith(b"HTTP/1.1 200") or not body:
            raise RuntimeError(f"not what was asked for: {head[:100]!r} {body[:300]!r}")


def _request(path: str, token: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


def _length_bytes(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise RuntimeError(f"an answer without its length: {head[:300]!r}")
