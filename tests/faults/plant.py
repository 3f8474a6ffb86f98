"""A plant under test: devices, a broker, a database and the ingest process between them, all of them to be killed."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from services.kernel.broker import EmbeddedBroker, MosquittoBroker
from services.kernel.clock import AffineClock, wall_now
from services.kernel.database import Database
from services.kernel.outbox import head_position
from services.kernel.unit import UnitOfWork
from services.lifecycle.contract import ProductCreate
from services.lifecycle.service import products
from services.lifecycle.settings import LifecycleSettings
from services.lifecycle.store.readings import message_counts
from services.lifecycle.tables import METADATA, TELEMETRY
from tests.faults.children import Child
from tests.faults.recorder import READ_S, journal
from tests.faults.servers import AnyBroker, Postgres, kill_broker, own_postgres, restart_broker
from tests.services.lifecycle.ingest_bench import pump_type

BROKERS: dict[str, type[AnyBroker]] = {"embedded": EmbeddedBroker, "mosquitto": MosquittoBroker}


class Plant:
    """Everything runs when it was entered; `kill` takes a part away and brings it back."""

    def __init__(
        self, folder: Path, broker: AnyBroker, url: str, postgres: Postgres | None, scale: dict[str, Any]
    ) -> None:
        self.folder, self.broker, self.url, self.postgres = folder, broker, url, postgres
        self.devices = [f"pump-{number:03d}" for number in range(scale["devices"])]
        self.readings, self.total = scale["readings"], scale["readings"] * scale["devices"]
        self.database = Database(url, METADATA, service="lifecycle", clock=AffineClock())
        self.database.upgrade()
        self.database.run(self._register)
        settings = {"database_url": url, "broker_port": broker.port, "data_dir": str(folder), "confirm_interval_s": 1.0}
        self.ingest = Child(folder, "ingest", "tests.faults.ingest_process", settings)
        start = wall_now() - timedelta(seconds=READ_S * (self.readings + 10))
        self.journal_path = folder / "devices.sqlite3"
        options = {
            "path": str(self.journal_path),
            "port": broker.port,
            "devices": self.devices,
            "readings": self.readings,
            "per_s": scale["per_s"],
            "start": start.isoformat(),
        }
        self.recorder = Child(folder, "recorder", "tests.faults.recorder", options)

    # ---- What happens to it ----

    def start_ingest(self) -> None:
        """Start it and wait until it listens."""
        self.ingest.start()
        self.ingest.wait_for(lambda said: said.get("ready"), "connected")

    def wait_made(self, share: float) -> None:
        """Until the devices have measured this share of all they will."""
        self.recorder.wait_for(lambda said: said.get("made", 0) >= share * self.total, f"{share:.0%} measured")

    def kill_ingest(self) -> None:
        self.ingest.wait_for(lambda said: said.get("settled"), "something settled")
        self.ingest.kill()

    def kill_broker(self) -> None:
        kill_broker(self.broker)
        restart_broker(self.broker)

    def kill_database(self) -> None:
        assert self.postgres is not None
        self.postgres.kill()
        self.postgres.start()

    def wait_settled(self) -> None:
        """Until all was measured and no device has anything left that was not confirmed to it."""
        self.wait_made(1.0)
        self.recorder.wait_for(lambda said: said.get("held") == 0, "everything confirmed")

    # ---- What became of it ----

    def check_each_message_is_stored_once(self) -> None:
        """What the devices said and what is stored are the same, to the byte; the ledger of messages is exact."""
        columns = TELEMETRY.c
        query = select(columns.device, columns.boot, columns.sequence, columns.body)
        found = self.database.read(lambda unit: unit.session.execute(query).all())
        stored = {(row.device, row.boot, row.sequence): bytes(row.body) for row in found}
        said = journal(self.journal_path)
        assert len(stored) == len(found)
        assert sum(b'"values"' in body for body in said.values()) == self.total
        missing, unknown = said.keys() - stored.keys(), stored.keys() - said.keys()
        assert not missing, f"{len(missing)} of {len(said)} are missing, such as {sorted(missing)[:5]}"
        assert not unknown, f"nobody said {sorted(unknown)[:5]}"
        assert stored == said
        counts = self.database.read(message_counts)
        dead, repeated = counts.get("dead_lettered", 0), counts.get("duplicate", 0)
        assert (counts["stored"], dead) == (len(said), 0)
        assert counts["received"] == counts["stored"] + repeated

    def check_the_log_of_events_has_no_gap(self) -> None:
        def positions(unit: UnitOfWork) -> tuple[list[int], int]:
            outbox = unit.tables.outbox
            query = select(outbox.c.position).order_by(outbox.c.position)
            return [row.position for row in unit.session.execute(query)], head_position(unit)

        found, head = self.database.read(positions)
        assert found == list(range(1, head + 1)) and head > len(self.devices)

    def _register(self, unit: UnitOfWork) -> None:
        products.register_type(unit, pump_type())
        for device in self.devices:
            create = ProductCreate(id=device, type_id="pump", serial=device, organisation_id="customer-01")
            products.register(unit, create, LifecycleSettings())


@contextmanager
def idle_plant(folder: Path, broker: str, database: str, **scale: Any) -> Iterator[Plant]:
    """A plant with a broker and a database, for `devices` that make `readings` each, `per_s` over all."""
    with ExitStack() as stack:
        server = BROKERS[broker](folder / "broker")
        server.start()
        stack.callback(server.stop)
        postgres = stack.enter_context(own_postgres()) if database == "postgresql" else None
        url = postgres.url if postgres else f"sqlite:///{folder}/lifecycle.sqlite3"
        plant = Plant(folder, server, url, postgres, scale)
        stack.callback(plant.database.close)
        for child in (plant.ingest, plant.recorder):
            stack.callback(child.stop)
        yield plant


@contextmanager
def running_plant(folder: Path, broker: str, database: str, **scale: Any) -> Iterator[Plant]:
    """The same with everything running."""
    with idle_plant(folder, broker, database, **scale) as plant:
        plant.start_ingest()
        plant.recorder.start()
        yield plant
