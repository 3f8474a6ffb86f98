"""Ingest: a batch of device messages becomes readings, twins, findings and counts in one transaction.

The ledger of messages holds at every commit: received = stored + duplicate + dead-lettered; what is still in memory is
in flight. Nothing is acknowledged to the broker or confirmed to a device before that commit.
"""

from collections.abc import Callable
from typing import Any

import structlog
from sqlalchemy.exc import DBAPIError

from services.kernel.bus import Message
from services.kernel.bus.contract import Unavailable
from services.kernel.clock import Clock, monotonic_s, to_microseconds
from services.kernel.database import Database
from services.kernel.unit import UnitOfWork
from services.lifecycle import inbox
from services.lifecycle.contract import DEVICE_TOPICS
from services.lifecycle.service import condition, connection
from services.lifecycle.service.devices import Device
from services.lifecycle.settings import LifecycleSettings
from services.lifecycle.store import products, readings

UNKNOWN_PATIENCE_S = 2.0  # How long a device stays unknown before the database is asked again.
UNKNOWN_MAX = 100_000
LETTER_BYTES_MAX = 65_536
DAY_US = 86_400_000_000

log = structlog.get_logger(__name__)


class Batch:
    """What one batch amounts to; thrown away when its transaction fails."""

    def __init__(self) -> None:
        self.rows: list[readings.Row] = []
        self.effects: list[tuple[Device, int, Any]] = []
        self.letters: list[tuple[str, str, str, bytes, int]] = []
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
        self._to_confirm: set[Device] = set()
        self._confirmed_s = 0.0
        self.settled = self.batches = 0
        self.in_flight = 0

    def settle(self, messages: list[Message]) -> None:
        """Store, count and judge one batch. Raises Unavailable when the database does not answer: it comes again."""
        self.in_flight = len(messages)
        try:
            batch = self._database.run(self._settle, messages, bulk=True)
        except DBAPIError as error:
            self._forget()
            if error.connection_invalidated or "Operational" in type(error.orig).__name__:
                raise Unavailable(str(error.orig)[:200]) from error
            raise
        except BaseException:
            self._forget()  # The devices in memory are ahead of what was rolled back.
            raise
        finally:
            self.in_flight = 0
        self.batches += 1
        self.settled += len(messages)
        for device in batch.touched:
            device.dirty = False
        self._to_confirm |= batch.touched
        self.confirm_due()

    def confirm_due(self) -> None:
        """Tell devices what is settled: every few seconds, and at once to those that asked."""
        now = monotonic_s()
        everyone = now - self._confirmed_s > self._settings.confirm_interval_s
        due = self._to_confirm if everyone else {device for device in self._to_confirm if device.confirm}
        if everyone:
            self._confirmed_s = now
        for device in list(due):
            for boot, sequence in device.settled.confirmable():
                self._confirm(device.id, boot, sequence)
            device.confirm = False
            self._to_confirm.discard(device)

    def bury(self, message: Message, reason: str) -> None:
        """Dead-letter a message that could not be handled however often it was tried."""
        letter = (
            message.topic[:512],
            "handler-failed",
            reason[:500],
            message.payload[:LETTER_BYTES_MAX],
            self._wall_us(),
        )
        self._database.run(_settle_letters, [letter], bulk=True)

    def statistics(self) -> dict[str, int]:
        """Counters since the start of this process."""
        return {
            "devices": len(self._devices),
            "settled": self.settled,
            "batches": self.batches,
            "in_flight": self.in_flight,
        }

    # ---- inside the transaction -------------------------------------------------------------------------------

    def _settle(self, unit: UnitOfWork, messages: list[Message]) -> Batch:
        batch = Batch()
        taken = self._read(batch, messages)
        self._load(unit, taken)
        self._admit(batch, taken)
        self._store(unit, batch)
        self._apply(unit, batch)
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
        return batch

    def _read(self, batch: Batch, messages: list[Message]) -> list[tuple[str, int, Any, Message]]:
        taken = []
        for message in messages:
            try:
                device_id, kind = inbox.read_topic(message.topic)
                if kind != inbox.OWN:
                    taken.append((device_id, kind, inbox.read_message(kind, message.payload), message))
            except inbox.Unreadable as error:
                self._letter(batch, message, error.reason, str(error))
        return taken

    def _load(self, unit: UnitOfWork, taken: list[tuple[str, int, Any, Message]]) -> None:
        """Bring the devices of this batch to memory; those that do not exist are asked for again only after a while."""
        now = monotonic_s()
        missing = {each[0] for each in taken} - self._devices.keys()
        missing = {each for each in missing if now - self._unknown.get(each, -1e9) > UNKNOWN_PATIENCE_S}
        if not missing:
            return
        found = products.load_devices(unit, missing)
        self._devices.update(found)
        if len(self._unknown) > UNKNOWN_MAX:
            self._unknown.clear()
        self._unknown.update(dict.fromkeys(missing - found.keys(), now))

    def _admit(self, batch: Batch, taken: list[tuple[str, int, Any, Message]]) -> None:
        """Sort out what is from nobody or from no possible time; everything else becomes a row."""
        business_us = to_microseconds(self._clock.business_now())
        latest_us = business_us + int((self._settings.future_s_max + 5 * self._clock.speed) * 1e6)
        earliest_us = business_us - self._settings.past_days_max * DAY_US
        devices, rows, effects = self._devices, batch.rows, batch.effects
        for device_id, kind, content, message in taken:
            device = devices.get(device_id)
            if device is None:
                self._letter(batch, message, "unknown-device", f"no device {device_id[:64]} is registered")
                continue
            if content.sequence is None:  # A will: the broker speaks for the device, there is nothing to store.
                effects.append((device, kind, content))
                continue
            time_us = to_microseconds(content.time)
            if not earliest_us <= time_us <= latest_us:
                reason = "time-in-future" if time_us > latest_us else "time-too-old"
                self._letter(batch, message, reason, f"source time {content.time.isoformat()}")
                device.settled.add(content.boot, content.sequence)
                device.dirty = True
                batch.touched.add(device)
                continue
            quality = inbox.QUALITIES[content.quality] if kind == inbox.TELEMETRY else 0
            rows.append((device_id, content.boot, content.sequence, time_us, kind, quality, message.payload))
            effects.append((device, kind, content))

    def _store(self, unit: UnitOfWork, batch: Batch) -> None:
        """Insert the rows; when some were there before, find out which and whether they say the same."""
        rows = sorted(batch.rows) if unit.is_postgres else batch.rows
        with unit.session.begin_nested() as savepoint:
            if readings.insert_new(unit, rows) == len(rows):
                return
            savepoint.rollback()
        known = readings.bodies(unit, {row[:3] for row in batch.rows})
        fresh: list[readings.Row] = []
        for row in batch.rows:
            key = row[:3]
            before = known.get(key)
            if before is None:
                known[key] = row[6]
                fresh.append(row)
            elif before == row[6]:
                batch.duplicates += 1
            else:
                detail = f"boot {row[1]} sequence {row[2]} was used before for another message"
                topic = f"{DEVICE_TOPICS}/{row[0]}"
                batch.letters.append((topic, "sequence-reused", detail, row[6][:LETTER_BYTES_MAX], self._wall_us()))
        batch.rows = fresh
        readings.insert_new(unit, sorted(fresh))

    def _apply(self, unit: UnitOfWork, batch: Batch) -> None:
        """Let the messages work on their devices: current values, findings, connection, commands."""
        wall_us = self._wall_us()
        for device, kind, content in batch.effects:
            device.dirty = True
            device.last_seen_wall_us = wall_us
            batch.touched.add(device)
            if content.sequence is not None:
                device.settled.add(content.boot, content.sequence)
            if kind == inbox.TELEMETRY:
                if (content.boot, content.sequence) > (device.boot, device.sequence):
                    condition.take_reading(unit, device, content)
            else:
                connection.take(unit, device, content)
        now_s = monotonic_s()
        for device in batch.touched:
            if now_s >= device.health_due_s:
                device.health_due_s = now_s + self._settings.health_interval_s
                condition.assess(unit, device)

    def _letter(self, batch: Batch, message: Message, reason: str, detail: str) -> None:
        batch.letters.append(
            (message.topic[:512], reason, detail[:500], message.payload[:LETTER_BYTES_MAX], self._wall_us())
        )

    def _wall_us(self) -> int:
        return to_microseconds(self._clock.wall_now())

    def _forget(self) -> None:
        self._devices.clear()
        self._to_confirm.clear()


def _settle_letters(unit: UnitOfWork, letters: list[tuple[str, str, str, bytes, int]]) -> None:
    readings.bury(unit, letters)
    readings.add_counts(unit, {"received": len(letters), "dead_lettered": len(letters)})
