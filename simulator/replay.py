"""Sends a recording as a device: each second a reading with its waveform, over the device protocol."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from services.kernel.bus import Message, MqttBus
from services.kernel.chance import new_id
from services.kernel.clock import CLOCK_TOPIC, AffineClock, ClockSet, monotonic_s, sleep_s
from simulator.devices import Device, Identity, Refused, Work
from simulator.line import Address, Line
from simulator.pumps import SIGNALS
from simulator.recordings import Recording, RecordingError, features_of
from simulator.store import DeviceStore

WINDOW_S = 1.0
WAITING_MAX = 4  # Windows that may be unconfirmed when the next is sent 'as fast as confirmed'.
PATIENCE_S = 30.0
CLOCK_PATIENCE_S = 3.0
TURN_S = 0.01
HELD_BYTES_MAX = 50_000_000


class NotConfirmed(Exception):
    """The platform did not take what was sent: it is away, or does not know the device."""


@dataclass(frozen=True)
class Replayed:
    """What was sent: `windows` of `duration_s` in all, from `channel`."""

    windows: int
    duration_s: float
    channel: str
    boot: int


class _NoCommands:
    def prepare(self, device: Device, name: str, parameters: dict[str, Any]) -> Work:
        raise Refused("a replayed recording takes no commands")


def replay(
    recording: Recording,
    device_id: str,
    address: Address,
    store_path: Path | str,
    *,
    type_id: str,
    serial: str,
    rpm: float | None = None,
    bearing: str | None = None,
    channel: str | None = None,
    realtime: bool = False,
    windows_max: int | None = None,
    told: Callable[[int, int], None] = lambda done, of: None,
) -> Replayed:
    """Publish `recording` as `device_id`, a registered product of `type_id`, until all is confirmed.

    `channel` defaults to the first (the drive end). Speed comes from `rpm`, else from the file. `realtime` sends one
    window a second of wall time, else the next follows as soon as the platform has confirmed. `store_path` is the
    device's own store: its boot numbers must grow over calls. `told(done, of)` hears of progress in windows.

    Raises RecordingError (no such channel, no speed, shorter than a window), NotConfirmed.
    """
    channel = channel or next(iter(recording.channels))
    if channel not in recording.channels:
        known = ", ".join(recording.channels)
        raise RecordingError(f"没有通道 {channel} / there is no channel {channel}; known: {known}")
    rpm = rpm or recording.rpm
    if not rpm:
        raise RecordingError("文件未给出转速，请指定 / the file states no speed, so it must be given")
    windows = list(recording.windows(channel, WINDOW_S))[:windows_max]
    if not windows:
        raise RecordingError(f"通道 {channel} 短于 {WINDOW_S:g} 秒 / channel {channel} is shorter than {WINDOW_S:g} s")
    parameters: dict[str, Any] = {"speed_rpm": rpm, "replayed": True} | ({"bearing": bearing} if bearing else {})
    reported = ("speed_rpm", *features_of(windows[0], recording.rate_hz))
    identity = Identity(device_id, type_id, serial, {name: SIGNALS[name] for name in reported}, parameters)
    clock, clock_bus = _follow_clock(address)
    store = DeviceStore(store_path)
    device = Device(identity, store, Line(address, device_id), clock, _NoCommands(), HELD_BYTES_MAX)
    try:
        device.start()
        for number, window in enumerate(windows):
            due_s = monotonic_s() + WINDOW_S
            samples = {"rate_hz": recording.rate_hz, "samples": window.round(6).tolist()}
            values = {"speed_rpm": rpm, **features_of(window, recording.rate_hz)}
            device.read(values, waveforms={f"{channel.lower()}_acceleration_g": samples})
            device.ask()
            _turn(device, until=lambda: store.held_count() < 2 * WAITING_MAX)
            while realtime and monotonic_s() < due_s:
                _turn(device, until=lambda: True)
            told(number + 1, len(windows))
        device.farewell()
        _turn(device, until=lambda: store.held_count() == 0)
    finally:
        device.line.close()
        store.close()
        clock_bus.stop()
    return Replayed(len(windows), len(windows) * WINDOW_S, channel, device.boot)


def _turn(device: Device, until: Callable[[], bool]) -> None:
    """Work the device once and until the condition holds; raises NotConfirmed after PATIENCE_S without progress."""
    progress, since_s = -1, monotonic_s()
    while True:
        device.listen()
        device.store.commit()
        device.flush(1_000)
        if until():
            sleep_s(TURN_S)
            return
        count = device.store.held_count()
        if count != progress:
            progress, since_s = count, monotonic_s()
        elif monotonic_s() - since_s > PATIENCE_S:
            raise NotConfirmed(
                f"平台未确认 {device.id} 的数据：平台是否在运行，设备是否已登记？ / the platform does not confirm what "
                f"{device.id} says: does it run, is the device registered?"
            )
        sleep_s(TURN_S)


def _follow_clock(address: Address) -> tuple[AffineClock, MqttBus]:
    """The platform's clock; without one, wall time."""
    clock, heard = AffineClock(), []

    def hear(message: Message) -> None:
        try:
            clock.follow(ClockSet.model_validate_json(message.payload))
        except ValidationError:
            return
        heard.append(message)

    bus = MqttBus(
        address.host,
        address.port,
        f"replay-{new_id()}",
        address.username,
        address.password,
        clean=True,
        queue_max=1_000,
    )
    bus.subscribe(CLOCK_TOPIC, hear)
    bus.start()
    end_s = monotonic_s() + CLOCK_PATIENCE_S
    while not heard and monotonic_s() < end_s:
        sleep_s(0.05)
    return clock, bus
