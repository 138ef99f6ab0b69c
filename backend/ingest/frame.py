"""The gateway's codec of the frame (docs/frame.md): bytes to typed values and back.

`decode` checks everything that the bytes alone can tell, `verify` the tag; both are needed before a
frame means anything. Together they take a few microseconds a frame. The firmware has a codec of
its own (`devices/esp32/frame.py`); `tests/vectors/frames.json` holds the two together.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Callable
from enum import IntEnum, StrEnum
from typing import ClassVar, NamedTuple, TypeVar

MAX_FRAME_BYTES = 250
HEADER_BYTES = 18
TAG_BYTES = 16
MAX_PAYLOAD_BYTES = MAX_FRAME_BYTES - HEADER_BYTES - TAG_BYTES
MAX_PIECE_BYTES = MAX_PAYLOAD_BYTES - 4
MAX_REGISTER_WH = (1 << 40) - 1
NO_BATTERY = 0xFFFF
"""`soc_bp` of a node without storage."""
NO_PIN = 0xFF
"""`pin` of an EVENT that concerns no relay."""

_MAGIC = 0x4F
_VERSION = 1
_U16, _U32, _U64 = 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF
_MAX_VARINT_BYTES = 6  # a difference of two u40 after zig-zag has 41 bits

# ---- answers and errors --------------------------------------------------------------------------


class Result(StrEnum):
    """What the gateway answers to one frame."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    REORDERED = "reordered"
    QUARANTINED_BACKWARD = "quarantined_backward"
    QUARANTINED_STEP = "quarantined_step"
    MISSING_KEYFRAME = "missing_keyframe"
    FUTURE_TIME = "future_time"
    BUSY = "busy"
    BAD_TAG = "bad_tag"
    UNKNOWN_NODE = "unknown_node"
    REVOKED_NODE = "revoked_node"
    TRUNCATED = "truncated"
    OVERSIZED = "oversized"
    BAD_MAGIC = "bad_magic"
    BAD_VERSION = "bad_version"
    BAD_TYPE = "bad_type"
    MALFORMED = "malformed"

    @property
    def number(self) -> int:
        """Its number in a RESULTS frame."""
        return _RESULT_NUMBERS[self]


RESULTS_IN_ORDER: tuple[Result, ...] = tuple(Result)
_RESULT_NUMBERS: dict[Result, int] = {result: i for i, result in enumerate(RESULTS_IN_ORDER)}


class FrameError(ValueError):
    """Bytes that are no frame. `result` is what the gateway answers; nothing else may be raised."""

    result: ClassVar[Result]


class Truncated(FrameError):  # noqa: N818 - named as docs/frame.md names them
    """The frame ends before its fields do."""

    result = Result.TRUNCATED


class Oversized(FrameError):  # noqa: N818
    """More than 250 bytes."""

    result = Result.OVERSIZED


class BadMagic(FrameError):  # noqa: N818
    """The first byte is not 0x4F."""

    result = Result.BAD_MAGIC


class BadVersion(FrameError):  # noqa: N818
    """A version other than 1."""

    result = Result.BAD_VERSION


class BadType(FrameError):  # noqa: N818
    """A reserved type, or one of the other direction."""

    result = Result.BAD_TYPE


class Malformed(FrameError):  # noqa: N818
    """A value, encoding or reserved bit that no sender may send."""

    result = Result.MALFORMED


class BadTag(FrameError):  # noqa: N818
    """The tag is not that of these bytes under the node's key."""

    result = Result.BAD_TAG


# ---- the values a frame carries ------------------------------------------------------------------


class FrameType(IntEnum):
    """Low nibble of the second byte; below 8 uplink, from 8 on downlink."""

    MESH = 0x0
    KEYFRAME = 0x1
    DELTA = 0x2
    ACK = 0x3
    HELLO = 0x4
    POLL = 0x5
    FRAGMENT = 0x6
    EVENT = 0x7
    COMMAND = 0x8
    TIME = 0x9
    PRICE = 0xA
    FRAGMENT_DOWN = 0xB
    RESULTS = 0xC
    MESH_DOWN = 0xD


