"""The state timeline of a device: running, stopped, alarm, offline, without gaps from its registration on."""

from datetime import datetime

from services.kernel.unit import UnitOfWork
from services.lifecycle.contract import StateInterval
from services.lifecycle.service import products
from services.lifecycle.service.devices import Device
from services.lifecycle.store import history as store


def enter(unit: UnitOfWork, device: Device, state: str, at: datetime) -> None:
    """The device is in `state` from `at` on; entering the state that it is in changes nothing."""
    if device.timeline == state:
        return
    device.timeline = state
    current = store.current_interval(unit, device.id)
    if current is not None and current.start >= at:
        current.state = state  # The other state lasted no time, or was told by a clock that is ahead.
        return
    if current is not None:
        current.end = at
    store.open_interval(unit, device.id, device.organisation_id, state, at)


def intervals(unit: UnitOfWork, device_id: str, start: datetime, end: datetime, limit: int) -> list[StateInterval]:
    """The newest `limit` intervals that touch the window, oldest first, cut to it; the present one stays open."""
    products.visible_product(unit, device_id)
    rows = store.intervals_within(unit, device_id, start, end, limit)
    return [
        StateInterval(state=row.state, start=max(row.start, start), end=None if row.end is None else min(row.end, end))
        for row in reversed(rows)
    ]
