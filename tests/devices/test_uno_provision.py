"""The provisioning tool against the simulated board's console, over a real serial line."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from uno_board import Board, Line, needs_simulator

from devices.uno import provision

KEY = "5a" * 32


@needs_simulator
def test_a_new_board_is_provisioned_and_reports(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key_file = tmp_path / "12.key"
    key_file.write_text(KEY + "\n")
    board = Board(tmp_path)
    try:
        board.wave(230, 5)
        given = ["--port", board.port, "--node", "12", "--key-file", str(key_file)]
        with board.pacing():
            refused = provision.main([*given, "--set", "slot_s=1"])
            assert refused == 1
            assert "set: the board says from 5 to 3600" in capsys.readouterr().err
            assert provision.main([*given, "--set", "reading_s=1", "--set", "slot_s=15"]) == 0
        shown = capsys.readouterr().out
        assert "node 12" in shown
        assert f"key {hashlib.sha256(bytes.fromhex(KEY)).hexdigest()[:8]}" in shown
        assert KEY not in shown
        line = Line(board)
        line.until(lambda: len(line.heard.readings) >= 2)
        assert line.last.voltage_dv == pytest.approx(2300, abs=15)
    finally:
        board.power_off()


def test_mistakes_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key_file = tmp_path / "12.key"
    key_file.write_text("5a" * 31)
    given = ["--port", str(tmp_path / "no-port"), "--node", "12", "--key-file", str(key_file)]
    assert provision.main(given) == 1
    assert "64 hexadecimal digits" in capsys.readouterr().err
    key_file.write_text("5a" * 32)
    assert provision.main(given) == 1
    assert "no-port" in capsys.readouterr().err
    assert provision.main(["--port", "x", "--node", "12"]) == 2


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "200.key"
    provision.make_key(path)
    made = provision.read_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    provision.make_key(path)
    assert provision.read_key(path) == made
    with pytest.raises(provision.ConsoleError, match="No such file"):
        provision.make_key(tmp_path / "nowhere" / "200.key")
