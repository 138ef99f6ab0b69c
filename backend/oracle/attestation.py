"""What an oracle node checks before it signs. Pure: evidence in, changes or a refusal out.

A node believes nobody about energy: not the gateway, not the other nodes. Every register that
changed since it last signed must follow from a frame that the meter's own key authenticates. It
trusts its copy of the device keys, the chain for kinds and replaced devices, and its own clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from backend.ingest.frame import decode, verify
from backend.ingest.frame_values import BadTag, Delta, Frame, FrameError, Reading
from backend.oracle.clock import SlotClock
from backend.oracle.digests import BatteryReport
from backend.oracle.facts import Rebase
from backend.oracle.proposal import ProposedLeaf, SlotProposal
from backend.oracle.registers import EntityKind, RegisterError, Registers
from backend.oracle.sum_tree import Leaf, SumTree, SumTreeError
from backend.telemetry.slots import unpack
from backend.telemetry.statements import Element

CLOCK_SKEW_S = 5
"""How far the gateway's and a node's clocks may be apart."""
REBASE_GRACE_S = 120
"""How long after a device's replacement a reading from before it may still be signed."""
_MOST_NAMED = 20


class Refusal(Exception):  # noqa: N818 - an answer, not a fault
    """The node does not sign. `meters`: whose lines are the reason, if some are."""

    def __init__(self, code: str, message: str, meters: Sequence[int] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.meters = tuple(meters)


class Facts(Protocol):
    """What the chain says of meters."""

    def kind(self, meter: int) -> int:
        """EntityKind; 0 = not registered."""

    def rebases(self, meter: int) -> Sequence[Rebase]:
        """Replaced devices, oldest first."""

    def element(self, meter: int) -> Element | None:
        """The meter's secure element in force."""

    def lodged(self, meter: int) -> Sequence[tuple[int, ...]]:
        """Booked registers that the element signed and that are known to everybody."""

    def is_sealed(self, frame: Frame, element: Element) -> bool:
        """True if this element signed the frame's registers."""


KeyOf = Callable[[int], bytes | None]


def no_key(_node_id: int) -> bytes | None:
    """Knows no node."""
    return None


@dataclass(frozen=True, slots=True)
class SlotChecks:
    """What a slot is checked against: time, keys, the chain, and what was signed before.

    Args:
        signed: packed registers of each meter as this node last signed them
        previous_key_of: the key before, while one is rotated and frames made with it still count
    """

    clock: SlotClock
    now_s: float
    key_of: KeyOf
    facts: Facts
    signed: Mapping[int, bytes]
    previous_key_of: KeyOf = no_key


def check_slot(proposal: SlotProposal, checks: SlotChecks) -> dict[int, bytes]:
    """The registers that changed, if every line of the proposal is proven and the root follows.

    Raises:
        Refusal: the slot is not over, a line is unproven or missing, or root or totals are wrong.
    """
    commitment = proposal.commitment
    ends_at = checks.clock.end(commitment.slot)
    if checks.now_s + CLOCK_SKEW_S < ends_at:
        raise Refusal("slot_not_over", f"slot {commitment.slot} ends at Unix second {ends_at}")
    if commitment.previous_slot >= commitment.slot:
        raise Refusal("bad_previous", "previous_slot must be an earlier slot")
    changed = _check_leaves(proposal.leaves, checks, ends_at)
    missing = checks.signed.keys() - {leaf.meter for leaf in proposal.leaves}
    if missing:
        named = sorted(missing)[:_MOST_NAMED]
        raise Refusal("meters_missing", f"signed before and missing now: {named}", named)
    _check_root(proposal)
    return changed


def _check_leaves(
    leaves: Iterable[ProposedLeaf], checks: SlotChecks, ends_at: int
) -> dict[int, bytes]:
    changed: dict[int, bytes] = {}
    refused: list[tuple[int, str]] = []
    for leaf in leaves:
        before = checks.signed.get(leaf.meter)
        try:
            if leaf.kind != checks.facts.kind(leaf.meter) or leaf.kind == 0:
                raise Refusal("", f"kind {leaf.kind} is not what the chain says")
            if leaf.registers != before:
                _check_change(leaf, before, checks, ends_at)
                changed[leaf.meter] = leaf.registers
        except (Refusal, FrameError) as reason:
            refused.append((leaf.meter, str(reason)))
    if refused:
        meters = [meter for meter, _ in refused]
        text = "; ".join(f"meter {meter}: {reason}" for meter, reason in refused[:_MOST_NAMED])
        raise Refusal("unproven", text, meters)
    return changed


def _check_change(
    leaf: ProposedLeaf, before: bytes | None, checks: SlotChecks, ends_at: int
) -> None:
    """Refusal or FrameError unless the leaf's registers are what its frames say."""
    registers = unpack(leaf.registers)
    if before is not None and any(
        new < old for new, old in zip(registers, unpack(before), strict=True)
    ):
        raise Refusal("", "a register went back")
    if registers in checks.facts.lodged(leaf.meter):
        return  # the meter's own word, on chain
    frame, reading = read_evidence(leaf.meter, leaf.frames, checks.key_of, checks.previous_key_of)
    if frame.time >= ends_at:
        raise Refusal("", f"measured at {frame.time}, after the slot's end")
    element = checks.facts.element(leaf.meter)
    if element is not None and not checks.facts.is_sealed(frame, element):
        # A line that the element has not signed could not be answered for (docs/witness.md).
        raise Refusal("", "the meter's secure element did not sign the frame")
    offsets = possible_offsets(checks.facts.rebases(leaf.meter), frame.time, checks.now_s)
    for offset in offsets:
        if all(
            device + shift == booked
            for device, shift, booked in zip(reading.registers, offset, registers, strict=True)
        ):
            return
    raise Refusal("", f"the frame says {reading.registers}, the line {registers}")


def possible_offsets(
    rebases: Sequence[Rebase], measured_at: int, now_s: float
) -> list[tuple[int, ...]]:
    """What may lie between a device's registers and the booked ones, the likeliest first.

    The newest rebase counts; an earlier state too for what was measured before it, and for as long
    as such a reading may still be on its way.
    """
    offsets: list[tuple[int, ...]] = [(0,) * 6, *(rebase.offsets for rebase in rebases)]
    possible = [offsets[-1]]
    for earlier, rebase in zip(reversed(offsets[:-1]), reversed(rebases), strict=True):
        before_it = 0 < measured_at <= rebase.at + CLOCK_SKEW_S
        if not before_it and now_s > rebase.at + REBASE_GRACE_S:
            break
        possible.append(earlier)
    return possible


def read_evidence(
    meter: int, frames: Sequence[bytes], key_of: KeyOf, previous_key_of: KeyOf = no_key
) -> tuple[Frame, Reading]:
    """The whole reading that frames prove: a KEYFRAME, or a KEYFRAME and a DELTA from it.

    Raises:
        Refusal: there are none, they are another node's, or they do not belong together.
        FrameError: one is malformed or was not made with the node's key.
    """
    if not 1 <= len(frames) <= 2:
        raise Refusal("", "registers changed without a frame that says so")
    key = key_of(meter)
    if key is None:
        raise Refusal("", "this oracle node has no key of that meter")
    decoded = [decode(data) for data in frames]
    for frame in decoded:
        if frame.node_id != meter:
            raise Refusal("", f"the frame is of node {frame.node_id}")
        _verify(frame, key, previous_key_of(meter))
    first, last = decoded[0], decoded[-1]
    if not isinstance(first.body, Reading):
        raise Refusal("", "the first frame is no KEYFRAME")
    if len(decoded) == 1:
        return first, first.body
    if not isinstance(last.body, Delta):
        raise Refusal("", "the second frame is no DELTA")
    if first.order != (last.boot, last.sequence - last.body.back):
        raise Refusal("", "the DELTA counts from another KEYFRAME")
    return last, last.body.apply(first.body)


def _verify(frame: Frame, key: bytes, previous: bytes | None) -> None:
    try:
        verify(frame, key)
    except BadTag:
        if previous is None:
            raise
        verify(frame, previous)


def _check_root(proposal: SlotProposal) -> None:
    commitment = proposal.commitment
    try:
        tree = build_tree(proposal.leaves)
    except (SumTreeError, RegisterError, ValueError) as error:
        raise Refusal("bad_tree", f"the leaves make no tree: {error}") from None
    totals = tree.totals
    if tree.root != commitment.root:
        raise Refusal("wrong_root", "the root does not follow from the leaves")
    if (totals.lo, totals.hi) != (commitment.totals_lo, commitment.totals_hi):
        raise Refusal("wrong_totals", "the totals do not follow from the leaves")
    if tree.leaf_count != commitment.leaf_count:
        raise Refusal("wrong_count", f"{tree.leaf_count} leaves, not {commitment.leaf_count}")


class LeafLike(Protocol):
    """A line with packed registers."""

    @property
    def meter(self) -> int:
        """Metering point."""

    @property
    def kind(self) -> int:
        """EntityKind."""

    @property
    def registers(self) -> bytes:
        """Packed, 30 bytes."""

    @property
    def salt(self) -> bytes:
        """32 bytes."""


def build_tree(leaves: Iterable[LeafLike]) -> SumTree:
    """The sum tree over lines with packed registers."""
    return SumTree.build(
        Leaf(leaf.meter, EntityKind(leaf.kind), Registers(*unpack(leaf.registers)), leaf.salt)
        for leaf in leaves
    )


def check_battery(
    report: BatteryReport, node: int, frames: Sequence[bytes], checks: SlotChecks
) -> None:
    """Returns if a battery's own node measured this charge at this second.

    Args:
        node: the node that speaks for the battery

    Raises:
        Refusal: another charge or time, not a battery, or no proof.
    """
    if checks.facts.kind(node) not in (EntityKind.BATTERY, EntityKind.EV):
        raise Refusal("not_a_battery", f"node {node} is not a battery on chain")
    try:
        frame, reading = read_evidence(node, frames, checks.key_of, checks.previous_key_of)
    except FrameError as error:
        raise Refusal("unproven", f"node {node}: {error}") from None
    if reading.soc_bp != report.soc_bps:
        raise Refusal("wrong_charge", f"the frame says {reading.soc_bp}, not {report.soc_bps}")
    if report.observed_at > checks.now_s + CLOCK_SKEW_S:
        raise Refusal("future", f"Unix second {report.observed_at} is in the future")
    measured_at = frame.time or checks.now_s
    tolerance = 0 if frame.time else 60
    if abs(measured_at - report.observed_at) > tolerance:
        raise Refusal("wrong_time", f"the frame was measured at {frame.time}")
