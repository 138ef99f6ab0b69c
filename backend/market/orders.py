"""What people hand in and what they get: orders, fills and trades. Wh and micro-rupees per kWh."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

MAX_ENERGY_WH = 2**31 - 1
"""Largest order: 2.1 GWh. Energy times price then fits 63 bits."""

MAX_PRICE_MICRO_INR_PER_KWH = 2**32 - 1
"""Largest limit, Rs 4294.967295 per kWh: what a PRICE frame can carry."""

MAX_ID = 2**63 - 1
"""Largest id and time. Accounts are numbered by the caller; an address does not fit."""


class MarketError(ValueError):
    """Input that no market may take. The message names the field, what is wrong and the fix."""


class Side(IntEnum):
    """Which way an order goes."""

    BID = 0
    """Buys energy."""
    OFFER = 1
    """Sells energy."""


@dataclass(frozen=True, slots=True)
class Order:
    """A limit order for one delivery slot.

    Args:
        order_id: unique in its book; the last resort of every tie.
        participant_id: who signed it; nobody trades with oneself.
        side: bid or offer.
        price_micro_inr_per_kwh: limit: the most a bid pays, the least an offer takes.
        energy_wh: how much, at most; any part of it may be filled.
        placed_at: when, Unix seconds (any count that grows will do); ties go by it, then by id.

    Raises:
        MarketError: a field is out of its range.
    """

    order_id: int
    participant_id: int
    side: Side
    price_micro_inr_per_kwh: int
    energy_wh: int
    placed_at: int

    def __post_init__(self) -> None:
        require_range("order_id", self.order_id, 0, MAX_ID)
        require_range("participant_id", self.participant_id, 0, MAX_ID)
        if not isinstance(self.side, Side):
            raise MarketError(f"side: {self.side!r} is not a Side; use Side.BID or Side.OFFER")
        require_range(
            "price_micro_inr_per_kwh", self.price_micro_inr_per_kwh, 0, MAX_PRICE_MICRO_INR_PER_KWH
        )
        require_range("energy_wh", self.energy_wh, 1, MAX_ENERGY_WH)
        require_range("placed_at", self.placed_at, 0, MAX_ID)


@dataclass(frozen=True, slots=True)
class Fill:
    """What one order got.

    Args:
        order_id: the order.
        energy_wh: how much of it was filled; more than 0.
        price_micro_inr_per_kwh: at what price.
    """

    order_id: int
    energy_wh: int
    price_micro_inr_per_kwh: int


@dataclass(frozen=True, slots=True)
class Trade:
    """Energy that one offer delivers to one bid.

    Args:
        bid_id: the buyer's order.
        offer_id: the seller's order.
        buyer_id: participant that buys; never the seller.
        seller_id: participant that sells.
        energy_wh: how much; more than 0.
        price_micro_inr_per_kwh: what the buyer pays and the seller gets.
    """

    bid_id: int
    offer_id: int
    buyer_id: int
    seller_id: int
    energy_wh: int
    price_micro_inr_per_kwh: int


def require_range(field: str, value: int, low: int, high: int) -> None:
    """Raises MarketError naming `field` unless `value` is an integer in low..high."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise MarketError(f"{field}: {value!r} is not an integer")
    if not low <= value <= high:
        raise MarketError(f"{field}: {value} is not in {low}..{high}")
