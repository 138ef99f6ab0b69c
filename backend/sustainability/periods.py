"""Periods of at most an hour for which a meter's generation can be certified. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Generation:
    """A meter's cumulative generation at the end of a committed slot, Wh."""

    slot: int
    register_wh: int


@dataclass(frozen=True, slots=True)
class Period:
    """Slots (from_slot, to_slot], both committed, and what was generated in them, Wh."""

    from_slot: int
    to_slot: int
    wh: int


def open_periods(
    registers: Sequence[Generation],
    taken: Iterable[tuple[int, int]],
    slot_seconds: int,
    terms_end: Collection[int] = (),
) -> list[Period]:
    """The longest periods within an hour of the clock and within the same terms that no lot has
    part in, newest first.

    Args:
        registers: ascending by slot
        taken: (from_slot, to_slot] of the lots that were not refused
        terms_end: last slots of terms after which others began
    """
    lots = sorted(taken)
    found: list[Period] = []
    for before, after in pairwise(registers):
        wh = after.register_wh - before.register_wh
        too_long = (after.slot - before.slot) * slot_seconds > HOUR_S
        straddles = any(before.slot < end < after.slot for end in terms_end)
        if wh < 0 or too_long or straddles or _overlaps(lots, before.slot, after.slot):
            continue
        last = found[-1] if found and before.slot not in terms_end else None
        if last is not None and _continues(last, before.slot, after.slot, slot_seconds):
            found[-1] = Period(last.from_slot, after.slot, last.wh + wh)
        else:
            found.append(Period(before.slot, after.slot, wh))
    return [period for period in reversed(found) if period.wh > 0]


def _continues(last: Period, from_slot: int, to_slot: int, slot_seconds: int) -> bool:
    """Whether a step goes on from a period within the same hour of the clock."""
    first_hour = (last.from_slot + 1) * slot_seconds // HOUR_S
    last_hour = ((to_slot + 1) * slot_seconds - 1) // HOUR_S
    return last.to_slot == from_slot and first_hour == last_hour


def _overlaps(lots: Sequence[tuple[int, int]], from_slot: int, to_slot: int) -> bool:
    return any(start < to_slot and from_slot < end for start, end in lots)
