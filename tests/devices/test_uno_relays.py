"""The Uno's compiled firmware on the simulated board: its relays and its lamp."""

from __future__ import annotations

import pytest
from uno_board import KEY, NODE, START, Board, Line, needs_simulator

from backend.ingest import cobs
from backend.ingest.frame import encode_results, encode_time
from backend.ingest.frame_values import (
    NO_PIN,
    STATUS_TRIPPED,
    AckResult,
    EventKind,
    Price,
    Result,
)

pytest_plugins = ["uno_board"]
pytestmark = [needs_simulator]
WH = 60
"""The current sensor's constant is set so much higher: a minute's energy in a second."""
PORTB = 0x25


# ---- relays ------------------------------------------------------------------------------------


def test_commands_are_obeyed_acknowledged_and_obeyed_once(line: Line) -> None:
    line.first_readings()
    for pin in range(4):
        line.command((pin << 40) + 1, pin, True)
    line.until(lambda: len(line.heard.acks) == 4)
    assert line.board.at.pins == 0b1111
    line.command(1, 0, False)  # an id that was executed already
    line.until(lambda: len(line.heard.acks) == 5)
    assert line.heard.acks[4][:4] == (1, 0, True, AckResult.APPLIED)
    assert line.board.at.pins == 0b1111
    now = line.now_ms // 1000
    line.command(2, 0, False, expires=now - 5)
    line.until(lambda: len(line.heard.acks) == 6)
    assert line.heard.acks[5][:4] == (2, 0, True, AckResult.EXPIRED)
    line.command(3, 0, False, expires=now + 60)
    line.until(lambda: line.board.at.pins == 0b1110)
    known = len(line.heard.readings)
    line.until(lambda: len(line.heard.readings) > known + 1)
    assert line.last.relays == 0b1110


def test_a_cut_off_opens_by_itself(board: Board) -> None:
    board.provision(ua_per_count=73_982 * WH, limit_ma=0)
    line = Line(board)
    line.first_readings()
    limit = line.last.imported_wh + 60
    line.command(1, 2, True, cutoff_wh=limit)
    line.until(lambda: board.at.pins == 0b0100)
    line.until(lambda: any(ack.result is AckResult.CUTOFF_REACHED for ack in line.heard.acks))
    ack = line.heard.acks[-1]
    assert ack[:4] == (1, 2, False, AckResult.CUTOFF_REACHED)
    assert limit <= ack.imported_wh <= limit + 22  # looked at once a second, of 19 Wh
    assert board.at.pins == 0


def test_an_overload_opens_all_relays_within_a_quarter_of_a_second(line: Line) -> None:
    line.first_readings()
    line.command(1, 1, True)
    line.until(lambda: line.heard.acks)
    line.board.wave(230, 17)
    began = line.board.at.ms
    line.until(lambda: line.board.at.pins == 0, 1_000)
    assert line.board.at.ms - began <= 250
    line.until(lambda: len(line.heard.acks) == 2 and line.heard.events)
    assert line.heard.acks[1][:4] == (0, 1, False, AckResult.REFUSED_BY_PROTECTION)
    assert line.heard.events[0][:2] == (EventKind.OVER_CURRENT, NO_PIN)
    line.command(2, 1, True)
    line.until(lambda: len(line.heard.acks) == 3)
    assert line.heard.acks[2].result is AckResult.REFUSED_BY_PROTECTION
    known = len(line.heard.readings)
    line.until(lambda: len(line.heard.readings) > known)
    assert line.last.status & STATUS_TRIPPED
    line.board.wave(230, 2)
    line.run(4_000)
    assert line.board.at.pins == 0  # closing again is for a person to ask
    line.command(3, 1, True)
    line.until(lambda: line.board.at.pins == 0b10)


def test_a_short_circuit_opens_within_two_cycles_while_the_board_is_busy(line: Line) -> None:
    line.first_readings()
    line.command(1, 0, True)
    line.until(lambda: line.heard.acks)
    line.command(2, 1, True)
    line.until(lambda: len(line.heard.acks) == 2)
    idle = line.board.at.writes
    while line.board.at.writes == idle:
        line.board.advance(1)
    line.board.wave(230, 28)
    began = line.board.at.ms  # it has just stored a reading and hashes the frame
    while line.board.at.pins:
        line.board.advance(1)
    assert line.board.at.ms - began <= 41


