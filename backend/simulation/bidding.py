"""What households hand in: one order a slot, for what they expect, at a limit of their own.

Without a market a household pays the retail price and gets the buy-back price, so no bid is above
the one and no offer below the other. How much of the way from there to the other end a household
holds back is drawn anew for each slot, between nothing and `held_back_percent`. At 0 everybody
would trade at anything better than the grid; at 50 a bid and an offer always meet; at 100 limits
are anywhere in between, as of traders who know nothing but their own bound.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.market import GridTerms, MarketError, OrderBook, Side, TickGrid
from backend.simulation.neighbourhood import Integers, Neighbourhood, SimulationError

_SECONDS_OPEN = 3600
_PARTS = 2**20


@dataclass(frozen=True, slots=True)
class Bidding:
    """How households bid.

    Args:
        grid: what the main grid pays and takes; limits lie between.
        ticks: the prices that orders may have.
        held_back_percent: 0..100, see above.
        seed: of limits and of the order in which orders arrive; 0 or more.

    Raises:
        SimulationError: a field is out of range, or the grid's prices are not on a tick.
    """

    grid: GridTerms
    ticks: TickGrid
    held_back_percent: int
    seed: int

    def __post_init__(self) -> None:
        if not 0 <= self.held_back_percent <= 100:
            raise SimulationError(f"held_back_percent: {self.held_back_percent} is not in 0..100")
        if self.seed < 0:
            raise SimulationError(f"seed: {self.seed} is negative")
        for name in ("buyback_micro_inr_per_kwh", "retail_micro_inr_per_kwh"):
            try:
                self.ticks.tick(getattr(self.grid, name))
            except MarketError as error:
                raise SimulationError(f"ticks: {name} must be one of them ({error})") from error


def orders_of_slot(
    neighbourhood: Neighbourhood, slot: int, expected_wh: Integers, bidding: Bidding
) -> OrderBook:
    """The book of a slot.

    Limits and times are drawn for everybody, whether or not there is an order, so that two
    strategies and two forecasts meet the same people.

    Args:
        neighbourhood: who may bid.
        slot: the delivery slot.
        expected_wh: what each household expects to give (negative: take), by ascending party id.
        bidding: the rules.
    """
    count = len(neighbourhood.households)
    random = np.random.default_rng((bidding.seed, slot))
    held_back = random.integers(0, _PARTS, count) * bidding.held_back_percent
    placed_at = random.integers(0, _SECONDS_OPEN, count)
    low = bidding.ticks.tick(bidding.grid.buyback_micro_inr_per_kwh)
    high = bidding.ticks.tick(bidding.grid.retail_micro_inr_per_kwh)
    steps = (high - low) * held_back // (100 * _PARTS)
    tick = np.where(expected_wh > 0, low + steps, high - steps)
    price = bidding.ticks.min_price_micro_inr_per_kwh + tick * bidding.ticks.step_micro_inr_per_kwh
    rows = np.flatnonzero(expected_wh)
    party = np.array([household.party_id for household in neighbourhood.households])[rows]
    side = np.where(expected_wh[rows] > 0, np.int64(Side.OFFER), np.int64(Side.BID))
    return OrderBook(party, party, side, price[rows], np.abs(expected_wh[rows]), placed_at[rows])
