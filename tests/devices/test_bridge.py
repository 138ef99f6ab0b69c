"""An Arduino Uno behind an ESP32: its frames go over the mesh, or the power line, as they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from uno_board import Board as Uno
from uno_board import needs_simulator
from wasm_kit import START_S, Bench, bench, key_of

from devices.esp32 import cobs, frame, settings, ways
from devices.esp32.hopping import CHANNELS
from devices.simulator.boards import METER_UART

UNO, CARRIER, RELAYS, LIAR = 12, 5, 6, 7
TAMPERED = frame.put_event(frame.EVENT_TAMPER, frame.NO_PIN, 0)
JAM = dict.fromkeys(CHANNELS, 1000)
REPEAT_MS = 2_000
"""The Uno's pause between repetitions."""


class Speaker:
    """What an Uno does on its line, with frames made here: each repeated until it is answered."""

    def __init__(self, b: Bench) -> None:
        self.on_bytes: Callable[[bytes], object] = lambda data: None
        self.heard: list[tuple[Any, ...]] = []
        self.said = 0
        self._bench = b
        self._sequence = 0
        self._partial = b""

    def say(self, kind: int, payload: bytes) -> None:
        """A new frame, from now on until its result comes."""
        self._sequence += 1
        now_s = int(self._bench.gateway.clock())
        made = frame.encode(kind, UNO, 1, self._sequence, now_s, payload, key_of(UNO))
        self._repeat(made, self._sequence)

    def _repeat(self, made: bytes, sequence: int) -> None:
        answered = [
            entry for kind, fields in self.heard if kind == frame.RESULTS for entry in fields
        ]
        if any(entry[1] == sequence for entry in answered):
            return
        self.said += 1
        self.on_bytes(b"\0" + cobs.encode(made) + b"\0")
        self._bench.time.after(REPEAT_MS * 1000, lambda: self._repeat(made, sequence))

    def write(self, data: bytes) -> None:
        *packets, self._partial = (self._partial + data).split(b"\0")
        for packet in filter(None, packets):
            whole = cobs.decode(packet)
            frame.check_tag(whole, key_of(UNO))
            decoded = frame.decode(whole)
            self.heard.append((decoded[0], decoded[5]))


def carrier(b: Bench, device: Any) -> Any:
    """The ESP32 that carries for it, on the mesh."""
    board = b.board(CARRIER, (80, 0), chip=settings.UNO, role=settings.METER, modem=1, status_s=60)
    board.attach(METER_UART, device)
    b.run(20_000)
    return board


def test_frames_of_an_uno_are_carried_both_ways_as_they_are(tmp_path: Path) -> None:
    with bench(tmp_path, UNO, CARRIER, compiled=False, modem=settings.POWER_LINE) as b:
        speaker = Speaker(b)
        board = carrier(b, speaker)
        node = b.gateway.nodes[UNO]
        speaker.say(frame.EVENT, TAMPERED)
        b.until(lambda: node.events, 20_000)
        b.until(lambda: any(kind == frame.RESULTS for kind, _ in speaker.heard), 20_000)
        b.command(UNO, 1 << 40 | 1, 2, 1)
        b.until(lambda: any(kind == frame.COMMAND for kind, _ in speaker.heard), 20_000)
        # The board is no meter of its own, and has said so.
        hello = b.gateway.nodes[CARRIER].hellos[-1]
        assert hello[4] == frame.CAN_FORWARD
        assert not b.gateway.nodes[CARRIER].readings

        b.ether.faults.jammed = dict(JAM)
        b.run(60_000)
        assert board.app.ways.current.transport == ways.POWER_LINE
        said, sent = speaker.said, board.app._uno.passed
        speaker.say(frame.EVENT, frame.put_event(frame.EVENT_GRID_LOST, frame.NO_PIN, 0))
        b.until(lambda: len(node.events) == 2, 60_000)
        b.until(lambda: speaker.heard[-1][0] == frame.RESULTS, 60_000)
        b.command(UNO, 1 << 40 | 2, 2, 0)
        b.until(lambda: speaker.heard[-1][0] == frame.COMMAND, 60_000)
        # Its repetitions would fill the slow line: they did not go on.
        assert board.app._uno.passed - sent <= 1 + (speaker.said - said) // 3
        assert "bad_tag" not in b.gateway.seen


