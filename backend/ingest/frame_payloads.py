"""Payloads of frames (docs/frame.md): bytes to the values of `frame_values` and back."""

from __future__ import annotations

import struct
from collections.abc import Callable
from enum import IntEnum
from typing import TypeVar

from backend.ingest.frame_values import (
    FIELD_RANGES,
    NO_PIN,
    RESULTS_IN_ORDER,
    Ack,
    AckResult,
    BadType,
    Body,
    Command,
    Delta,
    Event,
    EventKind,
    Fragment,
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
    Result,
    Results,
    SetTime,
    Truncated,
    check,
)

_MAX_VARINT_BYTES = 6  # a difference of two u40 after zig-zag has 41 bits
_U32 = 0xFFFFFFFF

_READING = struct.Struct(">BIBIBIBIBIBIHIihhHBB")
READING_BYTES = _READING.size
_DELTA = struct.Struct(">H")
_ACK = struct.Struct(">QBBBBI")
_HELLO = struct.Struct(">BBBBHBIH")
_POLL = struct.Struct(">QB")
_FRAGMENT = struct.Struct(">HBB")
_EVENT = struct.Struct(">BBi")
_COMMAND = struct.Struct(">QBBBII")
_TIME = struct.Struct(">IH")
_PRICE = struct.Struct(">III")
_RESULT = struct.Struct(">IIB")
_KEY = struct.Struct(">BI")
_KEY_BYTES = {KeyMethod.WRAPPED: 32, KeyMethod.AGREED: 64}

# ---- reading -------------------------------------------------------------------------------------


def _exactly(layout: struct.Struct, payload: bytes) -> tuple[int, ...]:
    if len(payload) != layout.size:
        if len(payload) < layout.size:
            raise Truncated(f"payload of {len(payload)} bytes, {layout.size} needed")
        raise Malformed(f"payload of {len(payload)} bytes, {layout.size} expected")
    return layout.unpack(payload)


def _reading(payload: bytes) -> Reading:
    (
        gen_hi, gen, con_hi, con, exp_hi, exp, imp_hi, imp, cha_hi, cha, dis_hi, dis,
        voltage, current, power, factor, temperature, soc, relays, status,
    ) = _exactly(_READING, payload)  # fmt: skip
    reading = Reading(
        gen_hi << 32 | gen, con_hi << 32 | con, exp_hi << 32 | exp,
        imp_hi << 32 | imp, cha_hi << 32 | cha, dis_hi << 32 | dis,
        voltage, current, power, factor, temperature, soc, relays, status,
    )  # fmt: skip
    check(reading)
    return reading


def _varint(payload: bytes, at: int) -> tuple[int, int]:
    """The value at `at` and the offset behind it."""
    value = shift = 0
    for position in range(at, at + _MAX_VARINT_BYTES):
        if position >= len(payload):
            raise Truncated("the payload ends within a varint")
        byte = payload[position]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if byte == 0 and shift:
                raise Malformed("a varint is longer than needed")
            return value, position + 1
        shift += 7
    raise Malformed(f"a varint has more than {_MAX_VARINT_BYTES} bytes")


def _delta(payload: bytes) -> Delta:
    back, at = _varint(payload, 0)
    if not 1 <= back <= _U32:
        raise Malformed(f"back {back} is outside 1..2^32-1")
    if len(payload) < at + 2:
        raise Truncated("the payload ends before `changed`")
    (changed,) = _DELTA.unpack_from(payload, at)
    if changed >> len(FIELD_RANGES):
        raise Malformed(f"changed {changed:#x} names fields that do not exist")
    at += 2
    differences: list[int] = []
    for i, (low, high) in enumerate(FIELD_RANGES):
        if changed >> i & 1:
            coded, at = _varint(payload, at)
            difference = coded >> 1 ^ -(coded & 1)
            if difference == 0 or abs(difference) > high - low:
                raise Malformed(f"difference {difference} of {Reading._fields[i]}")
            differences.append(difference)
    if at != len(payload):
        raise Malformed(f"{len(payload) - at} bytes left over")
    return Delta(back, changed, tuple(differences))


