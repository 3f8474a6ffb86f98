"""What the devices keep through a power cut: unconfirmed messages, boots, firmware, commands; and the world's memory.

One SQLite file for the fleet. Nothing is published before `commit`, so a killed simulator never said anything that it
does not remember.
"""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

COMMANDS_KEPT_MAX = 100  # A device, so that a repeated delivery is recognised.
DONE_KEPT_MAX = 10_000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS device(id TEXT PRIMARY KEY, boot INTEGER NOT NULL, firmware TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS message(
    device TEXT NOT NULL, boot INTEGER NOT NULL, sequence INTEGER NOT NULL, kind TEXT NOT NULL, payload BLOB NOT NULL,
    PRIMARY KEY (device, boot, sequence)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS command(
    place INTEGER PRIMARY KEY, device TEXT NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL, answer BLOB NOT NULL,
    UNIQUE (device, id)
);
CREATE TABLE IF NOT EXISTS done(place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS note(name TEXT PRIMARY KEY, content TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Held:
    """A message that waits for its confirmation."""

    boot: int
    sequence: int
    kind: str
    payload: bytes


class DeviceStore:
    """Used by one thread at a time. Changes are in one transaction until `commit`."""

    def __init__(self, path: Path | str) -> None:
        if path != ":memory:":
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        # NORMAL: survives the end of this process at any moment; only a power cut may take the last commits.
        self._database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;" + _SCHEMA)
        self._open = False
        rows = self._database.execute("SELECT device, SUM(LENGTH(payload)), COUNT(*) FROM message GROUP BY device")
        self._held = {device: [size, count] for device, size, count in rows}

    def commit(self) -> None:
        """Make what was written since the last commit durable."""
        if self._open:
            self._database.execute("COMMIT")
            self._open = False

    def close(self) -> None:
        self.commit()
        self._database.close()

    # ---- Boots and firmware ----

    def begin_boot(self, device: str) -> int:
        """Number of the boot that begins now: grows with every start of the device."""
        self._begin()
        row = self._database.execute(
            "INSERT INTO device(id, boot) VALUES (?, 1) ON CONFLICT(id) DO UPDATE SET boot = boot + 1 RETURNING boot",
            (device,),
        ).fetchone()
        return int(row[0])

    def firmware(self, device: str) -> str | None:
        row = self._database.execute("SELECT firmware FROM device WHERE id = ?", (device,)).fetchone()
        return row[0] if row else None

    def set_firmware(self, device: str, version: str) -> None:
        self._begin()
        self._database.execute("UPDATE device SET firmware = ? WHERE id = ?", (version, device))

    # ---- Messages ----

    def append(self, device: str, message: Held) -> None:
        """Keep a message until it is confirmed."""
        self._begin()
        self._database.execute(
            "INSERT INTO message VALUES (?, ?, ?, ?, ?)",
            (device, message.boot, message.sequence, message.kind, message.payload),
        )
        held = self._held.setdefault(device, [0, 0])
        held[0] += len(message.payload)
        held[1] += 1

    def after(self, device: str, boot: int, sequence: int, count_max: int) -> list[Held]:
        """The oldest `count_max` messages beyond (boot, sequence), in order."""
        rows = self._database.execute(
            "SELECT boot, sequence, kind, payload FROM message WHERE device = ? AND (boot, sequence) > (?, ?)"
            " ORDER BY boot, sequence LIMIT ?",
            (device, boot, sequence, count_max),
        )
        return [Held(*row) for row in rows]

    def forget(self, device: str, boot: int, sequence: int) -> None:
        """Drop what is confirmed: everything of `boot` up to and including `sequence`."""
        self._begin()
        rows = self._database.execute(
            "DELETE FROM message WHERE device = ? AND boot = ? AND sequence <= ? RETURNING LENGTH(payload)",
            (device, boot, sequence),
        ).fetchall()
        if rows:
            held = self._held[device]
            held[0] -= sum(size for (size,) in rows)
            held[1] -= len(rows)

    def oldest(self, device: str) -> dict[int, int]:
        """Oldest sequence that is held, by boot."""
        rows = self._database.execute(
            "SELECT boot, MIN(sequence) FROM message WHERE device = ? GROUP BY boot ORDER BY boot", (device,)
        )
        return dict(rows.fetchall())

    def held_bytes(self, device: str) -> int:
        return self._held.get(device, (0, 0))[0]

    def held_count(self) -> int:
        """Messages of all devices that wait for their confirmation."""
        return sum(count for _, count in self._held.values())

    # ---- Commands and orders ----

    def command(self, device: str, command_id: str) -> tuple[str, bytes] | None:
        """(state, answer) of a command that was seen before."""
        row = self._database.execute(
            "SELECT state, answer FROM command WHERE device = ? AND id = ?", (device, command_id)
        ).fetchone()
        return (row[0], row[1]) if row else None

    def note_command(self, device: str, command_id: str, state: str, answer: bytes = b"") -> None:
        """Remember how far a command is; of each device the newest COMMANDS_KEPT_MAX are kept."""
        self._begin()
        self._database.execute(
            "INSERT INTO command(device, id, state, answer) VALUES (?, ?, ?, ?)"
            " ON CONFLICT(device, id) DO UPDATE SET state = excluded.state, answer = excluded.answer",
            (device, command_id, state, answer),
        )
        self._database.execute(
            "DELETE FROM command WHERE device = ? AND place NOT IN"
            " (SELECT place FROM command WHERE device = ? ORDER BY place DESC LIMIT ?)",
            (device, device, COMMANDS_KEPT_MAX),
        )

    def commands_in(self, device: str, state: str) -> list[str]:
        """Ids of the device's commands in a state, oldest first."""
        rows = self._database.execute(
            "SELECT id FROM command WHERE device = ? AND state = ? ORDER BY place", (device, state)
        )
        return [row[0] for row in rows]

    def first_time(self, order_id: str) -> bool:
        """Whether an order to the world was not seen before; it counts as seen from now on."""
        self._begin()
        fresh = self._database.execute("INSERT OR IGNORE INTO done(id) VALUES (?)", (order_id,)).rowcount == 1
        if fresh:
            self._database.execute(
                "DELETE FROM done WHERE place <= (SELECT MAX(place) FROM done) - ?", (DONE_KEPT_MAX,)
            )
        return fresh

    # ---- The world's memory ----

    def note(self, name: str) -> str | None:
        row = self._database.execute("SELECT content FROM note WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def set_note(self, name: str, content: str) -> None:
        self._begin()
        self._database.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (name, content))

    def _begin(self) -> None:
        if not self._open:
            self._database.execute("BEGIN IMMEDIATE")
            self._open = True
