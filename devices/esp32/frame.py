"""The firmware's codec of the frame (docs/frame.md).

Runs on MicroPython and CPython alike: integers, tuples and bytes only; annotations are ignored on the
node. Written apart from the gateway's codec on purpose: what both agree on is the document, not a bug.
"""

import hashlib
import struct

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
KEY = 0xE
_TYPES = 0xE

MAX_FRAME = 250
MAX_PIECE = 212
_MAGIC = 0x4F
_VERSION = 1
_HEADER = ">BBIIII"
_HEADER_SIZE = 18
_TAG_SIZE = 16
_READING_SIZE = 48
_SEAL_SIZE = 72

# A reading is a tuple of 14 integers in this order.
GENERATED_WH = 0
CONSUMED_WH = 1
EXPORTED_WH = 2
IMPORTED_WH = 3
CHARGED_WH = 4
DISCHARGED_WH = 5
VOLTAGE_DV = 6
CURRENT_MA = 7
POWER_W = 8
POWER_FACTOR_PM = 9
TEMPERATURE_DC = 10
SOC_BP = 11
RELAYS = 12
STATUS = 13
_FIELDS = 14

NO_BATTERY = 0xFFFF
NO_PIN = 0xFF

STATUS_GRID_PRESENT = 1
STATUS_TRIPPED = 2
STATUS_TAMPER = 4
STATUS_CLOCK_NOT_SET = 8
STATUS_SPOOL_OVERFLOWED = 16
STATUS_FAIL_SAFE = 32

KEY_WRAPPED = 1
KEY_AGREED = 2
_KEY_SIZES = {KEY_WRAPPED: 32, KEY_AGREED: 64}

ACK_APPLIED = 0
ACK_REFUSED = 1
ACK_EXPIRED = 2
ACK_CUTOFF = 3
ACK_FAIL_SAFE = 4

EVENT_OVER_CURRENT = 1
EVENT_UNDER_VOLTAGE = 2
EVENT_OVER_VOLTAGE = 3
EVENT_TAMPER = 4
EVENT_GRID_LOST = 5
EVENT_GRID_BACK = 6

CAN_METER = 1
CAN_SWITCH = 2
CAN_STORE = 4
CAN_FORWARD = 8
CAN_SIGN = 16

# Numbers of the gateway's answers, as in RESULTS frames.
RESULT_NAMES = (
    "accepted",
    "duplicate",
    "reordered",
    "quarantined_backward",
    "quarantined_step",
    "missing_keyframe",
    "future_time",
    "busy",
    "bad_tag",
    "unknown_node",
    "revoked_node",
    "truncated",
    "oversized",
    "bad_magic",
    "bad_version",
    "bad_type",
    "malformed",
)

_U32 = 0xFFFFFFFF
_U40 = 0xFFFFFFFFFF


class FrameError(ValueError):
    """Bytes that are no frame; `args[0]` is the name that docs/frame.md gives to the reason."""


# ---- tag ---------------------------------------------------------------------------------------------


def hmac_sha256(key: bytes, data: bytes) -> bytes:
    """`key` has at most 64 bytes."""
    inner = bytearray(64)
    outer = bytearray(64)
    for i in range(64):
        k = key[i] if i < len(key) else 0
        inner[i] = k ^ 0x36
        outer[i] = k ^ 0x5C
    digest = hashlib.sha256(bytes(inner) + data).digest()
    return hashlib.sha256(bytes(outer) + digest).digest()


def tag(key: bytes, data: bytes) -> bytes:
    """First 128 bits of HMAC-SHA256; `key` has at most 64 bytes."""
    return hmac_sha256(key, data)[:_TAG_SIZE]


def _same(a: bytes, b: bytes) -> bool:
    """Compares in a time that does not depend on where they differ."""
    difference = len(a) ^ len(b)
    for i in range(min(len(a), len(b))):
        difference |= a[i] ^ b[i]
    return difference == 0


