"""The storyline across all services, by the command and its real processes, once."""

import json
import subprocess
import sys
from typing import Any

import pytest

from criteria.catalogue import load_catalogue

SECONDS_MAX = 170  # Only so that a hanging tour does not hang the tests.
SHOWN = {
    "HN-1-1-a", "HN-1-1-b", "HN-1-1-c", "HN-1-1-d", "HN-1-1-e", "HN-1-2-a", "HN-1-2-d", "HN-1-3-a", "HN-1-3-b",
}  # fmt: skip


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str, dict[str, Any]]:
    """Exit code, output and JSON of one tour."""
    path = tmp_path_factory.mktemp("tour") / "tour.json"
    command = [sys.executable, "-c", "from opensom.command import main; main()", "tour", "--json", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MAX, stdin=subprocess.DEVNULL)
    assert path.exists(), done.stdout + done.stderr
    return done.returncode, done.stdout + done.stderr, json.loads(path.read_text(encoding="utf-8"))


def test_every_step_of_the_story_comes_about(tour: tuple[int, str, dict[str, Any]]) -> None:
    """Guards: any seam between the world, the broker, the services and the gateway that no single service sees."""
    _, output, document = tour
    assert [step["en"] for step in document["steps"] if not step["happened"]] == [], output
    assert document["steps"][-1]["en"] == "The ledger balances"


def test_every_claimed_clause_is_shown_with_live_evidence(tour: tuple[int, str, dict[str, Any]]) -> None:
    """Guards: a claim without a figure, a clause that got lost, or a status that nobody else knows."""
    code, output, document = tour
    clauses = document["clauses"]
    assert list(clauses) == [clause.id for clause in load_catalogue().clauses]
    assert {each["status"] for each in clauses.values()} <= {"shown", "not yet", "outside"}
    assert [clause_id for clause_id in sorted(SHOWN) if clauses[clause_id]["status"] != "shown"] == [], output
    assert document["missing"] == []
    assert code == 0
    assert all(clauses[clause_id]["evidence"] and clauses[clause_id]["links"] for clause_id in SHOWN)


def test_money_is_what_was_used(tour: tuple[int, str, dict[str, Any]]) -> None:
    """Guards: an invoice that differs from the usage behind it by a single fen, or books that do not balance."""
    steps = {step["en"]: step["figures"] for step in tour[2]["steps"]}
    line = steps["Each invoice line equals its events"]
    assert line["usage_events"] > 0 < line["net_minor"]
    debits, _, credits_ = steps["The ledger balances"]["CNY"].partition(" = ")
    assert debits == credits_


def test_the_fault_was_found_from_the_signals_alone(tour: tuple[int, str, dict[str, Any]]) -> None:
    """Guards: a diagnosis that knows from elsewhere, and a repair that leaves the machine sick."""
    steps = {step["en"]: step["figures"] for step in tour[2]["steps"]}
    diagnosis = steps["A waveform is fetched, the diagnosis names the fault"]
    assert diagnosis["fault"] == "bearing_inner_race"
    assert diagnosis["command"] == "QUEUED > SENT > DELIVERED > EXECUTING > SUCCEEDED"
    assert "243" in diagnosis["reason_en"] or "Hz" in diagnosis["reason_en"]
    repaired = steps["Repaired, verified, closed"]
    assert repaired["health"] > repaired["health_worst"]
