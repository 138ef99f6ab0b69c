"""The Uno's compiled firmware on the simulated board: its provisioning console."""

from __future__ import annotations

import hashlib

import pytest
from uno_board import KEY, NODE, ROOT, Board, Line, needs_simulator

pytest_plugins = ["uno_board"]
pytestmark = [needs_simulator]


def test_a_board_without_a_key_sends_nothing_and_leaves_its_relays_alone(board: Board) -> None:
    line = Line(board)
    line.run(5_000)
    assert not line.heard.orders
    assert board.ask("save")[-1].startswith("error: set node and key")
    assert board.ask("key 1234")[-1].startswith("error: a key is 64")
    assert board.ask("set node 0")[-1].startswith("error: from 1")
    assert board.ask("set colour 5")[-1].startswith("error: no such setting")
    assert board.ask("dance")[-1].startswith("error: set, key")
    assert board.ask("set phase_us -250")[-1] == "ok"
    shown = dict(text.split(" ") for text in board.ask("show")[:-1])
    assert shown["phase_us"] == "-250"
    assert shown["key"] == "none"


def test_every_setting_is_documented(board: Board) -> None:
    board.advance(100)
    page = (ROOT / "docs" / "hardware.md").read_text()
    for row in board.ask("show")[:-1]:
        name, _, default = row.partition(" ")
        if name not in ("node", "key", "ohmstead"):
            told = [text for text in page.splitlines() if text[:1] == "|" and f"`{name}`" in text]
            assert any(default in text for text in told), row


def test_the_key_cannot_be_read_back_and_only_the_jumper_opens_the_console(line: Line) -> None:
    line.first_readings(1)
    line.board.write(b"show\n")
    line.run(500)
    assert not line.noise
    line.board.tell("jumper 1")
    line.board.tell("reset")
    line.board.advance(100)
    shown = line.board.ask("show")
    assert f"key {hashlib.sha256(KEY).hexdigest()[:8]}" in shown
    assert f"node {NODE}" in shown
    assert KEY.hex() not in "\n".join(shown)


def test_calibration_against_a_reference(board: Board) -> None:
    board.advance(2_500)
    assert board.ask("cal volts 2415")[-1] == "ok"  # 5 % more than the board thinks
    assert board.ask("cal amps 4750")[-1] == "ok"
    assert board.ask("cal watts 5")[-1].startswith("error: cal volts")
    board.advance(2_500)
    measured = dict(text.split(" ") for text in board.ask("measure")[:-1])
    assert int(measured["voltage_dv"]) == pytest.approx(2415, abs=3)
    assert int(measured["current_ma"]) == pytest.approx(4750, abs=20)
