"""Is a clearing that somebody computed elsewhere right? What a contract checks, without sorting.

Whoever clears a book hands in its orders best first, each with its fill, and the price and volume.
One pass over them is enough to know that this is the clearing and no other:

- permutation: every order of the book is there once, none is made up
- monotone: bids do not get dearer nor offers cheaper; equal prices go by time, then id; as this
  order is strict, no order is there twice
- limit: nobody is filled at a price worse than the own limit, or beyond the own energy
- better filled: every bid above the price and every offer below it is filled whole
- margin: orders exactly at the price share by the market's rule, and on one side only
- balance: bids and offers are filled with the volume each
- price: the middle of the prices for which all this would hold
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from backend.market.double_auction import AuctionResult
from backend.market.orders import Order, Side
from backend.market.proration import share_cumulative_down
from backend.market.uniform_price import CallResult, TickGrid


class Rule(Enum):
    """What a clearing can break."""

    PERMUTATION = "permutation"
    MONOTONE = "monotone"
    LIMIT = "limit"
    BETTER_FILLED = "better filled"
    MARGIN = "margin"
    BALANCE = "balance"
    PRICE = "price"


class MarginRule(Enum):
    """How orders exactly at the price share what is left for them."""

    PRO_RATA = "pro rata"
    """In proportion to their energy (`share_cumulative_down`)."""
    TIME_PRIORITY = "time priority"
    """One after the other; only one is filled in part."""


class VerificationError(ValueError):
    """The first rule that a clearing breaks, and where."""

    def __init__(self, rule: Rule, where: str) -> None:
        super().__init__(f"{rule.value}: {where}")
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Claim:
    """A clearing to be checked.

    Attributes:
        bids: (order id, filled Wh) of all bids, best first.
        offers: the same of all offers.
        price_micro_inr_per_kwh: what every fill trades at; None if nothing trades.
        volume_wh: energy bought, and sold.
    """

    bids: tuple[tuple[int, int], ...]
    offers: tuple[tuple[int, int], ...]
    price_micro_inr_per_kwh: int | None
    volume_wh: int


def claim_of(result: CallResult | AuctionResult) -> Claim:
    """What an off-chain engine hands in.

    Of a double auction it takes one that pays as cleared, in one market: a book in which a
    participant's own orders cross (see `own_crossings`) may need two prices, and then no claim
    for it can hold.
    """
    book = result.book
    filled = result.filled_wh if isinstance(result, CallResult) else result.filled_wh()
    sides = []
    for side in Side:
        rows = book.by_priority(side)
        ids, fills = book.order_id[rows].tolist(), filled[rows].tolist()
        sides.append(tuple(zip(ids, fills, strict=True)))
    if isinstance(result, CallResult):
        price = result.price_micro_inr_per_kwh
    else:
        prices = result.price_micro_inr_per_kwh
        price = int(prices[0]) if prices.size else None
    return Claim(sides[0], sides[1], price, result.volume_wh)


def verify(
    orders: Iterable[Order], claim: Claim, margin: MarginRule, grid: TickGrid | None = None
) -> None:
    """Checks a claim against the orders as they were placed, in one pass over each.

    Args:
        orders: the book, in any order.
        claim: the clearing.
        margin: the market's rule for orders exactly at the price.
        grid: the ticks, if prices are on ticks: then the middle is taken in ticks.

    Raises:
        VerificationError: the first rule that is broken.
    """
    book = {order.order_id: order for order in orders}
    bids = _side(book, claim.bids, Side.BID)
    offers = _side(book, claim.offers, Side.OFFER)
    if len(bids) + len(offers) != len(book):
        raise VerificationError(
            Rule.PERMUTATION, f"{len(bids) + len(offers)} of {len(book)} orders are there"
        )
    for side in (bids, offers):
        side.require_monotone()
        side.require_fills(claim.price_micro_inr_per_kwh, margin)
    for side in (bids, offers):
        if side.filled_wh != claim.volume_wh:
            raise VerificationError(
                Rule.BALANCE,
                f"{side.side.name.lower()}s are filled with {side.filled_wh} Wh,"
                f" the volume is {claim.volume_wh} Wh",
            )
    _require_one_longer_side(bids, offers, claim.price_micro_inr_per_kwh)
    _require_middle_price(bids, offers, claim.price_micro_inr_per_kwh, grid)


class _Side:
    """One side of a claim: orders best first, with their fills."""

    def __init__(self, side: Side, rows: list[tuple[Order, int]]) -> None:
        self.side = side
        self.rows = rows
        self.filled_wh = sum(filled for _, filled in rows)

    def __len__(self) -> int:
        return len(self.rows)

    def require_monotone(self) -> None:
        keys = [(-self._gain(order, 0), order.placed_at, order.order_id) for order, _ in self.rows]
        for position in range(1, len(keys)):
            if keys[position - 1] >= keys[position]:
                raise VerificationError(
                    Rule.MONOTONE,
                    f"order {self.rows[position][0].order_id} comes before"
                    f" {self.rows[position - 1][0].order_id} by price, time and id",
                )

    def require_fills(self, price: int | None, margin: MarginRule) -> None:
        at_price: list[tuple[Order, int]] = []
        for order, filled in self.rows:
            if not 0 <= filled <= order.energy_wh:
                raise VerificationError(
                    Rule.LIMIT,
                    f"order {order.order_id} is for {order.energy_wh} Wh and gets {filled}",
                )
            gain = -1 if price is None else self._gain(order, price)
            if gain < 0 and filled:
                raise VerificationError(
                    Rule.LIMIT, f"order {order.order_id} is filled beyond its limit"
                )
            if gain > 0 and filled != order.energy_wh:
                raise VerificationError(
                    Rule.BETTER_FILLED,
                    f"order {order.order_id} beats the price and gets {filled} Wh"
                    f" of {order.energy_wh}",
                )
            if gain == 0:
                at_price.append((order, filled))
        _require_margin(at_price, margin)

    def first_unfilled(self) -> int | None:
        """Limit of the best order that is not filled whole."""
        return next((_limit(o) for o, filled in self.rows if filled < o.energy_wh), None)

    def last_filled(self) -> int | None:
        """Limit of the worst order that got anything."""
        return next((_limit(o) for o, filled in reversed(self.rows) if filled), None)

    def _gain(self, order: Order, price: int) -> int:
        """Positive if the order is better than the price, 0 if exactly at it."""
        return _limit(order) - price if self.side is Side.BID else price - _limit(order)


def _side(book: dict[int, Order], rows: Sequence[tuple[int, int]], side: Side) -> _Side:
    found: list[tuple[Order, int]] = []
    for order_id, filled in rows:
        order = book.get(order_id)
        if order is None or order.side is not side:
            raise VerificationError(
                Rule.PERMUTATION, f"no {side.name.lower()} {order_id} in the book"
            )
        found.append((order, filled))
    return _Side(side, found)


def _require_margin(at_price: list[tuple[Order, int]], margin: MarginRule) -> None:
    left = sum(filled for _, filled in at_price)
    if margin is MarginRule.PRO_RATA:
        due = share_cumulative_down(left, [order.energy_wh for order, _ in at_price])
    else:
        due = []
        for order, _ in at_price:
            due.append(min(left, order.energy_wh))
            left -= due[-1]
    for (order, filled), wh in zip(at_price, due, strict=True):
        if filled != wh:
            raise VerificationError(
                Rule.MARGIN, f"order {order.order_id} gets {filled} Wh, by {margin.value} {wh}"
            )


def _require_one_longer_side(bids: _Side, offers: _Side, price: int | None) -> None:
    """More could be traded if a bid and an offer that meet are both not filled whole."""
    bid, offer = bids.first_unfilled(), offers.first_unfilled()
    if bid is not None and offer is not None and bid >= offer:
        what = "nothing trades" if price is None else "both are short at the margin"
        raise VerificationError(Rule.MARGIN, f"a bid at {bid} meets an offer at {offer}: {what}")


def _require_middle_price(
    bids: _Side, offers: _Side, price: int | None, grid: TickGrid | None
) -> None:
    if price is None:
        return
    lows = [offers.last_filled(), bids.first_unfilled()]
    highs = [bids.last_filled(), offers.first_unfilled()]
    if lows[0] is None or highs[0] is None:
        raise VerificationError(Rule.PRICE, f"nothing trades, and yet the price is {price}")
    low = max(limit for limit in lows if limit is not None)
    high = min(limit for limit in highs if limit is not None)
    if grid is None:
        middle = (low + high) // 2
    else:
        middle = grid.price((grid.tick(low) + grid.tick(high)) // 2)
    if price != middle:
        raise VerificationError(
            Rule.PRICE, f"{price} is not {middle}, the middle of {low} and {high}"
        )


def _limit(order: Order) -> int:
    return order.price_micro_inr_per_kwh
