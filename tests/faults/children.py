"""Processes that a test starts, listens to and kills: each tells how it is in JSON lines, and ends with its test.

A nursery (`python -m tests.faults.children MODULE`) imports once what the child needs and forks it as often as it is
started, as the command `opensom` does with its parts.
"""

import importlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 180.0  # For anything to happen on a busy machine; nothing is measured by it.
END_S_MAX = 20.0
LOOK_S = 0.05


def wait_until(done: Callable[[], Any], what: str | Callable[[], str], patience_s: float = PATIENCE_S) -> None:
    """Return when `done()` is true; fail with `what` was waited for."""
    deadline = time.monotonic() + patience_s
    while not done():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience_s:g} s in vain: {what if isinstance(what, str) else what()}")
        time.sleep(0.02)


class Child:
    """`run(**options)` of a module in a process of its own."""

    def __init__(self, folder: Path, name: str, module: str, options: dict[str, Any]) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._options = options
        self.said: dict[str, Any] = {}  # The newest line since it was started.
        self._pid: int | None = None
        with self.log.open("a", encoding="utf-8") as log:
            self._nursery = subprocess.Popen(
                [sys.executable, "-m", __name__, module],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        threading.Thread(target=self._listen, daemon=True).start()

    def start(self, **changes: Any) -> None:
        """Start it (again), with some options changed; `wait_for` says when it is ready."""
        assert self._nursery.stdin is not None
        self._options |= changes
        self._pid, self.said = None, {}
        self._nursery.stdin.write(json.dumps(self._options) + "\n")
        self._nursery.stdin.flush()
        wait_until(lambda: self._pid is not None, lambda: f"{self.name} started; its log:\n{self.tail()}")

    def wait_for(self, done: Callable[[dict[str, Any]], Any], what: str, patience_s: float = PATIENCE_S) -> None:
        """Return when the newest line satisfies `done`; fail when the process ended or nothing came of it."""

        def look() -> bool:
            if self._pid is None and not done(self.said):
                raise AssertionError(f"{self.name} ended, its log:\n{self.tail()}")
            return bool(done(self.said))

        wait_until(look, lambda: f"{self.name}: {what}; last it said {self.said}; its log:\n{self.tail()}", patience_s)

    def kill(self) -> None:
        """End it as the machine's power button would."""
        if self._pid is None:
            raise AssertionError(f"{self.name} was dead already:\n{self.tail()}")
        os.kill(self._pid, signal.SIGKILL)
        wait_until(lambda: self._pid is None, f"the end of {self.name}")

    def stop(self) -> None:
        """Ask it to end, and end it when it does not."""
        assert self._nursery.stdin is not None
        self._nursery.stdin.close()
        self._nursery.wait()

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-3_000:]

    def _listen(self) -> None:
        assert self._nursery.stdout is not None
        for line in self._nursery.stdout:
            said = json.loads(line)
            if "born" in said:
                self._pid, self.said = said["born"], {}
            elif said.get("dead") == self._pid:
                self._pid = None
            elif said.pop("by") == self._pid:
                self.said = said
        self._nursery.stdout.close()


# ---- In the child -------------------------------------------------------------------------------------------------


def say(**values: Any) -> None:
    """Tell the test how it is."""
    _print(by=os.getpid(), **values)


def told_to_end() -> threading.Event:
    """An event that is set when the nursery asks for the end; when the nursery is gone the process ends at once."""
    nursery, ended = os.getppid(), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())

    def watch() -> None:
        while os.getppid() == nursery:
            time.sleep(LOOK_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    return ended


def _print(**values: Any) -> None:
    os.write(1, (json.dumps(values) + "\n").encode())  # In one piece: several processes share the pipe.


# ---- The nursery --------------------------------------------------------------------------------------------------


def nurse(module: str) -> None:
    """Start a child for each line of options; end with the test, the child first. Has no thread: it forks."""
    run = importlib.import_module(module).run
    child: int | None = None
    while True:
        readable, _, _ = select.select([sys.stdin], [], [], LOOK_S)
        if readable:
            line = sys.stdin.readline()
            if not line:
                break
            child = os.fork()
            if child == 0:
                os.close(0)
                run(**json.loads(line))
                os._exit(0)
            _print(born=child)
        if child is not None and os.waitpid(child, os.WNOHANG)[0]:
            _print(dead=child)
            child = None
    if child is not None:
        os.kill(child, signal.SIGTERM)
        deadline = time.monotonic() + END_S_MAX
        while not os.waitpid(child, os.WNOHANG)[0]:
            if time.monotonic() > deadline:
                os.kill(child, signal.SIGKILL)
            time.sleep(LOOK_S)


if __name__ == "__main__":
    nurse(sys.argv[1])
