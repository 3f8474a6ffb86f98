"""One device's own MQTT connection: its will, its subscriptions, its window of messages on the way."""

import contextlib
import logging
import socket
from collections import deque
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from services.lifecycle.contract import device_topic

logger = logging.getLogger(__name__)

INFLIGHT_MAX = 20  # So many may come twice after a lost connection; the platform knows them by their sequence.
INCOMING_MAX = 1_000  # Beyond, confirmations are dropped: the next one says more. The broker limits commands.
RECONNECT_S_MAX = 10


@dataclass(frozen=True)
class Address:
    """Where the broker is, and as whom to connect."""

    host: str
    port: int
    username: str | None = None
    password: str | None = None


@dataclass(frozen=True)
class Incoming:
    """A message for the device; `acknowledge` tells the broker that it need not come again."""

    kind: str  # command or confirmed
    payload: bytes
    client: paho.Client
    identifier: int
    qos: int

    def acknowledge(self) -> None:
        if self.qos:
            self.client.ack(self.identifier, self.qos)


class Line:
    """Opened, closed or cut by the device's thread; paho's own thread does the rest and only fills queues.

    Each opening is a new client, so that nothing is sent twice out of an old one's memory. The session at the broker
    persists: a command that is sent while the line is down arrives when it is up again.
    """

    def __init__(self, address: Address, device_id: str) -> None:
        self._address, self._device_id = address, device_id
        self._client: paho.Client | None = None
        self._published_count = self._arrived_count = 0  # Of this connection; each is written by one thread only.
        self.incoming: deque[Incoming] = deque()
        self.connection = 0  # Grows with every connection whose subscriptions the broker has confirmed.
        self.ready = False

    def open(self, will: bytes) -> None:
        """Connect in the background, now and after every loss; `will` is what the broker says when the line breaks."""
        self.close()
        client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=f"device-{self._device_id}", clean_session=False, manual_ack=True
        )
        if self._address.username is not None:
            client.username_pw_set(self._address.username, self._address.password)
        client.will_set(device_topic(self._device_id, "state"), will, qos=1)
        client.max_inflight_messages_set(INFLIGHT_MAX)
        client.reconnect_delay_set(1, RECONNECT_S_MAX)
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_disconnect = self._disconnected
        client.on_publish = self._published
        client.on_message = self._received
        self._client = client
        client.connect_async(self._address.host, self._address.port, keepalive=30)
        client.loop_start()

    def close(self) -> None:
        """Say farewell, so that the will is not sent. Returns at once; paho's thread ends by itself."""
        client, self._client = self._client, None
        self.ready = False
        if client is not None:
            client.disconnect()

    def cut(self) -> None:
        """End as a broken cable does: without farewell, so that the broker sends the will."""
        client, self._client = self._client, None
        self.ready = False
        if client is not None:
            connection: Any = client.socket()
            with contextlib.suppress(OSError, AttributeError):  # There may be no connection any more.
                connection.shutdown(socket.SHUT_RDWR)
            client.disconnect()  # Cannot be said any more; keeps paho from connecting again.

    @property
    def room(self) -> int:
        """How many messages may be published now."""
        return INFLIGHT_MAX - max(self._published_count - self._arrived_count, 0) if self.ready else 0

    def publish(self, kind: str, payload: bytes) -> bool:
        """Send at QoS 1; False when the line is down, then nothing was sent."""
        client = self._client
        if client is None or not self.ready:
            return False
        sent = client.publish(device_topic(self._device_id, kind), payload, qos=1).rc == paho.MQTT_ERR_SUCCESS
        self._published_count += sent
        return sent

    # ---- paho's thread ----

    def _connected(self, client: paho.Client, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            logger.error("the broker refused %s: %s", self._device_id, reason)
            return
        client.subscribe(
            [(device_topic(self._device_id, "command"), 1), (device_topic(self._device_id, "confirmed"), 0)]
        )

    def _subscribed(self, client: paho.Client, data: Any, identifier: int, reasons: Any, properties: Any) -> None:
        if client is self._client:
            self._published_count = self._arrived_count = 0
            self.connection += 1
            self.ready = True

    def _disconnected(self, client: paho.Client, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        if client is self._client:
            self.ready = False

    def _published(self, client: paho.Client, data: Any, identifier: int, reason: Any, properties: Any) -> None:
        self._arrived_count += 1

    def _received(self, client: paho.Client, data: Any, message: paho.MQTTMessage) -> None:
        if message.qos == 0 and len(self.incoming) >= INCOMING_MAX:
            return
        kind = message.topic.rpartition("/")[2]
        self.incoming.append(Incoming(kind, bytes(message.payload), client, message.mid, message.qos))
