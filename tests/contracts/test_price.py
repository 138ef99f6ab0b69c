"""PostedPrice through Ape."""

from __future__ import annotations

from typing import Any

import pytest
from fixtures_money import Microgrid
from refusals import reverts


def test_posting(grid: Microgrid, chain: Any) -> None:
    receipt = grid.posted.setPrices(7_000_000, 3_500_000, sender=grid.operator)
    assert receipt.events == [grid.posted.PricesPosted(buyPrice=7_000_000, sellPrice=3_500_000)]
    assert grid.posted.prices() == (7_000_000, 3_500_000, receipt.timestamp)
    grid.posted.setBuyPrice(8_000_000, sender=grid.operator)
    grid.posted.setSellPrice(4_000_000, sender=grid.operator)
    assert list(grid.posted.prices())[:2] == [8_000_000, 4_000_000]


def test_refusals(grid: Microgrid) -> None:
    posted, operator = grid.posted, grid.operator
    low, high = posted.bounds()
    with reverts(posted.PostedPrice_OutOfBounds, price=high + 1, min=low, max=high):
        posted.setBuyPrice(high + 1, sender=operator)
    with reverts(posted.PostedPrice_OutOfBounds, price=low - 1, min=low, max=high):
        posted.setSellPrice(low - 1, sender=operator)
    with reverts(posted.PostedPrice_SellAboveBuy, sellPrice=6_000_001, buyPrice=6_000_000):
        posted.setPrices(6_000_000, 6_000_001, sender=operator)


def test_bounds_that_the_price_breaks_stop_trade(grid: Microgrid) -> None:
    posted = grid.posted
    receipt = posted.setBounds(1_000_000, 5_000_000, sender=grid.admin)
    assert receipt.events == [posted.BoundsChanged(minPrice=1_000_000, maxPrice=5_000_000)]
    assert posted.prices()[2] == 0
    with reverts(grid.market.EnergyMarket_StalePrice):
        grid.market.quoteBuyUp(1)
    posted.setPrices(5_000_000, 3_000_000, sender=grid.operator)
    assert grid.market.quoteBuyUp(1000) == 5_000_000
    with reverts(posted.PostedPrice_BadBounds, min=2, max=1):
        posted.setBounds(2, 1, sender=grid.admin)


@pytest.mark.parametrize(
    ("function", "arguments", "holder"),
    [
        ("setPrices", (6_000_000, 3_000_000), "operator"),
        ("setBuyPrice", (6_000_000,), "operator"),
        ("setSellPrice", (3_000_000,), "operator"),
        ("setBounds", (1, 2), "admin"),
    ],
)
def test_roles(grid: Microgrid, function: str, arguments: tuple[Any, ...], holder: str) -> None:
    for who in {"stranger", "operator", "pauser", "admin", "relayer", "authority"} - {holder}:
        with reverts(grid.posted.AccessManagedUnauthorized, caller=getattr(grid, who).address):
            getattr(grid.posted, function)(*arguments, sender=getattr(grid, who))
