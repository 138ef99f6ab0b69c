"""Surplus auctions and ties between grids: what their contracts hold, and typed clients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from eth_abi.abi import encode
from eth_account.messages import SignableMessage
from eth_utils.crypto import keccak

from backend.chain.contracts import Call, Client

ProofNode = tuple[bytes, bytes, bytes]
"""A sibling: hash, lo, hi, 32 bytes each."""


class PaymentRule(IntEnum):
    """What winners of a lot pay."""

    FIRST_PRICE = 0
    SECOND_PRICE = 1


class LotState(IntEnum):
    """Where a lot stands."""

    NONE = 0
    OPEN = 1
    FINALISED = 2
    CANCELLED = 3


class BidState(IntEnum):
    """Where a bid stands."""

    NONE = 0
    COMMITTED = 1
    REVEALED = 2
    FORFEITED = 3


class End(IntEnum):
    """An end of a tie. Energy is positive from A to B."""

    A = 0
    B = 1


class Basis(IntEnum):
    """What the settlement of a tie's slot rests on."""

    OPENING = 0
    BOTH_ENDS = 1
    ONE_END = 2
    SILENCE = 3


class Verdict(IntEnum):
    """How a dispute ended."""

    AGREED = 0
    ARBITRATED = 1
    TIMED_OUT = 2


@dataclass(frozen=True, slots=True)
class Terms:
    """An agreement's terms, in the order of the contract's struct; see IInterconnection.

    Wh, W, slots, seconds; prices in micro-rupees per kWh, money in micro-rupees.
    """

    ledger_a: str
    ledger_b: str
    meter_a: int
    meter_b: int
    party_a: str
    party_b: str
    arbiter: str
    first_slot: int
    last_slot: int
    limit_wh_per_slot: int
    max_power_w: int
    price_a_to_b: int
    price_b_to_a: int
    tolerance_bps: int
    tolerance_wh: int
    guarantee_micro_inr: int
    silence_seconds: int
    resolve_seconds: int
    notice_slots: int
    salt: bytes

    def as_tuple(self) -> tuple[Any, ...]:
        """As the ABI wants it."""
        return tuple(getattr(self, name) for name in self.__slots__)

    @property
    def two_ended(self) -> bool:
        """False with the main grid, which has no ledger."""
        return int(self.ledger_b, 16) != 0


_TERMS_ABI = (
    "address", "address", "uint32", "uint32", "address", "address", "address", "uint64", "uint64",
    "uint64", "uint32", "uint64", "uint64", "uint16", "uint32", "uint128", "uint32", "uint32",
    "uint32", "bytes32",
)  # fmt: skip
_TERMS_NAMES = (
    "ledgerA", "ledgerB", "meterA", "meterB", "partyA", "partyB", "arbiter", "firstSlot",
    "lastSlot", "limitWhPerSlot", "maxPowerW", "priceAToB", "priceBToA", "toleranceBps",
    "toleranceWh", "guaranteeMicroInr", "silenceSeconds", "resolveSeconds", "noticeSlots", "salt",
)  # fmt: skip
_AGREEMENT_TYPE = (
    "Agreement("
    + ",".join(f"{kind} {name}" for kind, name in zip(_TERMS_ABI, _TERMS_NAMES, strict=True))
    + ")"
)


def signable_terms(terms: Terms, contract: str, chain_id: int) -> SignableMessage:
    """What both operators sign (EIP-712)."""
    body = keccak(text=_AGREEMENT_TYPE) + encode(_TERMS_ABI, terms.as_tuple())
    return _signable(keccak(body), contract, chain_id)


def signable_verdict(
    agreement: int, slot: int, settled_wh: int, contract: str, chain_id: int
) -> SignableMessage:
    """What both operators sign to end a dispute (EIP-712)."""
    kinds = ("uint256", "uint64", "int256")
    name = keccak(text="Verdict(uint256 agreementId,uint64 slot,int256 settledWh)")
    return _signable(
        keccak(name + encode(kinds, (agreement, slot, settled_wh))), contract, chain_id
    )


