"""Random order books, and linear programming as the judge of what engines make of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from hypothesis import strategies as st
from scipy.optimize import linprog

from backend.market import Order, Side, TickGrid

GRID = TickGrid(1_000_000, 500_000, 12)
"""Few ticks, so that books are full of ties."""


@st.composite
def books(
    draw: st.DrawFn, *, max_orders: int = 14, people: int = 6, prices: Sequence[int] | None = None
) -> list[Order]:
    """Orders in any order, with ids, times and prices that often tie; own orders may cross."""
    price = st.sampled_from(prices or [GRID.price(tick) for tick in range(GRID.count)])
    ids = draw(st.lists(st.integers(0, 99), unique=True, max_size=max_orders))
    return [
        Order(
            order_id,
            draw(st.integers(1, people)),
            draw(st.sampled_from(Side)),
            draw(price),
            draw(st.one_of(st.integers(1, 5), st.integers(1, 3000))),
            draw(st.integers(0, 3)),
        )
        for order_id in ids
    ]


def without_own_crossings(orders: Sequence[Order]) -> list[Order]:
    """As a contract takes them one by one: an order that meets an own earlier one is refused."""
    taken: list[Order] = []
    for order in orders:
        if not any(other.participant_id == order.participant_id and meet(order, other)
                   for other in taken):  # fmt: skip
            taken.append(order)
    return taken


def meet(one: Order, other: Order) -> bool:
    """Whether the two are a bid and an offer with a price for both."""
    if one.side is other.side:
        return False
    bid, offer = (one, other) if one.side is Side.BID else (other, one)
    return bid.price_micro_inr_per_kwh >= offer.price_micro_inr_per_kwh


def greatest_welfare(orders: Sequence[Order], *, self_trade: bool) -> int:
    """Most that all together can gain, in Wh x micro-rupees per kWh, by linear programming.

    One variable per pair of a bid and an offer that may trade. The polytope is a transport
    problem's, so its best corner is in whole Wh and rounding the solver's float is exact.
    """
    bids = [order for order in orders if order.side is Side.BID]
    offers = [order for order in orders if order.side is Side.OFFER]
    pairs = [
        (i, j)
        for (i, bid), (j, offer) in product(enumerate(bids), enumerate(offers))
        if self_trade or bid.participant_id != offer.participant_id
    ]
    if not pairs:
        return 0
    gain = np.array(
        [bids[i].price_micro_inr_per_kwh - offers[j].price_micro_inr_per_kwh for i, j in pairs]
    )
    limits = np.zeros((len(bids) + len(offers), len(pairs)))
    for column, (i, j) in enumerate(pairs):
        limits[i, column] = limits[len(bids) + j, column] = 1
    energy = np.array([order.energy_wh for order in [*bids, *offers]])
    solved = linprog(-gain, A_ub=limits, b_ub=energy, bounds=(0, None), method="highs-ds")
    assert solved.status == 0, solved.message
    traded = np.rint(solved.x).astype(np.int64)
    assert (limits @ traded <= energy).all()
    return int(traded @ gain)
