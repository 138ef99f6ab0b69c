"""The local price: shared vectors, 32-bit arithmetic, what the formula does and does not say."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unhurried import unhurried

from backend.pricing import PriceBounds, PriceError, local_price, local_price_unclipped
from backend.pricing.local import MAX_BASE_MICRO_INR_PER_KWH, MAX_POWER_W

FILE = Path(__file__).parents[1] / "vectors/local_price.json"
VECTORS: list[dict[str, int]] = json.loads(FILE.read_text())["vectors"]
RUPEE = 1_000_000

bases = st.integers(0, MAX_BASE_MICRO_INR_PER_KWH)
powers = st.integers(0, MAX_POWER_W)


def test_every_vector_is_reproduced() -> None:
    assert len(VECTORS) > 500
    for row in VECTORS:
        given_ = (row["base_micro_inr_per_kwh"], row["demand_w"], row["solar_w"])
        bounds = PriceBounds(row["lowest_micro_inr_per_kwh"], row["highest_micro_inr_per_kwh"])
        assert local_price_unclipped(*given_) == row["unclipped_micro_inr_per_kwh"], row
        assert local_price(*given_, bounds) == row["price_micro_inr_per_kwh"], row


def test_vectors_reach_both_bounds_and_negative_values() -> None:
    unclipped = [row["unclipped_micro_inr_per_kwh"] for row in VECTORS]
    assert min(unclipped) < 0
    assert any(
        row["price_micro_inr_per_kwh"] == row["highest_micro_inr_per_kwh"] for row in VECTORS
    )
    assert any(row["price_micro_inr_per_kwh"] == row["lowest_micro_inr_per_kwh"] for row in VECTORS)


@unhurried
@given(bases, powers, powers)
def test_the_integers_are_the_formula_exactly(base: int, demand_w: int, solar_w: int) -> None:
    exact = (
        Fraction(base, RUPEE)
        + Fraction(15, 100) * (Fraction(demand_w, 1000) - 5)
        + Fraction(5, 100) * (1 - Fraction(solar_w, 1000) / 5)
    )
    assert local_price_unclipped(base, demand_w, solar_w) == exact * RUPEE


@unhurried
@given(bases, powers, powers)
def test_no_intermediate_value_leaves_32_signed_bits(
    base: int, demand_w: int, solar_w: int
) -> None:
    steps = [demand_w - 5000, 150 * (demand_w - 5000), 10 * solar_w]
    steps += [base + steps[1], base + steps[1] + 50_000, base + steps[1] + 50_000 - steps[2]]
    assert steps[-1] == local_price_unclipped(base, demand_w, solar_w)
    assert all(-(2**31) <= step < 2**31 for step in steps)


@unhurried
@given(bases, powers, powers, st.integers(1, 2**32 - 1), st.integers(0, 2**31))
def test_clipped_to_bounds_and_monotone(
    base: int, demand_w: int, solar_w: int, low: int, span: int
) -> None:
    bounds = PriceBounds(low, min(low + span, 2**32 - 1))
    price = local_price(base, demand_w, solar_w, bounds)
    assert price in bounds
    if demand_w < MAX_POWER_W:
        assert local_price(base, demand_w + 1, solar_w, bounds) >= price
    if solar_w < MAX_POWER_W:
        assert local_price(base, demand_w, solar_w + 1, bounds) <= price


def test_neutral_point() -> None:
    assert local_price_unclipped(6 * RUPEE, 5000, 5000) == 6 * RUPEE


def test_a_third_less_sun_does_not_raise_the_local_price_by_15_percent() -> None:
    """The claim "solar -30 % raises the price 15 %", put to the formula: 0.25 % at Rs 6."""
    before = local_price_unclipped(6 * RUPEE, 5000, 5000)
    after = local_price_unclipped(6 * RUPEE, 5000, 3500)
    assert after - before == 15_000  # Rs 0.015
    assert Fraction(after - before, before) == Fraction(1, 400)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ((-1, 0, 0), "base_micro_inr_per_kwh"),
        ((MAX_BASE_MICRO_INR_PER_KWH + 1, 0, 0), "base_micro_inr_per_kwh"),
        ((0, -1, 0), "demand_w"),
        ((0, MAX_POWER_W + 1, 0), "demand_w"),
        ((0, 0, MAX_POWER_W + 1), "solar_w"),
        ((0, 0, True), "solar_w"),
        ((0, 1.5, 0), "demand_w"),
    ],
)
def test_bad_input_names_the_field(arguments: tuple[int, int, int], field: str) -> None:
    with pytest.raises(PriceError, match=f"^{field}: "):
        local_price_unclipped(*arguments)


@pytest.mark.parametrize(("low", "high"), [(0, 5), (6, 5), (1, 2**32)])
def test_bad_bounds_are_refused(low: int, high: int) -> None:
    with pytest.raises(PriceError, match=r"^(lowest|highest): "):
        PriceBounds(low, high)
