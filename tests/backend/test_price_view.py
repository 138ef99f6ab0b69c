"""What an oracle node knows of the microgrid, and that it knows it again after a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.oracle.price_bids import mean_bid_down
from backend.oracle.price_view import RECENT_PRICES, PriceView, mean_power
from backend.oracle.registers import Flows
from backend.oracle.signed_state import SignedState
from backend.pricing import PriceBounds
from backend.pricing.opinion import OpinionSettings

RUPEE = 1_000_000
QUARTER_S = 900.0
SETTINGS = OpinionSettings(
    6 * RUPEE, 7 * RUPEE, 3 * RUPEE, 1_000, PriceBounds(2 * RUPEE, 12 * RUPEE)
)


def note(view: PriceView, slot: int, drawn_wh: int, given_wh: int = 0) -> None:
    flows = Flows(consumption_wh=drawn_wh, der_generation_wh=given_wh)
    view.note_slot(slot, flows.lo, flows.hi)


def seen_by(view: PriceView) -> tuple[int, int, int | None, int]:
    opinion = view.opinion(SETTINGS, None)
    assert opinion is not None
    inputs = opinion.inputs
    return (
        inputs.demand_w, inputs.renewable_w, inputs.soc_bps, inputs.average_micro_inr_per_kwh
    )  # fmt: skip


@pytest.fixture
def memory(tmp_path: Path) -> SignedState:
    return SignedState(tmp_path / "signer.sqlite")


@pytest.fixture
def view(memory: SignedState) -> PriceView:
    return PriceView(memory, QUARTER_S)


def test_power_is_the_mean_over_the_slots_between() -> None:
    before = Flows(consumption_wh=1_000, prosumer_export_wh=100, der_generation_wh=200)
    after = Flows(consumption_wh=3_000, prosumer_export_wh=200, der_generation_wh=600)
    power = mean_power(12, after, 10, before, QUARTER_S)
    assert (power.demand_w, power.renewable_w) == (4_000, 1_000)  # in half an hour


def test_it_takes_two_slots_and_a_price_to_have_an_opinion(view: PriceView) -> None:
    note(view, 10, 1_000)
    view.note_price(6 * RUPEE)
    assert view.opinion(SETTINGS, None) is None
    note(view, 11, 2_000, 250)
    assert seen_by(view) == (4_000, 1_000, None, 6 * RUPEE)


def test_a_price_that_comes_after_the_slots_is_enough(view: PriceView) -> None:
    note(view, 10, 1_000)
    note(view, 11, 2_000)
    assert view.opinion(SETTINGS, None) is None
    view.note_price(6 * RUPEE)
    assert seen_by(view)[0] == 4_000


def test_an_old_slot_changes_nothing(view: PriceView) -> None:
    view.note_price(6 * RUPEE)
    note(view, 10, 1_000)
    note(view, 11, 2_000)
    note(view, 11, 9_000)
    note(view, 9, 9_000)
    assert seen_by(view)[0] == 4_000


def test_the_charge_is_the_mean_of_the_banks(view: PriceView) -> None:
    view.note_price(6 * RUPEE)
    note(view, 10, 1_000)
    note(view, 11, 2_000)
    view.note_charge(1, 8_000)
    view.note_charge(2, 4_001)
    view.note_charge(1, 6_000)
    assert seen_by(view)[2] == 5_000


def test_recent_prices_are_the_last_ones(view: PriceView) -> None:
    note(view, 10, 1_000)
    note(view, 11, 2_000)
    for price in range(RUPEE, RUPEE + 3 * RECENT_PRICES):
        view.note_price(price)
    assert seen_by(view)[3] == sum(range(RUPEE + 2 * RECENT_PRICES, RUPEE + 3 * RECENT_PRICES)) // (
        RECENT_PRICES
    )


def test_an_idle_community_has_no_opinion_yet(view: PriceView) -> None:
    view.note_price(6 * RUPEE)
    note(view, 10, 1_000)
    note(view, 11, 1_000)
    assert view.opinion(SETTINGS, None) is None


def test_demand_that_falls_as_the_price_rises_is_learned(view: PriceView) -> None:
    """q = 10 kW - 1 kW per rupee; the guess had 0.5 kW more or less."""
    drawn = 0
    for slot in range(1, 200):
        price = (5 + slot % 3) * RUPEE
        view.note_price(price)
        drawn += (10_000 - price // 1000) // 4
        note(view, slot, drawn)
    opinion = view.opinion(SETTINGS, None)
    assert opinion is not None
    assert abs(opinion.demand.beta_milliwatt_per_inr - 1_000_000) < 100_000
    assert abs(opinion.demand.alpha_milliwatt - 10_000_000) < 600_000


def test_it_knows_again_what_it_knew(memory: SignedState, tmp_path: Path) -> None:
    view = PriceView(memory, QUARTER_S)
    view.note_price(6 * RUPEE)
    view.note_price(6 * RUPEE + 100)
    view.note_charge(1, 4_000)
    note(view, 10, 1_000)
    note(view, 11, 2_000, 100)
    note(view, 12, 3_100, 300)
    before = view.opinion(SETTINGS, None)
    memory.close()
    again = PriceView(SignedState(tmp_path / "signer.sqlite"), QUARTER_S)
    assert again.opinion(SETTINGS, None) == before
    note(again, 12, 9_999)  # known already
    assert again.opinion(SETTINGS, None) == before


@pytest.mark.parametrize(
    ("bids", "mean"),
    [([], None), ([0, 0], None), ([10, 0, 0], 50_000), ([10, 0, 30], 125_000), ([1, 2], 83_333)],
)
def test_the_mean_bid(bids: list[int], mean: int | None) -> None:
    assert mean_bid_down(bids, 50_000) == mean
