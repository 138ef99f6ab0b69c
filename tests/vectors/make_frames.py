"""Writes tests/vectors/frames.json: `python tests/vectors/make_frames.py`.

Built byte by byte from docs/frame.md with neither codec, so that the vectors judge both.
The keys are for tests: repeated bytes and nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

OUT = Path(__file__).with_name("frames.json")
KEYS = {"house": bytes([0x11]) * 32, "board": bytes([0x22]) * 32}
TYPES = {
    "MESH": 0, "KEYFRAME": 1, "DELTA": 2, "ACK": 3, "HELLO": 4, "POLL": 5, "FRAGMENT": 6,
    "EVENT": 7, "COMMAND": 8, "TIME": 9, "PRICE": 10, "FRAGMENT_DOWN": 11, "RESULTS": 12,
    "MESH_DOWN": 13, "KEY": 14,
}  # fmt: skip
READING_WIDTHS = {
    "generated_wh": 5, "consumed_wh": 5, "exported_wh": 5, "imported_wh": 5, "charged_wh": 5,
    "discharged_wh": 5, "voltage_dv": 2, "current_ma": 4, "power_w": -4, "power_factor_pm": -2,
    "temperature_dc": -2, "soc_bp": 2, "relays": 1, "status": 1,
}  # fmt: skip
U32 = 0xFFFFFFFF
U40 = 0xFFFFFFFFFF


def integer(value: int, width: int) -> bytes:
    """Big-endian; a negative width means two's complement."""
    return value.to_bytes(abs(width), "big", signed=width < 0)


def varint(value: int) -> bytes:
    groups = []
    while True:
        groups.append(value & 0x7F)
        value >>= 7
        if not value:
            break
    return bytes([group | 0x80 for group in groups[:-1]] + [groups[-1]])


def zigzag(value: int) -> bytes:
    return varint(2 * value if value >= 0 else -2 * value - 1)


def reading(**values: int) -> tuple[dict[str, int], bytes]:
    body = {name: values.pop(name, 0) for name in READING_WIDTHS}
    assert not values, values
    return body, b"".join(integer(body[n], width) for n, width in READING_WIDTHS.items())


def delta(back: int, differences: dict[str, int]) -> tuple[dict[str, Any], bytes]:
    names = list(READING_WIDTHS)
    changed = sum(1 << names.index(name) for name in differences)
    ordered = [differences[name] for name in names if name in differences]
    payload = varint(back) + integer(changed, 2) + b"".join(map(zigzag, ordered))
    return {"back": back, "changed": changed, "differences": ordered}, payload


def fixed(**fields: tuple[int, int]) -> tuple[dict[str, int], bytes]:
    """Fields given as name=(value, width)."""
    body = {name: value for name, (value, _) in fields.items()}
    return body, b"".join(integer(value, width) for value, width in fields.values())


def frame(
    kind: int, payload: bytes, node_id: int = 12, boot: int = 3, sequence: int = 16,
    time: int = 1_790_000_000, key: str = "house", magic: int = 0x4F, version: int = 1,
) -> bytes:  # fmt: skip
    signed = bytes([magic, version << 4 | kind])
    signed += b"".join(integer(v, 4) for v in (node_id, boot, sequence, time)) + payload
    return signed + hmac.new(KEYS[key], signed, hashlib.sha256).digest()[:16]


