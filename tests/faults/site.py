"""The whole platform with its devices: gateway, lifecycle and billing in one process, the ingest in another."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from opensom.composition import SERVICES, Place
from opensom.supervisor import answers_ready
from services.billing.tables import METADATA as BILLING
from services.kernel.broker import free_port
from services.kernel.clock import Clock, wall_now
from services.kernel.database import Database
from services.kernel.identity import KeyStore
from services.lifecycle import seed
from services.lifecycle.tables import METADATA as LIFECYCLE
from tests.faults.children import Child, wait_until
from tests.faults.plant import BROKERS
from tests.faults.recorder import READ_S
from tests.faults.servers import AnyBroker, Postgres, own_postgres

TABLES = {"lifecycle": LIFECYCLE, "billing": BILLING}
BY_VOLUME = ("customer-04", "customer-08", "customer-12")  # Their running time is no line of an invoice.
BUCKET_S = 300
# Metering looks often, and tells of a bucket as soon as a reading beyond it was stored.
ENVIRONMENT = {
    "OPENSOM_USAGE_BUCKET_S": str(BUCKET_S),
    "OPENSOM_USAGE_ALLOWANCE_S": "0",
    "OPENSOM_USAGE_INTERVAL_S": "0.2",
    "OPENSOM_USAGE_GAP_S": "86400",
    "OPENSOM_CONFIRM_INTERVAL_S": "1",
}


class Site:
    """The platform with its ingest, the demonstration's pumps as recording devices, and both services' data."""

    def __init__(self, folder: Path, broker: AnyBroker, postgres: Postgres | None, scale: dict[str, Any]) -> None:
        self.folder, self.broker, self.postgres, self.scale = folder, broker, postgres, scale
        pumps = [each.id for each in seed.product_list() if each.organisation_id not in BY_VOLUME]
        self.devices = pumps[: scale["devices"]]
        self.total = scale["readings"] * len(self.devices)
        self.port = free_port()
        self.place = Place(folder, broker.port, self.port)
        self.url = postgres.url if postgres else None
        environment = ENVIRONMENT | ({"OPENSOM_DATABASE_URL": self.url} if self.url else {})
        KeyStore.create(folder, SERVICES)
        options = {"data_dir": str(folder), "broker_port": broker.port, "environment": environment}
        self.platform = Child(folder, "platform", "tests.faults.platform_process", options | {"port": self.port})
        settings = {"database_url": self.url, "data_dir": str(folder), "broker_port": broker.port}
        self.ingest = Child(folder, "ingest", "tests.faults.ingest_process", settings | {"confirm_interval_s": 1.0})
        self.start = (wall_now() - timedelta(seconds=READ_S * (scale["readings"] + 10))).replace(microsecond=0)
        self.recorder = Child(
            folder,
            "recorder",
            "tests.faults.recorder",
            {
                "path": str(folder / "devices.sqlite3"),
                "port": broker.port,
                "devices": self.devices,
                "readings": scale["readings"],
                "per_s": scale["per_s"],
                "start": self.start.isoformat(),
            },
        )

    # ---- What happens to it ---------------------------------------------------------------------------------------

    def start_platform(self, seeds: bool = False) -> None:
        """Start it and wait until it answers."""
        self.platform.start(seeds=seeds)
        wait_until(lambda: answers_ready(self.port), lambda: f"the platform is ready; its log:\n{self.platform.tail()}")

    def wait_made(self, share: float) -> None:
        """Until the devices have measured this share of all they will."""
        self.recorder.wait_for(lambda said: said.get("made", 0) >= share * self.total, f"{share:.0%} measured")

    def database(self, service: str, clock: Clock) -> Database:
        """A service's data, seen by the test."""
        url = self.url or f"sqlite:///{self.folder}/{service}.sqlite3"
        return Database(url, TABLES[service], service=service, clock=clock)

    # ---- What is to be expected -----------------------------------------------------------------------------------

    @property
    def last_end(self) -> datetime:
        """End of the last bucket beyond which each device has made a reading."""
        last = self.start + timedelta(seconds=READ_S * (self.scale["readings"] - 1))
        return last - timedelta(seconds=last.timestamp() % BUCKET_S)

    def expected_seconds(self) -> dict[str, int]:
        """The pumps run without a break, so the counter says as much as the clock."""
        return dict.fromkeys(self.devices, int((self.last_end - self.start).total_seconds()))


@contextmanager
def running_site(folder: Path, broker: str, database: str, **scale: Any) -> Iterator[Site]:
    """A platform whose pumps have begun to record; all of it ends with the block."""
    with ExitStack() as stack:
        server = BROKERS[broker](folder / "broker")
        server.start()
        stack.callback(server.stop)
        postgres = stack.enter_context(own_postgres()) if database == "postgresql" else None
        site = Site(folder, server, postgres, scale)
        for child in (site.ingest, site.platform, site.recorder):
            stack.callback(child.stop)
        site.start_platform(seeds=True)
        site.ingest.start()
        site.ingest.wait_for(lambda said: said.get("ready"), "connected")
        site.recorder.start()
        yield site
