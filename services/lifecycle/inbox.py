"""The MQTT door of devices: what they say goes in batches to who settles it. Nothing is computed here."""

from services.kernel.bus import Bus
from services.kernel.bus.contract import BatchHandler
from services.lifecycle.contract import DEVICE_TOPICS


def open_door(bus: Bus, settle: BatchHandler, size_max: int = 500) -> None:
    """Subscribe to everything that devices say. One filter, because several are not delivered in one order."""
    bus.subscribe_batches(f"{DEVICE_TOPICS}/+/+", settle, size_max=size_max)
