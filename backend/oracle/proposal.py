"""A closed slot as it is put before the oracle nodes: every leaf, with the frames that prove it.

Binary: a slot of 100 000 meters takes some 20 MB this way and several times that as JSON.

    magic "OSP1", u64 slot, u64 previous slot, root (32), totals lo (32), totals hi (32),
    u32 number of leaves, then per leaf: u32 meter, u8 kind, registers (30), salt (32),
    u8 number of frames, each u8 length + bytes

A leaf that did not change needs no frames. A KEYFRAME proves itself; a DELTA follows its KEYFRAME.
"""

from __future__ import annotations

import struct
from dataclasses import astuple, dataclass

from backend.chain.types import Commitment
from backend.sustainability import EpochMetrics, Parameters

_MAGIC = b"OSP1"
_HEADER = struct.Struct(">4sQQ32s32s32sI")
_POLICY_MAGIC = b"OPP1"
_POLICY_HEADER = struct.Struct(">4sQ14Q")
_LEAF = struct.Struct(">IB30s32sB")


class ProposalError(ValueError):
    """Bytes that are no proposal; the message says where."""


@dataclass(frozen=True, slots=True)
class ProposedLeaf:
    """One meter's line and the frames it follows from (none if it is as it was signed before)."""

    meter: int
    kind: int
    registers: bytes
    salt: bytes
    frames: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class SlotProposal:
    """What is to be signed, and why it is true."""

    commitment: Commitment
    leaves: tuple[ProposedLeaf, ...]

    def to_bytes(self) -> bytes:
        """The proposal as it goes over the wire."""
        c = self.commitment
        parts = [
            _HEADER.pack(
                _MAGIC,
                c.slot,
                c.previous_slot,
                c.root,
                c.totals_lo.to_bytes(32, "big"),
                c.totals_hi.to_bytes(32, "big"),
                c.leaf_count,
            )
        ]
        for leaf in self.leaves:
            parts.append(
                _LEAF.pack(leaf.meter, leaf.kind, leaf.registers, leaf.salt, len(leaf.frames))
            )
            for frame in leaf.frames:
                parts.append(bytes((len(frame),)))
                parts.append(frame)
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, data: bytes) -> SlotProposal:
        """Parses a proposal; ProposalError if a byte is missing, left over or impossible."""
        try:
            magic, slot, previous, root, lo, hi, count = _HEADER.unpack_from(data)
        except struct.error:
            raise ProposalError("the header is cut short") from None
        if magic != _MAGIC:
            raise ProposalError("does not begin with OSP1")
        leaves: list[ProposedLeaf] = []
        at = _HEADER.size
        for index in range(count):
            leaf, at = _parse_leaf(data, at, index)
            leaves.append(leaf)
        if at != len(data):
            raise ProposalError(f"{len(data) - at} bytes left over after {count} leaves")
        totals = (int.from_bytes(lo, "big"), int.from_bytes(hi, "big"))
        return cls(Commitment(slot, previous, root, *totals, count), tuple(leaves))


@dataclass(frozen=True, slots=True)
class PolicyProposal:
    """What a policy epoch comes to and where the parameters should go, with the leaves at the
    epoch's both ends, which prove the households' access.

    Binary: magic "OPP1", u64 policy epoch, 7 x u64 metrics, 7 x u64 target, then twice u32 number
    of leaves and each leaf as in a slot's proposal, without frames.
    """

    policy_epoch: int
    metrics: EpochMetrics
    target: Parameters
    first: tuple[ProposedLeaf, ...]
    last: tuple[ProposedLeaf, ...]

    def to_bytes(self) -> bytes:
        """The proposal as it goes over the wire."""
        figures = (*astuple(self.metrics), *astuple(self.target))
        parts = [_POLICY_HEADER.pack(_POLICY_MAGIC, self.policy_epoch, *figures)]
        for leaves in (self.first, self.last):
            parts.append(len(leaves).to_bytes(4, "big"))
            parts += [_LEAF.pack(one.meter, one.kind, one.registers, one.salt, 0) for one in leaves]
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, data: bytes) -> PolicyProposal:
        """Parses a proposal; ProposalError if a byte is missing, left over or impossible."""
        try:
            magic, policy_epoch, *figures = _POLICY_HEADER.unpack_from(data)
        except struct.error:
            raise ProposalError("the header is cut short") from None
        if magic != _POLICY_MAGIC:
            raise ProposalError("does not begin with OPP1")
        at, ends = _POLICY_HEADER.size, []
        for _ in range(2):
            if at + 4 > len(data):
                raise ProposalError("the number of leaves is cut short")
            count, at = int.from_bytes(data[at : at + 4], "big"), at + 4
            leaves = []
            for index in range(count):
                leaf, at = _parse_leaf(data, at, index)
                leaves.append(leaf)
            ends.append(tuple(leaves))
        if at != len(data):
            raise ProposalError(f"{len(data) - at} bytes left over")
        metrics, target = EpochMetrics(*figures[:7]), Parameters(*figures[7:])
        return cls(policy_epoch, metrics, target, *ends)


def _parse_leaf(data: bytes, at: int, index: int) -> tuple[ProposedLeaf, int]:
    try:
        meter, kind, registers, salt, frames = _LEAF.unpack_from(data, at)
    except struct.error:
        raise ProposalError(f"leaf {index} is cut short") from None
    at += _LEAF.size
    found = []
    for _ in range(frames):
        length = data[at] if at < len(data) else 0
        frame = data[at + 1 : at + 1 + length]
        if length == 0 or len(frame) != length:
            raise ProposalError(f"a frame of leaf {index} (meter {meter}) is cut short")
        found.append(frame)
        at += 1 + length
    return ProposedLeaf(meter, kind, registers, salt, tuple(found)), at
