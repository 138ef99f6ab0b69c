"""Sealed-bid auctions: ranking, first and second price, and that truth is the best bid."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from unhurried import examples, unhurried

from backend.market import (
    AuctionOutcome,
    Award,
    Lot,
    MarketError,
    PaymentRule,
    Refusal,
    SealedBid,
    determine_winners,
)

RUPEE = 1_000_000
LOT = Lot(lot_id=1, seller_id=100, energy_wh=1000, reserve_micro_inr_per_kwh=3 * RUPEE)
rules = st.sampled_from(PaymentRule)


def bid(
    bid_id: int, rupees: float, wh: int = 1000, *, lot: int = 1, who: int | None = None,
    priority: int = 5, at: int = 0,
) -> SealedBid:  # fmt: skip
    bidder = bid_id if who is None else who
    return SealedBid(bid_id, lot, bidder, round(rupees * RUPEE), wh, priority, at)


def outcome(
    *bids: SealedBid, rule: PaymentRule = PaymentRule.SECOND_PRICE, lot: Lot = LOT
) -> AuctionOutcome:
    return determine_winners([lot], bids, rule)


def wins(result: AuctionOutcome) -> list[tuple[int, int, int]]:
    """(bid id, Wh, micro-rupees) of all awards."""
    return [
        (award.bid.bid_id, award.energy_wh, award.payment_micro_inr)
        for lot in result.lots
        for award in lot.awards
    ]


@st.composite
def auctions(draw: st.DrawFn) -> tuple[list[Lot], list[SealedBid]]:
    lots = [
        Lot(
            lot_id,
            draw(st.integers(0, 4)),
            draw(st.integers(1, 40)),
            draw(st.integers(0, 9)) * 500_000,
        )
        for lot_id in range(draw(st.integers(1, 3)))
    ]
    count = draw(st.integers(0, 10))
    bids = [
        SealedBid(
            bid_id,
            draw(st.integers(0, 3)),
            draw(st.integers(0, 6)),
            draw(st.integers(0, 10)) * 500_000,
            draw(st.integers(1, 30)),
            draw(st.integers(0, 2)),
            draw(st.integers(0, 2)),
        )
        for bid_id in draw(st.permutations(range(count)))
    ]
    return lots, bids


def greatest_value(lot: Lot, bids: list[SealedBid]) -> int:
    """What the lot is worth in the best hands, the seller's reserve included (x 1000, micro-Rs)."""
    worth = [b.price_micro_inr_per_kwh - lot.reserve_micro_inr_per_kwh for b in bids]
    if not bids:
        return lot.energy_wh * lot.reserve_micro_inr_per_kwh
    solved = linprog(
        -np.array(worth),
        A_ub=np.ones((1, len(bids))),
        b_ub=[lot.energy_wh],
        bounds=[(0, b.energy_wh) for b in bids],
        method="highs-ds",
    )
    assert solved.status == 0
    taken = np.rint(solved.x).astype(int).tolist()
    gain = sum(wh * value for wh, value in zip(taken, worth, strict=True))
    return gain + lot.energy_wh * lot.reserve_micro_inr_per_kwh


# ---- what must hold for every auction


@unhurried
@given(auctions(), rules)
def test_energy_goes_where_it_is_worth_most(
    auction: tuple[list[Lot], list[SealedBid]], rule: PaymentRule
) -> None:
    lots, bids = auction
    result = determine_winners(lots, bids, rule)
    out = {b.bid_id for b, _ in result.refused}
    for sold in result.lots:
        counting = [b for b in bids if b.lot_id == sold.lot.lot_id and b.bid_id not in out]
        reached = sold.unsold_wh * sold.lot.reserve_micro_inr_per_kwh
        reached += sum(a.energy_wh * a.bid.price_micro_inr_per_kwh for a in sold.awards)
        assert reached == greatest_value(sold.lot, counting)


@unhurried
@given(auctions(), rules)
def test_energy_is_conserved_and_nobody_pays_above_the_bid_or_below_the_reserve(
    auction: tuple[list[Lot], list[SealedBid]], rule: PaymentRule
) -> None:
    lots, bids = auction
    for sold in determine_winners(lots, bids, rule).lots:
        assert sold.unsold_wh + sum(a.energy_wh for a in sold.awards) == sold.lot.energy_wh
        for award in sold.awards:
            assert 0 < award.energy_wh <= award.bid.energy_wh
            assert award.bid.bidder_id != sold.lot.seller_id
            most = Fraction(award.energy_wh * award.bid.price_micro_inr_per_kwh, 1000)
            least = Fraction(award.energy_wh * sold.lot.reserve_micro_inr_per_kwh, 1000)
            assert least <= award.payment_micro_inr < most + 1