class AckResult(IntEnum):
    """What became of a command."""

    APPLIED = 0
    REFUSED_BY_PROTECTION = 1
    EXPIRED = 2
    CUTOFF_REACHED = 3
    FAIL_SAFE = 4


class EventKind(IntEnum):
    """What happened at a node."""

    OVER_CURRENT = 1
    UNDER_VOLTAGE = 2
    OVER_VOLTAGE = 3
    TAMPER = 4
    GRID_LOST = 5
    GRID_BACK = 6


class Hardware(IntEnum):
    """What a node is made of."""

    SIMULATED = 0
    ESP32 = 1
    UNO = 2


class ResetCause(IntEnum):
    """Why a node started."""

    POWER_ON = 0
    WATCHDOG = 1
    BROWN_OUT = 2
    SOFTWARE = 3


STATUS_GRID_PRESENT = 1 << 0
STATUS_TRIPPED = 1 << 1
STATUS_TAMPER = 1 << 2
STATUS_CLOCK_NOT_SET = 1 << 3
STATUS_SPOOL_OVERFLOWED = 1 << 4
STATUS_FAIL_SAFE = 1 << 5

CAN_METER = 1 << 0
CAN_SWITCH = 1 << 1
CAN_STORE = 1 << 2
CAN_FORWARD = 1 << 3
CAN_SIGN = 1 << 4


class Reading(NamedTuple):
    """A whole reading (KEYFRAME): six cumulative registers and the instant's values."""

    generated_wh: int
    consumed_wh: int
    exported_wh: int
    imported_wh: int
    charged_wh: int
    discharged_wh: int
    voltage_dv: int
    current_ma: int
    power_w: int
    power_factor_pm: int
    temperature_dc: int
    soc_bp: int
    relays: int
    status: int

    @property
    def registers(self) -> tuple[int, int, int, int, int, int]:
        """The six registers, Wh, in the order of the fields."""
        return self[:6]


FIELD_RANGES: tuple[tuple[int, int], ...] = (
    *(((0, MAX_REGISTER_WH),) * 6),
    (0, _U16),
    (0, _U32),
    (-(1 << 31), (1 << 31) - 1),
    (-1000, 1000),
    (-(1 << 15), (1 << 15) - 1),
    (0, _U16),
    (0, 0xFF),
    (0, 0x3F),
)
"""Least and greatest value of each field of a Reading; `soc_bp` also has a gap (see `_check`)."""


class Seal(NamedTuple):
    """What a meter's secure element adds to a KEYFRAME (docs/witness.md): who signed, and how.

    `signature` is r || s on P-256, 64 bytes, over the meter, `counter`, the frame's time and the
    registers under the chain's `enrolment` of the element. Not checked by `verify`.
    """

    enrolment: int
    counter: int
    signature: bytes


class Delta(NamedTuple):
    """A reading relative to the sender's keyframe `back` frames ago.

    `changed` has a bit for each field that differs, `differences` a value per set bit, ascending.
    """

    back: int
    changed: int
    differences: tuple[int, ...]

    @classmethod
    def between(cls, back: int, keyframe: Reading, reading: Reading) -> Delta:
        """The delta that `apply` turns back into `reading`."""
        changed = 0
        differences: list[int] = []
        for i, (old, new) in enumerate(zip(keyframe, reading, strict=True)):
            if old != new:
                changed |= 1 << i
                differences.append(new - old)
        return cls(back, changed, tuple(differences))

    def apply(self, keyframe: Reading) -> Reading:
        """The whole reading.

        Raises:
            Malformed: a value leaves its field's range.
        """
        values = list(keyframe)
        differences = iter(self.differences)
        for i in range(len(values)):
            if self.changed >> i & 1:
                values[i] += next(differences)
                low, high = FIELD_RANGES[i]
                if not low <= values[i] <= high:
                    raise Malformed(f"delta: {Reading._fields[i]} {values[i]} is out of range")
        reading = Reading._make(values)
        _check(reading)
        return reading


class Ack(NamedTuple):
    """What became of a command (`command_id` 0: the node acted by itself)."""

    command_id: int
    pin: int
    closed: bool
    result: AckResult
    imported_wh: int


