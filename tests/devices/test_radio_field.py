"""The neighbourhood's radio field: compiled firmware in real time, in the simulated world."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from field_gateway import Sender
from simulated import running
from wasm_kit import needs_boards

from devices.esp32 import frame, ways
from devices.esp32.mesh import STATUS

pytestmark = [needs_boards, pytest.mark.nightly]  # four processes in real time
WITHIN_S = 120.0


def transport(sender: Sender) -> int | None:
    """What a node said last of the way it takes."""
    told = [content for kind, content in sender.mesh if kind == STATUS]
    return told[-1][5] if told else None


def test_radio_nodes_live_in_the_world(home: Path) -> None:
    """A meter two hops away counts what its house draws, a relay board moves its contacts, a
    battery monitor sees the bank; all of it through one cable."""

    async def scenario() -> None:
        async with running(
            home, {3, 5, 13, 100}, boards="compiled", reading_s=1.0, battery_reading_s=1.0
        ) as r:
            n, gateway = r.neighbourhood, r.gateway
            assert n.field is not None
            n.world.forced_w[13] = 3_000
            await r.until((home / "node100.tty").exists)
            async with gateway.attached(home / "node100.tty"):
                three, five, house = gateway.nodes[3], gateway.nodes[5], gateway.nodes[13]
                await gateway.until(lambda: house.readings and five.hellos, WITHIN_S)
                assert house.readings[0].registers == (0, 0, 0, 0, 0, 0)
                assert not n.world.closed[13]  # on request

                await gateway.command(13, 1 << 40 | 13, 0, 1)
                await gateway.until(lambda: house.acks, WITHIN_S)
                await gateway.until(lambda: house.readings[-1].registers[3] > 50, WITHIN_S)
                assert house.readings[-1].registers[1] == house.readings[-1].registers[3]
                await r.until(lambda: n.world.closed[13])
                n.world.forced_w[13] = 0
                await gateway.until(
                    lambda: list(house.readings[-1].registers) == n.field.nodes[13].registers(),  # type: ignore[union-attr]
                    WITHIN_S,
                )

                n.set_charge(n.plan.battery, 5_000)
                await gateway.until(
                    lambda: abs(three.readings[-1].values[frame.SOC_BP] - 5_000) < 300, WITHIN_S
                )
                closed = n.world.closed[54]
                await gateway.command(5, 1 << 40 | 54, 3, int(not closed))
                await gateway.until(lambda: five.acks, WITHIN_S)
                await r.until(lambda: n.world.closed[54] is not closed)  # the world's next step

                n.field.jam(True)  # the power line takes over
                await gateway.until(lambda: transport(house) == ways.POWER_LINE, WITHIN_S)
                before = house.readings[-1].registers[3]
                n.world.forced_w[13] = 3_000
                await gateway.until(lambda: house.readings[-1].registers[3] > before, WITHIN_S)
                n.field.jam(False)
                await gateway.until(lambda: transport(house) == ways.ESP_NOW, WITHIN_S)

    asyncio.run(scenario())
