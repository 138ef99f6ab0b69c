"""What a meter's secure element signs, and whether it did (docs/witness.md). Pure."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from Crypto.Hash import SHA256
from Crypto.PublicKey import ECC
from Crypto.Signature import DSS

from backend.ingest.frame import Frame, Reading

_DOMAIN = b"Ohmstead registers 1"
_HEAD = struct.Struct(">Q20sIIII")
_HALF_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551 // 2


@dataclass(frozen=True, slots=True)
class Element:
    """A meter's secure element as the chain has it.

    Args:
        enrolment: its number, from 1
        x, y: the public key
        offsets: booked registers less the device's own, Wh by lane
        since: Unix seconds of the enrolment
    """

    enrolment: int
    x: int
    y: int
    offsets: tuple[int, ...] = (0,) * 6
    since: int = 0


@dataclass(frozen=True, slots=True)
class Statement:
    """The registers that an element signed, the device's own."""

    meter: int
    enrolment: int
    counter: int
    time: int
    registers: tuple[int, ...]
    signature: bytes

    def message(self, chain_id: int, ledger: bytes) -> bytes:
        """What is hashed and signed for a ledger (20 bytes) on a chain."""
        head = _HEAD.pack(
            chain_id, ledger, self.meter, self.enrolment, self.counter, self.time
        )
        lanes = b"".join(wh.to_bytes(5, "big") for wh in reversed(self.registers))
        return _DOMAIN + head + lanes

    def booked(self, element: Element) -> tuple[int, ...]:
        """The registers as they are booked."""
        return tuple(a + b for a, b in zip(self.registers, element.offsets, strict=True))


def statement_of(frame: Frame) -> Statement | None:
    """What the element signed in a sealed KEYFRAME; None if it is none."""
    if frame.seal is None or not isinstance(frame.body, Reading):
        return None
    enrolment, counter, signature = frame.seal
    return Statement(
        frame.node_id, enrolment, counter, frame.time, frame.body.registers, signature
    )


def is_signed(statement: Statement, element: Element, chain_id: int, ledger: bytes) -> bool:
    """True if this element signed it under this enrolment, with s in the lower half. About 1 ms."""
    s = int.from_bytes(statement.signature[32:], "big")
    if statement.enrolment != element.enrolment or s > _HALF_ORDER:
        return False
    try:
        key = ECC.construct(curve="P-256", point_x=element.x, point_y=element.y)
        DSS.new(key, "fips-186-3").verify(
            SHA256.new(statement.message(chain_id, ledger)), statement.signature
        )
    except ValueError:
        return False
    return True


def at_least(left: Sequence[int], right: Sequence[int]) -> bool:
    """True if no lane of `left` is below the same lane of `right`."""
    return all(a >= b for a, b in zip(left, right, strict=True))
