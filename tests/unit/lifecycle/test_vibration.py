"""Race faults are found in a waveform, sound bearings are not accused, ball faults are not guessed."""

import json
from pathlib import Path

import numpy
import pytest
from numpy.typing import NDArray

from services.lifecycle.rules.bearings import UnknownBearing, bearing_of, defect_frequencies
from services.lifecycle.rules.vibration import diagnose_waveform
from services.lifecycle.rules.vibration_zones import machine_class_of, zone

RATE_HZ = 12_000
CWRU_RPM = 1797.0
Signal = NDArray[numpy.float64]


def rig(data_path: Path, name: str) -> Signal:
    with numpy.load(data_path / "cwru" / f"1797_{name}.npz") as recorded:
        return numpy.asarray(recorded["DE"]).ravel()


def ringing(frequency_hz: float, seconds: float = 1.0, strength: float = 0.5, seed: int = 1) -> Signal:
    """Noise in which every 1 / `frequency_hz` seconds something strikes a structure that rings at 3.4 kHz."""
    chance = numpy.random.default_rng(seed)
    count = int(seconds * RATE_HZ)
    strikes = numpy.zeros(count)
    strikes[(numpy.arange(0, seconds, 1 / frequency_hz) * RATE_HZ).astype(int)] = strength
    lags_s = numpy.arange(120) / RATE_HZ
    response = numpy.exp(-1000 * lags_s) * numpy.sin(2 * numpy.pi * 3400 * lags_s)
    return 0.05 * chance.standard_normal(count) + numpy.convolve(strikes, response)[:count]


@pytest.mark.data
@pytest.mark.parametrize(
    ("recording", "fault", "reference"),
    [
        ("IR_7_DE12", "bearing_inner_race", 126),
        ("IR_21_DE12", "bearing_inner_race", 135),
        ("OR6_7_DE12", "bearing_outer_race", 529),
        ("OR6_21_DE12", "bearing_outer_race", 60),
    ],
)
def test_a_race_fault_of_the_public_rig_is_found(data_path: Path, recording: str, fault: str, reference: int) -> None:
    found = diagnose_waveform(rig(data_path, recording), RATE_HZ, CWRU_RPM, "6205")
    assert (found.fault, found.confidence) == (fault, "certain")
    assert found.ratios[fault.removeprefix("bearing_")] == pytest.approx(reference, rel=0.15)


@pytest.mark.data
def test_the_healthy_bearing_of_the_public_rig_is_not_accused(data_path: Path) -> None:
    signal = rig(data_path, "Normal")
    found = diagnose_waveform(signal, RATE_HZ, CWRU_RPM, "6205")
    assert found.fault == "healthy"
    assert max(found.ratios.values()) < 6.1
    for start in range(0, len(signal) - RATE_HZ, RATE_HZ):
        assert diagnose_waveform(signal[start : start + RATE_HZ], RATE_HZ, CWRU_RPM, "6205").fault == "healthy"


@pytest.mark.data
@pytest.mark.parametrize("recording", ["B_7_DE12", "B_21_DE12"])
def test_a_ball_fault_is_answered_with_cannot_tell(data_path: Path, recording: str) -> None:
    signal = rig(data_path, recording)
    assert diagnose_waveform(signal, RATE_HZ, CWRU_RPM, "6205").fault == "cannot_tell"
    for start in range(0, len(signal) - RATE_HZ, RATE_HZ):
        assert diagnose_waveform(signal[start : start + RATE_HZ], RATE_HZ, CWRU_RPM, "6205").fault == "cannot_tell"


@pytest.mark.data
@pytest.mark.parametrize("recording", ["IR_7_DE12", "IR_21_DE12", "OR6_7_DE12", "OR6_21_DE12"])
def test_three_snapshots_of_one_second_are_enough_for_a_race_fault(data_path: Path, recording: str) -> None:
    signal = rig(data_path, recording)
    fault = "bearing_inner_race" if recording.startswith("IR") else "bearing_outer_race"
    for start in range(0, len(signal) - 3 * RATE_HZ, RATE_HZ):
        snapshots = [signal[start + i * RATE_HZ : start + (i + 1) * RATE_HZ] for i in range(3)]
        found = diagnose_waveform(snapshots, RATE_HZ, CWRU_RPM, "6205")
        assert (found.fault, found.snapshots, found.duration_s) == (fault, 3, 3.0)


