"""The double auction: price-time priority, paid as bid or as cleared, nobody trading with oneself.

The dearest bids meet the cheapest offers as long as a bid reaches an offer; ties go by time, then
id; the marginal order is filled in part. Which orders are filled is what makes welfare greatest.

Nobody trades with oneself. Where the best bid and the best offer are one participant's, partners
are exchanged with another pair, which changes nobody's energy. Only if one participant's orders
make up more than half of all that would trade, exchanging cannot help: then that participant's bids
are matched with the others' offers and its offers with the others' bids, in two markets with a
price each, which is what makes welfare greatest under the rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np

from backend.market.book import Integers, OrderBook, exact_product_sum
from backend.market.orders import Side, Trade
from backend.market.self_trade import exchange_partners


class Pricing(Enum):
    """What a trade costs."""

    PAY_AS_BID = "pay_as_bid"
    """The limit of whichever of the two orders was there first, as on a continuous book."""
    PAY_AS_CLEAR = "pay_as_clear"
    """One price for all of a market: the middle (rounded down) of those that clear it."""


@dataclass(frozen=True, slots=True, eq=False)
class AuctionResult:
    """The trades of a double auction, as columns.

    Attributes:
        book: the orders.
        bid_row: buying order of each trade, as a row of the book.
        offer_row: selling order of each trade.
        energy_wh: energy of each trade; more than 0.
        price_micro_inr_per_kwh: price of each trade.
    """

    book: OrderBook
    bid_row: Integers
    offer_row: Integers
    energy_wh: Integers
    price_micro_inr_per_kwh: Integers

    @property
    def volume_wh(self) -> int:
        """Energy bought, and sold."""
        return int(self.energy_wh.sum())

    def filled_wh(self) -> Integers:
        """What each order got, Wh, row by row of the book."""
        filled = np.zeros(len(self.book), dtype=np.int64)
        np.add.at(filled, self.bid_row, self.energy_wh)
        np.add.at(filled, self.offer_row, self.energy_wh)
        return filled

    def trades(self) -> Iterator[Trade]:
        """The trades one by one, in priority order."""
        book, bid, offer = self.book, self.bid_row, self.offer_row
        columns = (
            book.order_id[bid],
            book.order_id[offer],
            book.participant_id[bid],
            book.participant_id[offer],
            self.energy_wh,
            self.price_micro_inr_per_kwh,
        )
        return (Trade(*row) for row in zip(*(c.tolist() for c in columns), strict=True))

    def welfare_milli_micro_inr(self) -> int:
        """Gain of all together: what the fills were worth to buyers less what they cost sellers.

        In thousandths of a micro-rupee (Wh x micro-rupees per kWh), exact.
        """
        limit = self.book.price_micro_inr_per_kwh
        return exact_product_sum(self.energy_wh, limit[self.bid_row] - limit[self.offer_row])


def clear_double_auction(book: OrderBook, pricing: Pricing) -> AuctionResult:
    """Matches a book. The same orders give the same trades, however they came in."""
    bids, offers = book.by_priority(Side.BID), book.by_priority(Side.OFFER)
    market = _Market.match(book, bids, offers)
    dominant = market.dominant_participant()
    if dominant is None:
        markets = [market.without_self_trades()]
    else:
        own_bids = book.participant_id[bids] == dominant
        own_offers = book.participant_id[offers] == dominant
        markets = [
            _Market.match(book, bids[own_bids], offers[~own_offers]),
            _Market.match(book, bids[~own_bids], offers[own_offers]),
        ]
    prices = [m.first_come() if pricing is Pricing.PAY_AS_BID else m.cleared() for m in markets]
    return AuctionResult(
        book,
        np.concatenate([m.bid_row for m in markets]),
        np.concatenate([m.offer_row for m in markets]),
        np.concatenate([m.energy_wh for m in markets]),
        np.concatenate(prices),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Market:
    """Bids and offers matched in priority order: row k trades energy_wh[k]."""

    book: OrderBook
    bid_row: Integers
    offer_row: Integers
    energy_wh: Integers
    lowest_price: int
    highest_price: int

    @classmethod
    def match(cls, book: OrderBook, bids: Integers, offers: Integers) -> _Market:
        """Lays bids and offers, best first, along one axis of energy and cuts it where either
        changes: each piece has one bid and one offer. As the axis goes on bids get cheaper and
        offers dearer, so the pieces that trade are those before the first whose prices do not meet.
        """
        limit = book.price_micro_inr_per_kwh
        bid_ends, offer_ends = np.cumsum(book.energy_wh[bids]), np.cumsum(book.energy_wh[offers])
        longest = min(
            int(bid_ends[-1]) if bids.size else 0, int(offer_ends[-1]) if offers.size else 0
        )
        ends = _merged(bid_ends, offer_ends, longest)
        starts = np.concatenate((np.zeros(min(1, ends.size), dtype=np.int64), ends[:-1]))
        bid_at = np.searchsorted(bid_ends, starts, side="right")
        offer_at = np.searchsorted(offer_ends, starts, side="right")
        meet = limit[bids[bid_at]] >= limit[offers[offer_at]]
        count = ends.size if meet.all() else int(np.argmin(meet))
        volume = int(ends[count - 1]) if count else 0
        # What an energy unit more would be: the prices of the best orders not filled whole.
        next_bid = int(np.searchsorted(bid_ends, volume, side="right"))
        next_offer = int(np.searchsorted(offer_ends, volume, side="right"))
        low = [int(limit[offers[offer_at[count - 1]]])] if count else []
        high = [int(limit[bids[bid_at[count - 1]]])] if count else []
        low += [int(limit[bids[next_bid]])] if next_bid < bids.size else []
        high += [int(limit[offers[next_offer]])] if next_offer < offers.size else []
        return cls(
            book,
            bids[bid_at[:count]],
            offers[offer_at[:count]],
            (ends - starts)[:count],
            max(low, default=0),
            min(high, default=0),
        )

    def dominant_participant(self) -> int | None:
        """Who bought and sold more together than all that was traded: at most one."""
        people, who = np.unique(
            self.book.participant_id[np.concatenate((self.bid_row, self.offer_row))],
            return_inverse=True,
        )
        if not people.size:
            return None
        both = np.zeros(people.size, dtype=np.int64)
        np.add.at(both, who, np.concatenate((self.energy_wh, self.energy_wh)))
        top = int(np.argmax(both))
        return int(people[top]) if both[top] > self.energy_wh.sum() else None

    def without_self_trades(self) -> _Market:
        """The same energy for every order, with partners exchanged until none is oneself."""
        people = self.book.participant_id
        if not (people[self.bid_row] == people[self.offer_row]).any():
            return self
        columns = exchange_partners(people, self.bid_row, self.offer_row, self.energy_wh)
        return _Market(self.book, *columns, self.lowest_price, self.highest_price)

    def first_come(self) -> Integers:
        """For each trade the limit of the order placed first; of two at one time, the lower id."""
        placed, limit = self.book.placed_at, self.book.price_micro_inr_per_kwh
        bid_time, offer_time = placed[self.bid_row], placed[self.offer_row]
        # Rows ascend by id.
        bid_first = (bid_time < offer_time) | (
            (bid_time == offer_time) & (self.bid_row < self.offer_row)
        )
        return np.where(bid_first, limit[self.bid_row], limit[self.offer_row])

    def cleared(self) -> Integers:
        """One price for every trade."""
        middle = (self.lowest_price + self.highest_price) // 2
        return np.full(self.energy_wh.size, middle, dtype=np.int64)


def _merged(left: Integers, right: Integers, longest: int) -> Integers:
    """The distinct values of two ascending columns up to `longest`, ascending."""
    both = np.concatenate((left[left <= longest], right[right <= longest]))
    both.sort(kind="stable")
    distinct = np.ones(both.size, dtype=np.bool_)
    distinct[1:] = both[1:] != both[:-1]
    merged: Integers = both[distinct]
    return merged
