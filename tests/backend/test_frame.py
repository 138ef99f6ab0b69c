"""Both codecs reproduce tests/vectors/frames.json, to the bit and to the name of each error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backend.ingest import cobs as gateway_cobs
from backend.ingest import frame as gateway
from backend.ingest import frame_payloads, frame_values
from backend.ingest.fragments import Reassembler, split
from backend.ingest.frame_values import FrameError, FrameType, Reading, Result
from devices.esp32 import cobs as firmware_cobs
from devices.esp32 import frame as firmware

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/frames.json").read_text())
KEYS = {name: bytes.fromhex(key) for name, key in VECTORS["keys"].items()}


def cases(section: str) -> Any:
    return pytest.mark.parametrize("case", VECTORS[section], ids=lambda case: case["name"])


def plain(body: Any) -> dict[str, Any]:
    """A gateway body as the vectors write it."""
    match body:
        case frame_values.Results():
            return {"entries": [[b, s, result.number] for b, s, result in body.entries]}
        case frame_values.Hello():
            major, minor, patch = body.firmware
            return {
                "hardware": body.hardware, "major": major, "minor": minor, "patch": patch,
                "capabilities": body.capabilities, "reset_cause": body.reset_cause,
                "uptime_s": body.uptime_s, "spooled": body.spooled,
            }  # fmt: skip
        case frame_values.Fragment():
            return {
                "message": body.message, "index": body.piece_index, "count": body.piece_count,
                "piece": body.piece.hex(),
            }  # fmt: skip
        case frame_values.Mesh():
            return {"kind": body.kind, "content": body.content.hex()}
        case frame_values.NextKey():
            return {**body._asdict(), "content": body.content.hex()}
        case frame_values.Delta():
            return {**body._asdict(), "differences": list(body.differences)}
        case _:
            return body._asdict()


def listed(fields: Any) -> list[Any]:
    """Firmware fields as the vectors' values: nested tuples as lists, bytes as hex."""
    if isinstance(fields, tuple):
        return [listed(item) for item in fields]
    return fields.hex() if isinstance(fields, bytes) else fields


@cases("valid")
def test_gateway_decodes_and_encodes(case: dict[str, Any]) -> None:
    data, key = bytes.fromhex(case["hex"]), KEYS[case["key"]]
    frame = gateway.decode(data, downlink=case["downlink"])
    gateway.verify(frame, key)
    header = (frame.type.name, frame.node_id, frame.boot, frame.sequence, frame.time)
    assert header == tuple(case[n] for n in ("type", "node_id", "boot", "sequence", "time"))
    assert plain(frame.body) == case["body"]
    assert frame.raw == data
    again = gateway.encode(*header[1:], frame.body, key)
    assert again == data


@cases("valid")
def test_firmware_decodes_and_encodes(case: dict[str, Any]) -> None:
    data, key = bytes.fromhex(case["hex"]), KEYS[case["key"]]
    kind, *header, fields = firmware.decode(data, case["downlink"])
    firmware.check_tag(data, key)
    assert kind == FrameType[case["type"]]
    assert header == [case[n] for n in ("node_id", "boot", "sequence", "time")]
    values = list(case["body"].values())
    assert listed(fields) == (values[0] if kind == firmware.RESULTS else values)
    payload = data[18:-16]
    assert firmware.encode(kind, *header, payload, key) == data


FIRMWARE_PUT = {
    "KEYFRAME": lambda f: firmware.put_reading(f),
    "ACK": lambda f: firmware.put_ack(*f),
    "HELLO": lambda f: firmware.put_hello(f[0], f[1:4], *f[4:]),
    "POLL": lambda f: firmware.put_poll(*f),
    "FRAGMENT": lambda f: firmware.put_fragment(*f),
    "EVENT": lambda f: firmware.put_event(*f),
    "COMMAND": lambda f: firmware.put_command(*f),
    "TIME": lambda f: firmware.put_time(*f),
    "PRICE": lambda f: firmware.put_price(*f),
    "FRAGMENT_DOWN": lambda f: firmware.put_fragment(*f),
    "MESH": lambda f: firmware.put_mesh(*f),
    "MESH_DOWN": lambda f: firmware.put_mesh(*f),
    "KEY": lambda f: firmware.put_key(*f),
    "RESULTS": lambda f: firmware.put_results(list(f)),
}


