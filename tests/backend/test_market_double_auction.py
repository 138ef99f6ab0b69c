"""The double auction against linear programming, with people whose own orders cross."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_books import books, greatest_welfare, without_own_crossings
from unhurried import examples, unhurried

from backend.market import (
    AuctionResult,
    Order,
    OrderBook,
    Pricing,
    Side,
    Trade,
    clear_call_auction,
    clear_double_auction,
    payments,
)
from backend.market.uniform_price import TickGrid

RUPEE = 1_000_000
pricings = st.sampled_from(Pricing)


def cleared(orders: list[Order], pricing: Pricing = Pricing.PAY_AS_CLEAR) -> AuctionResult:
    return clear_double_auction(OrderBook.from_orders(orders), pricing)


def order(
    order_id: int, side: Side, rupees: float, wh: int, *, who: int | None = None, at: int = 0
) -> Order:
    return Order(order_id, order_id if who is None else who, side, round(rupees * RUPEE), wh, at)


def filled(result: AuctionResult) -> dict[int, int]:
    pairs = zip(result.book.order_id.tolist(), result.filled_wh().tolist(), strict=True)
    return {order_id: wh for order_id, wh in pairs if wh}


# ---- what must hold for every book


@settings(unhurried, max_examples=examples(250))
@given(books(people=4), pricings)
def test_welfare_is_the_greatest_there_is_without_self_trade(
    orders: list[Order], pricing: Pricing
) -> None:
    expected = greatest_welfare(orders, self_trade=False)
    assert cleared(orders, pricing).welfare_milli_micro_inr() == expected


@settings(unhurried, max_examples=examples(250))
@given(books(people=2), pricings)
def test_welfare_is_the_greatest_where_one_person_dominates(
    orders: list[Order], pricing: Pricing
) -> None:
    expected = greatest_welfare(orders, self_trade=False)
    assert cleared(orders, pricing).welfare_milli_micro_inr() == expected


@settings(unhurried, max_examples=examples(250))
@given(books(people=3), pricings)
def test_trades_are_energy_between_two_people_within_both_limits(
    orders: list[Order], pricing: Pricing
) -> None:
    by_id = {o.order_id: o for o in orders}
    used: Counter[int] = Counter()
    for trade in cleared(orders, pricing).trades():
        bid, offer = by_id[trade.bid_id], by_id[trade.offer_id]
        assert (bid.side, offer.side) == (Side.BID, Side.OFFER)
        assert (trade.buyer_id, trade.seller_id) == (bid.participant_id, offer.participant_id)
        assert trade.buyer_id != trade.seller_id
        assert trade.energy_wh > 0
        assert (
            offer.price_micro_inr_per_kwh
            <= trade.price_micro_inr_per_kwh
            <= bid.price_micro_inr_per_kwh
        )
        used[trade.bid_id] += trade.energy_wh
        used[trade.offer_id] += trade.energy_wh
    assert all(wh <= by_id[order_id].energy_wh for order_id, wh in used.items())
    assert dict(used) == filled(cleared(orders, pricing))


@unhurried
@given(books(people=3), pricings, st.randoms(use_true_random=False))
def test_input_order_changes_nothing(orders: list[Order], pricing: Pricing, random: Random) -> None:
    shuffled = list(orders)
    random.shuffle(shuffled)
    assert list(cleared(orders, pricing).trades()) == list(cleared(shuffled, pricing).trades())


@unhurried
@given(books(people=3), pricings)
def test_nothing_that_meets_is_left_over(orders: list[Order], pricing: Pricing) -> None:
    got = filled(cleared(orders, pricing))
    left = [o for o in orders if got.get(o.order_id, 0) < o.energy_wh]
    for bid in left:
        for offer in left:
            if bid.side is Side.BID and offer.side is Side.OFFER:
                # Equal limits may be left in a book that one person dominates: no gain in them.
                assert (
                    bid.participant_id == offer.participant_id
                    or bid.price_micro_inr_per_kwh <= offer.price_micro_inr_per_kwh
                )


@unhurried
@given(books())
def test_price_time_priority_and_one_order_filled_in_part(orders: list[Order]) -> None:
    taken = without_own_crossings(orders)
    got = filled(cleared(taken))
    in_part = [o for o in taken if 0 < got.get(o.order_id, 0) < o.energy_wh]
    assert len(in_part) <= 1
    for side, sign in ((Side.BID, -1), (Side.OFFER, 1)):
        ranked = sorted(
            (o for o in taken if o.side is side),
            key=lambda o: (sign * o.price_micro_inr_per_kwh, o.placed_at, o.order_id),
        )
        shares = [got.get(o.order_id, 0) / o.energy_wh for o in ranked]
        assert shares == sorted(shares, reverse=True)


@unhurried
@given(books())
def test_pays_as_cleared_one_price_in_the_middle(orders: list[Order]) -> None:
    """Nobody who is left out would have traded at the price, and it favours neither side."""
    taken = without_own_crossings(orders)
    result = cleared(taken)
    prices = set(result.price_micro_inr_per_kwh.tolist())
    assert len(prices) <= 1
    got = filled(result)
    for price in prices:
        lows, highs = [], []
        for o in taken:
            has = got.get(o.order_id, 0)
            if o.side is Side.BID:
                highs += [o.price_micro_inr_per_kwh] if has else []
                lows += [o.price_micro_inr_per_kwh] if has < o.energy_wh else []
            else:
                lows += [o.price_micro_inr_per_kwh] if has else []
                highs += [o.price_micro_inr_per_kwh] if has < o.energy_wh else []
        assert max(lows) <= price <= min(highs)
        assert price == (max(lows) + min(highs)) // 2


@unhurried
@given(books())
def test_pays_as_bid_the_limit_of_the_order_placed_first(orders: list[Order]) -> None:
    by_id = {o.order_id: o for o in orders}
    for trade in cleared(orders, Pricing.PAY_AS_BID).trades():
        both = (by_id[trade.bid_id], by_id[trade.offer_id])
        first = min(both, key=lambda o: (o.placed_at, o.order_id))
        assert trade.price_micro_inr_per_kwh == first.price_micro_inr_per_kwh


@unhurried
@given(books(prices=[3 * RUPEE, 3_000_001, 3_333_333, 5_999_999]), pricings)
def test_money_in_is_money_out_and_within_every_limit(
    orders: list[Order], pricing: Pricing
) -> None:
    by_id = {o.order_id: o for o in orders}
    result = cleared(orders, pricing)
    paid = payments(result.trades())
    got = filled(result)
    assert sum(paid.paid_by_bid.values()) == sum(paid.got_by_offer.values()) + paid.pool_rounding
    assert 0 <= paid.pool_rounding <= len(got)
    for order_id, cost in paid.paid_by_bid.items():
        assert (cost - 1) * 1000 < got[order_id] * by_id[order_id].price_micro_inr_per_kwh
    for order_id, proceeds in paid.got_by_offer.items():
        assert (proceeds + 1) * 1000 > got[order_id] * by_id[order_id].price_micro_inr_per_kwh


@unhurried
@given(books())
def test_agrees_with_the_call_auction(orders: list[Order]) -> None:
    """On ticks, both trade the same volume for the same gain; the middle is rounded to a tick."""
    taken = without_own_crossings(orders)
    call = clear_call_auction(OrderBook.from_orders(taken), TickGrid(1_000_000, 500_000, 12))
    double = cleared(taken)
    assert double.volume_wh == call.volume_wh
    assert double.welfare_milli_micro_inr() == call.welfare_milli_micro_inr()
    if call.price_micro_inr_per_kwh is not None:
        assert double.price_micro_inr_per_kwh[0] - call.price_micro_inr_per_kwh in (0, 250_000)


# ---- goldens


BOOK = [
    order(1, Side.OFFER, 3, 50, at=1),
    order(2, Side.OFFER, 4, 30, at=5),
    order(3, Side.BID, 6, 40, at=2),
    order(4, Side.BID, 5, 30, at=3),
    order(5, Side.BID, 3.5, 30, at=4),
]


def test_golden_pay_as_bid() -> None:
    assert list(cleared(BOOK, Pricing.PAY_AS_BID).trades()) == [
        Trade(3, 1, 3, 1, 40, 3 * RUPEE),
        Trade(4, 1, 4, 1, 10, 3 * RUPEE),
        Trade(4, 2, 4, 2, 20, 5 * RUPEE),
    ]


def test_golden_pay_as_clear() -> None:
    # Offer 2 is filled in part, so it is its limit that clears.
    assert {trade.price_micro_inr_per_kwh for trade in cleared(BOOK).trades()} == {4 * RUPEE}
    assert filled(cleared(BOOK)) == {1: 50, 2: 20, 3: 40, 4: 30}


def test_the_marginal_order_is_filled_in_part() -> None:
    """A peer left it out."""
    assert filled(cleared([order(1, Side.OFFER, 3, 100), order(2, Side.BID, 5, 1)])) == {1: 1, 2: 1}


def test_the_cheapest_offer_goes_first() -> None:
    """A peer matched the dearest."""
    orders = [order(n, Side.OFFER, n, 10) for n in (1, 2, 3)] + [order(9, Side.BID, 3, 10)]
    assert filled(cleared(orders)) == {1: 10, 9: 10}


def test_identical_offers_go_by_time_then_id_and_lose_nothing() -> None:
    """A peer lost half the energy."""
    orders = [order(n, Side.OFFER, 3, 10, at=n % 2) for n in (1, 2, 3, 4)]
    assert filled(cleared([*orders, order(9, Side.BID, 3, 25)])) == {2: 10, 4: 10, 1: 5, 9: 25}


def test_best_bid_and_offer_of_one_person_find_other_partners() -> None:
    orders = [
        order(1, Side.BID, 9, 10, who=1),
        order(2, Side.OFFER, 1, 10, who=1),
        order(3, Side.BID, 6, 10),
        order(4, Side.OFFER, 4, 10),
    ]
    assert list(cleared(orders).trades()) == [
        Trade(1, 4, 1, 4, 10, 5 * RUPEE),
        Trade(3, 2, 3, 1, 10, 5 * RUPEE),
    ]


def test_a_dominant_person_meets_two_markets() -> None:
    """Alone among others who do not meet each other, he buys from one and sells to the other."""
    orders = [
        order(1, Side.BID, 10, 20, who=1),
        order(2, Side.OFFER, 4, 20, who=1),
        order(3, Side.OFFER, 9, 10),
        order(4, Side.BID, 5, 10),
    ]
    assert list(cleared(orders).trades()) == [
        Trade(1, 3, 1, 3, 10, 10 * RUPEE),
        Trade(4, 2, 4, 1, 10, 4 * RUPEE),
    ]


def test_nobody_else_means_nothing_trades() -> None:
    result = cleared([order(1, Side.BID, 9, 10, who=1), order(2, Side.OFFER, 1, 10, who=1)])
    assert (list(result.trades()), result.volume_wh) == ([], 0)


@pytest.mark.parametrize("pricing", Pricing)
def test_empty_and_one_sided_books_trade_nothing(pricing: Pricing) -> None:
    for orders in ([], [order(1, Side.BID, 3, 5)], [order(1, Side.OFFER, 3, 5)]):
        assert list(cleared(orders, pricing).trades()) == []


def test_many_self_trades_are_exchanged_exactly() -> None:
    """A thousand prosumers with a bid and an offer each: no self-trade, no energy moved."""
    rng = np.random.default_rng(7)
    orders = []
    for who in range(1000):
        wh = int(rng.integers(1, 5000))
        orders.append(order(2 * who, Side.BID, 9 - who // 100 / 2, wh, who=who))
        orders.append(order(2 * who + 1, Side.OFFER, 1 + who // 100 / 2, wh, who=who))
    result = cleared(orders)
    selfish = result.book.participant_id[result.bid_row] == result.book.participant_id[
        result.offer_row
    ]  # fmt: skip
    assert not selfish.any()
    apart = [replace(o, participant_id=o.order_id) for o in orders]
    assert filled(result) == filled(cleared(apart))
