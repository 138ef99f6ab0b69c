"""What falls due on chain: drawdown, refunds, suspension, bills. Each call is anyone's to make.

Nothing is sent blindly: every call is first asked of the node (as a simulation or through a view),
and only sent if it would change something.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backend.chain.contracts import Call
from backend.chain.types import RequestState, SupplyRequest
from backend.oracle.due import Due, Keeper
from backend.oracle.registers import unpack_registers
from backend.telemetry import slots, terms

_GAS: Mapping[str, int] = {
    "draw": 350_000,
    "finish": 350_000,
    "enforce": 350_000,
    "bill": 450_000,
}
_PRIORITY: Mapping[str, int] = {"draw": 3, "finish": 3, "enforce": 6, "bill": 2}


def _due(kind: str, what: int, call: Call[Any]) -> Due:
    return Due(f"{kind}:{what}", call, _GAS[kind], _PRIORITY[kind])


class Upkeep(Keeper):
    """Looks for calls that are due and writes them to the outbox."""

    def sweep(self) -> int:
        """Looks at everything once; how many calls were written."""
        self._due.note()
        return self._due.write([*self._supply(), *self._suspensions(), *self._bills()])

    # ---- supply on request ---------------------------------------------------------------------

    def _supply(self) -> list[Due]:
        views, market = self._chain.views, self._chain.clients.market
        switches = views.ask(self._chain.clients.priority.switches())
        running = views.ask_many([market.open_request_of(s) for s in switches], max_age_s=0.0)
        ids = [request for request in running if request != 0]
        requests = views.ask_many([market.request(i) for i in ids], max_age_s=0.0)
        used = self._used_wh(requests)
        due: list[Due] = []
        for i, request, used_wh in zip(ids, requests, used, strict=True):
            if request.state is RequestState.OPEN and used_wh > request.used_wh:
                due.append(_due("draw", i, market.draw_down(i)))
            elif request.state is RequestState.CLOSING:
                due.append(_due("finish", i, market.finish_supply(i)))
        return self._due.that_succeed(due)

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

    def _suspensions(self) -> list[Due]:
        """Meters in debt, billed or suspended, whose state `enforce` would change."""
        with self._store.read() as connection:
            meters = set(slots.in_debt(connection))
            meters.update(terms.where(connection, billed=True))
            meters.update(terms.where(connection, suspended=True))
        market = self._chain.clients.market
        due = {meter: _due("enforce", meter, market.enforce(meter)) for meter in sorted(meters)}
        wanted = self._due.simulate([one.call for one in due.values()])
        actual = self._chain.views.try_many(
            [market.is_suspended(meter) for meter in due], max_age_s=0.0
        )
        return [
            one
            for one, after, before in zip(due.values(), wanted, actual, strict=True)
            if isinstance(after, bool) and isinstance(before, bool) and after != before
        ]

    # ---- bills ---------------------------------------------------------------------------------

    def _bills(self) -> list[Due]:
        with self._store.read() as connection:
            billed = terms.where(connection, billed=True)
        tariff = self._chain.clients.tariff
        next_at = self._chain.views.try_many([tariff.next_bill_at(meter) for meter in billed])
        due: list[Due] = [
            _due("bill", meter, tariff.issue_bill(meter))
            for meter, at in zip(billed, next_at, strict=True)
            if isinstance(at, int) and 0 < at <= self._now()
        ]
        return self._due.that_succeed(due)
