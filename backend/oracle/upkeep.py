"""What falls due on chain: drawdown, refunds, suspension, bills. Each call is anyone's to make.

Nothing is sent blindly: every call is first asked of the node (as a simulation or through a view),
and only sent if it would change something.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from backend.chain.context import ChainContext
from backend.chain.contracts import Call
from backend.chain.types import RequestState, SupplyRequest
from backend.oracle.registers import unpack_registers
from backend.telemetry import outbox, slots, terms
from backend.telemetry.store import Store

log = logging.getLogger(__name__)

_GAS: Mapping[str, int] = {
    "draw": 350_000,
    "finish": 350_000,
    "enforce": 350_000,
    "bill": 450_000,
}
_PRIORITY: Mapping[str, int] = {"draw": 3, "finish": 3, "enforce": 6, "bill": 2}


class Upkeep:
    """Looks for calls that are due and writes them to the outbox."""

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

    def sweep(self) -> int:
        """Looks at everything once; how many calls were written."""
        due = [*self._supply(), *self._suspensions(), *self._bills()]
        written = 0
        with self._store.write() as connection:
            for kind, what, call in due:
                prefix = f"{kind}:{what}:"
                if outbox.is_unfinished(connection, prefix):
                    continue
                now_ms = int(self._now() * 1000)
                written += outbox.add(
                    connection,
                    key=f"{prefix}{now_ms}",
                    sender=self._chain.relayer.address,
                    target=call.target,
                    data=call.data,
                    gas=_GAS[kind],
                    priority=_PRIORITY[kind],
                    now_ms=now_ms,
                )
        if written:
            self._wake_sender()
        return written

    # ---- supply on request ---------------------------------------------------------------------

    def _supply(self) -> list[tuple[str, int, Call[Any]]]:
        views, market = self._chain.views, self._chain.clients.market
        switches = views.ask(self._chain.clients.priority.switches())
        running = views.ask_many([market.open_request_of(s) for s in switches], max_age_s=0.0)
        ids = [request for request in running if request != 0]
        requests = views.ask_many([market.request(i) for i in ids], max_age_s=0.0)
        used = self._used_wh(requests)
        due: list[tuple[str, int, Call[Any]]] = []
        for i, request, used_wh in zip(ids, requests, used, strict=True):
            if request.state is RequestState.OPEN and used_wh > request.used_wh:
                due.append(("draw", i, market.draw_down(i)))
            elif request.state is RequestState.CLOSING:
                due.append(("finish", i, market.finish_supply(i)))
        return self._that_succeed(due)

    def _used_wh(self, requests: Sequence[SupplyRequest]) -> list[int]:
        """Wh each request has used by its meter's settled register; at most what it bought."""
        ledger = self._chain.clients.ledger
        words = self._chain.views.ask_many(
            [ledger.settled_registers(request.meter) for request in requests], max_age_s=0.0
        )
        return [
            min(unpack_registers(word).imported_wh - request.start_imported_wh, request.bought_wh)
            for word, request in zip(words, requests, strict=True)
        ]

    # ---- suspension ----------------------------------------------------------------------------

    def _suspensions(self) -> list[tuple[str, int, Call[Any]]]:
        """Meters in debt, billed or suspended, whose state `enforce` would change."""
        with self._store.read() as connection:
            meters = set(slots.in_debt(connection))
            meters.update(terms.where(connection, billed=True))
            meters.update(terms.where(connection, suspended=True))
        market, ordered = self._chain.clients.market, sorted(meters)
        wanted = self._simulate([market.enforce(meter) for meter in ordered])
        actual = self._chain.views.try_many(
            [market.is_suspended(meter) for meter in ordered], max_age_s=0.0
        )
        return [
            ("enforce", meter, market.enforce(meter))
            for meter, after, before in zip(ordered, wanted, actual, strict=True)
            if isinstance(after, bool) and isinstance(before, bool) and after != before
        ]

    # ---- bills ---------------------------------------------------------------------------------

    def _bills(self) -> list[tuple[str, int, Call[Any]]]:
        with self._store.read() as connection:
            billed = terms.where(connection, billed=True)
        tariff = self._chain.clients.tariff
        next_at = self._chain.views.try_many([tariff.next_bill_at(meter) for meter in billed])
        due: list[tuple[str, int, Call[Any]]] = [
            ("bill", meter, tariff.issue_bill(meter))
            for meter, at in zip(billed, next_at, strict=True)
            if isinstance(at, int) and 0 < at <= self._now()
        ]
        return self._that_succeed(due)

    # ---- asking first --------------------------------------------------------------------------

    def _that_succeed(
        self, due: list[tuple[str, int, Call[Any]]]
    ) -> list[tuple[str, int, Call[Any]]]:
        answers = self._simulate([call for _, _, call in due])
        return [
            entry
            for entry, answer in zip(due, answers, strict=True)
            if not isinstance(answer, Exception)
        ]

    def _simulate(self, calls: Sequence[Call[Any]]) -> list[Any]:
        return self._chain.views.try_many(
            calls, block="pending", sender=self._chain.relayer.address
        )


class UpkeepThread:
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
