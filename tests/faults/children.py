"""Processes that a test starts, listens to and kills: each tells how it is in JSON lines, and ends with its test."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 120.0  # For anything to happen on a busy machine; nothing is measured by it.
END_S_MAX = 20.0


def wait_until(done: Callable[[], Any], what: str | Callable[[], str], patience_s: float = PATIENCE_S) -> None:
    """Return when `done()` is true; fail with `what` was waited for."""
    deadline = time.monotonic() + patience_s
    while not done():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience_s:g} s in vain: {what if isinstance(what, str) else what()}")
        time.sleep(0.02)


class Child:
    """`python -m MODULE ARGUMENTS`, started again as often as a test likes."""

    def __init__(self, folder: Path, name: str, module: str, *arguments: Any) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = [sys.executable, "-m", module, *(json.dumps(each) for each in arguments)]
        self._process: subprocess.Popen[str] | None = None
        self.said: dict[str, Any] = {}  # The newest line.

    def start(self) -> Self:
        """Start it; `wait_for` says when it is ready."""
        self.said = {}
        with self.log.open("a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()
        return self

    def wait_for(self, done: Callable[[dict[str, Any]], Any], what: str, patience_s: float = PATIENCE_S) -> None:
        """Return when the newest line satisfies `done`; fail when the process ended or nothing came of it."""

        def look() -> bool:
            assert self.alive or done(self.said), f"{self.name} ended, see its log:\n{self.tail()}"
            return bool(done(self.said))

        wait_until(look, lambda: f"{self.name}: {what}; last it said {self.said}; its log:\n{self.tail()}", patience_s)

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """As the machine's power button would."""
        assert self._process is not None and self.alive, f"{self.name} was dead already:\n{self.tail()}"
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """Ask it to end, and end it when it does not."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        try:
            process.wait(END_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-3_000:] if self.log.exists() else ""

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if process is self._process:
                self.said = json.loads(line)
        process.stdout.close()


# ---- In the child -------------------------------------------------------------------------------------------------


def say(**values: Any) -> None:
    """Tell the test how it is."""
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def until_parent_ends() -> threading.Event:
    """An event that is set when the test closes the pipe or is gone."""
    ended = threading.Event()

    def watch() -> None:
        sys.stdin.read()
        ended.set()
        time.sleep(END_S_MAX)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    return ended
