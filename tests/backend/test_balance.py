"""The balance of a slot: the published rows, and its parts."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.chain.types import Condition
from backend.oracle.balance import balance_between_wh, balance_wh, condition
from backend.oracle.registers import Flows

energies = st.integers(0, 2**62)
flows = st.builds(Flows, *[energies] * 8)


@pytest.mark.parametrize(
    ("kwh", "expected_kwh", "expected"),
    [
        ((60, 20, 30, 40, 50), 0, Condition.BALANCED),
        ((20, 30, 10, 20, 30), -30, Condition.SURPLUS),
        ((80, 40, 20, 10, 20), 10, Condition.DEFICIT),
    ],
)
def test_golden_rows(kwh: tuple[int, ...], expected_kwh: int, expected: Condition) -> None:
    """Consumption, prosumer export, DER generation, charged, discharged."""
    wh = balance_wh(*(1000 * part for part in kwh))
    assert wh == 1000 * expected_kwh
    assert condition(wh) is expected


@given(flows, flows)
def test_balance_between_sums_is_the_balance_of_what_flowed(before: Flows, flowed: Flows) -> None:
    parts = zip(dataclasses.astuple(before), dataclasses.astuple(flowed), strict=True)
    after = Flows(*(a + b for a, b in parts))
    assert balance_between_wh(after, before) == balance_wh(
        flowed.consumption_wh,
        flowed.prosumer_export_wh,
        flowed.der_generation_wh,
        flowed.charged_wh,
        flowed.discharged_wh,
    )
    assert balance_between_wh(before, before) == 0


@given(st.integers())
def test_condition_is_the_sign(wh: int) -> None:
    assert (condition(wh) is Condition.SURPLUS) == (wh < 0)
    assert (condition(wh) is Condition.DEFICIT) == (wh > 0)
