"""Who lives there and what their meters counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

Integers = NDArray[np.int64]

DAYS_PER_WEEK = 7
_MAX_SLOT_WH = 2**31 - 1
_MAX_PARTY_ID = 2**31 - 1


class SimulationError(ValueError):
    """Input that no simulation follows from. The message names the field and the fix."""


@dataclass(frozen=True, slots=True, eq=False)
class Household:
    """A metered connection.

    Args:
        party_id: unique in its neighbourhood; also its order's id in every slot.
        place: the node of the feeder it hangs on.
        demand_wh: what it used in each slot, Wh.
        generation_wh: what its roof gave in each slot, Wh; as many slots.

    Raises:
        SimulationError: the two differ in length, or a value is out of range.
    """

    party_id: int
    place: int
    demand_wh: Integers
    generation_wh: Integers

    def __post_init__(self) -> None:
        if not 0 <= self.party_id <= _MAX_PARTY_ID:
            raise SimulationError(f"party_id: {self.party_id} is not in 0..{_MAX_PARTY_ID}")
        for name in ("demand_wh", "generation_wh"):
            column = _column(f"{name} of party {self.party_id}", getattr(self, name))
            object.__setattr__(self, name, column)
        if self.demand_wh.size != self.generation_wh.size:
            raise SimulationError(
                f"generation_wh of party {self.party_id}: {self.generation_wh.size} slots,"
                f" demand_wh has {self.demand_wh.size}"
            )


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """Households on one feeder, over the same slots.

    Args:
        households: in any order; kept by ascending party id.
        slots_per_day: 96 for quarters of an hour.
        distance_m: metres of line between two places of the feeder.

    Raises:
        SimulationError: nobody lives there, a party is given twice, or slots differ.
    """

    households: tuple[Household, ...]
    slots_per_day: int
    distance_m: Callable[[int, int], int]

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.households, key=lambda household: household.party_id))
        if not ordered:
            raise SimulationError("households: there is none")
        if len({household.party_id for household in ordered}) != len(ordered):
            raise SimulationError("households: a party_id is given twice; ids are unique")
        if len({household.demand_wh.size for household in ordered}) != 1:
            raise SimulationError("households: all need the same number of slots")
        if self.slots_per_day < 1:
            raise SimulationError(f"slots_per_day: {self.slots_per_day} must be 1 or more")
        object.__setattr__(self, "households", ordered)

    @property
    def slots(self) -> int:
        """How many slots there are."""
        return int(self.households[0].demand_wh.size)

    @cached_property
    def net_wh(self) -> Integers:
        """What each meter gave to the feeder, Wh (negative: took), households x slots."""
        return self.generation_wh - self.demand_wh

    @cached_property
    def demand_wh(self) -> Integers:
        """Households x slots."""
        return np.stack([household.demand_wh for household in self.households])

    @cached_property
    def generation_wh(self) -> Integers:
        """Households x slots."""
        return np.stack([household.generation_wh for household in self.households])

    @cached_property
    def places(self) -> dict[int, int]:
        """The place of each party."""
        return {household.party_id: household.place for household in self.households}

    def distance_between(self, a: int, b: int) -> int:
        """Metres of line between two parties."""
        return self.distance_m(self.places[a], self.places[b])


def _column(name: str, values: ArrayLike) -> Integers:
    array = np.asarray(values)
    if array.ndim != 1 or not array.size or array.dtype.kind not in "iu":
        raise SimulationError(f"{name}: must be one column of integers, not empty")
    if int(array.min()) < 0 or int(array.max()) > _MAX_SLOT_WH:
        raise SimulationError(
            f"{name}: {array.min()}..{array.max()} is not in 0..{_MAX_SLOT_WH} Wh a slot"
        )
    column: Integers = array.astype(np.int64)
    column.flags.writeable = False
    return column
