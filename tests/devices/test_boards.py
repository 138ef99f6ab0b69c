"""The compiled firmware on MicroPython for WebAssembly, over the simulated air."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from Crypto.Cipher import AES
from wasm_kit import HUB, SECRET, bench, key_of, needs_boards

from devices import firmware
from devices.esp32 import ccm, chips, cobs, frame, rekey, settings
from devices.esp32.link import mac_of
from devices.esp32.mesh import RECEIPT
from devices.esp32.settings import RELAY_PINS
from devices.simulator.battery import Bank
from devices.simulator.boards import WATCHDOG, WasmBoard
from devices.simulator.metering_chips import Bus, Shown

HERE = Path(__file__).parent
HEAP_BYTES = 112_000
"""An ESP32 without PSRAM has as many beside its radio, reportedly, and needs 11 kB less: those of
the stand-ins for its native modules."""
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


def test_routes_on_micropython_are_the_same_to_the_byte() -> None:
    image = firmware.build() / "image"
    command = ["node", str(HERE / "wasm/vectors.mjs"), str(image)]
    command += [str(HERE.parent / "vectors/frames.json"), "routes.py"]
    said = [
        subprocess.run(how, capture_output=True, text=True, check=True).stdout
        for how in (command, [sys.executable, str(HERE / "wasm/routes.py")])
    ]
    found = json.loads(said[0])
    assert found == json.loads(said[1])
    assert found["arrived"] == [[7, f"message {i}"] for i in range(5)]
    assert [node for node, _ in found["told"]] == [7, 4, 2, 1]


def test_a_relay_board_is_provisioned_obeys_cuts_off_and_remembers(tmp_path: Path) -> None:
    """Provisioning over the cable, a command end to end, a cut-off, a death, a hang."""
    with bench(tmp_path, 5) as b:
        b.shown = {(5, i): Shown(1_000 * (i + 1)) for i in range(4)}
        board = b.blank(5, (60, 0), Bus(chips.PZEM, 4, lambda i: b.shown[5, i]))
        board.power_on()
        b.until(lambda: b.said[5].endswith(b"\n"))
        assert b"not provisioned" in b.said[5]
        assert "error: set node and key first" in b.ask(board, "save")
        for line in (
            "set node 5", "set role relay", "set relays 4", "set chips 4", "set closed 5",
            "set active_low 0", "set slot_s 0",
            f"key {key_of(5).hex()}", f"secret {SECRET}", "save",
        ):  # fmt: skip
            assert b.ask(board, line) == "ok\n"
        board.type(b"restart\n")

        five = b.gateway.nodes[5]
        b.until(lambda: five.hellos)
        hardware, *version, can, cause, _uptime, _spooled = five.hellos[0]
        assert (hardware, version, cause) == (1, [1, 1, 0], 3)
        assert can == frame.CAN_SWITCH | frame.CAN_FORWARD
        assert [board.pins[pin] for pin in RELAY_PINS] == [1, 0, 1, 0]

        b.run(2_000)
        b.insist(5, 1 << 40 | 1, pin=1, closed=1, cutoff_wh=2_050)
        assert set(five.acks) == {(1 << 40 | 1, 1, 1, frame.ACK_APPLIED, 2_000)}
        told = len(five.acks)
        assert board.pins[RELAY_PINS[1]] == 1
        b.shown[5, 1] = Shown(2_051)
        b.until(lambda: len(five.acks) > told)
        assert five.acks[-1] == (1 << 40 | 1, 1, 0, frame.ACK_CUTOFF, 2_051)
        assert board.pins[RELAY_PINS[1]] == 0

        before = five.newest
        assert board.pid is not None
        os.kill(board.pid, signal.SIGKILL)
        b.until(lambda: board.starts == 3 and len(board.pins) == 4)
        assert [board.pins[pin] for pin in RELAY_PINS] == [1, 0, 1, 0]
        b.until(lambda: five.newest[0] == before[0] + 1)

        board.watchdog_ms = 300
        os.kill(board.pid, signal.SIGSTOP)  # it hangs
        b.until(lambda: len(five.hellos) == 3)
        assert five.hellos[2][5] == 1  # the watchdog
        assert WATCHDOG == 3
        assert "bad_tag" not in b.gateway.seen
        assert board.printed == []


def first_hello_ms(folder: Path, seed: int, compiled: bool) -> int:
    folder.mkdir()
    with bench(folder, 5, compiled=compiled, seed=seed) as b:
        b.board(5, (60, 0), role=settings.RELAY, relays=4, chips=4)
        b.until(lambda: b.gateway.nodes[5].hellos, 2_000)
        return b.time.now_ms


MORE_SEEDS = [pytest.param(seed, marks=pytest.mark.nightly) for seed in range(2, 21)]


@pytest.mark.parametrize("seed", [1, *MORE_SEEDS])
def test_compiled_boards_live_in_virtual_time(tmp_path: Path, seed: int) -> None:
    """They find each other as fast as on Python, and as fast at each run."""
    one, again = (first_hello_ms(tmp_path / name, seed, True) for name in ("one", "again"))
    assert one == again
    assert abs(one - first_hello_ms(tmp_path / "python", seed, False)) <= 10


def sealed(secret: bytes) -> ccm.Ccm:
    """AES by another library than the compiled boards' stand-in."""
    return ccm.Ccm(secret, AES.new(secret, AES.MODE_ECB).encrypt)


