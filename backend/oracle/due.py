"""Calls that are due on chain: noted, asked first, written to the outbox.

What falls due (settling, clearing, issuing, bills) anyone may call; the relayer does so that nobody
has to. Each keeper finds its own calls and leaves the rest to `DueCalls`.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from backend.chain.context import ChainContext
from backend.chain.contracts import Call
from backend.chain.fees import least_gas
from backend.telemetry import outbox
from backend.telemetry.store import Store

_GAS_PER_BYTE = 16


@dataclass(frozen=True, slots=True)
class Due:
    """A call that is due.

    Attributes:
        key: `<kind>:<what it is about>`; one call of a key is on its way at a time
        gas: what its execution may take at most; its data comes on top
        priority: the more urgent goes out first
    """

    key: str
    call: Call[Any]
    gas: int
    priority: int


class DueCalls:
    """Has calls sent that would change something, each once.

    A sweep is `note`, then looking and asking (`that_succeed`, `simulate`), then `write`. In this
    order, because what is final when noted is seen by the simulation, and what is not is noted; the
    other way round a call that became final in between would be sent again.

    Args:
        wake_sender: called after something was written
        now: Unix seconds
    """

    def __init__(
        self,
        store: Store,
        chain: ChainContext,
        *,
        wake_sender: Callable[[], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._chain = chain
        self._wake_sender = wake_sender
        self._now = now
        self._on_their_way: frozenset[str] = frozenset()

    def note(self) -> None:
        """Notes which calls are sent and not final: to be done before anything is simulated."""
        with self._store.read() as connection:
            keys = outbox.unfinished_keys(connection)
        self._on_their_way = frozenset(key.rpartition(":")[0] for key in keys)

    def is_on_its_way(self, key: str) -> bool:
        """True if a call of this key was unfinished when last noted."""
        return key in self._on_their_way

    def idle(self, due: Sequence[Due]) -> list[Due]:
        """Those of which none is on its way."""
        return [one for one in due if one.key not in self._on_their_way]

    def simulate(self, calls: Sequence[Call[Any]]) -> list[Any]:
        """What each call would return if the relayer sent it now; an exception where it fails."""
        return self._chain.views.try_many(
            calls, block="pending", sender=self._chain.relayer.address
        )

    def that_succeed(self, due: Sequence[Due]) -> list[Due]:
        """Those of which none is on its way, and which would succeed now."""
        due = self.idle(due)
        answers = self.simulate([one.call for one in due])
        return [
            one
            for one, answer in zip(due, answers, strict=True)
            if not isinstance(answer, Exception)
        ]

    def write(self, due: Sequence[Due]) -> int:
        """Writes calls to the outbox and wakes the sender; how many were written."""
        due = self.idle(due)
        if not due:
            return 0
        now_ms = int(self._now() * 1000)
        with self._store.write() as connection:
            written = sum(
                outbox.add(
                    connection,
                    key=f"{one.key}:{now_ms}",
                    sender=self._chain.relayer.address,
                    target=one.call.target,
                    data=one.call.data,
                    gas=max(one.gas, least_gas(one.call.data)) + _GAS_PER_BYTE * len(one.call.data),
                    priority=one.priority,
                    now_ms=now_ms,
                )
                for one in due
            )
        if written:
            self._wake_sender()
        return written


class Keeper(ABC):
    """Finds the calls that fall due in one part of the contracts, and has them sent.

    Args:
        wake_sender: called after something was written
        now: Unix seconds
    """

    def __init__(
        self,
        store: Store,
        chain: ChainContext,
        *,
        wake_sender: Callable[[], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._chain = chain
        self._now = now
        self._due = DueCalls(store, chain, wake_sender=wake_sender, now=now)

    @abstractmethod
    def sweep(self) -> int:
        """Looks at everything once; how many calls were written."""


class SweepThread:
    """Sweeps soon after something happened, and now and then without."""

    def __init__(
        self, sweep: Callable[[], object], *, every_s: float, settle_s: float = 0.2
    ) -> None:
        self._sweep = sweep
        self._every_s = every_s
        self._settle_s = settle_s
        self._wake = threading.Event()

    def wake(self) -> None:
        """Something happened that may make a call due."""
        self._wake.set()

    def run(self, stop: threading.Event) -> None:
        """Sweeps until `stop` is set; call `wake` after setting it."""
        while not stop.is_set():
            self._wake.wait(self._every_s)
            self._wake.clear()
            if stop.wait(self._settle_s):  # events come in bunches: one sweep for all
                return
            self._sweep()
