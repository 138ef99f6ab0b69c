"""Slots and seconds. Pure: who calls brings the time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SlotClock:
    """Slot n covers Unix seconds [n x slot_seconds, (n + 1) x slot_seconds)."""

    slot_seconds: int

    def __post_init__(self) -> None:
        if self.slot_seconds < 1:
            raise ValueError(f"slot_seconds must be at least 1, not {self.slot_seconds}")

    def slot_at(self, time_s: float) -> int:
        """The slot that runs at a time."""
        return int(time_s // self.slot_seconds)

    def start(self, slot: int) -> int:
        """First second of a slot."""
        return slot * self.slot_seconds

    def end(self, slot: int) -> int:
        """First second after a slot."""
        return (slot + 1) * self.slot_seconds

    def latest_over(self, time_s: float) -> int:
        """The newest slot that is over; below 0 before the first is."""
        return self.slot_at(time_s) - 1

    def to_close(self, time_s: float, grace_s: float, newest_closed: int) -> int | None:
        """The slot to close now: the newest whose end lies `grace_s` back, unless it is closed.

        One slot suffices after any downtime: registers are cumulative.
        """
        slot = self.latest_over(time_s - grace_s)
        return slot if slot > newest_closed and slot > 0 else None

    def seconds_until_due(self, time_s: float, grace_s: float) -> float:
        """How long until another slot can be closed."""
        shifted = time_s - grace_s
        return self.end(self.slot_at(shifted)) - shifted
