"""Parts of the Uno's firmware on their own: journal, relay, metering."""

from __future__ import annotations

import ctypes
import math
import random
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uno_board import UA_PER_COUNT, UV_PER_COUNT, Native, needs_compiler

from devices.esp32 import frame
from devices.esp32.relay import Relay

pytestmark = needs_compiler
RECORD, SLOTS, BASE = 24, 5, 100


@pytest.fixture(scope="module")
def native() -> Native:
    return Native()


# ---- journal -----------------------------------------------------------------------------------


def _fresh(native: Native, fill: int = 0xFF) -> Any:
    native.library.memory_fill(ctypes.c_uint8(fill))
    return _restart(native)


def _restart(native: Native) -> Any:
    native.library.memory_cut(ctypes.c_long(-1))
    native.library.journal_begin(BASE, RECORD, SLOTS)
    return native.library


def _load(library: Any) -> bytes | None:
    out = ctypes.create_string_buffer(RECORD)
    return out.raw if library.journal_load(out) else None


def _record(number: int) -> bytes:
    return random.Random(number).randbytes(RECORD)


@pytest.mark.parametrize("fill", [0x00, 0xFF, 0x5A])
def test_an_empty_memory_holds_no_record(native: Native, fill: int) -> None:
    assert _load(_fresh(native, fill)) is None


@given(records=st.lists(st.binary(min_size=RECORD, max_size=RECORD), min_size=1, max_size=600))
@settings(max_examples=25, deadline=None)
def test_the_last_record_is_found_again(native: Native, records: list[bytes]) -> None:
    library = _fresh(native)
    for record in records:
        assert library.journal_save(record)
    assert _load(_restart(native)) == records[-1]


def test_a_cut_at_any_byte_leaves_the_record_before_or_the_new_one(native: Native) -> None:
    for before in (1, 4, 5, 6, 255, 256, 257):
        for cut in range(1, RECORD + 6):
            library = _fresh(native)
            for number in range(before):
                library.journal_save(_record(number))
            library.memory_cut(ctypes.c_long(cut))
            library.journal_save(_record(before))
            found = _load(_restart(native))
            assert found in (_record(before - 1), _record(before))
            assert library.journal_save(_record(9_999))
            assert _load(_restart(native)) == _record(9_999)


