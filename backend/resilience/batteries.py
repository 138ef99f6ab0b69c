"""A society's batteries taken together. Pure; integers, rounded where it is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

FULL_BP = 10_000


@dataclass(frozen=True, slots=True)
class Stored:
    """What one battery holds.

    Args:
        soc_bp: state of charge in 0.01 %; None = nobody has said yet
        capacity_wh: when full; None = not known
    """

    soc_bp: int | None
    capacity_wh: int | None = None

    @property
    def stored_wh(self) -> int | None:
        """Rounded down; None if charge or capacity are not known."""
        if self.soc_bp is None or self.capacity_wh is None:
            return None
        return self.soc_bp * self.capacity_wh // FULL_BP


@dataclass(frozen=True, slots=True)
class Together:
    """The batteries whose charge is known, as one.

    Args:
        soc_bp: their charge weighted by capacity, 0.01 %, rounded down; None = none is known
        stored_wh: what they hold, rounded down once, at the sum
        capacity_wh: what they would hold full
    """

    soc_bp: int | None
    stored_wh: int | None
    capacity_wh: int | None


def together(batteries: Sequence[Stored]) -> Together:
    """The sum of capacity x charge over the sum of capacities.

    Who has not said its charge is left out of both. Where a capacity is not known, nothing can be
    weighed: then all count alike, and no energy is told.
    """
    known = [(one.soc_bp, one.capacity_wh) for one in batteries if one.soc_bp is not None]
    if not known:
        return Together(None, None, None)
    capacities = [capacity for _, capacity in known if capacity]
    if len(capacities) < len(known):
        return Together(sum(soc for soc, _ in known) // len(known), None, None)
    capacity_wh = sum(capacities)
    held = sum(soc * wh for (soc, _), wh in zip(known, capacities, strict=True))
    return Together(held // capacity_wh, held // FULL_BP, capacity_wh)
