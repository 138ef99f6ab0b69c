"""The Uno's codec, price and metering against the vectors, here and on the simulated board."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from uno_board import MISSING, Native, OnBoard, needs_compiler

from backend.ingest.frame import decode
from backend.ingest.frame_payloads import payload_of
from backend.ingest.frame_values import Delta, FrameError, FrameType, Reading, Result

VECTORS = Path(__file__).parents[1] / "vectors"
FRAMES = json.loads((VECTORS / "frames.json").read_text())
PRICES = json.loads((VECTORS / "local_price.json").read_text())["vectors"]
KEYS = {name: bytes.fromhex(text) for name, text in FRAMES["keys"].items()}
WHATEVER_THE_DIRECTION = ("oversized", "bad_magic", "bad_version")
HEADER = ("node_id", "boot", "sequence", "time")
SENT = ("KEYFRAME", "DELTA", "ACK", "HELLO", "EVENT")
NUMBERS = {result.value: number for number, result in enumerate(Result)}

pytestmark = needs_compiler


@pytest.fixture(
    scope="module",
    params=[
        "this machine",
        pytest.param(
            "the board",
            marks=pytest.mark.skipif(
                bool(MISSING), reason=f"needs the Debian packages {' '.join(MISSING)}"
            ),
        ),
    ],
)
def uno(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if request.param == "this machine":
        yield Native()
        return
    made = OnBoard(tmp_path_factory.mktemp("bridge"))
    yield made
    made.board.power_off()


def test_prices(uno: Any) -> None:
    chosen = PRICES if isinstance(uno, Native) else PRICES[:: len(PRICES) // 150]
    for vector in chosen:
        arguments = (vector[name] for name in list(vector)[:5])
        expected = (vector["unclipped_micro_inr_per_kwh"], vector["price_micro_inr_per_kwh"])
        answer = uno.ask("p", struct.pack(">5I", *arguments))
        assert struct.unpack(">iI", answer) == expected, vector


def test_frames_it_sends(uno: Any) -> None:
    for vector in FRAMES["valid"]:
        if vector["type"] not in SENT:
            continue
        raw = bytes.fromhex(vector["hex"])
        head = struct.pack(">B4I", FrameType[vector["type"]], *(vector[name] for name in HEADER))
        payload = payload_of(decode(raw).body)[1]
        assert uno.ask("s", KEYS[vector["key"]] + head + payload) == raw, vector["name"]


NOT_FOR_AN_UNO = (FrameType.MESH_DOWN, FrameType.KEY)
"""It has no radio, and takes its key by the console: it refuses these types."""


def not_for_it(raw: bytes) -> bool:
    right_size = 34 <= len(raw) <= 250
    return right_size and raw[0] == 0x4F and raw[1] in [0x10 | kind for kind in NOT_FOR_AN_UNO]


def test_frames_it_receives(uno: Any) -> None:
    for vector in FRAMES["valid"]:
        raw = bytes.fromhex(vector["hex"])
        if not vector["downlink"] or not_for_it(raw):
            assert uno.ask("o", KEYS[vector["key"]] + raw)[0] == NUMBERS["bad_type"]
            continue
        fault, kind, *header = struct.unpack(">BB4I", uno.ask("o", KEYS[vector["key"]] + raw))
        assert fault == 0, vector["name"]
        assert kind == FrameType[vector["type"]]
        assert header == [vector[name] for name in HEADER]


def test_frames_it_refuses(uno: Any) -> None:
    """Each for the reason that the document gives."""
    for vector in FRAMES["invalid"]:
        raw = bytes.fromhex(vector["hex"])
        whatever_the_direction = len(raw) < 34 or vector["error"] in WHATEVER_THE_DIRECTION
        if vector["downlink"] or whatever_the_direction:
            got = uno.ask("o", KEYS[vector["key"]] + raw)[0]
            expected = "bad_type" if not_for_it(raw) else vector["error"]
            assert got == NUMBERS[expected], vector["name"]


def test_deltas(uno: Any) -> None:
    for vector in FRAMES["deltas"]:
        if "reading" not in vector:
            continue
        pair = [payload_of(Reading(**vector[part]))[1] for part in ("keyframe", "reading")]
        answer = uno.ask("d", struct.pack(">I", vector["delta"]["back"]) + pair[0] + pair[1])
        assert answer.hex() == vector["hex"], vector["name"]


def test_any_delta_is_what_the_backend_undoes(uno: Any) -> None:
    chance = random.Random(5)
    for _ in range(200 if isinstance(uno, Native) else 20):
        pair = [_any_reading(chance) for _ in range(2)]
        back = chance.randrange(1, 1 << chance.randrange(1, 33))
        data = struct.pack(">I", back) + b"".join(payload_of(reading)[1] for reading in pair)
        assert uno.ask("d", data) == payload_of(Delta.between(back, *pair))[1]


def _any_reading(chance: random.Random) -> Reading:
    registers = [chance.randrange(1 << chance.randrange(41)) for _ in range(6)]
    return Reading(
        *registers, chance.randrange(1 << 16), chance.randrange(1 << 32),
        chance.randrange(-1 << 31, 1 << 31), chance.randrange(-1000, 1001),
        chance.randrange(-1 << 15, 1 << 15), chance.choice((0, 10_000, 0xFFFF)),
        chance.randrange(256), chance.randrange(64),
    )  # fmt: skip


def test_packets(uno: Any) -> None:
    for vector in FRAMES["cobs"]["valid"]:
        decoded, encoded = bytes.fromhex(vector["decoded"]), bytes.fromhex(vector["encoded"])
        if len(decoded) <= 250:
            assert uno.ask("e", decoded) == encoded
            assert uno.ask("c", encoded) == b"\1" + decoded
    for text in FRAMES["cobs"]["invalid"]:
        assert uno.ask("c", bytes.fromhex(text))[0] == 0


def test_random_bytes_are_refused_as_the_backend_refuses_them(uno: Any) -> None:
    chance = random.Random(11)
    frames = [bytes.fromhex(v["hex"]) for v in FRAMES["valid"] if v["downlink"]]
    for _ in range(3000 if isinstance(uno, Native) else 30):
        raw = bytearray(chance.choice(frames))
        for _ in range(chance.randrange(1, 4)):
            raw[chance.randrange(min(len(raw), 40))] = chance.randrange(256)
        del raw[chance.choice((len(raw), chance.randrange(len(raw)))) :]
        try:
            decode(bytes(raw), downlink=True)
            expected = {0, NUMBERS["bad_tag"]}
        except FrameError as error:
            expected = {NUMBERS[error.result.value]}
        if not_for_it(raw):
            expected = {NUMBERS["bad_type"]}
        assert uno.ask("o", KEYS["board"] + bytes(raw))[0] in expected


@pytest.mark.nightly
def test_of_a_hundred_thousand_forged_frames_none_passes() -> None:
    """Flipped bits, foreign keys, cut and joined frames, of every type for a board."""
    native, chance, passed = Native(), random.Random(13), 0
    frames = [v for v in FRAMES["valid"] if v["downlink"]]
    for _ in range(100_000):
        vector, other = chance.choice(frames), chance.choice(frames)
        key, raw = KEYS[vector["key"]], bytearray.fromhex(vector["hex"])
        way = chance.randrange(4)
        if way == 0:
            raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
        elif way == 1:
            key = chance.randbytes(32)
        elif way == 2:
            del raw[chance.randrange(len(raw)) :]
        else:
            raw = raw[: chance.randrange(1, len(raw))] + bytes.fromhex(other["hex"])[-16:]
        genuine = bytes(raw) == bytes.fromhex(vector["hex"]) and key == KEYS[vector["key"]]
        passed += not genuine and native.ask("o", key + bytes(raw[:260]))[0] == 0
    assert passed == 0


def test_metering_is_the_same_everywhere(uno: Any) -> None:
    """Exact integers, whatever the width of the machine: the board computes what Python does."""
    chance = random.Random(3)
    for _ in range(300 if isinstance(uno, Native) else 25):
        amplitude_v, amplitude_i = chance.randrange(511), chance.randrange(511)
        uv, ua = chance.randrange(1000, 5_000_001), chance.randrange(100, 6_000_001)
        phase, creep, pairs = chance.randrange(-1000, 1001), chance.randrange(50), 5000
        product = amplitude_v * amplitude_i * chance.randrange(-100, 101) // 100 * pairs // 2
        sums = (
            chance.randrange(-9999, 9999), chance.randrange(-9999, 9999),
            amplitude_v**2 * pairs // 2 + 99_999, amplitude_i**2 * pairs // 2 + 99_999,
            product, product + 7,
        )  # fmt: skip
        data = struct.pack(">IIhHHiiIIii", uv, ua, phase, creep, pairs, *sums)
        got = struct.unpack(">HIihQQ", uno.ask("m", data))
        assert got == _metered(uv, ua, phase, creep, pairs, *sums)


def _metered(
    uv: int, ua: int, phase: int, creep: int, pairs: int, v: int, i: int, vv: int, ii: int,
    before: int, after: int,
) -> tuple[int, ...]:  # fmt: skip
    """The document of the firmware's arithmetic; division is towards zero, as in C."""

    def over(value: int, by: int) -> int:
        return value // by if value >= 0 else -(-value // by)

    def root(value: int) -> int:
        found = int(value**0.5)
        while found * found > value:
            found -= 1
        while (found + 1) ** 2 <= value:
            found += 1
        return found

    product = over(before * (100 - phase) + after * (100 + phase), 200)
    power = over(over((product - over(v * i, pairs)) * uv, pairs) * ua, 10**9)
    power += over(power * 494, 10**6)
    if abs(power) < creep * 1000:
        power = 0
    volts, amperes = root(vv * pairs - v * v), root(ii * pairs - i * i)
    dv = min(volts * uv // pairs // 100_000, 0xFFFF)
    ma = amperes * ua // pairs // 1000
    apparent = dv * ma // 10
    factor = over(power * 1000, apparent) if apparent and power else 1000
    watts = over(power + (500 if power >= 0 else -500), 1000)
    watts = (watts + (1 << 31)) % (1 << 32) - (1 << 31)
    energy = abs(power) * pairs // 5
    imported, exported = (energy, 0) if power > 0 else (0, energy)
    return dv, ma, watts, max(-1000, min(1000, factor)), imported, exported
