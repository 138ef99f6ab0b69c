"""The simulated physics: energy is conserved whatever is switched; the bank stays within itself."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.simulator.battery import (
    Bank,
    DemonstrationCell,
    adc_millivolts,
    open_circuit_mv,
    percentage,
)
from devices.simulator.plan import Plan, load_plan
from devices.simulator.profiles import load_profiles
from devices.simulator.world import World

PLAN = load_plan()
PROFILES = load_profiles()
SWITCHED = [node.id for node in PLAN.nodes if node.relay]

steps = st.lists(
    st.tuples(
        st.integers(1, 900_000),  # ms
        st.dictionaries(st.sampled_from(SWITCHED), st.booleans(), max_size=4),
        st.dictionaries(st.sampled_from(SWITCHED), st.integers(0, 12_000), max_size=2),
    ),
    min_size=1,
    max_size=30,
)


@given(at_slot=st.integers(0, 4 * 672), soc_bp=st.integers(0, 10_000), steps=steps)
@settings(max_examples=50, deadline=None)
def test_energy_is_conserved_to_the_watt_millisecond(
    at_slot: int, soc_bp: int, steps: list[tuple[int, dict[int, bool], dict[int, int]]]
) -> None:
    bank = Bank.of_energy(PLAN.battery.capacity_wh, soc_bp)
    world = World(PLAN, PROFILES, bank, at_slot * 900_000)
    for dt_ms, contacts, loads in steps:
        world.closed |= contacts
        world.forced_w |= loads
        world.step(dt_ms)
        assert 0 <= world.bank.soc_bp <= 10_000
    generated, consumed, exported, imported, charged, discharged = range(6)
    total = world.energy_wms
    grid, battery = total[PLAN.grid.node], total[PLAN.battery.node]
    inner = [
        lanes for node, lanes in total.items() if node not in (PLAN.grid.node, PLAN.battery.node)
    ]
    supply = sum(lanes[generated] for lanes in inner) + grid[imported] + battery[discharged]
    use = sum(lanes[consumed] for lanes in inner) + grid[exported] + battery[charged]
    assert supply == use
    for lanes in inner:
        assert lanes[generated] - lanes[consumed] == lanes[exported] - lanes[imported]


def test_an_open_contact_stops_the_load_behind_it() -> None:
    world = World.at_start(PLAN, PROFILES)
    world.closed[54] = False
    world.step(60_000)
    assert world.energy_wms[54] == [0] * 6


def test_the_first_evening_takes_the_bank_below_three_quarters_within_an_hour_and_a_half() -> None:
    world = World.at_start(PLAN, PROFILES)
    assert world.bank.soc_bp > 7_900
    for _ in range(15 * 90):
        world.step(6_000)
    assert world.bank.soc_bp < 7_500


def test_a_day_of_sun_brings_it_back() -> None:
    world = World.at_start(PLAN, PROFILES)
    for _ in range(24 * 60):
        world.step(60_000)
    assert world.bank.soc_bp > 8_000


def test_voltage_sags_under_load_and_the_bank_warms() -> None:
    bank = Bank.of_energy(60_000, 5_000)
    bank.step(15_000, 60_000)
    assert bank.terminal_mv < open_circuit_mv(bank.soc_bp)
    assert bank.temperature_mk > 0
    bank.step(-15_000, 60_000)
    assert bank.terminal_mv > open_circuit_mv(bank.soc_bp)


def test_a_cycle_loses_energy() -> None:
    bank = Bank.of_energy(60_000, 5_000)
    bank.step(10_000, 3_600_000)
    bank.step(-10_000, 3_600_000)
    assert bank.soc_bp < 5_000


def test_adc_reads_the_cell() -> None:
    assert adc_millivolts(4095) == 6600
    assert adc_millivolts(0) == 0
    assert adc_millivolts(1023, full_scale=1023) == 6600
    assert adc_millivolts(2048, calibration_mv=-12) == 3288
    with pytest.raises(ValueError, match=r"reading: 4096 is outside 0\.\.4095"):
        adc_millivolts(4096)


@pytest.mark.parametrize(
    ("millivolts", "expected"),
    [(2000, 0), (2800, 0), (2814, 1), (3500, 50), (4200, 100), (4300, 100)],
)
def test_percentage_is_linear_and_an_empty_battery_reads_zero(
    millivolts: int, expected: int
) -> None:
    assert percentage(millivolts) == expected


def test_the_demonstration_cell_never_goes_below_empty() -> None:
    cell = DemonstrationCell(5)
    assert [cell.tick(4), cell.tick(3)] == [1, 0]


def test_a_plan_with_two_relays_on_one_pin_is_refused() -> None:
    spoiled = PLAN.model_dump(by_alias=True)
    for node in spoiled["node"]:
        if node["outlet"]:
            node["outlet"]["pin"] = 0
    with pytest.raises(ValueError, match="share a board and a pin"):
        Plan.model_validate(spoiled)
