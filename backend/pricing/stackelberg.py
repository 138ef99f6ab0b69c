"""The operator's price: leader of a Stackelberg game against homes that answer with their demand.

Demand follows q(p) = alpha - beta p. The operator maximises

    (p - c) q(p) - gamma (p - p_avg)^2

whose best price is p* = (alpha + beta c + 2 gamma p_avg) / (2 (beta + gamma)): the monopolist's
(alpha / beta + c) / 2 when gamma is 0, and p_avg, the price people are used to, as gamma grows.
The objective falls evenly on both sides of p*, so the nearest whole micro-rupee is the best
integer, and beyond a bound the bound is best.
"""

from __future__ import annotations

from dataclasses import dataclass

from backend.pricing.bounds import (
    MAX_PRICE_MICRO_INR_PER_KWH,
    PriceBounds,
    PriceError,
    require_range,
)

_MICRO = 1_000_000
_MAX_PARAMETER = 2**63 - 1


@dataclass(frozen=True, slots=True)
class DemandModel:
    """q(p) = alpha - beta p.

    Args:
        alpha_milliwatt: demand if power were free, mW.
        beta_milliwatt_per_inr: by how much demand falls per Rs 1/kWh, mW.

    Raises:
        PriceError: a parameter is negative.
    """

    alpha_milliwatt: int
    beta_milliwatt_per_inr: int

    def __post_init__(self) -> None:
        require_range("alpha_milliwatt", self.alpha_milliwatt, 0, _MAX_PARAMETER)
        require_range("beta_milliwatt_per_inr", self.beta_milliwatt_per_inr, 0, _MAX_PARAMETER)

    def demand_down_milliwatt(self, price_micro_inr_per_kwh: int) -> int:
        """Demand at a price, mW, rounded down; never negative."""
        scaled = self.alpha_milliwatt * _MICRO - (
            self.beta_milliwatt_per_inr * price_micro_inr_per_kwh
        )
        return max(0, scaled // _MICRO)


@dataclass(frozen=True, slots=True)
class LeaderProblem:
    """Everything the operator's price follows from; kept beside it, it explains it.

    Args:
        demand: how homes answer.
        cost_micro_inr_per_kwh: c, what the operator pays for a kWh.
        average_micro_inr_per_kwh: p_avg, mean of recent prices.
        gamma_milliwatt_per_inr: weight of stability, in beta's unit; 0 = none.
        bounds: the tariff's.

    Raises:
        PriceError: a field is out of range, or demand ignores the price and stability has no
            weight, so that no price is best.
    """

    demand: DemandModel
    cost_micro_inr_per_kwh: int
    average_micro_inr_per_kwh: int
    gamma_milliwatt_per_inr: int
    bounds: PriceBounds

    def __post_init__(self) -> None:
        top = MAX_PRICE_MICRO_INR_PER_KWH
        require_range("cost_micro_inr_per_kwh", self.cost_micro_inr_per_kwh, 0, top)
        require_range("average_micro_inr_per_kwh", self.average_micro_inr_per_kwh, 0, top)
        require_range("gamma_milliwatt_per_inr", self.gamma_milliwatt_per_inr, 0, _MAX_PARAMETER)
        if self.demand.beta_milliwatt_per_inr + self.gamma_milliwatt_per_inr == 0:
            raise PriceError(
                "beta_milliwatt_per_inr: 0 with gamma_milliwatt_per_inr 0 has no best price;"
                " give one of them a positive value"
            )

    def objective(self, price_micro_inr_per_kwh: int) -> int:
        """What is maximised, exact, in mW x micro-rupees per kWh x 1e-6."""
        price, demand = price_micro_inr_per_kwh, self.demand
        scaled = demand.alpha_milliwatt * _MICRO - demand.beta_milliwatt_per_inr * price
        off = price - self.average_micro_inr_per_kwh
        return (price - self.cost_micro_inr_per_kwh) * scaled - (
            self.gamma_milliwatt_per_inr * off * off
        )

    def price_unbounded_nearest(self) -> int:
        """p*, rounded to the nearest micro-rupee per kWh (halves up)."""
        alpha, beta = self.demand.alpha_milliwatt, self.demand.beta_milliwatt_per_inr
        gamma = self.gamma_milliwatt_per_inr
        above = (
            alpha * _MICRO
            + beta * self.cost_micro_inr_per_kwh
            + 2 * gamma * self.average_micro_inr_per_kwh
        )
        below = 2 * (beta + gamma)
        return (2 * above + below) // (2 * below)

    def price(self) -> int:
        """The operator's price, micro-rupees per kWh: p* or the bound it is beyond."""
        return self.bounds.clip(self.price_unbounded_nearest())
