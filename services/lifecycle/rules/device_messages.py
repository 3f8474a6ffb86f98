"""What devices may say: topic and bytes in, a typed message or the reason why not out."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from services.lifecycle.contract import DEVICE_ID, DEVICE_TOPICS
from services.lifecycle.contract.products import NUMBER_MAX

PAYLOAD_BYTES_MAX = 1_048_576  # Of telemetry, which may hold waveforms ...
OTHER_BYTES_MAX = 65_536  # ... and of all else: what a twin keeps of it is written again with every batch.
VALUES_MAX = 200
TELEMETRY, BIRTH, STATE, ALARM, ACK = range(5)
OWN = -1  # What the platform itself says to devices; the same filter brings it back.
KINDS = {
    "telemetry": TELEMETRY,
    "birth": BIRTH,
    "state": STATE,
    "alarm": ALARM,
    "ack": ACK,
    "command": OWN,
    "confirmed": OWN,
}
NAMES = ("telemetry", "birth", "state", "alarm", "ack")
QUALITIES = {"GOOD": 0, "STALE": 1, "BAD": 2}

Natural = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
QualityName = Literal["GOOD", "STALE", "BAD"]
Text = Annotated[str, msgspec.Meta(max_length=2000)]
Identifier = Annotated[str, msgspec.Meta(max_length=64)]
Number = Annotated[float, msgspec.Meta(ge=-NUMBER_MAX, le=NUMBER_MAX)]
Values = Annotated[dict[Identifier, Number], msgspec.Meta(max_length=VALUES_MAX)]
# Three levels are enough for a parameter, and no reader stumbles over a thousand.
Plain = bool | int | float | Text | None
Branch = Plain | list[Plain] | dict[Identifier, Plain]
Tree = Plain | list[Branch] | dict[Identifier, Branch]
Reported = Annotated[dict[Identifier, Tree], msgspec.Meta(max_length=VALUES_MAX)]
Held = Annotated[dict[Identifier, Natural], msgspec.Meta(max_length=1_000)]


class Waveform(msgspec.Struct):
    """A snapshot of a fast signal."""

    rate_hz: Annotated[float, msgspec.Meta(gt=0, le=1e6)]
    samples: Annotated[list[Number], msgspec.Meta(max_length=100_000)]


class Telemetry(msgspec.Struct):
    """One reading of all or some signals at one source time."""

    boot: Natural
    sequence: Natural
    time: Instant
    values: Values = {}
    quality: QualityName = "GOOD"
    qualities: dict[Identifier, QualityName] = {}
    waveforms: Annotated[dict[Identifier, Waveform], msgspec.Meta(max_length=8)] = {}


class Birth(msgspec.Struct):
    """What a device says of itself when it starts."""

    boot: Natural
    sequence: Natural
    time: Instant
    type: Identifier
    serial: Identifier
    firmware: Identifier = ""
    signals: dict[Identifier, Text] = {}
    held: Held = {}
    parameters: Reported = {}


class State(msgspec.Struct):
    """Online or not, reported parameters; the will, which says offline, has neither sequence nor time."""

    boot: Natural
    online: bool = True
    sequence: Natural | None = None
    time: Instant | None = None
    firmware: Identifier = ""
    reported: Reported = {}
    held: Held = {}

    def __post_init__(self) -> None:
        if (self.sequence is None) != (self.time is None) or (self.sequence is None and self.online):
            raise ValueError("only a will, which says offline, has neither sequence nor time")


class DeviceAlarm(msgspec.Struct):
    """An alarm that the device itself raises or clears."""

    boot: Natural
    sequence: Natural
    time: Instant
    code: Identifier
    severity: Literal["critical", "major", "minor", "warning"]
    active: bool
    text: Text = ""


class Ack(msgspec.Struct):
    """How far the device is with a command."""

    boot: Natural
    sequence: Natural
    time: Instant
    command_id: Identifier
    state: Literal["DELIVERED", "EXECUTING", "SUCCEEDED", "FAILED", "REJECTED"]
    result: Reported = {}
    reason: Text = ""


class _Place(msgspec.Struct):
    """What is read of a message that is not understood as a whole."""

    boot: Natural
    sequence: Natural


DeviceMessage = Telemetry | Birth | State | DeviceAlarm | Ack
_DECODERS: dict[int, Any] = {
    TELEMETRY: msgspec.json.Decoder(Telemetry).decode,
    BIRTH: msgspec.json.Decoder(Birth).decode,
    STATE: msgspec.json.Decoder(State).decode,
    ALARM: msgspec.json.Decoder(DeviceAlarm).decode,
    ACK: msgspec.json.Decoder(Ack).decode,
}
_decode_place = msgspec.json.Decoder(_Place).decode
_PLACE_FIRST = re.compile(rb'\s*\{\s*"boot"\s*:\s*(\d{1,18})\s*,\s*"sequence"\s*:\s*(\d{1,18})\s*,')
_TOPIC_PREFIX = f"{DEVICE_TOPICS}/"
_topics: dict[str, tuple[str, int]] = {}  # Splitting a topic costs as much as decoding a small message.
_TOPICS_MAX = 200_000


class Unreadable(ValueError):
    """A message that cannot be taken; `reason` is one of the dead letters' reasons."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def read_topic(topic: str) -> tuple[str, int]:
    """(device id, kind) of a device's topic; raises Unreadable."""
    known = _topics.get(topic)
    if known is not None:
        return known
    device_id, _, kind = topic.removeprefix(_TOPIC_PREFIX).partition("/")
    if kind not in KINDS or not topic.startswith(_TOPIC_PREFIX) or not device_id:
        raise Unreadable("unknown-topic", f"no device message is expected on {topic[:200]!r}")
    if not re.fullmatch(DEVICE_ID.strip("^$"), device_id):
        raise Unreadable("unknown-device", f"no device can have the id {device_id[:200]!r}")
    if len(_topics) >= _TOPICS_MAX:
        _topics.clear()
    _topics[topic] = device_id, KINDS[kind]
    return _topics[topic]


def read_message(kind: int, payload: bytes) -> Any:
    """The typed message; raises Unreadable with what is wrong and where."""
    bytes_max = PAYLOAD_BYTES_MAX if kind == TELEMETRY else OTHER_BYTES_MAX
    if len(payload) > bytes_max:
        raise Unreadable("too-large", f"{len(payload)} bytes, at most {bytes_max} are taken")
    try:
        return _DECODERS[kind](payload)
    except msgspec.ValidationError as error:
        raise Unreadable("wrong-shape", str(error)[:500]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable("not-json", str(error)[:500]) from None


def read_place(payload: bytes) -> tuple[int, int] | None:
    """(boot, sequence) of a message that cannot be taken, so that its device need not keep it for ever.

    Where it is no JSON at all (a sensor's `nan`), they are believed only if they stand first.
    """
    try:
        place = _decode_place(payload)
        return place.boot, place.sequence
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = _PLACE_FIRST.match(payload)
        return (int(found[1]), int(found[2])) if found else None
