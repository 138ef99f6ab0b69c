"""Runs on MicroPython: the compiled codec against tests/vectors/frames.json; prints what differs."""

import json

from devices.esp32 import ccm, cobs, frame

KINDS = {
    "MESH": 0, "KEYFRAME": 1, "DELTA": 2, "ACK": 3, "HELLO": 4, "POLL": 5, "FRAGMENT": 6, "EVENT": 7,
    "COMMAND": 8, "TIME": 9, "PRICE": 10, "FRAGMENT_DOWN": 11, "RESULTS": 12, "MESH_DOWN": 13,
    "KEY": 14,
}  # fmt: skip
checked = [0]
wrong = []


def same(name, got, wanted):
    checked[0] += 1
    if got != wanted:
        wrong.append("%s: %r is not %r" % (name, got, wanted))


def error_of(act):
    try:
        act()
    except ValueError as error:
        return error.args[0]
    return "nothing"


def listed(fields):
    if isinstance(fields, tuple):
        return [listed(item) for item in fields]
    return fields.hex() if isinstance(fields, bytes) else fields


def valid(case, key):
    data = bytes.fromhex(case["hex"])
    kind, node, boot, sequence, time, fields = frame.decode(data, case["downlink"])
    header = [kind, node, boot, sequence, time]
    wanted = [KINDS[case["type"]]] + [case[n] for n in ("node_id", "boot", "sequence", "time")]
    same(case["name"], header, wanted)
    same(case["name"], error_of(lambda: frame.check_tag(data, key)), "nothing")
    body = list(case["body"].values())
    body = body[0] if kind == frame.RESULTS else body
    same(case["name"], sorted([str(v) for v in listed(fields)]), sorted([str(v) for v in body]))
    made = frame.encode(kind, node, boot, sequence, time, data[18:-16], key)
    same(case["name"], made, data)
    if kind == frame.KEYFRAME:
        same(case["name"], frame.put_reading(fields), data[18:-16])


def invalid(case, key):
    data = bytes.fromhex(case["hex"])

    def receive():
        frame.decode(data, case["downlink"])
        frame.check_tag(data, key)

    same(case["name"], error_of(receive), case["error"])


ORDER = (
    "generated_wh", "consumed_wh", "exported_wh", "imported_wh", "charged_wh", "discharged_wh", "voltage_dv",
    "current_ma", "power_w", "power_factor_pm", "temperature_dc", "soc_bp", "relays", "status",
)  # fmt: skip


def delta(case):
    keyframe = tuple([case["keyframe"][name] for name in ORDER])
    payload = bytes.fromhex(case["hex"])
    read = frame.get_delta(payload)
    if "error" in case:
        same(case["name"], error_of(lambda: frame.apply_delta(read, keyframe)), case["error"])
        return
    reading = tuple([case["reading"][name] for name in ORDER])
    same(case["name"], frame.apply_delta(read, keyframe), reading)
    same(case["name"], frame.put_delta(read[0], keyframe, reading), payload)


def fragments(case):
    reassembler = frame.Reassembler(False)
    pieces = [frame.decode(bytes.fromhex(data), False)[5] for data in case["frames"]]
    for piece in pieces[:-1]:
        same(case["name"], reassembler.add(piece), None)
    if "error" in case:
        same(case["name"], error_of(lambda: reassembler.add(pieces[-1])), case["error"])
    elif case["message"] is None:
        same(case["name"], reassembler.add(pieces[-1]), None)
    else:
        kind, fields = reassembler.add(pieces[-1])
        same(case["name"], kind, KINDS[case["message"]["type"]])
        same(case["name"], fields, tuple([case["message"]["body"][name] for name in ORDER]))


def sealing():
    """Packet vector 1 of RFC 3610."""
    key = bytes.fromhex("c0c1c2c3c4c5c6c7c8c9cacbcccdcecf")
    nonce = bytes.fromhex("00000003020100a0a1a2a3a4a5")
    known = bytes.fromhex("0001020304050607")
    body = bytes.fromhex("08090a0b0c0d0e0f101112131415161718191a1b1c1d1e")
    sealed = bytes.fromhex("588c979a61c663d2f066d0c2c0f989806d5f6b61dac38417e8d12cfdf926e0")
    c = ccm.Ccm(key, ccm.block_cipher(key))
    same("ccm", c.seal(nonce, known, body), sealed)
    same("ccm", c.open(nonce, known, sealed), body)
    same("ccm", c.open(nonce, known, sealed[:-1] + b"\0"), None)


def run(text):
    vectors = json.loads(text)
    keys = {name: bytes.fromhex(key) for name, key in vectors["keys"].items()}
    for case in vectors["valid"]:
        valid(case, keys[case["key"]])
    for case in vectors["invalid"]:
        invalid(case, keys[case["key"]])
    for case in vectors["deltas"]:
        delta(case)
    for case in vectors["fragments"]:
        fragments(case)
    for case in vectors["cobs"]["valid"]:
        same("cobs", cobs.encode(bytes.fromhex(case["decoded"])).hex(), case["encoded"])
        same("cobs", cobs.decode(bytes.fromhex(case["encoded"])).hex(), case["decoded"])
    for packet in vectors["cobs"]["invalid"]:
        same("cobs " + packet, error_of(lambda p=packet: cobs.decode(bytes.fromhex(p))), "malformed")
    sealing()
    print(json.dumps({"checked": checked[0], "wrong": wrong}))


with open("/vectors.json") as file:
    run(file.read())
