"""MQTT brokers that run as a child process: iotcore for a laptop or a class, Mosquitto for tests and measurements.

Both answer to the protocol `Broker`; nothing else in the code may know which one it talks to. The child itself is
`broker_child`, which watches its parent and ends with it.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Protocol, Self

LOOPBACK = "127.0.0.1"
START_SECONDS_MAX = 15.0
STOP_SECONDS_MAX = 5.0
PORTS_TRIED_MAX = 100
CONNECTIONS_MAX = 12_000  # Ten thousand devices and the platform; each needs one file descriptor.
# Larger than any message that ingest accepts, so that an oversized one reaches it and is counted there with a reason;
# a broker would only cut the connection (iotcore) or drop it in silence (Mosquitto).
MESSAGE_BYTES_MAX = 16 * 1024 * 1024
PACKAGE_ROOT = Path(__file__).resolve().parents[2]


class Broker(Protocol):
    """A broker that somebody started and somebody will stop."""

    port: int

    @property
    def pid(self) -> int | None:
        """Process id of the broker itself, None while it is stopped."""

    def start(self) -> int:
        """Start it, wait until it answers an MQTT CONNECT, return its port."""

    def stop(self) -> None:
        """End it and wait for its end; safe to call twice."""


class BrokerFailed(RuntimeError):
    """The broker ended while it was starting, or did not answer in time."""


class _ChildBroker:
    """What both brokers share: a free port, a child that ends with its parent, and a wait until it answers."""

    kind: str

    def __init__(self, data_dir: Path | str, port: int = 0) -> None:
        self.data_dir = Path(data_dir).resolve()
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._pid: int | None = None

    @property
    def pid(self) -> int | None:
        return self._pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> int:
        """Start on `port`, or on the next free one when it is busy (0: any); returns the port that answers.

        Raises:
            BrokerFailed: it ended at once on three ports, or did not answer within `START_SECONDS_MAX`.
        """
        if self.pid is not None:
            return self.port
        self.data_dir.mkdir(parents=True, exist_ok=True)
        for _ in range(3):  # Somebody may take the port between our look and the broker's bind.
            port = free_port(self.port)
            self._launch(port)
            if self._answers(port):
                self.port = port
                return port
            self.stop()
        raise BrokerFailed(f"{self.kind} did not start; see {self.data_dir / (self.kind + '.log')}")

    def stop(self) -> None:
        process, self._process, self._pid = self._process, None, None
        if process is None:
            return
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()  # The child reads the end of the pipe as 'stop'.
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _configuration(self, port: int) -> str:
        raise NotImplementedError

    def _options(self) -> dict[str, Any]:
        return {}

    def _launch(self, port: int) -> None:
        configuration = self.data_dir / f"{self.kind}.toml"  # iotcore goes by the ending, Mosquitto does not care.
        configuration.write_text(self._configuration(port), encoding="utf-8")
        options = {"configuration": str(configuration), "parent": os.getpid(), **self._options()}
        with (self.data_dir / f"{self.kind}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services.kernel.broker_child", self.kind, json.dumps(options)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=PACKAGE_ROOT,
                start_new_session=True,  # Ctrl+C is for the parent, which then stops us in its own order.
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        self._pid = int(line) if line.strip() else None

    def _answers(self, port: int) -> bool:
        deadline = time.monotonic() + START_SECONDS_MAX
        while self.pid is not None and time.monotonic() < deadline:
            if accepts_connect(port):
                time.sleep(0.02)
                return self.pid is not None  # Else somebody else's broker answered and ours found the port taken.
            time.sleep(0.02)
        return False


class EmbeddedBroker(_ChildBroker):
    """iotcore (rumqttd): in a wheel, no system package, MQTT 3.1.1, no access control, so on the loopback only.

    It keeps sessions and retained messages in memory: they survive a client, not the broker. Each subscribed filter
    keeps its newest `filter_bytes_max` bytes, delivered or not; a subscriber that falls further behind loses the
    oldest without a word, which end-to-end confirmation and the outbox make harmless. Its window of unacknowledged
    messages per client is 100 whatever is configured, and it cuts a client that acknowledges out of order.
    """

    kind = "iotcore"

    def __init__(
        self,
        data_dir: Path | str,
        port: int = 0,
        *,
        connections_max: int = CONNECTIONS_MAX,
        message_bytes_max: int = MESSAGE_BYTES_MAX,
        filter_bytes_max: int = 128 * 1024 * 1024,
    ) -> None:
        super().__init__(data_dir, port)
        self.connections_max = connections_max
        self.message_bytes_max = message_bytes_max
        self.filter_bytes_max = filter_bytes_max

    def _configuration(self, port: int) -> str:
        segments = 16  # The oldest sixteenth goes at once when a filter's log is full.
        return "\n".join(
            (
                "id = 0",
                "[router]",
                "id = 0",
                f"max_connections = {self.connections_max}",
                "max_outgoing_packet_count = 200",
                f"max_segment_size = {self.filter_bytes_max // segments}",
                f"max_segment_count = {segments}",
                "[v4.1]",
                'name = "loopback"',
                f'listen = "{LOOPBACK}:{port}"',
                "next_connection_delay_ms = 0",  # 1 ms each would hold up ten thousand devices for ten seconds.
                "[v4.1.connections]",
                "connection_timeout_ms = 60000",
                f"max_payload_size = {self.message_bytes_max}",
                "max_inflight_count = 100",
                "dynamic_filters = true",
            )
        )


class MosquittoBroker(_ChildBroker):
    """Mosquitto from the system's packages, on the loopback.

    Args:
        inflight_max: messages sent to one client and not yet acknowledged; at least the largest batch.
        queued_max: messages kept for one slow or absent persistent session; 0 is no limit, because beyond a limit
            Mosquitto drops QoS 1 messages in silence. The memory is then bounded only by the load of the test.
        password_file, acl_file: access control; without a password file anybody on this machine may connect.
    """

    kind = "mosquitto"

    def __init__(
        self,
        data_dir: Path | str,
        port: int = 0,
        *,
        inflight_max: int = 5_000,
        queued_max: int = 0,
        message_bytes_max: int = MESSAGE_BYTES_MAX,
        password_file: Path | str | None = None,
        acl_file: Path | str | None = None,
    ) -> None:
        super().__init__(data_dir, port)
        self.inflight_max = inflight_max
        self.queued_max = queued_max
        self.message_bytes_max = message_bytes_max
        self.password_file = password_file
        self.acl_file = acl_file

    def _configuration(self, port: int) -> str:
        lines = [
            f"listener {port} {LOOPBACK}",
            f"allow_anonymous {'false' if self.password_file else 'true'}",
            f"max_inflight_messages {self.inflight_max}",
            f"max_queued_messages {self.queued_max}",
            f"message_size_limit {self.message_bytes_max}",
            "persistence true",
            f"persistence_location {self.data_dir}/",
            "autosave_interval 60",
            "set_tcp_nodelay true",  # Else an acknowledgement may wait 40 ms for the next packet.
            "log_dest stderr",
            "log_type error",
            "log_type warning",
        ]
        if self.password_file:
            lines.append(f"password_file {Path(self.password_file).resolve()}")
        if self.acl_file:
            lines.append(f"acl_file {Path(self.acl_file).resolve()}")
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            lines.append("user root")  # Else it changes to a user who may not write the data directory.
        return "\n".join(lines) + "\n"

    def _options(self) -> dict[str, Any]:
        program = find_mosquitto()
        if program is None:
            raise BrokerFailed("mosquitto is not installed")
        return {"program": str(program)}


def find_mosquitto() -> Path | None:
    """The Mosquitto program on this machine, also where only root has the directory in its path; None if absent."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin")
    return Path(found) if found else None


def free_port(wanted: int = 0) -> int:
    """`wanted` if it is free on the loopback, else the next free one; 0: any.

    Raises:
        OSError: none of the next `PORTS_TRIED_MAX` ports is free.
    """
    for port in range(wanted, wanted + PORTS_TRIED_MAX) if wanted else (0,):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            if os.name == "posix":  # A port in TIME_WAIT is free; on Windows the option would mean 'share it'.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((LOOPBACK, port))
                return int(probe.getsockname()[1])
    raise OSError(f"no free port from {wanted} to {wanted + PORTS_TRIED_MAX - 1}")


def accepts_connect(port: int, host: str = LOOPBACK, timeout_s: float = 1.0) -> bool:
    """True when an MQTT broker answers a CONNECT there; a refusal for want of a password is an answer too."""
    client_id = b"opensom-ready"
    variable = b"\x00\x04MQTT\x04\x02\x00\x0a" + len(client_id).to_bytes(2, "big") + client_id
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as connection:
            connection.sendall(bytes((0x10, len(variable))) + variable)
            answer = connection.recv(4)
            connection.sendall(b"\xe0\x00")
    except OSError:
        return False
    return len(answer) == 4 and answer[0] == 0x20
