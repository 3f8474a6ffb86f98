"""Child processes that die with their parent and are started again when they fall."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from services.kernel.clock import monotonic_s, sleep_s

RESTART_PAUSE_S = 0.5
RESTART_PAUSE_S_MAX = 30.0
STEADY_AFTER_S = 30.0  # A child that ran this long may fall again without being held back longer.
STOP_PATIENCE_S = 6.0
ORPHAN_LOOK_S = 0.5
ORPHAN_PATIENCE_S = 8.0


class ChildProcess:
    """One long-running function in a process of its own, its output in a log file.

    Forked where the system can: the parent has imported everything once, which saves two seconds a child. The parent
    must have no threads, then and later: it forks again whenever a child fell.
    """

    def __init__(self, name: str, log_path: Path, target: Callable[..., None], *arguments: Any) -> None:
        self.name = name
        self.restarts = 0
        self.log_path = log_path
        self._target, self._arguments = target, arguments
        self._process: BaseProcess | None = None
        self._started_s = self._fell_s = 0.0
        self._pause_s = RESTART_PAUSE_S
        method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
        self._context: Any = multiprocessing.get_context(method)

    @property
    def pid(self) -> int | None:
        """Process id, also of one that ended; None before the first start."""
        return self._process.pid if self._process else None

    @property
    def alive(self) -> bool:
        """Whether it runs now."""
        return self._process is not None and self._process.is_alive()

    def start(self) -> None:
        """Start it (again)."""
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        arguments = (os.getpid(), self.log_path, self._target, *self._arguments)
        self._process = self._context.Process(target=_child, args=arguments, name=self.name)
        self._process.start()
        self._started_s, self._fell_s = monotonic_s(), 0.0

    def heal(self) -> bool:
        """Start it again a moment after it fell, longer at each quick fall; returns whether it was started."""
        if self.alive:
            return False
        if not self._fell_s:
            self._fell_s = monotonic_s()
            steady = self._fell_s - self._started_s > STEADY_AFTER_S
            self._pause_s = RESTART_PAUSE_S if steady or not self.restarts else self._pause_s * 2
        if monotonic_s() - self._fell_s < min(self._pause_s, RESTART_PAUSE_S_MAX):
            return False
        self.restarts += 1
        self.start()
        return True

    def ask_to_end(self) -> None:
        """Send the order to end, without waiting."""
        if self._process is not None and self._process.is_alive():
            self._process.terminate()

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None and self._process.is_alive():
            self._process.kill()

    def stop(self, patience_s: float = STOP_PATIENCE_S) -> None:
        """Ask it to end, wait, and end it when it does not."""
        process = self._process
        if process is None:
            return
        self.ask_to_end()
        process.join(patience_s)
        self.kill()
        process.join()


def _child(parent: int, log_path: Path, target: Callable[..., None], *arguments: Any) -> None:
    # A Ctrl-C goes to the whole group; only the parent decides then, and children end in its order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    target(*arguments)


def _end_with_parent(parent: int) -> None:
    """Linux could signal a parent's death, but does so when the *thread* that forked ends, and others cannot at all."""
    while os.getppid() == parent:
        sleep_s(ORPHAN_LOOK_S)
    os.kill(os.getpid(), signal.SIGTERM)
    sleep_s(ORPHAN_PATIENCE_S)
    os._exit(1)
