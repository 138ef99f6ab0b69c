"""The one sender of the oracle's transactions: outbox in, chain out.

A row is signed and stored before it is offered to the node, so that after any crash the very same
bytes are offered again. Nonces are counted here; the chain's own count corrects them. A row leaves
only when its receipt is `confirmations` deep; if the block vanishes, or the whole chain is an older
one, it goes out again. Every effect counts once on chain: sending twice is a waste, never wrong.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from eth_account.signers.local import LocalAccount

from backend.chain.contracts import ContractSet
from backend.chain.effects import EffectCheck, Effects
from backend.chain.fees import FeePolicy, least_gas
from backend.chain.refusals import Refusal, classify
from backend.chain.rpc import NodeUnreachableError, Request, RpcClient, RpcError, number, quantity
from backend.chain.transactions import TransactionSigner
from backend.telemetry import outbox
from backend.telemetry.outbox import OutboxRow, OutboxState
from backend.telemetry.store import Store

log = logging.getLogger(__name__)

Transition = Callable[[sa.Connection, OutboxRow, OutboxState], None]
"""Told of a row's new state, within the transaction that stores it."""


@dataclass(frozen=True, slots=True)
class SenderPolicy:
    """How patient the sender is.

    Args:
        confirmations: blocks, its own included, until a receipt counts as final; at least 1
        max_in_flight: transactions with the node at once; nodes drop what exceeds their queue
        bump_after_s: a transaction not mined for so long offers more
        poll_s: longest pause while something is in flight
        idle_s: longest pause while nothing is
        longest_back_off_s: longest pause while the node is out of reach
    """

    confirmations: int = 1
    max_in_flight: int = 32
    bump_after_s: float = 30.0
    poll_s: float = 1.0
    idle_s: float = 5.0
    longest_back_off_s: float = 10.0
    fees: FeePolicy = field(default_factory=FeePolicy)


@dataclass(frozen=True, slots=True)
class SenderStatus:
    """For health pages: what waits and why."""

    counts: Mapping[str, int]
    unreachable_since: float | None
    last_error: str | None
    balance_wei: int | None


@dataclass(frozen=True, slots=True)
class _Head:
    block: int
    base_fee: int
    nonce: int
    balance: int


