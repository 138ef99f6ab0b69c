"""Slots and proofs as the API shows them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import asdict

import sqlalchemy as sa

from backend.api import schemas
from backend.chain.context import ChainContext
from backend.chain.rpc import NodeUnreachableError, RpcError
from backend.oracle.registers import FLOW_NAMES, EntityKind, Flows, Registers, unpack_registers
from backend.oracle.sum_tree import Leaf, SumTree
from backend.telemetry import slots
from backend.telemetry.slots import Slot, SlotState
from backend.telemetry.store import Store

_DEAD = (SlotState.REFUSED, SlotState.SUPERSEDED)
_TREES = 4
NO_FLOWS = Flows()


class SlotReader:
    """Reads slots; the energy of one is the difference to the one before it."""

    def __init__(self, store: Store, chain: ChainContext) -> None:
        self._store = store
        self._chain = chain
        self._slot_seconds = chain.deployment.slot_seconds

    def get(self, number: int) -> schemas.Slot | None:
        """One slot, whatever became of it."""
        with self._store.read() as connection:
            found = slots.get(connection, number)
            return self._answers(connection, [found])[0] if found else None

    def latest(self) -> schemas.Slot | None:
        """The newest slot that is, or may come to be, on chain."""
        with self._store.read() as connection:
            found = slots.latest(connection)
            return self._answers(connection, [found])[0] if found else None

    def latest_committed(self) -> schemas.Slot | None:
        """The newest slot on chain."""
        with self._store.read() as connection:
            found = slots.latest_committed(connection)
            return self._answers(connection, [found])[0] if found else None

    def page(self, limit: int, before: int | None) -> schemas.SlotPage:
        """Slots that are, or may come to be, on chain, newest first."""
        with self._store.read() as connection:
            found: list[Slot] = []
            more = True
            while more and len(found) < limit:
                part = slots.page(connection, limit, before)
                found += [slot for slot in part if slot.state not in _DEAD]
                before = part[-1].slot if part else None
                more = len(part) == limit
            shown = found[:limit]
            answers = self._answers(connection, shown)
        has_more = more or len(found) > limit
        return schemas.SlotPage(
            slots=answers, next_before=shown[-1].slot if shown and has_more else None
        )

    def _answers(self, connection: sa.Connection, found: Sequence[Slot]) -> list[schemas.Slot]:
        known = {slot.slot: flows_of(slot) for slot in found}
        return [
            slot_answer(slot, self._before(connection, slot, known), self._slot_seconds)
            for slot in found
        ]

    def _before(self, connection: sa.Connection, slot: Slot, known: dict[int, Flows]) -> Flows:
        previous = slot.previous_slot
        if previous == 0:
            return NO_FLOWS
        if previous not in known:
            stored = slots.get(connection, previous)
            known[previous] = flows_of(stored) if stored else self._from_chain(previous)
        return known[previous]

    def _from_chain(self, number: int) -> Flows:
        """Totals of a slot that a store older than this one held."""
        try:
            record = self._chain.views.slot_record(number)
        except (NodeUnreachableError, RpcError):
            return NO_FLOWS
        return Flows.from_words(record.totals_lo, record.totals_hi)


def flows_of(slot: Slot) -> Flows:
    """A slot's cumulative flows."""
    return Flows.from_words(slot.totals_lo, slot.totals_hi)


def slot_answer(slot: Slot, before: Flows, slot_seconds: int) -> schemas.Slot:
    """A slot as the API shows it; `before`: the flows at the slot it is counted from."""
    totals = flows_of(slot)
    energy = {name: getattr(totals, name) - getattr(before, name) for name in FLOW_NAMES}
    return schemas.Slot.model_validate(
        {
            "slot": slot.slot,
            "starts_at": slot.slot * slot_seconds,
            "ends_at": (slot.slot + 1) * slot_seconds,
            "previous_slot": slot.previous_slot,
            "root": _hex(slot.root),
            "totals": asdict(totals),
            "energy": energy,
            "balance_wh": slot.balance_wh,
            "condition": slot.condition,
            "leaf_count": slot.leaf_count,
            "state": slot.state.value,
            "transaction": slot.tx_hash,
            "block": slot.committed_block,
            "closed_ms": slot.closed_ms,
            "settled_at": slot.settled_at,
        }
    )


class ProofReader:
    """Proofs of single lines. A tree serves many; the newest few are kept."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._trees: OrderedDict[int, SumTree] = OrderedDict()

    def proof(self, number: int, meter: int) -> schemas.LeafProof | None:
        """The proof of a meter's line in a closed slot; None if there is no such line."""
        with self._store.read() as connection:
            leaf = slots.leaf_of(connection, number, meter)
        if leaf is None:
            return None
        tree = self._tree(number)
        proof = tree.proof(meter)
        registers = unpack_registers(int.from_bytes(leaf.registers, "big"))
        return schemas.LeafProof(
            slot=number,
            leaf=schemas.ProofLeaf(
                meter=meter,
                kind=kind_name(leaf.kind),
                registers=register_answer(registers),
                packed=word(int.from_bytes(leaf.registers, "big")),
                salt=_hex(leaf.salt),
            ),
            siblings=[
                schemas.ProofSibling(
                    hash=_hex(node.hash),
                    lo=word(node.lo),
                    hi=word(node.hi),
                    left=bool(proof.path >> i & 1),
                )
                for i, node in enumerate(proof.siblings)
            ],
            path=word(proof.path),
            root=_hex(tree.root),
            totals_lo=word(tree.totals.lo),
            totals_hi=word(tree.totals.hi),
        )

    def _tree(self, number: int) -> SumTree:
        with self._lock:  # building one for everybody who waits, not one for each
            tree = self._trees.get(number)
            if tree is None:
                with self._store.read() as connection:
                    stored = slots.leaves_of(connection, number)
                tree = SumTree.build(
                    Leaf(
                        leaf.meter_id,
                        EntityKind(leaf.kind),
                        unpack_registers(int.from_bytes(leaf.registers, "big")),
                        leaf.salt,
                    )
                    for leaf in stored
                )
                self._trees[number] = tree
                while len(self._trees) > _TREES:
                    self._trees.popitem(last=False)
            self._trees.move_to_end(number)
            return tree


def kind_name(kind: int) -> schemas.Kind:
    """An EntityKind by name."""
    name: schemas.Kind = EntityKind(kind).name.lower()  # type: ignore[assignment]  # by a test
    return name


def register_answer(registers: Registers) -> schemas.Registers:
    """Six registers by name."""
    return schemas.Registers(**asdict(registers))


def word(value: int) -> str:
    """A 256-bit value as 0x hex."""
    return f"0x{value:064x}"


def _hex(value: bytes) -> str:
    return "0x" + value.hex()
