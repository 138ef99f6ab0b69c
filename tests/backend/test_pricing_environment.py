"""The pricing game: energy and money add up, and its score is the Stackelberg objective."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from unhurried import unhurried

from backend.pricing import DemandModel, EstimatorSettings, LeaderProblem, PriceBounds, PriceError
from backend.pricing.environment import (
    PricingRules,
    PricingState,
    SlotConditions,
    Storage,
    first_state,
    step,
)
from backend.pricing.policies import ClosedFormPrice, ConstantPrice, CostRule, Replay

RUPEE = 1_000_000
BANK = Storage(capacity_wh=60_000, reserve_wh=6_000, max_power_w=20_000, efficiency_pm=922)
NO_BANK = Storage(0, 0, 0, 1000)
RULES = PricingRules(
    bounds=PriceBounds(4 * RUPEE, 10 * RUPEE),
    max_step_micro_inr_per_kwh=RUPEE // 2,
    reference_micro_inr_per_kwh=7 * RUPEE,
    gamma_milliwatt_per_inr=1_000_000,
    average_slots=96,
    buyback_micro_inr_per_kwh=3 * RUPEE,
    retail_micro_inr_per_kwh=7 * RUPEE,
    storage=BANK,
    slot_seconds=900,
)
FREE_HAND = replace(RULES, max_step_micro_inr_per_kwh=100 * RUPEE, bounds=PriceBounds(1, 2**32 - 1))

watts = st.integers(0, 50_000)
conditions = st.builds(
    SlotConditions, watts, watts, st.integers(0, 5_000_000), st.integers(-2000, 2000)
)
states = st.builds(
    lambda charge, price, average: replace(
        first_state(RULES, 0, 1000, charge),
        price_micro_inr_per_kwh=price,
        average_micro_inr_per_kwh=average,
    ),
    st.integers(0, BANK.capacity_wh),
    st.integers(RULES.bounds.lowest, RULES.bounds.highest),
    st.integers(RULES.bounds.lowest, RULES.bounds.highest),
)
wishes = st.integers(-20 * RUPEE, 30 * RUPEE)


@given(state=states, slot=conditions, wanted=wishes)
@unhurried
def test_energy_adds_up_and_the_battery_stays_within_itself(
    state: PricingState, slot: SlotConditions, wanted: int
) -> None:
    after, outcome = step(RULES, state, slot, wanted)
    used, sun = outcome.demand_w // 4, slot.solar_w // 4
    gained = after.charge_wh - state.charge_wh
    lost = sun + outcome.grid_import_wh - outcome.grid_export_wh - used - gained
    taken = max(0, gained) + lost
    assert 0 <= lost <= taken * 78 // 1000 + 1
    assert abs(gained) <= BANK.max_power_w // 4
    assert 0 <= after.charge_wh <= BANK.capacity_wh
    assert gained >= 0 or after.charge_wh >= BANK.reserve_wh
    assert not (outcome.grid_import_wh and outcome.grid_export_wh)
    # The grid serves only when neither sun nor battery can.
    assert not outcome.grid_import_wh or used > sun


@given(state=states, slot=conditions, wanted=wishes)
@unhurried
def test_the_price_keeps_to_the_bounds_and_the_step(
    state: PricingState, slot: SlotConditions, wanted: int
) -> None:
    after, outcome = step(RULES, state, slot, wanted)
    price = outcome.price_micro_inr_per_kwh
    assert price in RULES.bounds
    assert abs(price - state.price_micro_inr_per_kwh) <= RULES.max_step_micro_inr_per_kwh
    near = abs(wanted - state.price_micro_inr_per_kwh) <= RULES.max_step_micro_inr_per_kwh
    assert price == wanted or not near or wanted not in RULES.bounds
    assert after.price_micro_inr_per_kwh == price
    assert after.average_micro_inr_per_kwh in RULES.bounds
    assert outcome.instability_micro_inr >= 0


@given(state=states, slot=conditions, wanted=wishes)
@unhurried
def test_money_is_revenue_less_grid_and_sun_and_what_was_stored(
    state: PricingState, slot: SlotConditions, wanted: int
) -> None:
    after, outcome = step(RULES, state, slot, wanted)
    gained = after.charge_wh - state.charge_wh
    bought = 7 * outcome.grid_import_wh + 3 * (slot.solar_w // 4)
    kept = 3 * outcome.grid_export_wh + 3 * gained
    revenue = outcome.demand_w // 4 * outcome.price_micro_inr_per_kwh
    assert outcome.margin_micro_inr == (revenue - (bought - kept) * RUPEE) // 1000
    assert 3 * RUPEE <= after.last_kwh_cost_micro_inr_per_kwh <= 7 * RUPEE
    assert after.energy_cost_micro_inr_per_kwh <= 7 * RUPEE


@given(
    price=st.integers(4 * RUPEE, 9 * RUPEE),
    average=st.integers(4 * RUPEE, 9 * RUPEE),
    reference=st.integers(10_000, 50_000),
    beta=st.integers(0, 2_000_000),
)
@unhurried
def test_with_one_cost_of_energy_the_score_is_the_leaders_objective(
    price: int, average: int, reference: int, beta: int
) -> None:
    rules = replace(FREE_HAND, storage=NO_BANK, slot_seconds=3600)
    state = replace(first_state(rules, 0, 0, 0), average_micro_inr_per_kwh=average)
    _, outcome = step(rules, state, SlotConditions(reference, 0, beta, 0), price)
    problem = LeaderProblem(
        DemandModel(reference * 1000 + 7 * beta, beta), 7 * RUPEE, average, 1_000_000, rules.bounds
    )
    hour = problem.objective(price) / 10**12
    # Demand is rounded to a watt, money to a micro-rupee.
    assert abs(outcome.score_micro_inr - hour) <= abs(price - 7 * RUPEE) / 1000 + 3


@given(
    reference=st.integers(8000, 30_000),
    beta=st.integers(500_000, 3_000_000),
    average=st.integers(5 * RUPEE, 12 * RUPEE),
    other=st.integers(RUPEE, 30 * RUPEE),
)
@unhurried
def test_no_price_scores_better_in_a_slot_than_the_closed_form_that_knows_demand(
    reference: int, beta: int, average: int, other: int
) -> None:
    rules = replace(FREE_HAND, storage=NO_BANK, slot_seconds=3600)
    state = replace(first_state(rules, 0, 0, 0), average_micro_inr_per_kwh=average)
    model = DemandModel(reference * 1000 + 7 * beta, beta)
    best = LeaderProblem(model, 7 * RUPEE, average, 1_000_000, rules.bounds).price()
    # At a price at which nobody draws anything there is nothing to score.
    assume(min(model.demand_down_milliwatt(price) for price in (best, other)) > 0)
    slot = SlotConditions(reference, 0, beta, 0)
    scores = [step(rules, state, slot, price)[1].score_micro_inr for price in (best, other)]
    assert scores[0] >= scores[1] - 30_000  # a watt's rounding at Rs 30


def test_the_first_slots_of_a_day_by_hand() -> None:
    state = first_state(RULES, 95, 4000, 6_000)
    state, outcome = step(RULES, state, SlotConditions(4000, 0, 1_000_000, 200), 8 * RUPEE)
    # Half a rupee dearer: 500 W less. The battery is at its reserve, so the grid supplies.
    assert (outcome.price_micro_inr_per_kwh, outcome.demand_w) == (7_500_000, 3_700)
    assert (outcome.grid_import_wh, outcome.grid_export_wh) == (925, 0)
    assert outcome.margin_micro_inr == 925 * 500
    assert outcome.instability_micro_inr == 62_500  # 1 kW/Rs x (Rs 0.5)^2 x 0.25 h
    assert state.slot_of_day == 0
    assert state.average_micro_inr_per_kwh == 7 * RUPEE + 500_000 // 96
    state, outcome = step(RULES, state, SlotConditions(4000, 12_000, 1_000_000, 0), 7 * RUPEE)
    # 3 kWh of sun, 1 kWh used; of the 2 kWh over the battery keeps 1 844 Wh.
    assert (outcome.demand_w, state.charge_wh) == (4000, 7_844)
    assert (outcome.grid_import_wh, outcome.grid_export_wh) == (0, 0)
    assert outcome.margin_micro_inr == (7000 - 3 * (3000 - 1844)) * 1000
    assert state.last_kwh_cost_micro_inr_per_kwh == 3 * RUPEE


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_step_micro_inr_per_kwh", 0),
        ("reference_micro_inr_per_kwh", 11 * RUPEE),
        ("gamma_milliwatt_per_inr", -1),
        ("average_slots", 0),
        ("buyback_micro_inr_per_kwh", -1),
        ("retail_micro_inr_per_kwh", 3 * RUPEE - 1),
        ("slot_seconds", 0),
    ],
)
def test_rules_that_cannot_be_are_refused(field: str, value: int) -> None:
    wrong: dict[str, Any] = {field: value}
    with pytest.raises(PriceError, match=f"^{field}: {value} "):
        replace(RULES, **wrong)


@pytest.mark.parametrize(
    ("field", "value"),
    [("capacity_wh", -1), ("reserve_wh", 60_001), ("max_power_w", -1), ("efficiency_pm", 1001)],
)
def test_a_battery_that_cannot_be_is_refused(field: str, value: int) -> None:
    wrong: dict[str, Any] = {field: value}
    with pytest.raises(PriceError, match=f"{field}: {value} "):
        replace(BANK, **wrong)


# ---- policies


def evening(slots: int, beta: int = 1_500_000) -> list[SlotConditions]:
    return [SlotConditions(8000, 0, beta, 0)] * slots


def test_a_constant_price_is_reached_step_by_step() -> None:
    replay = Replay(RULES, first_state(RULES, 0, 8000, 6000), ConstantPrice(8 * RUPEE + 1))
    score = replay.over(evening(4))
    prices = [outcome.price_micro_inr_per_kwh for outcome in replay.outcomes]
    assert prices == [7_500_000, 8_000_000, 8_000_001, 8_000_001]
    assert score == sum(outcome.score_micro_inr for outcome in replay.outcomes)


@pytest.mark.parametrize("cost", CostRule)
def test_the_closed_form_settles_at_the_best_price_of_a_steady_evening(cost: CostRule) -> None:
    # A price at rest does not tell level from slope, so the guess is the truth.
    guess = DemandModel(18_500_000, 1_500_000)
    settings = EstimatorSettings(guess, 7 * RUPEE, 1, 0.9, 100_000, 5_000_000)
    policy = ClosedFormPrice.at_start(RULES, settings, cost)
    replay = Replay(RULES, first_state(RULES, 0, 8000, 6000), policy)
    replay.over(evening(2000))
    # alpha = 8 kW + 7 x 1.5 kW; p_avg follows, so (alpha / beta + c) / 2 is where it rests.
    assert abs(replay.state.price_micro_inr_per_kwh - (18.5 / 1.5 + 7) / 2 * RUPEE) < 0.01 * RUPEE


def test_the_closed_form_learns_from_what_it_sees() -> None:
    settings = EstimatorSettings(
        DemandModel(9_500_000, 500_000), 7 * RUPEE, 1, 0.9, 100_000, 5_000_000
    )
    policy = ClosedFormPrice.at_start(RULES, settings, CostRule.AVERAGE)
    state = first_state(RULES, 0, 8000, 6000)
    before = policy.wanted(state)
    Replay(RULES, state, policy).over(evening(1))  # 8 kW and not 6
    assert policy.wanted(state) > before
