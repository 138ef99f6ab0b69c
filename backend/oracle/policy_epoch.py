"""What a policy epoch comes to, from the chain's committed slots and their proven leaves.

An oracle node and the relayer compute this each by itself: the totals and the main grid's carbon
are read from the chain, the leaves at both ends must give the committed roots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from itertools import pairwise

from backend.chain.context import ChainContext
from backend.chain.contracts import ContractError
from backend.chain.types import SlotRecord
from backend.oracle.attestation import LeafLike, Refusal, build_tree
from backend.oracle.registers import EntityKind, Flows, RegisterError
from backend.oracle.sum_tree import SumTreeError
from backend.sustainability import (
    EnergyFlows,
    EpochMetrics,
    SlotFlows,
    jain_ppm_down,
    measure,
)
from backend.telemetry.slots import unpack

_ASKED_AT_ONCE = 500
_HOUR_S = 3600
_WIDEST_WH = 2**32 - 1
"""What the contract holds of the mean access."""
_HOUSEHOLDS = (EntityKind.CONSUMER, EntityKind.PROSUMER)
_GENERATED, _CONSUMED, _EXPORTED, _IMPORTED = range(4)


@dataclass(frozen=True, slots=True)
class EpochSlots:
    """The committed slots of an epoch, and the one before them, as the chain holds them."""

    numbers: tuple[int, ...]
    records: tuple[SlotRecord, ...]


def read_epoch(chain: ChainContext, policy_epoch: int, epoch_seconds: int) -> EpochSlots:
    """An epoch's slots and the last one before.

    Raises:
        Refusal: the epoch is not wholly committed, or nothing of it is.
        NodeUnreachableError, RpcError: the chain cannot be asked.
    """
    slot_seconds = chain.deployment.slot_seconds
    first = policy_epoch * epoch_seconds // slot_seconds
    end = (policy_epoch + 1) * epoch_seconds // slot_seconds
    ledger, views = chain.clients.ledger, chain.views
    if views.latest_slot(max_age_s=0.0) < end - 1:
        raise Refusal("epoch_open", f"slots of policy epoch {policy_epoch} are still to come")
    found: list[tuple[int, SlotRecord]] = []
    for start in range(first, end, _ASKED_AT_ONCE):
        numbers = range(start, min(start + _ASKED_AT_ONCE, end))
        answers = views.try_many([ledger.slot_record(number) for number in numbers], max_age_s=0.0)
        for number, answer in zip(numbers, answers, strict=True):
            if isinstance(answer, SlotRecord):
                found.append((number, answer))
            elif not isinstance(answer, ContractError):  # which says that there is no such slot
                raise answer
    if not found or found[0][1].previous_slot == 0:
        raise Refusal("no_slots", f"policy epoch {policy_epoch} has no slots that follow another")
    before = found[0][1].previous_slot
    whole = [(before, views.slot_record(before, max_age_s=0.0)), *found]
    for (earlier, _), (number, record) in pairwise(whole):
        if record.previous_slot != earlier:
            raise Refusal("slots_missing", f"a slot between {earlier} and {number} is not known")
    return EpochSlots(tuple(n for n, _ in whole), tuple(r for _, r in whole))


def epoch_metrics(
    chain: ChainContext,
    epoch: EpochSlots,
    first_leaves: Sequence[LeafLike],
    last_leaves: Sequence[LeafLike],
) -> EpochMetrics:
    """What the epoch comes to, if the leaves are those that were committed.

    Raises:
        Refusal: leaves give another root, nothing was used, or an hour's carbon is not known.
        NodeUnreachableError, RpcError: the chain cannot be asked.
    """
    _require_root(epoch.numbers[0], epoch.records[0], first_leaves)
    _require_root(epoch.numbers[-1], epoch.records[-1], last_leaves)
    slots = slot_flows(epoch)
    measures = measure(slots, chain.deployment.slot_seconds, _carbon(chain, slots).get)
    if measures.rur_ppm is None or measures.par_ppm is None:
        raise Refusal("nothing_used", "nobody used energy in this epoch")
    if measures.ci_mg_per_kwh is None:
        raise Refusal("no_carbon", "the main grid's carbon of an hour is not published")
    access = access_wh(first_leaves, last_leaves)
    mean = sum(access) // len(access) if access else 0
    return EpochMetrics(
        from_slot=epoch.numbers[0],
        to_slot=epoch.numbers[-1],
        ci_mg_per_kwh=min(measures.ci_mg_per_kwh, _WIDEST_WH),
        rur_ppm=measures.rur_ppm,
        par_ppm=min(measures.par_ppm, _WIDEST_WH),
        jain_ppm=jain_ppm_down(access),
        mean_access_wh=min(mean, _WIDEST_WH),
    )


def slot_flows(epoch: EpochSlots) -> list[SlotFlows]:
    """What flowed from slot to slot."""
    totals = [Flows.from_words(record.totals_lo, record.totals_hi) for record in epoch.records]
    sums = [EnergyFlows(*astuple(flows)) for flows in totals]
    return [
        SlotFlows(earlier, later, after - before)
        for (earlier, before), (later, after) in pairwise(zip(epoch.numbers, sums, strict=True))
    ]


def access_wh(first: Sequence[LeafLike], last: Sequence[LeafLike]) -> list[int]:
    """What each household that was there at both ends used, Wh; RenewableIncentive counts alike."""
    before = {leaf.meter: used_so_far(leaf) for leaf in first}
    return [
        max(0, used_so_far(leaf) - before[leaf.meter])
        for leaf in last
        if leaf.kind in _HOUSEHOLDS and leaf.meter in before
    ]


def used_so_far(leaf: LeafLike) -> int:
    """Drawn and, behind a roof's meter, generated less given away, Wh since the beginning."""
    registers = unpack(leaf.registers)
    if leaf.kind != EntityKind.PROSUMER:
        return registers[_IMPORTED]
    return registers[_IMPORTED] + registers[_GENERATED] - registers[_EXPORTED]


def _carbon(chain: ChainContext, slots: Sequence[SlotFlows]) -> dict[int, int]:
    clients = chain.clients.certificates
    if clients is None:
        raise Refusal("no_feed", "the deployment has no CarbonIntensity contract")
    seconds = chain.deployment.slot_seconds
    hours = sorted({slot.slot * seconds // _HOUR_S for slot in slots})
    calls = [clients.carbon.intensity_of(hour) for hour in hours]
    answers = chain.views.ask_many(calls, max_age_s=0.0)
    return {hour: grams for hour, (known, grams) in zip(hours, answers, strict=True) if known}


def _require_root(slot: int, record: SlotRecord, leaves: Sequence[LeafLike]) -> None:
    try:
        tree = build_tree(leaves)
    except (SumTreeError, RegisterError, ValueError) as error:
        raise Refusal("bad_tree", f"the leaves of slot {slot} make no tree: {error}") from None
    totals = (tree.totals.lo, tree.totals.hi)
    if tree.root != record.root or totals != (record.totals_lo, record.totals_hi):
        raise Refusal("wrong_root", f"these are not the leaves of slot {slot}")
