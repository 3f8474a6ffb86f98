"""Ingest: a batch of device messages becomes readings, twins, findings and counts in one transaction.

The ledger of messages holds at every commit: received = stored + duplicate + dead-lettered; what is still in memory is
in flight. Nothing is acknowledged to the broker or confirmed to a device before that commit.
"""

from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import Any

from services.kernel.bus import BusFull, Message, Unavailable
from services.kernel.clock import Clock, monotonic_s, to_microseconds
from services.kernel.database import Database, is_unavailable
from services.kernel.unit import UnitOfWork
from services.lifecycle.contract import device_topic
from services.lifecycle.rules import device_messages
from services.lifecycle.service import condition, connection
from services.lifecycle.service.devices import Device, load_devices
from services.lifecycle.settings import LifecycleSettings
from services.lifecycle.store import readings

UNKNOWN_PATIENCE_S = 2.0  # How long a device stays unknown before the database is asked again.
UNKNOWN_MAX = 100_000
LETTER_BYTES_MAX = 65_536
DAY_US = 86_400_000_000

Taken = tuple[str, int, Any, Message]  # device, kind, content, the message itself
Places = list[tuple[int, int]]  # boot, sequence


class Batch:
    """What one batch amounts to; thrown away when its transaction fails."""

    def __init__(self) -> None:
        self.rows: list[readings.Row] = []  # What is stored.
        self.effects: list[tuple[Device, int, Any, readings.Row | None]] = []  # In order of arrival; a will has no row.
        self.refused: set[int] = set()  # Which of the effects belong to dead letters.
        self.letters: list[tuple[str, str, str, bytes, int]] = []
        self.unread: list[tuple[str, tuple[int, int]]] = []  # Device and place of what could not be read.
        self.duplicates = 0
        self.touched: set[Device] = set()


