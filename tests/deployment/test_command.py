"""What the command says where nothing has to run."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from opensom import selfcheck
from opensom.command import app

DIFFERING = """
- {id: two, rule: math.sqrt, source: a book, inputs: {}, expected: 2, tolerance: 0}
"""


def test_every_published_number_is_reproduced(tmp_path: Path) -> None:
    """Guards: a rule that no longer gives the number that its source states."""
    result = CliRunner().invoke(app, ["selfcheck", "--json", str(tmp_path / "golden.json")])
    assert result.exit_code == 0, result.output
    lines = [line for line in result.output.splitlines() if line.startswith(("PASS", "DIFF"))]
    document = json.loads((tmp_path / "golden.json").read_text(encoding="utf-8"))
    assert len(lines) == document["passed"] > 0


def test_a_number_that_differs_is_told_and_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards: a check that is green whatever it finds; also when the rule cannot be computed at all."""
    (tmp_path / "pricing").mkdir()
    (tmp_path / "pricing" / "golden.yaml").write_text(DIFFERING, encoding="utf-8")
    monkeypatch.setattr(selfcheck, "SERVICES", tmp_path)
    result = CliRunner().invoke(app, ["selfcheck"])
    assert result.exit_code == 1
    assert result.output.startswith("DIFF pricing/two")


def test_databases_are_upgraded_twice_without_harm(tmp_path: Path) -> None:
    """Guards: an upgrade that can only be run once is one that nobody dares to run."""
    for _ in range(2):
        result = CliRunner().invoke(app, ["db", "upgrade", "--data-dir", str(tmp_path)])
        assert result.exit_code == 0, result.output
        assert all(service in result.output for service in ("gateway", "lifecycle", "billing"))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["bench", "no-such"], 2), (["link"], 1), (["device", "add", "press-1"], 1), (["frobnicate"], 2)],
)
def test_what_cannot_be_done_is_said_in_both_languages(tmp_path: Path, arguments: list[str], code: int) -> None:
    """Guards: a stack trace, or a command that hangs, where a sentence is enough."""
    environment = {"OPENSOM_DATA_DIR": str(tmp_path)}
    result = CliRunner().invoke(app, arguments, env=environment)
    assert result.exit_code == code
    assert "Traceback" not in result.output