_Member = TypeVar("_Member", bound=IntEnum)


def _pin(pin: int) -> int:
    if pin > 7:
        raise Malformed(f"pin {pin} is outside 0..7")
    return pin


def _flag(value: int) -> bool:
    if value > 1:
        raise Malformed(f"closed {value} is neither 0 nor 1")
    return value == 1


def _member(kind: type[_Member], value: int) -> _Member:
    try:
        return kind(value)
    except ValueError:
        raise Malformed(f"{kind.__name__} {value} is reserved") from None


def _ack(payload: bytes) -> Ack:
    command_id, pin, closed, result, high, low = _exactly(_ACK, payload)
    return Ack(command_id, _pin(pin), _flag(closed), _member(AckResult, result), high << 32 | low)


def _hello(payload: bytes) -> Hello:
    hardware, major, minor, patch, capabilities, cause, uptime, spooled = _exactly(_HELLO, payload)
    if capabilities > 0x1F:
        raise Malformed(f"capabilities {capabilities:#x} has reserved bits set")
    made_of = _member(Hardware, hardware)
    why = _member(ResetCause, cause)
    return Hello(made_of, (major, minor, patch), capabilities, why, uptime, spooled)


def _poll(payload: bytes) -> Poll:
    return Poll._make(_exactly(_POLL, payload))


def _fragment(payload: bytes) -> Fragment:
    if len(payload) < _FRAGMENT.size + 1:
        raise Truncated("a fragment has at least one byte of its message")
    message, index, count = _FRAGMENT.unpack_from(payload)
    if count < 2 or index >= count:
        raise Malformed(f"piece {index} of {count}")
    return Fragment(message, index, count, payload[_FRAGMENT.size :])


def _fragment_down(payload: bytes) -> Fragment:
    return _fragment(payload)._replace(downlink=True)


def _event(payload: bytes) -> Event:
    kind, pin, value = _exactly(_EVENT, payload)
    return Event(_member(EventKind, kind), pin if pin == NO_PIN else _pin(pin), value)


def _command(payload: bytes) -> Command:
    command_id, pin, closed, high, low, expires = _exactly(_COMMAND, payload)
    return Command(command_id, _pin(pin), _flag(closed), high << 32 | low, expires)


def _set_time(payload: bytes) -> SetTime:
    seconds, milliseconds = _exactly(_TIME, payload)
    if milliseconds > 999:
        raise Malformed(f"milliseconds {milliseconds} is outside 0..999")
    return SetTime(seconds, milliseconds)


def _price(payload: bytes) -> Price:
    return Price._make(_exactly(_PRICE, payload))


def _results(payload: bytes) -> Results:
    if len(payload) % _RESULT.size or not payload:
        raise Truncated("a result has 9 bytes")
    entries: list[tuple[int, int, Result]] = []
    for boot, sequence, number in _RESULT.iter_unpack(payload):
        if sequence == 0:
            raise Malformed("sequence 0 of a result")
        if number >= len(RESULTS_IN_ORDER):
            raise Malformed(f"result {number} is reserved")
        entries.append((boot, sequence, RESULTS_IN_ORDER[number]))
    return Results(tuple(entries))


def _mesh(payload: bytes) -> Mesh:
    if len(payload) < 2:
        raise Truncated("a message of the mesh has a kind and at least one byte")
    if payload[0] == 0:
        raise Malformed("kind 0 of a message of the mesh is reserved")
    return Mesh(payload[0], payload[1:])


def _mesh_down(payload: bytes) -> Mesh:
    return _mesh(payload)._replace(downlink=True)


