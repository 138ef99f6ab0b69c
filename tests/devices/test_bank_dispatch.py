"""Dispatch balances whatever comes, within what bank and connection can do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.simulator.dispatch import Limits, Supply, dispatch, shared

powers = st.integers(0, 50_000)
limits = st.builds(
    lambda give_w, take_w, contract_w, spare_pm, top_up_pm, present: Limits(
        give_w, take_w, contract_w, give_w * spare_pm // 1000, take_w * top_up_pm // 1000, present
    ),
    powers, powers, powers, st.integers(0, 1000), st.integers(0, 1000), st.booleans(),
)  # fmt: skip
EVENING = Limits(20_000, 20_000, 9_000, 20_000, 0, True)
RESERVE = replace(EVENING, spare_w=0)
CHEAP = replace(RESERVE, top_up_w=20_000)


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
        (5_000, RESERVE, Supply(0, 5_000)),
        (12_000, RESERVE, Supply(3_000, 9_000)),
        (12_000, replace(RESERVE, discharge_w=0), Supply(0, 12_000)),
        (-30_000, EVENING, Supply(-20_000, -10_000)),
        (2_000, CHEAP, Supply(-7_000, 9_000)),
        (11_000, CHEAP, Supply(2_000, 9_000)),
        (-3_000, CHEAP, Supply(-12_000, 9_000)),
        (0, EVENING, Supply(0, 0)),
        (9_000, replace(EVENING, spare_w=5_000), Supply(5_000, 4_000)),
        (15_000, replace(EVENING, spare_w=5_000), Supply(6_000, 9_000)),
        (1_000, replace(CHEAP, top_up_w=2_000), Supply(-2_000, 3_000)),
        (8_000, replace(EVENING, grid_present=False), Supply(8_000, 0)),
        (21_000, replace(EVENING, grid_present=False), Supply(0, 0, dark=True)),
        (-25_000, replace(EVENING, grid_present=False), Supply(-20_000, 0, curtailed_w=5_000)),
    ],
)
def test_who_serves(deficit_w: int, within: Limits, expected: Supply) -> None:
    assert dispatch(deficit_w, within) == expected


@given(st.lists(st.tuples(powers, powers), min_size=1, max_size=4), st.integers(0, 250_000))
def test_banks_share_to_the_watt_and_none_gives_more_than_it_can(
    banks: list[tuple[int, int]], power_w: int
) -> None:
    most = [max(one) for one in banks]
    first = [min(one) for one in banks]
    given_w = shared(power_w, first, most)
    assert sum(given_w) == min(power_w, sum(most))
    for has, spare, can in zip(given_w, first, most, strict=True):
        assert 0 <= has <= can
        assert has <= spare or power_w > sum(first)
