"""A price node's price, with everything it follows from.

The operator's best price (stackelberg.py) for what the homes are expected to draw less what the sun
gives, at what a kWh costs the operator now: what the main grid pays for one where the bank is full,
what it charges where the bank is empty, in between by the charge; and never less than what is bid
for it, up to the grid's price, as a kWh sold cheaper is one that a bidder would have paid more for.
"""

from __future__ import annotations

from dataclasses import dataclass

from backend.pricing.bounds import (
    MAX_PRICE_MICRO_INR_PER_KWH,
    PriceBounds,
    PriceError,
    require_range,
)
from backend.pricing.demand_estimator import EstimatorSettings
from backend.pricing.local import MAX_BASE_MICRO_INR_PER_KWH, MAX_POWER_W, local_price
from backend.pricing.stackelberg import DemandModel, LeaderProblem

_FULL_BPS = 10_000
_PER_MILLE = 1000
_MILLI = 1000
_MAX_W = 10**9


@dataclass(frozen=True, slots=True)
class OpinionSettings:
    """What a price is formed by; prices in micro-rupees per kWh.

    Args:
        base: the local formula's price at 5 kW of demand and of sun.
        grid_import: what the main grid charges for a kWh, l_b.
        grid_export: what it pays for one, l_s; at most `grid_import`.
        stability_permille: weight of staying near recent prices (gamma), in thousandths of beta.
        bounds: the tariff's.

    Raises:
        PriceError: a field is out of range.
    """

    base: int
    grid_import: int
    grid_export: int
    stability_permille: int
    bounds: PriceBounds

    def __post_init__(self) -> None:
        require_range("base", self.base, 0, MAX_BASE_MICRO_INR_PER_KWH)
        require_range("grid_import", self.grid_import, 0, MAX_PRICE_MICRO_INR_PER_KWH)
        require_range("stability_permille", self.stability_permille, 0, 1_000_000)
        if not 0 <= self.grid_export <= self.grid_import:
            raise PriceError(
                f"grid_export: {self.grid_export} must be 0 or more and at most grid_import,"
                f" {self.grid_import}"
            )


@dataclass(frozen=True, slots=True)
class PriceInputs:
    """What a node sees.

    Args:
        demand_w: power that homes draw from the pool.
        renewable_w: power that roofs and generators give it.
        soc_bps: the bank's charge in 0.01 %; None = there is none.
        bid_micro_inr_per_kwh: mean of what is bid for coming energy; None = no bids.
        average_micro_inr_per_kwh: p_avg, mean of recent prices.
    """

    demand_w: int
    renewable_w: int
    soc_bps: int | None
    bid_micro_inr_per_kwh: int | None
    average_micro_inr_per_kwh: int

    def __post_init__(self) -> None:
        require_range("demand_w", self.demand_w, 0, _MAX_W)
        require_range("renewable_w", self.renewable_w, 0, _MAX_W)
        if self.soc_bps is not None:
            require_range("soc_bps", self.soc_bps, 0, _FULL_BPS)
        if self.bid_micro_inr_per_kwh is not None:
            top = MAX_PRICE_MICRO_INR_PER_KWH
            require_range("bid_micro_inr_per_kwh", self.bid_micro_inr_per_kwh, 0, top)


@dataclass(frozen=True, slots=True)
class Learned:
    """What a learned agent had to say where a node asked one, micro-rupees per kWh.

    Attributes:
        reason: why it may speak, or why it may not and the closed form does.
        closed_form: the closed form's price, within the bounds.
        price: the agent's; None if it may not speak.
        price_before: from which it moved.
        seen: what its network saw, each around -1..1.
    """

    reason: str
    closed_form: int
    price: int | None
    price_before: int | None
    seen: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Opinion:
    """A price and its terms, micro-rupees per kWh; the demand model's in mW and mW per rupee.

    Attributes:
        local: what the local formula says, for comparison.
        cost: c, what a kWh costs the operator.
        gamma_milliwatt_per_inr: weight of stability.
        net_demand: how homes answer to the price, less the sun.
        unbounded: the best price before the tariff's bounds.
        price: within them; the learned agent's where it spoke.
        learned: the agent's part; None where the node asks none.
    """

    inputs: PriceInputs
    demand: DemandModel
    net_demand: DemandModel
    local: int
    cost: int
    gamma_milliwatt_per_inr: int
    unbounded: int
    price: int
    learned: Learned | None = None


def form_price(inputs: PriceInputs, demand: DemandModel, settings: OpinionSettings) -> Opinion:
    """The price for what is seen.

    Args:
        demand: how homes answer to the price, as learned.

    Raises:
        PriceError: no price is best (demand ignores the price and stability has no weight).
    """
    cost = cost_down(inputs, settings)
    beta = demand.beta_milliwatt_per_inr
    gamma = beta * settings.stability_permille // _PER_MILLE
    left = max(0, demand.alpha_milliwatt - inputs.renewable_w * _MILLI)
    net = DemandModel(left, beta)
    problem = LeaderProblem(net, cost, inputs.average_micro_inr_per_kwh, gamma, settings.bounds)
    return Opinion(
        inputs=inputs,
        demand=demand,
        net_demand=net,
        local=local_price(
            settings.base,
            min(inputs.demand_w, MAX_POWER_W),
            min(inputs.renewable_w, MAX_POWER_W),
            settings.bounds,
        ),
        cost=cost,
        gamma_milliwatt_per_inr=gamma,
        unbounded=problem.price_unbounded_nearest(),
        price=problem.price(),
    )


def cost_down(inputs: PriceInputs, settings: OpinionSettings) -> int:
    """What a kWh costs the operator, micro-rupees, rounded down."""
    empty_bps = _FULL_BPS if inputs.soc_bps is None else _FULL_BPS - inputs.soc_bps
    spread = settings.grid_import - settings.grid_export
    cost = settings.grid_export + spread * empty_bps // _FULL_BPS
    bid = inputs.bid_micro_inr_per_kwh
    return cost if bid is None else max(cost, min(bid, settings.grid_import))


def first_guess(price_micro_inr_per_kwh: int, demand_w: int) -> EstimatorSettings:
    """How a demand estimator begins, from the first price and demand seen.

    Demand is taken to fall by 1.5 % where the price rises by 1 %; what is learned stays between
    half and twice that slope, and the guess counts for eight observations.

    Raises:
        PriceError: price or demand is not positive.
    """
    require_range(
        "price_micro_inr_per_kwh", price_micro_inr_per_kwh, 1, MAX_PRICE_MICRO_INR_PER_KWH
    )
    require_range("demand_w", demand_w, 1, _MAX_W)
    beta = max(2, demand_w * _MILLI * 1_500_000 // price_micro_inr_per_kwh)
    alpha = demand_w * _MILLI + beta * price_micro_inr_per_kwh // 1_000_000
    return EstimatorSettings(
        guess=DemandModel(alpha, beta),
        typical_price_micro_inr_per_kwh=price_micro_inr_per_kwh,
        prior_weight=8.0,
        forgetting=0.98,
        beta_lowest_milliwatt_per_inr=beta // 2,
        beta_highest_milliwatt_per_inr=2 * beta,
    )
