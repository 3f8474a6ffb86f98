"""The bus without a broker, inside one process: the Null twin of `MqttBus` for tests and experiments."""

import threading
from collections import deque
from collections.abc import Callable, Mapping

from services.kernel.bus.contract import (
    BatchHandler,
    BusFull,
    Handler,
    Message,
    PoisonHandler,
    PublishHandle,
    check_topic,
    topic_matches,
)
from services.kernel.bus.delivery import Delivery


class MemoryBus:
    """See `Bus`. It is the broker and its only client: everybody shares one object.

    Args:
        threaded: False delivers inside `publish`, before it returns (a message published by a handler follows when
            that handler has returned). True delivers on the worker thread as `MqttBus` does.

    Before `start` messages wait, as in a persistent session.
    """

    def __init__(
        self,
        *,
        threaded: bool = False,
        queue_max: int = 10_000,
        on_poison: PoisonHandler | None = None,
        attempts_max: int = 5,
        backoff_s: float = 0.0,
    ) -> None:
        self._threaded = threaded
        self._queue_max = queue_max
        self._delivery = Delivery(
            self._acknowledge, on_poison, attempts_max=attempts_max, backoff_s=backoff_s, queue_max=queue_max
        )
        self._filters: list[str] = []
        self._retained: dict[str, Message] = {}
        self._waiting: deque[Message] = deque()
        self._mutex = threading.RLock()
        self._delivering = False
        self._hooks: list[Callable[[], object]] = []
        self._started = False
        self._starts = self._received = self._acknowledged = self._published = 0

    @property
    def connected(self) -> bool:
        return self._started

    def start(self) -> None:
        with self._mutex:
            self._started = True
            self._starts += 1
            if self._threaded:
                self._delivery.start("memory")
            for hook in self._hooks:
                if self._threaded:
                    self._delivery.call_soon(hook)
                else:
                    hook()
            self._flow()

    def stop(self) -> None:
        self._started = False
        if self._threaded:
            self._delivery.stop()

    def wait_until_ready(self, timeout_s: float) -> bool:
        return self._started

    def publish(self, topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> PublishHandle:
        check_topic(topic)
        with self._mutex:
            if len(self._waiting) >= self._queue_max:
                raise BusFull(f"{self._queue_max} messages wait to be delivered")
            if retain and payload:
                self._retained[topic] = Message(topic, payload, qos, retain=True)
            elif retain:
                self._retained.pop(topic, None)
            self._published += 1
            if any(topic_matches(topic_filter, topic) for topic_filter in self._filters):
                self._waiting.append(Message(topic, payload, qos))
            self._flow()
        return _Confirmed()

    def subscribe(self, topic_filter: str, handler: Handler, qos: int = 1) -> None:
        self._delivery.add(topic_filter, handler)
        self._join(topic_filter)

    def subscribe_batches(
        self, topic_filter: str, handler: BatchHandler, qos: int = 1, *, size_max: int = 500, wait_s_max: float = 0.05
    ) -> None:
        self._delivery.add_batches(topic_filter, handler, size_max, wait_s_max)
        self._join(topic_filter)

    def on_connect(self, hook: Callable[[], object]) -> None:
        self._hooks.append(hook)

    def statistics(self) -> Mapping[str, int]:
        delivery = self._delivery
        return {
            "received": self._received,
            "handled": delivery.handled,
            "acknowledged": self._acknowledged,
            "dropped_acknowledgements": 0,
            "failures": delivery.failures,
            "poisoned": delivery.poisoned,
            "unrouted": delivery.unrouted,
            "published": self._published,
            "unconfirmed": 0,
            "reconnects": max(0, self._starts - 1),
            "queue_length": len(self._waiting) + len(delivery.intake),
            "queue_bytes": delivery.intake.bytes_count,
        }

    def _acknowledge(self, messages: list[Message]) -> None:
        self._acknowledged += len(messages)

    def _join(self, topic_filter: str) -> None:
        with self._mutex:
            self._filters.append(topic_filter)
            self._waiting.extend(m for topic, m in self._retained.items() if topic_matches(topic_filter, topic))
            self._flow()

    def _flow(self) -> None:
        """Deliver what waits; called with the mutex held. A handler that publishes comes back here and goes on."""
        if not self._started or self._delivering:
            return
        self._delivering = True
        try:
            while self._waiting:
                messages = list(self._waiting)
                self._waiting.clear()
                self._received += len(messages)
                if self._threaded:
                    self._delivery.intake.put(messages)
                else:
                    self._delivery.deliver(messages)
        finally:
            self._delivering = False


class _Confirmed:
    """A message that is where it should be: there is no broker to wait for."""

    confirmed = True

    def wait(self, timeout_s: float | None = None) -> bool:
        return True