# ---- whole frames ------------------------------------------------------------------------------------


def encode(
    kind: int, node_id: int, boot: int, sequence: int, time: int, payload: bytes, key: bytes
) -> bytes:
    """A frame around a payload made by one of the `put_` functions below."""
    head = struct.pack(_HEADER, _MAGIC, _VERSION << 4 | kind, node_id, boot, sequence, time)
    signed = head + payload
    if len(signed) + _TAG_SIZE > MAX_FRAME:
        raise FrameError("oversized")
    return signed + tag(key, signed)


def retagged(data: bytes, key: bytes) -> bytes:
    """The same frame under another key."""
    signed = data[: len(data) - _TAG_SIZE]
    return signed + tag(key, signed)


def decode(data: bytes, downlink: bool = True) -> tuple:  # type: ignore[type-arg]
    """(kind, node_id, boot, sequence, time, fields) of a frame; the tag is not looked at.

    `fields` is the tuple that the type's `get_` function returns. Raises FrameError.
    """
    if len(data) > MAX_FRAME:
        raise FrameError("oversized")
    if len(data) < _HEADER_SIZE + _TAG_SIZE:
        raise FrameError("truncated")
    magic, version_kind, node_id, boot, sequence, time = struct.unpack_from(_HEADER, data, 0)
    if magic != _MAGIC:
        raise FrameError("bad_magic")
    if version_kind >> 4 != _VERSION:
        raise FrameError("bad_version")
    kind = version_kind & 15
    if kind > _TYPES or (kind >= 8) != downlink:
        raise FrameError("bad_type")
    fields = _GET[kind](data[_HEADER_SIZE : len(data) - _TAG_SIZE])
    if sequence == 0:
        raise FrameError("malformed")
    return kind, node_id, boot, sequence, time, fields


def check_tag(data: bytes, key: bytes) -> None:
    """Raises FrameError unless a holder of `key` made these very bytes."""
    at = len(data) - _TAG_SIZE
    if not _same(tag(key, data[:at]), data[at:]):
        raise FrameError("bad_tag")


# ---- varints -----------------------------------------------------------------------------------------


def put_varint(out: bytearray, value: int) -> None:
    """Appends `value` >= 0, seven bits a byte, low group first."""
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)


def _get_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for i in range(6):
        if at + i >= len(data):
            raise FrameError("truncated")
        byte = data[at + i]
        value |= (byte & 127) << 7 * i
        if byte < 128:
            if i > 0 and byte == 0:
                raise FrameError("malformed")  # longer than needed
            return value, at + i + 1
    raise FrameError("malformed")


# ---- payloads: put_ makes one, get_ reads one --------------------------------------------------------


def _need(ok: bool) -> None:
    if not ok:
        raise FrameError("malformed")


def _sized(data: bytes, size: int) -> None:
    if len(data) < size:
        raise FrameError("truncated")
    _need(len(data) == size)


def _field_fits(i: int, value: int) -> bool:
    if i <= DISCHARGED_WH:
        return 0 <= value <= _U40
    if i == VOLTAGE_DV:
        return 0 <= value <= 0xFFFF
    if i == CURRENT_MA:
        return 0 <= value <= _U32
    if i == POWER_W:
        return -0x80000000 <= value <= 0x7FFFFFFF
    if i == POWER_FACTOR_PM:
        return -1000 <= value <= 1000
    if i == TEMPERATURE_DC:
        return -0x8000 <= value <= 0x7FFF
    if i == SOC_BP:
        return 0 <= value <= 10000 or value == NO_BATTERY
    if i == RELAYS:
        return 0 <= value <= 0xFF
    return 0 <= value <= 0x3F


def _span(i: int) -> int:
    """Greatest difference that two values of field `i` can have."""
    if i <= DISCHARGED_WH:
        return _U40
    return (0xFFFF, _U32, _U32, 2000, 0xFFFF, 0xFFFF, 0xFF, 0x3F)[i - VOLTAGE_DV]


