"""Fixtures and rules for every test; what needs the kernel lives in `services/kernel/testing.py`."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

pytest_plugins = ["pytester", "services.kernel.testing"]

ROOT = Path(__file__).resolve().parents[1]

# Selenium would otherwise ask the network for a driver, although the system has one.
os.environ.setdefault("SE_OFFLINE", "true")


def data_directory() -> Path:
    """Where the public data sets are looked for: `OPENSOM_DATA`, else beside the repository."""
    return Path(os.environ.get("OPENSOM_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The repository's root."""
    return ROOT


@pytest.fixture(scope="session")
def data_path() -> Path:
    """Directory of the public data sets; skips the test where they are absent (mark it `data`)."""
    directory = data_directory()
    if not directory.is_dir():
        pytest.skip(f"public data sets not found in {directory}; set OPENSOM_DATA")
    return directory


def _fail_on_skip(report: pytest.TestReport | pytest.CollectReport, excused: bool) -> None:
    """With CI=true a skip is a failure: a test that silently stops running guards nothing any more."""
    if os.environ.get("CI") == "true" and report.skipped and not hasattr(report, "wasxfail") and not excused:
        report.outcome = "failed"
        report.longrepr = f"skipped although CI=true: {report.longrepr}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Only tests of public data may skip in CI, and only where the data is absent."""
    report = yield
    _fail_on_skip(report, excused=item.get_closest_marker("data") is not None and not data_directory().is_dir())
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A module that skips itself as a whole counts too."""
    report = yield
    _fail_on_skip(report, excused=False)
    return report
