"""The Uno's compiled firmware as the meter of a home of the neighbourhood, in real time."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest
from simulated import running
from uno_board import needs_simulator

from devices.simulator.uno.node import UnoNode

NODE = 12
WITHIN_S = 120.0  # ends a test whose event never comes
MS_PER_WH = 3_600_000


@needs_simulator
def test_it_counts_switches_and_survives(home: Path) -> None:
    """What it counts is the world's load, its relay is the house's contactor, a cut line costs no
    energy, and a board that dies goes on where it was."""

    async def scenario() -> None:
        async with running(home, {NODE}, uno=True, reading_s=1.0) as r:
            n, gateway = r.neighbourhood, r.gateway
            house = gateway.nodes[NODE]
            world, uno = n.world, n.unos[NODE]
            world.forced_w[NODE] = 4_000
            async with gateway.attached(home / f"node{NODE}.tty"):
                await gateway.until(lambda: len(house.readings) >= 2, WITHIN_S)
                assert world.closed[NODE]
                first, began = house.readings[-1].registers[3], world.energy_wms[NODE][3]
                await gateway.until(
                    lambda: house.readings[-1].registers[3] - first >= 250, WITHIN_S
                )
                flowed = (world.energy_wms[NODE][3] - began) / MS_PER_WH
                counted = house.readings[-1].registers[3] - first
                # It counts once a second; its time may be slower than the world's, never faster.
                assert counted <= 1.05 * flowed + 140
                assert house.readings[-1].values[8] == pytest.approx(4_000, rel=0.02)

                r.faults(NODE).set_down(True)
                await asyncio.sleep(0.3)
                told = len(house.readings)
                world.forced_w[NODE] = 0
                await asyncio.sleep(1.2)
                assert len(house.readings) == told
                r.faults(NODE).set_down(False)

                await gateway.command(NODE, 1 << 40 | NODE, 0, 0)
                await gateway.until(lambda: house.acks, WITHIN_S)
                await r.until(lambda: not world.closed[NODE])

                before, boot = house.readings[-1], house.newest[0]
                assert uno.board is not None
                assert uno.board.pid is not None
                os.kill(uno.board.pid, signal.SIGKILL)
                await gateway.until(lambda: house.newest[0] == boot + 1, WITHIN_S)
                await gateway.until(lambda: house.readings[-1].boot == boot + 1, WITHIN_S)
                assert house.readings[-1].registers[3] >= before.registers[3]
                assert not world.closed[NODE]
                assert uno.starts == 2
                assert gateway.seen["quarantined_backward"] == 0

    asyncio.run(scenario())


def test_a_home_goes_on_where_its_registers_are(home: Path) -> None:
    """Registers on Python stay there; an Uno's go on on Python where the tools are gone."""

    async def on_uno(wanted: bool) -> bool:
        async with running(home, {NODE}, uno=wanted) as r:
            assert (NODE in r.neighbourhood.unos) is not (NODE in r.neighbourhood.meters)
            return NODE in r.neighbourhood.unos

    eeprom = UnoNode.eeprom_of(home, NODE)
    kept = home / f"{NODE}.nvm.json"
    kept.write_text(json.dumps({"boot": 3, "energy_wms": [0] * 6}))
    assert not asyncio.run(on_uno(True))
    eeprom.touch()
    assert not asyncio.run(on_uno(False))
    assert not eeprom.exists()
    assert not asyncio.run(on_uno(True))
