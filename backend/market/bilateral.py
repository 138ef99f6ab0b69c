"""Bilateral trading: everybody ranks partners, by how much they have or by how near they are.

Bids and offers of a slot agree in pairs at the middle of their two limits (rounded down); a pair
whose limits do not meet, or of one participant, agrees on nothing. The outcome is stable: no bid
and no offer would both rather have each other than what they got.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from itertools import product

from backend.market.orders import MarketError, Order, Side, Trade

Distance = Callable[[int, int], int]
"""How far apart two participants are; the same both ways. Any unit, 0 or more."""


class Preference(Enum):
    """Whom one would rather trade with."""

    LARGEST_FIRST = "largest_first"
    """Sellers want the buyers that need most, buyers the sellers that have most (by participant,
    all its orders together)."""
    NEAREST_FIRST = "nearest_first"
    """Whoever is nearer by line."""


def match_bilaterally(
    orders: Iterable[Order], preference: Preference, distance: Distance | None = None
) -> tuple[Trade, ...]:
    """The trades that the preferences lead to, in the order in which they are agreed.

    Equal partners rank by participant id, the orders of one by price, time and id. Worst case
    bids x offers steps: for a community, not for a whole market's book.

    Raises:
        MarketError: an order id is given twice, or NEAREST_FIRST has no `distance`.
    """
    given = list(orders)
    left = {order.order_id: order.energy_wh for order in given}
    if len(left) != len(given):
        raise MarketError("order_id: one is given twice; ids are unique")
    bids = [order for order in given if order.side is Side.BID]
    offers = [order for order in given if order.side is Side.OFFER]
    if preference is Preference.LARGEST_FIRST:
        pairs = _largest_first(bids, offers, left)
    elif distance is not None:
        pairs = _nearest_first(bids, offers, distance)
    else:
        raise MarketError("distance: NEAREST_FIRST needs one")
    return tuple(_agree(pairs, left))


def _agree(pairs: Iterable[tuple[Order, Order]], left: dict[int, int]) -> Iterator[Trade]:
    for bid, offer in pairs:
        energy = min(left[bid.order_id], left[offer.order_id])
        if not energy or not _meets(bid, offer):
            continue
        left[bid.order_id] -= energy
        left[offer.order_id] -= energy
        price = (bid.price_micro_inr_per_kwh + offer.price_micro_inr_per_kwh) // 2
        yield Trade(
            bid.order_id, offer.order_id, bid.participant_id, offer.participant_id, energy, price
        )


def _meets(bid: Order, offer: Order) -> bool:
    return (
        bid.participant_id != offer.participant_id
        and bid.price_micro_inr_per_kwh >= offer.price_micro_inr_per_kwh
    )


def _largest_first(
    bids: list[Order], offers: list[Order], left: dict[int, int]
) -> Iterator[tuple[Order, Order]]:
    """Offers in the order all bids rank them, each with the bids in the order all offers rank
    them, until it is used up."""
    waiting = _ranked(bids)
    for offer in _ranked(offers):
        used_up = 0
        for bid in waiting:
            if not left[offer.order_id]:
                break
            used_up += not left[bid.order_id]
            yield bid, offer
        if 2 * used_up > len(waiting):
            waiting = [bid for bid in waiting if left[bid.order_id]]


def _ranked(orders: list[Order]) -> list[Order]:
    has: defaultdict[int, int] = defaultdict(int)
    for order in orders:
        has[order.participant_id] += order.energy_wh
    return sorted(orders, key=lambda order: (-has[order.participant_id], *_own_rank(order)))


def _own_rank(order: Order) -> tuple[int, int, int, int]:
    price = order.price_micro_inr_per_kwh
    best_low = price if order.side is Side.OFFER else -price
    return order.participant_id, best_low, order.placed_at, order.order_id


def _nearest_first(
    bids: list[Order], offers: list[Order], distance: Distance
) -> Iterator[tuple[Order, Order]]:
    """All pairs, nearest first. Every bid and every offer ranks its own pairs in this one order,
    so taking them in it leaves no two that would rather have each other."""
    between: dict[tuple[int, int], int] = {}
    for bid, offer in product(bids, offers):
        pair = (bid.participant_id, offer.participant_id)
        if pair not in between and pair[0] != pair[1]:
            between[pair] = distance(*pair)
    pairs = [pair for pair in product(bids, offers) if _meets(*pair)]
    pairs.sort(
        key=lambda pair: (
            between[pair[0].participant_id, pair[1].participant_id],
            _own_rank(pair[1]),
            _own_rank(pair[0]),
        )
    )
    return iter(pairs)
