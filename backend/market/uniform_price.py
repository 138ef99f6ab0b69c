"""The day-ahead call auction: orders on price ticks, one price for all, pro rata at the margin.

Clearing looks at two numbers per tick, the energy bid and the energy offered there, so a contract
can do it in O(ticks) however many orders there are; each order's fill then follows by itself.

The price. Volume is the most that can be traded; the price is the tick in the middle (rounded
down) of those at which everybody better than the price is filled whole. On the side that is longer
at that price, orders exactly at it share what is left in proportion, in order of time and id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.market.book import Integers, Mask, OrderBook, exact_product_sum
from backend.market.orders import (
    MAX_PRICE_MICRO_INR_PER_KWH,
    Fill,
    MarketError,
    Side,
    require_range,
)
from backend.market.proration import share_column_down

MAX_TICKS = 2**16


@dataclass(frozen=True, slots=True)
class TickGrid:
    """The prices that orders may have: min, min + step, ... (`count` of them).

    Raises:
        MarketError: a field is out of range, or the last tick is dearer than a price may be.
    """

    min_price_micro_inr_per_kwh: int
    step_micro_inr_per_kwh: int
    count: int

    def __post_init__(self) -> None:
        top = MAX_PRICE_MICRO_INR_PER_KWH
        require_range("min_price_micro_inr_per_kwh", self.min_price_micro_inr_per_kwh, 0, top)
        require_range("step_micro_inr_per_kwh", self.step_micro_inr_per_kwh, 1, top)
        require_range("count", self.count, 1, MAX_TICKS)
        if self.price(self.count - 1) > top:
            raise MarketError(
                f"count: the last tick would be {self.price(self.count - 1)}, above {top}"
            )

    def price(self, tick: int) -> int:
        """Micro-rupees per kWh of a tick."""
        return self.min_price_micro_inr_per_kwh + tick * self.step_micro_inr_per_kwh

    def tick(self, price_micro_inr_per_kwh: int) -> int:
        """The tick of a price. Raises MarketError, with the nearest ticks, if it has none."""
        tick, off = divmod(
            price_micro_inr_per_kwh - self.min_price_micro_inr_per_kwh, self.step_micro_inr_per_kwh
        )
        if not 0 <= tick < self.count:
            raise MarketError(
                f"price_micro_inr_per_kwh: {price_micro_inr_per_kwh} is outside the ticks, which"
                f" run from {self.price(0)} to {self.price(self.count - 1)}"
            )
        if off:
            raise MarketError(
                f"price_micro_inr_per_kwh: {price_micro_inr_per_kwh} is not on a tick; use"
                f" {self.price(tick)}"
                + (f" or {self.price(tick + 1)}" if tick + 1 < self.count else "")
            )
        return tick

    def ticks(self, prices_micro_inr_per_kwh: Integers) -> Integers:
        """The ticks of a column of prices. Raises MarketError for the first that has none."""
        above = prices_micro_inr_per_kwh - self.min_price_micro_inr_per_kwh
        ticks = above // self.step_micro_inr_per_kwh
        bad = (above != ticks * self.step_micro_inr_per_kwh) | (ticks < 0) | (ticks >= self.count)
        if bad.any():
            self.tick(int(prices_micro_inr_per_kwh[np.argmax(bad)]))
        return ticks


@dataclass(frozen=True, slots=True)
class TickClearing:
    """What a contract keeps of a cleared slot; every order's fill follows from it.

    Attributes:
        tick: the clearing tick; None if nothing trades.
        volume_wh: energy bought, and sold.
        rationed: the side whose orders at the tick share; None if all of them are filled.
        shared_wh: what the orders of the rationed side at the tick get together.
    """

    tick: int | None
    volume_wh: int
    rationed: Side | None
    shared_wh: int


def clear_ticks(bid_wh: Sequence[int], offer_wh: Sequence[int]) -> TickClearing:
    """Clears a slot from the energy bid and offered at each tick, in O(ticks).

    Raises:
        MarketError: the two differ in length, or a quantity is negative.
    """
    if len(bid_wh) != len(offer_wh):
        raise MarketError(f"bid_wh has {len(bid_wh)} ticks, offer_wh {len(offer_wh)}")
    if min(bid_wh, default=0) < 0 or min(offer_wh, default=0) < 0:
        raise MarketError("bid_wh, offer_wh: a quantity is negative")
    walk = _Walk(bid_wh, offer_wh)
    volume = walk.run()
    if volume == 0:
        return TickClearing(None, 0, None, 0)
    tick = (walk.lowest() + walk.highest()) // 2
    for side, energy, better in (
        (Side.BID, bid_wh[tick], sum(bid_wh[tick + 1 :])),
        (Side.OFFER, offer_wh[tick], sum(offer_wh[:tick])),
    ):
        if better + energy > volume:
            return TickClearing(tick, volume, side, volume - better)
    return TickClearing(tick, volume, None, 0)


class _Walk:
    """Matches the dearest bids with the cheapest offers, tick by tick, until they part."""

    def __init__(self, bid_wh: Sequence[int], offer_wh: Sequence[int]) -> None:
        self._bid_wh, self._offer_wh = bid_wh, offer_wh
        self._bid, self._offer = len(bid_wh) - 1, 0
        self._bid_left = self._offer_left = 0
        self._last_bid = self._last_offer = -1

    def run(self) -> int:
        """The volume that trades, Wh."""
        volume = 0
        self._next_bid()
        self._next_offer()
        while 0 <= self._bid >= self._offer < len(self._offer_wh):
            matched = min(self._bid_left, self._offer_left)
            volume += matched
            self._last_bid, self._last_offer = self._bid, self._offer
            self._bid_left -= matched
            self._offer_left -= matched
            if not self._bid_left:
                self._bid -= 1
                self._next_bid()
            if not self._offer_left:
                self._offer += 1
                self._next_offer()
        return volume

    def lowest(self) -> int:
        """Below this tick the last offer would not sell, or a bid with energy left would buy."""
        return max(self._last_offer, self._bid)

    def highest(self) -> int:
        """Above this tick the last bid would not buy, or an offer with energy left would sell."""
        return min(self._last_bid, self._offer)

    def _next_bid(self) -> None:
        while self._bid >= 0 and not self._bid_wh[self._bid]:
            self._bid -= 1
        self._bid_left = self._bid_wh[self._bid] if self._bid >= 0 else 0

    def _next_offer(self) -> None:
        while self._offer < len(self._offer_wh) and not self._offer_wh[self._offer]:
            self._offer += 1
        self._offer_left = self._offer_wh[self._offer] if self._offer < len(self._offer_wh) else 0


@dataclass(frozen=True, slots=True, eq=False)
class CallResult:
    """A cleared call auction.

    Attributes:
        book: the orders.
        clearing: tick, volume and rationing.
        price_micro_inr_per_kwh: what every fill trades at; None if nothing trades.
        filled_wh: what each order got, Wh, row by row of the book.
    """

    book: OrderBook
    clearing: TickClearing
    price_micro_inr_per_kwh: int | None
    filled_wh: Integers

    @property
    def volume_wh(self) -> int:
        """Energy bought, and sold."""
        return self.clearing.volume_wh

    def fills(self) -> tuple[Fill, ...]:
        """Every order that got something, by ascending id."""
        if self.price_micro_inr_per_kwh is None:
            return ()
        rows = np.flatnonzero(self.filled_wh)
        price = self.price_micro_inr_per_kwh
        pairs = zip(self.book.order_id[rows].tolist(), self.filled_wh[rows].tolist(), strict=True)
        return tuple(Fill(order_id, energy_wh, price) for order_id, energy_wh in pairs)

    def welfare_milli_micro_inr(self) -> int:
        """Gain of all together: what the fills were worth to buyers less what they cost sellers.

        In thousandths of a micro-rupee (Wh x micro-rupees per kWh), exact.
        """
        worth = [
            exact_product_sum(self.filled_wh[rows], self.book.price_micro_inr_per_kwh[rows])
            for rows in (self.book.rows(Side.BID), self.book.rows(Side.OFFER))
        ]
        return worth[0] - worth[1]


def clear_call_auction(book: OrderBook, grid: TickGrid) -> CallResult:
    """Clears a book at one price.

    Nobody may bid at or above an own offer: at one price for all, that would be trading with
    oneself. The contract refuses such an order when it is placed; `own_crossings` finds them.

    Raises:
        MarketError: a price is not on a tick, or a participant's own orders cross.
    """
    ticks = grid.ticks(book.price_micro_inr_per_kwh)
    crossing = own_crossings(book)
    if crossing.size:
        raise MarketError(
            f"participant {crossing[0]} bids at or above an own offer; cancel one of the two"
        )
    is_bid = book.side == Side.BID
    clearing = clear_ticks(
        _energy_by_tick(book, ticks, is_bid, grid), _energy_by_tick(book, ticks, ~is_bid, grid)
    )
    if clearing.tick is None:
        return CallResult(book, clearing, None, np.zeros(len(book), dtype=np.int64))
    better = np.where(is_bid, ticks > clearing.tick, ticks < clearing.tick)
    at_tick = ticks == clearing.tick
    filled = np.where(better | at_tick, book.energy_wh, np.int64(0))
    if clearing.rationed is not None:
        rows = np.flatnonzero(at_tick & (book.side == clearing.rationed))
        rows = rows[np.argsort(book.placed_at[rows], kind="stable")]
        filled[rows] = share_column_down(clearing.shared_wh, book.energy_wh[rows])
    filled.flags.writeable = False
    return CallResult(book, clearing, grid.price(clearing.tick), filled)


def own_crossings(book: OrderBook) -> Integers:
    """Participants whose dearest bid reaches their own cheapest offer, ascending."""
    people, who = np.unique(book.participant_id, return_inverse=True)
    is_bid = book.side == Side.BID
    price = book.price_micro_inr_per_kwh
    dearest_bid = np.full(len(people), -1, dtype=np.int64)
    np.maximum.at(dearest_bid, who[is_bid], price[is_bid])
    cheapest_offer = np.full(len(people), MAX_PRICE_MICRO_INR_PER_KWH + 1, dtype=np.int64)
    np.minimum.at(cheapest_offer, who[~is_bid], price[~is_bid])
    return people[dearest_bid >= cheapest_offer]


def _energy_by_tick(book: OrderBook, ticks: Integers, mask: Mask, grid: TickGrid) -> list[int]:
    # Weights are added as doubles, which is exact: a book's whole energy is below 2^53.
    energy = np.bincount(ticks[mask], weights=book.energy_wh[mask], minlength=grid.count)
    return [int(wh) for wh in energy.tolist()]
