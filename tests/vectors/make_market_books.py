"""Writes tests/vectors/market_books.json: books and imbalances, and what the engines make of them.

The contracts are held to the same results (forge-test/market/MarketVectors.t.sol).
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from backend.market.book import OrderBook
from backend.market.orders import Order, Side
from backend.market.real_time_pool import GridTerms, Imbalance, settle_pool
from backend.market.uniform_price import TickGrid, clear_call_auction

FILE = Path(__file__).with_name("market_books.json")
TICK = 10_000
TICKS = 1_000
MEMBERS = 4
MOST_ORDERS = 8
"""Of a member in a slot."""

_BOOKS, _POOLS = 40, 120


def vectors() -> dict[str, Any]:
    """All cases, the same each time."""
    chance = random.Random(20_160_418)
    made: dict[str, Any] = {"books": _BOOKS, "pools": _POOLS}
    made |= {f"book{i}": _book(chance, narrow=i % 2 == 1) for i in range(_BOOKS)}
    made |= {f"pool{i}": _pool(chance) for i in range(_POOLS)}
    return made


def _book(chance: random.Random, *, narrow: bool) -> dict[str, Any]:
    """Random orders; in a narrow book many share a tick, so that clearing has to ration."""
    grid = TickGrid(TICK, TICK, TICKS)
    span = 6 if narrow else 400
    orders: list[Order] = []
    for number in range(chance.randint(1, MEMBERS * MOST_ORDERS)):
        member = chance.randrange(MEMBERS)
        side = chance.choice((Side.BID, Side.OFFER))
        tick = 500 + chance.randint(-span, span)
        energy_wh = chance.randint(10, 5_000)
        own = [order for order in orders if order.participant_id == member]
        if len(own) == MOST_ORDERS or _crosses(own, side, tick * TICK):
            continue
        orders.append(Order(len(orders) + 1, member, side, tick * TICK, energy_wh, number))
    result = clear_call_auction(OrderBook.from_orders(orders), grid)
    clearing = result.clearing
    rationed = {None: 0, Side.BID: 1, Side.OFFER: 2}[clearing.rationed]
    return {
        "members": [order.participant_id for order in orders],
        "offers": [int(order.side is Side.OFFER) for order in orders],
        "ticks": [order.price_micro_inr_per_kwh // TICK for order in orders],
        "wh": [order.energy_wh for order in orders],
        "tick": 0 if clearing.tick is None else clearing.tick + 1,
        "volume": clearing.volume_wh,
        "rationed": rationed,
        "shared": clearing.shared_wh,
        "filled": result.filled_wh.tolist(),
    }


def _crosses(own: list[Order], side: Side, price: int) -> bool:
    return any(
        order.side is not side
        and (
            price >= order.price_micro_inr_per_kwh
            if side is Side.BID
            else price <= order.price_micro_inr_per_kwh
        )
        for order in own
    )


def _pool(chance: random.Random) -> dict[str, Any]:
    buyback, retail = sorted(chance.randint(0, 10_000_000) for _ in range(2))
    buyback = 0 if chance.random() < 0.1 else buyback
    size = 10 ** chance.randint(1, 7)
    surplus = [chance.randint(-size, size) for _ in range(MEMBERS)]
    if chance.random() < 0.2:
        surplus = [-abs(wh) for wh in surplus]
    settled = settle_pool(
        [Imbalance(member, wh) for member, wh in enumerate(surplus)], GridTerms(buyback, retail)
    )
    got = [payment.received_micro_inr for payment in settled.payments]
    return {
        "buyback": buyback,
        "retail": retail,
        "surplus": [max(0, wh) for wh in surplus],
        "shortfall": [max(0, -wh) for wh in surplus],
        "got": [max(0, micro_inr) for micro_inr in got],
        "paid": [max(0, -micro_inr) for micro_inr in got],
        "gridGets": max(0, settled.grid_received_micro_inr),
        "gridPays": max(0, -settled.grid_received_micro_inr),
        "sell": settled.prices.sell_down,
        "buy": settled.prices.buy_up,
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(vectors(), separators=(",", ":")) + "\n")
