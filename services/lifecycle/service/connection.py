"""What a device says beside its readings: that it is there, that it is gone, its own alarms, how far a command is."""

from datetime import datetime

from services.kernel.clock import to_microseconds
from services.kernel.unit import UnitOfWork
from services.lifecycle.contract import ConnectionChanged
from services.lifecycle.rules import device_messages
from services.lifecycle.service import alarms, commands, products, timeline
from services.lifecycle.service.devices import Device

Said = device_messages.Birth | device_messages.State | device_messages.DeviceAlarm | device_messages.Ack


def take(unit: UnitOfWork, device: Device, said: Said) -> None:
    """Let one message that is no reading work on its device. Repeated and late ones do no harm."""
    if isinstance(said, device_messages.Birth):
        _born(unit, device, said)
    elif isinstance(said, device_messages.State):
        _state(unit, device, said)
    elif isinstance(said, device_messages.DeviceAlarm):
        alarms.apply_device_alarm(unit, device, said, said.time)
    else:
        commands.acknowledge(unit, device, said, said.time)


def _born(unit: UnitOfWork, device: Device, birth: device_messages.Birth) -> None:
    _hold(device, birth.boot, birth.held)
    if _advance(device, birth.boot, birth.sequence):
        device.report({**birth.parameters, "firmware": birth.firmware})
        products.announce(unit, device, birth, birth.time)
        set_online(unit, device, True, birth.time)


def _state(unit: UnitOfWork, device: Device, state: device_messages.State) -> None:
    _hold(device, state.boot, state.held)
    if state.sequence is None:  # A will. An old connection's will must not end a newer one's life.
        if state.boot >= device.boot and not state.online:
            set_online(unit, device, False, unit.clock.business_now())
        return
    if _advance(device, state.boot, state.sequence):
        device.report({**state.reported, "firmware": state.firmware} if state.firmware else state.reported)
        set_online(unit, device, state.online, state.time or unit.clock.business_now())
    device.confirm = True


def set_online(unit: UnitOfWork, device: Device, online: bool, at: datetime) -> None:
    """Note a change of connection; the values stay, and age."""
    if device.online == online:
        return
    device.online = online
    device.online_since_us = to_microseconds(at)
    unit.announce(
        ConnectionChanged(device_id=device.id, online=online),
        subject=device.id,
        organisation_id=device.organisation_id,
    )
    if not online:
        timeline.enter(unit, device, "offline", at)


def _advance(device: Device, boot: int, sequence: int) -> bool:
    """Whether this is newer than all that was taken from the device so far."""
    if (boot, sequence) <= (device.boot, device.sequence):
        return False
    device.boot, device.sequence = boot, sequence
    return True


def _hold(device: Device, boot: int, held: dict[str, int]) -> None:
    # Not `isdigit`: that is also true of digits like '²', which `int` refuses.
    device.settled.held(boot, {int(each): oldest for each, oldest in held.items() if each.isdecimal()})
