"""What reads bytes that anybody may send, each as a function that must not fail.

By day Hypothesis calls them (test_parsers.py); `make fuzz` has Atheris look for what reaches new
code (fuzz.py).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from flask import Flask
from pydantic import ValidationError

from backend.api import node_routes
from backend.api.errors import ApiError
from backend.ingest import cobs, seal
from backend.ingest.fragments import Reassembler
from backend.ingest.frame import Delta, Fragment, FrameError, Reading, decode
from backend.ingest.serial_gateway import PacketSplitter
from backend.oracle.proposal import ProposalError, SlotProposal
from backend.telemetry.statements import Element
from devices.esp32 import frame as firmware

_APP = Flask(__name__)
_ELEMENT = Element(
    1,
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def gateway_frame(data: bytes) -> None:
    """The gateway's codec, both directions; what decodes is read as evidence is."""
    for downlink in (False, True):
        with suppress(FrameError):
            frame = decode(data, downlink=downlink)
            if isinstance(frame.body, Delta):
                frame.body.apply(Reading(*([0] * 14)))
            statement = seal.statement_of(frame)
            if statement is not None:
                seal.is_signed(statement, _ELEMENT, 31337, bytes(20))


def firmware_frame(data: bytes) -> None:
    """The node's codec."""
    for downlink in (False, True):
        with suppress(firmware.FrameError):
            firmware.decode(data, downlink)


def both_codecs(data: bytes) -> None:
    """What one takes the other takes."""
    for downlink in (False, True):
        ours = theirs = True
        try:
            decode(data, downlink=downlink)
        except FrameError:
            ours = False
        try:
            firmware.decode(data, downlink)
        except firmware.FrameError:
            theirs = False
        assert ours == theirs, data.hex()


def cobs_packet(data: bytes) -> None:
    """COBS, and back."""
    assert cobs.decode(cobs.encode(data)) == data if data else True
    with suppress(FrameError):
        cobs.decode(data)


def serial_line(data: bytes) -> None:
    """A line's bytes in uneven pieces, into packets, into frames; memory stays bounded."""
    splitter = PacketSplitter()
    step = 1 + (data[0] if data else 0) % 97
    for start in range(0, len(data), step):
        for packet in splitter.add(data[start : start + step]):
            with suppress(FrameError):
                decode(cobs.decode(packet))


def fragments(data: bytes) -> None:
    """Pieces of messages in any order: 0..3 choose message, index and count."""
    reassembler = Reassembler()
    for at in range(0, len(data) - 4, 24):
        head, piece = data[at : at + 4], data[at + 4 : at + 24]
        body = Fragment(head[0], head[1] % 4, 2 + head[2] % 3, piece, bool(head[3] & 1))
        if body.piece_index >= body.piece_count or not piece:
            continue
        frame = decode(_FRAGMENT_FRAME)._replace(body=body)
        with suppress(FrameError):
            reassembler.add(frame)


def slot_proposal(data: bytes) -> None:
    """What a signer is asked to sign; what parses is written the same."""
    for shown in (data, b"OSP1" + data):
        with suppress(ProposalError):
            assert SlotProposal.from_bytes(shown).to_bytes() == shown


def http_readings(data: bytes) -> None:
    """The body of POST /api/readings, as octets and as JSON."""
    for kind in ("application/octet-stream", "application/json"):
        context = _APP.test_request_context(
            "/api/readings", method="POST", data=data, content_type=kind
        )
        with context, suppress(ApiError, ValidationError):
            node_routes._frames_of_request()
    frames = json.dumps({"frames": [data.hex()]})
    with (
        _APP.test_request_context("/", method="POST", data=frames, content_type="application/json"),
        suppress(ApiError, ValidationError),
    ):
        assert node_routes._frames_of_request() == [data]


def _fragment_frame() -> bytes:
    from backend.ingest.frame import encode

    return encode(7, 1, 1, 0, Fragment(1, 0, 2, b"x"), bytes(32))


_FRAGMENT_FRAME = _fragment_frame()
TARGETS: Mapping[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (
        gateway_frame,
        firmware_frame,
        both_codecs,
        cobs_packet,
        serial_line,
        fragments,
        slot_proposal,
        http_readings,
    )
}
