"""A society's batteries taken together: weighted by capacity, rounded down, once."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.resilience.batteries import FULL_BP, Stored, Together, together

charges = st.none() | st.integers(0, FULL_BP)
batteries = st.lists(st.builds(Stored, charges, st.integers(1, 10**9)), max_size=8)


@given(batteries)
def test_it_is_the_weighted_mean_rounded_down(found: list[Stored]) -> None:
    known = [(one.soc_bp, one.capacity_wh or 0) for one in found if one.soc_bp is not None]
    one = together(found)
    if not known:
        assert one == Together(None, None, None)
        return
    held = sum(Fraction(soc * wh, FULL_BP) for soc, wh in known)
    capacity = sum(wh for _, wh in known)
    assert one.capacity_wh == capacity
    assert one.stored_wh == held.numerator // held.denominator
    assert one.soc_bp == int(held * FULL_BP / capacity)
    assert min(soc for soc, _ in known) <= one.soc_bp <= max(soc for soc, _ in known)
    assert 0 <= one.stored_wh - sum(single.stored_wh or 0 for single in found) < len(known)


@given(batteries, st.permutations(range(8)))
def test_no_order_matters_and_one_that_is_silent_counts_for_nothing(
    found: list[Stored], order: list[int]
) -> None:
    turned = [found[i] for i in order if i < len(found)]
    assert together(turned) == together(found) == together([*found, Stored(None, 5_000)])


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([Stored(8_450, 60_000), Stored(6_400, 12_000)], Together(8_108, 58_380, 72_000)),
        ([Stored(7_312)], Together(7_312, None, None)),
        ([Stored(10_000), Stored(1, 12_000)], Together(5_000, None, None)),
        ([Stored(10_000, 0), Stored(1, 12_000)], Together(5_000, None, None)),
        ([], Together(None, None, None)),
    ],
)
def test_what_the_home_page_shows(found: list[Stored], expected: Together) -> None:
    assert together(found) == expected
