"""The story on input that nobody simulated: recorded vibration of a bearing rig, sent as a device."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from opensom.visitor import administrator
from tests.deployment.conftest import Platform, opensom, platform, wait_until

RIG = ("--rpm", "1797", "--bearing", "6205")  # Case Western Reserve University, drive end, no load.


@pytest.fixture(scope="module")
def without_simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The platform with its demonstration data and nobody who publishes."""
    with platform(tmp_path_factory.mktemp("replay") / "var", "demo", "--no-simulator", "--port", "0") as made:
        yield made


@pytest.mark.data
@pytest.mark.parametrize(
    ("recording", "fault"), [("1797_IR_7_DE12.npz", "bearing_inner_race"), ("1797_Normal.npz", None)]
)
def test_a_real_bearing_is_judged_as_the_laboratory_made_it(
    without_simulator: Platform, data_path: Path, recording: str, fault: str | None
) -> None:
    """Guards: a diagnosis that only knows the faults that we simulate ourselves, or that accuses a sound bearing."""
    device_id = recording.split(".")[0].lower().replace("_", "-")
    data_dir = without_simulator.data_dir
    sent = opensom(
        "simulate", "replay", data_path / "cwru" / recording, "--as", device_id, *RIG, "--data-dir", data_dir
    )
    assert sent.returncode == 0, sent.stdout + sent.stderr
    with administrator(without_simulator.running.url, data_dir) as visitor:
        product = f"/api/lifecycle/products/{device_id}"
        wait_until(lambda: visitor.get(f"{product}/twin")["diagnosis"], "there was a diagnosis")
        named = visitor.get(f"{product}/twin")["diagnosis"]["fault"]
        alarms = visitor.get("/api/lifecycle/alarms", device_id=device_id)["items"]
        dead = visitor.get("/api/lifecycle/messages/ledger")["dead_lettered"]
    if fault:
        assert named == fault
        assert [alarm for alarm in alarms if alarm["code"] == f"diagnosed_{fault}"], alarms
    else:
        assert not named.startswith("bearing")
        assert not [alarm for alarm in alarms if alarm["code"].startswith("diagnosed_")], alarms
    assert dead == 0