class Hello(NamedTuple):
    """A node's introduction and health."""

    hardware: Hardware
    firmware: tuple[int, int, int]
    capabilities: int
    reset_cause: ResetCause
    uptime_s: int
    spooled: int


class Poll(NamedTuple):
    """Asks for pending downlink frames and waits up to `wait_s`."""

    last_command_id: int
    wait_s: int


class Fragment(NamedTuple):
    """A piece of a longer message; `downlink` is told by the frame's type."""

    message: int
    piece_index: int
    piece_count: int
    piece: bytes
    downlink: bool = False


class Event(NamedTuple):
    """Something that happened locally; `value` is mA, 0.1 V or 0 by kind."""

    kind: EventKind
    pin: int
    value: int


class Command(NamedTuple):
    """Switch relay V`pin`; `cutoff_wh` and `expires` (Unix seconds) of 0 mean never."""

    command_id: int
    pin: int
    closed: bool
    cutoff_wh: int
    expires: int


class SetTime(NamedTuple):
    """Set the node's clock (Unix seconds, milliseconds)."""

    seconds: int
    milliseconds: int


class Price(NamedTuple):
    """Posted prices, micro-rupees per kWh, and the Unix time until which they hold."""

    buy_micro_inr_per_kwh: int
    sell_micro_inr_per_kwh: int
    valid_until: int


class Results(NamedTuple):
    """(boot, sequence, result) of uplink frames of the addressed node."""

    entries: tuple[tuple[int, int, Result], ...]


class Mesh(NamedTuple):
    """A message of the mesh about itself; `kind` says which (docs/frame.md, MESH)."""

    kind: int
    content: bytes
    downlink: bool = False


Body = (
    Reading
    | Delta
    | Ack
    | Hello
    | Poll
    | Fragment
    | Event
    | Command
    | SetTime
    | Price
    | Results
    | Mesh
)


class Frame(NamedTuple):
    """One decoded frame; nothing in it is trusted before `verify`.

    `time` is Unix seconds, 0 = the sender has no clock yet. `raw` are the bytes as received (of a
    reassembled message: of its last piece). `seal`: of a KEYFRAME of a meter with a secure element.
    """

    type: FrameType
    node_id: int
    boot: int
    sequence: int
    time: int
    body: Body
    raw: bytes
    seal: Seal | None = None

    @property
    def order(self) -> tuple[int, int]:
        """(boot, sequence), strictly increasing for a sender."""
        return self.boot, self.sequence


# ---- decoding ------------------------------------------------------------------------------------

_HEADER = struct.Struct(">BBIIII")
_READING = struct.Struct(">BIBIBIBIBIBIHIihhHBB")
_SEAL = struct.Struct(">II64s")
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


def _exactly(layout: struct.Struct, payload: bytes) -> tuple[int, ...]:
    if len(payload) != layout.size:
        if len(payload) < layout.size:
            raise Truncated(f"payload of {len(payload)} bytes, {layout.size} needed")
        raise Malformed(f"payload of {len(payload)} bytes, {layout.size} expected")
    return layout.unpack(payload)


def _check(reading: Reading) -> None:
    if not -1000 <= reading[9] <= 1000:
        raise Malformed(f"power_factor_pm {reading[9]} is outside -1000..1000")
    if 10_000 < reading[11] < NO_BATTERY:
        raise Malformed(f"soc_bp {reading[11]} is outside 0..10000")
    if reading[13] > 0x3F:
        raise Malformed(f"status {reading[13]:#x} has reserved bits set")


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
    _check(reading)
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


