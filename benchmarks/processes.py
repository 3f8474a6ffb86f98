"""Processes to be measured: started fresh, spoken to over a pipe in JSON lines, measured by the system."""

import json
import resource
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any


class Measured:
    """A child that runs `python -m MODULE ARGUMENTS` and answers in JSON lines."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def tell(self, word: str) -> None:
        """Send one line."""
        assert self._process.stdin is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """The next JSON line; raises RuntimeError when the child ended instead."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"measured process ended with {self._process.wait()}")
        return dict(json.loads(line))

    def end(self) -> None:
        """Wait for its end, or end it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        timer = threading.Timer(20.0, self._process.kill)
        timer.start()
        self._process.wait()
        timer.cancel()


def say(**values: Any) -> None:
    """One JSON line to whoever measures this process."""
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def memory_mb(pid: int | None = None) -> float:
    """Resident memory in MB: of another process now, or the most that this one ever had."""
    if pid is None:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize() / 1e6


def cpu_s() -> float:
    """Processor seconds that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
