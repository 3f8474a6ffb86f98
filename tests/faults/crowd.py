"""Very many devices at once, each a bare socket that speaks just enough MQTT 3.1.1: a thread each would be too much."""

import asyncio
import json
import resource
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

from services.lifecycle.contract import device_topic

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, DISCONNECT = 0x10, 0x20, 0x30, 0x40, 0x82, 0x90, 0xE0
PATIENCE_S = 600.0
SAID = 3  # Messages of each device.
CONNECT_S_MAX = 20.0
RETRY_S = 2.0


class Refused(AssertionError):
    """The broker did not want a device."""


def allow_sockets(count: int) -> None:
    """Let this process have `count` sockets and some files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = count + 500
    assert hard == resource.RLIM_INFINITY or hard >= needed, f"this system allows {hard} files, {needed} are needed"
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, needed), hard))


def text(value: str | bytes) -> bytes:
    """A string as MQTT writes it."""
    raw = value.encode() if isinstance(value, str) else value
    return len(raw).to_bytes(2, "big") + raw


def packet(kind: int, body: bytes) -> bytes:
    """A packet with its length."""
    digits, rest = b"", len(body)
    while True:
        rest, digit = divmod(rest, 128)
        digits += bytes((digit | (128 if rest else 0),))
        if not rest:
            return bytes((kind,)) + digits + body


class Member:
    """One device of the crowd."""

    def __init__(self, device_id: str, port: int) -> None:
        self.id, self._port = device_id, port
        self.confirmed = -1
        self.attempts = 0
        self._born = datetime.now(UTC).isoformat()

    async def live(self, connected: Callable[[], object], all_there: asyncio.Event) -> None:
        """Connect and wait for the others; then speak until the platform has confirmed everything. Raises Refused.

        A listener that is overrun lets connections wait or resets them: as devices do, it tries again after a while.
        """
        while True:
            self.attempts += 1
            try:
                async with asyncio.timeout(CONNECT_S_MAX):
                    await self._connect()
                connected()
                await all_there.wait()
                await self._speak()
                self._writer.write(packet(DISCONNECT, b""))
                await self._writer.drain()
                self._writer.close()
                return
            except (OSError, EOFError, TimeoutError):
                await asyncio.sleep(RETRY_S * (1 + zlib.crc32(f"{self.id}/{self.attempts}".encode()) / 2**32))

    async def _connect(self) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        will = text(device_topic(self.id, "state")) + text(b'{"boot":1,"online":false}')
        flags = 0x02 | 0x04 | 0x08  # Clean session, will, will at QoS 1.
        body = text("MQTT") + bytes((4, flags)) + (600).to_bytes(2, "big") + text(f"device-{self.id}") + will
        self._writer.write(packet(CONNECT, body))
        if (await self._next(CONNACK))[1] != 0:
            raise Refused(self.id)
        topic = device_topic(self.id, "confirmed")
        self._writer.write(packet(SUBSCRIBE, b"\x00\x01" + text(topic) + b"\x00"))
        if (await self._next(SUBACK))[2] != 0:
            raise Refused(self.id)

    async def _speak(self) -> None:
        """Birth, a reading and a question; until the broker has all of it and the platform has confirmed it."""
        for number, (kind, payload) in enumerate(self._messages(), start=1):
            body = text(device_topic(self.id, kind)) + number.to_bytes(2, "big") + payload
            self._writer.write(packet(PUBLISH | 0x02, body))
        acknowledged = 0
        while acknowledged < SAID or self.confirmed < SAID - 1:
            kind, body = await self._read()
            acknowledged += kind == PUBACK
            if kind & 0xF0 == PUBLISH:
                self.confirmed = json.loads(body[2 + int.from_bytes(body[:2], "big") :])["sequence"]

    def _messages(self) -> Iterator[tuple[str, bytes]]:
        for sequence, (kind, body) in enumerate(
            (
                ("birth", {"type": "pump", "serial": self.id, "held": {"1": 0}}),
                ("telemetry", {"values": {"speed_rpm": 1480.0, "bearing_temperature_c": 50.0}}),
                ("state", {"online": True}),
            )
        ):
            yield kind, json.dumps({"boot": 1, "sequence": sequence, "time": self._born} | body).encode()

    async def _next(self, wanted: int) -> bytes:
        kind, body = await self._read()
        if kind != wanted:
            raise Refused(f"{self.id}: {kind:#x} instead of {wanted:#x}")
        return body

    async def _read(self) -> tuple[int, bytes]:
        kind = (await self._reader.readexactly(1))[0]
        length = shift = 0
        while True:
            digit = (await self._reader.readexactly(1))[0]
            length |= (digit & 127) << shift
            shift += 7
            if digit < 128:
                return kind, await self._reader.readexactly(length)


async def gather(port: int, devices: list[str]) -> Counter[int]:
    """All connect at once and speak once all are there; returns how many needed how many attempts."""
    members = [Member(device, port) for device in devices]
    there: set[str] = set()
    all_there = asyncio.Event()

    def arrived(device_id: str) -> None:
        there.add(device_id)
        if len(there) == len(members):
            all_there.set()

    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*(member.live(partial(arrived, member.id), all_there) for member in members))
    return Counter(member.attempts for member in members)
