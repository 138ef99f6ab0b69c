"""What a meter's secure element signs, and whether it did (docs/witness.md). Pure."""

from __future__ import annotations

import struct

from Crypto.Hash import SHA256
from Crypto.PublicKey import ECC
from Crypto.Signature import DSS

from backend.ingest.frame_values import Frame, Reading
from backend.telemetry.statements import Element, Statement

_DOMAIN = b"Ohmstead registers 1"
_HEAD = struct.Struct(">Q20sIIII")
_HALF_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551 // 2


def statement_of(frame: Frame) -> Statement | None:
    """What the element signed in a sealed KEYFRAME; None if it is none."""
    if frame.seal is None or not isinstance(frame.body, Reading):
        return None
    enrolment, counter, signature = frame.seal
    registers = frame.body.registers
    return Statement(frame.node_id, enrolment, counter, frame.time, registers, signature)


def message_of(statement: Statement, chain_id: int, ledger: bytes) -> bytes:
    """What is hashed and signed for a ledger (20 bytes) on a chain; lane 5 comes first."""
    head = _HEAD.pack(
        chain_id,
        ledger,
        statement.meter,
        statement.enrolment,
        statement.counter,
        statement.time,
    )
    return _DOMAIN + head + b"".join(wh.to_bytes(5, "big") for wh in reversed(statement.registers))


def is_signed(statement: Statement, element: Element, chain_id: int, ledger: bytes) -> bool:
    """True if this element signed it under this enrolment, with s in the lower half. 2-6 ms."""
    s = int.from_bytes(statement.signature[32:], "big")
    if statement.enrolment != element.enrolment or s > _HALF_ORDER:
        return False
    try:
        key = ECC.construct(curve="P-256", point_x=element.x, point_y=element.y)
        digest = SHA256.new(message_of(statement, chain_id, ledger))
        DSS.new(key, "fips-186-3").verify(digest, statement.signature)
    except ValueError:
        return False
    return True