def test_noise_and_strangers_on_the_uno_s_line_go_nowhere(tmp_path: Path) -> None:
    with bench(tmp_path, UNO, CARRIER, compiled=False) as b:
        speaker = Speaker(b)
        carrier(b, speaker)
        for noise in (b"\0\0\5abc\0", b"\xff" * 600 + b"\0", bytes(range(256)), b"\0"):
            speaker.on_bytes(noise)
            b.run(1_000)
        downlink = frame.encode(frame.TIME, UNO, 1, 1, 0, frame.put_time(1, 0), key_of(UNO))
        speaker.on_bytes(cobs.encode(downlink) + b"\0")
        b.run(5_000)
        assert b.gateway.nodes[UNO].newest == (0, 0)
        assert b.gateway.seen["bad_type"] == 0


@pytest.mark.parametrize("victim", [UNO, RELAYS])
def test_who_claims_to_carry_a_node_gets_a_copy_and_keeps_nothing(
    tmp_path: Path, victim: int
) -> None:
    """A member of the mesh says so of an Uno, and of a board that speaks for itself."""
    with bench(tmp_path, UNO, CARRIER, RELAYS, LIAR, compiled=False) as b:
        speaker = Speaker(b)
        carrier(b, speaker)
        b.board(RELAYS, (-60, 0), role=settings.RELAY, relays=4, chips=4)
        liar = b.board(LIAR, (0, 80))
        speaker.say(frame.EVENT, TAMPERED)
        b.until(lambda: b.gateway.nodes[UNO].events and b.gateway.nodes[LIAR].hellos)
        b.until(lambda: b.gateway.nodes[RELAYS].hellos)
        for claimed in range(1, 4):
            claim = frame.encode(frame.EVENT, victim, 1, claimed, START_S, TAMPERED, bytes(32))
            assert liar.app.mesh.send_up(claim, b.time.now_us // 1000)
            b.until(lambda least=claimed: b.gateway.seen["bad_tag"] >= least)
        if victim == UNO:
            b.command(UNO, 1 << 40 | 1, pin=2, closed=1)
            b.until(lambda: any(kind == frame.COMMAND for kind, _ in speaker.heard))
        else:
            assert RELAYS not in b.hub.app.mesh.behind
            b.insist(RELAYS, 1 << 40 | 1, pin=1, closed=1)


class OnUart:
    """The Uno's compiled firmware in simavr, in the bench's time."""

    def __init__(self, b: Bench, uno: Uno) -> None:
        self.on_bytes: Callable[[bytes], object] = lambda data: None
        self._bench, self._uno = b, uno
        self._run()

    def _run(self) -> None:
        self._uno.advance(20)
        data = self._uno.read()
        if data:
            self.on_bytes(data)
        self._bench.time.after(20_000, self._run)

    def write(self, data: bytes) -> None:
        self._uno.write(data)


@needs_simulator
@pytest.mark.nightly
def test_an_uno_s_compiled_firmware_reaches_the_gateway_over_the_mesh(tmp_path: Path) -> None:
    """Metered, commanded, its clock set, over a radio that it knows nothing of; then by wire."""
    uno = Uno(tmp_path)
    uno.wave(230, 5)
    uno.provision(key_of(UNO), reading_s=3, fail_safe_s=60)
    try:
        with bench(tmp_path, UNO, CARRIER, compiled=False, modem=settings.POWER_LINE) as b:
            board = carrier(b, OnUart(b, uno))
            node = b.gateway.nodes[UNO]
            b.until(lambda: len(node.readings) >= 3, 60_000)
            assert abs(node.readings[-1].values[frame.VOLTAGE_DV] - 2_300) < 15
            b.insist(UNO, 1 << 40 | UNO, pin=0, closed=1)
            assert uno.at.pins == 1
            b.ether.faults.jammed = dict(JAM)
            b.until(lambda: board.app.ways.current.transport == ways.POWER_LINE, 60_000)
            told = len(node.readings)
            b.until(lambda: len(node.readings) >= told + 3, 120_000)
            registers = [reading.registers[3] for reading in node.readings]
            assert registers == sorted(registers)
            assert b.gateway.seen["quarantined_backward"] == 0
    finally:
        uno.power_off()
