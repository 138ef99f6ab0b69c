"""What holds for every frame, not only for the vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unhurried import examples

from backend.ingest import cobs as gateway_cobs
from backend.ingest import frame as gateway
from backend.ingest import frame_payloads
from backend.ingest.fragments import Reassembler, split
from backend.ingest.frame_values import (
    FIELD_RANGES,
    NO_BATTERY,
    NO_PIN,
    RESULTS_IN_ORDER,
    Ack,
    AckResult,
    Body,
    Command,
    Delta,
    Event,
    EventKind,
    Fragment,
    FrameError,
    FrameType,
    Hardware,
    Hello,
    KeyMethod,
    Malformed,
    Mesh,
    NextKey,
    Poll,
    Price,
    Reading,
    ResetCause,
    Results,
    SetTime,
)
from devices.esp32 import cobs as firmware_cobs
from devices.esp32 import frame as firmware

KEY = bytes(range(32))


def unsigned(bits: int) -> st.SearchStrategy[int]:
    return st.integers(0, (1 << bits) - 1)


u8, u16, u32, u40, u64 = map(unsigned, (8, 16, 32, 40, 64))
pins = st.integers(0, 7)
socs = st.integers(0, 10_000) | st.just(NO_BATTERY)
readings = st.builds(
    Reading._make,
    st.tuples(*(socs if i == 11 else st.integers(*FIELD_RANGES[i]) for i in range(14))),
)


@st.composite
def deltas(draw: st.DrawFn) -> Delta:
    return Delta.between(draw(st.integers(1, 2**32 - 1)), draw(readings), draw(readings))


def tuples_of(kind: Any, *fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.tuples(*fields).map(lambda values: kind(*values))


counts = st.integers(2, 255).flatmap(lambda n: st.tuples(u16, st.integers(0, n - 1), st.just(n)))
bodies: st.SearchStrategy[Body] = st.one_of(
    readings,
    deltas(),
    tuples_of(Ack, u64, pins, st.booleans(), st.sampled_from(AckResult), u40),
    tuples_of(
        Hello, st.sampled_from(Hardware), st.tuples(u8, u8, u8), unsigned(5),
        st.sampled_from(ResetCause), u32, u16,
    ),
    tuples_of(Poll, u64, u8),
    st.builds(
        lambda c, piece, down: Fragment(*c, piece, down),
        counts, st.binary(min_size=1, max_size=212), st.booleans(),
    ),
    tuples_of(
        Event, st.sampled_from(EventKind), pins | st.just(NO_PIN),
        st.integers(-(2**31), 2**31 - 1),
    ),
    tuples_of(Command, u64, pins, st.booleans(), u40, u32),
    tuples_of(SetTime, u32, st.integers(0, 999)),
    tuples_of(Price, u32, u32, u32),
    tuples_of(
        Mesh, st.integers(1, 255), st.binary(min_size=1, max_size=215), st.booleans()
    ),
    st.sampled_from(KeyMethod).flatmap(
        lambda method: tuples_of(
            NextKey, st.just(method), st.integers(1, 2**32 - 1),
            st.binary(min_size=32 * method, max_size=32 * method),
        )
    ),
    tuples_of(
        Results,
        st.lists(
            st.tuples(u32, st.integers(1, 2**32 - 1), st.sampled_from(RESULTS_IN_ORDER)),
            min_size=1, max_size=24,
        ).map(tuple),
    ),
)  # fmt: skip
headers = st.tuples(u32, u32, st.integers(1, 2**32 - 1), u32)


def is_downlink(data: bytes) -> bool:
    return data[1] & 0xF >= FrameType.COMMAND


@given(headers, bodies)
def test_decode_inverts_encode(header: tuple[int, int, int, int], body: Body) -> None:
    data = gateway.encode(*header, body, KEY)
    assert len(data) <= 250
    frame = gateway.decode(data, downlink=is_downlink(data))
    gateway.verify(frame, KEY)
    assert (frame.node_id, frame.boot, frame.sequence, frame.time) == header
    assert frame.body == body
    assert type(frame.body) is type(body)


@given(headers, bodies)
def test_firmware_makes_and_reads_the_same_bytes(
    header: tuple[int, int, int, int], body: Body
) -> None:
    data = gateway.encode(*header, body, KEY)
    kind, *read, _fields = firmware.decode(data, is_downlink(data))
    firmware.check_tag(data, KEY)
    assert tuple(read) == header
    assert firmware.encode(kind, *read, data[18:-16], KEY) == data


@given(st.integers(1, 2**32 - 1), readings, readings)
def test_deltas_are_lossless_in_both(back: int, keyframe: Reading, reading: Reading) -> None:
    payload = firmware.put_delta(back, keyframe, reading)
    delta = Delta.between(back, keyframe, reading)
    assert frame_payloads.payload_of(delta)[1] == payload
    assert delta.apply(keyframe) == reading
    assert firmware.apply_delta(firmware.get_delta(payload), keyframe) == reading


@settings(max_examples=20, deadline=None)
@given(headers, bodies)
def test_any_single_bit_flip_is_refused(header: tuple[int, int, int, int], body: Body) -> None:
    data = gateway.encode(*header, body, KEY)
    down = is_downlink(data)
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FrameError):
            gateway.verify(gateway.decode(bytes(flipped), downlink=down), KEY)


def both_outcomes(data: bytes, downlink: bool) -> tuple[Any, Any]:
    """What each codec says of these bytes: the error's name, or the header it read."""
    try:
        frame = gateway.decode(data, downlink=downlink)
        ours: Any = (int(frame.type), frame.node_id, frame.boot, frame.sequence, frame.time)
    except FrameError as error:
        ours = str(error.result)
    try:
        theirs: Any = firmware.decode(data, downlink)[:5]
    except firmware.FrameError as error:
        theirs = error.args[0]
    return ours, theirs


