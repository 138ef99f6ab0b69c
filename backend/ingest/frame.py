"""The gateway's codec of the frame (docs/frame.md): bytes to typed values and back.

`decode` checks everything that the bytes alone can tell, `verify` the tag; both are needed before a
frame means anything. Together they take a few microseconds a frame. The firmware has a codec of
its own (`devices/esp32/frame.py`); `tests/vectors/frames.json` holds the two together.
"""

from __future__ import annotations

import hmac
import struct

from backend.ingest.frame_payloads import READING_BYTES, parser_of, payload_of
from backend.ingest.frame_values import (
    BadMagic,
    BadTag,
    BadVersion,
    Body,
    Command,
    Frame,
    FrameError,
    FrameType,
    Malformed,
    Oversized,
    Price,
    Result,
    Results,
    Seal,
    SetTime,
    Truncated,
)

MAX_FRAME_BYTES = 250
HEADER_BYTES = 18
TAG_BYTES = 16
MAX_PAYLOAD_BYTES = MAX_FRAME_BYTES - HEADER_BYTES - TAG_BYTES
MAX_PIECE_BYTES = MAX_PAYLOAD_BYTES - 4

_MAGIC = 0x4F
_VERSION = 1
_HEADER = struct.Struct(">BBIIII")
_SEAL = struct.Struct(">II64s")

# ---- decoding ------------------------------------------------------------------------------------


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
    if kind is FrameType.KEYFRAME and len(payload) == READING_BYTES + _SEAL.size:
        seal = Seal._make(_SEAL.unpack_from(payload, READING_BYTES))
        payload = payload[:READING_BYTES]
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
