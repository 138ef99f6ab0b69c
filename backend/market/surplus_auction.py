"""Sealed-bid auctions of surplus energy: who wins each lot and what they pay.

Bids are ranked by price, then node priority, then time of commitment, then id; the best are served
until the lot is gone, the last in part. First price: a winner pays its own bid. Second price: a
winner pays what the bids it displaces would have paid (the seller's reserve where there is none),
which for a lot sold whole is the second highest bid, and makes bidding one's true value the best
one can do.

Only revealed bids get here. A bid that cannot count (by the lot's seller, below the reserve, a
bidder's second) is refused by itself and never holds up the others.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import accumulate

from backend.market.money import cost_up
from backend.market.orders import (
    MAX_ENERGY_WH,
    MAX_ID,
    MAX_PRICE_MICRO_INR_PER_KWH,
    MarketError,
    require_range,
)

_WH_PER_KWH = 1000


class PaymentRule(Enum):
    """What winners pay."""

    FIRST_PRICE = "first_price"
    SECOND_PRICE = "second_price"


@dataclass(frozen=True, slots=True)
class Lot:
    """Surplus for sale.

    Args:
        lot_id: unique.
        seller_id: who sells; may not bid.
        energy_wh: how much.
        reserve_micro_inr_per_kwh: the least it is sold for.

    Raises:
        MarketError: a field is out of range.
    """

    lot_id: int
    seller_id: int
    energy_wh: int
    reserve_micro_inr_per_kwh: int

    def __post_init__(self) -> None:
        require_range("lot_id", self.lot_id, 0, MAX_ID)
        require_range("seller_id", self.seller_id, 0, MAX_ID)
        require_range("energy_wh", self.energy_wh, 1, MAX_ENERGY_WH)
        require_range(
            "reserve_micro_inr_per_kwh",
            self.reserve_micro_inr_per_kwh,
            0,
            MAX_PRICE_MICRO_INR_PER_KWH,
        )


@dataclass(frozen=True, slots=True)
class SealedBid:
    """A bid as it was revealed.

    Args:
        bid_id: unique.
        lot_id: the lot it is for.
        bidder_id: who; one bid a lot, the one committed first.
        price_micro_inr_per_kwh: the most it pays.
        energy_wh: the most it takes; it takes less, too.
        node_priority: of the bidder's node, 0 = the most important (as in the shedding order).
        committed_at: when it was committed, Unix seconds.

    Raises:
        MarketError: a field is out of range.
    """

    bid_id: int
    lot_id: int
    bidder_id: int
    price_micro_inr_per_kwh: int
    energy_wh: int
    node_priority: int
    committed_at: int

    def __post_init__(self) -> None:
        for name in ("bid_id", "lot_id", "bidder_id", "node_priority", "committed_at"):
            require_range(name, getattr(self, name), 0, MAX_ID)
        require_range(
            "price_micro_inr_per_kwh", self.price_micro_inr_per_kwh, 0, MAX_PRICE_MICRO_INR_PER_KWH
        )
        require_range("energy_wh", self.energy_wh, 1, MAX_ENERGY_WH)


class Refusal(Enum):
    """Why a bid does not count."""

    UNKNOWN_LOT = "there is no such lot"
    OWN_LOT = "the seller may not bid"
    BELOW_RESERVE = "the price is below the reserve"
    SECOND_BID = "the bidder has an earlier bid for the lot"


@dataclass(frozen=True, slots=True)
class Award:
    """What a bid won.

    Attributes:
        bid: the bid.
        energy_wh: how much of the lot; more than 0.
        payment_micro_inr: what the bidder pays for it, rounded up; never above the bid's price.
    """

    bid: SealedBid
    energy_wh: int
    payment_micro_inr: int


@dataclass(frozen=True, slots=True)
class LotOutcome:
    """How a lot ended: winners best first, and what nobody wanted."""

    lot: Lot
    awards: tuple[Award, ...]
    unsold_wh: int


@dataclass(frozen=True, slots=True)
class AuctionOutcome:
    """How all lots ended.

    Attributes:
        lots: one outcome per lot, by ascending lot id.
        refused: bids that do not count, by ascending bid id.
    """

    lots: tuple[LotOutcome, ...]
    refused: tuple[tuple[SealedBid, Refusal], ...]


def determine_winners(
    lots: Iterable[Lot], revealed: Iterable[SealedBid], rule: PaymentRule
) -> AuctionOutcome:
    """Winners and payments of any number of lots; input order does not matter.

    Raises:
        MarketError: a lot id or bid id is given twice.
    """
    by_id: dict[int, Lot] = {}
    for lot in lots:
        if by_id.setdefault(lot.lot_id, lot) is not lot:
            raise MarketError(f"lot_id: {lot.lot_id} is given twice; ids are unique")
    counting: defaultdict[int, list[SealedBid]] = defaultdict(list)
    refused: list[tuple[SealedBid, Refusal]] = []
    for bid, why in _admission(by_id, revealed):
        if why is None:
            counting[bid.lot_id].append(bid)
        else:
            refused.append((bid, why))
    outcomes = tuple(_sell(lot, counting[lot_id], rule) for lot_id, lot in sorted(by_id.items()))
    return AuctionOutcome(outcomes, tuple(sorted(refused, key=lambda pair: pair[0].bid_id)))


def _admission(
    lots: dict[int, Lot], revealed: Iterable[SealedBid]
) -> Iterable[tuple[SealedBid, Refusal | None]]:
    """Each bid with why it does not count, or None; a bidder's earliest comes first."""
    seen_ids: set[int] = set()
    has_bid: set[tuple[int, int]] = set()
    for bid in sorted(revealed, key=lambda bid: (bid.committed_at, bid.bid_id)):
        if bid.bid_id in seen_ids:
            raise MarketError(f"bid_id: {bid.bid_id} is given twice; ids are unique")
        seen_ids.add(bid.bid_id)
        lot = lots.get(bid.lot_id)
        if lot is None:
            yield bid, Refusal.UNKNOWN_LOT
        elif bid.bidder_id == lot.seller_id:
            yield bid, Refusal.OWN_LOT
        elif (bid.lot_id, bid.bidder_id) in has_bid:
            yield bid, Refusal.SECOND_BID
        else:
            has_bid.add((bid.lot_id, bid.bidder_id))
            below = bid.price_micro_inr_per_kwh < lot.reserve_micro_inr_per_kwh
            yield bid, Refusal.BELOW_RESERVE if below else None


