"""Acceleration as a sensor on the drive-end bearing would record it.

Bearing kinematics (no slip; contact angle a, n balls of diameter d on pitch diameter D, shaft frequency f):
BPFO = n/2 f (1 - d/D cos a), BPFI = n/2 f (1 + d/D cos a). Source: Randall and Antoni, "Rolling element bearing
diagnostics - a tutorial", Mechanical Systems and Signal Processing 25 (2011). The 6205 has the geometry of the Case
Western Reserve University rig, for which that data set states 3.5848 and 5.4152 times shaft speed. The other two carry
typical dimensions of their sizes.

Model: shaft harmonics, vane passing, broadband noise, and for a race defect one impulse a ball pass, each ringing a
structural resonance; impulses come with a little slip, and those of the inner race fade in and out as the defect
turns through the load zone (same source).
"""

from dataclasses import dataclass
from math import cos, pi, radians

import numpy

from simulator.pumps import GRAVITY_M_S2, Array

RATE_HZ = 12_000.0
DURATION_S = 1.0
RESONANCE_HZ = 3_400.0
DAMPING_RATIO = 0.05
NOISE_CORNER_HZ = 250.0
SLIP_RATIO = 0.008  # Standard deviation of the time between two impacts.
ENVELOPE_BAND_HZ = (2_000.0, 5_000.0)


@dataclass(frozen=True)
class Bearing:
    """Geometry of a rolling bearing; diameters in one unit."""

    balls: int
    ball_mm: float
    pitch_mm: float
    contact_degrees: float = 0.0

    @property
    def outer_order(self) -> float:
        """Ball passes over a point of the outer race in one turn of the shaft."""
        return self.balls / 2 * (1 - self.ball_mm / self.pitch_mm * cos(radians(self.contact_degrees)))

    @property
    def inner_order(self) -> float:
        """Ball passes over a point of the inner race in one turn of the shaft."""
        return self.balls / 2 * (1 + self.ball_mm / self.pitch_mm * cos(radians(self.contact_degrees)))


BEARINGS = {
    "6205": Bearing(9, 7.94, 39.04),
    "6308": Bearing(8, 15.08, 65.0),
    "6313": Bearing(8, 24.0, 102.5),
}


@dataclass(frozen=True)
class VibrationState:
    """What a snapshot is made from; shares are the parts of the true signal values of the pump at that moment."""

    shaft_hz: float
    velocity_mm_s: float  # RMS at shaft speed.
    passing_mm_s: float  # RMS at vane passing.
    vanes: int
    bearing: Bearing
    inner_envelope_g: float = 0.0  # RMS of the demodulated band that an inner race defect adds.
    outer_envelope_g: float = 0.0
    noise_g: float = 0.05  # Broadband RMS of a sound pump.
    cavitation_g: float = 0.0  # RMS of the crackle of bubbles, mostly at high frequency.


def synthesise(
    state: VibrationState,
    chance: numpy.random.Generator,
    rate_hz: float = RATE_HZ,
    duration_s: float = DURATION_S,
) -> Array:
    """Acceleration in g, shape (rate_hz * duration_s,)."""
    count = round(rate_hz * duration_s)
    time_s = numpy.arange(count) / rate_hz
    signal = state.noise_g * _broadband(chance, rate_hz, count)
    if state.cavitation_g > 0:
        crackle = numpy.diff(chance.standard_normal(count + 1))  # A difference favours high frequencies.
        signal += state.cavitation_g / numpy.sqrt(2) * crackle
    if state.shaft_hz <= 0:
        return signal
    for order, velocity_mm_s in (
        (1.0, state.velocity_mm_s), (2, 0.25 * state.velocity_mm_s), (state.vanes, state.passing_mm_s),
    ):  # fmt: skip
        hertz = order * state.shaft_hz
        peak_g = numpy.sqrt(2) * velocity_mm_s / 1000 * 2 * pi * hertz / GRAVITY_M_S2
        signal += peak_g * numpy.sin(2 * pi * hertz * time_s + chance.uniform(0, 2 * pi))
    for order, envelope_g, turns in (
        (state.bearing.inner_order, state.inner_envelope_g, True),
        (state.bearing.outer_order, state.outer_envelope_g, False),
    ):
        if envelope_g > 0:
            ringing = _ringing(state.shaft_hz, order, turns, chance, rate_hz, count)
            signal += ringing * (envelope_g / envelope_rms_g(ringing, rate_hz))
    return signal


