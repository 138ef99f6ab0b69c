"""How well a market worked: match rate, spread, and what is left for the main grid."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from backend.market.book import Integers, OrderBook, exact_product_sum
from backend.market.orders import MarketError, Side, Trade
from backend.market.real_time_pool import GridTerms

_WH_PER_KWH = 1000


@dataclass(frozen=True, slots=True)
class MarketReport:
    """What a clearing achieved.

    Attributes:
        volume_wh: energy bought, and sold.
        match_rate: volume as a share of the smaller side; None if a side has no order.
        mean_limit_gap: how far bids were above offers on average per kWh traded, micro-rupees;
            None if nothing traded.
        quoted_spread_micro_inr_per_kwh: cheapest offer left less dearest bid left; None if a
            side has nothing left. Negative only if both are one participant's.
        grid_import_wh: bids not filled, bought from the main grid.
        grid_export_wh: offers not filled, sold to it.
        community_cost_micro_inr: what the community pays the grid for both, rounded up; what
            members pay each other cancels out.
    """

    volume_wh: int
    match_rate: Fraction | None
    mean_limit_gap: Fraction | None
    quoted_spread_micro_inr_per_kwh: int | None
    grid_import_wh: int
    grid_export_wh: int
    community_cost_micro_inr: int


def report(book: OrderBook, filled_wh: Integers, grid: GridTerms) -> MarketReport:
    """Judges a clearing by what each row of the book was filled with; all 0 is no trade at all.

    Raises:
        MarketError: the fills are not one per order, exceed an order, or do not balance.
    """
    if len(filled_wh) != len(book) or ((filled_wh < 0) | (filled_wh > book.energy_wh)).any():
        raise MarketError("filled_wh: needs one per order, from 0 to the order's energy")
    sides = {side: book.rows(side) for side in Side}
    filled = {side: int(filled_wh[rows].sum()) for side, rows in sides.items()}
    asked = {side: int(book.energy_wh[rows].sum()) for side, rows in sides.items()}
    volume = filled[Side.BID]
    if filled[Side.OFFER] != volume:
        raise MarketError(f"filled_wh: {volume} Wh bought, {filled[Side.OFFER]} Wh sold")
    limit = book.price_micro_inr_per_kwh
    worth = {side: exact_product_sum(filled_wh[rows], limit[rows]) for side, rows in sides.items()}
    smaller = min(asked.values())
    imported, exported = asked[Side.BID] - volume, asked[Side.OFFER] - volume
    milli = imported * grid.retail_micro_inr_per_kwh - exported * grid.buyback_micro_inr_per_kwh
    return MarketReport(
        volume,
        Fraction(volume, smaller) if smaller else None,
        Fraction(worth[Side.BID] - worth[Side.OFFER], volume) if volume else None,
        _quoted_spread(book, filled_wh),
        imported,
        exported,
        -(-milli // _WH_PER_KWH),
    )


def filled_by_trades(book: OrderBook, trades: Iterable[Trade]) -> Integers:
    """What each row of the book got from trades, Wh, for `report`.

    Raises:
        MarketError: a trade is of an order that is not in the book.
    """
    rows = {order_id: row for row, order_id in enumerate(book.order_id.tolist())}
    filled = np.zeros(len(book), dtype=np.int64)
    for trade in trades:
        for order_id in (trade.bid_id, trade.offer_id):
            if order_id not in rows:
                raise MarketError(f"order_id: {order_id} of a trade is not in the book")
            filled[rows[order_id]] += trade.energy_wh
    return filled


def _quoted_spread(book: OrderBook, filled_wh: Integers) -> int | None:
    left = filled_wh < book.energy_wh
    bids = book.price_micro_inr_per_kwh[left & (book.side == Side.BID)]
    offers = book.price_micro_inr_per_kwh[left & (book.side == Side.OFFER)]
    return int(offers.min()) - int(bids.max()) if bids.size and offers.size else None
