"""Bearing defects from a recorded acceleration: envelope spectrum against the bearing's defect frequencies.

Each strike on a race defect rings the structure at a few kHz; the envelope of that band repeats at the defect's
frequency, which the plain spectrum hides. Source of the method: R. B. Randall and J. Antoni, "Rolling element bearing
diagnostics - a tutorial", Mechanical Systems and Signal Processing 25 (2011). Band, number of harmonics and threshold
were chosen on the public rig data of Case Western Reserve University, where they tell race faults of 7 and 21 mil and
a healthy bearing apart but not faults of a ball, so that a ball fault is answered with `cannot_tell`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import exp, log
from typing import Any

import numpy
from numpy.typing import ArrayLike, NDArray

from services.lifecycle.rules.bearings import Bearing, bearing_of, defect_frequencies

Array = NDArray[numpy.float64]

BAND_HZ = (2_000.0, 5_000.0)
BASE_BAND_HZ = (10.0, 1_000.0)
HARMONICS = 3
FAULT_RATIO_MIN = 12.0  # Mean line over noise floor: above, the race is accused.
CALM_RATIO_MAX = 6.0  # Below on both races, no race is suspected.
SLIP_RATIO = 0.01  # How far a line may lie from its computed place.
FLOOR_HALF_WIDTH_HZ = 20.0
DURATION_S_MIN = 1.0
DURATION_S_MAX = 10.0  # Longer recordings are cut into blocks that are averaged.
ENERGY_RATIO_MAX = 2.0  # Band over base band in a bearing that does not ring; a judgement from the same rig.
BAND_RISE_MAX = 2.0  # Band over the same device's healthy band.


@dataclass(frozen=True, slots=True)
class Peak:
    """One harmonic of one defect frequency as found: place in Hz, amplitude in g, times its local noise floor."""

    part: str
    harmonic: int
    expected_hz: float
    found_hz: float
    amplitude_g: float
    ratio: float


@dataclass(frozen=True, slots=True)
class WaveformDiagnosis:
    """`fault` is bearing_inner_race, bearing_outer_race, healthy or cannot_tell; `confidence` as in `diagnosis`.

    `ratios` holds inner_race, outer_race, ball and cage (for a look only); `band_rms_g` is the RMS of the demodulated
    band, `energy_ratio` that over the RMS of 10-1000 Hz.
    """

    fault: str
    ratios: dict[str, float]
    peaks: tuple[Peak, ...]
    band_rms_g: float
    energy_ratio: float
    snapshots: int
    duration_s: float
    reason_zh: str
    reason_en: str

    @property
    def confidence(self) -> str:
        """certain when a race stands out twice as far as needed, likely, or cannot_tell."""
        if self.fault == "cannot_tell":
            return "cannot_tell"
        return "certain" if max(self.ratios.values()) >= 2 * FAULT_RATIO_MIN and self.fault != "healthy" else "likely"

    @property
    def evidence(self) -> dict[str, Any]:
        """As plain data, without the reason."""
        plain = asdict(self)
        del plain["fault"], plain["reason_zh"], plain["reason_en"]
        return plain


def diagnose_waveform(
    samples: ArrayLike | Sequence[ArrayLike],
    rate_hz: float,
    shaft_rpm: float,
    bearing: str | Mapping[str, Any] | Bearing,
    healthy_band_rms_g: float | None = None,
) -> WaveformDiagnosis:
    """Judge one recording, or several snapshots of one machine at one speed, whose spectra are averaged.

    `samples` are accelerations in g, each snapshot at least 1 s long; `healthy_band_rms_g` is what `band_rms_g` was
    when the device was sound, if that is known. Raises UnknownBearing; unusable samples give `cannot_tell`.
    """
    frequencies = defect_frequencies(bearing=bearing_of(bearing), shaft_rpm=shaft_rpm)
    blocks, problem = _blocks(samples, rate_hz, shaft_rpm, frequencies)
    if problem is not None:
        return WaveformDiagnosis("cannot_tell", {}, (), 0.0, 0.0, len(blocks), 0.0, *problem)
    spectrum = envelope_spectrum(blocks, rate_hz)
    step_hz = rate_hz / len(blocks[0])
    peaks = {
        part: _comb(part, spectrum, step_hz, frequencies[part]) for part in ("inner_race", "outer_race", "ball", "cage")
    }
    ratios = {part: exp(sum(log(peak.ratio) for peak in found) / HARMONICS) for part, found in peaks.items()}
    band_g = _band_rms(blocks, rate_hz, BAND_HZ)
    energy_ratio = band_g / max(_band_rms(blocks, rate_hz, BASE_BAND_HZ), 1e-12)
    rings = (
        energy_ratio > ENERGY_RATIO_MAX if healthy_band_rms_g is None else band_g > BAND_RISE_MAX * healthy_band_rms_g
    )
    race = max(("inner_race", "outer_race"), key=ratios.__getitem__)
    fault, reason_zh, reason_en = _verdict(race, ratios[race], frequencies[race], rings)
    shown = peaks[race] if fault != "healthy" else ()
    duration_s = len(blocks) * len(blocks[0]) / rate_hz
    return WaveformDiagnosis(fault, ratios, shown, band_g, energy_ratio, len(blocks), duration_s, reason_zh, reason_en)


def envelope_spectrum(blocks: Sequence[Array], rate_hz: float) -> Array:
    """Amplitude spectrum (g) of the envelope of BAND_HZ, averaged as power over blocks of one length; Hann window."""
    length = len(blocks[0])
    window = numpy.hanning(length)
    hertz = numpy.fft.fftfreq(length, 1.0 / rate_hz)
    inside = (hertz >= BAND_HZ[0]) & (hertz <= BAND_HZ[1])
    power = numpy.zeros(length // 2 + 1)
    for block in blocks:
        # Only the positive frequencies of the band, doubled: its analytic signal, whose magnitude is the envelope.
        envelope = numpy.abs(numpy.fft.ifft(numpy.where(inside, 2.0 * numpy.fft.fft(block), 0.0)))
        power += numpy.abs(numpy.fft.rfft((envelope - envelope.mean()) * window)) ** 2
    return numpy.asarray(numpy.sqrt(power / len(blocks)) * 2.0 / window.sum())


def _blocks(
    samples: ArrayLike | Sequence[ArrayLike], rate_hz: float, shaft_rpm: float, frequencies: Mapping[str, float]
) -> tuple[list[Array], tuple[str, str] | None]:
    """Equal blocks of 1 to 10 s, or why there are none."""
    try:
        first = numpy.asarray(samples[0], dtype=float)  # type: ignore[index]
        parts: Any = [samples] if first.ndim == 0 else samples
        snapshots = [numpy.asarray(part, dtype=float).ravel() for part in parts]
    except (TypeError, ValueError, IndexError):
        return [], ("没有可用的采样值", "there are no usable samples")
    if not rate_hz * 0.5 > BAND_HZ[1]:
        return [], (
            f"采样率 {rate_hz:g} Hz 不足以覆盖 2-5 kHz 频带",
            f"a rate of {rate_hz:g} Hz does not reach 2-5 kHz",
        )
    if not shaft_rpm > 0:
        return [], ("缺少有效转速", "there is no valid shaft speed")
    length = min(min(len(part) for part in snapshots), int(DURATION_S_MAX * rate_hz))
    if length < DURATION_S_MIN * rate_hz:
        return [], ("波形短于 1 秒", "the waveform is shorter than 1 s")
    if not all(numpy.isfinite(part).all() and part.std() > 0 for part in snapshots):
        return [], ("波形含无效值或没有变化", "the waveform holds invalid values or does not vary")
    highest_hz = HARMONICS * frequencies["inner_race"] * (1 + SLIP_RATIO) + FLOOR_HALF_WIDTH_HZ
    if frequencies["outer_race"] < 2 * FLOOR_HALF_WIDTH_HZ or highest_hz > (BAND_HZ[1] - BAND_HZ[0]) / 2:
        return [], (f"转速 {shaft_rpm:g} r/min 超出本方法范围", f"{shaft_rpm:g} rpm is outside what this method covers")
    return [
        part[start : start + length] - part[start : start + length].mean()
        for part in snapshots
        for start in range(0, len(part) - length + 1, length)
    ], None


def _comb(part: str, spectrum: Array, step_hz: float, frequency_hz: float) -> tuple[Peak, ...]:
    """Lines at the harmonics of one fundamental within the slip, chosen so that they stand out most together."""
    floors = []
    for harmonic in range(1, HARMONICS + 1):
        low = max(int((harmonic * frequency_hz - FLOOR_HALF_WIDTH_HZ) / step_hz), 1)
        high = int((harmonic * frequency_hz + FLOOR_HALF_WIDTH_HZ) / step_hz) + 1
        floors.append(max(float(numpy.median(spectrum[low : high + 1])), 1e-15))
    around = numpy.maximum(spectrum[1:-1], numpy.maximum(spectrum[:-2], spectrum[2:]))  # Element i: lines i to i + 2.
    reach_hz = SLIP_RATIO * frequency_hz
    trials_hz = numpy.arange(frequency_hz - reach_hz, frequency_hz + reach_hz, step_hz / (2 * HARMONICS))
    lines = [
        numpy.maximum(numpy.rint(harmonic * trials_hz / step_hz).astype(int), 1) for harmonic in range(1, HARMONICS + 1)
    ]
    together = sum(numpy.log(around[line - 1] / floor) for line, floor in zip(lines, floors, strict=True))
    best = int(numpy.argmax(together))
    peaks = []
    for harmonic, (line, floor) in enumerate(zip(lines, floors, strict=True), start=1):
        index = int(line[best]) - 1 + int(numpy.argmax(spectrum[line[best] - 1 : line[best] + 2]))
        height = max(float(spectrum[index]), 1e-15)
        peaks.append(Peak(part, harmonic, harmonic * frequency_hz, index * step_hz, height, height / floor))
    return tuple(peaks)


def _band_rms(blocks: Sequence[Array], rate_hz: float, band_hz: tuple[float, float]) -> float:
    """RMS (g) of the part of the signal within `band_hz`, over all blocks."""
    length = len(blocks[0])
    hertz = numpy.fft.rfftfreq(length, 1.0 / rate_hz)
    inside = (hertz >= band_hz[0]) & (hertz <= band_hz[1])
    power = sum(float(numpy.sum(numpy.abs(numpy.fft.rfft(block)[inside]) ** 2)) for block in blocks) / len(blocks)
    return float(numpy.sqrt(2.0 * power)) / length


def _verdict(race: str, ratio: float, frequency_hz: float, rings: bool) -> tuple[str, str, str]:
    race_zh, race_en = {"inner_race": ("内圈", "inner race"), "outer_race": ("外圈", "outer race")}[race]
    if ratio >= FAULT_RATIO_MIN:
        return (
            f"bearing_{race}",
            f"包络谱在{race_zh}故障频率 {frequency_hz:.1f} Hz 的前 {HARMONICS} 次谐波处为噪声底的 {ratio:.0f} 倍"
            f"（判据 {FAULT_RATIO_MIN:g} 倍）",
            f"the envelope spectrum stands {ratio:.0f} times above its noise floor at the first {HARMONICS} harmonics "
            f"of the {race_en} frequency, {frequency_hz:.1f} Hz (criterion: {FAULT_RATIO_MIN:g})",
        )
    if ratio > CALM_RATIO_MAX or rings:
        why_zh, why_en = (
            (f"{race_zh}频率处仅 {ratio:.1f} 倍", f"only {ratio:.1f} times at the {race_en} frequency")
            if ratio > CALM_RATIO_MAX
            else ("高频能量偏高而内外圈频率不突出", "the high band is loud, yet neither race's frequency stands out")
        )
        return (
            "cannot_tell",
            f"{why_zh}；本方法不能判定滚动体故障或微弱故障",
            f"{why_en}; this method can tell neither ball faults nor faint ones",
        )
    return (
        "healthy",
        f"内外圈故障频率处最高为噪声底的 {ratio:.1f} 倍，高频能量正常",
        f"at most {ratio:.1f} times the noise floor at the race frequencies, and the high band is quiet",
    )
