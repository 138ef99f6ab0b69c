"""Claims matched to use, periods to certify, carbon by the hour: properties first."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_flow
from unhurried import examples

from backend.sustainability import (
    CarbonTableError,
    Generation,
    GreenClaim,
    SlotUse,
    match_claims,
    open_periods,
    parse_carbon_table,
)

SLOTS = 8


@st.composite
def uses_of_two_meters(draw: st.DrawFn) -> list[SlotUse]:
    """Two meters over the same committed slots, some of which are missing."""
    committed = sorted(draw(st.sets(st.integers(0, SLOTS), min_size=2)))
    return [
        SlotUse(before, slot, meter, draw(st.integers(0, 30)))
        for before, slot in pairwise(committed)
        for meter in (4, 7)
    ]


@st.composite
def some_claims(draw: st.DrawFn) -> list[GreenClaim]:
    found = []
    for number in range(draw(st.integers(0, 5))):
        start = draw(st.integers(0, SLOTS - 1))
        end = draw(st.integers(start + 1, SLOTS))
        found.append(GreenClaim(number, start, end, draw(st.integers(0, 40))))
    return found


def most_that_can_be_covered(uses: list[SlotUse], claims: list[GreenClaim]) -> int:
    """By maximum flow: source -> claims -> uses inside them -> sink."""
    count = len(uses) + len(claims) + 2
    capacity = np.zeros((count, count), dtype=np.int32)
    for i, claim in enumerate(claims):
        capacity[0, 1 + i] = claim.wh
        for j, use in enumerate(uses):
            if claim.from_slot <= use.previous_slot and use.slot <= claim.to_slot:
                capacity[1 + i, 1 + len(claims) + j] = claim.wh
    for j, use in enumerate(uses):
        capacity[1 + len(claims) + j, count - 1] = use.wh
    return int(maximum_flow(csr_matrix(capacity), 0, count - 1).flow_value)


@settings(max_examples=examples(150), deadline=None)
@given(uses_of_two_meters(), some_claims())
def test_nothing_covers_more_than_matching_does(
    uses: list[SlotUse], claims: list[GreenClaim]
) -> None:
    covered = match_claims(uses, claims)
    assert all(0 <= part <= use.wh for part, use in zip(covered, uses, strict=True))
    assert sum(covered) == most_that_can_be_covered(uses, claims)


@settings(max_examples=60, deadline=None)
@given(uses_of_two_meters(), some_claims())
def test_more_claims_never_cover_less_and_order_does_not_matter(
    uses: list[SlotUse], claims: list[GreenClaim]
) -> None:
    assert sum(match_claims(uses, claims[1:])) <= sum(match_claims(uses, claims))
    assert match_claims(uses, claims[::-1]) == match_claims(uses, claims)


def test_noon_sun_does_not_cover_the_evening() -> None:
    uses = [SlotUse(0, 1, 4, 100), SlotUse(1, 2, 4, 100)]
    assert match_claims(uses, [GreenClaim(1, 0, 1, 500)]) == [100, 0]


@pytest.mark.parametrize(
    ("uses", "claims"),
    [
        ([SlotUse(1, 1, 4, 5)], []),
        ([SlotUse(0, 1, 4, -5)], []),
        ([], [GreenClaim(1, 2, 2, 5)]),
        ([], [GreenClaim(1, 1, 2, -5)]),
    ],
)
def test_what_cannot_be_is_refused(uses: list[SlotUse], claims: list[GreenClaim]) -> None:
    with pytest.raises(ValueError, match=r"slot|certificate"):
        match_claims(uses, claims)


# ---- periods -----------------------------------------------------------------------------------


@st.composite
def registers_and_lots(draw: st.DrawFn) -> tuple[list[Generation], list[tuple[int, int]]]:
    committed = sorted(draw(st.sets(st.integers(100, 130), min_size=1)))
    register, lines = 0, []
    for slot in committed:
        register += draw(st.integers(0, 50))
        lines.append(Generation(slot, register))
    starts = draw(st.lists(st.integers(99, 128), max_size=3))
    return lines, [(start, start + draw(st.integers(1, 4))) for start in starts]


@settings(max_examples=examples(150), deadline=None)
@given(registers_and_lots(), st.sampled_from([900, 600, 1800]))
def test_open_periods_are_what_the_contract_would_take(
    given_: tuple[list[Generation], list[tuple[int, int]]], slot_seconds: int
) -> None:
    lines, lots = given_
    at = {line.slot: line.register_wh for line in lines}
    found = open_periods(lines, lots, slot_seconds)
    ends = [(period.from_slot, period.to_slot) for period in found]
    for start, end in ends:
        assert (end - start) * slot_seconds <= 3600
        assert not any(start < b and a < end for a, b in lots)
    for (start, _), (_, end) in pairwise(ends):
        assert end <= start  # newest first, none twice
    assert all(p.wh == at[p.to_slot] - at[p.from_slot] > 0 for p in found)


def test_periods_stay_within_an_hour_of_the_clock() -> None:
    lines = [Generation(slot, 10 * slot) for slot in range(2, 11)]  # slots of 15 minutes
    found = open_periods(lines, [], 900)
    assert [(p.from_slot, p.to_slot, p.wh) for p in found] == [(7, 10, 30), (3, 7, 40), (2, 3, 10)]


def test_periods_stay_within_the_same_terms() -> None:
    lines = [Generation(slot, 10 * slot) for slot in (3, 4, 5, 7)]
    found = open_periods(lines, [], 900, terms_end=[4, 6])
    # What slots 6 and 7 generated cannot be told apart, and belongs to two terms.
    assert [(p.from_slot, p.to_slot) for p in found] == [(4, 5), (3, 4)]


# ---- carbon ------------------------------------------------------------------------------------


def table_document(**changes: Any) -> dict[str, Any]:
    figures = [[100 * month + hour for hour in range(24)] for month in range(12)]
    return {"utc_offset_minutes": 330, "source": "test", "g_per_kwh": figures, **changes}


@given(st.integers(0, 2**40 // 3600))
def test_the_figure_is_that_of_the_middle_of_the_hour(hour: int) -> None:
    if hour > 2_000_000:
        hour %= 2_000_000
    local = datetime.fromtimestamp(hour * 3600 + 1800 + 330 * 60, UTC)
    assert parse_carbon_table(table_document()).at(hour) == 100 * (local.month - 1) + local.hour


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("utc_offset_minutes", 900),
        ("utc_offset_minutes", "330"),
        ("source", ""),
        ("g_per_kwh", [[1] * 24] * 11),
        ("g_per_kwh", [[1] * 23] * 12),
        ("g_per_kwh", [[-1] * 24] * 12),
        ("g_per_kwh", [[1.5] * 24] * 12),
        ("g_per_kwh", None),
    ],
)
def test_a_wrong_table_is_refused_by_field(field: str, value: object) -> None:
    with pytest.raises(CarbonTableError, match=field):
        parse_carbon_table(table_document(**{field: value}))
