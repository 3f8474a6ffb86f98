"""Very many devices connect and speak at once: nobody is refused, nothing is lost, the ledger is exact."""

import asyncio
from pathlib import Path

import pytest

from services.lifecycle.store.readings import message_counts
from tests.faults.crowd import SAID, allow_sockets, gather
from tests.faults.plant import idle_plant


@pytest.mark.parametrize("broker", ["embedded", "mosquitto"])
def test_300_devices_connect_at_once(broker: str, tmp_path: Path) -> None:
    check(broker, "sqlite", tmp_path, 300)


@pytest.mark.soak
@pytest.mark.parametrize("broker", ["embedded", "mosquitto"])
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_10_000_devices_connect_at_once(broker: str, database: str, tmp_path: Path) -> None:
    check(broker, database, tmp_path, 10_000)


def check(broker: str, database: str, folder: Path, count: int) -> None:
    allow_sockets(count)
    with idle_plant(folder, broker, database, devices=count, readings=0, per_s=1.0) as plant:
        plant.start_ingest()
        asyncio.run(gather(plant.broker.port, plant.devices))
        counts = plant.database.read(message_counts)
        assert counts["stored"] == SAID * count and "dead_lettered" not in counts
        assert counts["received"] == counts["stored"] + counts.get("duplicate", 0)