def put_reading(values: tuple[int, ...]) -> bytes:
    """KEYFRAME; raises FrameError if a value does not fit its field."""
    _need(len(values) == _FIELDS)
    for i in range(_FIELDS):
        _need(_field_fits(i, values[i]))
    out = b""
    for i in range(6):
        out += values[i].to_bytes(5, "big")
    return out + struct.pack(">HIihhHBB", *values[6:])


def put_seal(enrolment: int, counter: int, signature: bytes) -> bytes:
    """What a secure element adds to a KEYFRAME; `signature` is r || s, 64 bytes."""
    _need(0 < enrolment <= _U32 and 0 <= counter <= _U32 and len(signature) == 64)
    return struct.pack(">II", enrolment, counter) + signature


def get_reading(data: bytes) -> tuple:  # type: ignore[type-arg]
    """The 14 values of a KEYFRAME, and (enrolment, counter, signature) if it is sealed."""
    if len(data) == _READING_SIZE + _SEAL_SIZE:
        enrolment, counter = struct.unpack_from(">II", data, _READING_SIZE)
        _need(enrolment != 0)
        return get_reading(data[:_READING_SIZE]) + ((enrolment, counter, data[_READING_SIZE + 8 :]),)
    _sized(data, _READING_SIZE)
    registers = tuple([int.from_bytes(data[5 * i : 5 * i + 5], "big") for i in range(6)])
    values = registers + struct.unpack(">HIihhHBB", data[30:])
    for i in range(6, _FIELDS):
        _need(_field_fits(i, values[i]))
    return values


def put_delta(back: int, keyframe: tuple[int, ...], values: tuple[int, ...]) -> bytes:
    """DELTA: `values` relative to the keyframe that was sent `back` frames before."""
    head = bytearray()
    put_varint(head, back)
    changed = 0
    coded = bytearray()
    for i in range(_FIELDS):
        _need(_field_fits(i, values[i]))
        difference = values[i] - keyframe[i]
        if difference:
            changed |= 1 << i
            put_varint(coded, difference * 2 if difference > 0 else -difference * 2 - 1)
    return bytes(head) + struct.pack(">H", changed) + bytes(coded)


def get_delta(data: bytes) -> tuple[int, int, tuple[int, ...]]:
    """(back, changed, differences of the fields whose bit is set)."""
    back, at = _get_varint(data, 0)
    _need(1 <= back <= _U32)
    if len(data) < at + 2:
        raise FrameError("truncated")
    changed = struct.unpack_from(">H", data, at)[0]
    _need(changed < 1 << _FIELDS)
    at += 2
    differences = []
    for i in range(_FIELDS):
        if changed & 1 << i:
            coded, at = _get_varint(data, at)
            difference = -(coded + 1 >> 1) if coded & 1 else coded >> 1
            _need(difference != 0 and abs(difference) <= _span(i))
            differences.append(difference)
    _need(at == len(data))
    return back, changed, tuple(differences)


def apply_delta(
    delta: tuple[int, int, tuple[int, ...]], keyframe: tuple[int, ...]
) -> tuple[int, ...]:
    """The 14 values that a delta stands for."""
    values = list(keyframe)
    taken = 0
    for i in range(_FIELDS):
        if delta[1] & 1 << i:
            values[i] += delta[2][taken]
            taken += 1
            _need(_field_fits(i, values[i]))
    return tuple(values)


def put_ack(command_id: int, pin: int, closed: int, result: int, imported_wh: int) -> bytes:
    """ACK: the contact's state now, and the relay's own register when it moved."""
    return struct.pack(">QBBB", command_id, pin, closed, result) + imported_wh.to_bytes(5, "big")


def get_ack(data: bytes) -> tuple[int, int, int, int, int]:
    """(command_id, pin, closed, result, imported_wh)."""
    _sized(data, 16)
    command_id, pin, closed, result = struct.unpack_from(">QBBB", data, 0)
    _need(pin <= 7 and closed <= 1 and result <= ACK_FAIL_SAFE)
    return command_id, pin, closed, result, int.from_bytes(data[11:16], "big")


