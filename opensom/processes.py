"""Child processes that die with their parent and are started again when they fall."""

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any

from services.kernel.clock import monotonic_s

RESTART_PAUSE_S = 1.0
STOP_PATIENCE_S = 15.0
_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2).


class ChildProcess:
    """One long-running function in a process of its own.

    Forked where the system can: the parent has imported everything once, which saves two seconds a child. The parent
    must not have threads then, so it starts all children before anything else.
    """

    def __init__(self, name: str, target: Callable[..., None], *arguments: Any) -> None:
        self.name = name
        self.restarts = 0
        self._target, self._arguments = target, arguments
        self._process: BaseProcess | None = None
        self._fell_s = 0.0
        method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
        self._context = multiprocessing.get_context(method)

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.is_alive()

    @property
    def exit_code(self) -> int | None:
        return self._process.exitcode if self._process else None

    def start(self) -> None:
        """Start it (again)."""
        arguments = (os.getpid(), self._target, *self._arguments)
        self._process = self._context.Process(target=_child, args=arguments, name=self.name)
        self._process.start()

    def watch(self) -> bool:
        """Start it again a moment after it fell; returns whether it had to be."""
        if self.alive:
            return False
        if not self._fell_s:
            self._fell_s = monotonic_s()
        if monotonic_s() - self._fell_s < RESTART_PAUSE_S:
            return False
        self._fell_s = 0.0
        self.restarts += 1
        self.start()
        return True

    def stop(self) -> None:
        """Ask it to end, wait, and end it when it does not."""
        process = self._process
        if process is None or not process.is_alive():
            return
        process.terminate()
        process.join(STOP_PATIENCE_S)
        if process.is_alive():
            process.kill()
            process.join()


def _child(parent: int, target: Callable[..., None], *arguments: Any) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGTERM)
        if os.getppid() != parent:  # It died before we could say so.
            os._exit(1)
    # A Ctrl-C goes to the whole group; only the parent decides then, and children end in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    target(*arguments)
