"""The ingest worker over a real database, with devices that say whatever a test wants."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, func, select

from services.kernel.bus import MemoryBus, Message
from services.kernel.clock import ManualClock
from services.kernel.database import Database
from services.kernel.events import Event
from services.kernel.outbox import read_events
from services.kernel.testing import START, postgres_database
from services.kernel.unit import UnitOfWork
from services.lifecycle import inbox
from services.lifecycle.contract import ProductCreate, ProductTypeCreate, Signal, device_topic
from services.lifecycle.service import products
from services.lifecycle.service.ingest import IngestWorker
from services.lifecycle.settings import LifecycleSettings
from services.lifecycle.store.readings import message_counts
from services.lifecycle.tables import METADATA, TELEMETRY, AlarmRow, TwinRow

DEVICES = ("pump-1", "pump-2", "pump-3")
HOT, COOL = 95.0, 50.0
PARTS = ("stored", "duplicate", "dead_lettered")


def pump_type() -> ProductTypeCreate:
    """A pump with a limit on its bearing's temperature."""

    def signal(name: str, **more: Any) -> Signal:
        return Signal(name=name, name_zh=name, name_en=name, unit="1", **more)

    return ProductTypeCreate(
        id="pump",
        name_zh="泵",
        name_en="pump",
        maker_id="maker",
        bearing="6205",
        rated={"speed_rpm": 1480.0},
        signals=[
            signal("speed_rpm"),
            signal("bearing_temperature_c", least=-40, most=200, warning_high=85, health_weight=1),
            signal("vibration_velocity_mm_s", statistics=True, health_weight=1),
            signal("run_seconds", kind="counter"),
        ],
    )


class Bench:
    """A database with three registered pumps, an ingest worker on a bus in memory, and what it confirmed."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        self.database, self.clock = database, clock
        # Every batch confirms, assesses and saves: tests say when time passes.
        self.settings = LifecycleSettings(
            confirm_interval_s=1e-9, health_interval_s=1e-9, detection_save_interval_s=1e-9
        )
        database.create()
        database.run(self._register)
        self.confirmed: dict[str, dict[int, int]] = {}
        self.confirmations = 0
        self.start_worker()

    def start_worker(self) -> IngestWorker:
        """A process of its own, as far as memory goes: it knows only what is in the database."""
        self.worker = IngestWorker(self.database, self.clock, self.settings, self._note_confirmation)
        self.bus = MemoryBus(on_poison=lambda message, reason: self.worker.bury(message, reason))
        inbox.open_door(self.bus, lambda messages: self.worker.settle(messages))
        self.bus.start()
        return self.worker

    # ---- What devices say ----

    def message(self, device: str, kind: str, body: Any) -> Message:
        """`body` as it is when it is bytes, else as JSON."""
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Message(device_topic(device, kind), payload)

    def reading(self, sequence: int, *, boot: int = 1, device: str = DEVICES[0], **more: Any) -> Message:
        """Telemetry whose source time grows with boot and sequence."""
        at = self.clock.business_now() + timedelta(seconds=sequence - 1_000 + 100 * boot)
        values = {"speed_rpm": 1480.0, "bearing_temperature_c": COOL, "run_seconds": sequence}
        body = {"boot": boot, "sequence": sequence, "time": at.isoformat(), "values": values} | more
        return self.message(device, "telemetry", body)

    def state(self, sequence: int | None, *, boot: int = 1, device: str = DEVICES[0], **more: Any) -> Message:
        at = None if sequence is None else self.clock.business_now().isoformat()
        return self.message(device, "state", {"boot": boot, "sequence": sequence, "time": at} | more)

    def birth(self, *, boot: int = 1, device: str = DEVICES[0], **more: Any) -> Message:
        at = self.clock.business_now().isoformat()
        body = {"boot": boot, "sequence": 0, "time": at, "type": "pump", "serial": device} | more
        return self.message(device, "birth", body)

    def publish(self, *messages: Message) -> None:
        """One after the other, each a batch of its own."""
        for message in messages:
            self.bus.publish(message.topic, message.payload)

    def settle(self, *messages: Message) -> None:
        """All in one batch, straight to the worker."""
        self.worker.settle(list(messages))

    # ---- What became of it ----

    def read(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return self.database.read(function, *arguments)

    def counts(self) -> dict[str, int]:
        """The ledger of messages, after it was found to be exact."""
        counts = dict.fromkeys(("received", *PARTS), 0) | self.read(message_counts)
        assert counts["received"] == sum(counts[part] for part in PARTS), counts
        assert counts["stored"] == self.read(_count, TELEMETRY)
        assert counts["dead_lettered"] == self.read(_count, self.database.tables.dead_letter)
        return counts

    def rows(self) -> dict[tuple[str, int, int], bytes]:
        """Body of each stored message by (device, boot, sequence)."""
        columns = TELEMETRY.c
        query = select(columns.device, columns.boot, columns.sequence, columns.body)
        found = self.read(lambda unit: unit.session.execute(query).all())
        rows = {(row.device, row.boot, row.sequence): bytes(row.body) for row in found}
        assert len(rows) == len(found)
        return rows

    def letters(self) -> list[Any]:
        """Dead letters, oldest first."""
        return self.read(lambda unit: unit.session.execute(select(unit.tables.dead_letter).order_by("id")).all())

    def reasons(self) -> list[str]:
        return [letter.reason for letter in self.letters()]

    def twin(self, device: str = DEVICES[0]) -> TwinRow:
        def detached(unit: UnitOfWork) -> TwinRow:
            row = unit.session.get_one(TwinRow, device)
            unit.session.expunge(row)
            return row

        return self.read(detached)

    def value(self, signal: str, device: str = DEVICES[0]) -> tuple[float, int, int]:
        """(value, quality, source time in microseconds) in the twin."""
        return tuple(json.loads(self.twin(device).values)[signal])

    def alarms(self) -> list[tuple[str, str, str]]:
        """(device, code, state), oldest first."""
        query = select(AlarmRow.device_id, AlarmRow.code, AlarmRow.state).order_by(AlarmRow.id)
        return [tuple(row) for row in self.read(lambda unit: unit.session.execute(query).all())]

    def events(self, noun: str) -> list[Event]:
        """Announced events, oldest first, whose type contains `noun`."""
        return [each for each in self.read(read_events_all) if noun in each.type]

    def _register(self, unit: UnitOfWork) -> None:
        products.register_type(unit, pump_type())
        for device in DEVICES:
            create = ProductCreate(id=device, type_id="pump", serial=device, organisation_id="customer-01")
            products.register(unit, create, self.settings)

    def _note_confirmation(self, device_id: str, boot: int, sequence: int) -> None:
        self.confirmed.setdefault(device_id, {})[boot] = sequence
        self.confirmations += 1


def _count(unit: UnitOfWork, table: Table) -> int:
    return int(unit.session.execute(select(func.count()).select_from(table)).scalar_one())


def read_events_all(unit: UnitOfWork) -> list[Event]:
    return read_events(unit, after=0, limit=1_000)


@contextmanager
def bench_over(kind: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[Bench]:
    """A bench over a database of one kind, for fixtures that many tests share."""
    clock = ManualClock(START, START)
    if kind == "sqlite":
        database = Database(f"sqlite:///{folder}/shared.sqlite3", METADATA, service="lifecycle", clock=clock)
        yield Bench(database, clock)
        database.close()
        return
    with postgres_database(request.getfixturevalue("postgres_url"), METADATA, "lifecycle", clock) as database:
        yield Bench(database, clock)