def _signable(body: bytes, contract: str, chain_id: int) -> SignableMessage:
    kind = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    domain = encode(
        ("bytes32", "bytes32", "bytes32", "uint256", "address"),
        (
            keccak(text=kind), keccak(text="Ohmstead Interconnection"), keccak(text="1"),
            chain_id, contract,
        ),
    )  # fmt: skip
    return SignableMessage(b"\x01", keccak(domain), body)


def terms_of(struct: dict[str, Any]) -> Terms:
    """Terms from the contract's struct."""
    return Terms(*(struct[name] for name in _TERMS_NAMES))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an agreement is settled; `settled_slot` 0 = no reading yet.

    Attributes:
        net_wh: cumulative Wh from A to B by each end's meter then; None = unknown.
    """

    settled_slot: int
    last_slot: int
    net_wh: tuple[int | None, int | None]


class SurplusAuctionClient(Client):
    """ISurplusAuction."""

    def finalise(self, lot: int) -> Call[None]:
        """Determines winners and pays."""
        return self.contract.call("finalise", lot)

    def take_energy(self, bid: int, to: str) -> Call[int]:
        """Sends a winner its free units."""
        return self.contract.call("takeEnergy", bid, to)

    def take_unsold(self, lot: int, to: str) -> Call[int]:
        """Sends a seller back what was not sold."""
        return self.contract.call("takeUnsold", lot, to)

    def takeable_wh(self, bid: int) -> Call[int]:
        """Units of a bid that are free now."""
        return self.contract.call("takeableWh", bid)

    def commitment_of(
        self, lot: int, bidder: str, price: int, energy_wh: int, salt: bytes
    ) -> Call[bytes]:
        """A bid's commitment, by the contract itself."""
        return self.contract.call("commitmentOf", lot, bidder, price, energy_wh, salt)


class InterconnectionClient(Client):
    """IInterconnection."""

    def begin(self, terms: Terms, signature_a: bytes, signature_b: bytes) -> Call[int]:
        """Begins an agreement that both have signed."""
        return self.contract.call("begin", terms.as_tuple(), signature_a, signature_b)

    def show(
        self,
        agreement: int,
        slot: int,
        end: End,
        leaf: tuple[int, int, bytes],
        proof: Sequence[ProofNode],
        path: int,
    ) -> Call[None]:
        """Shows an end's reading of a committed slot."""
        return self.contract.call("show", agreement, slot, int(end), leaf, list(proof), path)

    def settle_silent(self, agreement: int, slot: int) -> Call[None]:
        """Settles on the one reading there is."""
        return self.contract.call("settleSilent", agreement, slot)

    def time_out(self, agreement: int, slot: int) -> Call[None]:
        """Ends a dispute that nobody has ended."""
        return self.contract.call("timeOut", agreement, slot)

    def pay_owed(self, agreement: int, end: End) -> Call[int]:
        """Pays what a party owes."""
        return self.contract.call("payOwed", agreement, int(end))

    def agreement_count(self) -> Call[int]:
        """How many agreements were ever begun."""
        return self.contract.call("agreementCount")

    def terms(self, agreement: int) -> Call[Terms]:
        """What was signed."""
        call = self.contract.call("terms", agreement)
        return Call(call.target, call.data, lambda data: terms_of(call.read(data)), call.name)

    def progress(self, agreement: int) -> Call[Progress]:
        """How far it is settled."""
        call = self.contract.call("progress", agreement)

        def read(data: bytes) -> Progress:
            struct = call.read(data)
            a = struct["netAWh"] if struct["knownA"] else None
            b = struct["netBWh"] if struct["knownB"] else None
            return Progress(struct["settledSlot"], struct["lastSlot"], (a, b))

        return Call(call.target, call.data, read, call.name)

    def owed(self, agreement: int, end: End) -> Call[tuple[int, int]]:
        """A party's guarantee and what it owes, micro-rupees."""
        call = self.contract.call("account", agreement, int(end))

        def read(data: bytes) -> tuple[int, int]:
            struct = call.read(data)
            return struct["guarantee"], struct["owed"]

        return Call(call.target, call.data, read, call.name)

    def reading(self, agreement: int, slot: int, end: End) -> Call[tuple[int, int]]:
        """An end's cumulative Wh from A to B at a slot, and when it was shown (0 = not)."""
        return self.contract.call("reading", agreement, slot, int(end))
