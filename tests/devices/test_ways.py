"""Which way a node's frames take: by rules alone, and on boards whose ESP-NOW is jammed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from wasm_kit import HUB, Bench, bench, needs_boards

from devices.esp32 import chips, frame, settings, ways
from devices.esp32.hopping import CHANNELS
from devices.esp32.link import mac_of
from devices.esp32.mesh import STATUS
from devices.simulator.boards import WasmBoard
from devices.simulator.metering_chips import Shown

JAM = dict.fromkeys(CHANNELS, 1000)
METERS = {4: (80.0, 0.0), 5: (160.0, 0.0)}
HEAP_BYTES = 112_000
"""As in test_boards.py."""
MODEMS = {settings.POWER_LINE: ways.POWER_LINE, settings.LORAWAN: ways.LORAWAN}


# ---- rules ---------------------------------------------------------------------------------------


class Carrier:
    """A link that is there or not."""

    def __init__(self, connected: bool = True) -> None:
        self.connected = connected
        self.hops = 1
        self.local: list[int] = []
        self.up: list[bytes] = []
        self.down: list[bytes] = []

    def tick(self, now_ms: int, clock_s: int) -> int:
        return 1_000

    def send_up(self, data: bytes, now_ms: int) -> bool:
        self.up.append(data)
        return True

    def send_down(self, data: bytes, now_ms: int) -> bool:
        self.down.append(data)
        return True


class Choice:
    """Ways over such links, in time."""

    def __init__(self) -> None:
        self.air, self.line = Carrier(), Carrier()
        self.ways = ways.Ways([ways.by_esp_now(self.air), ways.by_power_line(self.line)])
        self.now_ms = 0

    def run(self, seconds: float) -> int:
        for _ in range(int(seconds * 10)):
            self.ways.tick(self.now_ms, 0)
            self.now_ms += 100
        return int(self.ways.current.transport)


def test_a_start_waits_for_the_better_way_and_an_outage_does_not_wait_long() -> None:
    choice = Choice()
    choice.air.connected = False
    assert choice.run(20) == ways.ESP_NOW
    assert choice.run(10) == ways.POWER_LINE
    choice = Choice()
    choice.run(60)
    choice.air.connected = False
    assert choice.run(3.5) == ways.ESP_NOW  # a new parent may be found
    assert choice.run(1) == ways.POWER_LINE


def test_it_comes_back_only_when_the_better_way_has_been_there_for_a_while() -> None:
    choice = Choice()
    choice.run(60)
    choice.air.connected = False
    choice.run(10)
    for _ in range(20):  # it flutters
        choice.air.connected = True
        assert choice.run(20) == ways.POWER_LINE
        choice.air.connected = False
        assert choice.run(1) == ways.POWER_LINE
    choice.air.connected = True
    assert choice.run(29) == ways.POWER_LINE
    assert choice.run(2) == ways.ESP_NOW
    assert choice.ways.changes == 2


def test_a_way_on_which_nobody_answers_is_left_for_longer_each_time() -> None:
    choice = Choice()
    choice.run(60)
    tried = []
    for _ in range(3):
        assert choice.ways.send_up(b"frame", choice.now_ms)
        assert choice.run(21) == ways.POWER_LINE
        choice.ways.answered()
        left = choice.now_ms
        while choice.run(1) == ways.POWER_LINE:
            assert choice.now_ms - left < 1_000_000
        tried.append((choice.now_ms - left) // 10_000)
    assert tried == [6, 12, 24]  # a minute, two, four
    choice.ways.send_up(b"frame", choice.now_ms)
    choice.ways.answered()
    assert choice.run(60) == ways.ESP_NOW


def test_without_any_way_it_stays_where_it_is() -> None:
    choice = Choice()
    choice.run(60)
    choice.air.connected = choice.line.connected = False
    assert choice.run(100) == ways.ESP_NOW
    assert not choice.ways.connected


def test_the_gateway_answers_on_the_way_it_heard_the_node() -> None:
    choice = Choice()
    of_node = [bytes([0x4F, 0x18]) + node.to_bytes(4, "big") for node in (4, 5)]
    choice.ways.heard_on(4, choice.ways.ways[1])
    for data in of_node:
        choice.ways.send_down(data, 0)
    assert choice.line.down == of_node[:1]
    assert choice.air.down == of_node[1:]


# ---- boards --------------------------------------------------------------------------------------


class Record:
    """What the gateway accepted: sequences by node, and what nodes said of their radios."""

    def __init__(self, b: Bench) -> None:
        self.sequences: dict[int, list[int]] = {node: [] for node in METERS}
        self.transports: dict[int, list[int]] = {node: [] for node in METERS}
        keep = b.gateway._keep

        def record(sender: Any, kind: int, order: tuple[int, int], at: int, fields: Any) -> None:
            node = next(n for n, known in b.gateway.nodes.items() if known is sender)
            if node in METERS:
                self.sequences[node].append(order[1])
                if kind == frame.MESH and fields[0] == STATUS:
                    self.transports[node].append(fields[1][5])
            keep(sender, kind, order, at, fields)

        b.gateway._keep = record  # type: ignore[method-assign]


def field(b: Bench, modem: int) -> Record:
    record = Record(b)
    for node, place in METERS.items():
        b.shown[node, 0] = Shown(0)
        b.board(
            node, place, chip=chips.SDM120, role=settings.METER, reading_s=10, status_s=20,
            sample_ms=2_000, modem=modem,
        )  # fmt: skip
    b.run(1_000)
    b.ether.cut(mac_of(HUB), mac_of(5))
    return record


def live(b: Bench, seconds: int) -> None:
    for _ in range(seconds // 10):
        for node in METERS:
            b.shown[node, 0] = Shown(b.shown[node, 0].imported_wh + 3)
        b.run(10_000)


def booked(b: Bench) -> dict[int, int]:
    return {node: b.gateway.nodes[node].readings[-1].registers[3] for node in METERS}


def counted(b: Bench) -> dict[int, int]:
    return {node: b.shown[node, 0].imported_wh for node in METERS}


@pytest.mark.parametrize("modem", MODEMS)
@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.nightly)])
def test_readings_arrive_by_the_other_way_while_esp_now_is_jammed(
    tmp_path: Path, modem: int, compiled: bool
) -> None:
    """Jammed, then not: readings go on by the modem, to the Wh; every frame is booked once; the
    node says which way it takes; and it comes back."""
    if compiled and needs_boards.args[0]:
        pytest.skip("needs boards")
    with bench(tmp_path, *METERS, compiled=compiled, modem=settings.POWER_LINE) as b:
        record = field(b, modem)
        live(b, 60)
        before = booked(b)
        b.ether.faults.jammed = dict(JAM)
        live(b, 300)
        during = booked(b)
        for node in METERS:
            assert during[node] - before[node] >= 60  # of 90: the newest may be a minute old
            assert record.transports[node][-1] == MODEMS[modem]
        live(b, 240)
        b.ether.faults.jammed = {}
        live(b, 90)
        b.run(60_000)
        assert booked(b) == counted(b)
        for node in METERS:
            assert record.transports[node][-1] == ways.ESP_NOW
            sequences = record.sequences[node]
            assert sequences == sorted(set(sequences))
            newest = b.gateway.nodes[node].newest
            assert len(sequences) >= newest[1] - 2  # what was in the air when the jammer came
        assert b.gateway.seen["quarantined_backward"] == 0
        for board in b.boards.values():
            assert not isinstance(board, WasmBoard) or board.heap_used() < HEAP_BYTES


@pytest.mark.parametrize("modem", MODEMS)
def test_energy_is_exact_when_the_jammer_comes_and_goes(tmp_path: Path, modem: int) -> None:
    """In and out of the jammer every minute or two, 20 % of what goes over the hub's cable lost."""
    with bench(tmp_path, *METERS, compiled=False, seed=5, modem=settings.POWER_LINE) as b:
        field(b, modem)
        turn = iter(range(1 << 30))
        b.lose = lambda: next(turn) % 5 == 0
        live(b, 60)
        for i in range(3):
            b.ether.faults.jammed = dict(JAM)
            live(b, 70 + 60 * i)
            b.ether.faults.jammed = {}
            live(b, 110 - 40 * i)
        b.lose = lambda: False
        b.run(180_000)
        assert booked(b) == counted(b)
        assert b.gateway.seen["quarantined_backward"] == 0


