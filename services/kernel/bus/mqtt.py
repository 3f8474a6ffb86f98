"""The bus over a real broker: paho-mqtt 2, MQTT 3.1.1, persistent session, manual acknowledgement."""

import logging
import threading
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import paho.mqtt.client as paho

from services.kernel.bus.contract import (
    BatchHandler,
    BusFull,
    Handler,
    Message,
    PoisonHandler,
    PublishHandle,
    check_filter,
    check_topic,
)
from services.kernel.bus.delivery import Delivery
from services.kernel.bus.fast_mqtt import FastClient

logger = logging.getLogger(__name__)

RECONNECT_S_MIN = 0.1
RECONNECT_S_MAX = 10.0


class MqttBus:
    """See `Bus`. What is bounded, and what happens at the bound:

    - Received messages not yet handled: `queue_max` messages or `queue_bytes_max` bytes; then the network thread
      stops reading and TCP holds the broker back. It keeps the connection alive meanwhile, but sees no confirmations,
      so a handler must not wait for a publish (`wait` refuses).
    - Published messages not yet confirmed: `queue_max`; then `publish` raises BusFull. While there is no connection
      QoS 1 messages wait in this queue (not over a restart of the process: that is the outbox's work), and QoS 0
      messages are lost. `inflight` of them are on their way at a time, except that all that waited for a connection
      go at once. Order is kept.
    - A handler that fails: `attempts_max` attempts, then `on_poison` (see `Delivery`).

    Args:
        client_id: names the persistent session; two connections of one name put each other off for ever.
        clean: True forgets the session when the connection ends.
        will: sent by the broker when this connection ends without a farewell.
        keepalive_s: the broker gives the connection up after one and a half times this silence.
    """

    def __init__(
        self,
        host: str,
        port: int,
        client_id: str,
        username: str | None = None,
        password: str | None = None,
        clean: bool = False,
        inflight: int = 100,
        queue_max: int = 10_000,
        *,
        queue_bytes_max: int = 64 * 1024 * 1024,
        will: Message | None = None,
        on_poison: PoisonHandler | None = None,
        attempts_max: int = 5,
        backoff_s: float = 0.1,
        keepalive_s: int = 30,
    ) -> None:
        self._address = (host, port, keepalive_s)
        self.client_id = client_id
        self._queue_max = queue_max
        self._delivery = Delivery(
            self._acknowledge,
            on_poison,
            attempts_max=attempts_max,
            backoff_s=backoff_s,
            queue_max=queue_max,
            queue_bytes_max=queue_bytes_max,
        )
        self._subscriptions: dict[str, int] = {}
        self._hooks: list[Callable[[], object]] = []
        self._unconfirmed_subscriptions: set[int | None] = set()
        self._ready = threading.Event()
        self._received = self._acknowledged = self._dropped = self._published = self._connections = 0
        self._client = FastClient(client_id, clean=clean, on_messages=self._receive)
        if username is not None:
            self._client.username_pw_set(username, password)
        if will is not None:
            self._client.will_set(will.topic, will.payload, will.qos, will.retain)
        self._client.max_inflight_messages_set(inflight)
        self._client.max_queued_messages_set(queue_max)
        # Doubled from the minimum to the maximum by paho. Clients of one broker must not come back in step; the
        # spread comes from the name, so that the same client always behaves the same.
        spread = 1 + zlib.crc32(client_id.encode()) / 2**32
        self._client.reconnect_delay_set(RECONNECT_S_MIN * spread, RECONNECT_S_MAX)  # type: ignore[arg-type]
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._disconnected
        self._client.on_subscribe = self._subscribed

    @property
    def connected(self) -> bool:
        return self._client.is_connected()

    def start(self) -> None:
        """Connect in the background, now and after every loss; returns at once, whether or not there is a broker."""
        self._delivery.start(self.client_id)
        self._client.connect_async(*self._address)
        self._client.loop_start()

    def stop(self) -> None:
        """Finish and acknowledge what is being handled, leave the rest to the session, say farewell to the broker."""
        self._delivery.stop()
        self._client.disconnect()
        self._client.loop_stop()
        self._ready.clear()

    def wait_until_ready(self, timeout_s: float) -> bool:
        """Wait until it is connected and the broker has confirmed every subscription; False when the time is up."""
        return self._ready.wait(timeout_s)

    def publish(self, topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> PublishHandle:
        """Hand a message to the network thread; safe from any thread.

        Raises:
            BusFull: `queue_max` messages are not yet confirmed.
            ValueError: not a topic to publish on, or a QoS other than 0 and 1.
        """
        check_topic(topic)
        _check_qos(qos)
        if qos == 0 and len(self._client._out_packet) >= self._queue_max:
            raise BusFull(f"{self._queue_max} packets wait to be sent")
        info = self._client.publish(topic, payload, qos, retain)
        if info.rc == paho.MQTT_ERR_QUEUE_SIZE:
            raise BusFull(f"{self._queue_max} messages wait for confirmation")
        if qos > 0 and info.rc == paho.MQTT_ERR_NO_CONN:
            info.rc = paho.MQTT_ERR_SUCCESS  # paho keeps it and sends it when there is a connection.
        self._published += 1
        return MqttPublishHandle(info, self._delivery)

    def subscribe(self, topic_filter: str, handler: Handler, qos: int = 1) -> None:
        """Call `handler` for each message. Do so before `start`: a message without handler is acknowledged unseen."""
        self._delivery.add(topic_filter, handler)
        self._subscribe(topic_filter, qos)

    def subscribe_batches(
        self, topic_filter: str, handler: BatchHandler, qos: int = 1, *, size_max: int = 500, wait_s_max: float = 0.05
    ) -> None:
        """Call `handler` with up to `size_max` neighbours, at most `wait_s_max` after the first arrived."""
        self._delivery.add_batches(topic_filter, handler, size_max, wait_s_max)
        self._subscribe(topic_filter, qos)

    def on_connect(self, hook: Callable[[], object]) -> None:
        """Run `hook` on the worker after every connect."""
        self._hooks.append(hook)

    def statistics(self) -> Mapping[str, int]:
        delivery = self._delivery
        return {
            "received": self._received,
            "handled": delivery.handled,
            "acknowledged": self._acknowledged,
            "dropped_acknowledgements": self._dropped,
            "failures": delivery.failures,
            "poisoned": delivery.poisoned,
            "unrouted": delivery.unrouted,
            "published": self._published,
            "unconfirmed": len(self._client._out_messages),
            "reconnects": max(0, self._connections - 1),
            "queue_length": len(delivery.intake),
            "queue_bytes": delivery.intake.bytes_count,
        }

    # In the worker thread.

    def _acknowledge(self, messages: list[Message]) -> None:
        """Confirm settled messages, those of a lost connection excepted: there the identifiers mean other messages."""
        generation = self._client.generation
        identifiers = [m.identifier for m in messages if m.identifier and m.generation == generation]
        stale_count = sum(1 for m in messages if m.identifier) - len(identifiers)
        if identifiers and not self._client.acknowledge(generation, identifiers):
            stale_count, identifiers = stale_count + len(identifiers), []
        self._dropped += stale_count
        self._acknowledged += len(identifiers)

    # In the network thread.

    def _receive(self, messages: list[Message]) -> None:
        self._received += len(messages)
        self._delivery.intake.put(messages, self._client.keep_alive)

    def _subscribe(self, topic_filter: str, qos: int) -> None:
        check_filter(topic_filter)
        _check_qos(qos)
        self._subscriptions[topic_filter] = qos
        if self.connected:
            self._send_subscriptions([(topic_filter, qos)])

    def _send_subscriptions(self, subscriptions: list[tuple[str, int]]) -> None:
        self._ready.clear()
        _, identifier = self._client.subscribe(subscriptions)
        self._unconfirmed_subscriptions.add(identifier)

    def _connected(self, client: paho.Client, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            logger.error("the broker refused %s: %s", self.client_id, reason)
            return
        self._connections += 1
        self._unconfirmed_subscriptions.clear()
        # Always, also in a session that is still there: the program may have learnt a new filter since.
        if self._subscriptions:
            self._send_subscriptions(list(self._subscriptions.items()))
        else:
            self._ready.set()
        for hook in self._hooks:
            self._delivery.call_soon(hook)

    def _subscribed(self, client: paho.Client, data: Any, identifier: int, reasons: Any, properties: Any) -> None:
        for reason in reasons:
            if reason.is_failure:
                logger.error("the broker refused a subscription of %s: %s", self.client_id, reason)
        self._unconfirmed_subscriptions.discard(identifier)
        if not self._unconfirmed_subscriptions:
            self._ready.set()

    def _disconnected(self, client: paho.Client, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        self._ready.clear()
        if reason.is_failure:
            logger.warning("%s lost its broker: %s", self.client_id, reason)


class MqttPublishHandle:
    """See `PublishHandle`."""

    __slots__ = ("_delivery", "_info")

    def __init__(self, info: paho.MQTTMessageInfo, delivery: Delivery) -> None:
        self._info = info
        self._delivery = delivery

    @property
    def confirmed(self) -> bool:
        return self._info.rc == paho.MQTT_ERR_SUCCESS and self._info.is_published()

    def wait(self, timeout_s: float | None = None) -> bool:
        if self._delivery.is_worker():
            raise RuntimeError("a handler must not wait for a publish")
        if self._info.rc == paho.MQTT_ERR_SUCCESS:
            self._info.wait_for_publish(timeout_s)
        return self.confirmed


def _check_qos(qos: int) -> None:
    if qos not in (0, 1):
        raise ValueError("QoS 0 and 1 only: QoS 2 costs twice the packets and every receiver here bears repetition")