HOUSE = reading(
    consumed_wh=4_812_345, imported_wh=4_812_345, voltage_dv=2312, current_ma=4321, power_w=987,
    power_factor_pm=-988, temperature_dc=-53, soc_bp=0xFFFF, relays=1, status=1,
)  # fmt: skip
ROOF = reading(
    generated_wh=91_234_567, consumed_wh=31_234_567, exported_wh=70_000_000,
    imported_wh=10_000_000, charged_wh=1, discharged_wh=2, voltage_dv=2399, current_ma=14_040,
    power_w=-3234, power_factor_pm=1000, temperature_dc=412, soc_bp=10_000, relays=0x81,
    status=0x3F,
)  # fmt: skip
GREATEST = reading(
    **dict.fromkeys(list(READING_WIDTHS)[:6], U40), voltage_dv=0xFFFF, current_ma=U32,
    power_w=0x7FFFFFFF, power_factor_pm=1000, temperature_dc=0x7FFF, soc_bp=0xFFFF, relays=0xFF,
    status=0x3F,
)  # fmt: skip
LEAST = reading(power_w=-0x80000000, power_factor_pm=-1000, temperature_dc=-0x8000)
WIDEST = {
    **dict.fromkeys(list(READING_WIDTHS)[:6], U40), "voltage_dv": 0xFFFF, "current_ma": U32,
    "power_w": U32, "power_factor_pm": 2000, "temperature_dc": 0xFFFF, "soc_bp": 0xFFFF,
    "relays": 0xFF, "status": 0x3F,
}  # fmt: skip
SMALL = {"consumed_wh": 12, "imported_wh": 12, "voltage_dv": -7, "current_ma": 64, "power_w": -64}


def ack(
    command_id: int, pin: int, closed: int, result: int, wh: int
) -> tuple[dict[str, int], bytes]:
    return fixed(
        command_id=(command_id, 8), pin=(pin, 1), closed=(closed, 1), result=(result, 1),
        imported_wh=(wh, 5),
    )  # fmt: skip


def command(
    command_id: int, pin: int, closed: int, cutoff: int, expires: int
) -> tuple[dict[str, int], bytes]:
    return fixed(
        command_id=(command_id, 8), pin=(pin, 1), closed=(closed, 1), cutoff_wh=(cutoff, 5),
        expires=(expires, 4),
    )  # fmt: skip


def hello(*values: int) -> tuple[dict[str, int], bytes]:
    widths = {
        "hardware": 1, "major": 1, "minor": 1, "patch": 1, "capabilities": 2, "reset_cause": 1,
        "uptime_s": 4, "spooled": 2,
    }  # fmt: skip
    return fixed(**{n: (v, w) for (n, w), v in zip(widths.items(), values, strict=True)})


def event(kind: int, pin: int, value: int) -> tuple[dict[str, int], bytes]:
    return fixed(kind=(kind, 1), pin=(pin, 1), value=(value, -4))


def fragment(message: int, index: int, count: int, piece: bytes) -> tuple[dict[str, Any], bytes]:
    body, head = fixed(message=(message, 2), index=(index, 1), count=(count, 1))
    return {**body, "piece": piece.hex()}, head + piece


def mesh(kind: int, content: bytes) -> tuple[dict[str, Any], bytes]:
    return {"kind": kind, "content": content.hex()}, integer(kind, 1) + content


def next_key(method: int, epoch: int, content: bytes) -> tuple[dict[str, Any], bytes]:
    head = {"method": method, "epoch": epoch, "content": content.hex()}
    return head, integer(method, 1) + integer(epoch, 4) + content


def results(*entries: tuple[int, int, int]) -> tuple[dict[str, Any], bytes]:
    payload = b"".join(integer(b, 4) + integer(s, 4) + integer(r, 1) for b, s, r in entries)
    return {"entries": [list(entry) for entry in entries]}, payload


def poll(last: int, wait: int) -> tuple[dict[str, int], bytes]:
    return fixed(last_command_id=(last, 8), wait_s=(wait, 1))


def set_time(seconds: int, ms: int) -> tuple[dict[str, int], bytes]:
    return fixed(seconds=(seconds, 4), milliseconds=(ms, 2))


def price(buy: int, sell: int, until: int) -> tuple[dict[str, int], bytes]:
    return fixed(
        buy_micro_inr_per_kwh=(buy, 4), sell_micro_inr_per_kwh=(sell, 4), valid_until=(until, 4)
    )