@pytest.mark.parametrize(
    "case", [c for c in VECTORS["valid"] if c["type"] != "DELTA"], ids=lambda case: case["name"]
)
def test_firmware_makes_the_payload(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["hex"])
    fields = firmware.decode(data, case["downlink"])[5]
    assert FIRMWARE_PUT[case["type"]](fields) == data[18:-16]


@cases("invalid")
def test_gateway_names_the_error(case: dict[str, Any]) -> None:
    with pytest.raises(FrameError) as caught:
        gateway.verify(
            gateway.decode(bytes.fromhex(case["hex"]), downlink=case["downlink"]), KEYS[case["key"]]
        )
    assert caught.value.result == case["error"]
    assert type(caught.value).__name__.lower() == case["error"].replace("_", "")


@cases("invalid")
def test_firmware_names_the_error(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["hex"])

    def receive() -> None:
        firmware.decode(data, case["downlink"])
        firmware.check_tag(data, KEYS[case["key"]])

    with pytest.raises(firmware.FrameError) as caught:
        receive()
    assert caught.value.args == (case["error"],)


def test_every_error_of_a_frame_has_a_vector() -> None:
    errors = {subclass.result for subclass in FrameError.__subclasses__()}
    assert {case["error"] for case in VECTORS["invalid"]} == errors


def test_every_type_has_a_vector() -> None:
    assert {case["type"] for case in VECTORS["valid"]} == {kind.name for kind in FrameType}


@cases("deltas")
def test_gateway_applies_deltas(case: dict[str, Any]) -> None:
    keyframe, payload = Reading(**case["keyframe"]), bytes.fromhex(case["hex"])
    delta = frame_values.Delta(
        **{**case["delta"], "differences": tuple(case["delta"]["differences"])}
    )
    assert frame_payloads.payload_of(delta) == (FrameType.DELTA, payload)
    if "error" in case:
        with pytest.raises(frame_values.Malformed):
            delta.apply(keyframe)
    else:
        reading = Reading(**case["reading"])
        assert delta.apply(keyframe) == reading
        assert frame_values.Delta.between(delta.back, keyframe, reading) == delta


@cases("deltas")
def test_firmware_applies_deltas(case: dict[str, Any]) -> None:
    keyframe, payload = tuple(case["keyframe"].values()), bytes.fromhex(case["hex"])
    delta = firmware.get_delta(payload)
    if "error" in case:
        with pytest.raises(firmware.FrameError, match=case["error"]):
            firmware.apply_delta(delta, keyframe)
    else:
        reading = tuple(case["reading"].values())
        assert firmware.apply_delta(delta, keyframe) == reading
        assert firmware.put_delta(delta[0], keyframe, reading) == payload


@cases("fragments")
def test_gateway_reassembles(case: dict[str, Any]) -> None:
    reassembler = Reassembler()
    frames = [gateway.decode(bytes.fromhex(data)) for data in case["frames"]]
    for frame in frames[:-1]:
        assert reassembler.add(frame) is None
    if "error" in case:
        with pytest.raises(FrameError) as caught:
            reassembler.add(frames[-1])
        assert caught.value.result == case["error"]
    elif case["message"] is None:
        assert reassembler.add(frames[-1]) is None
    else:
        whole = reassembler.add(frames[-1])
        assert whole is not None
        expected = dict(case["message"])
        assert whole.body == Reading(**expected.pop("body"))
        assert whole.type.name == expected.pop("type")
        assert {name: getattr(whole, name) for name in expected} == expected


@cases("fragments")
def test_firmware_reassembles(case: dict[str, Any]) -> None:
    reassembler = firmware.Reassembler(downlink=False)
    pieces = [firmware.decode(bytes.fromhex(data), False)[5] for data in case["frames"]]
    for piece in pieces[:-1]:
        assert reassembler.add(piece) is None
    if "error" in case:
        with pytest.raises(firmware.FrameError, match=case["error"]):
            reassembler.add(pieces[-1])
    elif case["message"] is None:
        assert reassembler.add(pieces[-1]) is None
    else:
        kind, fields = reassembler.add(pieces[-1])  # type: ignore[misc]
        assert kind == FrameType[case["message"]["type"]]
        assert fields == tuple(case["message"]["body"].values())


