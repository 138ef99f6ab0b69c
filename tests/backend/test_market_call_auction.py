"""The day-ahead call auction against linear programming and against its own definition."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from market_books import GRID, books, greatest_welfare, without_own_crossings
from unhurried import unhurried

from backend.market import (
    Fill,
    MarketError,
    Order,
    OrderBook,
    Side,
    TickClearing,
    TickGrid,
    clear_call_auction,
    clear_ticks,
    own_crossings,
    share_cumulative_down,
)
from backend.market.proration import share_column_down
from backend.market.uniform_price import CallResult

RUPEE = 1_000_000
quantities = st.lists(
    st.tuples(st.sampled_from([0, 0, 1, 2, 5, 1000]), st.sampled_from([0, 0, 1, 2, 5, 1000])),
    min_size=1,
    max_size=12,
)


def cleared(orders: list[Order]) -> CallResult:
    return clear_call_auction(OrderBook.from_orders(orders), GRID)


def order(
    order_id: int, side: Side, rupees: float, wh: int, *, who: int | None = None, at: int = 0
) -> Order:
    return Order(order_id, order_id if who is None else who, side, round(rupees * RUPEE), wh, at)


# ---- what must hold for every book


@unhurried
@given(books())
def test_welfare_is_the_greatest_there_is(orders: list[Order]) -> None:
    taken = without_own_crossings(orders)
    best = greatest_welfare(taken, self_trade=True)
    assert cleared(taken).welfare_milli_micro_inr() == best
    assert greatest_welfare(taken, self_trade=False) == best  # nobody needs oneself


@unhurried
@given(books())
def test_energy_balances_and_nobody_is_worse_off_than_the_limit(orders: list[Order]) -> None:
    taken = without_own_crossings(orders)
    by_id = {o.order_id: o for o in taken}
    result = cleared(taken)
    sums = dict.fromkeys(Side, 0)
    for fill in result.fills():
        placed = by_id[fill.order_id]
        sums[placed.side] += fill.energy_wh
        assert 0 < fill.energy_wh <= placed.energy_wh
        assert fill.price_micro_inr_per_kwh == result.price_micro_inr_per_kwh
        if placed.side is Side.BID:
            assert fill.price_micro_inr_per_kwh <= placed.price_micro_inr_per_kwh
        else:
            assert fill.price_micro_inr_per_kwh >= placed.price_micro_inr_per_kwh
    assert sums == dict.fromkeys(Side, result.volume_wh)


@unhurried
@given(books(), st.randoms(use_true_random=False))
def test_input_order_changes_nothing(orders: list[Order], random: Random) -> None:
    taken = without_own_crossings(orders)
    shuffled = list(taken)
    random.shuffle(shuffled)
    one, other = cleared(taken), cleared(shuffled)
    assert one.fills() == other.fills()
    assert one.clearing == other.clearing


@unhurried
@given(books())
def test_nobody_both_buys_and_sells(orders: list[Order]) -> None:
    taken = {o.order_id: o for o in without_own_crossings(orders)}
    fills = [taken[fill.order_id] for fill in cleared(list(taken.values())).fills()]
    buyers = {o.participant_id for o in fills if o.side is Side.BID}
    sellers = {o.participant_id for o in fills if o.side is Side.OFFER}
    assert not buyers & sellers


@unhurried
@given(books())
def test_pro_rata_only_at_the_marginal_tick_and_exact(orders: list[Order]) -> None:
    taken = without_own_crossings(orders)
    result = cleared(taken)
    filled = {fill.order_id: fill.energy_wh for fill in result.fills()}
    price, rationed = result.price_micro_inr_per_kwh, result.clearing.rationed
    at_margin = []
    for o in sorted(taken, key=lambda o: (o.placed_at, o.order_id)):
        if price is not None and o.price_micro_inr_per_kwh == price and o.side is rationed:
            at_margin.append(o)
        else:
            assert filled.get(o.order_id, 0) in (0, o.energy_wh)
    if at_margin:
        whole = sum(o.energy_wh for o in at_margin)
        shared = result.clearing.shared_wh
        assert 0 <= shared < whole
        assert sum(filled.get(o.order_id, 0) for o in at_margin) == shared
        for o in at_margin:
            exact = Fraction(o.energy_wh * shared, whole)
            assert abs(filled.get(o.order_id, 0) - exact) < 1


@unhurried
@given(books(), st.data())
def test_cancelling_a_bid_never_raises_the_price(orders: list[Order], data: st.DataObject) -> None:
    taken = without_own_crossings(orders)
    bids = [o for o in taken if o.side is Side.BID]
    before = cleared(taken)
    if not bids or before.clearing.tick is None:
        return
    gone = data.draw(st.sampled_from(bids))
    after = cleared([o for o in taken if o is not gone])
    assert after.volume_wh <= before.volume_wh
    if after.clearing.tick is not None:
        assert after.clearing.tick <= before.clearing.tick


# ---- the part a contract does: two numbers per tick


def by_definition(bid_wh: list[int], offer_wh: list[int]) -> tuple[list[int], int]:
    """Ticks at which everybody better than the price is filled whole, and the volume."""
    demand = [sum(bid_wh[tick:]) for tick in range(len(bid_wh) + 1)]
    supply = [sum(offer_wh[: tick + 1]) for tick in range(len(offer_wh))]
    volume = max(min(d, s) for d, s in zip(demand, supply, strict=False))
    ticks = [
        tick
        for tick in range(len(bid_wh))
        if min(demand[tick], supply[tick]) == volume
        and demand[tick + 1] <= volume
        and (supply[tick - 1] if tick else 0) <= volume
    ]
    return ticks, volume


@unhurried
@given(quantities)
def test_ticks_clear_as_defined(pairs: list[tuple[int, int]]) -> None:
    bid_wh, offer_wh = [p[0] for p in pairs], [p[1] for p in pairs]
    clearing = clear_ticks(bid_wh, offer_wh)
    ticks, volume = by_definition(bid_wh, offer_wh)
    assert clearing.volume_wh == volume
    if volume == 0:
        assert clearing == TickClearing(None, 0, None, 0)
        return
    assert ticks == list(range(ticks[0], ticks[-1] + 1))
    assert clearing.tick == (ticks[0] + ticks[-1]) // 2
    at = clearing.tick
    demand, supply = sum(bid_wh[at:]), sum(offer_wh[: at + 1])
    if clearing.rationed is Side.BID:
        assert demand > volume == supply
        assert clearing.shared_wh == volume - (demand - bid_wh[at])
    elif clearing.rationed is Side.OFFER:
        assert supply > volume == demand
        assert clearing.shared_wh == volume - (supply - offer_wh[at])
    else:
        assert demand == supply == volume


@unhurried
@given(quantities)
def test_buying_and_selling_are_mirror_images(pairs: list[tuple[int, int]]) -> None:
    bid_wh, offer_wh = [p[0] for p in pairs], [p[1] for p in pairs]
    here = clear_ticks(bid_wh, offer_wh)
    there = clear_ticks(offer_wh[::-1], bid_wh[::-1])
    assert here.volume_wh == there.volume_wh
    assert here.shared_wh == there.shared_wh
    if here.tick is not None and there.tick is not None:
        mirrored = len(pairs) - 1 - there.tick
        # The middle of an even number of ticks is rounded down, here and in the mirror.
        assert mirrored - here.tick in (0, 1)


@pytest.mark.parametrize(
    ("bid_wh", "offer_wh", "expected"),
    [
        ([], [], TickClearing(None, 0, None, 0)),
        ([5], [3], TickClearing(0, 3, Side.BID, 3)),
        ([3], [5], TickClearing(0, 3, Side.OFFER, 3)),
        ([4], [4], TickClearing(0, 4, None, 0)),
        ([5, 0], [0, 3], TickClearing(None, 0, None, 0)),
        # Equal on both sides: the middle of the gap.
        ([0, 0, 0, 0, 6], [6, 0, 0, 0, 0], TickClearing(2, 6, None, 0)),
        ([0, 0, 0, 6], [6, 0, 0, 0], TickClearing(1, 6, None, 0)),
        # Buyers compete: their price. Sellers compete: theirs.
        ([0, 0, 9], [6, 0, 0], TickClearing(2, 6, Side.BID, 6)),
        ([0, 0, 6], [9, 0, 0], TickClearing(0, 6, Side.OFFER, 6)),
        # A bid left over below the gap, an offer left over above it: the middle between those.
        ([0, 2, 0, 0, 0, 6], [6, 0, 0, 3, 0, 0], TickClearing(2, 6, None, 0)),
    ],
)
def test_golden_ticks(bid_wh: list[int], offer_wh: list[int], expected: TickClearing) -> None:
    assert clear_ticks(bid_wh, offer_wh) == expected


@pytest.mark.parametrize(("bid_wh", "offer_wh"), [([1], [1, 2]), ([-1], [1]), ([1], [-1])])
def test_bad_ticks_are_refused(bid_wh: list[int], offer_wh: list[int]) -> None:
    with pytest.raises(MarketError, match=r"^(bid_wh|offer_wh)"):
        clear_ticks(bid_wh, offer_wh)


# ---- goldens with people in them


def test_golden_evening() -> None:
    """50 solar Wh at Rs 3 and 30 at Rs 4 meet 40 at Rs 6, 30 at Rs 5 and 30 at Rs 4."""
    result = cleared(
        [
            order(1, Side.OFFER, 3, 50),
            order(2, Side.OFFER, 4, 30),
            order(3, Side.BID, 6, 40),
            order(4, Side.BID, 5, 30),
            order(5, Side.BID, 4, 30, at=7),
            order(6, Side.BID, 4, 30, at=3),
        ]
    )
    price = 4 * RUPEE
    assert result.clearing == TickClearing(6, 80, Side.BID, 10)
    assert result.fills() == (
        Fill(1, 50, price),
        Fill(2, 30, price),
        Fill(3, 40, price),
        Fill(4, 30, price),
        Fill(5, 5, price),
        Fill(6, 5, price),
    )
    assert result.welfare_milli_micro_inr() == (40 * 6 + 30 * 5 + 10 * 4 - 50 * 3 - 30 * 4) * RUPEE


def test_identical_offers_share_evenly_and_lose_nothing() -> None:
    """A peer lost half the energy of two identical offers."""
    result = cleared(
        [order(1, Side.OFFER, 3, 70), order(2, Side.OFFER, 3, 70), order(3, Side.BID, 6, 101)]
    )
    assert [fill.energy_wh for fill in result.fills()] == [50, 51, 101]


def test_a_share_of_nothing_is_nothing() -> None:
    """Three want one Wh: one gets it, and nobody gets a third."""
    result = cleared([order(9, Side.OFFER, 3, 1)] + [order(n, Side.BID, 3, 1) for n in (1, 2, 3)])
    assert result.fills() == (Fill(3, 1, 3 * RUPEE), Fill(9, 1, 3 * RUPEE))


def test_empty_and_one_sided_books_trade_nothing() -> None:
    for orders in ([], [order(1, Side.BID, 3, 5)], [order(1, Side.OFFER, 3, 5)]):
        result = cleared(orders)
        assert (result.fills(), result.price_micro_inr_per_kwh, result.volume_wh) == ((), None, 0)
        assert result.welfare_milli_micro_inr() == 0


def test_own_crossing_is_refused_with_the_participant() -> None:
    orders = [order(1, Side.BID, 5, 10, who=7), order(2, Side.OFFER, 5, 10, who=7)]
    with pytest.raises(MarketError, match=r"^participant 7 bids at or above an own offer"):
        cleared(orders)


@unhurried
@given(books())
def test_own_crossings_are_exactly_the_participants_who_cross(orders: list[Order]) -> None:
    expected = {
        bid.participant_id
        for bid in orders
        for offer in orders
        if bid.side is Side.BID
        and offer.side is Side.OFFER
        and bid.participant_id == offer.participant_id
        and bid.price_micro_inr_per_kwh >= offer.price_micro_inr_per_kwh
    }
    assert own_crossings(OrderBook.from_orders(orders)).tolist() == sorted(expected)


# ---- ticks and shares


def test_prices_and_ticks_are_inverse() -> None:
    assert [GRID.tick(GRID.price(tick)) for tick in range(GRID.count)] == list(range(GRID.count))
    column = np.array([GRID.price(tick) for tick in range(GRID.count)])
    assert GRID.ticks(column).tolist() == list(range(GRID.count))


@pytest.mark.parametrize(
    ("price", "message"),
    [
        (1_000_001, "is not on a tick; use 1000000 or 1500000"),
        (999_999, "is outside the ticks, which run from 1000000 to 6500000"),
        (6_500_001, "is not on a tick; use 6500000$"),
        (7_000_000, "is outside the ticks"),
    ],
)
def test_price_off_the_ticks_is_refused_with_the_nearest(price: int, message: str) -> None:
    book = OrderBook.from_orders([Order(1, 1, Side.BID, price, 5, 0)])
    with pytest.raises(MarketError, match=rf"^price_micro_inr_per_kwh: {price} {message}"):
        clear_call_auction(book, GRID)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ((-1, 1, 1), "min_price_micro_inr_per_kwh"),
        ((0, 0, 1), "step_micro_inr_per_kwh"),
        ((0, 1, 0), "count"),
        ((0, 1, 2**16 + 1), "count"),
        ((0, 2**31, 3), "count"),
    ],
)
def test_bad_grid_names_the_field(arguments: tuple[int, int, int], field: str) -> None:
    with pytest.raises(MarketError, match=f"^{field}: "):
        TickGrid(*arguments)


@unhurried
@given(st.lists(st.integers(1, 2**31 - 1), min_size=1, max_size=20), st.data())
def test_shares_add_up_and_the_column_agrees(weights: list[int], data: st.DataObject) -> None:
    total = data.draw(st.integers(0, sum(weights)))
    shares = share_cumulative_down(total, weights)
    assert sum(shares) == total
    for share, weight in zip(shares, weights, strict=True):
        assert 0 <= share <= weight
        assert abs(share - Fraction(total * weight, sum(weights))) < 1
    assert share_column_down(total, np.array(weights)).tolist() == shares


def test_the_column_share_is_exact_where_the_product_leaves_64_bits() -> None:
    weights = [2**31 - 1] * 4 + [1]
    total = 2**32
    assert sum(weights) * total > 2**63
    assert share_column_down(total, np.array(weights)).tolist() == share_cumulative_down(
        total, weights
    )


def test_claiming_one_after_another_gives_the_same_shares() -> None:
    """A contract that keeps only what has been claimed so far comes to the same numbers."""
    weights, total = [3, 1, 7, 7, 2], 11
    claimed = [0]
    for weight in weights:
        claimed.append(claimed[-1] + weight)
    paid = [total * so_far // sum(weights) for so_far in claimed]
    assert [b - a for a, b in pairwise(paid)] == share_cumulative_down(total, weights)


@pytest.mark.parametrize(("total", "weights"), [(-1, [1]), (1, [-1, 3]), (1, []), (1, [0, 0])])
def test_impossible_shares_are_refused(total: int, weights: list[int]) -> None:
    with pytest.raises(MarketError, match=r"^(total|weights): "):
        share_cumulative_down(total, weights)