def valid() -> list[dict[str, Any]]:
    cases: list[tuple[str, str, tuple[dict[str, Any], bytes], dict[str, Any]]] = [
        ("keyframe of a house", "KEYFRAME", HOUSE, {}),
        ("keyframe of a roof with storage", "KEYFRAME", ROOF, {"node_id": 7}),
        ("keyframe, greatest values", "KEYFRAME", GREATEST,
         {"node_id": U32, "boot": U32, "sequence": U32, "time": U32}),
        ("keyframe, least values, no clock", "KEYFRAME", LEAST,
         {"node_id": 0, "boot": 0, "sequence": 1, "time": 0}),
        ("delta of nothing", "DELTA", delta(1, {}), {"sequence": 17}),
        ("delta of some fields", "DELTA", delta(2, SMALL), {"sequence": 18}),
        ("delta, widest upward", "DELTA", delta(U32, WIDEST), {"sequence": U32}),
        ("delta, widest downward", "DELTA", delta(128, {n: -v for n, v in WIDEST.items()}), {}),
        ("ack of a command", "ACK", ack(5 << 40 | 9, 0, 1, 0, 4_812_345), {"key": "board"}),
        ("ack of an own move", "ACK", ack(0, 7, 0, 4, U40), {"key": "board", "time": 0}),
        ("hello", "HELLO", hello(0, 1, 2, 3, 0x1F, 3, U32, 0xFFFF), {"sequence": 1}),
        ("hello, all zero", "HELLO", hello(0, 0, 0, 0, 0, 0, 0, 0), {"sequence": 1}),
        ("poll", "POLL", poll(2**64 - 1, 255), {}),
        ("poll, never commanded", "POLL", poll(0, 0), {}),
        ("over-current", "EVENT", event(1, 0, 32_000), {}),
        ("under-voltage", "EVENT", event(2, 0xFF, -1), {}),
        ("grid back", "EVENT", event(6, 0xFF, 0), {}),
        ("fragment, one byte", "FRAGMENT", fragment(0, 0, 2, b"\x01"), {}),
        ("fragment, fullest frame", "FRAGMENT", fragment(0xFFFF, 254, 255, bytes(range(212))), {}),
        ("command to close until a register", "COMMAND",
         command(5 << 40 | 9, 2, 1, 5_000_000, 1_790_000_600), {"node_id": 5, "key": "board"}),
        ("command to open, for ever", "COMMAND", command(2**64 - 1, 7, 0, 0, 0),
         {"node_id": 5, "key": "board"}),
        ("time", "TIME", set_time(1_790_000_001, 999), {"node_id": 5, "key": "board"}),
        ("price", "PRICE", price(6_000_000, 3_000_000, 1_790_000_900), {}),
        ("fragment down", "FRAGMENT_DOWN", fragment(1, 1, 2, b"\x00\xff"), {}),
        ("mesh, a byte", "MESH", mesh(1, b"\x00"), {}),
        ("mesh, longest", "MESH", mesh(255, bytes(range(215))), {}),
        ("mesh downward", "MESH_DOWN", mesh(1, b"\x01\x02"), {}),
        ("key, wrapped", "KEY", next_key(1, 1_790_000_000, bytes(range(32))), {}),
        ("key, agreed on", "KEY", next_key(2, U32, bytes(range(64))), {}),
        ("results, one of each", "RESULTS", results(*((3, 16 + i, i) for i in range(17))), {}),
        ("results, fullest frame", "RESULTS", results(*((U32, U32 - i, 7) for i in range(24))), {}),
    ]  # fmt: skip
    made = []
    for name, kind, (body, payload), header in cases:
        number = TYPES[kind]
        head = {"node_id": 12, "boot": 3, "sequence": 16, "time": 1_790_000_000, **header}
        key = head.pop("key", "house")
        made.append({
            "name": name, "downlink": number >= 8, "key": key, "type": kind, **head, "body": body,
            "hex": frame(number, payload, key=key, **head).hex(),
        })  # fmt: skip
    return made


def patched(payload: bytes, at: int, new: bytes) -> bytes:
    return payload[:at] + new + payload[at + len(new) :]


