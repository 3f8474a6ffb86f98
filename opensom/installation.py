"""The data directory of one local installation: its lock, its logs, and a note on what runs there."""

import contextlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ValidationError

from services.kernel.clock import monotonic_s, sleep_s

try:
    import fcntl
except ImportError:  # A system without it starts unguarded.
    fcntl = None  # type: ignore[assignment]

LOCK = "opensom.lock"
ENDING_S_MAX = 15.0
LOG_BYTES_MAX = 20 * 1024 * 1024


class Running(BaseModel):
    """What runs over a data directory now, for the other commands and for a second start."""

    pid: int
    url: str = ""
    broker_port: int = 0
    children: dict[str, int] = {}


class InUse(RuntimeError):
    """Another OpenSOM runs over the same data directory; `running` is what it noted, None if it noted nothing."""

    def __init__(self, running: Running | None) -> None:
        super().__init__("in use")
        self.running = running


class Installation:
    """Files of a local run under `data_dir`."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.resolve()
        self.note_path = self.data_dir / "running.json"

    def log_path(self, name: str) -> Path:
        """Where a child writes."""
        return self.data_dir / "logs" / f"{name}.log"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the directory for this process and its children; raises InUse, PermissionError.

        The lock is the system's: it ends with the last process that holds it, so a crash leaves nothing to clear.
        """
        self.data_dir.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.data_dir / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._take(descriptor)
            try:
                self.note(Running(pid=os.getpid()))
                yield
            finally:
                self.note_path.unlink(missing_ok=True)
        finally:
            os.close(descriptor)

    def _take(self, descriptor: int) -> None:
        if fcntl is None:
            return
        start_s = monotonic_s()
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                holder = self.noted()
                # Children whose parent was killed are on their way out: worth a moment.
                if holder is None or _lives(holder.pid) or monotonic_s() - start_s > ENDING_S_MAX:
                    raise InUse(holder) from None
                sleep_s(0.2)

    def note(self, running: Running) -> None:
        """Write down what runs, whole or not at all."""
        draft = self.note_path.with_suffix(".new")
        draft.write_text(running.model_dump_json(), encoding="utf-8")
        draft.replace(self.note_path)

    def noted(self) -> Running | None:
        """What was written down last, whether or not it still runs."""
        with contextlib.suppress(OSError, ValidationError, json.JSONDecodeError):
            return Running.model_validate_json(self.note_path.read_bytes())
        return None

    def running(self) -> Running | None:
        """What runs here now and is ready; None when nothing does."""
        noted = self.noted()
        return noted if noted and noted.url and self._held() else None

    def _held(self) -> bool:
        """Whether some process holds the lock; a process id alone may be somebody else's by now."""
        if fcntl is None:
            return True
        try:
            with (self.data_dir / LOCK).open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def trim_logs(self) -> None:
        """Move what exceeds `LOG_BYTES_MAX` to `.log.1`; the writers append, so they go on in the emptied file."""
        for path in (self.data_dir / "logs").glob("*.log"):
            if path.stat().st_size > LOG_BYTES_MAX:
                path.with_suffix(".log.1").write_bytes(path.read_bytes())
                os.truncate(path, 0)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
