"""What the gateway has to say to a node, on whatever transport it is heard."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from backend import signals
from backend.ingest import agreement, rotation
from backend.ingest.frame import encode, encode_results, encode_time
from backend.ingest.frame_values import (
    STATUS_CLOCK_NOT_SET,
    FrameType,
    KeyMethod,
    Mesh,
    NextKey,
    Reading,
    Result,
)
from backend.ingest.keyring import DeviceKey, Keyring
from backend.ingest.pipeline import Outcome
from backend.telemetry import commands, nodes
from backend.telemetry.store import Store

RESULTS_IN_A_FRAME = 24
_TIME_AGAIN_S = 10.0
_KEY_AGAIN_S = 10.0
_RESERVED = 1_000
"""Sequence numbers of RESULTS taken from the store at once: an answer must not cost an fsync."""

KIND_TRUST = 1
Announcement = Callable[[], tuple[int, list[bytes]]]
"""(issued at, parts) of the trust table that nodes of the mesh are to have."""
Pending = Callable[[int], list[bytes]]
"""Node -> COMMAND frames that wait for it."""


class Downlink:
    """Frames to nodes. Threads may share it."""

    def __init__(
        self,
        store: Store,
        keyring: Keyring,
        pending: Pending,
        clock: Callable[[], float] = time.time,
        announcement: Announcement = lambda: (0, []),
    ) -> None:
        self._store = store
        self._keyring = keyring
        self._announcement = announcement
        self._told_trust: dict[int, int] = {}
        self._pending = pending
        self._clock = clock
        self._boot = int(clock())  # above any used before, should the store be lost
        self._lock = threading.Lock()
        self._told_time: dict[int, float] = {}
        self._told_key: dict[int, float] = {}
        self._reserved: dict[int, tuple[int, int, int]] = {}
        self._waiting: defaultdict[int, set[threading.Event]] = defaultdict(set)
        self._closed = False
        signals.command_issued.connect(self._on_command)

    # ---- what to say ---------------------------------------------------------------------------

    def for_senders_of(self, outcomes: Iterable[Outcome]) -> dict[int, list[bytes]]:
        """TIME, COMMAND and KEY frames for each node that has just proved to be there.

        A repeated frame is no proof: whoever replays it learns nothing.
        """
        found: dict[int, list[bytes]] = {}
        for outcome in outcomes:
            frame = outcome.frame
            if frame is None or not outcome.verified or outcome.result in _REPEATED:
                continue
            frames = found.setdefault(frame.node_id, [])
            if _lacks_clock(outcome) and (told := self._time_frame(frame.node_id)):
                frames.append(told)
            if frame.type is FrameType.MESH:
                frames.extend(self._trust_frames(frame.node_id))
        for node_id, frames in found.items():
            frames.extend(self._pending(node_id))
            if (offered := self._keyring.offered(node_id)) is not None:
                frames.extend(self._key_frame(node_id, offered))  # after all under the present key
        return found

    def pending(self, node_id: int) -> list[bytes]:
        """COMMAND frames that wait for a node."""
        return self._pending(node_id)

    def results(self, node_id: int, outcomes: Sequence[Outcome]) -> list[bytes]:
        """RESULTS frames: what became of a node's verified frames."""
        key = self._keyring.speaking(node_id)
        entries = [(*o.frame.order, o.result) for o in outcomes if o.frame and o.verified]
        if key is None:
            return []
        made: list[bytes] = []
        for start in range(0, len(entries), RESULTS_IN_A_FRAME):
            boot, sequence = self._reserve(node_id)
            part = entries[start : start + RESULTS_IN_A_FRAME]
            made.append(encode_results(node_id, boot, sequence, int(self._clock()), part, key))
        return made

    def _time_frame(self, node_id: int) -> bytes | None:
        now, key = self._clock(), self._keyring.speaking(node_id)
        with self._lock:
            if key is None or now - self._told_time.get(node_id, 0) < _TIME_AGAIN_S:
                return None
            self._told_time[node_id] = now
        with self._store.write() as connection:
            boot, sequence = commands.next_downlink(connection, node_id, self._boot)
        return encode_time(node_id, boot, sequence, int(now * 1000), key)

    def _trust_frames(self, node_id: int) -> list[bytes]:
        """The trust table for a node of the mesh that has not been told the newest yet."""
        issued_at, parts = self._announcement()
        key = self._keyring.speaking(node_id)
        with self._lock:
            if key is None or self._told_trust.get(node_id, 0) >= issued_at:
                return []
            self._told_trust[node_id] = issued_at
        with self._store.write() as connection:
            order = [commands.next_downlink(connection, node_id, self._boot) for _ in parts]
        now = int(self._clock())
        return [
            encode(node_id, boot, sequence, now, Mesh(KIND_TRUST, part, True), key)
            for (boot, sequence), part in zip(order, parts, strict=True)
        ]

    def _key_frame(self, node_id: int, offered: DeviceKey) -> list[bytes]:
        """The key that a node is to go by from now on; said again until it was heard to."""
        now, present = self._clock(), offered.previous
        with self._lock:
            if present is None or now - self._told_key.get(node_id, 0) < _KEY_AGAIN_S:
                return []
            self._told_key[node_id] = now
        with self._store.write() as connection:
            boot, sequence = commands.next_downlink(connection, node_id, self._boot)
        if offered.method == "agreed":
            own = rotation.own_private_key(self._keyring.folder)
            method, content = KeyMethod.AGREED, agreement.public_key(own)
        else:
            method, content = (
                KeyMethod.WRAPPED,
                agreement.wrap_key(offered.key, present, node_id, offered.epoch, boot, sequence),
            )
        body = NextKey(method, offered.epoch, content)
        return [encode(node_id, boot, sequence, int(now), body, present)]

    def _reserve(self, node_id: int) -> tuple[int, int]:
        with self._lock:
            boot, sequence, last = self._reserved.get(node_id, (0, 0, -1))
            if sequence >= last:
                with self._store.write() as connection:
                    boot, last = nodes.reserve_downlink(connection, node_id, self._boot, _RESERVED)
                sequence = last - _RESERVED
            self._reserved[node_id] = (boot, sequence + 1, last)
            return boot, sequence + 1

    # ---- waiting for it ------------------------------------------------------------------------

    def wait(self, node_id: int, longest_s: float) -> list[bytes]:
        """COMMAND frames for a node as soon as there are any; none after `longest_s` seconds."""
        arrived = threading.Event()
        with self._lock:
            self._waiting[node_id].add(arrived)
        try:
            ends = time.monotonic() + longest_s
            while not (frames := self._pending(node_id)) and not self._closed:
                if not arrived.wait(max(ends - time.monotonic(), 0)):
                    return self._pending(node_id)
                arrived.clear()
            return frames
        finally:
            with self._lock:
                self._waiting[node_id].discard(arrived)
                if not self._waiting[node_id]:
                    del self._waiting[node_id]

    def close(self) -> None:
        """Sends everybody who waits home."""
        signals.command_issued.disconnect(self._on_command)
        self._closed = True
        with self._lock:
            for events in self._waiting.values():
                for event in events:
                    event.set()

    def _on_command(self, _sender: object, **values: Any) -> None:
        with self._lock:
            for event in self._waiting.get(values["board"], ()):
                event.set()


_REPEATED = (Result.DUPLICATE, Result.REORDERED)


def _lacks_clock(outcome: Outcome) -> bool:
    frame = outcome.frame
    if frame is None:
        return False
    if outcome.result is Result.FUTURE_TIME or frame.time == 0:
        return True
    if frame.type is FrameType.KEYFRAME and isinstance(frame.body, Reading):
        return bool(frame.body.status & STATUS_CLOCK_NOT_SET)
    return False
