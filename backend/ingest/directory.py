"""Which nodes may speak, remembered for a second: asked for every frame, even a forged one."""

from __future__ import annotations

import threading
import time
from enum import Enum, auto

import sqlalchemy as sa

from backend.telemetry import nodes
from backend.telemetry.store import Store

_LOOK_AGAIN_S = 1.0


class Standing(Enum):
    """How a node stands with the community."""

    KNOWN = auto()
    REVOKED = auto()
    UNKNOWN = auto()


class Directory:
    """Provisioned nodes by id. The writer asks the store itself; this only spares it forgeries."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._look_at = 0.0
        self._standings: dict[int, Standing] = {}

    def standing(self, node_id: int) -> Standing:
        """How a node stood at most a second ago."""
        if time.monotonic() >= self._look_at and self._lock.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._lock.release()
        return self._standings.get(node_id, Standing.UNKNOWN)

    def _look(self) -> None:
        try:
            with self._store.read() as connection:
                found = nodes.all_nodes(connection)
        except sa.exc.SQLAlchemyError:
            return  # as it was: the writer answers `busy` if the store stays away
        self._standings = {
            node_id: Standing.REVOKED if node.revoked_at is not None else Standing.KNOWN
            for node_id, node in found.items()
        }
        self._look_at = time.monotonic() + _LOOK_AGAIN_S
