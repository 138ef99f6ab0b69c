"""The rule that says which car charges and which gives: by cases, and by what must always hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backend.dispatch import CarState, Direction, GridNeed, GridState, decide, soc_range
from backend.dispatch.v2g import SLACK_SLOTS, drawn_up, is_due, slots_needed_up

EFFICIENCY = 8_500
MOST = 1_750


def car(session_id: int = 1, **changes: object) -> CarState:
    figures: dict[str, object] = {
        "session_id": session_id,
        "soc_wh": 20_000,
        "capacity_wh": 40_000,
        "reserve_wh": 12_000,
        "target_wh": 0,
        "slots_left": 40,
        "max_charge_wh": MOST,
        "max_discharge_wh": MOST,
        "most_charge_wh": 100_000,
    }
    return CarState(**(figures | changes))  # type: ignore[arg-type]


def decided(need: int, state: GridState, *cars: CarState) -> list[tuple[Direction, int, int]]:
    found = decide(GridNeed(need, state), cars, efficiency_bps=EFFICIENCY, slots=2, least_wh=300)
    assert [one.session_id for one in found] == [one.session_id for one in cars]
    return [(one.direction, one.wh_per_slot, one.slots) for one in found]


IDLE = (Direction.IDLE, 0, 0)


def test_surplus_goes_to_whoever_has_least_time_to_spare() -> None:
    leaves_soon = car(2, target_wh=26_000, slots_left=9)
    assert decided(-2_500, GridState.SURPLUS, car(1), leaves_soon) == [
        (Direction.CHARGE, 750, 2),
        (Direction.CHARGE, MOST, 2),
    ]


def test_without_targets_the_emptier_comes_first() -> None:
    found = decided(-2_000, GridState.SURPLUS, car(1), car(2, soc_wh=10_000))
    assert found == [IDLE, (Direction.CHARGE, MOST, 2)]


def test_a_full_car_a_poor_one_and_a_dear_price_rest() -> None:
    full = car(1, soc_wh=40_000)
    poor = car(2, most_charge_wh=100)
    dear = car(3, price_ok=False)
    assert decided(-9_000, GridState.SURPLUS, full, poor, dear) == [IDLE] * 3


def test_a_departure_that_cannot_wait_is_served_under_stress() -> None:
    due = car(1, target_wh=26_000, slots_left=7)
    assert is_due(due, EFFICIENCY)
    assert decided(3_000, GridState.STRESS, due) == [(Direction.CHARGE, MOST, 2)]
    assert not is_due(car(1, target_wh=26_000, slots_left=8), EFFICIENCY)


def test_under_stress_whoever_has_most_to_spare_gives() -> None:
    found = decided(2_000, GridState.STRESS, car(1), car(2, soc_wh=36_000))
    assert found == [IDLE, (Direction.DISCHARGE, MOST, 2)]
    assert decided(2_500, GridState.STRESS, car(1), car(2, soc_wh=36_000))[0] == (
        Direction.DISCHARGE, 750, 2,
    )  # fmt: skip


def test_nobody_gives_below_the_reserve_for_too_little_or_past_the_target() -> None:
    low = car(1, soc_wh=12_300)
    cheap = car(2, reward_ok=False)
    bound = car(3, target_wh=20_000, slots_left=5)
    assert decided(9_000, GridState.STRESS, low, cheap, bound)[:2] == [IDLE, IDLE]
    (_, _, (way, wh, slots)) = decided(9_000, GridState.STRESS, low, cheap, bound)
    drawn = drawn_up(wh * slots, EFFICIENCY)
    assert way in (Direction.IDLE, Direction.DISCHARGE)
    needed = slots_needed_up(bound, bound.soc_wh - drawn, EFFICIENCY)
    assert needed == 0 or needed + SLACK_SLOTS <= bound.slots_left - slots


def test_a_balanced_grid_leaves_cars_alone() -> None:
    assert decided(200, GridState.BALANCED, car(1), car(2)) == [IDLE, IDLE]


ENERGY = st.integers(0, 80_000)
CARS = st.lists(
    st.builds(
        CarState,
        session_id=st.integers(1, 10**6),
        soc_wh=st.integers(0, 40_000),
        capacity_wh=st.just(40_000),
        reserve_wh=st.integers(0, 40_000),
        target_wh=st.integers(0, 40_000),
        slots_left=st.integers(0, 60),
        max_charge_wh=st.integers(0, 3_000),
        max_discharge_wh=st.integers(0, 3_000),
        most_charge_wh=ENERGY,
        pending_charge_wh=st.integers(0, 4_000),
        pending_discharge_wh=st.integers(0, 4_000),
    ),
    max_size=6,
    unique_by=lambda one: one.session_id,
)


@given(cars=CARS, need=st.integers(-9_000, 9_000))
def test_what_is_intended_is_what_the_contract_allows(cars: list[CarState], need: int) -> None:
    state = (
        GridState.STRESS if need >= 1_300
        else GridState.SURPLUS if need <= -500
        else GridState.BALANCED
    )  # fmt: skip
    found = decide(GridNeed(need, state), cars, efficiency_bps=EFFICIENCY, slots=2, least_wh=300)
    given_wh = taken_wh = 0
    for one, intent in zip(cars, found, strict=True):
        total = intent.wh_per_slot * intent.slots
        assert 0 <= intent.slots <= one.slots_left
        if intent.direction is Direction.CHARGE:
            assert 0 < intent.wh_per_slot <= one.max_charge_wh
            assert state is GridState.SURPLUS or is_due(one, EFFICIENCY)
            taken_wh += intent.wh_per_slot if state is GridState.SURPLUS else 0
        elif intent.direction is Direction.DISCHARGE:
            assert state is GridState.STRESS
            assert intent.wh_per_slot <= one.max_discharge_wh
            drawn = drawn_up(one.pending_discharge_wh + total, EFFICIENCY)
            assert drawn <= one.soc_wh - one.reserve_wh
            given_wh += intent.wh_per_slot
        else:
            assert total == 0
    assert given_wh <= max(0, need)
    assert taken_wh <= max(0, -need)


@given(before=st.integers(0, 40_000), charged=ENERGY, given=ENERGY)
def test_a_battery_stays_between_empty_and_full(before: int, charged: int, given: int) -> None:
    low, high = soc_range(before, charged, given, EFFICIENCY, 40_000)
    assert 0 <= low <= high <= 40_000
