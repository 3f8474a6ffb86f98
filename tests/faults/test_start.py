"""Nothing has to be there first: each part waits for the others, and what was measured meanwhile arrives."""

from pathlib import Path

import pytest

from tests.faults.plant import idle_plant
from tests.faults.servers import kill_broker, restart_broker

SCALE = {"devices": 10, "readings": 200, "per_s": 1_000.0}


@pytest.mark.parametrize("broker", ["embedded", "mosquitto"])
def test_devices_and_ingest_wait_for_the_broker_and_the_devices_for_the_ingest(broker: str, tmp_path: Path) -> None:
    """The broker is down at the start; then the ingest is, while the devices measure everything."""
    with idle_plant(tmp_path, broker, "sqlite", **SCALE) as plant:
        kill_broker(plant.broker)
        plant.recorder.start()
        plant.wait_made(0.2)
        plant.ingest.start()
        plant.ingest.wait_for(lambda said: said, "started without a broker")
        restart_broker(plant.broker)
        plant.ingest.wait_for(lambda said: said.get("settled"), "something settled")
        plant.ingest.kill()
        plant.wait_made(1.0)
        plant.ingest.start()
        plant.wait_settled()
        plant.check_each_message_is_stored_once()


def test_what_was_said_before_anybody_listened_is_said_again(tmp_path: Path) -> None:
    """Guards: a broker takes and drops what nobody has ever subscribed to, births included."""
    with idle_plant(tmp_path, "embedded", "sqlite", **SCALE) as plant:
        plant.recorder.start()
        plant.wait_made(1.0)
        plant.ingest.start()
        plant.wait_settled()
        plant.check_each_message_is_stored_once()
