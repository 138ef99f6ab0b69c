"""What auctions and ties need done: lots finalised, units delivered, readings of the tie shown.

All of it anyone could do; the community's relayer does it so that nobody has to. A call is written
to the outbox only if a simulation shows that it would succeed.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from backend.chain.contracts import Call, Contract, integer
from backend.chain.deployment import DeployedContract
from backend.chain.tie_readings import waiting_readings
from backend.chain.trading import End, LotState, Progress, Terms, terms_of
from backend.oracle.attestation import build_tree
from backend.oracle.due import Due, Keeper
from backend.oracle.registers import unpack_registers
from backend.telemetry import slots, trades
from backend.telemetry.slots import SlotState

log = logging.getLogger(__name__)

_NEWEST_SLOTS = 32

_GAS: Mapping[str, int] = {
    "finalise": 5_000_000,
    "deliver": 200_000,
    "takeback": 200_000,
    "show": 500_000,
    "silent": 400_000,
    "timeout": 300_000,
    "payowed": 250_000,
}
_PRIORITY: Mapping[str, int] = {
    "finalise": 3, "deliver": 2, "takeback": 1, "show": 4, "silent": 2, "timeout": 2, "payowed": 1,
}  # fmt: skip


def _due(kind: str, what: str, call: Call[Any]) -> Due:
    return Due(f"{kind}:{what}", call, _GAS[kind], _PRIORITY[kind])


class _Line(NamedTuple):
    meter: int
    kind: int
    registers: bytes
    salt: bytes


class TradeKeeper(Keeper):
    """Looks for calls that auctions and ties wait for, and writes them to the outbox."""

    def sweep(self) -> int:
        """Looks at everything once; how many calls were written."""
        self._due.note()
        return self._due.write(self._due.that_succeed([*self._lots(), *self._ties()]))

    # ---- auctions ------------------------------------------------------------------------------

    def _lots(self) -> list[Due]:
        auction, now = self._chain.clients.auction, int(self._now())
        slot = now // self._chain.deployment.slot_seconds
        open_state = int(LotState.OPEN)
        with self._store.read() as connection:
            over = trades.lots_due(connection, open_state, now)
            won = trades.bids_with_rest(connection, slot)
            unsold = trades.lots_with_rest(connection, open_state)
        return [
            *(_due("finalise", str(lot), auction.finalise(lot)) for lot in over),
            *(_due("deliver", str(bid), auction.take_energy(bid, to)) for bid, to in won),
            *(_due("takeback", str(lot), auction.take_unsold(lot, to)) for lot, to in unsold),
        ]

    # ---- ties ----------------------------------------------------------------------------------

    def _ties(self) -> list[Due]:
        with self._store.read() as connection:
            agreements = trades.agreements(connection)
            disputes = trades.open_disputes(connection)
        tie, views = self._chain.clients.tie, self._chain.views
        ids = [int(row["agreement_id"]) for row in agreements]
        states = views.ask_many([tie.progress(i) for i in ids], max_age_s=0.0)
        due: list[Due] = []
        for row, state in zip(agreements, states, strict=True):
            due += self._tie(int(row["agreement_id"]), _terms(row), state)
        due += [_due("timeout", f"{i}-{slot}", tie.time_out(i, slot)) for i, slot in disputes]
        return [*due, *self._owed(ids)]

    def _tie(self, agreement: int, terms: Terms, state: Progress) -> list[Due]:
        """Our end's reading of the newest slot that counts, and what the other's silence allows."""
        own = self._chain.deployment["MeterLedger"].address.lower()
        waiting = self._waiting(agreement, state)
        due = []
        for end, ledger, meter, other in (
            (End.A, terms.ledger_a, terms.meter_a, terms.ledger_b),
            (End.B, terms.ledger_b, terms.meter_b, terms.ledger_a),
        ):
            if ledger.lower() != own:
                continue
            slot = self._slot_to_show(terms, state, other, alone=not waiting)
            line = None if slot is None else self._line(slot, meter)
            if slot is not None and line is not None:
                if slot not in waiting and _net_wh(line[0][1], end) == state.net_wh[end]:
                    continue  # nothing flowed here; if something did there, it is shown there
                call = self._chain.clients.tie.show(agreement, slot, end, *line)
                due.append(_due("show", f"{agreement}-{slot}-{int(end)}", call))
        return [*due, *self._silent(agreement, waiting)]

    def _slot_to_show(
        self, terms: Terms, state: Progress, other_ledger: str, *, alone: bool
    ) -> int | None:
        """The newest slot in both ledgers; ours alone when the other has long been silent."""
        with self._store.read() as connection:
            newest = slots.page(connection, _NEWEST_SLOTS)
        first = terms.first_slot - 1 if state.settled_slot == 0 else state.settled_slot + 1
        own = [
            slot
            for slot in newest
            if slot.state is SlotState.COMMITTED and first <= slot.slot <= state.last_slot
        ]
        if not own or not terms.two_ended:
            return own[0].slot if own else None
        ledger = self._ledger(other_ledger)
        held = self._chain.views.try_many(
            [ledger.call("slotRecord", slot.slot) for slot in own], max_age_s=0.0
        )
        for slot, answer in zip(own, held, strict=True):
            if not isinstance(answer, Exception):
                return slot.slot
        waited_s = self._now() - (own[-1].slot + 1) * self._chain.deployment.slot_seconds
        return own[0].slot if alone and waited_s > terms.silence_seconds / 2 else None

    def _ledger(self, address: str) -> Contract:
        """Another microgrid's ledger, by the ABI of ours."""
        own = self._chain.deployment["MeterLedger"]
        return Contract(DeployedContract("MeterLedger", address, own.abi, own.block))

    def _line(
        self, slot: int, meter: int
    ) -> tuple[tuple[int, int, bytes], list[tuple[bytes, bytes, bytes]], int] | None:
        """The tie's leaf in a slot, and its proof; None if there is none, or none of this slot: a
        meter that was not heard is shown with its next reading, which holds the energy of both."""
        with self._store.read() as connection:
            stored = slots.leaves_of(connection, slot)
        leaf = next((leaf for leaf in stored if leaf.meter_id == meter), None)
        if leaf is None or leaf.stale:
            return None
        tree = build_tree(_Line(x.meter_id, x.kind, x.registers, x.salt) for x in stored)
        proof = tree.proof(meter)
        registers = int.from_bytes(leaf.registers, "big")
        return (meter, registers, leaf.salt), [n.words() for n in proof.siblings], proof.path

    def _waiting(self, agreement: int, state: Progress) -> list[int]:
        """Slots shown by one end and not settled, newest first."""
        with self._store.read() as connection:
            shown = waiting_readings(connection, agreement, state.settled_slot)
        return sorted({reading.slot for reading in shown}, reverse=True)

    def _silent(self, agreement: int, waiting: Sequence[int]) -> list[Due]:
        """The newest slot that may be settled without the other end."""
        tie = self._chain.clients.tie
        calls = [tie.settle_silent(agreement, slot) for slot in waiting]
        for slot, call, answer in zip(waiting, calls, self._due.simulate(calls), strict=True):
            if not isinstance(answer, Exception):
                return [_due("silent", f"{agreement}-{slot}", call)]
        return []

    def _owed(self, agreements: Sequence[int]) -> list[Due]:
        """Debts that what the debtor has now would lower."""
        tie, views = self._chain.clients.tie, self._chain.views
        asked = [(agreement, end) for agreement in agreements for end in End]
        accounts = views.ask_many([tie.owed(i, end) for i, end in asked], max_age_s=0.0)
        due = []
        for (agreement, end), (_, owed) in zip(asked, accounts, strict=True):
            if owed == 0:
                continue
            call = tie.pay_owed(agreement, end)
            left = self._due.simulate([call])[0]
            if isinstance(left, int) and left < owed:
                due.append(_due("payowed", f"{agreement}-{int(end)}", call))
        return due


def _net_wh(packed: int, end: End) -> int:
    """Cumulative Wh from A to B by an end's registers."""
    registers = unpack_registers(packed)
    out = registers.exported_wh - registers.imported_wh
    return out if end is End.A else -out


def _terms(row: Mapping[str, Any]) -> Terms:
    """Terms as the event's JSON holds them."""
    addresses = ("ledgerA", "ledgerB", "partyA", "partyB", "arbiter")
    return terms_of(
        {
            name: value
            if name in addresses
            else bytes.fromhex(value[2:])
            if name == "salt"
            else integer(value)
            for name, value in row["terms"].items()
        }
    )