@unhurried
@given(auctions())
def test_second_price_never_costs_more_than_first(
    auction: tuple[list[Lot], list[SealedBid]],
) -> None:
    first = determine_winners(*auction, PaymentRule.FIRST_PRICE)
    second = determine_winners(*auction, PaymentRule.SECOND_PRICE)
    assert first.refused == second.refused
    for one, other in zip(wins(first), wins(second), strict=True):
        assert one[:2] == other[:2]
        assert other[2] <= one[2]


@unhurried
@given(auctions(), rules, st.randoms(use_true_random=False))
def test_input_order_changes_nothing(
    auction: tuple[list[Lot], list[SealedBid]], rule: PaymentRule, random: Random
) -> None:
    lots, bids = auction
    result = determine_winners(lots, bids, rule)
    for shuffled in (lots := list(lots), bids := list(bids)):
        random.shuffle(shuffled)
    assert determine_winners(lots, bids, rule) == result


@unhurried
@given(auctions())
def test_every_bid_is_counted_or_refused(auction: tuple[list[Lot], list[SealedBid]]) -> None:
    """Refusing one never changes what the others get."""
    lots, bids = auction
    result = determine_winners(lots, bids, PaymentRule.SECOND_PRICE)
    out = {b.bid_id for b, _ in result.refused}
    rest = [b for b in bids if b.bid_id not in out]
    assert determine_winners(lots, rest, PaymentRule.SECOND_PRICE).lots == result.lots
    assert {award[0] for award in wins(result)} <= {b.bid_id for b in rest}


@settings(unhurried, max_examples=examples(300))
@given(auctions(), st.integers(0, 10), st.data())
def test_second_price_makes_the_truth_the_best_bid(
    auction: tuple[list[Lot], list[SealedBid]], lie: int, data: st.DataObject
) -> None:
    """Whatever the others do; exact but for the rounding of one payment."""
    lots, bids = auction
    if not bids:
        return
    honest = data.draw(st.sampled_from(bids))

    def gain(price: int) -> Fraction:
        lying = replace(honest, price_micro_inr_per_kwh=price)
        played = [lying if b is honest else b for b in bids]
        for sold in determine_winners(lots, played, PaymentRule.SECOND_PRICE).lots:
            for award in sold.awards:
                if award.bid is lying:
                    value = Fraction(award.energy_wh * honest.price_micro_inr_per_kwh, 1000)
                    return value - award.payment_micro_inr
        return Fraction(0)

    assert gain(lie * 500_000) < gain(honest.price_micro_inr_per_kwh) + 1


