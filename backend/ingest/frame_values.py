"""What a frame carries (docs/frame.md): types, bodies, answers and errors.

Values only: `backend.ingest.frame` reads and writes them.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import ClassVar, NamedTuple

MAX_REGISTER_WH = (1 << 40) - 1
NO_BATTERY = 0xFFFF
"""`soc_bp` of a node without storage."""
NO_PIN = 0xFF
"""`pin` of an EVENT that concerns no relay."""

_U16, _U32 = 0xFFFF, 0xFFFFFFFF

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
    KEY = 0xE


class KeyMethod(IntEnum):
    """How a node comes to its next key."""

    WRAPPED = 1
    AGREED = 2


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
"""Least and greatest value of each field of a Reading; `soc_bp` also has a gap (`check`)."""


def check(reading: Reading) -> None:
    """Returns if every field has a value that a meter can mean; raises Malformed."""
    if not -1000 <= reading[9] <= 1000:
        raise Malformed(f"power_factor_pm {reading[9]} is outside -1000..1000")
    if 10_000 < reading[11] < NO_BATTERY:
        raise Malformed(f"soc_bp {reading[11]} is outside 0..10000")
    if reading[13] > 0x3F:
        raise Malformed(f"status {reading[13]:#x} has reserved bits set")


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
        check(reading)
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


class NextKey(NamedTuple):
    """The key that a node is to use from now on.

    `content`: WRAPPED, the key's 32 bytes under the present one (agreement.py); AGREED, the
    gateway's public key, x || y, 64 bytes. `epoch`: the key's number, greater than the one before.
    """

    method: KeyMethod
    epoch: int
    content: bytes


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
    | NextKey
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
