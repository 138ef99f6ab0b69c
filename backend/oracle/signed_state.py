"""What an oracle node has signed, on its own disk: the memory that makes it refuse a second story.

Written and synced before a signature leaves the node.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Mapping
from pathlib import Path


class SignedState:
    """Slots, registers and battery reports that this node signed. Calls come one at a time."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(_SCHEMA)
        rows = self._db.execute("SELECT meter, registers FROM registers")
        self._registers: dict[int, bytes] = dict(rows)

    @property
    def registers(self) -> Mapping[int, bytes]:
        """Packed registers of each meter as last signed."""
        return self._registers

    def latest_slot(self) -> int:
        """The newest slot signed; 0 = none."""
        (slot,) = self._db.execute("SELECT max(slot) FROM slots").fetchone()
        return slot or 0

    def root_of(self, slot: int) -> tuple[bytes, int] | None:
        """Root and previous slot that were signed for a slot."""
        found = self._db.execute(
            "SELECT root, previous FROM slots WHERE slot = ?", (slot,)
        ).fetchone()
        return (found[0], found[1]) if found else None

    def remember_slot(
        self, slot: int, root: bytes, previous: int, changed: Mapping[int, bytes]
    ) -> None:
        """Stores that a slot is signed, and the registers that changed with it."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.execute("INSERT INTO slots VALUES (?, ?, ?)", (slot, root, previous))
                self._db.executemany(
                    "INSERT INTO registers VALUES (?, ?) "
                    "ON CONFLICT (meter) DO UPDATE SET registers = excluded.registers",
                    changed.items(),
                )
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._registers.update(changed)

    def battery(self, battery: int) -> tuple[int, int] | None:
        """Time and charge (0.01 %) of the newest report signed for a battery."""
        found = self._db.execute(
            "SELECT observed_at, soc_bps FROM batteries WHERE battery = ?", (battery,)
        ).fetchone()
        return (found[0], found[1]) if found else None

    def remember_battery(self, battery: int, observed_at: int, soc_bps: int) -> None:
        """Stores that a report is signed."""
        with self._lock:
            self._db.execute(
                "INSERT INTO batteries VALUES (?, ?, ?) ON CONFLICT (battery) DO UPDATE "
                "SET observed_at = excluded.observed_at, soc_bps = excluded.soc_bps",
                (battery, observed_at, soc_bps),
            )

    def recall(self, name: str) -> str | None:
        """A text kept beside what was signed."""
        found = self._db.execute("SELECT text FROM notes WHERE name = ?", (name,)).fetchone()
        return found[0] if found else None

    def keep(self, name: str, text: str) -> None:
        """Keeps a text, replacing what had its name."""
        with self._lock:
            self._db.execute(
                "INSERT INTO notes VALUES (?, ?) "
                "ON CONFLICT (name) DO UPDATE SET text = excluded.text",
                (name, text),
            )

    def close(self) -> None:
        """Closes the file."""
        self._db.close()


_SCHEMA = """
CREATE TABLE IF NOT EXISTS slots
    (slot INTEGER PRIMARY KEY, root BLOB NOT NULL, previous INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS registers (meter INTEGER PRIMARY KEY, registers BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS batteries
    (battery INTEGER PRIMARY KEY, observed_at INTEGER NOT NULL, soc_bps INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, text TEXT NOT NULL);
"""
