"""The learned agent at a node's place: it speaks where it was judged, else the closed form does."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.oracle.price_view import PriceView
from backend.oracle.registers import Flows
from backend.oracle.signed_state import SignedState
from backend.pricing import DemandModel, PriceBounds, PriceError
from backend.pricing.agent import LearnedPrice
from backend.pricing.learned_opinion import JudgedAgent, LearnedPolicy, rules_document, rules_from
from backend.pricing.opinion import Opinion, OpinionSettings, PriceInputs, form_price

RUPEE = 1_000_000
SETTINGS = OpinionSettings(
    6 * RUPEE, 7 * RUPEE, 3 * RUPEE, 1_000, PriceBounds(2 * RUPEE, 12 * RUPEE)
)
SHIPPED = files("backend.pricing").joinpath("price_agent.json").read_text()
AGENT = JudgedAgent.from_json(SHIPPED)
POLICY = LearnedPolicy(AGENT, slot_s=900, slot_metered_s=900.0, midnight=0)
INPUTS = PriceInputs(7_000, 3_000, 6_000, None, 6 * RUPEE)
DEMAND = DemandModel(16_000_000, 1_500_000)


def formed(
    policy: LearnedPolicy = POLICY,
    inputs: PriceInputs = INPUTS,
    settings: OpinionSettings = SETTINGS,
    **moment: int,
) -> Opinion:
    at = {"slot": 48, "price_before": 6 * RUPEE, "day_average": 6 * RUPEE, **moment}
    return policy.form(form_price(inputs, DEMAND, settings), settings, **at)


def recorded(**changes: Any) -> LearnedPolicy:
    return replace(POLICY, agent=replace(AGENT, record=replace(AGENT.record, **changes)))


def test_what_is_read_is_what_was_kept() -> None:
    assert rules_from(json.loads(json.dumps(rules_document(AGENT.rules)))) == AGENT.rules
    for broken in ("{}", '{"layers": []}', '{"admission": {}}'):
        with pytest.raises(PriceError):
            JudgedAgent.from_json(broken)
    without = json.loads(SHIPPED)
    del without["admission"]["rules"]
    with pytest.raises(PriceError, match=r"no `admission` to be read.*rules"):
        JudgedAgent.from_json(json.dumps(without))


@given(
    st.builds(
        PriceInputs,
        st.integers(0, AGENT.record.highest_demand_w),
        st.integers(0, 20_000),
        st.integers(0, 10_000),
        st.none() | st.integers(0, 9 * RUPEE),
        st.just(6 * RUPEE),
    ),
    st.integers(0, 10**6),
    st.integers(4 * RUPEE, 10 * RUPEE),
    st.integers(4 * RUPEE, 10 * RUPEE),
)
def test_where_it_may_speak_its_price_is_the_agents(
    inputs: PriceInputs, slot: int, before: int, average: int
) -> None:
    opinion = formed(inputs=inputs, slot=slot, price_before=before, day_average=average)
    learned = opinion.learned
    assert learned is not None
    assert learned.price == opinion.price
    assert abs(opinion.price - before) <= AGENT.rules.max_step_micro_inr_per_kwh
    assert opinion.price in SETTINGS.bounds
    assert learned.closed_form == form_price(inputs, DEMAND, SETTINGS).price
    assert learned.reason.startswith("admitted on 182 held-out days")


def test_it_sees_the_hour_of_the_community() -> None:
    """Noon in simulated time is noon for it, sixty times as fast by the clock."""
    first = 113_333_334
    simulated = replace(POLICY, slot_s=15, midnight=15 * first)
    for passed in (0, 30, 48, 95, 96, 1_000):
        ours = formed(simulated, slot=first + passed).learned
        theirs = formed(slot=passed).learned
        assert ours is not None
        assert theirs is not None
        assert ours.seen == theirs.seen


@pytest.mark.parametrize(
    ("policy", "inputs", "settings", "reason"),
    [
        (recorded(runs=2), INPUTS, SETTINGS, "not admitted: 2 runs on 182"),
        (recorded(held_out_days=19), INPUTS, SETTINGS, "not admitted: 5 runs on 19"),
        (recorded(surely_at_least={"constant": 9.0}), INPUTS, SETTINGS, "never compared with"),
        (
            # What the twenty shipped days say of it.
            recorded(surely_at_least={"closed form": 2.1, "closed form, gamma x 2": -3.11}),
            INPUTS,
            SETTINGS,
            r"not admitted: over closed form, gamma x 2 .* Rs -3.11 a day",
        ),
        (
            recorded(surely_at_least={"closed form": float("nan")}),
            INPUTS,
            SETTINGS,
            "not admitted: over closed form",
        ),
        (replace(POLICY, slot_metered_s=15.0), INPUTS, SETTINGS, "slots last 15 s here"),
        (replace(POLICY, midnight=None), INPUTS, SETTINGS, "price_midnight is not set"),
        (POLICY, replace(INPUTS, soc_bps=None), SETTINGS, "no battery's charge"),
        (POLICY, replace(INPUTS, demand_w=20_941), SETTINGS, "homes draw 20941 W, it knows 20940"),
        (POLICY, INPUTS, replace(SETTINGS, grid_import=8 * RUPEE), "the main grid's prices are"),
    ],
)
def test_where_it_was_not_judged_the_closed_form_speaks_and_it_is_said_why(
    policy: LearnedPolicy, inputs: PriceInputs, settings: OpinionSettings, reason: str
) -> None:
    opinion = formed(policy, inputs, settings)
    assert opinion.price == form_price(inputs, DEMAND, settings).price
    assert opinion.learned is not None
    assert opinion.learned.price is None
    with pytest.raises(AssertionError, match=reason):
        raise AssertionError(opinion.learned.reason)


def test_narrower_bounds_of_the_tariff_hold_for_it_too() -> None:
    narrow = replace(SETTINGS, bounds=PriceBounds(6_050_000, 6_060_000))
    assert formed(settings=narrow).price in narrow.bounds


# ---- in a node's view


def view_at(path: Path) -> PriceView:
    return PriceView(SignedState(path), 900.0)


def note(view: PriceView, slot: int, drawn_wh: int) -> None:
    flows = Flows(consumption_wh=drawn_wh)
    view.note_slot(slot, flows.lo, flows.hi)


def price_of(view: PriceView) -> int:
    opinion = view.opinion(SETTINGS, None, POLICY)
    assert opinion is not None
    assert opinion.learned is not None
    assert opinion.learned.price == opinion.price, opinion.learned.reason
    return opinion.price


def test_it_moves_once_a_slot_however_many_rounds_there_are(tmp_path: Path) -> None:
    """The circuit breaker and other nodes move the price in force between; the agent was taught to
    move it once a slot, so within one it stays with what it said."""
    view = view_at(tmp_path / "a.sqlite")
    view.note_charge(3, 6_000)
    view.note_price(6 * RUPEE)
    note(view, 100, 1_000)
    note(view, 101, 2_800)
    first = price_of(view)
    for moved in (first, 6_400_000, 7 * RUPEE):
        view.note_price(moved)
        assert price_of(view) == first
    note(view, 102, 4_600)
    assert abs(price_of(view) - 7 * RUPEE) <= RUPEE // 2
    again = view_at(tmp_path / "a.sqlite")
    again.note_charge(3, 6_000)
    assert price_of(again) == price_of(view), "a restart does not change its mind"


def test_a_price_that_comes_after_the_slots_is_enough_for_it(tmp_path: Path) -> None:
    view = view_at(tmp_path / "a.sqlite")
    view.note_charge(3, 6_000)
    note(view, 100, 1_000)
    note(view, 101, 2_800)
    view.note_price(6 * RUPEE)
    assert abs(price_of(view) - 6 * RUPEE) <= RUPEE // 2


def test_shipped_weights_are_a_network_of_seven_inputs() -> None:
    assert len(AGENT.weights.layers[0][0][0]) == 7
    assert LearnedPrice(AGENT.rules, AGENT.weights).rules.slot_seconds == 900
