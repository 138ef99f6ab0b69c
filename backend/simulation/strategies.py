"""Ways to trade ahead of delivery, and to settle what was delivered otherwise.

A strategy is one of each. Ahead: nobody, the call auction, the double auction, or pairs that
prefer each other. Afterwards a household's deviation, (given - taken) - (sold - bought), is
settled by itself with the main grid, or in the real-time pool with everybody else's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np

from backend.market import (
    OrderBook,
    Preference,
    Pricing,
    Side,
    TickGrid,
    Trade,
    clear_call_auction,
    clear_double_auction,
    cost_up,
    filled_by_trades,
    match_bilaterally,
    payments,
    proceeds_down,
)
from backend.simulation.neighbourhood import Integers, Neighbourhood


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """What was agreed ahead for a slot.

    Attributes:
        filled_wh: what each row of the book got, Wh.
        received_micro_inr: what each party gets for it (negative: pays).
        rounding_micro_inr: what the roundings leave over; 0 or more.
    """

    filled_wh: Integers
    received_micro_inr: dict[int, int]
    rounding_micro_inr: int


Market = Callable[[OrderBook, TickGrid, Neighbourhood], Agreement]


class Deviations(Enum):
    """Who settles what was delivered otherwise than agreed."""

    GRID = "each with the main grid"
    POOL = "all together in the real-time pool"


@dataclass(frozen=True, slots=True)
class Strategy:
    """A way to trade.

    Attributes:
        name: for tables.
        market: what happens ahead; None = nothing.
        deviations: what happens afterwards.
    """

    name: str
    market: Market | None
    deviations: Deviations


def call_auction(book: OrderBook, ticks: TickGrid, _: Neighbourhood) -> Agreement:
    """The day-ahead market: one price for all."""
    result = clear_call_auction(book, ticks)
    price = result.price_micro_inr_per_kwh or 0
    received: dict[int, int] = {}
    for party, side, filled in zip(
        book.participant_id.tolist(), book.side.tolist(), result.filled_wh.tolist(), strict=True
    ):
        amount = -cost_up(filled, price) if side == Side.BID else proceeds_down(filled, price)
        received[party] = received.get(party, 0) + amount
    return Agreement(result.filled_wh, received, -sum(received.values()))


def double_auction(pricing: Pricing) -> Market:
    """Price-time priority, paid as bid or as cleared."""

    def market(book: OrderBook, _: TickGrid, __: Neighbourhood) -> Agreement:
        return _agreed(book, tuple(clear_double_auction(book, pricing).trades()))

    return market


def bilateral(preference: Preference) -> Market:
    """Pairs that prefer each other."""

    def market(book: OrderBook, _: TickGrid, neighbourhood: Neighbourhood) -> Agreement:
        near = neighbourhood.distance_between
        return _agreed(book, match_bilaterally(book.orders(), preference, near))

    return market


def _agreed(book: OrderBook, trades: tuple[Trade, ...]) -> Agreement:
    money = payments(trades)
    received: defaultdict[int, int] = defaultdict(int)
    party = dict(zip(book.order_id.tolist(), book.participant_id.tolist(), strict=True))
    for bid, paid in money.paid_by_bid.items():
        received[party[bid]] -= paid
    for offer, got in money.got_by_offer.items():
        received[party[offer]] += got
    return Agreement(filled_by_trades(book, trades), dict(received), money.pool_rounding)


STRATEGIES = {
    "no_trade": Strategy("no trade", None, Deviations.GRID),
    "bilateral_largest": Strategy(
        "bilateral, largest first", bilateral(Preference.LARGEST_FIRST), Deviations.GRID
    ),
    "bilateral_nearest": Strategy(
        "bilateral, nearest first", bilateral(Preference.NEAREST_FIRST), Deviations.GRID
    ),
    "double_pay_as_bid": Strategy(
        "double auction, pay as bid", double_auction(Pricing.PAY_AS_BID), Deviations.GRID
    ),
    "double_pay_as_clear": Strategy(
        "double auction, pay as clear", double_auction(Pricing.PAY_AS_CLEAR), Deviations.GRID
    ),
    "day_ahead": Strategy("day ahead", call_auction, Deviations.GRID),
    "real_time": Strategy("real time", None, Deviations.POOL),
    "day_ahead_and_real_time": Strategy("day ahead and real time", call_auction, Deviations.POOL),
}
"""By the name a command line gives."""


def positions_wh(book: OrderBook, filled_wh: Integers) -> dict[int, int]:
    """What each party sold less what it bought, Wh."""
    signed = np.where(book.side == Side.OFFER, filled_wh, -filled_wh).tolist()
    sold: defaultdict[int, int] = defaultdict(int)
    for party, energy in zip(book.participant_id.tolist(), signed, strict=True):
        sold[party] += energy
    return dict(sold)
