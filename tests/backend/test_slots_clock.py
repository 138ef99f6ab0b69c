"""Slots and seconds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.oracle.clock import SlotClock

CLOCKS = st.integers(1, 86_400).map(SlotClock)
TIMES = st.floats(0, 2**33, allow_nan=False)


@given(CLOCKS, TIMES)
def test_a_moment_lies_in_its_slot(clock: SlotClock, time_s: float) -> None:
    slot = clock.slot_at(time_s)
    assert clock.start(slot) <= time_s < clock.end(slot)


@given(CLOCKS, TIMES)
def test_the_latest_slot_over_is_over_and_the_next_is_not(clock: SlotClock, time_s: float) -> None:
    latest = clock.latest_over(time_s)
    assert clock.end(latest) <= time_s < clock.end(latest + 1)


@given(CLOCKS, st.floats(1e6, 2**33), st.floats(0, 1_000))
def test_a_slot_is_closed_not_before_its_grace_is_over(
    clock: SlotClock, time_s: float, grace_s: float
) -> None:
    slot = clock.to_close(time_s, grace_s, newest_closed=0)
    if slot is not None:
        assert clock.end(slot) + grace_s <= time_s + 1e-6
        assert clock.to_close(time_s, grace_s, newest_closed=slot) is None


@given(CLOCKS, st.floats(1e6, 2**33), st.floats(0, 1_000))
def test_waiting_as_told_makes_the_next_slot_due(
    clock: SlotClock, time_s: float, grace_s: float
) -> None:
    closed = clock.latest_over(time_s - grace_s)
    wait = clock.seconds_until_due(time_s, grace_s)
    assert 0 < wait <= clock.slot_seconds + 1e-6
    assert clock.to_close(time_s + wait + 1e-3, grace_s, closed) == closed + 1


def test_after_downtime_only_the_newest_slot_is_closed() -> None:
    clock = SlotClock(15)
    assert clock.to_close(10_000 * 15 + 3, 2.0, newest_closed=9_000) == 9_999


def test_a_slot_needs_a_length() -> None:
    with pytest.raises(ValueError, match="slot_seconds"):
        SlotClock(0)
