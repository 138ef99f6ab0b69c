"""Session epochs: a node whose element agrees on keys gets a new one by itself, by time and frames.

A key that is never sent and counts for a day tells whoever takes it out of the gateway or the
board's memory nothing of the frames of other days. Nodes without an element keep their key until
somebody asks for another.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from backend.ingest import rotation
from backend.ingest.keyring import KeyringError, read_keys
from backend.telemetry import nodes, readings, statements
from backend.telemetry.store import Store

_LOG = logging.getLogger(__name__)
_EVERY_S = 30.0


class KeyEpochs:
    """Looks at the ring twice a minute; `start` and `stop`.

    Args:
        hours: how long a key counts at most; 0 = none is changed by itself
        frames: how many frames of a node it serves at most
    """

    def __init__(
        self,
        store: Store,
        ring_file: Path,
        hours: int,
        frames: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._ring_file = ring_file
        self._hours = hours
        self._frames = frames
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="key-epochs", daemon=True)

    def start(self) -> None:
        """Begins to look."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)

    def sweep(self) -> list[int]:
        """Begins the epochs that are due and forgets old keys; the nodes that get a new key."""
        now = int(self._clock())
        ring = read_keys(self._ring_file)
        if any(found.used for found in ring.values()):
            rotation.forget_old(self._ring_file, now)
        if not self._hours:
            return []
        with self._store.read() as connection:
            elements = statements.in_force(connection)
            revoked = nodes.revocations(connection) if elements else {}
            counted = readings.frame_totals_by_node(connection) if elements else {}
        begun = []
        for node_id, element in elements.items():
            found = ring.get(node_id)
            if found is None or found.previous is not None or revoked.get(node_id, True):
                continue  # unknown, a change under way, or stolen: it gets none
            accepted = counted.get(node_id, {}).get("accepted", 0)
            is_old = now - found.epoch >= self._hours * 3600
            if is_old or accepted - found.frames >= self._frames:
                rotation.agree(self._ring_file, node_id, element.public_key, now, accepted)
                begun.append(node_id)
        return begun

    def _run(self) -> None:
        while not self._stop.wait(_EVERY_S):
            try:
                for node_id in self.sweep():
                    _LOG.info("node %d: a new session epoch begins", node_id)
            except (sa.exc.SQLAlchemyError, KeyringError, ValueError, OSError) as error:
                _LOG.warning("session epochs: %s", error)