class Sender:
    """Sends what the outbox holds for one account. `run` is its thread; `wake` it for a new row."""

    def __init__(
        self,
        store: Store,
        rpc: RpcClient,
        contracts: ContractSet,
        account: LocalAccount,
        *,
        policy: SenderPolicy | None = None,
        effects: Mapping[str, EffectCheck] | None = None,
        on_transition: Transition | None = None,
        on_mined: Callable[[], None] | None = None,
    ) -> None:
        self._store = store
        self._rpc = rpc
        self._contracts = contracts
        self._account = account
        self._policy = policy or SenderPolicy()
        self._signer = TransactionSigner(account, contracts.deployment.chain_id, self._policy.fees)
        self._effects = Effects(rpc, effects or {})
        self._on_transition = on_transition
        self._on_mined = on_mined
        self._wake = threading.Event()
        self._offered_at: dict[int, float] = {}
        self._lost_once: set[int] = set()
        self._gap_seen: int | None = None
        self._moves: list[tuple[OutboxRow, OutboxState, dict[str, Any]]] = []
        self._quick_looks = 0
        self._back_off_s = 0.0
        self._unreachable_since: float | None = None
        self._last_error: str | None = None
        self._balance: int | None = None

    @property
    def address(self) -> str:
        """The sending account."""
        return self._account.address

    def wake(self) -> None:
        """Makes the thread look at the outbox now."""
        self._wake.set()

    def run(self, stop: threading.Event) -> None:
        """Sends until `stop` is set; call `wake` after setting it."""
        while not stop.is_set():
            pause = self.step()
            if self._unreachable_since is not None:
                stop.wait(pause)  # new rows do not hurry a node that is away
            else:
                self._wake.wait(pause)
            self._wake.clear()

    def step(self) -> float:
        """One round: look for receipts, repair, send. Returns the seconds until the next is due."""
        try:
            pause = self._round()
        except NodeUnreachableError as error:
            return self._backed_off(error)
        if self._unreachable_since is not None:
            log.info("the node is back after %.0f s", time.monotonic() - self._unreachable_since)
            self._offered_at.clear()  # it may have forgotten what it was offered: offer again
        self._unreachable_since = None
        self._back_off_s = 0.0
        return pause

    def status(self) -> SenderStatus:
        """What waits, and what is wrong."""
        with self._store.read() as connection:
            counts = outbox.counts(connection)
        return SenderStatus(counts, self._unreachable_since, self._last_error, self._balance)

    # ---- one round -----------------------------------------------------------------------------

    def _round(self) -> float:
        self._moves.clear()
        head = self._head()
        self._balance = head.balance
        self._take_back_unrolled(head)
        in_flight, used = self._look_for_receipts(head)
        in_flight = self._close_gaps(head, in_flight, used)
        self._offer_again(head, in_flight)
        sent = self._send_pending(head, in_flight)
        if sent:
            self._quick_looks = 8
        if not sent and not in_flight:
            return self._policy.idle_s
        if self._quick_looks > 0:  # a local node mines at once: look soon, then less and less often
            self._quick_looks -= 1
            return min(0.005 * float(2 ** (7 - self._quick_looks)), self._policy.poll_s)
        return self._policy.poll_s

    def _head(self) -> _Head:
        block, nonce, balance = self._rpc.batch(
            [
                ("eth_getBlockByNumber", ["latest", False]),
                ("eth_getTransactionCount", [self.address, "latest"]),
                ("eth_getBalance", [self.address, "latest"]),
            ]
        )
        for answer in (block, nonce, balance):
            if isinstance(answer, RpcError) or answer is None:
                raise NodeUnreachableError(f"the node cannot tell its head: {answer}")
        base_fee = number(block.get("baseFeePerGas") or "0x0")
        return _Head(number(block["number"]), base_fee, number(nonce), number(balance))

    # ---- receipts ------------------------------------------------------------------------------

    def _look_for_receipts(self, head: _Head) -> tuple[list[OutboxRow], set[int]]:
        """Moves rows on by their receipts.

        Returns the rows that are not mined, by nonce, and the nonces that are seen to be used.
        """
        with self._store.read() as connection:
            rows = outbox.in_states(
                connection, (OutboxState.SENT, OutboxState.MINED), sender=self.address
            )
        if not rows:
            return [], set()
        hashes = [(row, tx_hash) for row in rows for tx_hash in row.hashes]
        answers = self._rpc.batch([("eth_getTransactionReceipt", [h]) for _, h in hashes])
        receipts: dict[int, Mapping[str, Any]] = {}
        for (row, _), answer in zip(hashes, answers, strict=True):
            if isinstance(answer, Mapping) and answer.get("blockNumber"):
                receipts[row.id] = answer
        waiting: list[OutboxRow] = []
        used: set[int] = set()
        for row in rows:
            receipt = receipts.get(row.id)
            if receipt is not None:
                used.add(row.nonce or 0)
                self._mined(row, receipt, head)
            else:
                waiting.extend(self._not_mined(row, head))
        self._write_moves()
        return sorted(waiting, key=lambda row: row.nonce or 0), used

    def _mined(self, row: OutboxRow, receipt: Mapping[str, Any], head: _Head) -> None:
        block = number(receipt["blockNumber"])
        deep = head.block - block + 1 >= self._policy.confirmations
        changes: dict[str, Any] = {
            "block": block,
            "block_hash": receipt["blockHash"],
            "gas_used": number(receipt["gasUsed"]),
            "error": None,
            "tx_hash": receipt["transactionHash"],
            "replaced": [h for h in reversed(row.hashes) if h != receipt["transactionHash"]],
        }
        self._lost_once.discard(row.id)
        if number(receipt["status"]) == 1:
            state = OutboxState.CONFIRMED if deep else OutboxState.MINED
            if state is not row.state or row.block_hash != receipt["blockHash"]:
                self._move(row, state, **changes)
                if row.state is OutboxState.SENT and self._on_mined is not None:
                    self._on_mined()
        elif not deep:
            if row.state is not OutboxState.MINED:
                self._move(row, OutboxState.MINED, **changes)
        elif self._has_effect(row):
            self._move(row, OutboxState.OBSOLETE, **changes)
        else:
            spent = number(receipt["gasUsed"]) >= row.gas * 63 // 64
            reason = f"ran out of gas at {row.gas}" if spent else self._reason(row, block)
            log.warning("%s was refused on chain: %s", row.key, reason)
            self._move(row, OutboxState.FAILED, **{**changes, "error": reason})

    def _not_mined(self, row: OutboxRow, head: _Head) -> list[OutboxRow]:
        if row.state is OutboxState.MINED:
            log.warning("%s: its block %s is no longer part of the chain", row.key, row.block)
            self._move(row, OutboxState.SENT, block=None, block_hash=None, gas_used=None)
        if row.nonce is not None and row.nonce >= head.nonce:
            self._lost_once.discard(row.id)
            return [row]
        # The nonce is used up without a receipt of ours: a foreign transaction, or a slow index.
        if row.id not in self._lost_once:
            self._lost_once.add(row.id)
            return []
        self._lost_once.discard(row.id)
        log.warning("%s: another transaction took nonce %s", row.key, row.nonce)
        self._begin_again(row)
        return []

    def _reason(self, row: OutboxRow, block: int) -> str:
        """Why a mined transaction reverted, asked by playing it again."""
        call = {
            "from": row.sender,
            "to": row.target,
            "data": "0x" + row.data.hex(),
            "gas": hex(row.gas),
        }
        try:
            self._rpc.call("eth_call", call, quantity(block))
        except RpcError as error:
            refusal = self._contracts.revert_of(error)
            return f"{refusal.name}: {refusal.message}" if refusal else error.message
        return "reverted then, would succeed now"

    # ---- repair --------------------------------------------------------------------------------

    def _take_back_unrolled(self, head: _Head) -> None:
        """Final rows whose nonce the chain has not used go out again: it is an older chain."""
        with self._store.read() as connection:
            rows = outbox.with_nonce_from(connection, self.address, head.nonce)
        for row in rows:
            if row.state is OutboxState.CONFIRMED:
                log.warning("%s: the chain no longer holds it (nonce %s)", row.key, row.nonce)
                self._move(row, OutboxState.SENT, block=None, block_hash=None, gas_used=None)
            elif row.state in (OutboxState.OBSOLETE, OutboxState.FAILED):
                self._begin_again(row)
        self._write_moves()

    def _close_gaps(
        self, head: _Head, in_flight: list[OutboxRow], used: set[int]
    ) -> list[OutboxRow]:
        """Rows behind an unused nonce can never be mined: they get new nonces."""
        expected = head.nonce
        kept: list[OutboxRow] = []
        for row in in_flight:
            while expected in used:
                expected += 1
            if row.nonce == expected:
                kept.append(row)
                expected += 1
        behind = in_flight[len(kept) :]
        if not behind or self._gap_seen != expected:  # seen twice: a node may lag for a moment
            self._gap_seen = expected if behind else None
            return in_flight
        log.warning("nonce %d is unused, %d rows wait behind it", expected, len(behind))
        self._gap_seen = None
        for row in behind:
            self._begin_again(row)
        self._write_moves()
        return kept

    def _begin_again(self, row: OutboxRow) -> None:
        changes: dict[str, Any] = {
            "nonce": None,
            "tx_hash": None,
            "raw": None,
            "replaced": [],
            "block": None,
            "block_hash": None,
            "gas_used": None,
        }
        state = OutboxState.OBSOLETE if self._has_effect(row) else OutboxState.PENDING
        self._move(row, state, **changes)

    # ---- sending -------------------------------------------------------------------------------

    def _offer_again(self, head: _Head, in_flight: Sequence[OutboxRow]) -> None:
        """Offers rows the node may not know, and a better fee for those that wait long."""
        now = time.monotonic()
        again: list[OutboxRow] = []
        for row in in_flight:
            offered = self._offered_at.get(row.id)
            if offered is None:
                again.append(row)
            elif now - offered > self._policy.bump_after_s:
                again.append(self._signed_again(row, head))
        self._offer(again, head)

    def _send_pending(self, head: _Head, in_flight: Sequence[OutboxRow]) -> int:
        room = self._policy.max_in_flight - len(in_flight)
        if room <= 0:
            return 0
        with self._store.read() as connection:
            rows = outbox.in_states(
                connection, (OutboxState.PENDING,), sender=self.address, limit=room
            )
            # Receipts seen in this round may have freed or moved rows: count from what is stored.
            nonces = [
                row.nonce for row in outbox.with_nonce_from(connection, self.address, head.nonce)
            ]
        rows = self._without_obsolete(self._without_impossible(rows))
        self._write_moves()
        if not rows:
            return 0
        nonce = max([head.nonce - 1, *(n for n in nonces if n is not None)]) + 1
        signed = [
            self._signer.sign(row, nonce + offset, head.base_fee) for offset, row in enumerate(rows)
        ]
        with self._store.write() as connection:
            for row, changes in zip(rows, signed, strict=True):
                self._save(connection, row, OutboxState.SENT, changes)
        with self._store.read() as connection:
            stored = [found for row in rows if (found := outbox.get(connection, row.key))]
        self._offer(stored, head)
        return len(stored)

    def _offer(self, rows: Sequence[OutboxRow], head: _Head) -> None:
        """Offers stored raw transactions to the node, in order of nonce, in one array."""
        if not rows:
            return
        calls: list[Request] = [
            ("eth_sendRawTransaction", ["0x" + (row.raw or b"").hex()]) for row in rows
        ]
        answers = self._rpc.batch(calls)
        now = time.monotonic()
        for row, answer in zip(rows, answers, strict=True):
            self._offered_at[row.id] = now
            if isinstance(answer, RpcError):
                self._refused(row, answer, head)
            else:
                self._last_error = None
        self._write_moves()

    def _refused(self, row: OutboxRow, error: RpcError, head: _Head) -> None:
        refusal = classify(error.message)
        if refusal in (Refusal.KNOWN, Refusal.NONCE_TOO_LOW):
            return  # the next round finds the receipt, or another's transaction at this nonce
        self._last_error = f"{row.key}: {error.message}"
        if refusal is Refusal.UNDERPRICED:
            log.info("%s: underpriced at nonce %s, offering more", row.key, row.nonce)
            better = self._signed_again(row, head)
            answer = self._rpc.batch(
                [("eth_sendRawTransaction", ["0x" + (better.raw or b"").hex()])]
            )[0]
            if isinstance(answer, RpcError):
                log.warning("%s: still refused: %s", row.key, answer.message)
        elif refusal is Refusal.PERMANENT:
            log.error("%s can never be mined: %s", row.key, error.message)
            self._move(row, OutboxState.FAILED, error=error.message, nonce=None)
        else:
            log.warning("%s: the node refuses it for now: %s", row.key, error.message)

    def _signed_again(self, row: OutboxRow, head: _Head) -> OutboxRow:
        """The row at the same nonce with a better fee, stored."""
        assert row.nonce is not None
        changes = self._signer.sign(row, row.nonce, head.base_fee, row.max_fee_per_gas or 0)
        if row.tx_hash and changes["tx_hash"] != row.tx_hash:
            changes["replaced"] = [*row.replaced, row.tx_hash]
        with self._store.write() as connection:
            self._save(connection, row, OutboxState.SENT, changes)
        with self._store.read() as connection:
            return outbox.get(connection, row.key) or row

    # ---- effects and states --------------------------------------------------------------------

    def _has_effect(self, row: OutboxRow) -> bool:
        return not self._effects.missing([row])

    def _without_impossible(self, rows: list[OutboxRow]) -> list[OutboxRow]:
        """The rows that a block could hold; the others fail."""
        for row in rows:
            if row.gas < least_gas(row.data):
                log.error("%s: %d gas do not even carry its data", row.key, row.gas)
                error = f"gas {row.gas} is below the least of {least_gas(row.data)}"
                self._move(row, OutboxState.FAILED, error=error)
        return [row for row in rows if row.gas >= least_gas(row.data)]

    def _without_obsolete(self, rows: list[OutboxRow]) -> list[OutboxRow]:
        """The rows whose effect the chain does not show yet; the others become obsolete."""
        needed = self._effects.missing(rows)
        kept = {row.id for row in needed}
        for row in rows:
            if row.id not in kept:
                self._move(row, OutboxState.OBSOLETE)
        return needed

    def _move(self, row: OutboxRow, state: OutboxState, **changes: Any) -> None:
        """Notes what became of a row; `_write_moves` stores all that was noted at once."""
        self._moves.append((row, state, changes))

    def _write_moves(self) -> None:
        if not self._moves:
            return
        with self._store.write() as connection:
            for row, state, changes in self._moves:
                self._save(connection, row, state, changes)
        self._moves.clear()

    def _save(
        self, connection: sa.Connection, row: OutboxRow, state: OutboxState, changes: dict[str, Any]
    ) -> None:
        if state is not OutboxState.SENT or row.state is not OutboxState.SENT:
            self._offered_at.pop(row.id, None)
        outbox.update(connection, row.id, state=state.value, **changes)
        if self._on_transition is not None:
            stored = outbox.get(connection, row.key)
            if stored is not None:
                self._on_transition(connection, stored, state)

    def _backed_off(self, error: NodeUnreachableError) -> float:
        if self._unreachable_since is None:
            self._unreachable_since = time.monotonic()
            log.warning("the node is out of reach: %s", error)
        self._last_error = str(error)
        self._back_off_s = min(max(0.25, self._back_off_s * 2), self._policy.longest_back_off_s)
        return self._back_off_s