@pytest.mark.parametrize("part", ["inner_race", "outer_race"])
@pytest.mark.parametrize(("bearing", "rpm"), [("6205", 2975.0), ("6313", 2980.0), ("6308", 1475.0)])
def test_strikes_at_a_race_frequency_accuse_that_race(bearing: str, rpm: float, part: str) -> None:
    frequency_hz = defect_frequencies(bearing=bearing, shaft_rpm=rpm)[part]
    found = diagnose_waveform(ringing(frequency_hz), RATE_HZ, rpm, bearing)
    assert found.fault == f"bearing_{part}"
    assert [peak.harmonic for peak in found.peaks] == [1, 2, 3]
    assert found.peaks[0].found_hz == pytest.approx(frequency_hz, rel=0.01)
    assert "谐波" in found.reason_zh and "harmonics" in found.reason_en
    json.dumps(found.evidence)


def test_a_bearing_given_by_its_own_geometry_works_too() -> None:
    geometry = {"balls": 12, "ball_diameter_mm": 10.0, "pitch_diameter_mm": 60.0, "contact_angle_deg": 15.0}
    frequency_hz = defect_frequencies(bearing=geometry, shaft_rpm=1500.0)["outer_race"]
    assert diagnose_waveform(ringing(frequency_hz), RATE_HZ, 1500.0, geometry).fault == "bearing_outer_race"


def test_noise_and_shaft_lines_alone_are_healthy() -> None:
    for seed in range(20):
        signal = ringing(2975 / 60, strength=0.0, seed=seed)
        signal += 0.05 * numpy.sin(2 * numpy.pi * 49.6 * numpy.arange(len(signal)) / RATE_HZ)
        assert diagnose_waveform(signal, RATE_HZ, 2975.0, "6205").fault == "healthy"


def test_strikes_at_a_strange_frequency_are_not_pinned_on_a_race() -> None:
    assert diagnose_waveform(ringing(191.3), RATE_HZ, CWRU_RPM, "6205").fault == "cannot_tell"


def test_a_band_that_grew_against_the_own_healthy_state_is_not_called_healthy() -> None:
    signal = ringing(100.0, strength=0.0)
    own = diagnose_waveform(signal, RATE_HZ, CWRU_RPM, "6205")
    assert own.fault == "healthy"
    assert diagnose_waveform(3 * signal, RATE_HZ, CWRU_RPM, "6205", own.band_rms_g).fault == "cannot_tell"


@pytest.mark.parametrize(
    ("samples", "rate_hz", "rpm"),
    [
        ([], 12_000, 1797),
        (numpy.zeros(12_000), 12_000, 1797),
        (numpy.full(12_000, numpy.nan), 12_000, 1797),
        (numpy.ones(6_000), 12_000, 1797),
        (numpy.random.default_rng(1).standard_normal(8_000), 8_000, 1797),
        (numpy.random.default_rng(1).standard_normal(12_000), 12_000, 0),
        (numpy.random.default_rng(1).standard_normal(12_000), 12_000, 60),
        (numpy.random.default_rng(1).standard_normal(12_000), 12_000, 1e6),
        ("noise", 12_000, 1797),
        ([["a"]], 12_000, 1797),
    ],
)
def test_a_waveform_that_tells_nothing_is_said_to(samples: object, rate_hz: float, rpm: float) -> None:
    found = diagnose_waveform(samples, rate_hz, rpm, "6205")  # type: ignore[arg-type]
    assert (found.fault, found.confidence) == ("cannot_tell", "cannot_tell")
    assert found.reason_zh and found.reason_en


@pytest.mark.parametrize("bearing", ["9999", {}, {"balls": 2, "ball_diameter_mm": 1, "pitch_diameter_mm": 2}, {"x": 1}])
def test_an_unknown_bearing_is_refused(bearing: object) -> None:
    with pytest.raises(UnknownBearing):
        bearing_of(bearing)  # type: ignore[arg-type]


def test_zones_follow_the_power_of_the_machine() -> None:
    assert [machine_class_of(power_kw) for power_kw in (15, 22, 300, 315)] == [
        None,
        "iso-20816-3/group-2/rigid",
        "iso-20816-3/group-2/rigid",
        "iso-20816-3/group-1/rigid",
    ]
    assert [zone(velocity, "iso-20816-3/group-2/rigid") for velocity in (1.4, 2.8, 4.5, 4.6)] == ["A", "B", "C", "D"]
    with pytest.raises(ValueError, match="known"):
        zone(1.0, "no such class")
