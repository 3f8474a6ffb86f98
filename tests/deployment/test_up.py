"""The platform on one machine: what is started, what happens when a part falls, and that nothing is left behind."""

import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from opensom.visitor import Refused, Visitor, administrator
from tests.deployment.conftest import Platform, lives, opensom, platform, wait_until


def stored(platform_: Platform) -> int:
    """How many messages of devices are in the database."""
    with administrator(platform_.running.url, platform_.data_dir) as visitor:
        return int(visitor.get("/api/lifecycle/messages/ledger")["stored"])


def answers(platform_: Platform) -> bool:
    """Whether the platform says that all of it is well."""
    try:
        return bool(Visitor(platform_.running.url).get("/api/health")["status"] == "ready")
    except Exception:
        return False


@pytest.mark.parametrize("name", ["simulator", "ingest", "platform", "broker"])
def test_a_part_that_is_killed_comes_back(demo: Platform, name: str) -> None:
    """Guards: a class of thirty looks at a dead page because one process ran out of memory; readings stay away for
    ever after the broker fell."""
    pid = demo.running.children[name]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: demo.running.children[name] != pid, f"{name} was started again")
    wait_until(lambda: answers(demo), "the platform was ready again")
    before = stored(demo)
    wait_until(lambda: stored(demo) > before, f"readings came in again after {name} fell")
    assert not lives(pid)


def test_a_second_start_over_the_same_data_is_refused(demo: Platform) -> None:
    """Guards: two platforms on one database, each with a broker of its own."""
    second = opensom("up", "--data-dir", demo.data_dir, "--port", "0")
    assert second.returncode == 3, second.stderr
    assert str(demo.process.pid) in second.stderr
    assert demo.running.url in second.stderr
    assert answers(demo)


def test_the_printed_link_signs_in_once(demo: Platform) -> None:
    """Guards: a user who cannot get in, and a link in a scroll-back that lets anybody in."""
    printed = opensom("link", "--data-dir", demo.data_dir).stdout.strip()
    visitor = Visitor(demo.running.url).sign_in(printed)
    assert visitor.get("/me")["subject"] == "user:administrator"
    with pytest.raises(Refused):
        Visitor(demo.running.url).sign_in(printed)


def test_a_device_that_was_added_can_publish_as_printed(demo: Platform) -> None:
    """Guards: the first thing that a vendor tries, pasted as it was printed, twice."""
    if shutil.which("mosquitto_pub") is None:
        pytest.skip("mosquitto_pub is not installed")
    added = opensom("device", "add", "press-17", "--data-dir", demo.data_dir)
    assert added.returncode == 0, added.stderr
    line = next(each for each in added.stdout.splitlines() if each.startswith("mosquitto_pub"))
    with administrator(demo.running.url, demo.data_dir) as visitor:
        for count in (1, 2):
            subprocess.run(["sh", "-c", line], check=True, timeout=20)
            wait_until(
                lambda count=count: len(visitor.get("/api/lifecycle/products/press-17/readings")) == count,
                f"reading {count} arrived",
            )
            wait_for_next_second()
    again = opensom("device", "add", "press-17", "--data-dir", demo.data_dir)
    assert again.returncode == 0, "asking for credentials again renews them"


def wait_for_next_second() -> None:
    """The line takes the second as the device's boot."""
    second = subprocess.run(["date", "+%s"], capture_output=True, check=True).stdout
    wait_until(
        lambda: subprocess.run(["date", "+%s"], capture_output=True, check=True).stdout != second, "a second passed"
    )


def test_a_port_in_use_is_no_error_and_the_end_is_clean(tmp_path: Path) -> None:
    """Guards: 'address already in use' as a user's first impression; orphans that hold the port and the data."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with platform(tmp_path / "var", "up", "--port", str(port)) as made:
            assert made.running.url != f"http://127.0.0.1:{port}"
            assert made.running.url in made.output
            assert re.search(r"/console/sign-in\?link=\S{20,}", made.output)
            pids = made.running.children
            assert set(pids) == {"broker", "platform", "ingest"}
            assert made.end(signal.SIGTERM) == 0
    assert not [name for name, pid in pids.items() if lives(pid)]
    assert made.installation.noted() is None


def test_children_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    """Guards: a platform that goes on without anybody watching it, and a next start that finds its data locked."""
    with platform(tmp_path / "var", "up", "--port", "0") as made:
        pids = made.running.children
        made.end(signal.SIGKILL)
        wait_until(lambda: not [pid for pid in pids.values() if lives(pid)], "all children were gone")
    with platform(tmp_path / "var", "up", "--port", "0") as after:
        assert after.running.children.keys() == pids.keys()