@pytest.mark.parametrize("modem", MODEMS)
def test_a_command_and_an_event_pass_on_the_slow_way(tmp_path: Path, modem: int) -> None:
    """Behind telemetry that waits: an event overtakes it; a command is obeyed and acknowledged."""
    with bench(tmp_path, *METERS, compiled=False, modem=settings.POWER_LINE) as b:
        b.shown[4, 0] = Shown(0)
        board = b.board(
            4, METERS[4], chip=chips.SDM120, role=settings.METER, relays=1, reading_s=10,
            status_s=60, modem=modem,
        )  # fmt: skip
        b.run(30_000)
        b.ether.faults.jammed = dict(JAM)
        b.run(120_000)
        node = b.gateway.nodes[4]
        app: Any = board.app  # type: ignore[attr-defined]
        for _ in range(12):
            app.node.read(app.board.ticks())
        b.shown[4, 0] = Shown(0, voltage_dv=1_800)
        readings = len(node.readings)
        b.until(lambda: node.events, 120_000)
        assert node.events[0][0] == frame.EVENT_UNDER_VOLTAGE
        assert len(node.readings) - readings <= 3  # of the twelve
        acks = len(node.acks)
        for _ in range(6):
            b.command(4, 1 << 40 | 4, 0, 0)
            b.run(60_000)
            if len(node.acks) > acks:
                break
        assert node.acks[-1][:3] == (1 << 40 | 4, 0, 0)
        assert board.contacts[0] == 0  # type: ignore[attr-defined]
