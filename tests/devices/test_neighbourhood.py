"""Nodes at work over HTTP, against a gateway written to docs/frame.md."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest
from field_gateway import Gateway
from simulated import PLAN, key_of, neighbourhood, running

from devices.esp32 import frame
from devices.simulator.memory import DamagedMemory
from devices.simulator.neighbourhood import NeighbourhoodError


def test_readings_arrive_and_their_registers_are_the_meters(home: Path) -> None:
    async def scenario() -> None:
        async with running(home, {2, 4}) as r:
            house = r.gateway.nodes[4]
            await r.gateway.until(lambda: len(house.readings) >= 20)
            r.faults(4).set_down(True)
            firmware = r.neighbourhood.meters[4].firmware
            newest = house.readings[-1]
            assert newest.registers[1] == newest.registers[3] > 0
            assert newest.registers[1] <= firmware.register_wh(1) <= newest.registers[1] + 50
            assert [reading.was_delta for reading in house.readings[:3]] == [False, True, True]
            assert sum(not reading.was_delta for reading in house.readings[:32]) <= 2
            assert abs(newest.time - time.time()) <= 2
            assert len(house.hellos) == 1
            plant = r.gateway.nodes[2].readings[-1]
            assert plant.registers[0] == plant.registers[2]
            assert set(r.gateway.seen) == {"accepted"}

    asyncio.run(scenario())


def test_a_command_moves_the_relay_and_the_load_and_is_acknowledged(home: Path) -> None:
    async def scenario() -> None:
        async with running(home, {5}) as r:
            world, board = r.neighbourhood.world, r.gateway.nodes[5]
            assert sorted(r.neighbourhood.meters) == [5, 51, 52, 53, 54]
            await r.gateway.until(lambda: board.polls)
            await r.gateway.command(5, 54 << 40 | 1, 3, 0)
            await r.gateway.until(lambda: board.acks)
            command_id, pin, closed, result, wh = board.acks[0]
            assert (command_id, pin, closed, result) == (54 << 40 | 1, 3, 0, frame.ACK_APPLIED)
            assert wh == r.neighbourhood.meters[54].firmware.register_wh(3)
            await r.until(lambda: world.flows[54].consumed == 0)
            await r.gateway.command(5, 54 << 40 | 2, 3, 1)
            await r.gateway.until(lambda: len(board.acks) == 2)
            assert world.closed[54]
            assert not board.readings  # a board is no metering point

    asyncio.run(scenario())


def test_a_repeated_command_is_acknowledged_again(home: Path) -> None:
    async def scenario() -> None:
        async with running(home, {4}) as r:
            house = r.gateway.nodes[4]
            made = await r.gateway.command(4, 9, 0, 0)
            await r.gateway.until(lambda: len(house.acks) == 1)
            await r.gateway.repeat(4, made)
            await r.gateway.until(lambda: len(house.acks) == 2)
            assert house.acks[0] == house.acks[1]

    asyncio.run(scenario())


def test_supply_is_cut_at_its_register(home: Path) -> None:
    async def scenario() -> None:
        async with running(home, {13}) as r:
            r.neighbourhood.world.forced_w[13] = 6_000
            house = r.gateway.nodes[13]
            await r.gateway.command(13, 1, 0, 1, cutoff_wh=60)
            await r.gateway.until(lambda: len(house.acks) == 2)
            assert house.acks[0][2:4] == (1, frame.ACK_APPLIED)
            assert house.acks[1][:4] == (1, 0, 0, frame.ACK_CUTOFF)
            step_wh = 6_000 * 60 * 0.05 / 3600  # 50 ms of the demonstration's clock
            assert 60 <= house.acks[1][4] <= 60 + 2 * step_wh
            assert not r.neighbourhood.world.closed[13]

    asyncio.run(scenario())


def test_over_current_opens_the_contact_without_the_gateway(home: Path) -> None:
    async def scenario() -> None:
        async with running(home, {4}) as r:
            house = r.gateway.nodes[4]
            await r.gateway.until(lambda: house.readings)
            r.faults(4).set_down(True)
            r.neighbourhood.world.forced_w[4] = 20_000
            await r.until(lambda: not r.neighbourhood.world.closed[4])
            assert house.events == []
            r.faults(4).set_down(False)
            await r.gateway.until(lambda: house.events and house.acks)
            assert house.events[0][:2] == (frame.EVENT_OVER_CURRENT, 0)
            assert house.acks[0][:4] == (0, 0, 0, frame.ACK_REFUSED)

    asyncio.run(scenario())


def test_silence_brings_fail_safe_and_the_link_ends_it(home: Path) -> None:
    async def scenario() -> None:
        async with running(home, {5}, fail_safe_s=1.0) as r:
            world, board = r.neighbourhood.world, r.gateway.nodes[5]
            await r.gateway.until(lambda: board.polls)
            assert world.closed[51]
            assert world.closed[54]
            r.faults(5).set_down(True)
            await r.until(lambda: not world.closed[54])
            assert world.closed[51]  # the lift's fail-safe state is closed
            r.faults(5).set_down(False)
            await r.gateway.until(lambda: len(board.acks) >= 2)
            assert world.closed[54]
            assert [(ack[0], ack[2], ack[3]) for ack in board.acks[:2]] == [
                (0, 0, frame.ACK_FAIL_SAFE),
                (0, 1, frame.ACK_APPLIED),
            ]

    asyncio.run(scenario())


def test_an_outage_loses_no_energy_and_old_readings_follow(home: Path) -> None:
    async def scenario() -> None:
        async with running(home, {4}) as r:
            house = r.gateway.nodes[4]
            await r.gateway.until(lambda: len(house.readings) >= 3)
            r.faults(4).set_down(True)
            known = len(house.readings)
            outbox = r.neighbourhood.meters[4].firmware.outbox
            await r.until(lambda: len(outbox) >= 20)
            r.faults(4).set_down(False)
            await r.gateway.until(lambda: len(house.readings) >= known + 20)
            times = [reading.time for reading in house.readings]
            assert times == sorted(times)
            assert outbox.dropped == 0
            assert set(r.gateway.seen) <= {"accepted", "duplicate"}

    asyncio.run(scenario())


@pytest.mark.parametrize("trouble", ["busy", "silent"])
def test_a_gateway_in_trouble_gets_everything_later(home: Path, trouble: str) -> None:
    async def scenario() -> None:
        async with running(home, {4}) as r:
            house = r.gateway.nodes[4]
            outbox = r.neighbourhood.meters[4].firmware.outbox
            await r.gateway.until(lambda: house.readings)
            setattr(r.gateway, trouble, True)
            await r.until(lambda: len(outbox) >= 10)
            known = len(house.readings)
            setattr(r.gateway, trouble, False)
            await r.gateway.until(lambda: len(house.readings) >= known + 10)

    asyncio.run(scenario())


def test_a_bad_link_costs_no_energy_and_books_nothing_twice(home: Path) -> None:
    async def scenario() -> None:
        async with running(home, {2, 4, 7}) as r:
            for node_id in (2, 4, 7):
                faults = r.faults(node_id)
                faults.loss_pm, faults.duplicate_pm, faults.reorder_pm = 250, 250, 250
            houses = [r.gateway.nodes[n] for n in (2, 4, 7)]
            await r.gateway.until(lambda: all(len(h.readings) >= 25 for h in houses))
            assert r.gateway.seen["quarantined_backward"] == 0
            assert r.gateway.seen["duplicate"] + r.gateway.seen["reordered"] > 0
            for node_id, house in zip((2, 4, 7), houses, strict=True):
                faults = r.faults(node_id)
                faults.loss_pm = faults.duplicate_pm = faults.reorder_pm = 0
                firmware = r.neighbourhood.meters[node_id].firmware
                counted = [firmware.register_wh(i) for i in range(6)]
                await r.gateway.until(
                    lambda house=house, counted=counted: all(
                        new >= old
                        for new, old in zip(house.readings[-1].registers, counted, strict=True)
                    )
                )
                for reading, after in zip(house.readings, house.readings[1:], strict=False):
                    assert (reading.boot, reading.sequence) < (after.boot, after.sequence)
                    assert all(
                        a <= b for a, b in zip(reading.registers, after.registers, strict=True)
                    )

    asyncio.run(scenario())


def test_a_gateway_that_forgot_the_keyframe_gets_one(home: Path) -> None:
    async def scenario() -> None:
        async with running(home, {4}) as r:
            house = r.gateway.nodes[4]
            await r.gateway.until(lambda: len(house.readings) >= 3)
            house.keyframe = None
            await r.gateway.until(lambda: r.gateway.seen["missing_keyframe"])
            known = len(house.readings)
            await r.gateway.until(lambda: len(house.readings) > known)
            assert not house.readings[known].was_delta

    asyncio.run(scenario())


def test_a_clock_ahead_is_set_by_the_gateway(home: Path) -> None:
    async def scenario() -> None:
        async with running(home, {4}) as r:
            firmware, house = r.neighbourhood.meters[4].firmware, r.gateway.nodes[4]
            await r.gateway.until(lambda: house.readings)
            firmware.clock_offset_ms = 3_600_000
            await r.gateway.until(lambda: r.gateway.seen["future_time"])
            await r.until(lambda: firmware.clock_set and abs(firmware.clock_offset_ms) < 2_000)
            known = len(house.readings)
            await r.gateway.until(lambda: len(house.readings) > known + 2)
            assert abs(house.readings[-1].time - time.time()) <= 2

    asyncio.run(scenario())


def test_an_overtaken_poll_is_asked_again(home: Path) -> None:
    async def scenario() -> None:
        async with running(home, {4}, fail_safe_s=3.0) as r:
            house = r.gateway.nodes[4]
            await r.gateway.until(lambda: house.polls)
            house.newest = (house.newest[0], house.newest[1] + 50)  # as if frames had overtaken it
            await r.gateway.until(lambda: len(house.polls) >= 2)
            await r.gateway.command(4, 9, 0, 0)
            await r.gateway.until(lambda: house.acks)

    asyncio.run(scenario())


def test_a_restart_goes_on_with_higher_boots_and_no_register_back(home: Path) -> None:
    async def scenario() -> None:
        gateway = Gateway({node.id: key_of(node.id) for node in PLAN.nodes})
        async with gateway.serving():
            for boot in (1, 2, 3):
                async with neighbourhood(home, gateway, {4}) as n:
                    house = gateway.nodes[4]
                    await gateway.until(
                        lambda house=house, boot=boot: (
                            house.newest[0] == boot and house.readings[-1].boot == boot
                        )
                    )
                    known = len(house.readings)
                    await gateway.until(
                        lambda house=house, known=known: len(house.readings) > known + 5
                    )
                    assert n.world.bank.soc_bp <= 8450
            assert gateway.seen["quarantined_backward"] == 0
            assert json.loads((home / "4.nvm.json").read_text())["boot"] == 3

    asyncio.run(scenario())


def test_the_neighbourhood_remembers_its_time_and_charge(home: Path) -> None:
    async def scenario() -> tuple[int, int]:
        gateway = Gateway({})
        async with gateway.serving(), neighbourhood(home, gateway, {4}) as n:
            await asyncio.sleep(0.5)
            return n.world.at_ms, n.world.bank.charge_ma_ms

    first_ms, first_charge = asyncio.run(scenario())
    again_ms, again_charge = asyncio.run(scenario())
    assert again_ms > first_ms
    assert again_charge < first_charge


def test_the_demonstration_cell_loses_a_percent_a_second_and_outlet(home: Path) -> None:
    async def scenario() -> None:
        async with running(home, {3, 5}, demonstration=True) as r:
            world = r.neighbourhood.world
            assert world.soc_bp == 10_000
            await r.until(lambda: world.soc_bp < 10_000)
            assert world.soc_bp == 9_700  # lift, pump and laundry are on, nobody asked for the hall
            await r.gateway.until(lambda: r.gateway.nodes[3].readings[-1].values[11] < 10_000)
            assert r.gateway.nodes[3].readings[-1].registers == (0,) * 6

    asyncio.run(scenario())


# ---- what cannot start ---------------------------------------------------------------------------


def start_only(home: Path, nodes: set[int]) -> None:
    async def scenario() -> None:
        gateway = Gateway({})
        gateway.url = "http://127.0.0.1:1"
        async with neighbourhood(home, gateway, nodes):
            pass

    asyncio.run(scenario())


def test_a_missing_key_is_named(home: Path) -> None:
    (home / "4.key").unlink()
    with pytest.raises(NeighbourhoodError, match=r"4\.key.*provision the node first"):
        start_only(home, {4})


@pytest.mark.parametrize("content", ["", "xyz", "00" * 31])
def test_a_bad_key_is_named(home: Path, content: str) -> None:
    (home / "4.key").write_text(content)
    with pytest.raises(NeighbourhoodError, match="64 hex digits"):
        start_only(home, {4})


def test_an_unknown_node_is_named(home: Path) -> None:
    with pytest.raises(NeighbourhoodError, match="--nodes: 6, 99"):
        start_only(home, {4, 6, 99})


@pytest.mark.parametrize("content", ["{", "[]", '"x"'])
def test_a_damaged_memory_is_not_taken_for_a_new_one(home: Path, content: str) -> None:
    (home / "4.nvm.json").write_text(content)
    with pytest.raises(DamagedMemory, match=r"4\.nvm\.json"):
        start_only(home, {4})


def test_a_slots_registers_belong_together(home: Path) -> None:
    """All nodes read at one moment before a slot ends, so that the slot's energy balances."""
    slot_s = 3

    async def scenario() -> None:
        http = {node.id for node in PLAN.nodes if node.transport != "serial"}
        async with running(home, http, slot_seconds=float(slot_s), reading_s=1.2) as r:
            r.neighbourhood.world.forced_w[12] = 0  # nobody reads its line here
            metering = [n for n in http if PLAN.node(n).kind != "board"]
            first = int(time.time()) // slot_s + 1
            end = (first + 2) * slot_s
            await r.gateway.until(
                lambda: all(
                    r.gateway.nodes[n].readings[-1:] and r.gateway.nodes[n].readings[-1].time >= end
                    for n in metering
                ),
                20,
            )

            def at(slot_end: int, node_id: int) -> tuple[int, ...]:
                readings = r.gateway.nodes[node_id].readings
                return next(x.registers for x in reversed(readings) if x.time < slot_end)

            for slot in (first, first + 1):
                supply = use = 0
                for n in metering:
                    begun, ended = at(slot * slot_s, n), at((slot + 1) * slot_s, n)
                    _, _, exported, imported, charged, discharged = (
                        new - old for new, old in zip(ended, begun, strict=True)
                    )
                    if n == PLAN.grid.node:  # import comes from the main grid into the feeder
                        exported, imported = imported, exported
                    supply += exported + discharged
                    use += imported + charged
                assert supply > 500
                assert abs(supply - use) <= 2 * len(metering)

    asyncio.run(scenario())
