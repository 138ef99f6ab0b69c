"""What an oracle node knows from the chain itself: kinds of meters and replaced devices.

Read from the ledger's events, not from the gateway: a gateway that lies about them is not believed.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.chain.contracts import ContractSet
from backend.chain.rpc import NodeUnreachableError, RpcClient, RpcError, number, quantity

_LANES = 6
_LANE_BITS = 40
_OVERLAP_BLOCKS = 64
"""Read again each time, so that a reorganisation of so many blocks is followed."""


@dataclass(frozen=True, slots=True)
class Rebase:
    """From Unix second `at` on, booked registers are the device's plus `offsets`, Wh by lane."""

    at: int
    offsets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Fact:
    block: int
    log_index: int
    meter: int
    kind: int | None
    offsets: tuple[int, ...] | None
    at: int


class ChainFacts:
    """Kinds and rebases of all meters; `refresh` reads what is new. Threads may share it."""

    def __init__(
        self, rpc: RpcClient, contracts: ContractSet, *, range_blocks: int = 2_000
    ) -> None:
        self._rpc = rpc
        self._contracts = contracts
        self._registry = contracts["MeterRegistry"]
        self._topics = [self._registry.topic(n) for n in ("MeterRegistered", "RegistersRebased")]
        self._range = range_blocks
        self._lock = threading.Lock()
        self._first = max(contracts.deployment.first_block, 0)
        self._next = self._first
        self._facts: list[_Fact] = []
        self._kinds: dict[int, int] = {}
        self._rebases: dict[int, tuple[Rebase, ...]] = {}

    def refresh(self) -> None:
        """Reads new events. Raises NodeUnreachableError."""
        with self._lock:
            head = number(self._rpc.call("eth_blockNumber"))
            first = max(self._first, min(self._next, head + 1) - _OVERLAP_BLOCKS)
            kept = [fact for fact in self._facts if fact.block < first]
            while first <= head:
                last = min(first + self._range - 1, head)
                kept.extend(self._read(first, last))
                first = last + 1
            self._next = head + 1
            if kept != self._facts:
                self._facts = kept
                self._rebuild()

    def kind(self, meter: int) -> int:
        """A meter's EntityKind; 0 = not registered."""
        return self._kinds.get(meter, 0)

    @property
    def kinds(self) -> Mapping[int, int]:
        """Kinds of all registered meters."""
        return self._kinds

    def rebases(self, meter: int) -> Sequence[Rebase]:
        """A meter's rebases, oldest first; each replaces the one before."""
        return self._rebases.get(meter, ())

    def _read(self, first: int, last: int) -> list[_Fact]:
        query = {
            "fromBlock": quantity(first),
            "toBlock": quantity(last),
            "address": self._registry.address,
            "topics": [self._topics],
        }
        try:
            logs = self._rpc.call("eth_getLogs", query)
        except RpcError as error:
            if last == first:
                raise NodeUnreachableError(f"the node refuses its log: {error.message}") from error
            middle = (first + last) // 2  # too many for this node: halve
            return self._read(first, middle) + self._read(middle + 1, last)
        return sorted((self._fact(entry) for entry in logs), key=lambda f: (f.block, f.log_index))

    def _fact(self, entry: Mapping[str, Any]) -> _Fact:
        decoded = self._contracts.decode_log(entry)
        assert decoded is not None  # filtered by topic
        block, index = number(entry["blockNumber"]), number(entry["logIndex"])
        if decoded.name == "MeterRegistered":
            return _Fact(block, index, decoded.args["meter"], decoded.args["kind"], None, 0)
        shift = tuple(
            booked - device
            for booked, device in zip(
                _lanes(decoded.args["before"]), _lanes(decoded.args["afterReset"]), strict=True
            )
        )
        return _Fact(block, index, decoded.args["meter"], None, shift, self._time(entry))

    def _time(self, entry: Mapping[str, Any]) -> int:
        if entry.get("blockTimestamp"):
            return number(entry["blockTimestamp"])
        block = self._rpc.call("eth_getBlockByNumber", entry["blockNumber"], False)
        if block is None:
            raise NodeUnreachableError("the node lacks the block of its own event")
        return number(block["timestamp"])

    def _rebuild(self) -> None:
        self._kinds = {f.meter: f.kind for f in self._facts if f.kind is not None}
        found: dict[int, list[Rebase]] = defaultdict(list)
        for fact in self._facts:
            if fact.offsets is not None:
                found[fact.meter].append(Rebase(fact.at, fact.offsets))
        self._rebases = {meter: tuple(rebases) for meter, rebases in found.items()}


def _lanes(word: int) -> tuple[int, ...]:
    mask = (1 << _LANE_BITS) - 1
    return tuple(word >> _LANE_BITS * lane & mask for lane in range(_LANES))