@given(chance=st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_any_history_of_saves_and_cuts_never_goes_back(
    native: Native, chance: random.Random
) -> None:
    library = _fresh(native)
    newest = 0
    library.journal_save(newest.to_bytes(RECORD, "big"))
    for number in range(1, 60):
        if chance.random() < 0.4:
            library.memory_cut(ctypes.c_long(chance.randrange(1, RECORD + 6)))
        stored = library.journal_save(number.to_bytes(RECORD, "big"))
        if chance.random() < 0.5 or not stored:
            library = _restart(native)
            found = int.from_bytes(_load(library) or b"", "big")
            assert newest <= found <= number
            newest = found
        else:
            newest = number


def test_a_worn_out_slot_is_passed_over(native: Native) -> None:
    library = _fresh(native, 0)
    library.memory_wear_out(ctypes.c_long(BASE + (RECORD + 5) + 3))
    for number in range(1, 20):
        assert library.journal_save(_record(number))
    assert _load(_restart(native)) == _record(19)


def test_every_cell_takes_its_share_of_the_wear(native: Native) -> None:
    library = _fresh(native)
    for number in range(1_000):
        library.journal_save(_record(number))
    assert library.memory_most_worn() <= 1_000 / SLOTS + 1


# ---- relay -------------------------------------------------------------------------------------

_EVENTS = st.one_of(
    st.tuples(
        st.just("c"), st.integers(1, 12), st.integers(0, 1), st.sampled_from([0, 0, 5, 40, 90]),
        st.sampled_from([0, 0, 50, 2_000]),
    ),
    st.tuples(st.sampled_from("oilk")),
)  # fmt: skip


@given(
    events=st.lists(st.tuples(_EVENTS, st.integers(0, 3_000), st.integers(0, 20)), max_size=40),
    fail_safe=st.integers(0, 1),
    clock=st.sampled_from([0, 100]),
)
@settings(max_examples=300, deadline=None)
def test_a_relay_obeys_as_the_esp32s_does(
    native: Native, events: list[Any], fail_safe: int, clock: int
) -> None:
    """One document, two firmwares: the same acks and the same contact after any history."""
    native.library.relay_begin(fail_safe, 5_000)
    twin = Relay(0, fail_safe, fail_safe, 1, 5_000)
    uptime = wh = 0
    for event, waited_ms, used_wh in events:
        uptime, wh = uptime + waited_ms, wh + used_wh
        now = clock + uptime // 1000 if clock else 0
        fields = (*event[1:3], *event[3:]) if event[0] == "c" else (0, 0, 0, 0)
        out = (ctypes.c_uint64 * 5)()
        told = native.library.relay_event(
            ctypes.c_char(event[0].encode()), (ctypes.c_uint64 * 4)(*fields), now, uptime,
            ctypes.c_uint64(wh), out,
        )  # fmt: skip
        assert (tuple(out) if told else None) == _twin(twin, event, now, uptime, wh)
        assert native.library.relay_closed() == twin.closed


def _twin(
    twin: Relay, event: tuple[Any, ...], now: int, uptime: int, wh: int
) -> tuple[int, ...] | None:
    if event[0] == "c":
        return twin.command((event[1], 0, *event[2:]), now, uptime, wh)
    if event[0] == "o":
        return twin.check(wh, 0, uptime)
    if event[0] == "l":
        return twin.link_lost(wh)
    if event[0] == "k":
        return twin.link_back(wh)
    cutoff, twin.cutoff_wh = twin.cutoff_wh, 0  # over-current alone
    acks = [twin.check(wh, 2, uptime) for _ in range(2)]
    twin.cutoff_wh = cutoff
    return acks[-1]


def test_a_voltage_trip_ends_by_itself_and_refuses_commands_until_then(native: Native) -> None:
    def event(what: str, *command: int) -> tuple[int, ...] | None:
        out = (ctypes.c_uint64 * 5)()
        fields = (ctypes.c_uint64 * 4)(*(command or (0, 0, 0, 0)))
        told = native.library.relay_event(
            ctypes.c_char(what.encode()), fields, 0, 0, ctypes.c_uint64(7), out
        )
        return tuple(out) if told else None

    native.library.relay_begin(0, 5_000)
    assert event("c", 1, 1, 0, 0) == (1, 0, 1, frame.ACK_APPLIED, 7)
    assert event("v") == (0, 0, 0, frame.ACK_REFUSED, 7)
    assert event("v") is None
    assert event("c", 2, 1, 0, 0) == (2, 0, 0, frame.ACK_REFUSED, 7)
    assert event("l") is None
    assert event("k") is None
    assert event("b") == (2, 0, 1, frame.ACK_REFUSED, 7)
    assert event("c", 3, 0, 0, 0) == (3, 0, 0, frame.ACK_APPLIED, 7)
    assert event("v") is None
    assert event("c", 4, 0, 0, 0) == (4, 0, 0, frame.ACK_APPLIED, 7)
    assert event("b") is None  # nobody asked for it to be closed


# ---- metering ----------------------------------------------------------------------------------


@given(
    volts=st.floats(100, 280), amperes=st.floats(0.5, 20), degrees=st.floats(-180, 180),
    hertz=st.floats(49, 51), offset=st.integers(-20, 20), noise=st.floats(0, 2),
    seed=st.integers(0, 1 << 32),
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_interleaved_samples_give_the_true_power(
    native: Native, volts: float, amperes: float, degrees: float, hertz: float, offset: int,
    noise: float, seed: int,
) -> None:  # fmt: skip
    """Half a per cent of apparent power, at any phase, with the sensors' middle off and noise."""
    phase = math.radians(degrees)
    v, i = _samples(volts, amperes, phase, hertz, offset, noise, random.Random(seed))
    power = _measure(native, v, i)[2]
    apparent = volts * amperes
    assert power == pytest.approx(apparent * math.cos(phase), abs=0.005 * apparent + 4)


def test_taking_the_voltage_before_the_current_alone_would_be_wrong(native: Native) -> None:
    """Why V-I-V: at 60 degrees the voltage 100 us earlier counts 5 % too much or too little."""
    chance = random.Random(1)
    v, i = _samples(230, 10, math.radians(60), 50, 0, 0, chance)
    true = 1150
    assert _measure(native, v, i)[2] == pytest.approx(true, rel=0.003)
    early = _measure(native, v, i, phase_us=-100)[2]
    assert abs(early - true) / true > 0.045


def test_a_sensors_lag_is_calibrated_away(native: Native) -> None:
    lag_us = 240
    lagging = math.radians(60) - 2 * math.pi * 50 * lag_us / 1e6
    v, i = _samples(230, 10, lagging, 50, 0, 0, random.Random(1))
    assert _measure(native, v, i)[2] > 1_250
    assert _measure(native, v, i, phase_us=lag_us)[2] == pytest.approx(1_150, rel=0.01)


def _samples(
    volts: float, amperes: float, phase: float, hertz: float, offset: int, noise: float,
    chance: random.Random,
) -> tuple[list[int], list[int]]:  # fmt: skip
    """5001 counts of voltage and the 5000 of current between them."""

    def count(rms: float, per_count: float, at_us: float, shift: float) -> int:
        wave = rms * 1e6 * math.sqrt(2) * math.sin(2e-6 * math.pi * hertz * at_us - shift)
        value = wave / per_count + offset + chance.uniform(-noise, noise)
        return max(-512, min(511, math.floor(value)))

    v = [count(volts, UV_PER_COUNT, 200 * n, 0) for n in range(5_001)]
    i = [count(amperes, UA_PER_COUNT, 200 * n + 100, phase) for n in range(5_000)]
    return v, i


def _measure(native: Native, v: list[int], i: list[int], phase_us: int = 0) -> tuple[int, ...]:
    sums = (
        sum(v[1:]), sum(i), sum(x * x for x in v[1:]), sum(x * x for x in i),
        sum(a * b for a, b in zip(v, i, strict=False)),
        sum(a * b for a, b in zip(v[1:], i, strict=True)),
    )  # fmt: skip
    data = struct.pack(">IIhHHiiIIii", UV_PER_COUNT, UA_PER_COUNT, phase_us, 0, 5_000, *sums)
    return struct.unpack(">HIihQQ", native.ask("m", data))
