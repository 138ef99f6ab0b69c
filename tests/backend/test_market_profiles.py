"""The markets on the neighbourhood's real profiles: less from and to the grid, at less cost."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from backend.market import (
    FeederTree,
    GridTerms,
    Imbalance,
    Order,
    OrderBook,
    Preference,
    Pricing,
    Side,
    clear_double_auction,
    filled_by_trades,
    match_bilaterally,
    report,
    settle_pool,
)
from backend.market.book import Integers
from devices.simulator import profiles

RUPEE = 1_000_000
GRID = GridTerms(3 * RUPEE, 7 * RUPEE)
FILE = Path(profiles.__file__).parents[1] / "neighbourhood.toml"
FEEDER = FeederTree({node: (node - 1, 40) for node in range(2, 55)})


@cache
def week() -> list[tuple[Order, ...]]:
    """An April week in quarters of an hour: what every house has over or lacks, as an order.

    Limits lie between the grid's prices, different for every house, so that not every pair agrees.
    """
    shipped = profiles.load_profiles()
    nodes = tomllib.loads(FILE.read_text())["node"]
    houses = [n for n in nodes if "load" in n and "battery" not in n.get("contactor", {})]
    slots = []
    for slot in range(7 * 96):
        orders = []
        for house in houses:
            watts = [
                shipped.power_w(
                    part["profile"], part["peak_w"], slot * 900_000, part.get("shift_slots", 0)
                )
                for part in (house["load"], house.get("pv", {"profile": "PV1", "peak_w": 0}))
            ]
            wh = (watts[0] - watts[1]) // 4
            side = Side.BID if wh > 0 else Side.OFFER
            limit = (7000 - 53 * house["id"] if wh > 0 else 3000 + 190 * house["id"]) * 1000
            if wh:
                orders.append(Order(house["id"], house["id"], side, limit, abs(wh), 0))
        slots.append(tuple(orders))
    return slots


def nothing(orders: tuple[Order, ...]) -> Integers:
    return np.zeros(len(orders), dtype=np.int64)


def bilateral(preference: Preference) -> Callable[[tuple[Order, ...]], Integers]:
    return lambda orders: filled_by_trades(
        OrderBook.from_orders(orders), match_bilaterally(orders, preference, FEEDER.distance_m)
    )


def auction(orders: tuple[Order, ...]) -> Integers:
    book = OrderBook.from_orders(orders)
    return clear_double_auction(book, Pricing.PAY_AS_CLEAR).filled_wh()


def over_the_week(market: Callable[[tuple[Order, ...]], Integers]) -> Counter[str]:
    """Wh from the grid, Wh to it, micro-rupees paid to it, and the gain by the orders' limits."""
    sums: Counter[str] = Counter()
    for orders in week():
        found = report(OrderBook.from_orders(orders), market(orders), GRID)
        sums["import"] += found.grid_import_wh
        sums["export"] += found.grid_export_wh
        sums["cost"] += found.community_cost_micro_inr
        sums["gain"] += int((found.mean_limit_gap or 0) * found.volume_wh)
    return sums


@pytest.fixture(scope="module")
def alone() -> Counter[str]:
    return over_the_week(nothing)


@pytest.mark.parametrize("preference", Preference)
def test_both_preferences_need_the_grid_less_and_cost_less(
    alone: Counter[str], preference: Preference
) -> None:
    traded = over_the_week(bilateral(preference))
    assert traded["import"] < 0.97 * alone["import"]
    assert traded["export"] < 0.8 * alone["export"]
    assert traded["cost"] < 0.97 * alone["cost"]


def test_no_preference_gains_more_than_the_auction() -> None:
    best = over_the_week(auction)["gain"]
    assert all(over_the_week(bilateral(p))["gain"] <= best for p in Preference)


def test_the_pool_costs_the_community_only_what_is_left_over() -> None:
    for orders in week():
        net = [
            Imbalance(o.participant_id, -o.energy_wh if o.side is Side.BID else o.energy_wh)
            for o in orders
        ]
        settled = settle_pool(net, GRID)
        together = sum(party.surplus_wh for party in net)
        price = GRID.retail_micro_inr_per_kwh if together < 0 else GRID.buyback_micro_inr_per_kwh
        assert abs(settled.grid_received_micro_inr + together * price / 1000) < 1
