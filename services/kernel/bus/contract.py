"""What every bus promises: messages in, messages out, nothing acknowledged before its handler returned."""

from collections.abc import Callable, Mapping
from typing import Protocol


class Message:
    """One received message (or a will, or a retained message to be sent).

    `duplicate` is the broker's hint that it sent this before; its absence proves nothing.
    `identifier` and `generation` name the delivery for the acknowledgement and are empty for QoS 0.
    """

    __slots__ = ("duplicate", "generation", "identifier", "payload", "qos", "retain", "topic")

    def __init__(
        self,
        topic: str,
        payload: bytes,
        qos: int = 1,
        retain: bool = False,
        duplicate: bool = False,
        identifier: bytes = b"",
        generation: int = 0,
    ) -> None:
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.duplicate = duplicate
        self.identifier = identifier
        self.generation = generation

    def __repr__(self) -> str:
        return f"Message({self.topic!r}, {len(self.payload)} bytes, qos={self.qos}, retain={self.retain})"


Handler = Callable[[Message], object]
BatchHandler = Callable[[list[Message]], object]
PoisonHandler = Callable[[Message, str], object]


class BusFull(RuntimeError):
    """The queue of messages that the broker has not confirmed is full; nothing was queued. Try again later."""


class Unavailable(RuntimeError):
    """Raised by a handler whose database (or the like) is down: the same messages come again, without limit.

    Any other exception means that the message is at fault: after a few attempts it is poison.
    """


class PublishHandle(Protocol):
    """The fate of a published message."""

    @property
    def confirmed(self) -> bool:
        """QoS 1: the broker has it. QoS 0: it left this process."""

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it is confirmed; False when the time is up, or when a QoS 0 message was lost.

        Raises:
            RuntimeError: called in a handler, which would wait for itself while the queue is full.
        """


class Bus(Protocol):
    """A connection to the broker. Register handlers, then `start`.

    Handlers run on one thread, one after the other, in arrival order. A message is acknowledged after its handler
    returned; after a lost connection it comes again, so a handler must bear repetition. Filters of one bus should not
    overlap: brokers differ in how often they then deliver, and every handler that matches is called each time.
    """

    @property
    def connected(self) -> bool: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def publish(self, topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> PublishHandle: ...

    def subscribe(self, topic_filter: str, handler: Handler, qos: int = 1) -> None: ...

    def subscribe_batches(
        self, topic_filter: str, handler: BatchHandler, qos: int = 1, *, size_max: int = 500, wait_s_max: float = 0.05
    ) -> None: ...

    def on_connect(self, hook: Callable[[], object]) -> None: ...

    def statistics(self) -> Mapping[str, int]: ...


def check_filter(topic_filter: str) -> None:
    """Raise ValueError unless MQTT 3.1.1 (4.7) allows this filter: `+` and `#` fill a level, `#` only the last."""
    levels = topic_filter.split("/")
    wrong = any(len(level) > 1 and ("+" in level or "#" in level) for level in levels) or "#" in levels[:-1]
    if not topic_filter or wrong:
        raise ValueError(f"not a topic filter: {topic_filter!r}")


def check_topic(topic: str) -> None:
    """Raise ValueError unless one may publish there: not empty, no wildcards, no NUL."""
    if not topic or "+" in topic or "#" in topic or "\0" in topic:
        raise ValueError(f"not a topic to publish on: {topic!r}")


def topic_matches(topic_filter: str, topic: str) -> bool:
    """MQTT 3.1.1 (4.7): `+` is one level, `#` any number including none; neither meets a topic that begins with `$`."""
    if topic.startswith("$") and topic_filter[:1] in ("+", "#"):
        return False
    wanted, given = topic_filter.split("/"), topic.split("/")
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index >= len(given) or level not in ("+", given[index]):
            return False
    return len(wanted) == len(given)