def put_hello(
    hardware: int, version: tuple[int, int, int], can: int, cause: int, uptime: int, spooled: int
) -> bytes:
    """HELLO: what the node is, why it started, how long ago, how much it has not delivered."""
    major, minor, patch = version
    spooled = min(spooled, 0xFFFF)
    return struct.pack(">BBBBHBIH", hardware, major, minor, patch, can, cause, uptime, spooled)


def get_hello(data: bytes) -> tuple[int, ...]:
    """(hardware, major, minor, patch, capabilities, reset cause, uptime in s, spooled frames)."""
    _sized(data, 13)
    fields = struct.unpack(">BBBBHBIH", data)
    _need(fields[0] <= 2 and fields[4] <= 0x1F and fields[5] <= 3)
    return fields


def put_poll(last_command_id: int, wait: int) -> bytes:
    """POLL: asks for downlink frames, waiting at most `wait` seconds."""
    return struct.pack(">QB", last_command_id, wait)


def get_poll(data: bytes) -> tuple[int, ...]:
    """(last command_id, seconds to wait)."""
    _sized(data, 9)
    return struct.unpack(">QB", data)


def put_event(kind: int, pin: int, value: int) -> bytes:
    """EVENT: `value` is mA, 0.1 V or 0 by kind; pin NO_PIN if no relay is concerned."""
    return struct.pack(">BBi", kind, pin, value)


def get_event(data: bytes) -> tuple[int, ...]:
    """(kind, pin, value)."""
    _sized(data, 6)
    fields = struct.unpack(">BBi", data)
    _need(1 <= fields[0] <= EVENT_GRID_BACK and (fields[1] <= 7 or fields[1] == NO_PIN))
    return fields


def put_command(command_id: int, pin: int, closed: int, cutoff_wh: int, expires: int) -> bytes:
    """COMMAND, as a gateway makes it."""
    head = struct.pack(">QBB", command_id, pin, closed)
    return head + cutoff_wh.to_bytes(5, "big") + struct.pack(">I", expires)


def get_command(data: bytes) -> tuple[int, int, int, int, int]:
    """(command_id, pin, closed, cutoff_wh, expires)."""
    _sized(data, 19)
    command_id, pin, closed = struct.unpack_from(">QBB", data, 0)
    _need(pin <= 7 and closed <= 1)
    cutoff_wh = int.from_bytes(data[10:15], "big")
    return command_id, pin, closed, cutoff_wh, struct.unpack_from(">I", data, 15)[0]


def put_time(seconds: int, milliseconds: int) -> bytes:
    """TIME, as a gateway makes it."""
    return struct.pack(">IH", seconds, milliseconds)


def get_time(data: bytes) -> tuple[int, ...]:
    """(Unix seconds, milliseconds)."""
    _sized(data, 6)
    fields = struct.unpack(">IH", data)
    _need(fields[1] <= 999)
    return fields


def put_price(buy: int, sell: int, valid_until: int) -> bytes:
    """PRICE, as a gateway makes it; micro-rupees per kWh."""
    return struct.pack(">III", buy, sell, valid_until)


def get_price(data: bytes) -> tuple[int, ...]:
    """(buy, sell, valid until)."""
    _sized(data, 12)
    return struct.unpack(">III", data)


def put_results(entries: list[tuple[int, int, int]]) -> bytes:
    """RESULTS, as a gateway makes it: 1..24 times (boot, sequence, number of the result)."""
    out = b""
    for entry in entries:
        out += struct.pack(">IIB", *entry)
    return out


