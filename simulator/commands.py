"""What remote commands do to a simulated pump."""

import re
from collections.abc import Callable
from typing import Any

from simulator.devices import Device, Failed, Refused, Work
from simulator.waveforms import DURATION_S, RATE_HZ
from simulator.world import World

RATE_HZ_MAX = 25_600.0
DURATION_S_MAX = 5.0
SAMPLES_MAX = 100_000
PARAMETERS_MAX = 50
SETPOINT = "speed_setpoint_rpm"
RESTART_S = 2.0  # Wall seconds.
UPDATE_S = 3.0
WAVEFORM = "bearing_acceleration_g"
VERSION = re.compile(r"\d{1,4}\.\d{1,4}\.\d{1,4}")


class PumpCommands:
    """Obeys set_speed, set_parameters, restart, reset_alarm, capture_waveform and update_firmware."""

    def __init__(self, world: World) -> None:
        self._world = world

    def prepare(self, device: Device, name: str, parameters: dict[str, Any]) -> Work:
        """Understand a command; raises Refused with the reason."""
        prepare: Callable[[Device, dict[str, Any]], Work] | None = {
            "set_speed": self._set_speed,
            "set_parameters": self._set_parameters,
            "restart": self._restart,
            "reset_alarm": self._reset_alarm,
            "capture_waveform": self._capture_waveform,
            "update_firmware": self._update_firmware,
        }.get(name)
        if prepare is None:
            raise Refused(f"unknown command {name[:64]!r}")
        return prepare(device, parameters)

    def _set_speed(self, device: Device, parameters: dict[str, Any]) -> Work:
        """`speed_rpm`; 0 means: follow the demand again."""
        speed_rpm = _number(parameters, "speed_rpm", None)
        try:
            self._world.check_speed(device.id, speed_rpm or None)
        except ValueError as error:
            raise Refused(str(error)) from None

        def finish() -> dict[str, Any]:
            self._world.set_speed(device.id, speed_rpm or None)
            return _report(device, {SETPOINT: speed_rpm})

        return Work(finish)

    def _set_parameters(self, device: Device, parameters: dict[str, Any]) -> Work:
        """Any parameters: kept and reported; `speed_setpoint_rpm` also sets the speed."""
        if not 1 <= len(parameters) <= PARAMETERS_MAX:
            raise Refused(f"give 1 to {PARAMETERS_MAX} parameters")
        speed = self._set_speed(device, {"speed_rpm": parameters[SETPOINT]}) if SETPOINT in parameters else None

        def finish() -> dict[str, Any]:
            return _report(device, parameters | (speed.finish() if speed else {}))

        return Work(finish)

    def _restart(self, device: Device, parameters: dict[str, Any]) -> Work:
        def finish() -> dict[str, Any]:
            self._world.restart(device.id)
            device.reboot()
            return {"boot": device.boot}

        return Work(finish, RESTART_S)

    def _reset_alarm(self, device: Device, parameters: dict[str, Any]) -> Work:
        return Work(lambda: {"cleared": self._world.reset_alarm(device.id)})

    def _capture_waveform(self, device: Device, parameters: dict[str, Any]) -> Work:
        """`rate_hz`, `duration_s`: a snapshot of the drive-end bearing, sent as a reading with a waveform."""
        rate_hz = _number(parameters, "rate_hz", RATE_HZ)
        duration_s = _number(parameters, "duration_s", DURATION_S)
        if not (100 <= rate_hz <= RATE_HZ_MAX and 0 < duration_s <= DURATION_S_MAX):
            raise Refused(f"rate_hz must be 100 to {RATE_HZ_MAX:g} and duration_s at most {DURATION_S_MAX:g}")
        if not 2 <= rate_hz * duration_s <= SAMPLES_MAX:
            raise Refused(f"the snapshot would not hold 2 to {SAMPLES_MAX} samples")

        def finish() -> dict[str, Any]:
            if not device.last_values:
                raise Failed("the device has measured nothing yet")
            samples = self._world.waveform(device.id, rate_hz, duration_s).round(4).tolist()
            device.read(device.last_values, waveforms={WAVEFORM: {"rate_hz": rate_hz, "samples": samples}})
            return {"waveform": WAVEFORM, "samples": len(samples)}

        return Work(finish, duration_s)

    def _update_firmware(self, device: Device, parameters: dict[str, Any]) -> Work:
        version = parameters.get("version")
        if not isinstance(version, str) or not VERSION.fullmatch(version):
            raise Refused("version must look like 1.2.3")

        def finish() -> dict[str, Any]:
            device.store.set_firmware(device.id, version)
            device.reboot()
            return {"firmware": device.firmware, "boot": device.boot}

        return Work(finish, UPDATE_S)


def _number(parameters: dict[str, Any], name: str, default: float | None) -> float:
    value = parameters.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e9:
        raise Refused(f"{name} must be a number")
    return float(value)


def _report(device: Device, values: dict[str, Any]) -> dict[str, Any]:
    """Report changed parameters, so that the twin's reported side follows."""
    device.reported |= values
    device.say("state", {"online": True, "reported": device.reported})
    return values
