"""When cars come, how long they stay and how far they drove: real sessions (NOTICE.md)."""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DAY_MS = 86_400_000
_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Stay:
    """One session: minute of the day of plugging in, minutes plugged in, Wh that were charged."""

    user: str
    weekend: bool
    arrives_minute: int
    minutes: int
    energy_wh: int


@dataclass(frozen=True, slots=True)
class Visit:
    """A stay that will be: simulated ms, and what the car will have driven before it."""

    arrives_ms: int
    leaves_ms: int
    driven_wh: int


@cache
def load_stays() -> dict[str, tuple[Stay, ...]]:
    """The shipped sessions, by user."""
    by_user: dict[str, list[Stay]] = {}
    with Path(__file__).with_name("stays.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            stay = Stay(
                row["user"],
                row["weekend"] == "1",
                int(row["arrives_minute"]),
                int(row["minutes"]),
                int(row["energy_wh"]),
            )
            by_user.setdefault(stay.user, []).append(stay)
    return {user: tuple(stays) for user, stays in by_user.items()}


def next_visit(user: str, after_ms: int, weekday: int, rng: random.Random) -> Visit:
    """A user's next visit after a moment, drawn from that user's own.

    Args:
        after_ms: simulated time; midnight is a multiple of a day
        weekday: of `after_ms`, 0 = Monday

    Raises:
        KeyError: no such user was shipped
    """
    stays = load_stays()[user]
    day = after_ms // DAY_MS
    for ahead in range(8):
        weekend = (weekday + ahead) % 7 >= 5
        alike = [stay for stay in stays if stay.weekend == weekend] or list(stays)
        stay = rng.choice(alike)
        arrives_ms = (day + ahead) * DAY_MS + stay.arrives_minute * _MINUTE_MS
        if arrives_ms > after_ms:
            return Visit(arrives_ms, arrives_ms + stay.minutes * _MINUTE_MS, stay.energy_wh)
    raise AssertionError("a stay begins within a day")
