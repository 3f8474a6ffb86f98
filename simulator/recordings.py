"""Recorded vibration from files that nobody here simulated: .npz archives and .csv tables, cut into windows."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy

from simulator.pumps import Array
from simulator.waveforms import ENVELOPE_BAND_HZ, RATE_HZ, band_rms_g, envelope_rms_g, velocity_rms_mm_s

SAMPLES_MAX = 50_000_000
TIME_NAMES = ("time", "time_s", "t", "seconds")
SPEED_NAMES = ("RPM", "rpm", "speed_rpm")
HIGH_BAND_HZ = (5_000.0, 20_000.0)


class RecordingError(Exception):
    """The file cannot be read as a recording; the message says why, Chinese first."""


@dataclass(frozen=True)
class Recording:
    """Acceleration in g by channel (in the order of the file), sampled together; `rpm` where the file states it."""

    rate_hz: float
    channels: dict[str, Array]
    rpm: float | None = None

    def windows(self, channel: str, duration_s: float = 1.0) -> Iterator[Array]:
        """Whole windows of one channel, shape (rate_hz * duration_s,); a rest at the end is left out."""
        length = round(self.rate_hz * duration_s)
        samples = self.channels[channel]
        for start in range(0, len(samples) - length + 1, length):
            yield samples[start : start + length]


def load_recording(path: Path | str, rate_hz: float | None = None) -> Recording:
    """Read `path`. The rate is taken from a time column in seconds where there is one, else 12 kHz unless it is given.

    An .npz archive holds one array a channel (DE, FE, BA as in the Case Western Reserve University set) and perhaps a
    speed as RPM; a .csv table one column a channel, with or without a head line. Raises RecordingError.
    """
    path = Path(path)
    readers = {".npz": _from_npz, ".csv": _from_csv}
    read = readers.get(path.suffix.lower())
    if read is None:
        raise RecordingError(f"{path.name}: 只能读取 .npz 和 .csv / only .npz and .csv can be read")
    try:
        columns = read(path)
    except RecordingError:
        raise
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise RecordingError(f"{path.name}: 无法读取 / cannot be read: {error}") from error
    speeds = [columns.pop(name) for name in SPEED_NAMES if name in columns and len(columns[name]) == 1]
    times = [columns.pop(name) for name in list(columns) if name.lower() in TIME_NAMES]
    if times and rate_hz is None and len(times[0]) > 1:
        step_s = float(numpy.median(numpy.diff(times[0])))
        if not step_s > 0:
            raise RecordingError(f"{path.name}: 时间列不递增 / the time column does not grow")
        rate_hz = 1 / step_s
    channels = {name: samples for name, samples in columns.items() if len(samples) > 1}
    if not channels:
        raise RecordingError(f"{path.name}: 没有通道 / there is no channel in it")
    for name, samples in channels.items():
        if not numpy.isfinite(samples).all():
            raise RecordingError(f"{path.name}: 通道 {name} 含无效值 / channel {name} holds values that are no numbers")
    return Recording(rate_hz or RATE_HZ, channels, float(speeds[0][0]) if speeds else None)


def features_of(window: Array, rate_hz: float) -> dict[str, float]:
    """What the sensor of a pump would report of one window: the scalar signals that the sampling rate reaches."""
    values = {"vibration_velocity_mm_s": velocity_rms_mm_s(window, rate_hz)}
    if rate_hz / 2 >= ENVELOPE_BAND_HZ[1]:
        values["vibration_envelope_g"] = envelope_rms_g(window, rate_hz)
    if rate_hz / 2 > HIGH_BAND_HZ[0]:
        values["vibration_high_frequency_g"] = band_rms_g(window, rate_hz, HIGH_BAND_HZ)
    return {name: round(value, 5) for name, value in values.items()}


def _from_npz(path: Path) -> dict[str, Array]:
    with numpy.load(path, allow_pickle=False) as archive:
        if sum(archive[name].size for name in archive.files) > SAMPLES_MAX:
            raise RecordingError(f"{path.name}: 超过 {SAMPLES_MAX} 个采样 / more than {SAMPLES_MAX} samples")
        return {name: numpy.asarray(archive[name], dtype=float).ravel() for name in archive.files}


def _from_csv(path: Path) -> dict[str, Array]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        first = next(csv.reader(file), None)
    if not first:
        raise RecordingError(f"{path.name}: 文件为空 / the file is empty")
    has_head = any(not _is_number(cell) for cell in first)
    table = numpy.loadtxt(
        path, delimiter=",", skiprows=int(has_head), ndmin=2, encoding="utf-8-sig", max_rows=SAMPLES_MAX // len(first)
    )
    names = [cell.strip() for cell in first] if has_head else [f"channel_{number + 1}" for number in range(len(first))]
    return dict(zip(names, table.T, strict=True))


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
