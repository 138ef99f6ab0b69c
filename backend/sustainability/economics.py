"""What an investment is worth and what its energy costs: NPV and LCOE (spec 7.4). Pure, exact.

Money in micro-rupees, energy in Wh, rates in millionths a year. Sums are kept as fractions and
rounded once, against the investment: worth down, cost up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class Investment:
    """A plant as its owner sees it.

    Args:
        cost_micro_inr: paid at the beginning
        yearly_cost_micro_inr: paid at the end of each year
        first_year_wh: yield of the first year
        decline_ppm: by how much the yield falls from year to year
        years: how long it lasts
        value_micro_inr_per_kwh: what a kWh saves or earns
        discount_ppm: interest a year
    """

    cost_micro_inr: int
    yearly_cost_micro_inr: int
    first_year_wh: int
    decline_ppm: int
    years: int
    value_micro_inr_per_kwh: int
    discount_ppm: int


def npv_micro_inr_down(flows_micro_inr: Sequence[int], discount_ppm: int) -> int:
    """Net present value of flows at the ends of years 0, 1, 2, ...: sum of flow / (1 + r)^t."""
    return floor(_present(flows_micro_inr, discount_ppm))


def lcoe_micro_inr_per_kwh_up(
    costs_micro_inr: Sequence[int], energy_wh: Sequence[int], discount_ppm: int
) -> int:
    """Levelised cost: discounted costs over discounted energy, both by year from year 0.

    Raises:
        ValueError: no energy.
    """
    energy = _present(energy_wh, discount_ppm)
    if energy <= 0:
        raise ValueError("a plant without yield has no cost of energy")
    return ceil(_present(costs_micro_inr, discount_ppm) * 1000 / energy)


def yields_wh_down(investment: Investment) -> list[int]:
    """Energy by year; year 0 is the beginning, without any."""
    found, energy = [0], investment.first_year_wh
    for _ in range(investment.years):
        found.append(energy)
        energy = energy * (PPM - investment.decline_ppm) // PPM
    return found


def worth(investment: Investment, grant_micro_inr: int = 0) -> tuple[int, int]:
    """NPV in micro-rupees and LCOE in micro-rupees per kWh, with a grant at the beginning.

    Raises:
        ValueError: the plant yields nothing.
    """
    energy = yields_wh_down(investment)
    costs = [investment.cost_micro_inr - grant_micro_inr]
    costs += [investment.yearly_cost_micro_inr] * investment.years
    value = investment.value_micro_inr_per_kwh
    flows = [wh * value // 1000 - cost for wh, cost in zip(energy, costs, strict=True)]
    rate = investment.discount_ppm
    return npv_micro_inr_down(flows, rate), lcoe_micro_inr_per_kwh_up(costs, energy, rate)


def _present(amounts: Sequence[int], discount_ppm: int) -> Fraction:
    """Horner's rule from the last year back: exact, and without powers."""
    factor, total = Fraction(PPM, PPM + discount_ppm), Fraction(0)
    for amount in reversed(amounts):
        total = total * factor + amount
    return total