@unhurried
@given(auctions())
def test_second_price_is_what_others_lose_by_ones_presence(
    auction: tuple[list[Lot], list[SealedBid]],
) -> None:
    lots, bids = auction
    result = determine_winners(lots, bids, PaymentRule.SECOND_PRICE)
    out = {b.bid_id for b, _ in result.refused}
    for sold in result.lots:
        counting = [b for b in bids if b.lot_id == sold.lot.lot_id and b.bid_id not in out]
        whole = greatest_value(sold.lot, counting)
        for award in sold.awards:
            own = award.energy_wh * award.bid.price_micro_inr_per_kwh
            without = greatest_value(sold.lot, [b for b in counting if b is not award.bid])
            assert award.payment_micro_inr == -(-(without - (whole - own)) // 1000)


# ---- goldens


def test_golden_one_winner_pays_the_second_price() -> None:
    bids = (bid(1, 7), bid(2, 6.5), bid(3, 4))
    assert wins(outcome(*bids)) == [(1, 1000, 6_500_000)]
    assert wins(outcome(*bids, rule=PaymentRule.FIRST_PRICE)) == [(1, 1000, 7 * RUPEE)]


def test_alone_one_pays_the_reserve() -> None:
    assert wins(outcome(bid(1, 7))) == [(1, 1000, 3 * RUPEE)]


def test_golden_split_lot() -> None:
    """600 + 400 Wh; without bid 1: 500 more for bid 2 at Rs 6, and 100 for bid 3 at Rs 5."""
    result = outcome(bid(1, 7, 600), bid(2, 6, 900), bid(3, 5, 800))
    assert wins(result) == [(1, 600, 500 * 6000 + 100 * 5000), (2, 400, 400 * 5000)]
    assert result.lots[0].unsold_wh == 0


def test_what_nobody_wants_stays_unsold() -> None:
    result = outcome(bid(1, 7, 300))
    assert (wins(result), result.lots[0].unsold_wh) == ([(1, 300, 900_000)], 700)


@pytest.mark.parametrize(
    ("one", "other", "winner"),
    [
        (bid(1, 6, priority=9, at=9), bid(2, 5, priority=0, at=0), 1),  # price
        (bid(1, 6, priority=1, at=9), bid(2, 6, priority=0, at=9), 2),  # then priority
        (bid(1, 6, priority=0, at=9), bid(2, 6, priority=0, at=8), 2),  # then time
        (bid(1, 6, priority=0, at=8), bid(2, 6, priority=0, at=8), 1),  # then id
    ],
)
def test_rank_is_price_priority_time_id(one: SealedBid, other: SealedBid, winner: int) -> None:
    for pair in ((one, other), (other, one)):
        assert [award[0] for award in wins(outcome(*pair))] == [winner]


def test_many_lots_are_independent() -> None:
    lots = [LOT, replace(LOT, lot_id=2, seller_id=101, reserve_micro_inr_per_kwh=0)]
    bids = [bid(1, 7), bid(2, 5, lot=2, who=1), bid(3, 4, lot=2), bid(4, 6, who=101)]
    result = determine_winners(lots, bids, PaymentRule.SECOND_PRICE)
    assert wins(result) == [(1, 1000, 6 * RUPEE), (2, 1000, 4 * RUPEE)]


def test_bids_that_cannot_count_are_refused_one_by_one() -> None:
    good = bid(1, 7)
    bad = {
        2: (bid(2, 9, lot=8), Refusal.UNKNOWN_LOT),
        3: (bid(3, 9, who=100), Refusal.OWN_LOT),
        4: (bid(4, 2.999999), Refusal.BELOW_RESERVE),
        5: (bid(5, 9, who=1, at=1), Refusal.SECOND_BID),
    }
    result = outcome(*(entry[0] for entry in bad.values()), good)
    assert result.refused == tuple(bad.values())
    assert [lot.awards for lot in result.lots] == [(Award(good, 1000, 3 * RUPEE),)]


def test_a_second_bid_does_not_rescue_one_below_the_reserve() -> None:
    """One sealed bid a lot: otherwise one could commit many and reveal what suits."""
    result = outcome(bid(1, 1, who=7, at=0), bid(2, 9, who=7, at=1))
    assert [why for _, why in result.refused] == [Refusal.BELOW_RESERVE, Refusal.SECOND_BID]
    assert result.lots[0].unsold_wh == 1000


def test_no_bids_and_no_lots() -> None:
    assert outcome().lots[0].unsold_wh == 1000
    assert determine_winners([], [], PaymentRule.FIRST_PRICE) == AuctionOutcome((), ())


# ---- bad input


def test_ids_given_twice_are_refused() -> None:
    with pytest.raises(MarketError, match=r"^bid_id: 1 is given twice"):
        outcome(bid(1, 5), bid(1, 6, who=2))
    with pytest.raises(MarketError, match=r"^lot_id: 1 is given twice"):
        determine_winners([LOT, replace(LOT, energy_wh=5)], [], PaymentRule.FIRST_PRICE)


@pytest.mark.parametrize(
    ("thing", "field", "value"),
    [
        (LOT, "lot_id", -1),
        (LOT, "seller_id", -1),
        (LOT, "energy_wh", 0),
        (LOT, "reserve_micro_inr_per_kwh", -1),
        (bid(1, 5), "bid_id", -1),
        (bid(1, 5), "bidder_id", 2**63),
        (bid(1, 5), "price_micro_inr_per_kwh", 2**32),
        (bid(1, 5), "energy_wh", 2**31),
        (bid(1, 5), "node_priority", -1),
        (bid(1, 5), "committed_at", True),
    ],
)
def test_bad_fields_are_named(thing: Lot | SealedBid, field: str, value: int) -> None:
    with pytest.raises(MarketError, match=f"^{field}: "):
        replace(thing, **{field: value})
