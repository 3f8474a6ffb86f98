"""Snapshots agree with the scalar signals, and carry the lines that a diagnosis looks for."""

import numpy
import pytest

from simulator.contract import Fault
from simulator.waveforms import (
    BEARINGS,
    RATE_HZ,
    VibrationState,
    band_rms_g,
    envelope,
    envelope_rms_g,
    synthesise,
    velocity_rms_mm_s,
)

CALM = VibrationState(49.5, 1.0, 0.7, 6, BEARINGS["6205"], noise_g=0.2)


def line_ratio(signal: numpy.ndarray, hertz: float) -> float:
    """Envelope spectrum at a frequency (within 1 %) over the median of its neighbourhood."""
    spectrum = numpy.abs(numpy.fft.rfft(envelope(signal, RATE_HZ)))
    place, reach = round(hertz), max(round(0.01 * hertz), 1)
    return float(spectrum[place - reach : place + reach + 1].max() / numpy.median(spectrum[place - 20 : place + 21]))


def test_the_kinematics_of_the_rig_bearing() -> None:
    """Guards the formula: Case Western Reserve University states 5.4152 and 3.5848 for its 6205."""
    assert BEARINGS["6205"].inner_order == pytest.approx(5.4152, abs=2e-3)
    assert BEARINGS["6205"].outer_order == pytest.approx(3.5848, abs=2e-3)


@pytest.mark.parametrize("race", ["inner", "outer"])
def test_a_race_defect_stands_out_at_its_own_frequency(race: str) -> None:
    """Guards diagnosis from waveforms: inner and outer race must not be taken for each other."""
    bearing = CALM.bearing
    hertz = {"inner": bearing.inner_order * CALM.shaft_hz, "outer": bearing.outer_order * CALM.shaft_hz}
    state = VibrationState(**{**CALM.__dict__, f"{race}_envelope_g": 0.4})
    signal = synthesise(state, numpy.random.default_rng(1))
    calm = synthesise(CALM, numpy.random.default_rng(1))
    other = "outer" if race == "inner" else "inner"
    assert line_ratio(signal, hertz[race]) > 12
    assert line_ratio(signal, hertz[other]) < 0.5 * line_ratio(signal, hertz[race])
    assert max(line_ratio(calm, each) for each in hertz.values()) < 6


def test_snapshots_agree_with_the_scalar_signals(observe) -> None:
    """Guards: the waveform that a command fetches and the trend on the screen describe one machine."""
    seen = observe()
    for device_id in seen.world.device_ids:
        seen.world.inject(device_id, Fault.BEARING_OUTER_RACE, 2.0)
    seen.run(0.6)
    for device_id in seen.world.device_ids:
        signal = seen.world.waveform(device_id)
        assert signal.shape == (12_000,)
        scalar = seen.mean(device_id, "vibration_envelope_g", 3)
        assert envelope_rms_g(signal, RATE_HZ) == pytest.approx(scalar, rel=0.25)
        assert velocity_rms_mm_s(signal, RATE_HZ) == pytest.approx(
            seen.mean(device_id, "vibration_velocity_mm_s", 3), rel=0.25
        )


def test_band_measures_are_right_for_a_sine() -> None:
    """Guards units: 1 g RMS at 100 Hz is 15.6 mm/s RMS."""
    time_s = numpy.arange(12_000) / RATE_HZ
    sine = numpy.sqrt(2) * numpy.sin(2 * numpy.pi * 100 * time_s)
    assert velocity_rms_mm_s(sine, RATE_HZ) == pytest.approx(9806.65 / (2 * numpy.pi * 100))
    assert band_rms_g(sine, RATE_HZ, (50.0, 150.0)) == pytest.approx(1.0)
    assert band_rms_g(sine, RATE_HZ, (2_000.0, 5_000.0)) == pytest.approx(0.0, abs=1e-9)


def test_a_standing_pump_gives_only_noise() -> None:
    """Guards: no division by zero at zero shaft speed."""
    state = VibrationState(0.0, 0.0, 0.0, 6, BEARINGS["6205"], inner_envelope_g=1.0, noise_g=0.004)
    assert numpy.std(synthesise(state, numpy.random.default_rng(1))) == pytest.approx(0.004, rel=0.1)
