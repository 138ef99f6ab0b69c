"""Bilateral trading: stable, conserving, and never worse than buying from the grid alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from market_books import books, meet
from unhurried import unhurried

from backend.market import (
    FeederTree,
    GridTerms,
    MarketError,
    Order,
    OrderBook,
    Preference,
    Side,
    Trade,
    filled_by_trades,
    match_bilaterally,
    report,
)
from backend.market.bilateral import Distance

RUPEE = 1_000_000
GRID = GridTerms(RUPEE, 7 * RUPEE)
preferences = st.sampled_from(Preference)


def between(one: int, other: int) -> int:
    """Any symmetric distance with many ties."""
    return (one * other * 7 + one + other) % 4


def matched(orders: list[Order], preference: Preference) -> tuple[Trade, ...]:
    return match_bilaterally(orders, preference, between)


def order(
    order_id: int, side: Side, rupees: float, wh: int, *, who: int | None = None, at: int = 0
) -> Order:
    return Order(order_id, order_id if who is None else who, side, round(rupees * RUPEE), wh, at)


@unhurried
@given(books(people=5), preferences)
def test_trades_are_energy_between_two_people_within_both_limits(
    orders: list[Order], preference: Preference
) -> None:
    by_id = {o.order_id: o for o in orders}
    used: Counter[int] = Counter()
    for trade in matched(orders, preference):
        bid, offer = by_id[trade.bid_id], by_id[trade.offer_id]
        assert (bid.side, offer.side) == (Side.BID, Side.OFFER)
        assert trade.buyer_id == bid.participant_id != offer.participant_id == trade.seller_id
        assert trade.energy_wh > 0
        middle = (bid.price_micro_inr_per_kwh + offer.price_micro_inr_per_kwh) // 2
        assert trade.price_micro_inr_per_kwh == middle
        assert (
            offer.price_micro_inr_per_kwh
            <= trade.price_micro_inr_per_kwh
            <= bid.price_micro_inr_per_kwh
        )
        used[bid.order_id] += trade.energy_wh
        used[offer.order_id] += trade.energy_wh
    assert all(wh <= by_id[order_id].energy_wh for order_id, wh in used.items())


@unhurried
@given(books(people=5), preferences, st.randoms(use_true_random=False))
def test_input_order_changes_nothing(
    orders: list[Order], preference: Preference, random: Random
) -> None:
    shuffled = list(orders)
    random.shuffle(shuffled)
    assert matched(orders, preference) == matched(shuffled, preference)


@unhurried
@given(books(people=5), preferences)
def test_no_two_would_rather_have_each_other(orders: list[Order], preference: Preference) -> None:
    """Stability, from each order's own point of view: how it ranks the orders of the other side."""
    total: defaultdict[tuple[Side, int], int] = defaultdict(int)
    for o in orders:
        total[o.side, o.participant_id] += o.energy_wh

    def rank(of: Order, other: Order) -> tuple[int, ...]:
        first = (
            -total[other.side, other.participant_id]
            if preference is Preference.LARGEST_FIRST
            else between(of.participant_id, other.participant_id)
        )
        price = other.price_micro_inr_per_kwh
        best = price if other.side is Side.OFFER else -price
        return first, other.participant_id, best, other.placed_at, other.order_id

    by_id = {o.order_id: o for o in orders}
    partners: defaultdict[int, list[Order]] = defaultdict(list)
    left = {o.order_id: o.energy_wh for o in orders}
    for trade in matched(orders, preference):
        for own, with_ in ((trade.bid_id, trade.offer_id), (trade.offer_id, trade.bid_id)):
            left[own] -= trade.energy_wh
            partners[own].append(by_id[with_])

    def would_rather(of: Order, other: Order) -> bool:
        return left[of.order_id] > 0 or any(
            rank(of, other) < rank(of, had) for had in partners[of.order_id]
        )

    for one in orders:
        for other in orders:
            if one.side is Side.BID and meet(one, other) and (
                one.participant_id != other.participant_id
            ):  # fmt: skip
                assert not (would_rather(one, other) and would_rather(other, one))


@unhurried
@given(books(people=5), preferences)
def test_costs_less_and_needs_the_grid_less_than_no_trade(
    orders: list[Order], preference: Preference
) -> None:
    book = OrderBook.from_orders(orders)
    trades = matched(orders, preference)
    traded = report(book, filled_by_trades(book, trades), GRID)
    alone = report(book, filled_by_trades(book, ()), GRID)
    assert alone.grid_import_wh - traded.grid_import_wh == traded.volume_wh
    assert alone.grid_export_wh - traded.grid_export_wh == traded.volume_wh
    assert traded.community_cost_micro_inr <= alone.community_cost_micro_inr
    if traded.volume_wh:
        assert traded.community_cost_micro_inr < alone.community_cost_micro_inr


