"""A price round: liars cannot move the median out of the honest range, and every rule is kept."""

from __future__ import annotations

import json
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unhurried import unhurried

from backend.pricing import (
    FeedSettings,
    Observation,
    PriceBounds,
    PriceError,
    PriceRound,
    RoundFault,
    RoundRefusedError,
    settle_round,
)

RUPEE = 1_000_000
NOW = 1_790_000_000
FEED = FeedSettings(
    faults=1, epoch=4, bounds=PriceBounds(1, 2**32 - 1), max_age_s=30, max_skew_s=2,
    max_step_ppm=100_000,
)  # fmt: skip
LAST = PriceRound(8, 6 * RUPEE, 6 * RUPEE, NOW - 15, ())


def observations(*prices: int, signers: tuple[int, ...] | None = None) -> list[Observation]:
    """One per price, of signers 0, 1, ... unless said otherwise."""
    who = signers or tuple(range(len(prices)))
    return [Observation(s, 9, 4, p, NOW - 1) for s, p in zip(who, prices, strict=True)]


def settle(
    seen: list[Observation], feed: FeedSettings = FEED, last: PriceRound | None = None
) -> PriceRound:
    return settle_round(9, seen, settings=feed, now=NOW, last=last)


@unhurried
@given(st.data(), st.integers(0, 4))
def test_f_liars_never_take_the_median_out_of_the_honest_range(
    data: st.DataObject, faults: int
) -> None:
    feed = replace(FEED, faults=faults)
    count = data.draw(st.integers(feed.quorum, feed.nodes))
    signers = sorted(data.draw(st.permutations(range(feed.nodes)))[:count])
    liars = set(data.draw(st.permutations(signers))[:faults])
    honest = {s: data.draw(st.integers(5 * RUPEE, 7 * RUPEE)) for s in signers if s not in liars}
    lies = {s: data.draw(st.integers(1, 2**32 - 1)) for s in liars}
    prices = [(honest | lies)[s] for s in signers]
    settled = settle(observations(*prices, signers=tuple(signers)), feed)
    assert min(honest.values()) <= settled.median_micro_inr_per_kwh <= max(honest.values())


@unhurried
@given(st.lists(st.integers(1, 2**32 - 1), min_size=3, max_size=4))
def test_is_the_median_and_its_order_is_sorted(prices: list[int]) -> None:
    settled = settle(observations(*prices))
    assert settled.median_micro_inr_per_kwh == statistics.median_high(prices)
    assert sorted(settled.by_price) == list(range(len(prices)))
    along = [prices[at] for at in settled.by_price]
    assert along == sorted(prices)
    assert settled.price_micro_inr_per_kwh == settled.median_micro_inr_per_kwh  # the first round


def test_golden_round_of_a_four_node_grid() -> None:
    settled = settle(observations(6_100_000, 900_000_000, 6_050_000, signers=(0, 1, 3)), last=LAST)
    assert settled == PriceRound(9, 6_100_000, 6_100_000, NOW - 1, (2, 0, 1))


@unhurried
@given(
    st.integers(1, 20 * RUPEE),
    st.integers(1, 20 * RUPEE),
    st.integers(1, 10**6),
    st.integers(1, 10 * RUPEE),
)
def test_breaker_caps_the_step_toward_the_median(
    before: int, median: int, ppm: int, lowest: int
) -> None:
    feed = replace(FEED, max_step_ppm=ppm, bounds=PriceBounds(lowest, 30 * RUPEE))
    last = replace(LAST, price_micro_inr_per_kwh=before)
    if median < lowest:
        with pytest.raises(RoundRefusedError):
            settle(observations(median, median, median), feed, last)
        return
    price = settle(observations(median, median, median), feed, last).price_micro_inr_per_kwh
    start = max(before, lowest)  # bounds may have moved
    step = -(-start * ppm // 10**6)
    assert price in feed.bounds
    assert abs(price - start) == min(abs(median - start), step)
    assert min(start, median) <= price <= max(start, median)
    assert price != start or median == start  # it can always move


def test_a_real_change_gets_through_in_steps() -> None:
    last, rounds = LAST, 0
    while last.price_micro_inr_per_kwh != 9 * RUPEE:
        last = settle_round(
            last.round_id + 1,
            [replace(o, round_id=last.round_id + 1) for o in observations(*[9 * RUPEE] * 3)],
            settings=FEED,
            now=NOW,
            last=last,
        )
        rounds += 1
    assert rounds == 5  # 6 x 1.1^5 > 9


def test_freshness_is_that_of_the_oldest_observation() -> None:
    seen = observations(5, 6, 7)
    seen[1] = replace(seen[1], observed_at=NOW - 30)
    assert settle(seen).observed_at == NOW - 30


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"signer": 4}, RoundFault.UNKNOWN_SIGNER),
        ({"signer": 1}, RoundFault.SIGNERS_NOT_ASCENDING),
        ({"signer": 0}, RoundFault.SIGNERS_NOT_ASCENDING),
        ({"round_id": 8}, RoundFault.WRONG_ROUND),
        ({"round_id": 10}, RoundFault.WRONG_ROUND),
        ({"epoch": 3}, RoundFault.WRONG_EPOCH),
        ({"observed_at": NOW - 31}, RoundFault.TOO_OLD),
        ({"observed_at": NOW + 3}, RoundFault.FROM_THE_FUTURE),
    ],
)
def test_one_bad_observation_refuses_the_round(change: dict[str, int], fault: RoundFault) -> None:
    seen = observations(5 * RUPEE, 6 * RUPEE, 7 * RUPEE)
    seen[2] = replace(seen[2], **change)
    with pytest.raises(RoundRefusedError) as refused:
        settle(seen)
    assert refused.value.fault is fault


