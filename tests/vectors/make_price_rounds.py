"""Writes tests/vectors/price_rounds.json: `python tests/vectors/make_price_rounds.py`.

Worked out with the standard library's median and exact fractions, without the engine or the
contract that the vectors judge. Times are seconds from the vector's `now`.
"""

from __future__ import annotations

import json
import random
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from statistics import median_high
from typing import Any

OUT = Path(__file__).with_name("price_rounds.json")
RUPEE = 1_000_000
NODES = 4
NEEDED = 3
FEED = {
    "lowest_micro_inr_per_kwh": 2 * RUPEE,
    "highest_micro_inr_per_kwh": 12 * RUPEE,
    "max_age_s": 60,
    "max_skew_s": 5,
    "max_step_ppm": 100_000,
    "sell_share_bps": 5_000,
}
START = 6 * RUPEE

Seen = list[tuple[int, int, int]]
"""Signer, price, time."""


def fault_of(feed: dict[str, int], last_round: int, number: int, seen: Seen) -> str | None:
    signers = [signer for signer, _, _ in seen]
    if number <= last_round:
        return "ROUND_NOT_NEW"
    if len(seen) < NEEDED:
        return "TOO_FEW"
    if signers != sorted(set(signers)):
        return "SIGNERS_NOT_ASCENDING"
    if any(-time > feed["max_age_s"] for _, _, time in seen):
        return "TOO_OLD"
    if any(time > feed["max_skew_s"] for _, _, time in seen):
        return "FROM_THE_FUTURE"
    middle = median_high(price for _, price, _ in seen)
    if not feed["lowest_micro_inr_per_kwh"] <= middle <= feed["highest_micro_inr_per_kwh"]:
        return "OUT_OF_BOUNDS"
    return None


def settled(feed: dict[str, int], last_price: int, seen: Seen) -> dict[str, int]:
    low, high = feed["lowest_micro_inr_per_kwh"], feed["highest_micro_inr_per_kwh"]
    middle = median_high(price for _, price, _ in seen)
    start = sorted((low, last_price, high))[1]
    step = ceil(Fraction(start * feed["max_step_ppm"], 10**6))
    price = sorted((start - step, middle, start + step))[1]
    share = floor(Fraction(price * feed["sell_share_bps"], 10_000))
    return {
        "price_micro_inr_per_kwh": price,
        "median_micro_inr_per_kwh": middle,
        "sell_micro_inr_per_kwh": min(price, max(low, share)),
        "observed_at": min(0, *(time for _, _, time in seen)),
    }


def vector(
    name: str, seen: Seen, number: int = 9, last: tuple[int, int] | None = None, **changes: int
) -> dict[str, Any]:
    """One round after another one (its number and price), or after the start price alone."""
    feed = FEED | changes
    last_round, last_price = last or (0, START)
    fault = fault_of(feed, last_round, number, seen)
    return {
        "name": name,
        "feed": feed,
        "last": {"round": last_round, "price_micro_inr_per_kwh": last_price},
        "round": number,
        "observations": [
            {"signer": signer, "price_micro_inr_per_kwh": price, "observed_at": time}
            for signer, price, time in seen
        ],
        "fault": fault,
        "settled": None if fault else settled(feed, last_price, seen),
    }


def at_once(*prices: int, signers: tuple[int, ...] | None = None) -> Seen:
    who = signers or tuple(range(len(prices)))
    return [(signer, price, 0) for signer, price in zip(who, prices, strict=True)]


def edges() -> list[dict[str, Any]]:
    good = at_once(START, START, START)
    return [
        vector("three agree", good),
        vector("an absurd price is not the median", at_once(6_100_000, 9 * 10**8, 6_050_000)),
        vector("four: the higher of the middle", at_once(6_000_000, 6_100_000, 6_200_000, 1)),
        vector("signers need not be the first", at_once(START, START, START, signers=(0, 2, 3))),
        vector("two are too few", at_once(START, START)),
        vector("none is too few", []),
        vector("out of order", at_once(START, START, START, signers=(0, 2, 1))),
        vector("one twice", at_once(START, START, START, signers=(0, 1, 1))),
        vector("the same round again", good, number=8, last=(8, START)),
        vector("an earlier round", good, number=7, last=(8, START)),
        vector("a gap in the rounds", good, number=2**40, last=(8, START)),
        vector("as old as may be", [(0, START, 0), (1, START, -60), (2, START, 0)]),
        vector("too old", [(0, START, 0), (1, START, -61), (2, START, 0)]),
        vector("as far ahead as may be", [(0, START, 5), (1, START, 5), (2, START, 5)]),
        vector("from the future", [(0, START, 0), (1, START, 0), (2, START, 6)]),
        vector("at the lowest", at_once(*[2 * RUPEE] * 3), max_step_ppm=10**6),
        vector("below the lowest", at_once(*[2 * RUPEE - 1] * 3)),
        vector("at the highest", at_once(*[12 * RUPEE] * 3), max_step_ppm=10**6),
        vector("above the highest", at_once(*[12 * RUPEE + 1] * 3)),
        vector("capped upward", at_once(*[9 * RUPEE] * 3), last=(8, START)),
        vector("capped downward", at_once(*[3 * RUPEE] * 3), last=(8, START)),
        vector("a step is rounded up", at_once(*[12 * RUPEE] * 3), last=(8, 6_000_001)),
        vector("never stuck", at_once(1, 1, 1), last=(8, 3), lowest_micro_inr_per_kwh=1),
        vector("from the bound", at_once(*[10**7] * 3), last=(8, 10**6)),
        vector("bound at the highest", at_once(*[3 * RUPEE] * 3), last=(8, 2 * 10**7)),
        vector("sells at the lower bound", at_once(*[3 * RUPEE] * 3), last=(8, 3_100_000)),
        vector("sells at the price", good, sell_share_bps=10_000),
        vector("gives power for nothing", good, sell_share_bps=0),
    ]


def drawn(count: int) -> list[dict[str, Any]]:
    dice = random.Random(20261121)
    made = []
    for index in range(count):
        signers = sorted(dice.sample(range(NODES), dice.randint(NEEDED, NODES)))
        seen = [
            (signer, dice.randint(RUPEE, 14 * RUPEE), dice.randint(-62, 6)) for signer in signers
        ]
        made.append(
            vector(
                f"drawn {index}",
                seen,
                number=dice.randint(8, 12),
                last=(8, dice.randint(RUPEE, 14 * RUPEE)),
                max_step_ppm=dice.choice((1, 10_000, 333_333, 2_000_000)),
                sell_share_bps=dice.randint(0, 10_000),
            )
        )
    return made


if __name__ == "__main__":
    OUT.write_text(json.dumps({"nodes": NODES, "rounds": edges() + drawn(12)}, indent=1) + "\n")