def decode(data: bytes, *, downlink: bool = False) -> Frame:
    """The frame in `data`: an uplink one, or what a gateway sends if `downlink`.

    Checks everything but the tag (see `verify`).

    Raises:
        FrameError: the bytes are no such frame; its class says why.
    """
    size = len(data)
    if size > MAX_FRAME_BYTES:
        raise Oversized(f"{size} bytes, at most {MAX_FRAME_BYTES}")
    if size < HEADER_BYTES + TAG_BYTES:
        raise Truncated(f"{size} bytes, at least {HEADER_BYTES + TAG_BYTES}")
    magic, version_and_type, node_id, boot, sequence, time = _HEADER.unpack_from(data)
    if magic != _MAGIC:
        raise BadMagic(f"first byte {magic:#04x}")
    if version_and_type >> 4 != _VERSION:
        raise BadVersion(f"version {version_and_type >> 4}")
    kind, parse = parser_of(version_and_type & 0xF, downlink=downlink)
    payload, seal = data[HEADER_BYTES:-TAG_BYTES], None
    if kind is FrameType.KEYFRAME and len(payload) == _READING.size + _SEAL.size:
        seal = Seal._make(_SEAL.unpack_from(payload, _READING.size))
        payload = payload[: _READING.size]
    body = parse(payload)
    if sequence == 0:
        raise Malformed("sequence 0")
    if seal is not None and seal.enrolment == 0:
        raise Malformed("enrolment 0 of a seal")
    return Frame(kind, node_id, boot, sequence, time, body, data, seal)


def verify(frame: Frame, key: bytes) -> None:
    """Returns if `frame` was made by a holder of `key` (32 bytes) and not changed since.

    Raises:
        BadTag: it was not.
    """
    raw = frame.raw
    expected = hmac.digest(key, raw[:-TAG_BYTES], "sha256")[:TAG_BYTES]
    if not hmac.compare_digest(expected, raw[-TAG_BYTES:]):
        raise BadTag(f"node {frame.node_id}, boot {frame.boot}, sequence {frame.sequence}")


# ---- encoding ------------------------------------------------------------------------------------


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
        case Results():
            packed = b"".join(_RESULT.pack(b, s, result.number) for b, s, result in body.entries)
            return FrameType.RESULTS, packed


def encode(
    node_id: int,
    boot: int,
    sequence: int,
    time: int,
    body: Body,
    key: bytes,
    seal: Seal | None = None,
) -> bytes:
    """The frame that carries `body`; the body's class decides the type.

    Args:
        node_id: the meter or board it speaks of, downlink the receiver.
        boot: the sender's boot counter; with `sequence` strictly increasing.
        sequence: of this boot, from 1.
        time: Unix seconds; 0 = no clock.
        key: the node's 32 bytes.
        seal: of a Reading.

    Raises:
        ValueError: a value does not fit its field; says which frame and why.
    """
    try:
        kind, payload = payload_of(body)
        if seal is not None:
            payload += _SEAL.pack(*seal)
        header = _HEADER.pack(_MAGIC, _VERSION << 4 | kind, node_id, boot, sequence, time)
        signed = header + payload
        data = signed + hmac.digest(key, signed, "sha256")[:TAG_BYTES]
        decode(data, downlink=kind >= FrameType.COMMAND)  # never send what nobody accepts
    except (struct.error, FrameError) as error:
        raise ValueError(f"{type(body).__name__} for node {node_id}: {error}") from error
    return data


def encode_command(
    node_id: int, boot: int, sequence: int, time: int, command: Command, key: bytes
) -> bytes:
    """A COMMAND frame to board `node_id`; see `encode`."""
    return encode(node_id, boot, sequence, time, command, key)


def encode_time(node_id: int, boot: int, sequence: int, now_ms: int, key: bytes) -> bytes:
    """A TIME frame that sets a node's clock to `now_ms` (Unix milliseconds)."""
    seconds, milliseconds = divmod(now_ms, 1000)
    return encode(node_id, boot, sequence, seconds, SetTime(seconds, milliseconds), key)


def encode_price(
    node_id: int, boot: int, sequence: int, time: int, price: Price, key: bytes
) -> bytes:
    """A PRICE frame; see `encode`."""
    return encode(node_id, boot, sequence, time, price, key)


def encode_results(
    node_id: int,
    boot: int,
    sequence: int,
    time: int,
    entries: list[tuple[int, int, Result]],
    key: bytes,
) -> bytes:
    """A RESULTS frame: 1..24 (boot, sequence, result) of node `node_id`; see `encode`."""
    return encode(node_id, boot, sequence, time, Results(tuple(entries)), key)
