"""One clearing in a process of its own: `python -m benchmarks.clearing_case <engine> <orders>`.

Prints one JSON object: CPU seconds of clearing, peak memory of the process, and what came out, so
that engines can be seen to agree. Orders are handed over as each engine takes them; turning ours
into columns counts. Runs under any Python that has NumPy and the engine: ASSUME (AGPL, with
dependencies of its own) is used from an environment beside the project's.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import numpy as np

TICK_MICRO_INR = 10_000  # Rs 0.01
LOWEST, TICKS = 2_000_000, 801  # Rs 2.00 .. 10.00
ENOUGH_ORDERS = 100_000
"""Smaller books are cleared several times over, up to so many orders together."""
Outcome = dict[str, float | None]


def columns(count: int) -> dict[str, Any]:
    """The same book for every engine: half bids around Rs 6, half offers around Rs 5."""
    rng = np.random.default_rng(20_26)
    side = rng.integers(0, 2, count)
    ticks = np.clip(rng.normal(np.where(side == 0, 400, 300), 120, count), 0, TICKS - 1)
    return {
        "side": side,
        "price": LOWEST + ticks.astype(np.int64) * TICK_MICRO_INR,
        "energy": rng.integers(1, 5001, count),
        "placed": rng.integers(0, 86_400, count),
        # Three orders each; buyers and sellers are different people, as ASSUME asks.
        "participant": 2 * (np.arange(count) // 6) + side,
    }


def ours(engine: str, count: int) -> Callable[[], Outcome]:
    from backend.market import (
        Order,
        OrderBook,
        Pricing,
        Side,
        TickGrid,
        clear_call_auction,
        clear_double_auction,
    )

    c = {name: column.tolist() for name, column in columns(count).items()}
    rows = zip(c["participant"], c["side"], c["price"], c["energy"], c["placed"], strict=True)
    orders = [
        Order(order_id, who, Side(side), price, energy, placed)
        for order_id, (who, side, price, energy, placed) in enumerate(rows)
    ]

    def clear() -> Outcome:
        book = OrderBook.from_orders(orders)
        if engine == "call auction":
            call = clear_call_auction(book, TickGrid(LOWEST, TICK_MICRO_INR, TICKS))
            return {"volume_wh": call.volume_wh, "price": call.price_micro_inr_per_kwh}
        pricing = Pricing.PAY_AS_BID if engine == "pay as bid" else Pricing.PAY_AS_CLEAR
        result = clear_double_auction(book, pricing)
        price = int(result.price_micro_inr_per_kwh[0]) if pricing is Pricing.PAY_AS_CLEAR else None
        return {"volume_wh": result.volume_wh, "price": price}

    return clear


def assume(mechanism: str, count: int) -> Callable[[], Outcome]:
    """An engine of ASSUME: MW and EUR/MWh are just numbers to it; they stand for Wh and Rs/kWh."""
    from assume.common.market_objects import MarketConfig, MarketProduct
    from assume.markets.clearing_algorithms import clearing_mechanisms
    from dateutil import rrule
    from dateutil.relativedelta import relativedelta

    start = datetime(2026, 1, 1)  # noqa: DTZ001 - as ASSUME has it
    product = (start, start + timedelta(hours=1), None)
    c = {name: column.tolist() for name, column in columns(count).items()}
    orders = [
        {
            "start_time": product[0],
            "end_time": product[1],
            "only_hours": None,
            "agent_addr": who,
            "bid_id": str(number),
            "price": price / 1e6,
            "volume": energy if side else -energy,
        }
        for number, (who, side, price, energy) in enumerate(
            zip(c["participant"], c["side"], c["price"], c["energy"], strict=True)
        )
    ]
    config = MarketConfig(
        market_mechanism=mechanism,
        opening_hours=rrule.rrule(rrule.HOURLY, dtstart=start, until=start + timedelta(days=1)),
        market_products=[MarketProduct(relativedelta(hours=1), 1, relativedelta(hours=1))],
    )
    role = clearing_mechanisms[mechanism](config)

    def clear() -> Outcome:
        _, _, meta, _ = role.clear(orders, [product])
        price = meta[0]["price"] if mechanism == "pay_as_clear" else None
        return {
            "volume_wh": meta[0]["supply_volume"],
            "price": None if price is None else price * 1e6,
        }

    return clear


def main(engine: str, count: int) -> None:
    peer = engine.removeprefix("assume ")

    def prepared() -> Callable[[], Outcome]:
        return ours(engine, count) if peer == engine else assume(peer, count)

    clear = prepared()
    began = time.process_time()
    outcome = clear()
    cpu = time.process_time() - began
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if count < ENOUGH_ORDERS:
        # The clock may tick in steps of 4 ms. ASSUME writes into its orders: each run has its own.
        batch = [prepared() for _ in range(ENOUGH_ORDERS // count)]
        began = time.process_time()
        for again in batch:
            again()
        cpu = (time.process_time() - began) / len(batch)
    print(json.dumps({"cpu_s": cpu, "peak_mib": peak_kib / 1024, **outcome}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