@pytest.mark.parametrize("case", VECTORS["cobs"]["valid"], ids=lambda case: case["decoded"][:20])
def test_cobs(case: dict[str, str]) -> None:
    decoded, encoded = bytes.fromhex(case["decoded"]), bytes.fromhex(case["encoded"])
    for codec in (gateway_cobs, firmware_cobs):
        assert codec.encode(decoded) == encoded
        assert codec.decode(encoded) == decoded


@pytest.mark.parametrize("packet", VECTORS["cobs"]["invalid"])
def test_cobs_refuses_damage(packet: str) -> None:
    with pytest.raises(frame_values.Malformed):
        gateway_cobs.decode(bytes.fromhex(packet))
    with pytest.raises(ValueError, match="malformed"):
        firmware_cobs.decode(bytes.fromhex(packet))


def test_results_have_the_numbers_of_the_firmware() -> None:
    assert tuple(result.value for result in frame_values.RESULTS_IN_ORDER) == firmware.RESULT_NAMES
    assert [result.number for result in Result] == list(range(17))


KEY = KEYS["house"]


def reading(**values: int) -> Reading:
    return Reading(**{**dict.fromkeys(Reading._fields, 0), **values})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (reading(generated_wh=1 << 40), "Reading for node 4"),
        (reading(generated_wh=-1), "Reading for node 4"),
        (reading(soc_bp=10_001), "soc_bp 10001"),
        (frame_values.Delta(0, 0, ()), "back 0"),
        (frame_values.Delta(1, 1, (0,)), "difference 0 of generated_wh"),
        (frame_values.Command(1, 8, True, 0, 0), "pin 8"),
        (frame_values.Command(1 << 64, 0, True, 0, 0), "Command for node 4"),
        (frame_values.SetTime(0, 1000), "milliseconds 1000"),
        (frame_values.Results(()), "a result has 9 bytes"),
        (frame_values.Results(((1, 1, Result.BUSY),) * 25), "259 bytes"),
        (frame_values.Fragment(1, 0, 2, bytes(213)), "251 bytes"),
    ],
)
def test_encode_refuses_what_nobody_accepts(body: frame_values.Body, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        gateway.encode(4, 1, 1, 0, body, KEY)
    assert not isinstance(caught.value, FrameError)


@pytest.mark.parametrize("header", [(1 << 32, 1, 1, 0), (4, -1, 1, 0), (4, 1, 0, 0)])
def test_encode_refuses_headers(header: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="Poll for node"):
        gateway.encode(*header, frame_values.Poll(0, 0), KEY)


def test_named_encoders() -> None:
    head = (5, 1, 2, 1_790_000_000)
    command = frame_values.Command(5 << 40 | 1, 2, True, 1000, 0)
    price = frame_values.Price(6, 3, 9)
    entries = [(1, 2, Result.ACCEPTED), (1, 3, Result.FUTURE_TIME)]
    for data, body in (
        (gateway.encode_command(*head, command, KEY), command),
        (gateway.encode_price(*head, price, KEY), price),
        (gateway.encode_results(*head, entries, KEY), frame_values.Results(tuple(entries))),
        (gateway.encode_time(5, 1, 2, 1_790_000_000_123, KEY), frame_values.SetTime(head[3], 123)),
    ):
        frame = gateway.decode(data, downlink=True)
        gateway.verify(frame, KEY)
        assert (frame.node_id, frame.boot, frame.sequence, frame.time) == head
        assert frame.body == body


def test_a_downlink_frame_cannot_be_reflected() -> None:
    command = gateway.encode_command(4, 9, 9, 0, frame_values.Command(1, 0, True, 0, 0), KEY)
    fragment = gateway.encode(4, 9, 9, 0, frame_values.Fragment(1, 0, 2, b"x", downlink=True), KEY)
    for data in (command, fragment):
        with pytest.raises(frame_values.BadType):
            gateway.decode(data)


def test_split_refuses_what_needs_no_fragments() -> None:
    body = reading()
    for piece_bytes in (49, 212):
        with pytest.raises(ValueError, match="1 pieces"):
            split(body, 1, piece_bytes)
    with pytest.raises(ValueError, match="piece_bytes 213"):
        split(body, 1, 213)


def test_reassembler_wants_fragments() -> None:
    frame = gateway.decode(gateway.encode(4, 1, 1, 0, reading(), KEY))
    with pytest.raises(TypeError, match="KEYFRAME"):
        Reassembler().add(frame)