def test_golden_the_largest_find_each_other() -> None:
    orders = [
        order(1, Side.OFFER, 3, 500),
        order(2, Side.OFFER, 3, 900),
        order(3, Side.BID, 6, 200),
        order(4, Side.BID, 5, 1000),
    ]
    assert match_bilaterally(orders, Preference.LARGEST_FIRST) == (
        Trade(4, 2, 4, 2, 900, 4 * RUPEE),
        Trade(4, 1, 4, 1, 100, 4 * RUPEE),
        Trade(3, 1, 3, 1, 200, 4_500_000),
    )


def test_size_is_that_of_all_ones_orders() -> None:
    orders = [
        order(1, Side.OFFER, 3, 100),
        order(2, Side.BID, 6, 90),
        order(3, Side.BID, 6, 50, who=9),
        order(4, Side.BID, 5, 50, who=9),
    ]
    assert [t.bid_id for t in match_bilaterally(orders, Preference.LARGEST_FIRST)] == [3, 4]


def test_golden_neighbours_find_each_other() -> None:
    line = FeederTree({2: (1, 100), 3: (2, 100), 4: (3, 100), 5: (2, 30)})
    orders = [
        order(1, Side.OFFER, 3, 500),
        order(4, Side.OFFER, 3, 900),
        order(3, Side.BID, 6, 600),
        order(5, Side.BID, 6, 600),
    ]
    assert match_bilaterally(orders, Preference.NEAREST_FIRST, line.distance_m) == (
        Trade(3, 4, 3, 4, 600, 4_500_000),  # 100 m
        Trade(5, 1, 5, 1, 500, 4_500_000),  # 130 m
        Trade(5, 4, 5, 4, 100, 4_500_000),  # 230 m
    )


def test_identical_offers_lose_nothing() -> None:
    orders = [order(n, Side.OFFER, 3, 10, who=n % 2) for n in (1, 2, 3, 4)]
    trades = matched([*orders, order(9, Side.BID, 3, 40)], Preference.LARGEST_FIRST)
    assert sum(trade.energy_wh for trade in trades) == 40


def test_a_hundred_times_a_hundred_is_matched_whole() -> None:
    orders = [order(n, Side(n % 2), 5, 100 + n // 2) for n in range(200)]
    for preference in Preference:
        trades = matched(orders, preference)
        assert sum(t.energy_wh for t in trades) == sum(100 + n for n in range(100))


def test_bad_input_is_refused() -> None:
    with pytest.raises(MarketError, match=r"^distance: NEAREST_FIRST needs one"):
        match_bilaterally([], Preference.NEAREST_FIRST)
    twice = [order(1, Side.BID, 5, 10), order(1, Side.OFFER, 5, 10)]
    with pytest.raises(MarketError, match=r"^order_id: one is given twice"):
        match_bilaterally(twice, Preference.LARGEST_FIRST)


# ---- distances


LINES = {2: (1, 100), 3: (2, 50), 4: (2, 70), 5: (4, 5), 12: (11, 9)}


@pytest.mark.parametrize(
    ("a", "b", "metres"),
    [(1, 1, 0), (1, 2, 100), (3, 4, 120), (3, 5, 125), (1, 5, 175), (4, 5, 5), (11, 12, 9)],
)
def test_distance_is_along_the_lines_both_ways(a: int, b: int, metres: int) -> None:
    tree: FeederTree = FeederTree(LINES)
    distance: Distance = tree.distance_m
    assert distance(a, b) == distance(b, a) == metres


@unhurried
@given(st.lists(st.integers(0, 10**4), min_size=1, max_size=15), st.data())
def test_distance_is_the_length_of_the_only_path(parents: list[int], data: st.DataObject) -> None:
    lines = {
        node: (parent % node, 1 + parent % 97)
        for node, parent in enumerate(parents, start=1)
    }  # fmt: skip
    tree = FeederTree(lines)
    a = data.draw(st.integers(0, len(parents)))
    b = data.draw(st.integers(0, len(parents)))

    def up(node: int) -> dict[int, int]:
        found, metres = {node: 0}, 0
        while node in lines:
            node, length = lines[node]
            metres += length
            found[node] = metres
        return found

    from_a, from_b = up(a), up(b)
    assert tree.distance_m(a, b) == min(
        from_a[n] + from_b[n] for n in from_a.keys() & from_b.keys()
    )


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ({1: (2, 5), 2: (3, 5), 3: (1, 5)}, "make a ring through node 1"),
        ({1: (1, 5)}, "make a ring through node 1"),
        ({2: (1, -1)}, "length of the line to node 2: -1 is negative"),
    ],
)
def test_lines_that_are_no_feeder_are_refused(
    lines: dict[int, tuple[int, int]], message: str
) -> None:
    with pytest.raises(MarketError, match=message):
        FeederTree(lines)


@pytest.mark.parametrize(("a", "b"), [(1, 99), (1, 12)])
def test_places_without_a_path_are_refused(a: int, b: int) -> None:
    with pytest.raises(MarketError, match="network"):
        FeederTree(LINES).distance_m(a, b)
