"""What to answer a forgery: whether its alleged sender is known, remembered for a second."""

from __future__ import annotations

import threading
import time

import sqlalchemy as sa

from backend.ingest.frame_values import Result
from backend.telemetry import nodes
from backend.telemetry.store import Store

_LOOK_AGAIN_S = 1.0


class Directory:
    """Provisioned nodes. The writer asks the store itself; this spares it the forgeries."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._look_at = 0.0
        self._refusals: dict[int, Result] = {}

    def refusal(self, node_id: int) -> Result:
        """The first reason to refuse a frame of this node whose tag is wrong."""
        with self._lock:
            if time.monotonic() >= self._look_at:
                self._look()
        return self._refusals.get(node_id, Result.UNKNOWN_NODE)

    def _look(self) -> None:
        try:
            with self._store.read() as connection:
                found = nodes.revocations(connection)
        except sa.exc.SQLAlchemyError:
            return  # as it was
        self._refusals = {
            node_id: Result.REVOKED_NODE if revoked else Result.BAD_TAG
            for node_id, revoked in found.items()
        }
        self._look_at = time.monotonic() + _LOOK_AGAIN_S