def malformed_payloads() -> list[tuple[str, str, bytes]]:
    """(name, type, payload) of frames whose tag is right and whose content is not."""
    house, d = HOUSE[1], delta(2, SMALL)[1]
    some = b"\x02" + integer(1 << 6, 2)  # a delta whose voltage follows
    return [
        ("power factor above 1000", "KEYFRAME", patched(house, 40, integer(1001, -2))),
        ("power factor below -1000", "KEYFRAME", patched(house, 40, integer(-1001, -2))),
        ("state of charge 10001", "KEYFRAME", patched(house, 44, integer(10_001, 2))),
        ("state of charge 0xFFFE", "KEYFRAME", patched(house, 44, integer(0xFFFE, 2))),
        ("status bit 6", "KEYFRAME", patched(house, 47, b"\x40")),
        ("status bit 7", "KEYFRAME", patched(house, 47, b"\x80")),
        ("keyframe with a byte left over", "KEYFRAME", house + b"\0"),
        ("delta of the keyframe itself", "DELTA", b"\0" + d[1:]),
        ("delta, back of 2^32", "DELTA", varint(1 << 32) + integer(0, 2)),
        ("delta, back not in its shortest form", "DELTA", b"\x82\x00" + d[1:]),
        ("delta, bit 14 set", "DELTA", b"\x01" + integer(1 << 14, 2) + zigzag(1)),
        ("delta, bit 15 set", "DELTA", b"\x01" + integer(1 << 15, 2) + zigzag(1)),
        ("delta, set bit with difference 0", "DELTA", some + zigzag(0)),
        ("delta, value not in its shortest form", "DELTA", some + b"\x82\x00"),
        ("delta, value of seven bytes", "DELTA", some + b"\x80" * 6 + b"\x01"),
        ("delta, difference wider than the field", "DELTA", some + zigzag(0x10000)),
        ("delta, negative difference wider than the field", "DELTA", some + zigzag(-0x10000)),
        ("delta, register difference of 2^40", "DELTA", b"\x02\x00\x01" + zigzag(1 << 40)),
        ("delta with a byte left over", "DELTA", d + b"\0"),
        ("ack, pin 8", "ACK", ack(1, 8, 1, 0, 0)[1]),
        ("ack, closed 2", "ACK", ack(1, 0, 2, 0, 0)[1]),
        ("ack, result 5", "ACK", ack(1, 0, 1, 5, 0)[1]),
        ("ack with a byte left over", "ACK", ack(1, 0, 1, 0, 0)[1] + b"\0"),
        ("hello, hardware 3", "HELLO", hello(3, 1, 0, 0, 1, 0, 0, 0)[1]),
        ("hello, capability bit 5", "HELLO", hello(0, 1, 0, 0, 0x20, 0, 0, 0)[1]),
        ("hello, reset cause 4", "HELLO", hello(0, 1, 0, 0, 1, 4, 0, 0)[1]),
        ("poll with a byte left over", "POLL", poll(0, 0)[1] + b"\0"),
        ("fragment, one of one", "FRAGMENT", fragment(1, 0, 1, b"\x01")[1]),
        ("fragment, index beyond count", "FRAGMENT", fragment(1, 2, 2, b"\x01")[1]),
        ("event, kind 0", "EVENT", event(0, 0xFF, 0)[1]),
        ("event, kind 7", "EVENT", event(7, 0xFF, 0)[1]),
        ("event, pin 8", "EVENT", event(1, 8, 0)[1]),
        ("command, pin 8", "COMMAND", command(1, 8, 1, 0, 0)[1]),
        ("command, closed 2", "COMMAND", command(1, 0, 2, 0, 0)[1]),
        ("time, 1000 milliseconds", "TIME", set_time(0, 1000)[1]),
        ("price with a byte left over", "PRICE", price(1, 1, 1)[1] + b"\0"),
        ("mesh, kind 0", "MESH", b"\x00\x01"),
        ("mesh downward, kind 0", "MESH_DOWN", b"\x00\x01"),
        ("key, method 0", "KEY", next_key(0, 1, bytes(32))[1]),
        ("key, method 3", "KEY", next_key(3, 1, bytes(32))[1]),
        ("key, epoch 0", "KEY", next_key(1, 0, bytes(32))[1]),
        ("key, wrapped with a byte left over", "KEY", next_key(1, 1, bytes(33))[1]),
        ("results, result 17", "RESULTS", results((1, 1, 17))[1]),
        ("results, sequence 0", "RESULTS", results((1, 0, 0))[1]),
    ]


