"""The compiled firmware on MicroPython for WebAssembly, one process a board, over the simulated air."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path

import pytest
from wasm_kit import HUB, SECRET, bench, key_of, needs_boards

from devices import firmware
from devices.esp32 import chips, frame
from devices.esp32.settings import RELAY_PINS
from devices.simulator.metering_chips import Shown

HERE = Path(__file__).parent
pytestmark = needs_boards


def test_the_compiled_codec_reproduces_every_vector() -> None:
    image = firmware.build() / "image"
    vectors = HERE.parent / "vectors/frames.json"
    done = subprocess.run(
        ["node", str(HERE / "wasm/vectors.mjs"), str(image), str(vectors)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    result = json.loads(done.stdout)
    assert result["wrong"] == []
    assert result["checked"] > 250


def test_a_relay_board_obeys_counts_and_remembers_over_the_air(tmp_path: Path) -> None:
    """Provisioning over the cable, a command end to end, a cut-off, a death, a reset by itself."""

    async def run() -> None:
        async with bench(tmp_path, 5) as b:
            b.shown = {(5, i): Shown(1_000 * (i + 1)) for i in range(4)}
            board = await b.board(
                5, (60, 0), role="relay", relays=4, chips=4, closed=0b0101, active_low=0
            )
            five = b.gateway.nodes[5]
            await b.until(lambda: five.hellos)
            hardware, *version, can, cause, _uptime, _spooled = five.hellos[0]
            assert (hardware, version, cause) == (1, [1, 1, 0], 3)
            assert can == frame.CAN_SWITCH | frame.CAN_FORWARD
            assert [board.pins[pin] for pin in RELAY_PINS] == [1, 0, 1, 0]

            await b.gateway.command(5, 1 << 40 | 1, 1, 1, cutoff_wh=2_050)
            await b.until(lambda: five.acks)
            assert five.acks == [(1 << 40 | 1, 1, 1, frame.ACK_APPLIED, 2_000)]
            assert board.pins[RELAY_PINS[1]] == 1

            b.shown[5, 1] = Shown(2_051)
            await b.until(lambda: len(five.acks) == 2)
            assert five.acks[1] == (1 << 40 | 1, 1, 0, frame.ACK_CUTOFF, 2_051)
            assert board.pins[RELAY_PINS[1]] == 0

            before = five.newest
            assert board.process is not None
            board.process.kill()  # in the middle of whatever it does
            await board.until(lambda: board.starts == 3 and len(board.pins) == 4)
            assert [board.pins[pin] for pin in RELAY_PINS] == [1, 0, 1, 0]
            await b.until(lambda: five.newest[0] > before[0])
            assert "bad_tag" not in b.gateway.seen

    asyncio.run(run())


def test_a_battery_monitor_two_hops_away_measures_and_counts(tmp_path: Path) -> None:
    """The hub cannot hear node 3; what node 4 forwards arrives, and the way back works, too."""

    async def run() -> None:
        async with bench(tmp_path, 3, 4) as b:
            b.shown = {(3, 0): Shown(500, 200), (4, 0): Shown(7)}
            middle = await b.board(4, (60, 0), role="meter")
            end = await b.board(3, (120, 0), chip=chips.SDM120, role="battery")
            ether = b.workbench.ether
            assert b.hub is not None
            assert b.hub.station is not None
            assert end.station is not None
            ether.cut(b.hub.station.address, end.station.address)
            end.set_adc(4_095 * 3_500 // 6_600)
            battery = b.gateway.nodes[3]
            await b.until(lambda: battery.readings and 4_900 < battery.readings[-1].values[11])
            assert battery.readings[-1].values[11] <= 5_000
            assert battery.readings[-1].values[6] in (34, 35)
            assert battery.readings[-1].registers == (0, 0, 0, 0, 0, 0)
            b.shown[3, 0] = Shown(512, 205)
            await b.until(lambda: battery.readings[-1].registers == (0, 0, 0, 0, 12, 5))

            # The middle dies: what was counted meanwhile comes when it is back, to the Wh.
            await b.workbench.power_off(middle)
            b.shown[3, 0] = Shown(612, 305)
            await asyncio.sleep(1)
            await b.workbench.power_on(middle)
            await b.until(lambda: battery.readings[-1].registers == (0, 0, 0, 0, 112, 105))
            b.gateway.nodes[3].pending.clear()
            assert "quarantined_backward" not in b.gateway.seen

    asyncio.run(run())


def test_the_console_opens_for_the_jumper_only_and_shows_no_secret(tmp_path: Path) -> None:
    async def run() -> None:
        async with bench(tmp_path) as b:
            hub = b.hub
            assert hub is not None
            hub.on_usb = lambda data: b._hear(HUB, data)
            await b.workbench.power_off(hub)
            hub.jumper, hub.starts = True, 0
            b.said[HUB] = b""
            await b.workbench.power_on(hub)
            await hub.until(lambda: b.said[HUB].endswith(b"\n"))
            shown = await b.type(hub, "show")
            assert "role 4" in shown
            assert key_of(HUB).hex() not in shown
            assert SECRET not in shown
            assert "node is 1.." in await b.type(hub, "set node 0")
            assert "no setting" in await b.type(hub, "set colour 3")
            assert "64 hex digits" in await b.type(hub, "key 12")
            assert "commands:" in await b.type(hub, "x" * 100)
            assert "at most 120" in await b.type(hub, "x" * 200)

    asyncio.run(run())


def test_a_program_that_hangs_is_bitten_by_the_watchdog(tmp_path: Path) -> None:
    async def run() -> None:
        async with bench(tmp_path) as b:
            hub = b.hub
            assert hub is not None
            assert hub.process is not None
            starts = hub.starts
            hub.watchdog_ms = 600
            hub.process.send_signal(19)  # SIGSTOP: it hangs
            await hub.until(lambda: hub.starts > starts and hub.watchdog_ms == 8_000)
            await b.until(lambda: b.gateway.nodes[HUB].hellos[-1][5] == 1)

    asyncio.run(run())