def test_negative_signer_is_unknown() -> None:
    with pytest.raises(RoundRefusedError) as refused:
        settle(observations(5, 5, 5, signers=(-1, 0, 1)))
    assert refused.value.fault is RoundFault.UNKNOWN_SIGNER


@pytest.mark.parametrize("count", [0, 1, 2])
def test_fewer_than_2f_plus_1_are_too_few(count: int) -> None:
    with pytest.raises(RoundRefusedError) as refused:
        settle(observations(*[RUPEE] * count))
    assert refused.value.fault is RoundFault.TOO_FEW


@pytest.mark.parametrize("last_round", [9, 10])
def test_rounds_only_go_on(last_round: int) -> None:
    with pytest.raises(RoundRefusedError) as refused:
        settle(observations(1, 1, 1), last=replace(LAST, round_id=last_round))
    assert refused.value.fault is RoundFault.ROUND_NOT_NEW


@pytest.mark.parametrize(("median", "accepted"), [(2, False), (3, True), (9, True), (10, False)])
def test_median_outside_the_bounds_is_refused_not_clipped(median: int, accepted: bool) -> None:
    feed = replace(FEED, bounds=PriceBounds(3, 9))
    seen = observations(1, median, 2**32 - 1)
    if accepted:
        assert settle(seen, feed).median_micro_inr_per_kwh == median
    else:
        with pytest.raises(RoundRefusedError) as refused:
            settle(seen, feed)
        assert refused.value.fault is RoundFault.OUT_OF_BOUNDS


def test_edges_of_age_and_skew_are_accepted() -> None:
    seen = observations(5, 6, 7)
    settle([replace(o, observed_at=NOW - 30) for o in seen])
    settle([replace(o, observed_at=NOW + 2) for o in seen])


@pytest.mark.parametrize(
    "change",
    [
        {"faults": -1},
        {"faults": 11},
        {"epoch": -1},
        {"max_age_s": 0},
        {"max_skew_s": -1},
        {"max_step_ppm": 0},
    ],
)
def test_bad_settings_name_the_field(change: dict[str, int]) -> None:
    with pytest.raises(PriceError, match=f"^{next(iter(change))}: "):
        replace(FEED, **change)


# ---- the same rules as the contract's ------------------------------------------------------------

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/price_rounds.json").read_text())


@pytest.mark.parametrize("vector", VECTORS["rounds"], ids=lambda vector: vector["name"])
def test_vector(vector: dict[str, Any]) -> None:
    limits, last = vector["feed"], vector["last"]
    bounds = PriceBounds(limits["lowest_micro_inr_per_kwh"], limits["highest_micro_inr_per_kwh"])
    feed = FeedSettings(
        1, 4, bounds, limits["max_age_s"], limits["max_skew_s"], limits["max_step_ppm"],
        limits["sell_share_bps"],
    )  # fmt: skip
    before = last["price_micro_inr_per_kwh"]
    seen = [
        Observation(
            o["signer"], vector["round"], 4, o["price_micro_inr_per_kwh"], NOW + o["observed_at"]
        )
        for o in vector["observations"]
    ]

    def run() -> PriceRound:
        previous = PriceRound(last["round"], before, before, NOW - 15, ())
        return settle_round(vector["round"], seen, settings=feed, now=NOW, last=previous)

    if vector["fault"]:
        with pytest.raises(RoundRefusedError) as refused:
            run()
        assert refused.value.fault is RoundFault[vector["fault"]]
        return
    found = run()
    assert vector["settled"] == {
        "price_micro_inr_per_kwh": found.price_micro_inr_per_kwh,
        "median_micro_inr_per_kwh": found.median_micro_inr_per_kwh,
        "sell_micro_inr_per_kwh": feed.sell_price_down(found.price_micro_inr_per_kwh),
        "observed_at": found.observed_at - NOW,
    }
