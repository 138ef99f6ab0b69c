"""What the firmware counted is booked: bad air, deaths, twisted frames, a day of silence."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from wasm_kit import HOUR_MS, Bench, bench

from devices.esp32 import chips, settings
from devices.esp32.link import mac_of
from devices.simulator.metering_chips import Shown
from devices.simulator.virtual_board import VirtualBoard

METERS = {4: (80.0, 0.0), 5: (160.0, 0.0), 6: (240.0, 0.0)}
"""In a row: from node 6 it takes three hops."""


def start(b: Bench, sample_ms: int = 2_000, slot_ms: int = 8) -> None:
    for node, place in METERS.items():
        b.shown[node, 0] = Shown(0)
        b.board(
            node,
            place,
            chip=chips.SDM120,
            role=settings.METER,
            reading_s=60,
            spool=96,
            sample_ms=sample_ms,
            slot_ms=slot_ms,
        )
    b.run(1_000)
    for near, far in ((100, 5), (100, 6), (4, 6)):
        b.ether.cut(mac_of(near), mac_of(far))


def live(b: Bench, chance: random.Random, ms: int, step_ms: int = 10_000) -> None:
    """Time passes, and every meter's chip counts something."""
    for _ in range(ms // step_ms):
        for node in METERS:
            shown = b.shown[node, 0]
            more = chance.randrange(6), chance.randrange(5)
            b.shown[node, 0] = Shown(shown.imported_wh + more[0], shown.exported_wh + more[1])
        b.run(step_ms)


def booked(b: Bench, node: int) -> tuple[int, int]:
    registers = b.gateway.nodes[node].readings[-1].registers
    return registers[3], registers[2]


def counted(b: Bench, node: int) -> tuple[int, int]:
    """What the chip has shown since the firmware first looked at it, when it showed nothing."""
    shown = b.shown[node, 0]
    return shown.imported_wh, shown.exported_wh


@pytest.mark.parametrize(
    ("seed", "deaths"), [(1, 5), pytest.param(2, 12, marks=pytest.mark.nightly)]
)
def test_what_is_booked_is_what_was_counted(tmp_path: Path, seed: int, deaths: int) -> None:
    chance = random.Random(seed)
    with bench(tmp_path, *METERS, compiled=False, seed=seed) as b:
        start(b)
        live(b, chance, 60_000)
        faults = b.ether.faults
        faults.loss_pm, faults.duplicate_pm, faults.delay_ms = 300, 300, 40
        b.lose = lambda: chance.randrange(1000) < 300
        for _ in range(deaths):
            live(b, chance, 120_000)
            board = b.boards[chance.choice(list(METERS))]
            board.power_off()  # at any moment; its chip counts on
            live(b, chance, 20_000)
            board.power_on()
        b.run(600_000)
        assert {node: booked(b, node) for node in METERS} == {
            node: counted(b, node) for node in METERS
        }
        seen = b.gateway.seen
        assert seen["duplicate"] + seen["reordered"] > 0
        assert seen["quarantined_backward"] == 0


@pytest.mark.parametrize("hours", [2, pytest.param(24, marks=pytest.mark.nightly)])
def test_a_day_without_the_gateway_costs_readings_and_no_energy(tmp_path: Path, hours: int) -> None:
    chance = random.Random(3)
    with bench(tmp_path, *METERS, compiled=False, slot_ms=100) as b:
        start(b, sample_ms=10_000, slot_ms=100)
        live(b, chance, 120_000)
        b.ether.partition([mac_of(100)])
        before = {node: booked(b, node) for node in METERS}
        live(b, chance, hours * HOUR_MS, step_ms=60_000)
        for board in b.boards.values():
            if isinstance(board, VirtualBoard) and board is not b.hub:
                assert board.app is not None
                assert len(board.app.node.outbox) <= 2 * 96 + 4
        assert {node: booked(b, node) for node in METERS} == before
        b.ether.partition()
        b.run(600_000)
        assert {node: booked(b, node) for node in METERS} == {
            node: counted(b, node) for node in METERS
        }
