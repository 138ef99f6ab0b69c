"""What simulated batteries' nodes report beside what their banks hold, day after day."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from simulated import running

from devices.simulator.monitor import Monitor, Sensors, commissioned, sensors_of
from devices.simulator.plan import load_plan
from devices.simulator.profiles import load_profiles
from devices.simulator.world import World

PLAN = load_plan()
PROFILES = load_profiles()
STEP_MS = 60_000
"""As a board looks in the demonstration: each second, sixty times as fast."""


def test_both_banks_are_known_within_the_bound_for_days() -> None:
    """Claims: within 8 % for a bank that is never full, 1.5 % once it was full twice."""
    world = World.at_start(PLAN, PROFILES)
    monitors = {one.node: Monitor(one, world.banks[one.node], 0, None) for one in PLAN.batteries}
    worst = dict.fromkeys(monitors, 0)
    for _ in range(5 * 24 * 60):
        world.step(STEP_MS)
        for node, monitor in monitors.items():
            seen = monitor.look(world.lived_ms, world.temperature_dc(node))
            worst[node] = max(worst[node], abs(seen - world.soc_bp_of(node)))
    assert set(worst) == {3, 15}
    assert max(worst.values()) <= 800, worst


def test_sensors_err_within_what_the_claim_says_and_always_alike() -> None:
    world = World.at_start(PLAN, PROFILES)
    for battery in PLAN.batteries:
        one, other = sensors_of(battery), sensors_of(battery)
        assert abs(one.current_gain_pm) <= 8
        assert abs(one.voltage_offset_mv) <= 40
        bank = world.banks[battery.node]
        assert one.voltage_mv(bank) == other.voltage_mv(bank) != bank.terminal_mv
    assert {abs(Sensors(seed, 400_000).current_offset_ma) > 800 for seed in range(50)} == {False}


def test_a_restart_costs_no_more_than_half_a_percent() -> None:
    world = World.at_start(PLAN, PROFILES)
    battery = PLAN.battery
    monitor = Monitor(battery, world.bank, 0, None)
    for _ in range(20):
        world.step(STEP_MS)
        before = monitor.look(world.lived_ms, 280)
    again = Monitor(battery, world.bank, world.lived_ms, monitor.state())
    assert abs(again.look(world.lived_ms, 280) - before) <= 60
    again.commission(2_000)
    assert abs(again.look(world.lived_ms, 280) - 2_000) <= 1
    assert commissioned(2_000) == [2_000, 0]


@pytest.mark.parametrize("battery", PLAN.batteries, ids=lambda one: str(one.id))
def test_the_reading_is_the_monitors_and_not_the_truth(home: Path, battery) -> None:  # type: ignore[no-untyped-def]
    async def scenario() -> None:
        async with running(home, {battery.node}) as r:
            sender, world = r.gateway.nodes[battery.node], r.neighbourhood.world
            await r.gateway.until(lambda: len(sender.readings) >= 5)
            told = sender.readings[-1].values
            meter = r.neighbourhood.meters[battery.node]
            assert meter.monitor is not None
            assert abs(told[11] - world.soc_bp_of(battery.node)) <= 800
            assert told[6] in range(480, 580)
            r.neighbourhood.set_charge(battery, 3_000)
            await r.gateway.until(lambda: abs(sender.readings[-1].values[11] - 3_000) < 300)
        kept = (home / f"{battery.node}.nvm.json").read_text()
        assert '"battery": [' in kept

    asyncio.run(scenario())


def test_a_board_on_the_air_counts_its_bank_and_is_told_a_new_one(home: Path) -> None:
    async def scenario() -> None:
        nodes = {PLAN.battery.node, 100}
        async with running(home, nodes, boards="python", reading_s=1.0, battery_reading_s=1.0) as r:
            n, sender = r.neighbourhood, r.gateway.nodes[PLAN.battery.node]
            await r.until((home / "node100.tty").exists)
            async with r.gateway.attached(home / "node100.tty"):
                await r.gateway.until(lambda: sender.readings)
                told = sender.readings[-1].values
                assert abs(told[11] - n.world.soc_bp) <= 800
                assert told[6] in range(480, 580)
                n.set_charge(PLAN.battery, 3_000)
                await r.gateway.until(lambda: abs(sender.readings[-1].values[11] - 3_000) < 300)
                assert n.field is not None
                assert n.field.nodes[PLAN.battery.node].board.starts == 1

    asyncio.run(scenario())
