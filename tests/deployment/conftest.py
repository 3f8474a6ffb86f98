"""The command as a user runs it: a process of its own over a directory of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from opensom.installation import Installation, Running
from services.kernel.clock import monotonic_s, sleep_s

COMMAND = [sys.executable, "-c", "from opensom.command import main; main()"]
PATIENCE_S = 60.0


def wait_until(ask: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    """Return once `ask` answers true; fail with `what` was waited for when it never does."""
    deadline_s = monotonic_s() + patience_s
    while not ask():
        assert monotonic_s() < deadline_s, f"waited in vain until {what}"
        sleep_s(0.1)


def lives(pid: int) -> bool:
    """Whether a process runs; one that ended and that nobody has asked for yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def opensom(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE_S, stdin=subprocess.DEVNULL
    )


class Platform:
    """A platform that runs over `data_dir`, started by the command."""

    def __init__(self, data_dir: Path, *arguments: str) -> None:
        self.data_dir = data_dir
        self.installation = Installation(data_dir)
        self.output_path = data_dir.with_suffix(".output")
        with self.output_path.open("wb") as output:
            self.process = subprocess.Popen(
                [*COMMAND, *arguments, "--data-dir", str(data_dir)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until(self.started_or_ended, "the platform was ready")
        assert self.process.poll() is None, self.output

    @property
    def output(self) -> str:
        """What the command has printed so far."""
        return self.output_path.read_text(encoding="utf-8")

    @property
    def running(self) -> Running:
        """What it says of itself."""
        noted = self.installation.running()
        assert noted is not None, self.output
        return noted

    def started_or_ended(self) -> bool:
        return "Ctrl-C" in self.output or self.process.poll() is not None

    def end(self, how: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(PATIENCE_S)


@contextmanager
def platform(data_dir: Path, *arguments: str) -> Iterator[Platform]:
    """Run it within the block; nothing of it is left afterwards."""
    made = Platform(data_dir, *arguments)
    pids = dict(made.running.children)
    try:
        yield made
    finally:
        noted = made.installation.noted()
        pids |= noted.children if noted else {}
        made.end()
        left = [pid for pid in pids.values() if lives(pid)]
        for pid in left:
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """`opensom demo` with its simulated fleet."""
    with platform(tmp_path_factory.mktemp("demo") / "var", "demo", "--port", "0") as made:
        yield made