def _broadband(chance: numpy.random.Generator, rate_hz: float, count: int) -> Array:
    """Noise of flow and rolling with unit RMS before its low end is taken off: there it would be a great velocity."""
    hertz = numpy.fft.rfftfreq(count, 1 / rate_hz)
    kept = hertz / numpy.hypot(hertz, NOISE_CORNER_HZ)
    noise: Array = numpy.fft.irfft(numpy.fft.rfft(chance.standard_normal(count)) * kept, count)
    return noise


def _ringing(
    shaft_hz: float, order: float, turns: bool, chance: numpy.random.Generator, rate_hz: float, count: int
) -> Array:
    """Impacts at `order` times shaft speed that ring the resonance, at some amplitude; shape (count,)."""
    period_s = 1 / (order * shaft_hz)
    passes = int(count / rate_hz / period_s) + 2
    impacts_s = numpy.cumsum(period_s * (1 + SLIP_RATIO * chance.standard_normal(passes)))
    impacts_s = impacts_s[impacts_s < count / rate_hz]
    strength = 1 + 0.1 * chance.standard_normal(len(impacts_s))
    if turns:
        strength *= numpy.maximum(0.2, 0.5 + 0.6 * numpy.cos(2 * pi * shaft_hz * impacts_s))
    train = numpy.zeros(count)
    numpy.add.at(train, (impacts_s * rate_hz).astype(int), strength)
    lags_s = numpy.arange(round(0.01 * rate_hz)) / rate_hz
    moved = numpy.exp(-DAMPING_RATIO * 2 * pi * RESONANCE_HZ * lags_s) * numpy.sin(2 * pi * RESONANCE_HZ * lags_s)
    # Acceleration is the second derivative of the movement; an impact leaves no push at low frequency.
    response = numpy.diff(moved, n=2, prepend=[0.0, 0.0])
    return numpy.convolve(train, response)[:count]


def envelope(signal: Array, rate_hz: float, band_hz: tuple[float, float] = ENVELOPE_BAND_HZ) -> Array:
    """Envelope of `signal` within `band_hz` without its mean: magnitude of the analytic signal; same shape and unit."""
    spectrum = numpy.fft.fft(signal)
    hertz = numpy.fft.fftfreq(len(signal), 1 / rate_hz)
    # Only positive frequencies, doubled: that is the analytic signal of the band.
    inside = (hertz >= band_hz[0]) & (hertz <= band_hz[1])
    magnitude = numpy.abs(numpy.fft.ifft(numpy.where(inside, 2 * spectrum, 0)))
    without_mean: Array = magnitude - magnitude.mean()
    return without_mean


def envelope_rms_g(signal: Array, rate_hz: float, band_hz: tuple[float, float] = ENVELOPE_BAND_HZ) -> float:
    """RMS of the demodulated band, in the unit of `signal`: what `vibration_envelope_g` reports."""
    return float(numpy.sqrt(numpy.mean(envelope(signal, rate_hz, band_hz) ** 2)))


def velocity_rms_mm_s(signal_g: Array, rate_hz: float, band_hz: tuple[float, float] = (10.0, 1_000.0)) -> float:
    """Vibration velocity RMS (mm/s) of an acceleration in g, integrated in the frequency domain; band of ISO 20816."""
    hertz = numpy.fft.rfftfreq(len(signal_g), 1 / rate_hz)
    inside = (hertz >= band_hz[0]) & (hertz <= band_hz[1])
    amplitude = numpy.abs(numpy.fft.rfft(signal_g)[inside]) / len(signal_g)
    velocity = amplitude * GRAVITY_M_S2 * 1000 / (2 * pi * hertz[inside])
    return float(numpy.sqrt(2 * numpy.sum(velocity**2)))  # Parseval; each line stands for +f and -f.


def band_rms_g(signal_g: Array, rate_hz: float, band_hz: tuple[float, float]) -> float:
    """RMS (g) of the part of a signal within `band_hz`, as far as its sampling rate reaches."""
    hertz = numpy.fft.rfftfreq(len(signal_g), 1 / rate_hz)
    inside = (hertz >= band_hz[0]) & (hertz <= band_hz[1])
    amplitude = numpy.abs(numpy.fft.rfft(signal_g)[inside]) / len(signal_g)
    return float(numpy.sqrt(2 * numpy.sum(amplitude**2)))
