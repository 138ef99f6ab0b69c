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
from devices.simulator.world import World, banks_of

PLAN = load_plan()
PROFILES = load_profiles()
SWITCHED = [node.id for node in PLAN.nodes if node.relay]

steps = st.lists(
    st.tuples(
        st.integers(1, 900_000),  # ms
        st.dictionaries(st.sampled_from(SWITCHED), st.booleans(), max_size=4),
        st.dictionaries(st.sampled_from(SWITCHED), st.integers(0, 12_000), max_size=2),
        st.booleans(),
    ),
    min_size=1,
    max_size=30,
)


@given(at_slot=st.integers(0, 4 * 672), soc_bp=st.integers(0, 10_000), steps=steps)
@settings(max_examples=50, deadline=None)
def test_energy_is_conserved_to_the_watt_millisecond(
    at_slot: int, soc_bp: int, steps: list[tuple[int, dict[int, bool], dict[int, int], bool]]
) -> None:
    world = World(PLAN, PROFILES, banks_of(PLAN, soc_bp), at_slot * 900_000)
    for dt_ms, contacts, loads, grid_present in steps:
        world.closed |= contacts
        world.forced_w |= loads
        world.grid_present = grid_present
        charges = {node: bank.charge_ma_ms for node, bank in world.banks.items()}
        world.step(dt_ms)
        for node, bank in world.banks.items():
            moved = charges[node] - bank.charge_ma_ms
            assert moved == bank.current_ma * dt_ms  # nothing lost at either end
            assert world.flows[node].discharged * world.flows[node].charged == 0
        if not grid_present:
            assert world.flows[PLAN.grid.node].lanes() == (0,) * 6
    generated, consumed, exported, imported, charged, discharged = range(6)
    total = world.energy_wms
    grid, batteries = total[PLAN.grid.node], [total[node] for node in world.banks]
    inner = [lanes for node, lanes in total.items() if node not in (PLAN.grid.node, *world.banks)]
    supply = sum(lanes[generated] for lanes in inner) + grid[imported]
    supply += sum(lanes[discharged] for lanes in batteries)
    use = sum(lanes[consumed] for lanes in inner) + grid[exported]
    use += sum(lanes[charged] for lanes in batteries)
    assert supply == use
    for lanes in inner:
        assert lanes[generated] - lanes[consumed] == lanes[exported] - lanes[imported]


def test_registers_of_all_meters_balance_to_the_watt_hour() -> None:
    """Each register loses less than 1 Wh to the next, so n meters are off by less than n."""
    world = World.at_start(PLAN, PROFILES)
    for _ in range(7 * 24 * 60):
        world.step(60_000)
    wh = {node: [lane // 3_600_000 for lane in lanes] for node, lanes in world.energy_wms.items()}
    inner = [wh[n.id] for n in PLAN.nodes if n.kind in ("consumer", "prosumer", "der")]
    grid, banks = wh[PLAN.grid.node], [wh[node] for node in world.banks]
    supply = sum(lanes[2] for lanes in inner) + grid[3] + sum(bank[5] for bank in banks)
    use = sum(lanes[3] for lanes in inner) + grid[2] + sum(bank[4] for bank in banks)
    assert supply > 1_000_000
    assert abs(supply - use) <= len(PLAN.nodes)


def test_without_the_main_grid_a_load_beyond_the_bank_darkens_everything() -> None:
    world = World.at_start(PLAN, PROFILES)
    world.grid_present = False
    world.step(60_000)
    assert not world.dark
    world.forced_w[4] = 30_000
    world.step(60_000)
    assert world.dark
    assert world.voltage_dv(4) == world.current_ma(4) == 0
    world.closed[4] = False
    world.step(60_000)
    assert not world.dark


def test_an_isolated_full_bank_curtails_the_sun() -> None:
    noon = PROFILES.offset_ms("19.04.2016 12:00")
    world = World(PLAN, PROFILES, banks_of(PLAN, 10_000), noon)
    before = sum(flow.generated for flow in world.flows.values())
    world.grid_present = False
    world.step(60_000)
    generated = sum(flow.generated for flow in world.flows.values())
    consumed = sum(flow.consumed for flow in world.flows.values())
    assert generated == consumed < before


def test_an_open_contact_stops_the_load_behind_it() -> None:
    world = World.at_start(PLAN, PROFILES)
    world.closed[54] = False
    world.step(60_000)
    assert world.energy_wms[54] == [0] * 6


def test_the_first_evening_takes_the_bank_below_three_quarters_within_an_hour_and_a_half() -> None:
    world = World.at_start(PLAN, PROFILES)
    assert world.bank.soc_bp > 7_900
    seconds = 0  # of the demonstration's clock, 60 times as fast
    while world.bank.soc_bp > 7_500:
        world.step(60_000)
        seconds += 1
    assert 55 <= seconds <= 90


def test_every_day_of_the_year_falls_below_three_quarters_and_comes_back() -> None:
    world = World.at_start(PLAN, PROFILES)
    lowest, highest = [], []
    for _ in range(28):
        charges = []
        for _ in range(24 * 20):
            world.step(180_000)
            charges.append(world.bank.soc_bp)
        lowest.append(min(charges))
        highest.append(max(charges))
    assert max(lowest) < 7_500
    assert min(lowest) > 800
    assert sum(charge >= 8_000 for charge in highest) >= 20
    assert min(highest) > 5_500


def test_a_suspended_roof_goes_on_exporting() -> None:
    noon = PROFILES.offset_ms("19.04.2016 12:00")
    world = World(PLAN, PROFILES, banks_of(PLAN, 5_000), noon)
    world.closed[7] = False
    world.step(60_000)
    flow = world.flows[7]
    assert flow.consumed == flow.imported == 0
    assert flow.exported == flow.generated > 0


def test_cheap_hours_may_pass_midnight() -> None:
    night = PLAN.grid.model_copy(update={"cheap_from": "23:00", "cheap_until": "05:30"})
    hour = 3_600_000
    cheap = [h for h in range(24) if night.is_cheap(h * hour)]
    assert cheap == [0, 1, 2, 3, 4, 5, 23]
    assert not night.is_cheap(5 * hour + hour // 2)
    day = PLAN.grid.model_copy(update={"cheap_from": "01:00", "cheap_until": "01:00"})
    assert not any(day.is_cheap(h * hour) for h in range(24))


def test_power_follows_straight_lines_between_quarter_hours() -> None:
    first, second = PROFILES.columns["H0-A"][:2]
    assert PROFILES.power_w("H0-A", 10_000, 0) == first
    assert PROFILES.power_w("H0-A", 10_000, 900_000) == second
    assert PROFILES.power_w("H0-A", 20_000, 450_000) == first + second
    last = len(PROFILES.times) * 900_000
    assert PROFILES.power_w("H0-A", 10_000, last) == first
    assert PROFILES.power_w("H0-A", 10_000, 900_000, shift_slots=1) == first


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
