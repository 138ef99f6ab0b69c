"""A node's price: what it follows from, in which direction, and that the closed form is in it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unhurried import unhurried

from backend.pricing import DemandModel, PriceBounds, PriceError
from backend.pricing.demand_estimator import DemandEstimator
from backend.pricing.opinion import (
    OpinionSettings,
    PriceInputs,
    cost_down,
    first_guess,
    form_price,
)

RUPEE = 1_000_000
SETTINGS = OpinionSettings(
    6 * RUPEE, 7 * RUPEE, 3 * RUPEE, 1_000, PriceBounds(2 * RUPEE, 12 * RUPEE)
)
INPUTS = PriceInputs(5_000, 1_000, 5_000, None, 6 * RUPEE)
DEMAND = DemandModel(10_000_000, 1_000_000)

POWER = st.integers(0, 100_000)
inputs = st.builds(
    PriceInputs,
    POWER,
    POWER,
    st.none() | st.integers(0, 10_000),
    st.none() | st.integers(0, 20 * RUPEE),
    st.integers(RUPEE, 20 * RUPEE),
)
models = st.builds(DemandModel, st.integers(0, 10**9), st.integers(1, 10**8))


def test_golden() -> None:
    """c = 3 + 4/2 = 5; p* = (alpha - sun + beta c + 2 gamma p_avg) / (2 (beta + gamma))."""
    opinion = form_price(INPUTS, DEMAND, SETTINGS)
    assert opinion.cost == 5 * RUPEE
    assert opinion.net_demand == DemandModel(9_000_000, 1_000_000)
    assert opinion.unbounded == opinion.price == 6_500_000  # (9 + 5 + 12) / 4
    assert opinion.local == 6 * RUPEE + 40_000


@unhurried
@given(inputs, models)
def test_is_within_the_bounds_and_between_its_terms(seen: PriceInputs, demand: DemandModel) -> None:
    opinion = form_price(seen, demand, SETTINGS)
    assert opinion.price in SETTINGS.bounds
    assert opinion.price == SETTINGS.bounds.clip(opinion.unbounded)
    assert SETTINGS.grid_export <= opinion.cost <= SETTINGS.grid_import
    assert opinion.net_demand.alpha_milliwatt <= demand.alpha_milliwatt


@unhurried
@given(inputs, models, st.integers(0, 50_000))
def test_more_sun_never_raises_the_price(
    seen: PriceInputs, demand: DemandModel, more_w: int
) -> None:
    sunnier = replace(seen, renewable_w=seen.renewable_w + more_w)
    assert form_price(sunnier, demand, SETTINGS).price <= form_price(seen, demand, SETTINGS).price


@unhurried
@given(inputs, models, st.integers(0, 10_000))
def test_a_fuller_bank_never_raises_it(seen: PriceInputs, demand: DemandModel, soc: int) -> None:
    emptier, fuller = sorted((soc, seen.soc_bps or 0))
    low = form_price(replace(seen, soc_bps=fuller), demand, SETTINGS).price
    assert low <= form_price(replace(seen, soc_bps=emptier), demand, SETTINGS).price


@unhurried
@given(inputs, models, st.integers(0, 20 * RUPEE))
def test_a_higher_bid_never_lowers_it(seen: PriceInputs, demand: DemandModel, bid: int) -> None:
    without = form_price(replace(seen, bid_micro_inr_per_kwh=None), demand, SETTINGS).price
    assert form_price(replace(seen, bid_micro_inr_per_kwh=bid), demand, SETTINGS).price >= without


@unhurried
@given(inputs, models, st.integers(0, 20))
def test_stability_pulls_it_toward_recent_prices(
    seen: PriceInputs, demand: DemandModel, times: int
) -> None:
    average = SETTINGS.bounds.clip(seen.average_micro_inr_per_kwh)
    seen = replace(seen, average_micro_inr_per_kwh=average)
    free = form_price(seen, demand, replace(SETTINGS, stability_permille=0)).price
    held = form_price(seen, demand, replace(SETTINGS, stability_permille=1000 * times)).price
    assert min(free, average) - 1 <= held <= max(free, average) + 1


def test_without_a_bank_a_kwh_costs_what_the_grid_charges() -> None:
    assert cost_down(replace(INPUTS, soc_bps=None), SETTINGS) == SETTINGS.grid_import
    assert cost_down(replace(INPUTS, soc_bps=10_000), SETTINGS) == SETTINGS.grid_export
    assert cost_down(replace(INPUTS, bid_micro_inr_per_kwh=6 * RUPEE), SETTINGS) == 6 * RUPEE
    assert cost_down(replace(INPUTS, bid_micro_inr_per_kwh=60 * RUPEE), SETTINGS) == 7 * RUPEE


@unhurried
@given(st.integers(1, 20 * RUPEE), st.integers(1, 10**6))
def test_the_first_guess_expects_what_was_seen(price: int, demand_w: int) -> None:
    made = first_guess(price, demand_w)
    estimate = DemandEstimator(made).model()
    expected = estimate.demand_down_milliwatt(price)
    assert abs(expected - demand_w * 1000) <= 2 + price // 1_000_000
    later = DemandEstimator(made).observe(price, demand_w).model()
    assert later.beta_milliwatt_per_inr > 0


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"grid_export": 8 * RUPEE}, "grid_export"),
        ({"grid_import": -1}, "grid_import"),
        ({"stability_permille": -1}, "stability_permille"),
        ({"base": -1}, "base"),
    ],
)
def test_bad_settings_name_the_field(change: dict[str, int], field: str) -> None:
    with pytest.raises(PriceError, match=f"^{field}: "):
        replace(SETTINGS, **change)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"demand_w": -1}, "demand_w"),
        ({"renewable_w": -1}, "renewable_w"),
        ({"soc_bps": 10_001}, "soc_bps"),
        ({"bid_micro_inr_per_kwh": 2**32}, "bid_micro_inr_per_kwh"),
    ],
)
def test_bad_inputs_name_the_field(change: dict[str, int], field: str) -> None:
    with pytest.raises(PriceError, match=f"^{field}: "):
        replace(INPUTS, **change)