def short_payloads() -> list[tuple[str, str, bytes]]:
    """Payloads that end before their fields do, each with a right tag."""
    whole = {
        "KEYFRAME": HOUSE[1], "DELTA": delta(2, SMALL)[1], "ACK": ack(1, 0, 1, 0, 0)[1],
        "HELLO": hello(0, 1, 0, 0, 1, 0, 0, 0)[1], "POLL": poll(0, 0)[1],
        "FRAGMENT": fragment(1, 0, 2, b"\x01")[1], "EVENT": event(1, 0, 0)[1],
        "COMMAND": command(1, 0, 1, 0, 0)[1], "TIME": set_time(0, 0)[1], "PRICE": price(1, 1, 1)[1],
        "FRAGMENT_DOWN": fragment(1, 0, 2, b"\x01")[1], "RESULTS": results((1, 1, 0))[1],
    }  # fmt: skip
    whole |= {"MESH": mesh(1, b"\x01")[1], "MESH_DOWN": mesh(1, b"\x01")[1]}
    whole |= {"KEY": next_key(1, 1, bytes(32))[1]}
    cut = [(f"{kind.lower()}, last byte missing", kind, body[:-1]) for kind, body in whole.items()]
    empty = [(f"{kind.lower()}, no payload", kind, b"") for kind in whole]
    return [
        *cut, *empty,
        ("delta, ends within a varint", "DELTA", b"\x01" + integer(1, 2) + b"\x80"),
        ("delta, ends before changed", "DELTA", b"\x01\x00"),
        ("results, a second one cut", "RESULTS", results((1, 1, 0))[1] + b"\0"),
    ]  # fmt: skip


def invalid() -> list[dict[str, Any]]:
    house = frame(1, HOUSE[1])
    cut, longest = house[:33], frame(6, fragment(1, 0, 2, bytes(212))[1])
    cases = [
        ("empty", False, "truncated", b""),
        ("33 bytes", False, "truncated", cut),
        ("header and tag alone", False, "truncated", frame(1, b"")),
        ("251 bytes", False, "oversized", longest + b"\0"),
        ("first byte 0x4E", False, "bad_magic", frame(1, HOUSE[1], magic=0x4E)),
        ("first byte wrong and everything else too", False, "bad_magic", b"\xff" * 34),
        ("version 0", False, "bad_version", frame(1, HOUSE[1], version=0)),
        ("version 2", False, "bad_version", frame(1, HOUSE[1], version=2)),
        ("sequence 0", False, "malformed", frame(1, HOUSE[1], sequence=0)),
        *((f"type {n:#x} upward", False, "bad_type", frame(n, b"\0" * 48))
          for n in range(8, 16)),
        *((f"type {n:#x} downward", True, "bad_type", frame(n, b"\0" * 48))
          for n in (*range(8), 15)),
        *((name, TYPES[kind] >= 8, "malformed", frame(TYPES[kind], payload))
          for name, kind, payload in malformed_payloads()),
        *((name, TYPES[kind] >= 8, "truncated", frame(TYPES[kind], payload))
          for name, kind, payload in short_payloads()),
        ("foreign key", False, "bad_tag", frame(1, HOUSE[1], key="board")),
        ("tag of zeros", False, "bad_tag", house[:-16] + bytes(16)),
        ("last bit of the tag flipped", False, "bad_tag", house[:-1] + bytes([house[-1] ^ 1])),
        ("register changed on the way", False, "bad_tag", patched(house, 30, b"\x01")),
        ("other node's id", False, "bad_tag", patched(house, 2, integer(13, 4))),
    ]  # fmt: skip
    return [
        {"name": name, "downlink": down, "key": "house", "error": error, "hex": data.hex()}
        for name, down, error, data in cases
    ]


