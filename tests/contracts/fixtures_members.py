"""Two members of the real-time pool in the community as it is deployed."""

from __future__ import annotations

from typing import Any

import pytest
from fixtures_money import HOUSE, ROOF, RUPEE, SLOT_SECONDS, Microgrid
from fixtures_money import PLAN as COMMUNITY_PLAN

from backend.market.uniform_price import TickGrid

MARKET = 4
DEPOSIT = 5_000 * RUPEE
PLAN = COMMUNITY_PLAN.markets
TICKS = TickGrid(PLAN.tick_micro_inr_per_kwh, PLAN.tick_micro_inr_per_kwh, PLAN.tick_count)
BID, OFFER = 0, 1


class Members:
    """A house of Alice's and a roof of Bob's, with money at the clearing house."""

    def __init__(self, grid: Microgrid) -> None:
        self.grid = grid
        self.house, self.pool, self.day_ahead = grid.clearing, grid.pool, grid.day_ahead
        self.holders = {HOUSE: grid.alice, ROOF: grid.bob}
        for meter, holder in self.holders.items():
            grid.claim(meter, holder, MARKET)
            self.pool.join(meter, sender=grid.stranger)
        for person in (grid.alice, grid.bob, grid.operator):
            wei = grid.desk.etherFor(DEPOSIT)
            self.house.deposit(DEPOSIT, value=wei, sender=person)

    def open_slot(self) -> int:
        """A slot that takes orders for a while yet."""
        return (self.grid.chain.pending_timestamp + PLAN.gate_seconds) // SLOT_SECONDS + 3

    def place(self, meter: int, *orders: tuple[int, int, int, int]) -> list[int]:
        """Orders of (slot, side, tick, Wh); their numbers."""
        first = self.day_ahead.orderCount() + 1
        self.day_ahead.place(meter, orders, sender=self.holders[meter])
        return list(range(first, first + len(orders)))

    def clear(self, slot: int) -> None:
        """The gate closes, and a stranger clears."""
        self.until(self.day_ahead.gateClosesAt(slot))
        self.day_ahead.clear(slot, 2_001, sender=self.grid.stranger)

    def until(self, time: int) -> None:
        """Time passes."""
        if self.grid.chain.pending_timestamp < time:
            self.grid.chain.mine(timestamp=time)

    def finish(self, slot: int) -> None:
        """The slot passes and is committed; both are reported and settled by a stranger."""
        grid = self.grid
        self.until(slot * SLOT_SECONDS)
        assert grid.close_slot() == slot
        self.pool.report(slot, *grid.lines(slot, [HOUSE, ROOF]), sender=grid.stranger)
        self.pool.close(slot, sender=grid.stranger)
        self.pool.settle(slot, [HOUSE, ROOF], sender=grid.stranger)

    def wealth(self, person: Any) -> int:
        """Free and locked INR."""
        return int(self.house.balanceOf(person) + self.house.lockedOf(person))


@pytest.fixture
def members(grid: Microgrid) -> Members:
    return Members(grid)
