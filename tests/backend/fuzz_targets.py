"""What reads bytes that anybody may send, each as a function that must not fail.

By day Hypothesis calls them (test_parsers.py); `make fuzz` has Atheris look for what reaches new
code (fuzz.py).
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from flask import Flask
from paho.mqtt.client import MQTTMessage
from pydantic import ValidationError

from backend.api import home_assistant, node_routes
from backend.api.blynk import BlynkTokens, blynk_blueprint
from backend.api.errors import ApiError
from backend.charging import frames as ocpp_frames
from backend.charging.ocpp2 import Ocpp2
from backend.charging.ocpp16 import Ocpp16
from backend.charging.said import Refused
from backend.ingest import cobs, mqtt_gateway, seal
from backend.ingest.fragments import Reassembler
from backend.ingest.frame import decode
from backend.ingest.frame_values import Delta, Fragment, FrameError, Reading
from backend.ingest.serial_gateway import PacketSplitter
from backend.mesh import receipts
from backend.oracle.proposal import ProposalError, SlotProposal
from backend.request_json import RequestJson
from backend.telemetry.statements import Element
from devices.esp32 import estar_packets
from devices.esp32 import frame as firmware

_APP = Flask(__name__)
_APP.json = RequestJson(_APP)
_BLYNK_TOKEN = "a-token-of-a-board-0123456789"
_DIALECTS = (Ocpp16(), Ocpp2("2.0.1"), Ocpp2("2.1"))
_PACKET_KINDS = tuple(bytes([kind]) for kind in range(0xE1, 0xE6))
_PACKETS = (
    estar_packets.get_request,
    estar_packets.get_reply,
    estar_packets.get_data,
    estar_packets.get_delivered,
    estar_packets.get_broken,
)
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


def mqtt_message(data: bytes) -> None:
    """What a broker delivers: any topic and payload, then a node's line and a relay's order."""
    cut = data[0] if data else 0
    given, payload = data[1 : 1 + cut], data[1 + cut :]
    for topic in (given, b"grid/node/" + given + b"/up", b"grid/relay/" + given + b"/set"):
        message = MQTTMessage(1, topic)
        message.payload = payload
        via, frames = mqtt_gateway.read_message(message)
        assert 0 <= via < 1 << 32
        assert via or not frames
        for frame in frames:
            with suppress(FrameError):
                decode(frame)
        for payload_of_order in (payload, b"ON"):
            message.payload = payload_of_order
            order = home_assistant.read_order(message)
            assert order is None or 0 < order[0] < 1 << 32


def blynk_request(data: bytes) -> None:
    """A request with a good token to each of Blynk's paths: any query, any body."""
    query, _, body = data.partition(b"\0")
    given = query.decode("latin-1")
    for path, method in (
        ("get", "GET"), ("getAll", "GET"), ("update", "GET"), ("batch/update", "GET"),
        ("batch/update", "POST"),
    ):  # fmt: skip
        for asked in (given, f"token={_BLYNK_TOKEN}&{given}", f"token={_BLYNK_TOKEN}&pin=v1"):
            context = _blynk().test_request_context(
                f"/external/api/{path}", method=method, query_string=asked,
                data=body, content_type="application/json",
            )  # fmt: skip
            with context:
                answer = _blynk().full_dispatch_request()  # what nobody handles comes out here
            assert answer.status_code in (200, 400, 403, 429), answer.status
            if answer.status_code != 200:
                assert isinstance(answer.get_json()["error"]["message"], str)


def ocpp_message(data: bytes) -> None:
    """A text frame of a charge point: read, held against its version's schema, understood."""
    asyncio.run(_ocpp(data))


async def _ocpp(data: bytes) -> None:
    text = data.decode(errors="replace")
    for dialect in _DIALECTS:
        for action in ("", "StartTransaction", "TransactionEvent", "MeterValues"):
            shown = f'[2,"1","{action}",{text}]' if action else text
            with suppress(ocpp_frames.Garbage, Refused):
                found = ocpp_frames.parse(shown)
                if isinstance(found, ocpp_frames.Call):
                    await ocpp_frames.check(dialect, found)
                    dialect.read(found.action, found.payload, 1_800_000_000_000)


def mesh_receipt(data: bytes) -> None:
    """What a node says it holds of a mesh session."""
    with suppress(receipts.ReceiptError):
        receipts.check(receipts.read(data), lambda _node: bytes(32))


def mesh_packet(data: bytes) -> None:
    """What a radio hears of a route: any node's, or anybody's."""
    for kind in (data[:1], *_PACKET_KINDS):
        for read in _PACKETS:
            found = read(kind + data[1:])
            assert found is None or isinstance(found, tuple)


class _Board:
    """Two relays, as `RelayReader` shows them; orders are noted."""

    def __init__(self) -> None:
        self.forced: list[tuple[int, bool]] = []

    def overview(self) -> SimpleNamespace:
        shown = [
            SimpleNamespace(board=5, pin=pin, switch_id=pin + 1, acknowledged_closed=True)
            for pin in (0, 1)
        ]
        return SimpleNamespace(relays=shown)

    def known_switches(self) -> list[SimpleNamespace]:
        return []

    def force(self, switch_id: int, closed: bool) -> None:
        self.forced.append((switch_id, closed))


@cache
def _blynk() -> Flask:
    board = _Board()
    tokens = BlynkTokens(Path("no such file"), [(5, _BLYNK_TOKEN)])
    app = Flask("blynk")
    app.json = RequestJson(app)
    services: Any = SimpleNamespace(relays=board)
    app.register_blueprint(blynk_blueprint(services, tokens, board))
    return app


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
        mqtt_message,
        blynk_request,
        ocpp_message,
        mesh_receipt,
        mesh_packet,
    )
}

if __name__ == "__main__":
    print(*TARGETS)  # for `make fuzz`
