"""A smart product's own side of the device protocol: says what it is, keeps what it measured until the platform has
it, obeys commands. It knows MQTT and its store, not what it measures.

Bounded store: when the unconfirmed messages of a device exceed its limit, the oldest go, whatever they are; so what is
held has no holes. Births, alarms and acknowledgements among them are said again under a new sequence number; lost
readings cost no usage, because the counters in every later reading are cumulative.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import msgspec

from services.kernel.clock import Clock, monotonic_s
from simulator.line import Incoming, Line
from simulator.store import DeviceStore, Held

logger = logging.getLogger(__name__)

SAID_AGAIN = frozenset({"birth", "alarm", "ack"})
HOLE_S_MAX = 30.0  # The platform settles others but not our oldest for so long: the broker lost it, send it again.
ANNOUNCE_S_MIN = 30.0  # Least time between two notices that the store had to drop something.
NOTICE_BYTES = 2_000
FIRMWARE = "1.0.0"


class Refused(Exception):
    """The command cannot be meant so: REJECTED with this reason."""


class Failed(Exception):
    """The command was tried in vain: FAILED with this reason."""


@dataclass(frozen=True)
class Work:
    """A command that was understood: `finish` does it after `seconds` of wall time and gives its result, or raises
    Failed."""

    finish: Callable[[], dict[str, Any]]
    seconds: float = 0.0


class Commanded(Protocol):
    """What obeys the commands of a device."""

    def prepare(self, device: "Device", name: str, parameters: dict[str, Any]) -> Work:
        """Understand a command without doing it; raises Refused."""


@dataclass(frozen=True)
class Identity:
    """What a device says of itself at birth."""

    id: str
    type: str
    serial: str
    signals: dict[str, str]  # Name to unit.
    parameters: dict[str, Any] = field(default_factory=dict)


class Command(msgspec.Struct):
    """What arrives on the command topic."""

    command_id: str
    name: str
    parameters: dict[str, Any] = {}
    expires: datetime | None = None


class Confirmed(msgspec.Struct):
    """What arrives on the confirmed topic."""

    boot: int
    sequence: int


class Device:
    """Used by one thread: `record` what happens, then commit the store, then `flush`; `listen` in between."""

    def __init__(
        self,
        identity: Identity,
        store: DeviceStore,
        line: Line,
        clock: Clock,
        commanded: Commanded,
        held_bytes_max: int = 2_000_000,
    ) -> None:
        self.identity, self.store, self.line, self.clock = identity, store, line, clock
        self.id = identity.id
        self.boot = -1
        self.firmware = FIRMWARE
        self.reported: dict[str, Any] = {}
        self.last_values: dict[str, float] = {}
        self.sent = self.dropped = self.unreadable = 0
        self._commanded = commanded
        self._held_bytes_max = held_bytes_max
        self._sequence = 0  # Of the next message.
        self._reached = (-1, -1)  # Last (boot, sequence) that was published in this connection.
        self._connection = 0
        self._oldest: tuple[int, int] | None = None
        self._oldest_since_s = self._announced_s = monotonic_s()
        self._has_dropped = False
        self._running: dict[str, tuple[float, Callable[[], dict[str, Any]]]] = {}

    # ---- Life ----

    def start(self) -> None:
        """Begin a new boot, remember commands that the last one did not finish, and open the line."""
        self._boot()
        for state in ("DELIVERED", "EXECUTING"):
            for command_id in self.store.commands_in(self.id, state):
                self._answer(command_id, "FAILED", reason="the device restarted meanwhile")
        self.store.commit()
        self.connect()

    def connect(self) -> None:
        """Open the line (again)."""
        will = {"boot": self.boot, "sequence": None, "time": None, "online": False}
        self.line.open(msgspec.json.encode(will))

    def reboot(self) -> None:
        """Start the device's controller anew, as after an update: a new boot on a new connection."""
        self.say("state", {"online": False})
        self.store.commit()
        self.flush(1)
        self._boot()
        self.store.commit()
        self.connect()

    def ask(self) -> None:
        """Ask the platform to confirm what it has."""
        self.say("state", {"online": True})

    def farewell(self) -> None:
        """Tell that it goes offline; the caller then flushes and closes the line."""
        self.say("state", {"online": False})

    def _boot(self) -> None:
        self.boot = self.store.begin_boot(self.id)
        self.firmware = self.store.firmware(self.id) or FIRMWARE
        self._sequence = 0
        self.say(
            "birth",
            {
                "type": self.identity.type,
                "serial": self.identity.serial,
                "firmware": self.firmware,
                "signals": self.identity.signals,
                "parameters": self.identity.parameters,
                "held": self._held(),
            },
        )

    # ---- Saying ----

    def say(self, kind: str, body: dict[str, Any], time: datetime | None = None) -> None:
        """Keep a message of `kind` (birth, telemetry, alarm, state, ack) until it is sent and confirmed."""
        self._keep(kind, {"time": time or self.clock.business_now(), **body})
        self._make_room(0)

    def read(self, values: dict[str, Any], time: datetime | None = None, **more: Any) -> None:
        """Keep a reading; `more` may hold quality, qualities and waveforms of the protocol."""
        self.last_values = values
        self.say("telemetry", {"values": values, **{name: value for name, value in more.items() if value}}, time)

    def _make_room(self, size_bytes: int) -> None:
        """Drop the oldest until another `size_bytes` fit; say again what must not be lost."""
        again = []
        while self.store.held_bytes(self.id) > max(self._held_bytes_max - size_bytes, 0):
            oldest = self.store.after(self.id, -1, -1, 1)[0]
            self.store.forget(self.id, oldest.boot, oldest.sequence)
            self.dropped += 1
            self._has_dropped = True
            if oldest.kind in SAID_AGAIN:
                again.append(oldest)
        for each in again:
            self._keep(each.kind, msgspec.json.decode(each.payload))

    def _keep(self, kind: str, body: dict[str, Any]) -> None:
        body = {**body, "boot": self.boot, "sequence": self._sequence}
        self.store.append(self.id, Held(self.boot, self._sequence, kind, msgspec.json.encode(body)))
        self._sequence += 1

    def _held(self) -> dict[str, int]:
        """Oldest sequence held, by boot; of this boot at least the next one."""
        return {
            str(boot): oldest for boot, oldest in ({self.boot: self._sequence} | self.store.oldest(self.id)).items()
        }

    # ---- The line ----

    def flush(self, count_max: int) -> int:
        """Publish up to `count_max` kept messages in order; after a new connection from the oldest on."""
        if not self.line.ready:
            return 0
        if self.line.connection != self._connection:
            self._connection = self.line.connection
            self._reached = (-1, -1)
            self._announce()
        elif self._has_dropped and monotonic_s() - self._announced_s > ANNOUNCE_S_MIN:
            self._announce()
        if self._reached >= (self.boot, self._sequence - 1):
            return 0
        published = 0
        self.store.commit()  # Never say what could be forgotten.
        for message in self.store.after(self.id, *self._reached, min(count_max, self.line.room)):
            if not self.line.publish(message.kind, message.payload):
                break
            self._reached = (message.boot, message.sequence)
            published += 1
        self.sent += published
        return published

    def _announce(self) -> None:
        self._make_room(NOTICE_BYTES)  # Else the notice itself could drop what it says is held.
        self._has_dropped = False
        self._announced_s = monotonic_s()
        self.say("state", {"online": True, "firmware": self.firmware, "reported": self.reported, "held": self._held()})

    def listen(self) -> None:
        """Handle what has arrived, and finish commands whose time has come."""
        while self.line.incoming:
            message = self.line.incoming.popleft()
            try:
                self._handle(message)
            except msgspec.MsgspecError as error:
                self.unreadable += 1
                logger.warning("%s cannot read a %s message: %s", self.id, message.kind, error)
            self.store.commit()
            message.acknowledge()
        now_s = monotonic_s()
        for command_id in [each for each, (due_s, _) in self._running.items() if due_s <= now_s]:
            self._conclude(command_id, self._running.pop(command_id)[1])

    def _handle(self, message: Incoming) -> None:
        if message.kind == "confirmed":
            self._confirm(msgspec.json.decode(message.payload, type=Confirmed))
        else:
            self._obey(msgspec.json.decode(message.payload, type=Command))

    def _confirm(self, confirmed: Confirmed) -> None:
        self.store.forget(self.id, confirmed.boot, confirmed.sequence)
        oldest = next(iter(self.store.after(self.id, -1, -1, 1)), None)
        place = (oldest.boot, oldest.sequence) if oldest else None
        if place != self._oldest:
            self._oldest, self._oldest_since_s = place, monotonic_s()
        elif place and place <= self._reached and monotonic_s() - self._oldest_since_s > HOLE_S_MAX:
            self._reached, self._oldest_since_s = (place[0], place[1] - 1), monotonic_s()

    # ---- Commands ----

    def _obey(self, command: Command) -> None:
        known = self.store.command(self.id, command.command_id)
        if known is not None:  # Delivered twice: done once, answered twice.
            if known[1]:
                self.say("ack", msgspec.json.decode(known[1]))
            return
        if command.expires is not None and command.expires <= self.clock.wall_now():
            self._answer(command.command_id, "REJECTED", reason="the command had expired when it arrived")
            return
        self._answer(command.command_id, "DELIVERED")
        try:
            work = self._commanded.prepare(self, command.name, command.parameters)
        except Refused as refusal:
            self._answer(command.command_id, "REJECTED", reason=str(refusal))
            return
        self._answer(command.command_id, "EXECUTING")
        if work.seconds:
            self._running[command.command_id] = (monotonic_s() + work.seconds, work.finish)
        else:
            self._conclude(command.command_id, work.finish)

    def _conclude(self, command_id: str, finish: Callable[[], dict[str, Any]]) -> None:
        try:
            self._answer(command_id, "SUCCEEDED", result=finish())
        except Failed as failure:
            self._answer(command_id, "FAILED", reason=str(failure))

    def _answer(self, command_id: str, state: str, **more: Any) -> None:
        body = {"command_id": command_id, "state": state, **{name: value for name, value in more.items() if value}}
        self.store.note_command(self.id, command_id, state, msgspec.json.encode(body))
        self.say("ack", body)
