"""The operator's pricing as a game of steps: what a learned price agent plays, and is judged by.

A slot's demand answers to its price as in the Stackelberg model, q(p) = alpha - beta p + noise,
where alpha follows a replayed day and beta drifts. Sun comes first, then the battery, then the main
grid. The score of a slot is the leader's objective over the slot,

    revenue - what the energy cost - gamma (p - p_avg)^2 x hours

where sun costs the buy-back price when it is used or stored, and the grid its retail price; with
one price c for all energy this is (p - c) q(p) - gamma (p - p_avg)^2. A step function of its
arguments: what the day brings, noise included, is handed in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from backend.pricing.bounds import (
    MAX_PRICE_MICRO_INR_PER_KWH,
    PriceBounds,
    PriceError,
    require_range,
)

_SECONDS_PER_HOUR = 3600
_MICRO = 10**6
_WH_PER_KWH = 1000
_MAX_POWER_W = 10**9
_MAX_ENERGY_WH = 10**12


@dataclass(frozen=True, slots=True)
class Storage:
    """A battery bank.

    Args:
        capacity_wh: when full.
        reserve_wh: what is never given to the homes; at most the capacity.
        max_power_w: either way.
        efficiency_pm: of charging and discharging together, thousandths; lost when charging.

    Raises:
        PriceError: a field is out of range.
    """

    capacity_wh: int
    reserve_wh: int
    max_power_w: int
    efficiency_pm: int

    def __post_init__(self) -> None:
        require_range("capacity_wh", self.capacity_wh, 0, _MAX_ENERGY_WH)
        require_range("reserve_wh", self.reserve_wh, 0, self.capacity_wh)
        require_range("max_power_w", self.max_power_w, 0, _MAX_POWER_W)
        require_range("efficiency_pm", self.efficiency_pm, 1, 1000)


@dataclass(frozen=True, slots=True)
class PricingRules:
    """What stays the same from slot to slot.

    Args:
        bounds: the tariff's.
        max_step_micro_inr_per_kwh: most that the price may move from one slot to the next.
        reference_micro_inr_per_kwh: the price at which homes draw what was replayed.
        gamma_milliwatt_per_inr: weight of stability, as in LeaderProblem.
        average_slots: p_avg forgets a price over so many slots.
        buyback_micro_inr_per_kwh: what sun costs and what the grid pays.
        retail_micro_inr_per_kwh: what the grid takes; at least the buy-back.
        storage: the battery bank.
        slot_seconds: how long a price holds.

    Raises:
        PriceError: a field is out of range.
    """

    bounds: PriceBounds
    max_step_micro_inr_per_kwh: int
    reference_micro_inr_per_kwh: int
    gamma_milliwatt_per_inr: int
    average_slots: int
    buyback_micro_inr_per_kwh: int
    retail_micro_inr_per_kwh: int
    storage: Storage
    slot_seconds: int

    def __post_init__(self) -> None:
        top = MAX_PRICE_MICRO_INR_PER_KWH
        require_range("max_step_micro_inr_per_kwh", self.max_step_micro_inr_per_kwh, 1, top)
        require_range("gamma_milliwatt_per_inr", self.gamma_milliwatt_per_inr, 0, 2**63 - 1)
        require_range("average_slots", self.average_slots, 1, 2**31 - 1)
        require_range("buyback_micro_inr_per_kwh", self.buyback_micro_inr_per_kwh, 0, top)
        require_range(
            "retail_micro_inr_per_kwh",
            self.retail_micro_inr_per_kwh,
            self.buyback_micro_inr_per_kwh,
            top,
        )
        require_range("slot_seconds", self.slot_seconds, 1, 86_400)
        if self.reference_micro_inr_per_kwh not in self.bounds:
            raise PriceError(
                f"reference_micro_inr_per_kwh: {self.reference_micro_inr_per_kwh} is not within"
                f" the bounds, {self.bounds.lowest}..{self.bounds.highest}"
            )


@dataclass(frozen=True, slots=True)
class SlotConditions:
    """What a slot brings, whatever the price.

    Args:
        reference_demand_w: what homes draw at the reference price, W.
        solar_w: what the sun gives, W.
        beta_milliwatt_per_inr: by how much demand falls per Rs 1/kWh in this slot, mW.
        noise_w: what demand is off by chance, W; may be negative.
    """

    reference_demand_w: int
    solar_w: int
    beta_milliwatt_per_inr: int
    noise_w: int


@dataclass(frozen=True, slots=True)
class PricingState:
    """What whoever sets the price knows before a slot.

    Attributes:
        slot_of_day: of the slot to be priced, from 0 at midnight.
        demand_w: drawn in the slot before, W.
        solar_w: given by the sun in the slot before, W.
        charge_wh: in the battery now.
        price_micro_inr_per_kwh: in force in the slot before.
        average_micro_inr_per_kwh: p_avg, mean of recent prices.
        energy_cost_micro_inr_per_kwh: what a kWh used in the slot before cost, on average.
        last_kwh_cost_micro_inr_per_kwh: what one more would have cost in it.
    """

    slot_of_day: int
    demand_w: int
    solar_w: int
    charge_wh: int
    price_micro_inr_per_kwh: int
    average_micro_inr_per_kwh: int
    energy_cost_micro_inr_per_kwh: int
    last_kwh_cost_micro_inr_per_kwh: int


@dataclass(frozen=True, slots=True)
class SlotOutcome:
    """What came of a price.

    Attributes:
        price_micro_inr_per_kwh: in force: what was asked for, within step and bounds.
        demand_w: drawn under it, W.
        grid_import_wh: bought from the main grid.
        grid_export_wh: sold to it.
        margin_micro_inr: revenue less the cost of energy, rounded down.
        instability_micro_inr: gamma (p - p_avg)^2 over the slot, rounded up.
    """

    price_micro_inr_per_kwh: int
    demand_w: int
    grid_import_wh: int
    grid_export_wh: int
    margin_micro_inr: int
    instability_micro_inr: int

    @property
    def score_micro_inr(self) -> int:
        """What a policy is judged by."""
        return self.margin_micro_inr - self.instability_micro_inr


def first_state(
    rules: PricingRules, slot_of_day: int, demand_w: int, charge_wh: int
) -> PricingState:
    """Before the first slot: the reference price was in force, and the grid supplied."""
    price, retail = rules.reference_micro_inr_per_kwh, rules.retail_micro_inr_per_kwh
    return PricingState(slot_of_day, demand_w, 0, charge_wh, price, price, retail, retail)


def step(
    rules: PricingRules,
    state: PricingState,
    conditions: SlotConditions,
    wanted_micro_inr_per_kwh: int,
) -> tuple[PricingState, SlotOutcome]:
    """One slot under a price.

    Args:
        rules: of the game.
        state: before the slot.
        conditions: what the slot brings.
        wanted_micro_inr_per_kwh: the price asked for; the one in force is as near to it as the
            largest step and the bounds allow.
    """
    last, most = state.price_micro_inr_per_kwh, rules.max_step_micro_inr_per_kwh
    price = rules.bounds.clip(min(max(wanted_micro_inr_per_kwh, last - most), last + most))
    demand_w = _demand_w(rules, conditions, price)
    flow = _flow(rules, state.charge_wh, demand_w, conditions.solar_w)
    energy_cost = (
        flow.imported_wh * rules.retail_micro_inr_per_kwh
        + (flow.sun_wh - flow.exported_wh - flow.charge_gained_wh) * rules.buyback_micro_inr_per_kwh
    )
    margin = (flow.used_wh * price - energy_cost) // _WH_PER_KWH
    off = price - state.average_micro_inr_per_kwh
    instability = -(
        -rules.gamma_milliwatt_per_inr
        * off
        * off
        * rules.slot_seconds
        // (_MICRO * _MICRO * _SECONDS_PER_HOUR)
    )
    after = replace(
        state,
        slot_of_day=(state.slot_of_day + 1) % (86_400 // rules.slot_seconds),
        demand_w=demand_w,
        solar_w=conditions.solar_w,
        charge_wh=state.charge_wh + flow.charge_gained_wh,
        price_micro_inr_per_kwh=price,
        average_micro_inr_per_kwh=state.average_micro_inr_per_kwh + off // rules.average_slots,
        energy_cost_micro_inr_per_kwh=min(
            energy_cost // flow.used_wh, rules.retail_micro_inr_per_kwh
        )
        if flow.used_wh
        else state.energy_cost_micro_inr_per_kwh,
        last_kwh_cost_micro_inr_per_kwh=rules.retail_micro_inr_per_kwh
        if flow.imported_wh
        else rules.buyback_micro_inr_per_kwh,
    )
    return after, SlotOutcome(
        price, demand_w, flow.imported_wh, flow.exported_wh, margin, instability
    )


def _demand_w(rules: PricingRules, conditions: SlotConditions, price: int) -> int:
    """q(p) to the nearest W below, never negative."""
    dearer = price - rules.reference_micro_inr_per_kwh
    answer_w = conditions.beta_milliwatt_per_inr * dearer // (1000 * _MICRO)
    return max(0, conditions.reference_demand_w - answer_w + conditions.noise_w)


@dataclass(frozen=True, slots=True)
class _Flow:
    """Energy of a slot, Wh: used = sun - exported + imported - charge gained - lost."""

    used_wh: int
    sun_wh: int
    imported_wh: int
    exported_wh: int
    charge_gained_wh: int


def _flow(rules: PricingRules, charge_wh: int, demand_w: int, solar_w: int) -> _Flow:
    """Sun to the homes, what is over into the battery and then the grid; the other way round."""
    storage, seconds = rules.storage, rules.slot_seconds
    used, sun = (watts * seconds // _SECONDS_PER_HOUR for watts in (demand_w, solar_w))
    most = storage.max_power_w * seconds // _SECONDS_PER_HOUR
    if sun >= used:
        room = (storage.capacity_wh - charge_wh) * 1000 // storage.efficiency_pm
        taken = min(sun - used, most, room)
        return _Flow(used, sun, 0, sun - used - taken, taken * storage.efficiency_pm // 1000)
    given = min(used - sun, most, max(0, charge_wh - storage.reserve_wh))
    return _Flow(used, sun, used - sun - given, 0, -given)
