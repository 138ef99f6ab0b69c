"""The Uno's parsers read nothing beyond what they are given, whatever that is."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from uno_board import needs_compiler

HERE = Path(__file__).parent
SOURCES = HERE.parents[1] / "devices/uno/src"

pytestmark = needs_compiler


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = tmp_path_factory.mktemp("fuzz") / "uno_fuzz"
    parts = [SOURCES / name for name in ("cobs.cpp", "frame.cpp", "sha256.cpp")]
    command = [
        "g++", "-std=c++17", "-O1", "-g", "-fsanitize=address,undefined",
        "-fno-sanitize-recover=all", f"-I{SOURCES}", str(HERE / "uno_fuzz.cpp"),
        *map(str, parts), "-o", str(made),
    ]  # fmt: skip
    subprocess.run(command, check=True)
    return made


def run(program: Path, seed: int, rounds: int) -> None:
    done = subprocess.run(
        [program, str(seed), str(rounds)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split()[0]) > 0  # some went all the way through


def test_random_bytes(program: Path) -> None:
    run(program, 1, 20_000)


@pytest.mark.nightly
def test_random_bytes_for_longer(program: Path) -> None:
    run(program, int.from_bytes(os.urandom(4), "big"), 5_000_000)
