"""After a slot is on chain: settles its meters, batch by batch, in the outbox's transactions.

Anyone could do this; the community's relayer does it so that nobody has to. What a settlement makes
due (drawdown, suspension, bills) is in `upkeep.py`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from backend.chain.context import ChainContext
from backend.chain.fees import least_gas
from backend.chain.types import BillingMode
from backend.oracle.attestation import build_tree
from backend.oracle.sum_tree import SumTree
from backend.telemetry import events, outbox, slots, terms
from backend.telemetry.events import Cursor
from backend.telemetry.outbox import OutboxRow, OutboxState
from backend.telemetry.slots import StoredLeaf
from backend.telemetry.store import Store

log = logging.getLogger(__name__)

CURSOR = "settlement"
PRIORITY = 1
GAS_CEILING = 12_000_000
"""Most gas of one settlement: a fifth of a block, so that it is never waited for long."""
_GAS = 200_000
_GAS_PER_METER = 70_000
_LONGEST_HOLD_SLOTS = 64


@dataclass(frozen=True, slots=True)
class _Line:
    meter: int
    kind: int
    registers: bytes
    salt: bytes


def tree_of(leaves: Iterable[StoredLeaf]) -> SumTree:
    """The sum tree of a slot's stored leaves."""
    return build_tree(_Line(leaf.meter_id, leaf.kind, leaf.registers, leaf.salt) for leaf in leaves)


class Settler:
    """Plans settlements of committed slots, and splits those that fail.

    Args:
        every_slots: settle after so many committed slots
        batch: most meters in one transaction
    """

    def __init__(
        self,
        store: Store,
        chain: ChainContext,
        *,
        every_slots: int,
        wake_sender: Callable[[], None],
        batch: int = 100,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._chain = chain
        self._every_slots = every_slots
        self._wake_sender = wake_sender
        self._batch = batch
        self._now = now
        self._tree: tuple[int, SumTree, dict[int, StoredLeaf]] | None = None
        self._holds: dict[int, tuple[int, int]] = {}

    def step(self) -> None:
        """Plans what is due, splits what failed, notes what is done."""
        self._split_failed()
        self._note_done()
        self._plan()

    # ---- planning ------------------------------------------------------------------------------

    def _plan(self) -> None:
        with self._store.read() as connection:
            latest = slots.latest_committed(connection)
            done = events.cursor(connection, CURSOR)
            if latest is None or (done is not None and done.block >= latest.slot):
                return
            since = slots.count_committed(connection, after=done.block if done else 0)
            if since < self._every_slots:
                return
            meters = self._moved(connection, latest.slot)
        batches = [meters[i : i + self._batch] for i in range(0, len(meters), self._batch)]
        with self._store.write() as connection:
            outbox.drop_pending(connection, "settle:")  # the newer slot holds all their energy
            for batch in batches:
                self._add(connection, latest.slot, batch)
            events.move_cursor(connection, CURSOR, Cursor(latest.slot, ""))
            if not batches:
                self._set_settled(connection, latest.slot)
        if batches:
            log.info("slot %d: %d meters to settle", latest.slot, len(meters))
            self._wake_sender()

    def _moved(self, connection: sa.Connection, slot: int) -> list[int]:
        """Meters whose settlement would change something, ascending.

        Those that supply on request, and those whose terms change, are settled even if nothing
        flowed: what waits for it is that the slot is settled.
        """
        settled = slots.settled(connection)
        always = set(terms.where(connection, changing=True))
        always.update(terms.where(connection, mode=BillingMode.ON_REQUEST))
        found = []
        for leaf in slots.leaves_of(connection, slot):
            before = settled.get(leaf.meter_id)
            booked = before.registers if before is not None else bytes(30)
            if leaf.registers != booked or leaf.meter_id in always:
                until, _ = self._holds.get(leaf.meter_id, (0, 1))
                if slot > until:
                    found.append(leaf.meter_id)
        return found

    def _add(self, connection: sa.Connection, slot: int, meters: Sequence[int]) -> None:
        """Writes the settlement of some meters; halves that are too much for one transaction."""
        tree, leaves = self._tree_of(connection, slot)
        proof = tree.multiproof(meters)
        call = self._chain.clients.ledger.settle_many(
            slot,
            [
                (meter, int.from_bytes(leaves[meter].registers, "big"), leaves[meter].salt)
                for meter in meters
            ],
            [node.words() for node in proof.siblings],
            proof.flags,
        )
        gas = max(_GAS + _GAS_PER_METER * len(meters), least_gas(call.data)) + 16 * len(call.data)
        if gas > GAS_CEILING and len(meters) > 1:
            middle = len(meters) // 2
            self._add(connection, slot, meters[:middle])
            self._add(connection, slot, meters[middle:])
            return
        key = f"settle:{slot}:{meters[0]}-{meters[-1]}:{len(meters)}"
        outbox.add(
            connection,
            key=key,
            sender=self._chain.relayer.address,
            target=call.target,
            data=call.data,
            gas=gas,
            priority=PRIORITY,
            now_ms=int(self._now() * 1000),
        )

    def _tree_of(
        self, connection: sa.Connection, slot: int
    ) -> tuple[SumTree, dict[int, StoredLeaf]]:
        if self._tree is None or self._tree[0] != slot:
            stored = slots.leaves_of(connection, slot)
            self._tree = (slot, tree_of(stored), {leaf.meter_id: leaf for leaf in stored})
        return self._tree[1], self._tree[2]

    # ---- what became of it ---------------------------------------------------------------------

    def _split_failed(self) -> None:
        """Halves settlements that were refused, down to the one meter that is to blame."""
        with self._store.read() as connection:
            failed = outbox.in_states(connection, (OutboxState.FAILED,), kind="settle")
        for row in failed:
            slot, meters = self._meters_of(row)
            with self._store.write() as connection:
                outbox.update(connection, row.id, state=OutboxState.OBSOLETE.value)
                if len(meters) > 1 and slots.get(connection, slot) is not None:
                    middle = len(meters) // 2
                    self._add(connection, slot, meters[:middle])
                    self._add(connection, slot, meters[middle:])
                else:
                    self._hold(meters[0], slot, row.error)
        if failed:
            self._wake_sender()

    def _hold(self, meter: int, slot: int, error: str | None) -> None:
        _, length = self._holds.get(meter, (0, 1))
        self._holds[meter] = (slot + length, min(2 * length, _LONGEST_HOLD_SLOTS))
        log.error("meter %d cannot be settled at slot %d: %s", meter, slot, error)

    def _meters_of(self, row: OutboxRow) -> tuple[int, list[int]]:
        _, arguments = self._chain.clients.ledger.contract.decode_input(row.data)
        return arguments["slot"], [leaf["meter"] for leaf in arguments["leaves"]]

    def _note_done(self) -> None:
        """Marks the planned slot as settled once none of its transactions is on its way."""
        with self._store.read() as connection:
            planned = events.cursor(connection, CURSOR)
            slot = slots.get(connection, planned.block) if planned is not None else None
            if slot is None or slot.settled_at is not None:
                return
            if outbox.is_unfinished(connection, f"settle:{slot.slot}:"):
                return
        with self._store.write() as connection:
            self._set_settled(connection, slot.slot)

    def _set_settled(self, connection: sa.Connection, slot: int) -> None:
        slots.set_settled(connection, slot, int(self._now()))
