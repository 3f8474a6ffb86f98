"""Messages between processes. `MqttBus` speaks to a broker, `MemoryBus` replaces it in tests; both are a `Bus`."""

from services.kernel.bus.contract import (
    BatchHandler,
    Bus,
    BusFull,
    Handler,
    Message,
    PoisonHandler,
    PublishHandle,
    Unavailable,
    topic_matches,
)
from services.kernel.bus.memory import MemoryBus
from services.kernel.bus.mqtt import MqttBus

__all__ = [
    "BatchHandler",
    "Bus",
    "BusFull",
    "Handler",
    "MemoryBus",
    "Message",
    "MqttBus",
    "PoisonHandler",
    "PublishHandle",
    "Unavailable",
    "topic_matches",
]
