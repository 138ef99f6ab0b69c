"""Clearings computed elsewhere: the engines' hold, and each way of cheating breaks its rule."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from market_books import GRID, books, without_own_crossings
from unhurried import examples, unhurried

from backend.market import (
    Claim,
    MarginRule,
    Order,
    OrderBook,
    Pricing,
    Rule,
    Side,
    VerificationError,
    claim_of,
    clear_call_auction,
    clear_double_auction,
    verify,
)

RUPEE = 1_000_000


def order(order_id: int, side: Side, rupees: float, wh: int, at: int = 0) -> Order:
    return Order(order_id, order_id, side, round(rupees * RUPEE), wh, at)


ORDERS = [
    order(1, Side.OFFER, 3, 50),
    order(2, Side.OFFER, 4, 30),
    order(3, Side.BID, 6, 40),
    order(4, Side.BID, 5, 30),
    order(5, Side.BID, 4, 30, at=3),
    order(6, Side.BID, 4, 30, at=7),
    order(7, Side.BID, 2, 30),
    order(8, Side.OFFER, 6.5, 30),
]
HONEST = Claim(
    bids=((3, 40), (4, 30), (5, 5), (6, 5), (7, 0)),
    offers=((1, 50), (2, 30), (8, 0)),
    price_micro_inr_per_kwh=4 * RUPEE,
    volume_wh=80,
)


def broken_rule(claim: Claim, margin: MarginRule = MarginRule.PRO_RATA) -> Rule | None:
    try:
        verify(ORDERS, claim, margin, GRID)
    except VerificationError as error:
        return error.rule
    return None


def with_fills(claim: Claim, **fills: int) -> Claim:
    """The claim with other fills for some orders, named o1, o2, ..."""
    changed = {int(name[1:]): wh for name, wh in fills.items()}
    return replace(
        claim,
        bids=tuple((i, changed.get(i, wh)) for i, wh in claim.bids),
        offers=tuple((i, changed.get(i, wh)) for i, wh in claim.offers),
    )


@settings(unhurried, max_examples=examples(200))
@given(books())
def test_what_the_call_auction_computes_holds(orders: list[Order]) -> None:
    taken = without_own_crossings(orders)
    claim = claim_of(clear_call_auction(OrderBook.from_orders(taken), GRID))
    verify(taken, claim, MarginRule.PRO_RATA, GRID)


@settings(unhurried, max_examples=examples(200))
@given(books())
def test_what_the_double_auction_computes_holds(orders: list[Order]) -> None:
    taken = without_own_crossings(orders)
    result = clear_double_auction(OrderBook.from_orders(taken), Pricing.PAY_AS_CLEAR)
    verify(taken, claim_of(result), MarginRule.TIME_PRIORITY)


@settings(unhurried, max_examples=examples(400))
@given(books(max_orders=8), st.data())
def test_any_other_claim_is_refused(orders: list[Order], data: st.DataObject) -> None:
    """One number changed anywhere: there is no second clearing that holds."""
    taken = without_own_crossings(orders)
    claim = claim_of(clear_call_auction(OrderBook.from_orders(taken), GRID))
    verify(taken, claim, MarginRule.PRO_RATA, GRID)
    lies: list[Claim] = [replace(claim, volume_wh=claim.volume_wh + 1)]
    price = claim.price_micro_inr_per_kwh
    other = data.draw(st.sampled_from([None, *(GRID.price(tick) for tick in range(GRID.count))]))
    if other != price:
        lies.append(replace(claim, price_micro_inr_per_kwh=other))
    for name in ("bids", "offers"):
        rows = getattr(claim, name)
        if rows:
            at = data.draw(st.integers(0, len(rows) - 1))
            wrong = data.draw(st.integers(-1, 3001).filter(lambda wh: wh != rows[at][1]))  # noqa: B023
            changed = (*rows[:at], (rows[at][0], wrong), *rows[at + 1 :])
            lies.append(replace(claim, **{name: changed}))
            lies.append(replace(claim, **{name: rows[:at] + rows[at + 1 :]}))
            lies.append(replace(claim, **{name: (*rows, rows[at])}))
        if len(rows) > 1:
            lies.append(replace(claim, **{name: rows[::-1]}))
    for lie in lies:
        with pytest.raises(VerificationError):
            verify(taken, lie, MarginRule.PRO_RATA, GRID)


@settings(unhurried, max_examples=examples(200))
@given(books(max_orders=6), st.data())
def test_a_smaller_clearing_that_balances_is_refused(
    orders: list[Order], data: st.DataObject
) -> None:
    """Leaving a matched pair out keeps the balance; somebody better is then not filled."""
    taken = without_own_crossings(orders)
    claim = claim_of(clear_call_auction(OrderBook.from_orders(taken), GRID))
    if not claim.volume_wh:
        return
    less = data.draw(st.integers(1, claim.volume_wh))

    def cut(rows: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        left, kept = claim.volume_wh - less, []
        for order_id, wh in rows:
            kept.append((order_id, min(left, wh)))
            left -= kept[-1][1]
        return tuple(kept)

    smaller = replace(
        claim,
        bids=cut(claim.bids),
        offers=cut(claim.offers),
        volume_wh=claim.volume_wh - less,
    )
    for price in [None, *(GRID.price(tick) for tick in range(GRID.count))]:
        for margin in MarginRule:
            with pytest.raises(VerificationError):
                verify(taken, replace(smaller, price_micro_inr_per_kwh=price), margin, GRID)


def test_the_honest_claim_holds() -> None:
    assert broken_rule(HONEST) is None
    book = OrderBook.from_orders(ORDERS)
    assert claim_of(clear_call_auction(book, GRID)) == HONEST


@pytest.mark.parametrize(
    ("claim", "rule"),
    [
        # somebody is left out, made up, counted twice, or on the wrong side
        (replace(HONEST, bids=HONEST.bids[:-1]), Rule.PERMUTATION),
        (replace(HONEST, bids=(*HONEST.bids, (99, 0))), Rule.PERMUTATION),
        (replace(HONEST, bids=(*HONEST.bids, (7, 0))), Rule.PERMUTATION),
        (replace(HONEST, bids=(*HONEST.bids, (8, 0)), offers=HONEST.offers[:2]), Rule.PERMUTATION),
        # out of price order; out of time order; one twice in the place of another
        (replace(HONEST, bids=((4, 30), (3, 40), *HONEST.bids[2:])), Rule.MONOTONE),
        (replace(HONEST, offers=((2, 30), (1, 50), (8, 0))), Rule.MONOTONE),
        (replace(HONEST, bids=(*HONEST.bids[:2], (6, 5), (5, 5), (7, 0))), Rule.MONOTONE),
        (replace(HONEST, bids=(*HONEST.bids[:2], (5, 5), (5, 5), (7, 0))), Rule.MONOTONE),
        # filled beyond its energy, below nothing, or at a price it never accepted
        (with_fills(HONEST, o1=51), Rule.LIMIT),
        (with_fills(HONEST, o5=-1), Rule.LIMIT),
        (with_fills(HONEST, o7=1), Rule.LIMIT),
        (with_fills(HONEST, o8=1), Rule.LIMIT),
        # a better order is passed over for a friend at the margin
        (with_fills(HONEST, o4=29, o5=6), Rule.BETTER_FILLED),
        (with_fills(HONEST, o1=49), Rule.BETTER_FILLED),
        # the margin is shared unevenly; both sides are short at it
        (with_fills(HONEST, o5=6, o6=4), Rule.MARGIN),
        (replace(with_fills(HONEST, o2=28, o5=4, o6=4), volume_wh=78), Rule.MARGIN),
        # what is bought is not what is sold
        (with_fills(HONEST, o2=29), Rule.BALANCE),
        (replace(HONEST, volume_wh=81), Rule.BALANCE),
    ],
)
def test_each_way_of_cheating_breaks_its_rule(claim: Claim, rule: Rule) -> None:
    assert broken_rule(claim) is rule


def test_pro_rata_and_time_priority_are_told_apart() -> None:
    first_come = with_fills(HONEST, o5=10, o6=0)
    assert broken_rule(first_come, MarginRule.TIME_PRIORITY) is None
    assert broken_rule(first_come, MarginRule.PRO_RATA) is Rule.MARGIN
    assert broken_rule(HONEST, MarginRule.TIME_PRIORITY) is Rule.MARGIN


@pytest.mark.parametrize(
    ("price", "rule"),
    [
        (4_500_000, None),
        (4 * RUPEE, Rule.PRICE),
        (5 * RUPEE, Rule.PRICE),
        (2_500_000, Rule.LIMIT),
        (None, Rule.LIMIT),
    ],
)
def test_only_the_middle_price_holds(price: int | None, rule: Rule | None) -> None:
    """Both are filled at any price from Rs 3 to Rs 6: one person must not choose among them."""
    orders = [order(1, Side.OFFER, 3, 50), order(2, Side.BID, 6, 50)]
    claim = Claim(((2, 50),), ((1, 50),), price, 50)
    if rule is None:
        verify(orders, claim, MarginRule.PRO_RATA, GRID)
        return
    with pytest.raises(VerificationError) as refused:
        verify(orders, claim, MarginRule.PRO_RATA, GRID)
    assert refused.value.rule is rule
    assert str(refused.value).startswith(f"{rule.value}: ")


def test_a_book_that_trades_cannot_be_declared_empty() -> None:
    nothing = with_fills(HONEST, o1=0, o2=0, o3=0, o4=0, o5=0, o6=0)
    empty = replace(nothing, price_micro_inr_per_kwh=None, volume_wh=0)
    assert broken_rule(empty) is Rule.MARGIN


def test_an_empty_clearing_has_no_price() -> None:
    orders = [order(1, Side.OFFER, 6, 5), order(2, Side.BID, 3, 5)]
    verify(orders, Claim(((2, 0),), ((1, 0),), None, 0), MarginRule.PRO_RATA, GRID)
    with pytest.raises(VerificationError, match=r"^price: nothing trades"):
        verify(orders, Claim(((2, 0),), ((1, 0),), 4 * RUPEE, 0), MarginRule.PRO_RATA, GRID)