def said_in_a_minute(folder: Path, compiled: bool) -> bytes:
    """What comes out of the hub's cable; sessions are short, so receipts are there."""
    folder.mkdir()
    with bench(folder, 3, 4, compiled=compiled, cipher=sealed) as b:
        take, said = b.hub.on_usb, bytearray()
        b.hub.on_usb = lambda data: (said.extend(data), take(data))
        for node, x_m in ((4, 60), (3, 120)):
            b.board(node, (x_m, 0), chip=0, role=settings.METER, session=4, reading_s=5)
        b.run(100)
        b.ether.cut(mac_of(HUB), mac_of(3))
        b.run(60_000)
        for board in b.boards.values():
            assert not isinstance(board, WasmBoard) or board.heap_used() < HEAP_BYTES
    return bytes(said)


def test_compiled_boards_say_what_python_says_to_the_byte(tmp_path: Path) -> None:
    """Routes, sessions, receipts, encryption: the same frames in the same order, for a minute."""
    compiled = said_in_a_minute(tmp_path / "compiled", True)
    frames = [cobs.decode(packet) for packet in compiled.split(b"\0") if packet]
    receipts = [data for data in frames if data[1] & 15 == frame.MESH and data[18] == RECEIPT]
    assert {int.from_bytes(data[2:6], "big") for data in receipts} == {3, 4, HUB}
    assert compiled == said_in_a_minute(tmp_path / "python", False)


def test_a_battery_monitor_counts_what_a_bank_gives(tmp_path: Path) -> None:
    """4 kW out of a small bank of 16 cells: the sag under load is not taken for an empty bank."""
    truth = Bank.of_energy(1_000, 5_000)
    config = {
        "capacity_mah": truth.capacity_ma_ms // 3_600_000, "cells": 16, "chemistry": 1,
        "divider": 20, "resistance_uohm": truth.resistance_uohm, "slot_s": 0,
    }  # fmt: skip
    with bench(tmp_path, 3, compiled=False) as b:
        b.shown = {(3, 0): Shown(0)}
        board = b.board(3, (60, 0), chip=chips.SDM120, role=settings.BATTERY, **config)
        board.adc = 4_095 * truth.terminal_mv // 66_000
        readings = b.gateway.nodes[3].readings
        b.until(lambda: readings and readings[-1].values[frame.SOC_BP] <= 10_000)
        assert abs(readings[-1].values[frame.SOC_BP] - 5_000) < 200
        b.shown[3, 0] = Shown(0, power_w=-4_000)
        for _ in range(30):
            truth.step(4_000, 1_000)
            board.adc = 4_095 * truth.terminal_mv // 66_000
            b.run(1_000)
        assert truth.soc_bp < 4_700
        assert abs(readings[-1].values[frame.SOC_BP] - truth.soc_bp) < 150


