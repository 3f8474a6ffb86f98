"""Brokers as child processes: they answer when `start` returns, leave when asked, and never outlive their parent."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from services.kernel.broker import (
    EmbeddedBroker,
    MosquittoBroker,
    accepts_connect,
    find_mosquitto,
    free_port,
)

ROOT = Path(__file__).resolve().parents[3]
needs_mosquitto = pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")
BROKERS = [EmbeddedBroker, pytest.param(MosquittoBroker, marks=needs_mosquitto)]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def wait_until(condition, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return bool(condition())


@pytest.mark.parametrize("kind", BROKERS)
def test_it_answers_when_start_returns_and_is_gone_when_stop_returns(kind, tmp_path):
    broker = kind(tmp_path)
    port = broker.start()
    pid = broker.pid
    assert accepts_connect(port) and pid is not None
    assert broker.start() == port, "a second start must not start a second broker"
    broker.stop()
    broker.stop()
    assert broker.pid is None and not accepts_connect(port)
    assert wait_until(lambda: not alive(pid))


@pytest.mark.parametrize("kind", BROKERS)
def test_a_busy_port_is_no_error(kind, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = taken.getsockname()[1]
        with kind(tmp_path, busy) as broker:
            assert broker.port > busy and accepts_connect(broker.port)


@pytest.mark.parametrize("kind", BROKERS)
def test_it_listens_on_the_loopback_only(kind, tmp_path):
    with kind(tmp_path) as broker:
        wanted = f":{broker.port:04X}"
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        listeners = [row[1] for row in rows if row[1].endswith(wanted) and row[3] == "0A"]
        assert listeners == [f"0100007F{wanted}"]


@pytest.mark.parametrize("kind", BROKERS)
def test_it_ends_when_its_parent_is_killed(kind, tmp_path):
    program = (
        f"import sys, time; from services.kernel.broker import {kind.__name__} as Kind\n"
        f"broker = Kind({str(tmp_path)!r}); broker.start(); print(broker.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    assert alive(pid)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert wait_until(lambda: not alive(pid)), "an orphan would keep the port for ever"


@pytest.mark.parametrize("kind", BROKERS)
def test_it_survives_the_thread_that_started_it(kind, tmp_path):
    import threading

    broker = kind(tmp_path)
    starter = threading.Thread(target=broker.start)
    starter.start()
    starter.join()
    time.sleep(0.7)  # Longer than the child's look at its parent.
    assert broker.pid is not None and accepts_connect(broker.port)
    broker.stop()


@needs_mosquitto
def test_mosquitto_asks_for_the_password_that_it_was_given(tmp_path):
    passwords = tmp_path / "passwords"
    passwords.touch()
    with MosquittoBroker(tmp_path / "data", password_file=passwords) as broker:
        assert accepts_connect(broker.port), "a refusal is an answer too"
        connect = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x0a\x00\x01x"
        with socket.create_connection(("127.0.0.1", broker.port)) as connection:
            connection.sendall(connect)
            assert connection.recv(4)[3] in (4, 5)


def test_free_port_takes_the_next_one():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert free_port(taken.getsockname()[1]) > taken.getsockname()[1]