def get_results(data: bytes) -> tuple[tuple[int, int, int], ...]:
    """(boot, sequence, number of the result), one for each frame answered."""
    if not data or len(data) % 9:
        raise FrameError("truncated")
    entries = []
    for at in range(0, len(data), 9):
        boot, sequence, result = struct.unpack_from(">IIB", data, at)
        _need(sequence > 0 and result < len(RESULT_NAMES))
        entries.append((boot, sequence, result))
    return tuple(entries)


def put_mesh(kind: int, content: bytes) -> bytes:
    """MESH and MESH_DOWN: a message of the mesh about itself, `kind` 1..255."""
    return struct.pack(">B", kind) + content


def get_mesh(data: bytes) -> tuple[int, bytes]:
    """(kind, content)."""
    if len(data) < 2:
        raise FrameError("truncated")
    _need(data[0] != 0)
    return data[0], data[1:]


def put_key(method: int, epoch: int, content: bytes) -> bytes:
    """KEY: the node's next key, wrapped (32 bytes) or to be agreed on with a public key (64 bytes)."""
    return struct.pack(">BI", method, epoch) + content


def get_key(data: bytes) -> tuple[int, int, bytes]:
    """(method, epoch, content)."""
    if len(data) < 5:
        raise FrameError("truncated")
    method, epoch = struct.unpack_from(">BI", data, 0)
    _need(method in _KEY_SIZES and epoch > 0)
    _sized(data, 5 + _KEY_SIZES[method])
    return method, epoch, data[5:]


def put_fragment(message: int, index: int, count: int, piece: bytes) -> bytes:
    """FRAGMENT: piece `index` of `count` of message number `message`."""
    return struct.pack(">HBB", message, index, count) + piece


def get_fragment(data: bytes) -> tuple[int, int, int, bytes]:
    """(message, index, count, piece)."""
    if len(data) < 5:
        raise FrameError("truncated")
    message, index, count = struct.unpack_from(">HBB", data, 0)
    _need(count >= 2 and index < count)
    return message, index, count, data[4:]


_GET = {
    MESH: get_mesh,
    KEYFRAME: get_reading,
    DELTA: get_delta,
    ACK: get_ack,
    HELLO: get_hello,
    POLL: get_poll,
    FRAGMENT: get_fragment,
    EVENT: get_event,
    COMMAND: get_command,
    TIME: get_time,
    PRICE: get_price,
    FRAGMENT_DOWN: get_fragment,
    RESULTS: get_results,
    MESH_DOWN: get_mesh,
    KEY: get_key,
}


# ---- messages longer than a frame --------------------------------------------------------------------


def split(kind: int, payload: bytes, message: int, piece_size: int = MAX_PIECE) -> list[bytes]:
    """Payloads of the FRAGMENT frames that carry this message, in the order to send them."""
    whole = bytes([kind]) + payload
    count = (len(whole) + piece_size - 1) // piece_size
    _need(2 <= count <= 255 and 1 <= piece_size <= MAX_PIECE)
    return [
        put_fragment(message, i, count, whole[i * piece_size : (i + 1) * piece_size])
        for i in range(count)
    ]


class Reassembler:
    """Puts the fragments of one sender together, one message at a time."""

    def __init__(self, downlink: bool = True) -> None:
        self._downlink = downlink
        self._next = (0, 0, 0)
        self._whole = b""

    def add(self, fields: tuple[int, int, int, bytes]) -> tuple | None:  # type: ignore[type-arg]
        """(kind, fields) of the message once its last piece came, else None. Raises FrameError."""
        message, index, count, piece = fields
        if index == 0:
            self._whole = b""
        elif (message, index, count) != self._next:
            self._next = (0, 0, 0)
            return None
        self._whole += piece
        self._next = (message, index + 1, count)
        if index + 1 < count:
            return None
        self._next = (0, 0, 0)
        kind = self._whole[0]
        if kind not in _GET or kind in (FRAGMENT, FRAGMENT_DOWN) or (kind >= 8) != self._downlink:
            raise FrameError("bad_type")
        return kind, _GET[kind](self._whole[1:])