def _next_key(payload: bytes) -> NextKey:
    if len(payload) < _KEY.size:
        raise Truncated("a key has a method and an epoch")
    method, epoch = _KEY.unpack_from(payload)
    if method not in _KEY_BYTES or epoch == 0:
        raise Malformed(f"method {method}, epoch {epoch} of a key")
    content, size = payload[_KEY.size :], _KEY_BYTES[KeyMethod(method)]
    if len(content) < size:
        raise Truncated(f"{len(content)} bytes of a key, {size} by its method")
    if len(content) > size:
        raise Malformed(f"{len(content)} bytes of a key, {size} by its method")
    return NextKey(KeyMethod(method), epoch, content)


_Parser = Callable[[bytes], Body]
_UPLINK: dict[int, tuple[FrameType, _Parser]] = {
    0x0: (FrameType.MESH, _mesh),
    0x1: (FrameType.KEYFRAME, _reading),
    0x2: (FrameType.DELTA, _delta),
    0x3: (FrameType.ACK, _ack),
    0x4: (FrameType.HELLO, _hello),
    0x5: (FrameType.POLL, _poll),
    0x6: (FrameType.FRAGMENT, _fragment),
    0x7: (FrameType.EVENT, _event),
}
_DOWNLINK: dict[int, tuple[FrameType, _Parser]] = {
    0x8: (FrameType.COMMAND, _command),
    0x9: (FrameType.TIME, _set_time),
    0xA: (FrameType.PRICE, _price),
    0xB: (FrameType.FRAGMENT_DOWN, _fragment_down),
    0xC: (FrameType.RESULTS, _results),
    0xD: (FrameType.MESH_DOWN, _mesh_down),
    0xE: (FrameType.KEY, _next_key),
}


def parser_of(number: int, *, downlink: bool) -> tuple[FrameType, Callable[[bytes], Body]]:
    """The type of this number in one direction and what reads its payload.

    Raises:
        BadType: there is none.
    """
    known = (_DOWNLINK if downlink else _UPLINK).get(number)
    if known is None:
        raise BadType(f"type {number:#x} in this direction")
    return known


# ---- writing -------------------------------------------------------------------------------------


def _zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def _put_varint(out: bytearray, value: int) -> None:
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def payload_of(body: Body) -> tuple[FrameType, bytes]:
    """The type of frame that carries `body`, and its payload.

    Raises:
        struct.error: a value does not fit its field.
    """
    match body:
        case Reading():
            registers = [part for wh in body.registers for part in (wh >> 32, wh & _U32)]
            return FrameType.KEYFRAME, _READING.pack(*registers, *body[6:])
        case Delta():
            out = bytearray()
            _put_varint(out, body.back)
            out += _DELTA.pack(body.changed)
            for difference in body.differences:
                _put_varint(out, _zigzag(difference))
            return FrameType.DELTA, bytes(out)
        case Ack():
            wh = body.imported_wh
            return FrameType.ACK, _ACK.pack(*body[:4], wh >> 32, wh & _U32)
        case Hello():
            return FrameType.HELLO, _HELLO.pack(body.hardware, *body.firmware, *body[2:])
        case Poll():
            return FrameType.POLL, _POLL.pack(*body)
        case Fragment():
            kind = FrameType.FRAGMENT_DOWN if body.downlink else FrameType.FRAGMENT
            return kind, _FRAGMENT.pack(*body[:3]) + body.piece
        case Event():
            return FrameType.EVENT, _EVENT.pack(*body)
        case Command():
            wh = body.cutoff_wh
            packed = _COMMAND.pack(*body[:3], wh >> 32, wh & _U32, body.expires)
            return FrameType.COMMAND, packed
        case SetTime():
            return FrameType.TIME, _TIME.pack(*body)
        case Price():
            return FrameType.PRICE, _PRICE.pack(*body)
        case Mesh():
            kind = FrameType.MESH_DOWN if body.downlink else FrameType.MESH
            return kind, bytes([body.kind]) + body.content
        case NextKey():
            return FrameType.KEY, _KEY.pack(body.method, body.epoch) + body.content
        case Results():
            packed = b"".join(_RESULT.pack(b, s, result.number) for b, s, result in body.entries)
            return FrameType.RESULTS, packed
