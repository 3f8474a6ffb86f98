"""`kill -9` of each part in the middle of the work: every message that a device kept is stored, and stored once."""

from pathlib import Path
from typing import Any

import pytest

from tests.faults.plant import Plant, running_plant

SHORT = {"devices": 20, "readings": 500, "per_s": 2_500.0}
LONG = {"devices": 100, "readings": 1_000, "per_s": 2_000.0}


def kill_in_turn(plant: Plant, rounds: int) -> None:
    """In each round ingest, broker and database one by one, then two of them together, then the devices."""
    for begin in range(rounds):
        plant.wait_made((begin + 0.1) / rounds)
        plant.kill_ingest()
        plant.ingest.start()
        plant.wait_made((begin + 0.3) / rounds)
        plant.kill_broker()
        if plant.postgres is not None:
            plant.wait_made((begin + 0.45) / rounds)
            plant.kill_database()
        plant.wait_made((begin + 0.6) / rounds)
        plant.kill_ingest()
        plant.kill_broker()
        plant.ingest.start()
        plant.wait_made((begin + 0.8) / rounds)
        plant.recorder.kill()
        plant.recorder.start()


@pytest.mark.parametrize(("broker", "database"), [("embedded", "sqlite"), ("mosquitto", "postgresql")])
def test_everything_is_killed_and_nothing_is_lost_or_doubled(broker: str, database: str, tmp_path: Path) -> None:
    check(broker, database, tmp_path, SHORT, rounds=1)


@pytest.mark.soak
@pytest.mark.parametrize("broker", ["embedded", "mosquitto"])
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_in_the_middle_of_100_000_messages_too(broker: str, database: str, tmp_path: Path) -> None:
    check(broker, database, tmp_path, LONG, rounds=5)


def check(broker: str, database: str, folder: Path, scale: dict[str, Any], rounds: int) -> None:
    with running_plant(folder, broker, database, **scale) as plant:
        kill_in_turn(plant, rounds)
        plant.wait_settled()
        plant.check_each_message_is_stored_once()
        plant.check_the_log_of_events_has_no_gap()
