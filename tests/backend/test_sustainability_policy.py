"""CI, RUR, PAR, R_f, Jain, NPV, LCOE and the policy's targets: by hand, and by their properties."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.sustainability import (
    GOALS,
    EnergyFlows,
    EpochMetrics,
    Investment,
    Parameters,
    SlotFlows,
    equity_boost_ppm_down,
    jain_ppm_down,
    measure,
    misses_ppm,
    pulls_ppm,
    shortfall_ppm_down,
    target,
    worth,
)
from backend.sustainability.economics import lcoe_micro_inr_per_kwh_up, npv_micro_inr_down
from backend.sustainability.metrics import peak_to_average_ppm_up

HOUR = 100
SLOT_S = 900
START = Parameters(1_000_000, 500_000, 300_000, 300_000, 300_000, 300_000, 100_000)

wh = st.integers(0, 10_000)


@st.composite
def balanced(draw: st.DrawFn) -> EnergyFlows:
    """A slot as a lossless community can have it: the main grid makes up the difference."""
    roof, used_at_home = draw(wh), draw(wh)
    own = min(roof, used_at_home)
    flows = EnergyFlows(
        consumption_wh=used_at_home - own + draw(wh),
        prosumer_export_wh=roof - own,
        der_generation_wh=draw(wh),
        charged_wh=draw(wh),
        discharged_wh=draw(wh),
        prosumer_generation_wh=roof,
    )
    grid = flows.grid_flow_wh
    return dataclasses.replace(flows, grid_import_wh=max(grid, 0), grid_export_wh=max(-grid, 0))


def evening() -> list[SlotFlows]:
    """Noon: a roof makes 4 000, keeps 1 000; a battery takes 2 000. Evening: it gives 1 500."""
    noon = EnergyFlows(
        consumption_wh=500, prosumer_export_wh=3_000, charged_wh=2_000, grid_export_wh=500,
        prosumer_generation_wh=4_000,
    )  # fmt: skip
    dark = EnergyFlows(consumption_wh=2_500, discharged_wh=1_500, grid_import_wh=1_000)
    return [SlotFlows(399, 400, noon), SlotFlows(400, 403, dark)]


def test_a_day_by_hand() -> None:
    found = measure(evening(), SLOT_S, {HOUR: 540}.get)
    assert found.flows.used_wh == 4_000  # 500 + 1 000 at home, then 2 500
    assert found.flows.grid_flow_wh == 4_000 + 500 - 4_000
    assert found.rur_ppm == 750_000  # 4 000 made - 500 exported - 500 still in the battery
    assert found.resilience_ppm == 750_000
    assert found.ci_mg_per_kwh == 135_000  # 1 000 Wh x 540 g/kWh over 4 kWh
    # 1 500 in one slot against 4 000 in four.
    assert found.par_ppm == 1_500_000
    assert (found.from_slot, found.to_slot) == (399, 403)


def test_what_cannot_be_said_is_not_said() -> None:
    assert measure(evening(), SLOT_S, {}.get).ci_mg_per_kwh is None
    dark = measure([SlotFlows(1, 2, EnergyFlows(charged_wh=5))], SLOT_S, {0: 1}.get)
    assert (dark.ci_mg_per_kwh, dark.rur_ppm, dark.par_ppm, dark.resilience_ppm) == (None,) * 4


def test_an_hour_without_import_needs_no_figure() -> None:
    sun = EnergyFlows(consumption_wh=10, der_generation_wh=10)
    found = measure([SlotFlows(1, 2, sun)], SLOT_S, {}.get)
    assert (found.ci_mg_per_kwh, found.rur_ppm) == (0, 1_000_000)


@given(st.lists(balanced(), min_size=1, max_size=6))
def test_shares_are_shares_and_what_is_not_local_is_imported(flows: list[EnergyFlows]) -> None:
    slots = [SlotFlows(i, i + 1, one) for i, one in enumerate(flows)]
    found = measure(slots, SLOT_S, lambda _: 500)
    for one in flows:
        assert one.grid_flow_wh == one.grid_import_wh - one.grid_export_wh
        assert 0 <= one.renewable_used_wh <= one.used_wh
        # In one slot nothing is imported and exported at once: both say the same.
        assert one.renewable_used_wh == max(0, one.used_wh - one.grid_import_wh)
    if found.rur_ppm is not None:
        assert 0 <= found.rur_ppm <= 1_000_000
        assert found.par_ppm is not None
        assert found.par_ppm >= 1_000_000
        assert found.ci_mg_per_kwh is not None
        exact = Fraction(found.flows.grid_import_wh * 500 * 1000, found.flows.used_wh)
        assert exact <= found.ci_mg_per_kwh < exact + 1


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=20), st.integers(1, 50))
def test_even_load_has_no_peak_and_scale_does_not_matter(loads: list[int], scale: int) -> None:
    assert peak_to_average_ppm_up([(loads[0], 1)] * len(loads)) == 1_000_000
    scaled = peak_to_average_ppm_up([(load * scale, 1) for load in loads])
    assert scaled == peak_to_average_ppm_up([(load, 1) for load in loads])


@given(st.lists(st.integers(0, 10**6), max_size=30))
def test_jain_is_between_one_of_n_and_one(values: list[int]) -> None:
    index = jain_ppm_down(values)
    assert 1_000_000 // max(1, len(values)) <= index <= 1_000_000


def test_jain_by_hand() -> None:
    assert jain_ppm_down([5, 5, 5, 5]) == 1_000_000
    assert jain_ppm_down([7, 0, 0, 0]) == 250_000
    assert jain_ppm_down([1, 2, 3]) == 857_142  # 36 / 42
    assert jain_ppm_down([]) == jain_ppm_down([0, 0]) == 1_000_000


def test_boost_by_hand_as_the_contract_has_it() -> None:
    """The figures of SustainabilityPolicyTest.test_boost_isTheFormula."""
    boosts = [equity_boost_ppm_down(a, 1_000, 500_000, 300_000) for a in (1_000, 5_000, 600, 0)]
    assert boosts == [0, 0, 200_000, 300_000]
    assert shortfall_ppm_down(200, 600) == 666_666
    assert equity_boost_ppm_down(0, 0, 500_000, 300_000) == 0


@given(wh, wh, st.integers(0, 10**6), st.integers(0, 10**6))
def test_less_access_never_means_less_boost(a: int, mean: int, kappa: int, cap: int) -> None:
    boost = equity_boost_ppm_down(a, mean, kappa, cap)
    assert 0 <= boost <= cap
    assert equity_boost_ppm_down(a + 1, mean, kappa, cap) <= boost


def test_present_value_and_cost_of_energy_by_hand() -> None:
    # 100 now for 60 after one and 60 after two years at 10 %: 54.545 + 49.587 - 100 = 4.13
    assert npv_micro_inr_down([-100_000_000, 60_000_000, 60_000_000], 100_000) == 4_132_231
    # 110 000 000 micro-rupees a year on for 10 kWh each of two years, no interest: Rs 5.5 + ...
    assert lcoe_micro_inr_per_kwh_up([110_000_000, 0, 0], [0, 10_000, 10_000], 0) == 5_500_000
    with pytest.raises(ValueError, match="no cost"):
        lcoe_micro_inr_per_kwh_up([1], [0], 0)


def test_a_grant_lowers_the_cost_and_raises_the_worth_by_itself() -> None:
    roof = Investment(120_000_000_000, 500_000_000, 3_000_000, 5_000, 20, 6_000_000, 80_000)
    npv, lcoe = worth(roof)
    granted_npv, granted_lcoe = worth(roof, 20_000_000_000)
    assert granted_npv - npv == 20_000_000_000
    assert granted_lcoe < lcoe
    # It pays exactly if its energy costs less than it is worth.
    assert (npv > 0) == (lcoe < 6_000_000)


# ---- the policy ---------------------------------------------------------------------------------

reached = EpochMetrics(
    1, 2, GOALS.ci_mg_per_kwh, GOALS.rur_ppm, GOALS.par_ppm, GOALS.jain_ppm, 1_000
)
metrics = st.builds(
    EpochMetrics,
    st.just(1), st.just(2), st.integers(0, 10**6), st.integers(0, 10**6),
    st.integers(10**6, 10**7), st.integers(0, 10**6), st.integers(0, 10**5),
)  # fmt: skip
parameters = st.builds(Parameters, *[st.integers(0, 10**6)] * 7)


def test_goals_reached_move_nothing() -> None:
    assert target(reached, START) == START


def test_a_missed_epoch_by_hand() -> None:
    """RUR 0.60 of 0.87, CI 0.54 of 0.27 (missed wholly), PAR 1.8 of 1.5 (by a fifth)."""
    found = dataclasses.replace(reached, rur_ppm=600_000, ci_mg_per_kwh=540_000, par_ppm=1_800_000)
    assert misses_ppm(found) == {"rur": 270_000, "ci": 1_000_000, "par": 200_000}
    assert pulls_ppm(found, START) == {"rur": 45_000, "ci": 166_666, "par": 33_333}
    aim = target(found, START)
    assert aim.multiplier_ppm == 1_000_000 + 45_000 + 166_666 + 33_333
    # The mean of the misses is 0.49: CI's weight grows, the others' shrink.
    weights = (aim.rur_weight_ppm, aim.ci_weight_ppm, aim.par_weight_ppm)
    assert weights == (297_800, 305_100, 297_100)
    assert aim.npv_weight_ppm == START.npv_weight_ppm


def test_uneven_access_raises_the_boost() -> None:
    uneven = dataclasses.replace(reached, jain_ppm=400_000)
    aim = target(uneven, START)
    assert (aim.equity_kappa_ppm, aim.equity_cap_ppm) == (505_000, 305_000)


@given(metrics, parameters)
def test_targets_fit_the_contract_and_stay_near(found: EpochMetrics, before: Parameters) -> None:
    aim = target(found, before)
    for value in dataclasses.astuple(aim):
        assert 0 <= value < 2**32
    assert abs(aim.multiplier_ppm - 1_000_000) <= GOALS.gain_ppm + 3
    assert abs(aim.ci_weight_ppm - before.ci_weight_ppm) <= 2 * GOALS.learning_ppm + 1


@given(metrics, parameters, st.integers(1, 10**5))
def test_dirtier_never_pays_less(found: EpochMetrics, before: Parameters, more: int) -> None:
    dirtier = dataclasses.replace(found, ci_mg_per_kwh=found.ci_mg_per_kwh + more)
    assert target(dirtier, before).multiplier_ppm >= target(found, before).multiplier_ppm