@pytest.mark.parametrize("compiled", [False, True])
def test_a_battery_monitor_two_hops_away_measures_and_counts(
    tmp_path: Path, compiled: bool
) -> None:
    """The hub cannot hear node 3; what node 4 forwards arrives, and the way back works, too."""
    with bench(tmp_path, 3, 4, compiled=compiled) as b:
        b.shown = {(3, 0): Shown(500, 200), (4, 0): Shown(7)}
        middle = b.board(4, (60, 0), role=settings.METER)
        end = b.board(3, (120, 0), chip=chips.SDM120, role=settings.BATTERY)
        b.run(100)
        assert b.hub.station is not None
        assert end.station is not None
        b.ether.cut(b.hub.station.address, end.station.address)
        end.adc = 4_095 * 3_500 // 6_600
        battery = b.gateway.nodes[3]
        b.until(lambda: battery.readings and battery.readings[-1].values[frame.SOC_BP] > 4_900)
        assert battery.readings[-1].values[frame.SOC_BP] <= 5_000
        assert battery.readings[-1].values[frame.VOLTAGE_DV] in (34, 35)
        assert battery.readings[-1].registers == (0, 0, 0, 0, 0, 0)
        b.shown[3, 0] = Shown(512, 205)
        b.until(lambda: battery.readings[-1].registers == (0, 0, 0, 0, 12, 5))

        # The middle dies: what was counted meanwhile comes when it is back, to the Wh.
        middle.power_off()
        b.shown[3, 0] = Shown(612, 305)
        b.run(20_000)
        assert battery.readings[-1].registers == (0, 0, 0, 0, 12, 5)
        middle.power_on()
        b.until(lambda: battery.readings[-1].registers == (0, 0, 0, 0, 112, 105), 600_000)
        assert "quarantined_backward" not in b.gateway.seen


@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.nightly)])
def test_a_key_from_the_air_is_kept_before_it_is_used(tmp_path: Path, compiled: bool) -> None:
    """The board speaks with it from its next frame on, and after a death at once, too."""
    new = bytes(range(32))
    with bench(tmp_path, 4, compiled=compiled) as b:
        b.shown = {(4, 0): Shown(7)}
        board = b.board(4, (60, 0), role=settings.METER)
        four = b.gateway.nodes[4]
        b.until(lambda: four.readings)
        wrapped = rekey.unwrapped(four.key, 4, 9, 1, four.downlink + 1, new)
        b.send(4, frame.KEY, frame.put_key(frame.KEY_WRAPPED, 9, wrapped))
        b.until(lambda: b.gateway.seen["bad_tag"] > 0)  # this gateway knows one key at a time
        four.key = new
        told = len(four.readings)
        b.until(lambda: len(four.readings) > told)
        boot = four.newest[0]
        board.power_off()
        board.power_on()
        refused = b.gateway.seen["bad_tag"]
        b.until(lambda: four.newest[0] == boot + 1 and len(four.readings) > told + 1)
        assert b.gateway.seen["bad_tag"] == refused
        b.send(4, frame.KEY, frame.put_key(frame.KEY_WRAPPED, 9, bytes(32)))  # an epoch it has
        b.run(10_000)
        assert b.gateway.seen["bad_tag"] == refused


def test_the_console_opens_for_the_jumper_only_and_shows_no_secret(tmp_path: Path) -> None:
    with bench(tmp_path) as b:
        hub = b.hub
        assert isinstance(hub, WasmBoard)
        b.until(lambda: b.gateway.nodes[HUB].hellos)
        hub.power_off()
        hub.jumper = True
        heard: list[bytes] = []
        hub.on_usb = heard.append
        hub.power_on()
        b.until(lambda: b"".join(heard).endswith(b"\n"))

        def ask(line: str) -> str:
            heard.clear()
            hub.type(line.encode() + b"\n")
            b.until(lambda: b"".join(heard).endswith(b"\n"))
            return b"".join(heard).decode()

        shown = ask("show")
        assert "role 4" in shown
        assert key_of(HUB).hex() not in shown
        assert SECRET not in shown
        assert "node is 1.." in ask("set node 0")
        assert "no setting" in ask("set colour 3")
        assert "64 hex digits" in ask("key 12")
        assert "commands:" in ask("x" * 100)
        assert "at most 120" in ask("x" * 200)
