"""What energy costs: one rounding per order, always in favour of the pool.

Energy times price is exact in thousandths of a micro-rupee (Wh x micro-rupees per kWh). Adding up
exactly and rounding once keeps an order that was filled in many pieces within its own limit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from backend.market.orders import Trade

_WH_PER_KWH = 1000


def cost_up(energy_wh: int, price_micro_inr_per_kwh: int) -> int:
    """What a buyer pays, micro-rupees, rounded up."""
    return -(-energy_wh * price_micro_inr_per_kwh // _WH_PER_KWH)


def proceeds_down(energy_wh: int, price_micro_inr_per_kwh: int) -> int:
    """What a seller gets, micro-rupees, rounded down."""
    return energy_wh * price_micro_inr_per_kwh // _WH_PER_KWH


@dataclass(frozen=True, slots=True)
class Payments:
    """Who pays and gets what for a set of trades, micro-rupees.

    Attributes:
        paid_by_bid: cost by bid id, rounded up.
        got_by_offer: proceeds by offer id, rounded down.
        pool_rounding: what the roundings leave to the pool; 0 or more, and less than one
            micro-rupee per order.
    """

    paid_by_bid: dict[int, int]
    got_by_offer: dict[int, int]
    pool_rounding: int


def payments(trades: Iterable[Trade]) -> Payments:
    """Costs and proceeds by order, each rounded once however many trades filled it."""
    costs: defaultdict[int, int] = defaultdict(int)
    proceeds: defaultdict[int, int] = defaultdict(int)
    for trade in trades:
        milli = trade.energy_wh * trade.price_micro_inr_per_kwh
        costs[trade.bid_id] += milli
        proceeds[trade.offer_id] += milli
    paid = {bid: -(-milli // _WH_PER_KWH) for bid, milli in costs.items()}
    got = {offer: milli // _WH_PER_KWH for offer, milli in proceeds.items()}
    return Payments(paid, got, sum(paid.values()) - sum(got.values()))
