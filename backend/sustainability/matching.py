"""Which part of what was used, slot by slot, retired certificates cover.

A claim covers use in the slots of its own period and no more than its Wh; a slot is never covered
beyond its use. Slots are gone through in order, and the claim that ends first gives first: as all
meters share the committed slots, no other order covers more.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SlotUse:
    """What a meter used in the slots (previous_slot, slot], Wh."""

    previous_slot: int
    slot: int
    meter: int
    wh: int


@dataclass(frozen=True, slots=True)
class GreenClaim:
    """A retired certificate: Wh generated in the slots (from_slot, to_slot]."""

    certificate: int
    from_slot: int
    to_slot: int
    wh: int


def match_claims(uses: Sequence[SlotUse], claims: Sequence[GreenClaim]) -> list[int]:
    """Covered Wh of each use, in the order given.

    A use is inside a claim's period if all its slots are: what was metered over slots that were not
    committed is covered only by a claim that spans them.

    Raises:
        ValueError: an amount is negative or a period is empty.
    """
    for use in uses:
        if use.wh < 0 or use.slot <= use.previous_slot:
            raise ValueError(f"slot {use.slot}: {use.wh} Wh since slot {use.previous_slot}")
    for claim in claims:
        if claim.wh < 0 or claim.to_slot <= claim.from_slot:
            raise ValueError(f"certificate {claim.certificate}: no such period or amount")
    waiting = sorted(claims, key=lambda claim: (claim.from_slot, claim.certificate))
    left = {claim.certificate: claim.wh for claim in claims}
    running: list[tuple[int, int]] = []
    covered = [0] * len(uses)
    begun = 0
    for index in sorted(range(len(uses)), key=lambda i: (uses[i].previous_slot, uses[i].meter)):
        use = uses[index]
        while begun < len(waiting) and waiting[begun].from_slot <= use.previous_slot:
            heapq.heappush(running, (waiting[begun].to_slot, waiting[begun].certificate))
            begun += 1
        while running and running[0][0] <= use.previous_slot:
            heapq.heappop(running)
        covered[index] = _draw(use, running, left)
    return covered


def _draw(use: SlotUse, running: list[tuple[int, int]], left: dict[int, int]) -> int:
    """Takes from the running claims that span the use, the one that ends first first."""
    taken = 0
    too_short: list[tuple[int, int]] = []
    while running and taken < use.wh:
        ends, certificate = running[0]
        if ends < use.slot:
            too_short.append(heapq.heappop(running))
            continue
        part = min(use.wh - taken, left[certificate])
        left[certificate] -= part
        taken += part
        if left[certificate] == 0:
            heapq.heappop(running)
    for entry in too_short:  # may still cover a shorter use of another meter
        heapq.heappush(running, entry)
    return taken
