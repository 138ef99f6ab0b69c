"""Load and sun profiles of four real weeks and of a month (SimBench; see NOTICE.md)."""

from __future__ import annotations

import csv
import gzip
import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SLOT_MS = 900_000
"""Each profile value is the mean power of a quarter of an hour."""


@dataclass(frozen=True, slots=True)
class Profiles:
    """Quarter-hour mean powers as ten-thousandths of rated power.

    Attributes:
        times: local time of each row, `dd.mm.yyyy hh:mm`; one after another.
        columns: values by profile name, one per row.
    """

    times: tuple[str, ...]
    columns: dict[str, tuple[int, ...]]

    def power_w(self, name: str, peak_w: int, at_ms: int, shift_slots: int = 0) -> int:
        """Power in W at `at_ms`: the quarter-hours' means are joined by straight lines.

        Args:
            name: profile's name. Raises KeyError if there is none.
            peak_w: power that the profile's full scale stands for.
            at_ms: simulated time since the first row, ms; the rows repeat without end.
            shift_slots: quarters of an hour by which the profile is moved to later.
        """
        values = self.columns[name]
        slot, within_ms = divmod(at_ms, SLOT_MS)
        first = values[(slot - shift_slots) % len(values)]
        second = values[(slot - shift_slots + 1) % len(values)]
        weighted = first * (SLOT_MS - within_ms) + second * within_ms
        return weighted * peak_w // (10_000 * SLOT_MS)

    def offset_ms(self, time: str) -> int:
        """Simulated time of the row `time`. Raises ValueError if no row has it."""
        try:
            return self.times.index(time) * SLOT_MS
        except ValueError:
            raise ValueError(
                f"start.time: {time!r} is in none of the weeks; they begin "
                + ", ".join(self.times[:: 7 * 96])
            ) from None


def load_profiles() -> Profiles:
    """Four weeks, one a season: what the simulated neighbourhood lives through."""
    return _shipped("weeks")


def load_month() -> Profiles:
    """April 2016 and the week before it: what the markets are replayed on."""
    return _shipped("month")


@cache
def _shipped(name: str) -> Profiles:
    packed = Path(__file__).with_name(f"{name}.csv.gz").read_bytes()
    rows = list(csv.reader(io.StringIO(gzip.decompress(packed).decode())))
    header, body = rows[0], rows[1:]
    columns = list(zip(*body, strict=True))
    return Profiles(
        times=columns[0],
        columns={
            name: tuple(map(int, values))
            for name, values in zip(header[1:], columns[1:], strict=True)
        },
    )
