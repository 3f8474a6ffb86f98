"""The rule of tests/conftest.py about tests that skip themselves."""

from pathlib import Path

import pytest

TESTS = """
import pytest

def test_runs(): pass

@pytest.mark.data
def test_of_public_data(): pytest.skip("no data")

def test_of_a_program(): pytest.skip("not installed")

@pytest.mark.xfail(reason="known")
def test_known(): assert False
"""


@pytest.fixture
def project(pytester: pytest.Pytester, project_root: Path) -> pytest.Pytester:
    """A small project that has our conftest."""
    pytester.makeconftest((project_root / "tests" / "conftest.py").read_text(encoding="utf-8"))
    pytester.makepyfile(TESTS)
    return pytester


@pytest.mark.parametrize(
    ("ci", "data", "outcomes"),
    [
        ("", ".", {"passed": 1, "skipped": 2, "xfailed": 1}),
        ("true", "absent", {"passed": 1, "skipped": 1, "failed": 1, "xfailed": 1}),
        ("true", ".", {"passed": 1, "failed": 2, "xfailed": 1}),
    ],
)
def test_in_ci_only_absent_public_data_excuses_a_skip(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, ci: str, data: str, outcomes: dict[str, int]
) -> None:
    """Guards: a green run in which the browser, the broker or the database tests did not run at all."""
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("OPENSOM_DATA", data)
    project.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(**outcomes)


def test_in_ci_a_module_may_not_skip_itself(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards: `importorskip` at the top of a file, which takes all its tests away at once."""
    monkeypatch.setenv("CI", "true")
    project.makepyfile(test_whole="import pytest\npytest.importorskip('no_such_module')\n")
    project.runpytest_inprocess("test_whole.py", "-p", "no:cacheprovider").assert_outcomes(errors=1)