def deltas() -> list[dict[str, Any]]:
    """A keyframe's values, a delta, and the reading that follows or the error."""
    low, high = LEAST[0], GREATEST[0]
    made = []
    for name, start, differences in (
        ("nothing changed", HOUSE[0], {}),
        ("some fields", HOUSE[0], SMALL),
        ("battery removed", {**HOUSE[0], "soc_bp": 0}, {"soc_bp": 0xFFFF}),
        ("least to greatest", low, {n: high[n] - low[n] for n in high if high[n] != low[n]}),
        ("greatest to least", high, {n: low[n] - high[n] for n in high if high[n] != low[n]}),
        ("a register below 0", HOUSE[0], {"generated_wh": -1}),
        ("a register above 2^40-1", high, {"generated_wh": 1}),
        ("voltage above 65535", HOUSE[0], {"voltage_dv": 0xFFFF}),
        ("power factor above 1000", HOUSE[0], {"power_factor_pm": 1989}),
        ("state of charge into the gap", HOUSE[0], {"soc_bp": -1}),
        ("status bit 6", {**HOUSE[0], "status": 0x3F}, {"status": 1}),
    ):
        body, payload = delta(1, differences)
        result = {n: start[n] + differences.get(n, 0) for n in start}
        fails = name.split()[0] in ("a", "voltage", "power", "state", "status")
        made.append({
            "name": name, "keyframe": start, "hex": payload.hex(), "delta": body,
            **({"error": "malformed"} if fails else {"reading": result}),
        })  # fmt: skip
    return made


def cobs() -> dict[str, Any]:
    run = bytes(range(1, 255))
    pairs = [
        ("", "01"), ("00", "0101"), ("0000", "010101"), ("11220033", "0311220233"),
        ("11223344", "0511223344"), ("11000000", "0211010101"),
        (run.hex(), "ff" + run.hex()), (run.hex() + "00", "ff" + run.hex() + "0101"),
        (run.hex() + "ff", "ff" + run.hex() + "02ff"), ("00" + run.hex(), "01ff" + run.hex()),
        (run[:-1].hex() + "00", "fe" + run[:-1].hex() + "01"),
    ]  # fmt: skip
    return {
        "valid": [{"decoded": decoded, "encoded": encoded} for decoded, encoded in pairs],
        "invalid": ["", "00", "02", "0511", "031100", "05112233", "ff11"],
    }


def fragments() -> list[dict[str, Any]]:
    """Frames in the order they arrive; `message` is what the last one completes."""
    whole = bytes([TYPES["KEYFRAME"]]) + HOUSE[1]
    pieces = [whole[:20], whole[20:40], whole[40:]]

    def send(order: list[tuple[int, int, bytes]], first: int = 40) -> list[str]:
        return [
            frame(6, fragment(message, i, 3, piece)[1], sequence=first + n).hex()
            for n, (message, i, piece) in enumerate(order)
        ]

    straight = [(9, i, piece) for i, piece in enumerate(pieces)]
    complete = {
        "type": "KEYFRAME", "node_id": 12, "boot": 3, "time": 1_790_000_000, "body": HOUSE[0],
    }  # fmt: skip
    inner = bytes([6]) + whole[1:]
    return [
        {"name": "in order", "frames": send(straight), "message": {**complete, "sequence": 42}},
        {"name": "started again", "frames": send([*straight[:2], *straight]),
         "message": {**complete, "sequence": 44}},
        {"name": "a piece missing", "frames": send([straight[0], straight[2]]), "message": None},
        {"name": "a piece twice", "frames": send([*straight[:2], *straight[1:]]), "message": None},
        {"name": "pieces of two messages",
         "frames": send([straight[0], (10, 1, pieces[1]), straight[2]]), "message": None},
        {"name": "fragments within fragments",
         "frames": send([(9, 0, inner[:20]), (9, 1, inner[20:40]), (9, 2, inner[40:])]),
         "error": "bad_type"},
        {"name": "a whole that is too short",
         "frames": send([(9, 0, whole[:20]), (9, 1, whole[20:40]), (9, 2, whole[40:-1])]),
         "error": "truncated"},
    ]  # fmt: skip


def main() -> None:
    vectors = {
        "about": "docs/frame.md, version 1. Keys are for tests only. Fields are named as there.",
        "keys": {name: key.hex() for name, key in KEYS.items()},
        "valid": valid(),
        "invalid": invalid(),
        "deltas": deltas(),
        "fragments": fragments(),
        "cobs": cobs(),
    }
    OUT.write_text(json.dumps(vectors, indent=1) + "\n")


if __name__ == "__main__":
    main()
