"""Closes slots on time and sees them signed and on their way.

Three steps, each of which resumes from what the one before it stored: close (leaves, salts and root
in one transaction), sign (a quorum's signatures and the outbox row in one transaction), watch (what
became of the row). A closed slot is never recomputed; one that the oracle nodes refuse is left
behind, and the next repeats the last good lines of the meters they named.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from backend import signals
from backend.chain.context import ChainContext
from backend.chain.contracts import ContractError
from backend.chain.notices import announce
from backend.chain.rpc import NodeUnreachableError
from backend.chain.types import Commitment, Quorum, SlotRecord
from backend.ingest.seal import is_signed
from backend.oracle.attestation import build_tree
from backend.oracle.balance import balance_between_wh, condition
from backend.oracle.clock import SlotClock
from backend.oracle.digests import slot_digest
from backend.oracle.domains import SigningDomains, read_domains
from backend.oracle.proposal import ProposedLeaf, SlotProposal
from backend.oracle.quorum import QuorumClient, QuorumError
from backend.oracle.registers import Flows
from backend.oracle.salts import salt_of
from backend.oracle.sum_tree import SumTree
from backend.telemetry import outbox, slots, statements
from backend.telemetry.outbox import OutboxRow, OutboxState
from backend.telemetry.slots import Slot, SlotState, StoredLeaf, pack, unpack
from backend.telemetry.store import Store

log = logging.getLogger(__name__)

COMMIT_GAS = 400_000
COMMIT_PRIORITY = 5
_MAX_HOLD_SLOTS = 64
_MAX_WAITING_SLOTS = 20
"""No more are closed while so many are not on chain: a later one holds all their energy."""
_SIGN_AGAIN_S = 30.0
"""How long after its signing a slot's commitment may fail before new signatures are asked for."""


@dataclass(frozen=True, slots=True)
class _Line:
    meter: int
    kind: int
    registers: bytes
    salt: bytes
    reading_id: int
    stale: bool