@pytest.mark.parametrize(
    ("volts", "kind"), [(195, EventKind.UNDER_VOLTAGE), (260, EventKind.OVER_VOLTAGE)]
)
def test_a_voltage_out_of_its_limits_opens_and_closes_again(
    line: Line, volts: float, kind: EventKind
) -> None:
    line.first_readings()
    line.command(1, 3, True)
    line.until(lambda: line.heard.acks)
    line.board.wave(volts, 1)
    began = line.board.at.ms
    line.until(lambda: line.board.at.pins == 0, 1_000)
    assert line.board.at.ms - began <= 250
    line.until(lambda: line.heard.events)
    assert line.heard.events[0].kind is kind
    line.board.wave(230, 1)
    line.run(2_500)
    assert line.board.at.pins == 0  # the hold time
    line.until(lambda: line.board.at.pins == 0b1000, 4_000)
    line.until(lambda: len(line.heard.acks) == 3)
    assert line.heard.acks[2][:4] == (1, 3, True, AckResult.APPLIED)
    assert len(line.heard.events) == 1


def test_silence_brings_the_fail_safe_state_and_a_word_ends_it(board: Board) -> None:
    board.provision(fail_safe_s=10, fail_safe_closed=0b0001)
    line = Line(board)
    line.run(200)
    assert line.board.at.pins == 0b0001  # a board that was never told anything
    line.first_readings()
    line.command(1, 0, False)
    line.command(1 << 40, 1, True)
    line.until(lambda: line.board.at.pins == 0b0010)
    line.until(lambda: len(line.heard.acks) == 2)
    line.result = lambda frame: None
    line.run(13_000)
    assert board.at.pins == 0b0001
    line.result = lambda frame: Result.ACCEPTED
    line.until(lambda: board.at.pins == 0b0010)
    line.until(lambda: len(line.heard.acks) == 6)
    kinds = [ack.result for ack in line.heard.acks]
    assert kinds[2:4] == [AckResult.FAIL_SAFE] * 2
    assert [ack.command_id for ack in line.heard.acks[4:]] == [1, 1 << 40]


def test_repeating_what_the_gateway_once_said_does_not_pass_for_the_gateway(line: Line) -> None:
    line.first_readings()
    command = line.command(1, 2, True)
    line.until(lambda: line.board.at.pins == 0b0100)
    line.until(lambda: line.heard.acks)
    result = encode_results(NODE, 1, 999, START, [(1, 2, Result.ACCEPTED)], KEY)
    told = encode_time(NODE, 1, 1, line.now_ms, KEY)
    line.result = lambda frame: None
    for _ in range(12):
        for old in (command, result, told):
            line.board.write(cobs.encode(old) + b"\0")
        line.run(1_000)
    assert line.board.at.pins == 0


def test_boards_that_close_on_low_are_served(board: Board) -> None:
    board.provision(active_low=1)
    line = Line(board)
    line.run(200)
    assert board.at.pins == 0b1111
    line.command(1, 2, True)
    line.until(lambda: board.at.pins == 0b1011)


# ---- the local price ---------------------------------------------------------------------------


def test_the_lamp_shows_that_power_is_dear(board: Board) -> None:
    board.wave(230, 20)  # 4.6 kW of demand: less than the formula's neutral 5 kW
    board.provision(limit_ma=0)
    line = Line(board)
    line.first_readings(3)
    assert not _lamp(board)
    line.price(Price(3_000_000, 2_000_000, line.now_ms // 1000 + 60))
    line.run(500)
    # 3.00 + 0.15 (4.6 - 5) + 0.05 is 2.99: below the lowest price 3.00, and not above the base.
    assert not _lamp(board)
    board.wave(250, 20.5)  # 5.1 kW
    line.run(3_000)
    assert _lamp(board)


def _lamp(board: Board) -> bool:
    return bool(int(board.tell(f"peek {PORTB}")) & 1 << 5)
