"""Dispatch balances whatever comes, within what bank and connection can do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.simulator.dispatch import Limits, Supply, dispatch

powers = st.integers(0, 50_000)
limits = st.builds(
    Limits, powers, powers, powers, st.booleans(), st.booleans(), grid_present=st.booleans()
)
EVENING = Limits(20_000, 20_000, 9_000, True, False, True)


@given(st.integers(-100_000, 100_000), limits)
def test_supply_meets_the_deficit_to_the_watt(deficit_w: int, within: Limits) -> None:
    supply = dispatch(deficit_w, within)
    assert -within.charge_w <= supply.bank_w <= within.discharge_w
    if supply.dark:
        assert not within.grid_present
        assert deficit_w > within.discharge_w
        assert supply == Supply(0, 0, dark=True)
    else:
        assert supply.bank_w + supply.grid_w == deficit_w + supply.curtailed_w
        assert within.grid_present or supply.grid_w == 0
        assert 0 <= supply.curtailed_w <= max(0, -deficit_w)


@given(st.integers(0, 100_000), limits.filter(lambda within: within.grid_present))
def test_the_contract_is_exceeded_only_with_an_empty_bank(deficit_w: int, within: Limits) -> None:
    supply = dispatch(deficit_w, within)
    if supply.grid_w > within.contract_w:
        assert supply.bank_w == within.discharge_w


@given(st.integers(-100_000, 0), limits.filter(lambda within: within.grid_present))
def test_surplus_goes_into_the_bank_first(deficit_w: int, within: Limits) -> None:
    supply = dispatch(deficit_w, within)
    assert supply.bank_w <= -min(-deficit_w, within.charge_w)


@pytest.mark.parametrize(
    ("deficit_w", "within", "expected"),
    [
        (5_000, EVENING, Supply(5_000, 0)),
        (25_000, EVENING, Supply(20_000, 5_000)),
        (5_000, replace(EVENING, above_reserve=False), Supply(0, 5_000)),
        (12_000, replace(EVENING, above_reserve=False), Supply(3_000, 9_000)),
        (12_000, replace(EVENING, above_reserve=False, discharge_w=0), Supply(0, 12_000)),
        (-30_000, EVENING, Supply(-20_000, -10_000)),
        (2_000, replace(EVENING, top_up=True), Supply(-7_000, 9_000)),
        (11_000, replace(EVENING, top_up=True), Supply(2_000, 9_000)),
        (-3_000, replace(EVENING, top_up=True), Supply(-12_000, 9_000)),
        (0, EVENING, Supply(0, 0)),
        (8_000, replace(EVENING, grid_present=False), Supply(8_000, 0)),
        (21_000, replace(EVENING, grid_present=False), Supply(0, 0, dark=True)),
        (-25_000, replace(EVENING, grid_present=False), Supply(-20_000, 0, curtailed_w=5_000)),
    ],
)
def test_who_serves(deficit_w: int, within: Limits, expected: Supply) -> None:
    assert dispatch(deficit_w, within) == expected
