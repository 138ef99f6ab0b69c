"""Follows the contracts' events: stored once, in order, taken back when the chain changes its mind.

The cursor, the events and what handlers make of them move in one database transaction. Notices go
out after it: a receiver that missed one (a crash between) finds everything in the store.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend import signals
from backend.chain.contracts import ContractSet, integer, json_value
from backend.chain.handlers import EventHandlers
from backend.chain.notices import announce
from backend.chain.rpc import NodeUnreachableError, RpcClient, RpcError, number, quantity
from backend.telemetry import commands, events
from backend.telemetry.events import ChainEvent, Cursor
from backend.telemetry.store import Store

__all__ = ["ChainEvent", "EventFollower", "FollowerPolicy"]

log = logging.getLogger(__name__)

CURSOR = "follower"
_MARKS = 512  # remembered blocks; a deeper reorganisation is followed again from the deployment


@dataclass(frozen=True, slots=True)
class FollowerPolicy:
    """How far behind the head and how often.

    Args:
        confirmations: an event counts when its block has so many, its own included; at least 1
        range_blocks: most blocks asked for at once; nodes refuse more
        poll_s: pause when there is nothing new
    """

    confirmations: int = 1
    range_blocks: int = 2_000
    poll_s: float = 1.0
    longest_back_off_s: float = 10.0


class EventFollower:
    """Reads events into the store. `run` is its thread; `wake` it when something was mined."""

    def __init__(
        self,
        store: Store,
        rpc: RpcClient,
        contracts: ContractSet,
        handlers: EventHandlers,
        *,
        policy: FollowerPolicy | None = None,
        on_moved: Callable[[], None] | None = None,
        on_rolled_back: Callable[[], None] | None = None,
    ) -> None:
        self._store = store
        self._rpc = rpc
        self._contracts = contracts
        self._handlers = handlers
        self._policy = policy or FollowerPolicy()
        self._on_moved = on_moved
        self._on_rolled_back = on_rolled_back
        self._wake = threading.Event()
        self._range = self._policy.range_blocks
        self._back_off_s = 0.0
        self._head = 0
        self._at = 0
        for contract, name in handlers.names():
            if contract in contracts:  # a deployment may do without what is optional
                # A handler for an event that does not exist is a mistake.
                contracts[contract].topic(name)

    def wake(self) -> None:
        """Makes the thread look at the chain now."""
        self._wake.set()

    def run(self, stop: threading.Event) -> None:
        """Follows until `stop` is set; call `wake` after setting it."""
        while not stop.is_set():
            try:
                self.catch_up(stop)
                pause = self._policy.poll_s
                self._back_off_s = 0.0
            except (NodeUnreachableError, RpcError) as error:
                pause = self._back_off_s = min(
                    max(0.25, self._back_off_s * 2), self._policy.longest_back_off_s
                )
                log.warning("cannot follow the chain: %s", error)
            self._wake.wait(pause)
            self._wake.clear()

    def catch_up(self, stop: threading.Event | None = None) -> int:
        """Reads all there is; how many events. Raises NodeUnreachableError or RpcError."""
        total = 0
        while stop is None or not stop.is_set():
            cursor = self._cursor()
            head = self._agreed_head(cursor)
            if head is None:
                self._roll_back()
                continue
            self._head, self._at = head, cursor.block
            target = head - (self._policy.confirmations - 1)
            if cursor.block >= target:
                break
            total += self._read(cursor.block + 1, min(cursor.block + self._range, target))
        return total

    @property
    def lag_blocks(self) -> int:
        """Blocks between the node's head and what was read."""
        return max(0, self._head - self._at)

    # ---- reading -------------------------------------------------------------------------------

    def _agreed_head(self, cursor: Cursor) -> int | None:
        """The node's head; None if its chain does not hold the block the cursor stands on."""
        head, block = self._rpc.batch(
            [
                ("eth_blockNumber", []),
                ("eth_getBlockByNumber", [quantity(cursor.block), False]),
            ]
        )
        for answer in (head, block):
            if isinstance(answer, RpcError):
                raise answer
        if block is None or block["hash"] != cursor.block_hash:
            return None
        return number(head)

    def _read(self, first: int, last: int) -> int:
        """Stores the events of a range of blocks and moves the cursor behind it; how many."""
        query = {
            "fromBlock": quantity(first),
            "toBlock": quantity(last),
            "address": self._contracts.addresses,
        }
        before, logs, after = self._rpc.batch(
            [
                ("eth_getBlockByNumber", [quantity(last), False]),
                ("eth_getLogs", [query]),
                ("eth_getBlockByNumber", [quantity(last), False]),
            ]
        )
        if isinstance(logs, RpcError):
            if last > first:  # too many blocks or events for this node
                self._range = max(1, (last - first + 1) // 2)
                return 0
            raise logs
        if not _same_block(before, after):
            return 0  # reorganised while we read: look again
        self._range = min(self._range * 2, self._policy.range_blocks)
        found = self._decode(logs)
        cursor = Cursor(last, after["hash"])
        with self._store.write() as connection:
            events.move_cursor(connection, CURSOR, cursor)
            events.mark(connection, cursor, _MARKS)
            events.store(connection, found)
            for event in found:
                self._handlers.apply(connection, event)
        self._at = last
        if found:
            self._announce(found)
        return len(found)

    def _decode(self, logs: Sequence[Mapping[str, Any]]) -> list[ChainEvent]:
        times = self._block_times(logs)
        found = []
        for entry in logs:
            decoded = self._contracts.decode_log(entry)
            if decoded is None:
                continue
            block = number(entry["blockNumber"])
            found.append(
                ChainEvent(
                    block=block,
                    log_index=number(entry["logIndex"]),
                    block_hash=entry["blockHash"],
                    tx_hash=entry["transactionHash"],
                    contract=decoded.contract,
                    name=decoded.name,
                    args=json_value(decoded.args),
                    timestamp=times[block],
                )
            )
        return sorted(found, key=lambda event: (event.block, event.log_index))

    def _block_times(self, logs: Sequence[Mapping[str, Any]]) -> dict[int, int]:
        times: dict[int, int] = {}
        unknown: set[int] = set()
        for entry in logs:
            block = number(entry["blockNumber"])
            if entry.get("blockTimestamp"):
                times[block] = number(entry["blockTimestamp"])
            else:
                unknown.add(block)
        asked = sorted(unknown - times.keys())
        answers = self._rpc.batch([("eth_getBlockByNumber", [quantity(b), False]) for b in asked])
        for block, answer in zip(asked, answers, strict=True):
            if isinstance(answer, RpcError) or answer is None:
                raise NodeUnreachableError(f"the node has no block {block} for its own event")
            times[block] = number(answer["timestamp"])
        return times

    # ---- reorganisation ------------------------------------------------------------------------

    def _cursor(self) -> Cursor:
        with self._store.read() as connection:
            cursor = events.cursor(connection, CURSOR)
        return cursor if cursor is not None else self._start()

    def _start(self) -> Cursor:
        block = max(self._contracts.deployment.first_block - 1, 0)
        answer = self._rpc.call("eth_getBlockByNumber", quantity(block), False)
        if answer is None:
            raise NodeUnreachableError(
                f"the node has no block {block}, in which the contracts were deployed: "
                "it is another chain, or still synchronising"
            )
        return Cursor(block, answer["hash"])

    def _roll_back(self) -> None:
        """Takes back everything after the newest block that the node's chain still holds."""
        ancestor = self._common_ancestor()
        log.warning("the chain was reorganised: going back to block %d", ancestor.block)
        with self._store.write() as connection:
            events.move_cursor(connection, CURSOR, ancestor)
            events.forget_after(connection, ancestor.block)
            self._handlers.roll_back(connection, ancestor.block)
        for told in (self._on_moved, self._on_rolled_back):
            if told is not None:
                told()

    def _common_ancestor(self) -> Cursor:
        with self._store.read() as connection:
            marks = events.marks(connection)
        for start in range(0, len(marks), 32):
            known = marks[start : start + 32]
            answers = self._rpc.batch(
                [("eth_getBlockByNumber", [quantity(mark.block), False]) for mark in known]
            )
            for mark, answer in zip(known, answers, strict=True):
                if isinstance(answer, Mapping) and answer["hash"] == mark.block_hash:
                    return mark
        return self._start()

    # ---- notices -------------------------------------------------------------------------------

    def _announce(self, found: Sequence[ChainEvent]) -> None:
        if self._on_moved is not None:
            self._on_moved()
        for event in found:
            announce(signals.chain_event, event=event)
            args = event.args
            if event.name == "RelayCommand":
                identifier = commands.command_id(args["switchId"], args["sequence"])
                announce(signals.command_issued, command_id=identifier, board=args["board"])
            elif event.name == "SlotCommitted":
                slot = integer(args["slot"])
                announce(signals.slot_committed, slot=slot, transaction=event.tx_hash)


def _same_block(before: Any, after: Any) -> bool:
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return False
    return bool(before["hash"] == after["hash"])
