"""The process of recording devices.

They are the simulator's devices, which keep what they measured until the platform has it. A journal beside their store
remembers everything they ever said, so that a test can ask where it went.
"""

import sqlite3
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from services.kernel.clock import AffineClock
from simulator import devices as protocol
from simulator.devices import Device, Identity, Work
from simulator.line import Address, Line
from simulator.store import DeviceStore, Held
from tests.faults.children import say, told_to_end

ASK_S = 2.0  # When nothing is left to measure: how often a device asks what has arrived.
HOLE_S = 3.0  # A tenth of what devices wait before they repeat what the broker lost.
READ_S = 30  # Business seconds between two readings of a device.
Row = tuple[str, int, int]  # device, boot, sequence


class Journal(DeviceStore):
    """The devices' store, and in the same transactions all that was ever put into it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS journal(device TEXT, boot INTEGER, sequence INTEGER, kind TEXT, payload BLOB, "
            "PRIMARY KEY (device, boot, sequence)) WITHOUT ROWID"
        )

    def append(self, device: str, message: Held) -> None:
        super().append(device, message)
        row = (device, message.boot, message.sequence, message.kind, message.payload)
        self._database.execute("INSERT INTO journal VALUES (?, ?, ?, ?, ?)", row)

    def measured(self, device: str) -> int:
        """Readings that the device made so far."""
        query = "SELECT COUNT(*) FROM journal WHERE device = ? AND kind = 'telemetry'"
        return int(self._database.execute(query, (device,)).fetchone()[0])


class Idle:
    """Obeys every command by doing nothing."""

    def prepare(self, device: Device, name: str, parameters: dict[str, Any]) -> Work:
        return Work(dict)


def journal(path: Path) -> dict[Row, bytes]:
    """Everything that the devices ever said: body by (device, boot, sequence)."""
    with sqlite3.connect(path) as database:
        rows = database.execute("SELECT device, boot, sequence, payload FROM journal").fetchall()
    database.close()
    return {(device, boot, sequence): bytes(payload) for device, boot, sequence, payload in rows}


def run(
    path: str, port: int, devices: list[str], readings: int, per_s: float, start: str, product_type: str = "pump"
) -> None:
    """Let `devices` make `readings` each, `per_s` over all, from `start` on; tell of it until told to end.

    It says `made` (readings so far), `held` (messages not confirmed yet) and `online` (devices that are connected).
    """
    ended = told_to_end()
    protocol.HOLE_S_MAX = HOLE_S
    store = Journal(Path(path))
    clock = AffineClock()
    fleet = [
        Device(Identity(name, product_type, name, {}), store, Line(Address("127.0.0.1", port), name), clock, Idle())
        for name in devices
    ]
    made = {device.id: store.measured(device.id) for device in fleet}
    first = datetime.fromisoformat(start).astimezone(UTC)
    for device in fleet:
        device.start()
    begun_s, before = time.monotonic(), sum(made.values())
    told_s = asked_s = 0.0
    while not ended.is_set():
        now_s = time.monotonic()
        due = min(int((now_s - begun_s) * per_s) + before, readings * len(fleet))
        for device in fleet:
            if sum(made.values()) < due and made[device.id] < readings:
                number = made[device.id]
                device.read(values_of(number), first + timedelta(seconds=READ_S * number))
                made[device.id] += 1
        store.commit()
        if all(count >= readings for count in made.values()) and now_s - asked_s > ASK_S:
            asked_s = now_s
            for device in fleet:
                if store.oldest(device.id):
                    device.say("state", {"online": True})
        busy = sum(device.flush(100) for device in fleet)
        for device in fleet:
            device.listen()
        store.commit()
        if now_s - told_s > 0.1:
            told_s = now_s
            online = sum(device.line.ready for device in fleet)
            say(made=sum(made.values()), held=store.held_count(), online=online)
        ended.wait(0.0 if busy else 0.01)
    for device in fleet:
        device.line.close()
    store.close()


def values_of(number: int) -> dict[str, float]:
    """A pump that runs without a break and gets hot from time to time."""
    hot = number % 100 >= 90
    return {
        "speed_rpm": 1480.0,
        "bearing_temperature_c": 95.0 if hot else 50.0 + number % 7 / 10,
        "vibration_velocity_mm_s": 1.5 + number % 5 / 100,
        "run_seconds": READ_S * number,
    }
