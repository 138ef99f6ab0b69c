"""The real-time pool: what was not traded ahead, at prices set by the supply/demand ratio R.

With the grid's buy-back price l_s and retail price l_b, energies in Wh and prices per kWh:

    R = 0      p_sell = p_buy = l_b
    0 < R < 1  p_sell = l_s l_b / ((l_b - l_s) R + l_s)    p_buy = p_sell R + l_b (1 - R)
    R >= 1     p_sell = p_buy = l_s

What buyers pay is what sellers get and the grid gets; what the grid pays for a surplus goes to the
sellers. All of it is integers: with R = S/D, p_sell = l_s l_b D / ((l_b - l_s) S + l_s D) exactly.
Totals are rounded once; each side's total is shared out so that the shares add up to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from backend.market.money import cost_up, proceeds_down
from backend.market.orders import MAX_PRICE_MICRO_INR_PER_KWH, MarketError, require_range
from backend.market.proration import share_cumulative_down, share_cumulative_up

_WH_PER_KWH = 1000


@dataclass(frozen=True, slots=True)
class GridTerms:
    """What the main grid pays and takes.

    Args:
        buyback_micro_inr_per_kwh: paid to the pool for its surplus.
        retail_micro_inr_per_kwh: taken from the pool for its shortfall; at least the buy-back.

    Raises:
        MarketError: a price is out of range, or the grid would pay more than it takes.
    """

    buyback_micro_inr_per_kwh: int
    retail_micro_inr_per_kwh: int

    def __post_init__(self) -> None:
        top = MAX_PRICE_MICRO_INR_PER_KWH
        require_range("buyback_micro_inr_per_kwh", self.buyback_micro_inr_per_kwh, 0, top)
        require_range("retail_micro_inr_per_kwh", self.retail_micro_inr_per_kwh, 0, top)
        if self.retail_micro_inr_per_kwh < self.buyback_micro_inr_per_kwh:
            raise MarketError(
                f"retail_micro_inr_per_kwh: {self.retail_micro_inr_per_kwh} is below the"
                f" buy-back price {self.buyback_micro_inr_per_kwh}"
            )


@dataclass(frozen=True, slots=True)
class PoolPrices:
    """Exact prices, micro-rupees per kWh. `sell_down` and `buy_up` are for showing."""

    sell: Fraction
    buy: Fraction

    @property
    def sell_down(self) -> int:
        """What a seller gets per kWh, rounded down."""
        return self.sell.numerator // self.sell.denominator

    @property
    def buy_up(self) -> int:
        """What a buyer pays per kWh, rounded up."""
        return -(-self.buy.numerator // self.buy.denominator)


def pool_prices(supply_wh: int, demand_wh: int, grid: GridTerms) -> PoolPrices:
    """The pool's prices for a slot.

    With neither supply nor demand R has no value; the prices are then what the next to come alone
    would meet: a seller the buy-back, a buyer the retail price.

    Raises:
        MarketError: an energy is negative.
    """
    if supply_wh < 0 or demand_wh < 0:
        raise MarketError(f"supply_wh {supply_wh}, demand_wh {demand_wh}: must not be negative")
    low = Fraction(grid.buyback_micro_inr_per_kwh)
    high = Fraction(grid.retail_micro_inr_per_kwh)
    if supply_wh == 0:
        return PoolPrices(low if demand_wh == 0 else high, high)
    if supply_wh >= demand_wh:
        return PoolPrices(low, low)
    if low == 0:
        sell = low  # also where the formula's denominator is 0: a free grid
    else:
        sell = low * high * demand_wh / ((high - low) * supply_wh + low * demand_wh)
    ratio = Fraction(supply_wh, demand_wh)
    return PoolPrices(sell, sell * ratio + high * (1 - ratio))


@dataclass(frozen=True, slots=True)
class Imbalance:
    """What a party brings to the pool in a slot.

    Args:
        party_id: who; once per slot.
        surplus_wh: Wh sold in the pool; negative = a shortfall, bought in the pool.
    """

    party_id: int
    surplus_wh: int


def imbalance(
    party_id: int, *, exported_wh: int, imported_wh: int, sold_wh: int, bought_wh: int
) -> Imbalance:
    """A party's metered delivery of a slot against its day-ahead position.

    Args:
        party_id: who.
        exported_wh, imported_wh: what the party's own registers grew by in the slot.
        sold_wh, bought_wh: what it had sold and bought ahead for the slot.

    Raises:
        MarketError: an energy is negative; a register that steps back is never booked.
    """
    given = {
        "exported_wh": exported_wh,
        "imported_wh": imported_wh,
        "sold_wh": sold_wh,
        "bought_wh": bought_wh,
    }
    for name, value in given.items():
        if value < 0:
            raise MarketError(f"{name}: {value} of party {party_id} is negative")
    return Imbalance(party_id, (exported_wh - imported_wh) - (sold_wh - bought_wh))


@dataclass(frozen=True, slots=True)
class PoolPayment:
    """What a party gets from the pool (negative: pays into it), micro-rupees."""

    party_id: int
    surplus_wh: int
    received_micro_inr: int


@dataclass(frozen=True, slots=True)
class PoolSettlement:
    """A settled slot: the parties' payments and the grid's add up to 0 exactly.

    Attributes:
        prices: of the slot.
        payments: one per party, by ascending id.
        grid_import_wh: the pool's shortfall, bought from the grid.
        grid_export_wh: the pool's surplus, sold to the grid.
        grid_received_micro_inr: what the grid gets; negative if it pays.
    """

    prices: PoolPrices
    payments: tuple[PoolPayment, ...]
    grid_import_wh: int
    grid_export_wh: int
    grid_received_micro_inr: int


def settle_pool(imbalances: Sequence[Imbalance], grid: GridTerms) -> PoolSettlement:
    """Settles a slot.

    Each party's payment is within two micro-rupees of its energy times the exact price: one for
    the rounding of the total (sellers' down, the grid's as `grid_received` says), one for the
    share. Shares run by ascending party id, so input order does not matter.

    Raises:
        MarketError: a party is given twice.
    """
    parties = sorted(imbalances, key=lambda party: party.party_id)
    for before, after in pairwise(parties):
        if before.party_id == after.party_id:
            raise MarketError(f"party_id: {after.party_id} is given twice; add its meters up first")
    sold = [max(0, party.surplus_wh) for party in parties]
    bought = [max(0, -party.surplus_wh) for party in parties]
    supply_wh, demand_wh = sum(sold), sum(bought)
    prices = pool_prices(supply_wh, demand_wh, grid)
    buyers, sellers, grid_received = _totals(supply_wh, demand_wh, prices, grid)
    payments = tuple(
        PoolPayment(party.party_id, party.surplus_wh, got - paid)
        for party, got, paid in zip(
            parties,
            share_cumulative_down(sellers, sold),
            share_cumulative_up(buyers, bought),
            strict=True,
        )
    )
    return PoolSettlement(
        prices,
        payments,
        max(0, demand_wh - supply_wh),
        max(0, supply_wh - demand_wh),
        grid_received,
    )


def _totals(
    supply_wh: int, demand_wh: int, prices: PoolPrices, grid: GridTerms
) -> tuple[int, int, int]:
    """(buyers pay, sellers get, grid gets), micro-rupees; the first is the sum of the others.

    The sellers of a short pool get their total rounded down and the grid's bill is rounded up;
    the buyers of a long pool pay theirs rounded up and what the grid pays is rounded down.
    """
    if supply_wh < demand_wh:
        sell = prices.sell
        sellers = supply_wh * sell.numerator // (sell.denominator * _WH_PER_KWH)
        grid_gets = cost_up(demand_wh - supply_wh, grid.retail_micro_inr_per_kwh)
        return sellers + grid_gets, sellers, grid_gets
    buyers = cost_up(demand_wh, grid.buyback_micro_inr_per_kwh)
    grid_pays = proceeds_down(supply_wh - demand_wh, grid.buyback_micro_inr_per_kwh)
    return buyers, buyers + grid_pays, -grid_pays