def _sell(lot: Lot, bids: list[SealedBid], rule: PaymentRule) -> LotOutcome:
    ranked = sorted(
        bids,
        key=lambda bid: (
            -bid.price_micro_inr_per_kwh,
            bid.node_priority,
            bid.committed_at,
            bid.bid_id,
        ),
    )
    left = lot.energy_wh
    won: list[int] = []
    for bid in ranked:
        won.append(min(left, bid.energy_wh))
        left -= won[-1]
    if rule is PaymentRule.FIRST_PRICE:
        pays = [
            cost_up(energy, bid.price_micro_inr_per_kwh)
            for bid, energy in zip(ranked, won, strict=True)
        ]
    else:
        pays = _displaced_value_up(lot, ranked, won)
    awards = tuple(
        Award(bid, energy, payment)
        for bid, energy, payment in zip(ranked, won, pays, strict=True)
        if energy
    )
    return LotOutcome(lot, awards, left)


def _displaced_value_up(lot: Lot, ranked: Sequence[SealedBid], won: Sequence[int]) -> list[int]:
    """For each bid what others would pay for the energy it won, micro-rupees, rounded up.

    Others are first in line with what they did not get: `short` of each, in rank order; when
    they have enough, the energy is worth the reserve. A bid's own rest does not count, and only
    the last winner has one: its rest is the first in line.
    """
    short = [bid.energy_wh - energy for bid, energy in zip(ranked, won, strict=True)]
    ends = list(accumulate(short, initial=0))
    worth = list(
        accumulate(
            (wh * bid.price_micro_inr_per_kwh for bid, wh in zip(ranked, short, strict=True)),
            initial=0,
        )
    )

    def value_before(energy_wh: int) -> int:
        """Worth of the first `energy_wh` of the line, Wh x micro-rupees per kWh."""
        whole = bisect_right(ends, energy_wh) - 1
        price = (
            ranked[whole].price_micro_inr_per_kwh
            if whole < len(ranked)
            else lot.reserve_micro_inr_per_kwh
        )
        return worth[whole] + (energy_wh - ends[whole]) * price

    pays = []
    for energy, own_rest in zip(won, short, strict=True):
        first = own_rest if energy else 0
        milli = value_before(first + energy) - value_before(first)
        pays.append(-(-milli // _WH_PER_KWH))
    return pays