class SlotCloser:
    """Closes, has signed, and hands over.

    Args:
        kinds: EntityKind of each meter registered on chain
        salt_key: what leaves' salts derive from
        wake_sender: called when an outbox row was written
    """

    def __init__(
        self,
        store: Store,
        chain: ChainContext,
        quorum: QuorumClient,
        *,
        kinds: Callable[[], Mapping[int, int]],
        salt_key: bytes,
        grace_s: float,
        wake_sender: Callable[[], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._chain = chain
        self._quorum = quorum
        self._kinds = kinds
        self._salt_key = salt_key
        self._grace_s = grace_s
        self._wake_sender = wake_sender
        self._now = now
        self._domains: SigningDomains | None = None
        self._holds: dict[int, tuple[int, int]] = {}
        self.clock = SlotClock(chain.deployment.slot_seconds)
        self.last_error: str | None = None

    def step(self) -> float:
        """Does what is due; seconds until something may be due again.

        Raises NodeUnreachableError, RpcError, QuorumError (nodes down): try again later.
        """
        self.close_due()
        self.sign_waiting()
        self.watch()
        return self.clock.seconds_until_due(self._now(), self._grace_s)

    # ---- close ---------------------------------------------------------------------------------

    def close_due(self) -> int | None:
        """Closes the newest slot that is over, if it is not closed; its number."""
        with self._store.read() as connection:
            newest = slots.newest_number(connection)
            waiting = slots.in_states(connection, slots.WAITING)
        slot = self.clock.to_close(self._now(), self._grace_s, newest)
        if slot is None or len(waiting) >= _MAX_WAITING_SLOTS:
            return None
        counted_from = self._previous(waiting[-1] if waiting else None)
        if counted_from is None or slot <= counted_from[0]:
            return None  # the chain and the store, or our clock, do not agree yet: wait
        previous, before = counted_from
        lines = self._lines(slot)
        if not lines:
            return None
        tree = build_tree(lines)
        totals = tree.totals
        behind = _first_backward(totals, before)
        if behind is not None:
            self.last_error = (
                f"slot {slot}: {behind} would fall below what slot {previous} holds; "
                "waiting for meters that have not been heard since the store was new"
            )
            log.warning(self.last_error)
            return None
        self._insert(slot, previous, before, tree, lines)
        return slot

    def _insert(
        self, slot: int, previous: int, before: Flows, tree: SumTree, lines: Sequence[_Line]
    ) -> None:
        totals = tree.totals
        balance = balance_between_wh(totals, before)
        closed = Slot(
            slot=slot,
            previous_slot=previous,
            root=tree.root,
            totals_lo=totals.lo,
            totals_hi=totals.hi,
            leaf_count=tree.leaf_count,
            closed_ms=int(self._now() * 1000),
            balance_wh=balance,
            condition=condition(balance).name.lower(),
            state=SlotState.CLOSED,
            signatures=(),
            tx_hash=None,
            committed_block=None,
            settled_at=None,
        )
        stored = [
            StoredLeaf(ln.meter, ln.kind, ln.registers, ln.salt, ln.reading_id, ln.stale)
            for ln in lines
        ]
        with self._store.write() as connection:
            slots.insert_closed(connection, closed, stored)
        log.info("slot %d closed: %d meters, balance %+d Wh", slot, len(stored), balance)
        self.last_error = None
        announce(signals.slot_closed, slot=slot)

    def _previous(self, waiting: Slot | None) -> tuple[int, Flows] | None:
        """The slot that the next one counts from, and its totals: the newest that waits, or the
        newest on chain; with the node away, the newest that was there.

        None while the chain lacks a slot that it had: the follower will notice, and it waits then.
        """
        with self._store.read() as connection:
            committed = slots.latest_committed(connection)
        try:
            on_chain = self._chain.views.latest_slot(max_age_s=0.0)
            record = self._record(on_chain)
        except NodeUnreachableError:
            ours = waiting or committed
            return (ours.slot, _flows(ours)) if ours is not None else (0, Flows())
        if waiting is not None and waiting.slot > on_chain:
            return waiting.slot, _flows(waiting)
        if committed is not None and committed.slot > on_chain:
            return None
        return (on_chain, _flows(record)) if record is not None else (0, Flows())

    def _record(self, slot: int) -> SlotRecord | None:
        if slot == 0:
            return None
        try:
            return self._chain.views.slot_record(slot, max_age_s=0.0)
        except ContractError:
            return None

    def _lines(self, slot: int) -> list[_Line]:
        """Every meter's line: its newest reading from before the slot's end, else its last line."""
        kinds = self._kinds()
        with self._store.read() as connection:
            sealed = self._sealed_lines(connection, slot, kinds)
            newest = slots.newest_readings(connection, self.clock.end(slot))
            last_slot = slots.latest(connection)
            last = slots.leaves_of(connection, last_slot.slot) if last_slot else []
        if not last:
            last = self._recovered(kinds)
        before = {leaf.meter_id: leaf for leaf in last}
        lines = {leaf.meter_id: self._repeat(slot, leaf) for leaf in last}
        for reading in newest:
            kind = kinds.get(reading.meter_id, 0)
            leaf = before.get(reading.meter_id)
            fresh = leaf is None or reading.reading_id > leaf.reading_id
            if reading.meter_id in sealed:
                continue
            if kind != 0 and fresh and not self._held(reading.meter_id, slot):
                salt = salt_of(self._salt_key, slot, reading.meter_id)
                lines[reading.meter_id] = _Line(
                    reading.meter_id, kind, reading.registers, salt, reading.reading_id, False
                )
        for meter, found in sealed.items():
            leaf = before.get(meter)
            if found is not None and (leaf is None or _is_further(found, leaf)):
                lines[meter] = found
        return [lines[meter] for meter in sorted(lines)]

    def _sealed_lines(
        self, connection: sa.Connection, slot: int, kinds: Mapping[int, int]
    ) -> dict[int, _Line | None]:
        """Lines of meters with a secure element: what it signed in time, or what was lodged.

        A line that the element did not sign could not be answered for (docs/witness.md); None: the
        meter keeps its last one.
        """
        elements = {
            meter: element
            for meter, element in statements.in_force(connection).items()
            if kinds.get(meter, 0) != 0
        }
        lodged = statements.lodged(connection) if elements else {}
        lines: dict[int, _Line | None] = {}
        for meter, element in elements.items():
            candidates: list[tuple[tuple[int, ...], int]] = []
            newest = statements.newest(connection, meter, element.enrolment, self.clock.end(slot))
            if newest is not None and is_signed(newest[0], element, *self._signed_for()):
                candidates.append((element.booked(newest[0]), newest[1]))
            candidates += [(entry.booked, 0) for entry in lodged.get(meter, ())]
            lines[meter] = None
            if candidates:
                registers, reading_id = max(candidates)
                salt = salt_of(self._salt_key, slot, meter)
                lines[meter] = _Line(meter, kinds[meter], pack(registers), salt, reading_id, False)
        return lines

    def _signed_for(self) -> tuple[int, bytes]:
        """The chain and the ledger that elements sign for."""
        return self._chain.chain_id, bytes.fromhex(self._chain.contracts["MeterLedger"].address[2:])

    def _recovered(self, kinds: Mapping[int, int]) -> list[StoredLeaf]:
        """The last lines from the oracle nodes' memory, if the store is empty and the chain not."""
        on_chain = self._chain.views.latest_slot(max_age_s=0.0)
        if on_chain == 0:
            return []
        log.warning("the store has no slot, the chain has %d: asking the oracle nodes", on_chain)
        known = self._quorum.last_registers(on_chain)
        return [
            StoredLeaf(meter, kinds[meter], registers, b"", 0, True)
            for meter, registers in known.items()
            if meter in kinds
        ]

    def _repeat(self, slot: int, leaf: StoredLeaf) -> _Line:
        salt = salt_of(self._salt_key, slot, leaf.meter_id)
        return _Line(leaf.meter_id, leaf.kind, leaf.registers, salt, leaf.reading_id, True)

    # ---- sign ----------------------------------------------------------------------------------

    def sign_waiting(self) -> None:
        """Has closed slots signed, the oldest first, and writes their commitments to the outbox."""
        with self._store.read() as connection:
            waiting = slots.in_states(connection, (SlotState.CLOSED,))
        for slot in waiting:
            if not self._sign(slot):
                return

    def _sign(self, slot: Slot) -> bool:
        """True if the slot is signed, and those after it may be."""
        if self._chain.views.latest_slot(max_age_s=0.0) >= slot.slot:
            self._supersede(slot)
            return True
        quorum = self._chain.views.quorum(max_age_s=0.0)
        try:
            signatures = self._ask(slot, quorum)
        except QuorumError as error:
            self.last_error = f"slot {slot.slot}: {error}"
            if not error.impossible:
                log.warning("%s", self.last_error)
                return False
            self._refused(slot, error)
            return False
        call = self._chain.clients.ledger.commit_slot(commitment_of(slot), signatures)
        with self._store.write() as connection:
            slots.set_signed(connection, slot.slot, signatures)
            self._enqueue(connection, slot.slot, call.target, call.data)
        self.last_error = None
        self._wake_sender()
        return True

    def _ask(self, slot: Slot, quorum: Quorum) -> list[bytes]:
        if self._domains is None:
            self._domains = read_domains(self._chain.rpc, self._chain.contracts)
        digest = slot_digest(self._domains.ledger, commitment_of(slot), quorum.epoch)
        return self._quorum.sign_slot(self.proposal(slot), digest, quorum)

    def proposal(self, slot: Slot) -> SlotProposal:
        """A stored slot with the evidence for every line."""
        with self._store.read() as connection:
            proven = slots.leaves_with_evidence(connection, slot.slot)
        leaves = tuple(
            ProposedLeaf(leaf.meter_id, leaf.kind, leaf.registers, leaf.salt, frames)
            for leaf, frames in proven
        )
        return SlotProposal(commitment_of(slot), leaves)

    def _enqueue(self, connection: sa.Connection, slot: int, target: str, data: bytes) -> None:
        key, now_ms = commit_key(slot), int(self._now() * 1000)
        added = outbox.add(
            connection,
            key=key,
            sender=self._chain.relayer.address,
            target=target,
            data=data,
            gas=COMMIT_GAS,
            priority=COMMIT_PRIORITY,
            now_ms=now_ms,
        )
        if not added:
            outbox.rearm(connection, key, data, COMMIT_GAS, now_ms)

    def _refused(self, slot: Slot, error: QuorumError) -> None:
        """Leaves a slot behind that the oracle nodes will never sign."""
        log.error("slot %d is refused by the oracle nodes: %s", slot.slot, error)
        for meter in error.meters:
            _, length = self._holds.get(meter, (0, 1))
            self._holds[meter] = (slot.slot + length, min(2 * length, _MAX_HOLD_SLOTS))
        with self._store.write() as connection:
            later = slots.in_states(connection, (SlotState.CLOSED,))
            for other in later:  # they count from it
                if other.slot >= slot.slot:
                    slots.set_state(connection, other.slot, SlotState.REFUSED)

    def _held(self, meter: int, slot: int) -> bool:
        """True while a meter whose line was refused is to repeat its last good line."""
        until, _ = self._holds.get(meter, (0, 1))
        return slot <= until

    # ---- watch ---------------------------------------------------------------------------------

    def watch(self) -> None:
        """Signed slots that are not on chain, though their transaction is done: mends them."""
        with self._store.read() as connection:
            waiting = slots.in_states(connection, (SlotState.SIGNED, SlotState.SENT))
            rows = {slot.slot: outbox.get(connection, commit_key(slot.slot)) for slot in waiting}
            failed = outbox.in_states(connection, (OutboxState.FAILED,), kind="commit")
        self._forget_failed(failed, {commit_key(slot.slot) for slot in waiting})
        if not waiting:
            return
        latest = self._chain.views.latest_slot(max_age_s=0.0)
        for slot in waiting:
            row = rows[slot.slot]
            if slot.slot <= latest:
                self._supersede(slot)
            elif row is None or row.state in (OutboxState.OBSOLETE, OutboxState.CONFIRMED):
                self._sign_again(slot)  # the chain is an older one, or the outbox was lost
            elif row.state is OutboxState.FAILED:
                if self._never(slot, latest):
                    self._give_up(waiting, slot)
                    return
                age_s = self._now() - (row.sent_ms or row.created_ms) / 1000
                if age_s > min(_SIGN_AGAIN_S, self.clock.slot_seconds):
                    log.warning("slot %d: commitment failed: %s", slot.slot, row.error)
                    self._sign_again(slot)

    def _never(self, slot: Slot, latest: int) -> bool:
        """True if the slot before this one is not the chain's newest and will not become it."""
        if slot.previous_slot <= latest:
            return slot.previous_slot < latest
        with self._store.read() as connection:
            before = slots.get(connection, slot.previous_slot)
        return before is None or before.state in (SlotState.REFUSED, SlotState.SUPERSEDED)

    def _forget_failed(self, failed: Sequence[OutboxRow], waiting: set[str]) -> None:
        """Commitments that failed and that no slot waits for any more."""
        for row in failed:
            if row.key not in waiting:
                with self._store.write() as connection:
                    outbox.update(connection, row.id, state=OutboxState.OBSOLETE.value)

    def _give_up(self, waiting: Sequence[Slot], first: Slot) -> None:
        """Slots that count from one that is not on chain; the next counts from what is."""
        log.error("slot %d counts from %d, which the chain lacks", first.slot, first.previous_slot)
        with self._store.write() as connection:
            for slot in waiting:
                if slot.slot >= first.slot:
                    slots.set_state(connection, slot.slot, SlotState.SUPERSEDED)

    def _sign_again(self, slot: Slot) -> None:
        """Asks for new signatures: the signer set may have changed."""
        with self._store.write() as connection:
            slots.set_state(connection, slot.slot, SlotState.CLOSED, signatures=None)
        self._sign(slot)

    def _supersede(self, slot: Slot) -> None:
        """The chain is at or past this slot: it holds ours, or never will."""
        record = self._record(slot.slot)
        ours = record is not None and record.root == slot.root
        if not ours:
            log.error("slot %d: the chain went past it without our root", slot.slot)
        with self._store.write() as connection:  # the follower adds block and transaction
            state = SlotState.COMMITTED if ours else SlotState.SUPERSEDED
            slots.set_state(connection, slot.slot, state)


def commitment_of(slot: Slot) -> Commitment:
    """What is signed about a stored slot."""
    return Commitment(
        slot.slot,
        slot.previous_slot,
        slot.root,
        slot.totals_lo,
        slot.totals_hi,
        slot.leaf_count,
    )


def commit_key(slot: int) -> str:
    """The outbox key of a slot's commitment."""
    return f"commit:{slot}"


def _flows(slot: Slot | SlotRecord) -> Flows:
    return Flows.from_words(slot.totals_lo, slot.totals_hi)


def _is_further(line: _Line, leaf: StoredLeaf) -> bool:
    """True if a line's registers are not below a leaf's, and differ."""
    return line.registers != leaf.registers and statements.at_least(
        unpack(line.registers), unpack(leaf.registers)
    )


def _first_backward(totals: Flows, before: Flows) -> str | None:
    for name in Flows.__dataclass_fields__:
        if getattr(totals, name) < getattr(before, name):
            return name
    return None
