"""paho's client with a fast way in: many messages a read, many acknowledgements a write.

Why: paho asks the operating system three times and waits in `select` once for every packet, builds a dictionary and a
condition variable for it and takes six locks. Here one read takes what has arrived, one loop cuts it into messages,
and one callback hands them all over. Everything but PUBLISH still goes through paho, packet by packet.

This leans on names inside paho (`PAHO_INTERNALS`); a test fails when a new paho version no longer has them, or treats
a packet differently from this client.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from services.kernel.bus.contract import Message

logger = logging.getLogger(__name__)

RECEIVE_BYTES = 256 * 1024
PUBLISH = 0x30
PUBACK = 0x40
PUBACK_HEAD = b"\x40\x02"  # Followed by the two bytes of the packet identifier, as they came.
PAHO_INTERNALS = (
    "_handle_connack",
    "_in_packet",
    "_last_bytes_received",
    "_last_msg_out",
    "_loop_rc_handle",
    "_msgtime_mutex",
    "_out_message_mutex",
    "_packet_handle",
    "_packet_queue",
    "_send_publish",
    "_send_simple_command",
    "_sock",
    "_sock_recv",
)


class MalformedPacket(ValueError):
    """The broker sent what MQTT 3.1.1 does not allow; the connection is closed and made anew."""


class FastClient(paho.Client):
    """An MQTT 3.1.1 client that hands over received messages in lists and acknowledges them in lists.

    Args:
        on_messages: called in the network thread with the messages of one read, in arrival order. It may block:
            then nothing more is read, and TCP holds the broker back. It calls `keep_alive` while it blocks.

    `generation` grows with every connection; each message carries the one it came in.
    """

    def __init__(self, client_id: str, *, clean: bool, on_messages: Callable[[list[Message]], None]) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=clean,
            protocol=paho.MQTTv311,
            manual_ack=True,
        )
        self.suppress_exceptions = True  # Of callbacks; else one would end the network thread.
        self.generation = 0
        self._generation_mutex = threading.Lock()
        self._accepted = False  # By the broker: its CONNACK is here.
        self._on_messages = on_messages
        self._parts: list[bytes] = []  # What was read and is not yet a whole packet.
        self._missing_bytes = 0  # At least so many more before another look is worth it.

    def reconnect(self) -> MQTTErrorCode:
        with self._generation_mutex:
            self.generation += (
                1  # Before paho clears its queue: a later acknowledgement is refused, an earlier cleared.
            )
        with self._out_message_mutex:
            self._accepted = False
        self._parts, self._missing_bytes = [], 0
        return super().reconnect()

    def _handle_connack(self) -> MQTTErrorCode:
        # paho sends a publish as soon as there is a socket: ahead of the older ones, which it keeps for the CONNACK,
        # and perhaps ahead of CONNECT itself. Here they all wait. The mutex (paho's, held by its `publish` too) lets
        # nobody in between opening the door and sending what waited.
        with self._out_message_mutex:
            self._accepted = True
            return super()._handle_connack()

    def _send_publish(self, *arguments: Any, **named: Any) -> MQTTErrorCode:
        if not self._accepted:
            return MQTTErrorCode.MQTT_ERR_NO_CONN
        return super()._send_publish(*arguments, **named)

    def acknowledge(self, generation: int, identifiers: Sequence[bytes]) -> bool:
        """Confirm messages of that generation, in the order given, in one write; False if the connection is another.

        Safe from any thread: paho's queue of outgoing packets is, and its network thread does the writing. The order
        of the confirmations is the order of the calls, so one thread should make them.
        """
        with self._generation_mutex:
            if generation != self.generation:
                return False
            self._packet_queue(PUBACK, PUBACK_HEAD + PUBACK_HEAD.join(identifiers), 0, 1)
        return True

    def keep_alive(self) -> None:
        """In the network thread, instead of reading: send what is queued, and a ping before the broker misses us.

        paho's own ping expects its answer within the keep-alive time; that answer waits behind the unread messages.
        """
        with self._msgtime_mutex:
            silent_s = paho.time_func() - self._last_msg_out
        if self._sock is not None and silent_s >= self._keepalive / 2:
            self._send_simple_command(paho.PINGREQ)
        self.loop_write()

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Read once, handle every whole packet in it (paho would read and handle a single one)."""
        try:
            chunk = self._sock_recv(RECEIVE_BYTES)
        except BlockingIOError:
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        except OSError:
            return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
        if not chunk:
            return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
        with self._msgtime_mutex:
            self._last_bytes_received = paho.time_func()
        self._parts.append(chunk)
        self._missing_bytes -= len(chunk)
        if self._missing_bytes > 0:  # A long message is joined once, not at every read.
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        data = chunk if len(self._parts) == 1 else b"".join(self._parts)
        try:
            return self._handle_packets(data)
        except Exception:  # Whatever a broken packet does to paho or to us must not end the network thread.
            logger.exception("malformed packet from the broker; connecting anew")
            return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_PROTOCOL)

    def _handle_packets(self, data: bytes) -> MQTTErrorCode:
        messages: list[Message] = []
        generation = self.generation
        position, end = 0, len(data)
        missing_bytes = 0
        while position < end:
            body, stop = packet_bounds(data, position)
            if stop > end:
                missing_bytes = stop - end
                break
            if data[position] & 0xF0 == PUBLISH:
                messages.append(parse_publish(data, position, body, stop, generation))
            else:
                rc = self._handle_other(data[position], data[body:stop])
                if rc > 0:
                    return self._loop_rc_handle(rc)
                if self._sock is None or self.generation != generation:
                    return MQTTErrorCode.MQTT_ERR_SUCCESS  # The rest belongs to a connection that is no more.
            position = stop
        self._parts = [data[position:]] if position < end else []
        self._missing_bytes = missing_bytes
        if messages:
            self._on_messages(messages)
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _handle_other(self, command: int, body: bytes) -> MQTTErrorCode:
        packet: dict[str, Any] = {
            "command": command,
            "have_remaining": 1,
            "remaining_count": [],
            "remaining_mult": 1,
            "remaining_length": len(body),
            "packet": bytearray(body),
            "to_process": 0,
            "pos": 0,
        }
        self._in_packet = packet  # type: ignore[assignment]
        return self._packet_handle()


def packet_bounds(data: bytes, position: int) -> tuple[int, int]:
    """Where the packet's body starts and where the packet stops, which may lie behind the end of `data`.

    Raises:
        MalformedPacket: its length has more than four digits (MQTT 3.1.1, 2.2.3).
    """
    length, shift = 0, 0
    for index in range(position + 1, position + 5):
        if index >= len(data):
            return index, index + 1  # Not even the length has arrived.
        digit = data[index]
        length |= (digit & 127) << shift
        if digit < 128:
            return index + 1, index + 1 + length
        shift += 7
    raise MalformedPacket("remaining length")


def parse_publish(data: bytes, position: int, body: int, stop: int, generation: int) -> Message:
    """The message in a whole PUBLISH packet.

    Raises:
        MalformedPacket: topic longer than the packet, or QoS 2, for which nobody here subscribes.
    """
    flags = data[position]
    qos = (flags >> 1) & 3
    topic_stop = body + 2 + (data[body] << 8 | data[body + 1])
    payload = topic_stop + 2 if qos else topic_stop
    if payload > stop or qos > 1:
        raise MalformedPacket("publish")
    return Message(
        data[body + 2 : topic_stop].decode("utf-8", "replace"),
        data[payload:stop],
        qos,
        flags & 1 == 1,
        flags & 8 == 8,
        data[topic_stop:payload],
        generation,
    )
