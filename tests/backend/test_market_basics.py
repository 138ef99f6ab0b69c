"""Orders, books, money and reports: what they take, what they refuse, how they round."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from market_books import GRID as TICKS
from market_books import books, without_own_crossings
from unhurried import unhurried

from backend.market import (
    MAX_ENERGY_WH,
    MAX_PRICE_MICRO_INR_PER_KWH,
    GridTerms,
    MarketError,
    MarketReport,
    Order,
    OrderBook,
    Pricing,
    Side,
    Trade,
    clear_call_auction,
    clear_double_auction,
    cost_up,
    filled_by_trades,
    payments,
    proceeds_down,
    report,
)
from backend.market.book import MAX_ORDERS, exact_product_sum

RUPEE = 1_000_000
GRID = GridTerms(3 * RUPEE, 8 * RUPEE)
ORDER = Order(1, 2, Side.BID, 5 * RUPEE, 100, 7)


# ---- orders


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("order_id", -1),
        ("order_id", 2**63),
        ("participant_id", -1),
        ("price_micro_inr_per_kwh", -1),
        ("price_micro_inr_per_kwh", 2**32),
        ("price_micro_inr_per_kwh", 5.0),
        ("energy_wh", 0),
        ("energy_wh", 2**31),
        ("energy_wh", True),
        ("placed_at", -1),
        ("side", 0),
    ],
)
def test_a_bad_field_of_an_order_is_named(field: str, value: int) -> None:
    fields = {name: getattr(ORDER, name) for name in Order.__dataclass_fields__}
    with pytest.raises(MarketError, match=f"^{field}: "):
        Order(**{**fields, field: value})


def test_orders_are_values() -> None:
    with pytest.raises(FrozenInstanceError):
        ORDER.energy_wh = 5  # type: ignore[misc]


# ---- books


@unhurried
@given(books())
def test_a_book_gives_its_orders_back(orders: list[Order]) -> None:
    book = OrderBook.from_orders(orders)
    assert book.orders() == tuple(sorted(orders, key=lambda order: order.order_id))
    assert len(book) == len(orders)
    assert OrderBook.from_orders(iter(orders)).orders() == book.orders()


@unhurried
@given(books(), st.sampled_from(Side))
def test_priority_is_price_time_id(orders: list[Order], side: Side) -> None:
    book = OrderBook.from_orders(orders)
    sign = -1 if side is Side.BID else 1
    ranked = sorted(
        (o for o in orders if o.side is side),
        key=lambda o: (sign * o.price_micro_inr_per_kwh, o.placed_at, o.order_id),
    )
    found = book.order_id[book.by_priority(side)].tolist()
    assert found == [order.order_id for order in ranked]


def test_a_book_cannot_be_changed() -> None:
    book = OrderBook.from_orders([ORDER])
    with pytest.raises(ValueError, match="read-only"):
        book.energy_wh[0] = 5


def columns(**changes: object) -> OrderBook:
    good: dict[str, object] = {
        "order_id": [1, 2],
        "participant_id": [1, 2],
        "side": [0, 1],
        "price_micro_inr_per_kwh": [5, 5],
        "energy_wh": [5, 5],
        "placed_at": [0, 0],
    }
    return OrderBook(**{**good, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"order_id": [4, 4]}, "order_id: 4 is given twice"),
        ({"side": [0, 2]}, "side: 2 of order 2 is not in 0..1"),
        ({"energy_wh": [5, 0]}, "energy_wh: 0 of order 2 is not in 1.."),
        ({"energy_wh": [2**31, 1]}, "energy_wh: 2147483648 of order 1"),
        ({"price_micro_inr_per_kwh": [5, -1]}, "price_micro_inr_per_kwh: -1 of order 2"),
        ({"placed_at": [0]}, "columns must be of one length"),
        ({"energy_wh": [5.5, 1.0]}, "energy_wh: must be one column of integers"),
        ({"energy_wh": [[5, 1]]}, "energy_wh: must be one column of integers"),
        ({"energy_wh": [True, True]}, "energy_wh: must be one column of integers"),
        (
            {"placed_at": np.array([0, 2**64 - 1], dtype=np.uint64)},
            "placed_at: 18446744073709551615 is not in",
        ),
    ],
)
def test_bad_columns_are_refused(changes: dict[str, object], message: str) -> None:
    assert len(columns()) == 2
    with pytest.raises(MarketError, match=f"^{message}"):
        columns(**changes)


def test_too_many_orders_are_refused() -> None:
    ones = np.ones(MAX_ORDERS + 1, dtype=np.int64)
    ids = np.arange(MAX_ORDERS + 1)
    with pytest.raises(MarketError, match=f"^{MAX_ORDERS + 1} orders in one book; at most"):
        OrderBook(ids, ones, ones, ones, ones, ones)


# ---- extremes: where 64 bits and doubles would give way


def test_the_largest_orders_are_cleared_exactly() -> None:
    count = 4096
    ids = np.arange(2 * count)
    side = ids % 2
    top = np.full(2 * count, MAX_PRICE_MICRO_INR_PER_KWH)
    energy = np.where(side == 0, MAX_ENERGY_WH, MAX_ENERGY_WH - 1)
    price = np.where(side == 0, top, 0)
    book = OrderBook(ids, ids, side, price, energy, np.zeros_like(ids))
    result = clear_double_auction(book, Pricing.PAY_AS_BID)
    volume = count * (MAX_ENERGY_WH - 1)
    assert result.volume_wh == volume
    assert result.welfare_milli_micro_inr() == volume * MAX_PRICE_MICRO_INR_PER_KWH > 2**63


@unhurried
@given(st.lists(st.tuples(st.integers(0, 2**31 - 1), st.integers(-(2**32), 2**32 - 1))))
def test_sums_of_products_are_exact(pairs: list[tuple[int, int]]) -> None:
    left = np.array([pair[0] for pair in pairs], dtype=np.int64)
    right = np.array([pair[1] for pair in pairs], dtype=np.int64)
    assert exact_product_sum(left, right) == sum(a * b for a, b in pairs)


def test_a_thousand_times_the_same_order() -> None:
    """Identical in everything but the id: all of the energy is sold, evenly."""
    orders = [Order(n, n, Side.OFFER, 3 * RUPEE, 70, 0) for n in range(1000)]
    orders.append(Order(5000, 5000, Side.BID, 6 * RUPEE, 35_001, 0))
    result = clear_call_auction(OrderBook.from_orders(orders), TICKS)
    shares = [fill.energy_wh for fill in result.fills()[:-1]]
    assert sum(shares) == 35_001
    assert set(shares) == {35, 36}


# ---- money


@unhurried
@given(st.integers(0, 10**9), st.integers(0, 2**32 - 1))
def test_cost_and_proceeds_bracket_the_exact_price(wh: int, price: int) -> None:
    exact = Fraction(wh * price, 1000)
    assert exact <= cost_up(wh, price) < exact + 1
    assert exact - 1 < proceeds_down(wh, price) <= exact


def test_rounding_goldens() -> None:
    assert (cost_up(1, 1), proceeds_down(1, 1)) == (1, 0)
    assert (cost_up(1000, 6_500_000), proceeds_down(1000, 6_500_000)) == (6_500_000, 6_500_000)
    assert (cost_up(333, 6_500_001), proceeds_down(333, 6_500_001)) == (2_164_501, 2_164_500)


def test_an_order_filled_in_pieces_is_rounded_once() -> None:
    """Rounded piece by piece, a buyer at the limit would pay 3 where 1 was signed for."""
    pieces = [Trade(1, offer, 1, offer, 1, 300) for offer in (2, 3, 4)]
    paid = payments(pieces)
    assert paid.paid_by_bid == {1: 1} == {1: cost_up(3, 300)}
    assert paid.got_by_offer == {2: 0, 3: 0, 4: 0}
    assert paid.pool_rounding == 1


# ---- reports


def test_golden_report() -> None:
    orders = [
        Order(1, 1, Side.BID, 6 * RUPEE, 100, 0),
        Order(2, 2, Side.BID, 4 * RUPEE, 50, 0),
        Order(3, 3, Side.OFFER, 5 * RUPEE, 60, 0),
        Order(4, 4, Side.OFFER, 7 * RUPEE, 20, 0),
    ]
    book = OrderBook.from_orders(orders)
    filled = clear_double_auction(book, Pricing.PAY_AS_CLEAR).filled_wh()
    assert report(book, filled, GRID) == MarketReport(
        volume_wh=60,
        match_rate=Fraction(60, 80),
        mean_limit_gap=Fraction(RUPEE),
        quoted_spread_micro_inr_per_kwh=RUPEE,  # offered at 7, bid at 6
        grid_import_wh=90,
        grid_export_wh=20,
        community_cost_micro_inr=90 * 8000 - 20 * 3000,
    )


def test_report_of_no_trade_and_of_no_orders() -> None:
    book = OrderBook.from_orders([ORDER])
    alone = report(book, np.zeros(1, dtype=np.int64), GRID)
    assert alone == MarketReport(0, None, None, None, 100, 0, 800_000)
    empty = report(OrderBook.from_orders([]), np.zeros(0, dtype=np.int64), GRID)
    assert empty == MarketReport(0, None, None, None, 0, 0, 0)


@unhurried
@given(books())
def test_trade_never_costs_the_community_more(orders: list[Order]) -> None:
    book = OrderBook.from_orders(without_own_crossings(orders))
    filled = clear_call_auction(book, TICKS).filled_wh
    traded, alone = report(book, filled, GRID), report(book, np.zeros_like(filled), GRID)
    saved = traded.volume_wh * (8 - 3) * 1000
    assert alone.community_cost_micro_inr - traded.community_cost_micro_inr == saved
    assert (traded.quoted_spread_micro_inr_per_kwh or 0) >= 0


def test_fills_of_trades_are_those_of_the_auction() -> None:
    book = OrderBook.from_orders([ORDER, Order(3, 3, Side.OFFER, RUPEE, 60, 0)])
    result = clear_double_auction(book, Pricing.PAY_AS_BID)
    assert filled_by_trades(book, result.trades()).tolist() == result.filled_wh().tolist()
    with pytest.raises(MarketError, match=r"^order_id: 9 of a trade"):
        filled_by_trades(book, [Trade(1, 9, 2, 9, 5, 5)])


@pytest.mark.parametrize("fills", [[], [-1], [101], [5]])
def test_impossible_fills_are_refused(fills: list[int]) -> None:
    with pytest.raises(MarketError, match=r"^filled_wh: "):
        report(OrderBook.from_orders([ORDER]), np.array(fills, dtype=np.int64), GRID)