@settings(max_examples=examples(500))
@given(st.binary(max_size=260), st.booleans())
def test_random_bytes_raise_nothing_but_frame_errors(data: bytes, downlink: bool) -> None:
    ours, theirs = both_outcomes(data, downlink)
    assert ours == theirs


@settings(max_examples=examples(2000), deadline=None)
@given(st.integers(0, 15), st.binary(max_size=216), st.booleans())
def test_random_payloads_mean_the_same_to_both(kind: int, payload: bytes, downlink: bool) -> None:
    data = bytes([0x4F, 0x10 | kind]) + bytes(15) + b"\x01" + payload + bytes(16)
    ours, theirs = both_outcomes(data, downlink)
    assert ours == theirs


@settings(max_examples=examples(300))
@given(
    st.lists(st.one_of(st.binary(max_size=3), st.sampled_from([b"\x80", b"\x00", b"\x01"]))),
    st.integers(0, (1 << 16) - 1),
)
def test_random_deltas_mean_the_same_to_both(tail: list[bytes], changed: int) -> None:
    payload = (b"\x01" + changed.to_bytes(2, "big") + b"".join(tail))[:216]
    data = bytes([0x4F, 0x12]) + bytes(15) + b"\x01" + payload + bytes(16)
    ours, theirs = both_outcomes(data, False)
    assert ours == theirs


@given(headers, bodies.filter(lambda body: not isinstance(body, Fragment)), u16, st.data())
def test_reassembly_inverts_split(
    header: tuple[int, int, int, int], body: Body, message: int, data: st.DataObject
) -> None:
    kind, payload = frame_payloads.payload_of(body)
    size = data.draw(st.integers(-(-(len(payload) + 1) // 255), min(212, len(payload))))
    reassembler, node = Reassembler(), firmware.Reassembler(downlink=kind >= 8)
    down = kind >= FrameType.COMMAND
    pieces = split(body, message, size)
    ours = firmware.split(kind, payload, message, size)
    node_id, boot, _, time = header
    whole = None
    for n, piece in enumerate(pieces, start=1):
        assert whole is None
        raw = gateway.encode(node_id, boot, n, time, piece, KEY)
        assert raw[18:-16] == ours[n - 1]
        whole = reassembler.add(gateway.decode(raw, downlink=down))
        there = node.add(firmware.decode(raw, down)[5])
    assert whole is not None
    assert (whole.type, whole.body, whole.sequence) == (kind, body, len(pieces))
    assert there is not None
    assert there[0] == kind


@given(st.binary(max_size=600) | st.integers(250, 520).map(lambda n: b"\x07" * n))
def test_cobs_is_lossless_and_has_no_zero(data: bytes) -> None:
    packet = gateway_cobs.encode(data)
    assert 0 not in packet
    assert len(packet) <= len(data) + 1 + len(data) // 254
    assert firmware_cobs.encode(data) == packet
    assert gateway_cobs.decode(packet) == firmware_cobs.decode(packet) == data


def cobs_outcome(decode: Callable[[bytes], bytes], packet: bytes) -> bytes | str:
    try:
        return decode(packet)
    except Malformed:
        return "malformed"
    except ValueError as error:
        return str(error)


@given(st.binary(max_size=300))
def test_cobs_of_noise(packet: bytes) -> None:
    assert cobs_outcome(gateway_cobs.decode, packet) == cobs_outcome(firmware_cobs.decode, packet)
