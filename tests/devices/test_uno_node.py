"""The Uno's compiled firmware on the simulated board: what it measures, tells and survives."""

from __future__ import annotations

import math
import random
import subprocess

import pytest
from uno_board import BUILD, KEY, NODE, START, Board, Line, PowerFailed, needs_simulator

from backend.ingest import cobs
from backend.ingest.frame import encode_command, encode_time
from backend.ingest.frame_values import (
    CAN_METER,
    CAN_SWITCH,
    STATUS_CLOCK_NOT_SET,
    STATUS_FAIL_SAFE,
    STATUS_GRID_PRESENT,
    STATUS_SPOOL_OVERFLOWED,
    Command,
    Frame,
    FrameType,
    Hardware,
    ResetCause,
    Result,
)

pytest_plugins = ["uno_board"]
pytestmark = [needs_simulator]
WH = 60
"""The current sensor's constant is set so much higher: a minute's energy in a second."""
TIMSK1 = 0x6F


# ---- measuring and reporting -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("volts", "amperes", "degrees", "hertz"),
    [(230, 5, 0, 50), (230, 5, 60, 50), (230, 10, -30, 50), (215, 2, 180, 50), (240, 12, 120, 49)],
)
def test_a_sine_is_measured_within_one_per_cent(
    board: Board, volts: float, amperes: float, degrees: float, hertz: float
) -> None:
    """One per cent of apparent power: the converter's part of what docs/hardware.md states."""
    board.wave(volts, amperes, degrees, hertz)
    board.provision()
    line = Line(board)
    line.first_readings(3)
    reading, apparent = line.last, volts * amperes
    active = apparent * math.cos(math.radians(degrees))
    assert reading.voltage_dv / 10 == pytest.approx(volts, rel=0.005)
    assert reading.current_ma / 1000 == pytest.approx(amperes, rel=0.01, abs=0.03)
    assert reading.power_w == pytest.approx(active, abs=0.01 * apparent)
    assert reading.power_factor_pm == pytest.approx(1000 * active / apparent, abs=15)
    assert reading.temperature_dc == pytest.approx(250, abs=5)


