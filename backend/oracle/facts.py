"""What an oracle node knows from the chain itself: kinds of meters, replaced devices, secure
elements and what they lodged.

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
from backend.ingest.frame_values import Frame
from backend.ingest.seal import is_signed, statement_of
from backend.telemetry.statements import Element

_TOLD = {
    "MeterRegistry": ("MeterRegistered", "RegistersRebased"),
    "ElementRegistry": ("ElementEnrolled", "ElementEnded"),
    "MeterWitness": ("StatementLodged",),
}
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
    name: str
    args: Mapping[str, Any]
    at: int


class ChainFacts:
    """Kinds and rebases of all meters; `refresh` reads what is new. Threads may share it."""

    def __init__(
        self, rpc: RpcClient, contracts: ContractSet, *, range_blocks: int = 2_000
    ) -> None:
        self._rpc = rpc
        self._contracts = contracts
        told = {contracts[name]: _TOLD[name] for name in _TOLD if name in contracts}
        self._addresses = [contract.address for contract in told]
        self._topics = [contract.topic(name) for contract in told for name in told[contract]]
        self._chain_id = contracts.deployment.chain_id
        self._ledger = bytes.fromhex(contracts["MeterLedger"].address[2:])
        self._range = range_blocks
        self._lock = threading.Lock()
        self._first = max(contracts.deployment.first_block, 0)
        self._next = self._first
        self._facts: list[_Fact] = []
        self._kinds: dict[int, int] = {}
        self._rebases: dict[int, tuple[Rebase, ...]] = {}
        self._elements: dict[int, Element] = {}
        self._lodged: dict[int, list[tuple[int, ...]]] = {}

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

    def element(self, meter: int) -> Element | None:
        """The meter's secure element in force, of the device that is in it now."""
        return self._elements.get(meter)

    def lodged(self, meter: int) -> Sequence[tuple[int, ...]]:
        """Booked registers that the meter's element signed and somebody lodged on chain."""
        return self._lodged.get(meter, ())

    def is_sealed(self, frame: Frame, element: Element) -> bool:
        """True if this element signed the frame's registers for the ledger. 2-6 ms."""
        statement = statement_of(frame)
        return statement is not None and is_signed(statement, element, self._chain_id, self._ledger)

    def _read(self, first: int, last: int) -> list[_Fact]:
        query = {
            "fromBlock": quantity(first),
            "toBlock": quantity(last),
            "address": self._addresses,
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
        at = 0 if decoded.name == "MeterRegistered" else self._time(entry)
        block, index = number(entry["blockNumber"]), number(entry["logIndex"])
        return _Fact(block, index, decoded.name, decoded.args, at)

    def _time(self, entry: Mapping[str, Any]) -> int:
        if entry.get("blockTimestamp"):
            return number(entry["blockTimestamp"])
        block = self._rpc.call("eth_getBlockByNumber", entry["blockNumber"], False)
        if block is None:
            raise NodeUnreachableError("the node lacks the block of its own event")
        return number(block["timestamp"])

    def _rebuild(self) -> None:
        rebases: dict[int, list[Rebase]] = defaultdict(list)
        lodged: dict[int, list[tuple[int, ...]]] = defaultdict(list)
        kinds: dict[int, int] = {}
        elements: dict[int, Element] = {}
        for fact in self._facts:
            meter, args = fact.args["meter"], fact.args
            if fact.name == "MeterRegistered":
                kinds[meter] = args["kind"]
            elif fact.name == "RegistersRebased":
                rebases[meter].append(Rebase(fact.at, _offsets(args)))
                if meter in elements and elements[meter].since < fact.at:
                    del elements[meter]  # its offset is not known until it is enrolled again
            elif fact.name == "ElementEnrolled":
                x, y = (int.from_bytes(args[name], "big") for name in ("x", "y"))
                elements[meter] = Element(args["enrolment"], x, y, _offsets(args), fact.at)
            elif fact.name == "ElementEnded":
                elements.pop(meter, None)
            else:
                lodged[meter].append(_lanes(args["booked"]))
        self._kinds, self._elements, self._lodged = kinds, elements, lodged
        self._rebases = {meter: tuple(found) for meter, found in rebases.items()}


def _offsets(args: Mapping[str, Any]) -> tuple[int, ...]:
    before, after = _lanes(args["before"]), _lanes(args["afterReset"])
    return tuple(booked - device for booked, device in zip(before, after, strict=True))


def _lanes(word: int) -> tuple[int, ...]:
    mask = (1 << _LANE_BITS) - 1
    return tuple(word >> _LANE_BITS * lane & mask for lane in range(_LANES))