class IngestWorker:
    """Settles batches; used by one thread. `confirm` publishes to a device what it may forget."""

    def __init__(
        self, database: Database, clock: Clock, settings: LifecycleSettings, confirm: Callable[[str, int, int], None]
    ) -> None:
        self._database, self._clock, self._settings, self._confirm = database, clock, settings, confirm
        self._devices: dict[str, Device] = {}
        self._unknown: dict[str, float] = {}
        self._ahead = False  # Whether the devices in memory have taken in what is not committed.
        self._lock = Lock()
        # What may be confirmed, as of the last commit: to be told at the next round, or at once.
        self._waiting: dict[str, Places] = {}
        self._asked: dict[str, Places] = {}
        self._confirmed_s = 0.0
        self.settled = self.batches = 0
        self.in_flight = 0

    def settle(self, messages: list[Message]) -> None:
        """Store, count and judge one batch. Raises Unavailable when the database does not answer: it comes again."""
        self.in_flight = len(messages)
        try:
            self._commit(self._settle, messages)
        finally:
            self.in_flight = 0
        self.batches += 1
        self.settled += len(messages)
        self.confirm_due()

    def bury(self, message: Message, reason: str) -> None:
        """Dead-letter a message that could not be handled however often it was tried."""
        self._commit(self._bury, message, reason)

    def confirm_due(self) -> None:
        """Tell devices what is settled: every few seconds, and at once to those that asked. Safe from any thread."""
        with self._lock:
            due, self._asked = self._asked, {}
            if monotonic_s() - self._confirmed_s > self._settings.confirm_interval_s:
                self._confirmed_s = monotonic_s()
                due, self._waiting = self._waiting | due, {}
        told = 0
        try:
            for device_id, places in due.items():
                for boot, sequence in places:
                    self._confirm(device_id, boot, sequence)
                told += 1
        except BusFull:
            with self._lock:
                self._waiting = dict(list(due.items())[told:]) | self._waiting

    def statistics(self) -> dict[str, int]:
        """Counters since the start of this process."""
        return {
            "devices": len(self._devices),
            "settled": self.settled,
            "batches": self.batches,
            "in_flight": self.in_flight,
        }

    def _commit(self, settle: Callable[..., Batch], *arguments: Any) -> None:
        self._ahead = False
        try:
            batch = self._database.run(self._attempt, settle, *arguments, bulk=True)
        except BaseException as error:
            self._forget()
            if is_unavailable(error):
                raise Unavailable(str(error)[:200]) from error
            raise
        with self._lock:
            for device in batch.touched:
                whom = self._asked if device.confirm else self._waiting
                whom[device.id] = device.settled.confirmable()
                device.confirm = False

    # ---- inside the transaction -------------------------------------------------------------------------------

    def _attempt(self, unit: UnitOfWork, settle: Callable[..., Batch], *arguments: Any) -> Batch:
        if self._ahead:  # The last attempt ended in a conflict.
            self._forget()
        self._ahead = True
        return settle(unit, *arguments)

    def _settle(self, unit: UnitOfWork, messages: list[Message]) -> Batch:
        batch = Batch()
        taken = self._read(batch, messages)
        self._load(unit, {each[0] for each in taken} | {device_id for device_id, _ in batch.unread})
        self._admit(batch, taken)
        self._store(unit, batch)
        self._apply(unit, batch)
        self._write(unit, batch)
        return batch

    def _bury(self, unit: UnitOfWork, message: Message, reason: str) -> Batch:
        batch = Batch()
        self._put_aside(batch, message, "handler-failed", reason)
        self._load(unit, {device_id for device_id, _ in batch.unread})
        self._apply(unit, batch)
        self._write(unit, batch)
        return batch

    def _write(self, unit: UnitOfWork, batch: Batch) -> None:
        """Write what the batch changed, and count it."""
        readings.write_twins(unit, sorted((each.twin_columns() for each in batch.touched), key=lambda row: row[-1]))
        now_s = monotonic_s()
        due = [device for device in batch.touched if now_s >= device.detection_due_s]
        for device in due:
            device.detection_due_s = now_s + self._settings.detection_save_interval_s
        readings.write_detections(unit, sorted((each.detection_columns() for each in due), key=lambda row: row[-1]))
        readings.bury(unit, batch.letters)
        readings.add_counts(
            unit,
            {
                "received": len(batch.rows) + batch.duplicates + len(batch.letters),
                "stored": len(batch.rows),
                "duplicate": batch.duplicates,
                "dead_lettered": len(batch.letters),
            },
        )

    def _read(self, batch: Batch, messages: list[Message]) -> list[Taken]:
        taken = []
        for message in messages:
            try:
                device_id, kind = device_messages.read_topic(message.topic)
                if kind != device_messages.OWN:
                    taken.append((device_id, kind, device_messages.read_message(kind, message.payload), message))
            except device_messages.Unreadable as error:
                self._put_aside(batch, message, error.reason, str(error))
        return taken

    def _load(self, unit: UnitOfWork, ids: set[str]) -> None:
        """Bring the devices of this batch to memory; those that do not exist are asked for again only after a while."""
        now = monotonic_s()
        missing = ids - self._devices.keys()
        missing = {each for each in missing if now - self._unknown.get(each, -1e9) > UNKNOWN_PATIENCE_S}
        if not missing:
            return
        found = load_devices(unit, missing)
        self._devices.update(found)
        if len(self._unknown) > UNKNOWN_MAX:
            self._unknown.clear()
        self._unknown.update(dict.fromkeys(missing - found.keys(), now))

    def _admit(self, batch: Batch, taken: list[Taken]) -> None:
        """Sort out what is from nobody or from no possible time; everything else becomes a row."""
        business_us = to_microseconds(self._clock.business_now())
        # A real device has the time of the wall, which business time may lie behind after a pause.
        now_us = max(business_us, self._wall_us())
        latest_us = now_us + int((self._settings.future_s_max + 5 * self._clock.speed) * 1e6)
        earliest_us = business_us - self._settings.past_days_max * DAY_US
        devices, rows, effects = self._devices, batch.rows, batch.effects
        for device_id, kind, content, message in taken:
            device = devices.get(device_id)
            if device is None:
                self._letter(batch, message.topic, "unknown-device", f"{device_id} is not registered", message.payload)
                continue
            if content.sequence is None:  # A will: the broker speaks for the device, there is nothing to store.
                effects.append((device, kind, content, None))
                continue
            time_us = to_microseconds(content.time)
            if not earliest_us <= time_us <= latest_us:
                reason = "time-in-future" if time_us > latest_us else "time-too-old"
                self._put_aside(batch, message, reason, f"source time {content.time.isoformat()}")
                continue
            quality = device_messages.QUALITIES[content.quality] if kind == device_messages.TELEMETRY else 0
            row = (device_id, content.boot, content.sequence, time_us, kind, quality, message.payload)
            rows.append(row)
            effects.append((device, kind, content, row))

    def _store(self, unit: UnitOfWork, batch: Batch) -> None:
        """Insert the rows; when some were there before, find out which and whether they say the same."""
        everything = batch.rows
        while not _insert(unit, batch.rows):  # Twice only when another worker stored some of them in between.
            self._compare(batch, readings.bodies(unit, {row[:3] for row in everything}))

    def _compare(self, batch: Batch, known: dict[readings.Key, bytes]) -> None:
        """Keep as rows what is new; what repeats a stored message is a duplicate, what contradicts it a dead letter."""
        batch.rows, batch.duplicates = [], 0
        for place, (_, kind, _, row) in enumerate(batch.effects):
            if row is None or place in batch.refused:
                continue
            body = known.get(row[:3])
            if body is None:
                known[row[:3]] = row[6]
                batch.rows.append(row)
            elif body == row[6]:
                batch.duplicates += 1
            else:
                batch.refused.add(place)
                topic = device_topic(row[0], device_messages.NAMES[kind])
                detail = f"boot {row[1]} sequence {row[2]} was used before for another message"
                self._letter(batch, topic, "sequence-reused", detail, row[6])

    def _apply(self, unit: UnitOfWork, batch: Batch) -> None:
        """Let the messages work on their devices: current values, findings, connection, commands."""
        wall_us = self._wall_us()
        for device_id, (boot, sequence) in batch.unread:
            if device_id in self._devices:
                self._devices[device_id].settled.add(boot, sequence)
                batch.touched.add(self._devices[device_id])
        for place, (device, kind, content, row) in enumerate(batch.effects):
            batch.touched.add(device)
            if row is not None:
                device.last_seen_wall_us = wall_us
                device.settled.add(content.boot, content.sequence)
            if place in batch.refused:
                continue
            if kind == device_messages.TELEMETRY:
                if (content.boot, content.sequence) > (device.boot, device.sequence):
                    condition.take_reading(unit, device, content)
            else:
                connection.take(unit, device, content)
        now_s = monotonic_s()
        for device in batch.touched:
            if now_s >= device.health_due_s:
                device.health_due_s = now_s + self._settings.health_interval_s
                condition.assess(unit, device)

    def _put_aside(self, batch: Batch, message: Message, reason: str, detail: str) -> None:
        """Dead-letter a message of a device, which need not keep it any longer if it can be seen which one it is."""
        self._letter(batch, message.topic, reason, detail, message.payload)
        with suppress(device_messages.Unreadable):
            device_id, kind = device_messages.read_topic(message.topic)
            place = device_messages.read_place(message.payload)
            if place is not None and kind != device_messages.OWN:
                batch.unread.append((device_id, place))

    def _letter(self, batch: Batch, topic: str, reason: str, detail: str, payload: bytes) -> None:
        kept = (_plain(topic)[:512], reason, _plain(detail)[:500], payload[:LETTER_BYTES_MAX], self._wall_us())
        batch.letters.append(kept)

    def _wall_us(self) -> int:
        return to_microseconds(self._clock.wall_now())

    def _forget(self) -> None:
        """The devices in memory are ahead of what was rolled back: read them again."""
        self._devices.clear()


def _insert(unit: UnitOfWork, rows: list[readings.Row]) -> bool:
    """Insert all rows, or none when one was there before."""
    with unit.session.begin_nested() as savepoint:
        if readings.insert_new(unit, sorted(rows) if unit.is_postgres else rows) == len(rows):
            return True
        savepoint.rollback()
    return False


def _plain(text: str) -> str:
    return text.replace("\0", "\ufffd")  # PostgreSQL keeps no NUL in text.