def test_a_start_is_announced_and_the_clock_is_asked_for(line: Line) -> None:
    line.first_readings()
    frame, hello = line.heard.hellos[0]
    assert frame.order == (1, 1)
    assert frame.time == 0
    assert hello.hardware is Hardware.UNO
    assert hello.capabilities == CAN_METER | CAN_SWITCH
    assert hello.reset_cause is ResetCause.POWER_ON
    first, reading = line.heard.readings[0]
    assert first.type is FrameType.KEYFRAME
    assert abs(first.time - line.now_ms // 1000) <= 2
    assert reading.status & STATUS_GRID_PRESENT
    assert not reading.status & STATUS_CLOCK_NOT_SET
    assert reading.temperature_dc == pytest.approx(250, abs=5)


def test_deltas_follow_a_keyframe_and_every_sixteenth_is_one(line: Line) -> None:
    line.until(lambda: len(line.heard.readings) >= 18, 30_000)
    kinds = [frame.type for frame, _ in line.heard.readings]
    keyframes = [i for i, kind in enumerate(kinds) if kind is FrameType.KEYFRAME]
    assert keyframes == [0, 16]


def test_a_reading_is_taken_just_before_each_slot_ends(board: Board) -> None:
    board.provision(reading_s=60, slot_s=6)
    line = Line(board)
    line.run(22_000)
    # Within a second of the clock's being set, and then 0.4 s before each end.
    ends = [frame.time % 6 for frame, _ in line.heard.readings if frame.time][1:]
    assert ends == [5, 5, 5]


def test_energy_goes_where_the_power_goes(board: Board) -> None:
    board.provision(ua_per_count=73_982 * WH, creep_w=100, limit_ma=0)
    line = Line(board)
    line.run(8_000)
    board.wave(230, 5, 180)
    line.run(8_000)
    reading = line.last
    assert reading.imported_wh == reading.consumed_wh
    assert reading.exported_wh == reading.generated_wh
    for wh in reading.imported_wh, reading.exported_wh:
        assert 130 < wh < 165  # 69 kW for some 7 to 8 s
    before = reading
    board.wave(230, 0)
    line.run(4_000)
    assert line.last.imported_wh - before.imported_wh <= 2
    assert line.last.exported_wh - before.exported_wh <= 20


def test_what_is_not_answered_is_repeated_as_the_same_bytes(line: Line) -> None:
    line.first_readings()
    seen: list[bytes] = []

    def lose(frame: Frame) -> Result | None:
        seen.append(frame.raw)
        return None if len(seen) < 3 else Result.ACCEPTED

    line.result = lose
    known = len(line.heard.readings)
    line.until(lambda: len(line.heard.readings) >= known + 3)
    assert seen[0] == seen[1] == seen[2]
    times = [frame.time for frame, _ in line.heard.readings]
    assert times == sorted(times)


def test_answers_are_heeded(line: Line) -> None:
    line.first_readings()
    answers = [Result.MISSING_KEYFRAME, Result.BUSY, Result.QUARANTINED_STEP, Result.FUTURE_TIME]
    told: list[tuple[Result, Frame]] = []

    def answer(frame: Frame) -> Result:
        if not answers or frame.type not in (FrameType.KEYFRAME, FrameType.DELTA):
            return Result.ACCEPTED
        told.append((answers.pop(0), frame))
        return told[-1][0]

    line.result = answer
    line.until(lambda: not answers)
    known = len(line.heard.readings)
    line.until(lambda: len(line.heard.readings) >= known + 3)
    missing, busy = told[0][1], told[1][1]
    assert missing.type is FrameType.DELTA
    assert busy.type is FrameType.KEYFRAME  # the same reading
    assert busy.time == missing.time
    assert busy.raw == told[2][1].raw
    # The keyframe was not taken: the next reading is one.
    assert told[3][1].type is FrameType.KEYFRAME
    assert abs(line.heard.readings[-1][0].time - line.now_ms // 1000) <= 2


def test_a_silent_gateway_costs_readings_and_no_energy(line: Line) -> None:
    line.first_readings()
    line.result = lambda frame: None
    line.run(25_000)
    assert line.board.at.pins == 0
    line.result = lambda frame: Result.ACCEPTED
    known = len(line.heard.readings)
    line.until(lambda: len(line.heard.readings) >= known + 14)
    statuses = [reading.status for _, reading in line.heard.readings[known:]]
    assert any(status & STATUS_SPOOL_OVERFLOWED for status in statuses)
    assert any(status & STATUS_FAIL_SAFE for status in statuses)
    assert not statuses[-1] & (STATUS_SPOOL_OVERFLOWED | STATUS_FAIL_SAFE)
    registers = [reading.imported_wh for _, reading in line.heard.readings]
    assert registers == sorted(registers)


def test_a_line_that_loses_a_third_of_everything_loses_no_energy(board: Board) -> None:
    chance = random.Random(7)
    board.provision(ua_per_count=73_982 * WH, limit_ma=0, creep_w=100)
    line = Line(board)
    line.result = lambda frame: None if chance.random() < 0.3 else Result.ACCEPTED
    line.answer_is_lost = lambda: chance.random() < 0.3
    line.run(16_000)
    board.wave(230, 0)
    line.run(3_000)
    line.result, line.answer_is_lost = lambda frame: Result.ACCEPTED, lambda: False
    line.run(8_000)
    registers = [reading.imported_wh for _, reading in line.heard.readings]
    assert registers == sorted(registers)
    counted = int.from_bytes(_live(board)[:8], "little") // 3_600_000_000
    assert registers[-1] == counted > 280
    assert line.heard.orders == sorted(line.heard.orders)


def _live(board: Board) -> bytes:
    """What the firmware keeps for a reset: energy in and out, in microwatt-seconds."""
    symbols = subprocess.run(
        ["avr-nm", "-C", str(BUILD / "uno.elf")], capture_output=True, text=True, check=True
    )
    row = next(row for row in symbols.stdout.splitlines() if row.endswith("::rescued"))
    at = int(row.split()[0], 16) & 0xFFFF
    return bytes(int(board.tell(f"peek {at + i}")) for i in range(16))


def test_noise_and_forgeries_change_nothing(line: Line) -> None:
    line.first_readings()
    foreign = encode_command(NODE, 1, 900, START, Command(7, 0, True, 0, 0), bytes(32))
    other = encode_command(NODE + 1, 1, 900, START, Command(7, 0, True, 0, 0), KEY)
    good = encode_command(NODE, 1, 900, START, Command(7, 0, True, 0, 0), KEY)
    flipped = bytes([*good[:26], good[26] ^ 1, *good[27:]])
    for noise in (b"\5abc\0", b"\xff" * 400 + b"\0", b"\0\0\0"):
        line.board.write(noise)
        line.run(400)
    for frame in (foreign, other, flipped):
        line.board.write(cobs.encode(frame) + b"\0")
        line.run(400)
    assert not line.heard.acks
    assert line.board.at.pins == 0
    line.board.write(cobs.encode(good) + b"\0")
    line.until(lambda: line.heard.acks)
    assert line.board.at.pins == 1


def test_an_old_time_is_not_believed_even_after_a_restart(line: Line) -> None:
    line.until(lambda: line.heard.readings and line.heard.readings[-1][0].time)
    replayed = encode_time(NODE, 1, 1, (START - 10_000) * 1000, KEY)
    for _ in range(2):
        line.board.write(cobs.encode(replayed) + b"\0")
        line.run(3_000)
        assert line.heard.readings[-1][0].time >= START
        line.power_cycle()
        line.run(3_000)


# ---- restarts ----------------------------------------------------------------------------------


def test_registers_relays_and_boot_survive_a_loss_of_power(board: Board) -> None:
    board.provision(ua_per_count=73_982 * WH, limit_ma=0)
    line = Line(board)
    line.first_readings(4)
    line.command(9, 1, True)
    line.until(lambda: line.heard.acks)
    told = line.last.imported_wh
    line.power_cycle()
    board.wave(230, 0)
    known = len(line.heard.readings)
    line.until(lambda: len(line.heard.readings) > known)
    frame, reading = line.heard.readings[-1]
    assert frame.boot == 2
    assert line.heard.hellos[-1][1].reset_cause is ResetCause.POWER_ON
    assert told <= reading.imported_wh <= told + 40
    assert board.at.pins == 0b0010
    line.command(9, 1, False)
    line.until(lambda: len(line.heard.acks) == 2)
    assert line.heard.acks[-1][:3] == (9, 1, True)


def test_the_reset_button_costs_no_energy(board: Board) -> None:
    board.provision(ua_per_count=73_982 * WH, limit_ma=0, reading_s=3600, slot_s=3600)
    line = Line(board)
    line.run(12_000)
    board.tell("reset")
    board.wave(230, 0)
    line.first_readings(2)
    # Nothing was stored since the first reading: the energy was still in the board's memory.
    assert line.last.imported_wh > 190
    assert line.heard.readings[-1][0].boot == 2


def test_a_board_that_hangs_is_restarted_by_its_watchdog(line: Line) -> None:
    line.first_readings()
    line.board.tell(f"poke {TIMSK1} 0")  # sampling stops
    line.until(lambda: len(line.heard.hellos) == 2)
    frame, hello = line.heard.hellos[1]
    assert frame.boot == 2
    assert hello.reset_cause is ResetCause.WATCHDOG


def test_power_that_fails_in_any_write_loses_nothing_that_was_told(board: Board) -> None:
    board.provision(ua_per_count=73_982 * WH, limit_ma=0)
    line = Line(board)
    line.first_readings()
    line.command(1 << 40, 1, True)
    line.until(lambda: line.heard.acks)
    boots = 1
    for cut in (*range(1, 30, 5), 45, 70, 3):
        told, acked = line.last.imported_wh, line.heard.acks[-1]
        board.tell(f"cut {cut}")
        line.command(acked.command_id + 1, 1, not acked.closed)
        with pytest.raises(PowerFailed):
            line.run(20_000)
        told = max(told, line.last.imported_wh)
        acked = line.heard.acks[-1]
        line.power_cycle()
        board.wave(230, 5)
        known = len(line.heard.readings)
        line.until(lambda known=known: len(line.heard.readings) > known)
        frame, reading = line.heard.readings[-1]
        boots += 1
        assert frame.boot == boots
        assert reading.imported_wh >= told
        # What was acknowledged holds; the command under way may have been obeyed or not.
        line.command(acked.command_id + 2, 1, acked.closed)
        line.until(lambda a=acked: line.heard.acks[-1].command_id == a.command_id + 2)
        assert line.heard.acks[-1].closed == acked.closed


def test_energy_is_stored_when_the_mains_fails(board: Board) -> None:
    board.provision(ua_per_count=73_982 * WH, limit_ma=0, reading_s=3600, slot_s=3600)
    line = Line(board)
    line.run(10_000)
    board.wave(0, 0)
    board.advance(150)  # as long as the supply holds
    line.power_cycle()
    board.wave(230, 0)
    known = len(line.heard.readings)
    line.until(lambda: len(line.heard.readings) > known)
    assert line.last.imported_wh > 150


# ---- room --------------------------------------------------------------------------------------


def test_there_is_room_left_on_the_chip(line: Line) -> None:
    """32 kB of flash less the bootloader's half, 2 kB of RAM; the stack's depth is measured."""
    sizes = subprocess.run(
        ["avr-size", "-A", str(BUILD / "uno.elf")], capture_output=True, text=True, check=True
    )
    rows = [row.split() for row in sizes.stdout.splitlines() if row.startswith(".")]
    section = {row[0]: int(row[1]) for row in rows}
    assert section[".text"] + section[".data"] <= 30_000
    static = section[".data"] + section[".bss"] + section.get(".noinit", 0)
    assert static <= 1_600
    line.first_readings()
    for pin in range(4):
        line.command((pin << 40) + 1, pin, True)
    line.board.wave(230, 20)
    line.run(3_000)
    line.result = lambda frame: None
    line.run(12_000)
    unused = int(line.board.tell(f"stack {0x100 + static}"))
    assert unused >= 64
