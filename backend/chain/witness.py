"""Typed clients of meters' secure elements, of accusations and of the oracle nodes' bonds.

As in `clients.py`, every method builds a `Call` and does nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backend.chain.contracts import Call, Client, Contract
from backend.telemetry.slots import pack
from backend.telemetry.statements import Statement

LeafWords = tuple[int, int, bytes]
ProofWords = tuple[bytes, bytes, bytes]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an accusation shows; see IMeterWitness.Evidence."""

    slot: int
    epoch: int
    index: int
    leaves: Sequence[LeafWords]
    proof: Sequence[ProofWords]
    flags: bytes
    signatures: Sequence[bytes]
    statement: Statement


@dataclass(frozen=True, slots=True)
class WitnessSettings:
    """Seconds, and the accuser's deposit; see IMeterWitness.Settings."""

    window_seconds: int
    rebuttal_seconds: int
    grace_seconds: int
    skew_seconds: int
    deposit_wei: int


@dataclass(frozen=True, slots=True)
class WitnessClients:
    """All three."""

    elements: Contract
    bond: OracleBondClient
    witness: MeterWitnessClient


class MeterWitnessClient(Client):
    """IMeterWitness."""

    def lodge(self, statement: Statement) -> Call[None]:
        """Puts a statement before everybody."""
        return self.contract.call("lodge", *_signed(statement))

    def accuse(self, evidence: Evidence) -> Call[int]:
        """Accuses the signers of a wrong line; the deposit is taken from the caller's credit."""
        words, r, s = _signed(evidence.statement)
        shown = (
            evidence.slot,
            evidence.epoch,
            evidence.index,
            list(evidence.leaves),
            list(evidence.proof),
            evidence.flags,
            list(evidence.signatures),
            words,
            r,
            s,
        )
        return self.contract.call("accuse", shown)

    def rebut(self, accusation: int, statement: Statement) -> Call[None]:
        """Answers an accusation with a statement that bears the line out."""
        return self.contract.call("rebut", accusation, *_signed(statement))

    def conclude(self, accusation: int) -> Call[None]:
        """Ends an accusation that nobody answered."""
        return self.contract.call("conclude", accusation)

    def settings(self) -> Call[WitnessSettings]:
        """Its figures."""
        found = self.contract.call("settings")
        return Call(found.target, found.data, lambda data: _settings(found.read(data)), found.name)


class OracleBondClient(Client):
    """IOracleBond, as far as the service reads it."""

    def bond_of(self, signer: str) -> Call[dict[str, Any]]:
        """What stands behind a signer: a dict with IOracleBond.Bond's names."""
        return self.contract.call("bondOf", signer)

    def credit_of(self, account: str) -> Call[int]:
        """What an account is owed, wei."""
        return self.contract.call("creditOf", account)


def _settings(struct: dict[str, int]) -> WitnessSettings:
    return WitnessSettings(
        struct["windowSeconds"],
        struct["rebuttalSeconds"],
        struct["graceSeconds"],
        struct["skewSeconds"],
        struct["depositWei"],
    )


def _signed(statement: Statement) -> tuple[tuple[int, int, int, int, int], bytes, bytes]:
    word = int.from_bytes(pack(statement.registers), "big")
    words = (statement.meter, statement.enrolment, statement.counter, statement.time, word)
    return words, statement.signature[:32], statement.signature[32:]
