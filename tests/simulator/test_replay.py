"""Recorded signals become a device's readings."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest

from services.kernel.broker import EmbeddedBroker
from services.kernel.bus import Message, MqttBus
from simulator import replay as replaying
from simulator.line import Address
from simulator.recordings import Recording, RecordingError, features_of, load_recording
from simulator.replay import NotConfirmed, replay


@pytest.fixture
def heard(embedded_broker: EmbeddedBroker) -> Iterator[list[dict[str, Any]]]:
    """What a platform hears of the device `rig`; it confirms at once."""
    messages: list[dict[str, Any]] = []

    def hear(message: Message) -> None:
        kind = message.topic.rpartition("/")[2]
        body = json.loads(message.payload)
        if kind in ("command", "confirmed") or body["sequence"] is None:
            return
        messages.append({"kind": kind, **body})
        answer = json.dumps({"boot": body["boot"], "sequence": body["sequence"]})
        bus.publish("som/v1/devices/rig/confirmed", answer.encode(), qos=0)

    bus = MqttBus("127.0.0.1", embedded_broker.port, "platform", clean=True)
    bus.subscribe("som/v1/devices/+/+", hear)
    bus.start()
    assert bus.wait_until_ready(10)
    yield messages
    bus.stop()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no clock in these tests to be waited for."""
    monkeypatch.setattr(replaying, "CLOCK_PATIENCE_S", 0.0)


def test_every_window_arrives_with_its_waveform(
    embedded_broker: EmbeddedBroker, heard: list[dict[str, Any]], quick: None, tmp_path: Path
) -> None:
    """Guards the story on input that nobody simulated: no second of a recording is lost or sent under a used key."""
    samples = numpy.random.default_rng(1).standard_normal(3_500)
    recording = Recording(1_000.0, {"DE": samples, "FE": -samples})
    told: list[tuple[int, int]] = []
    for boot in (1, 2):
        done = replay(
            recording, "rig", Address("127.0.0.1", embedded_broker.port), tmp_path / "replay.sqlite3",
            type_id="pump-process-75", serial="R-1", rpm=1797.0, bearing="6205", told=lambda *n: told.append(n),
        )  # fmt: skip
        assert (done.windows, done.channel, done.boot) == (3, "DE", boot)
    assert told == [(1, 3), (2, 3), (3, 3)] * 2
    births = [message for message in heard if message["kind"] == "birth"]
    assert births[0]["parameters"] == {"speed_rpm": 1797.0, "replayed": True, "bearing": "6205"}
    assert births[0]["type"] == "pump-process-75"
    readings = [message for message in heard if message["kind"] == "telemetry"]
    sent = numpy.concatenate([message["waveforms"]["de_acceleration_g"]["samples"] for message in readings[:3]])
    assert sent == pytest.approx(samples[:3_000], abs=1e-6)
    assert set(readings[0]["values"]) == {"speed_rpm", "vibration_velocity_mm_s"}, "1 kHz does not reach the others"
    keys = [(message["boot"], message["sequence"]) for message in heard]
    assert len(set(keys)) == len(keys)
    assert heard[-1]["online"] is False


def test_a_silent_platform_is_reported(
    embedded_broker: EmbeddedBroker, quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Guards: a replay into nothing must end with a reason, not hang or claim success."""
    monkeypatch.setattr(replaying, "PATIENCE_S", 0.3)
    recording = Recording(1_000.0, {"DE": numpy.ones(9_000)}, rpm=1500.0)
    address = Address("127.0.0.1", embedded_broker.port)
    with pytest.raises(NotConfirmed, match="rig"):
        replay(recording, "rig", address, tmp_path / "r.sqlite3", type_id="t", serial="s")


@pytest.mark.parametrize(
    ("options", "complaint"), [({"channel": "XX"}, "DE"), ({"rpm": None}, "speed"), ({"windows_max": 0}, "shorter")]
)
def test_what_cannot_be_replayed_is_said_before_anything_is_sent(
    tmp_path: Path, options: dict[str, Any], complaint: str
) -> None:
    """Guards: a wrong option must not leave half a device behind."""
    recording = Recording(1_000.0, {"DE": numpy.ones(2_000)})
    arguments: dict[str, Any] = {"type_id": "t", "serial": "s", "rpm": 1500.0, **options}
    with pytest.raises(RecordingError, match=complaint):
        replay(recording, "rig", Address("127.0.0.1", 9), tmp_path / "r.sqlite3", **arguments)
    assert not (tmp_path / "r.sqlite3").exists()


def test_both_file_layouts_are_read(tmp_path: Path) -> None:
    """Guards users' own files: arrays of shape (n, 1), a stated speed, tables with a time column, without a head."""
    numpy.savez(tmp_path / "a.npz", DE=numpy.ones((50, 1)), FE=numpy.zeros(50), RPM=numpy.array([[1772.0]]))
    archive = load_recording(tmp_path / "a.npz")
    assert (archive.rate_hz, archive.rpm, list(archive.channels)) == (12_000.0, 1772.0, ["DE", "FE"])
    assert archive.channels["DE"].shape == (50,)
    (tmp_path / "b.csv").write_text("time_s,acceleration\n0.000,1\n0.001,2\n0.002,3\n", encoding="utf-8")
    table = load_recording(tmp_path / "b.csv")
    assert table.rate_hz == pytest.approx(1000.0)
    assert table.channels["acceleration"].tolist() == [1.0, 2.0, 3.0]
    (tmp_path / "c.csv").write_text("1,2\n3,4\n", encoding="utf-8")
    assert list(load_recording(tmp_path / "c.csv", rate_hz=25_600.0).channels) == ["channel_1", "channel_2"]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.wav", b"RIFF", "npz"),
        ("a.npz", b"no archive", "cannot be read"),
        ("a.csv", b"", "empty"),
        ("a.csv", b"x,y\n1,2\n3,horse\n", "cannot be read"),
        ("a.csv", b"x\n1\nnan\n", "no numbers"),
        ("a.csv", b"time\n1\n2\n", "no channel"),
        ("a.csv", b"time,x\n2,1\n1,1\n", "does not grow"),
        ("missing.csv", None, "cannot be read"),
    ],
)
def test_an_unreadable_file_is_refused_with_the_reason(
    tmp_path: Path, name: str, content: bytes | None, complaint: str
) -> None:
    """Guards: a user's wrong file gives a sentence, never a stack trace."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(RecordingError, match=complaint):
        load_recording(tmp_path / name)


@pytest.mark.data
def test_the_real_rig_is_read_and_its_faults_are_louder(data_path: Path) -> None:
    """Guards the features on a real bearing: every race fault demodulates far above the sound bearing."""
    folder = data_path / "cwru"
    envelopes = {}
    for path in sorted(folder.glob("1797_*.npz")):
        recording = load_recording(path)
        windows = list(recording.windows("DE"))
        assert 9 < len(windows) < 30
        values = [features_of(window, recording.rate_hz) for window in windows]
        assert set(values[0]) == {"vibration_velocity_mm_s", "vibration_envelope_g", "vibration_high_frequency_g"}
        envelopes[path.stem] = numpy.mean([each["vibration_envelope_g"] for each in values])
    calm = envelopes.pop("1797_Normal")
    races = [value for name, value in envelopes.items() if "IR" in name or "OR" in name]
    assert len(races) == 4
    assert min(races) > 5 * calm
