"""Forged packets against a node's router: spoofed, replayed, with flipped bits, by Sybils, and by a
man in the middle who holds every neighbour's place but no key. None is taken for what it is not."""

from __future__ import annotations

import hashlib
import os
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from backend.mesh.receipts import ReceiptError, check, read
from devices.esp32 import estar_packets as packets
from devices.esp32 import link as links
from devices.esp32 import receipts
from devices.simulator.mesh_field import MeshField

SOURCE, RELAY, GATEWAY = 3, 2, 1
BY_DAY = 2_000
BY_NIGHT = int(os.environ.get("FORGED_PACKETS", "100000"))


def key_of(node: int) -> bytes | None:
    return hashlib.sha256(b"key %d" % node).digest() if node < 1000 else None


class Siege:
    """A session 3 - 2 - 1 under way, everything on the air recorded, and forgers at every place."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.field = MeshField({n: (80.0 * n, 0.0) for n in (1, 2, 3)}, loss_pm=0, seed=seed)
        self.heard: list[tuple[int, bytes]] = []
        self.arrived: list[bytes] = []
        self.told: list[Any] = []
        for node in (1, 2, 3):
            router = self.field.join(node, key_of(node) or b"")
            router.on_receipt = self.told.append
        self.field.routers[GATEWAY].on_message = lambda _s, message, _n: self.arrived.append(
            message
        )
        self.field.watch = lambda node, _dst, payload: self.heard.append((node, payload))
        for i in range(5):
            self.send(b"true %d" % i)

    def send(self, message: bytes) -> None:
        self.field.routers[SOURCE].send(GATEWAY, message, 20, self.field.time.now_ms)
        self.field.run_for_ms(200)

    def state(self) -> list[Any]:
        """All that a forgery could have changed of the session under way."""
        found: list[Any] = [list(self.arrived)]
        for node in (1, 2, 3):
            for session in self.field.routers[node].sessions.values():
                receipt = session.receipt
                found.append((node, receipt.pack(), receipt.sent, receipt.delivered))
        return found

    def throw(self, node: int, neighbour: int, payload: bytes) -> bool:
        """A packet straight into a node's receiver; True if it was refused."""
        router = self.field.routers[node]
        before = router.counts["refused"]
        router.on_receive(links.mac_of(neighbour), payload, -60, self.field.time.now_ms)
        return router.counts["refused"] > before


def spoofed(siege: Siege) -> tuple[int, int, bytes]:
    """Data and answers made up for a session that exists, in the neighbour's name."""
    chance, (source, started) = siege.chance, next(iter(siege.field.routers[RELAY].sessions))
    i = chance.randint(1, receipts.CHAIN)
    if chance.random() < 0.5:
        value, tag = chance.randbytes(16), chance.randbytes(16)
        data = packets.put_data(source, started, i, value, tag, b"", b"forged")
        return chance.choice(((RELAY, SOURCE, data), (GATEWAY, RELAY, data)))
    answer = packets.put_delivered(source, started, i, chance.randbytes(16))
    return chance.choice(((RELAY, GATEWAY, answer), (SOURCE, RELAY, answer)))


def replayed(siege: Siege) -> tuple[int, int, bytes]:
    """What was on the air, again, to anybody in anybody's name. Not what breaks a route."""
    payload = siege.chance.choice([p for _, p in siege.heard])
    return siege.chance.randint(1, 3), siege.chance.randint(1, 3), payload


def flipped(siege: Siege) -> tuple[int, int, bytes]:
    """The same with bits of chain, route, or counts changed."""
    node, neighbour, payload = replayed(siege)
    raw = bytearray(payload)
    head = 28 if payload[0] == packets.DATA else len(raw)
    for _ in range(siege.chance.randint(1, 3)):
        raw[siege.chance.randrange(1, head)] ^= 1 << siege.chance.randrange(8)
    return node, neighbour, bytes(raw)


def sybil(siege: Siege) -> tuple[int, int, bytes]:
    """Nodes that the community never gave a key, on routes and as neighbours."""
    node, _, payload = flipped(siege)
    return node, siege.chance.randint(1000, 2**32 - 1), payload


def middle(siege: Siege) -> tuple[int, int, bytes]:
    """Elements of one chain shown as the other's, at other counts, with other messages."""
    chance = siege.chance
    chosen = [p for _, p in siege.heard if p[0] in (packets.DATA, packets.DELIVERED)]
    data = packets.get_data(chance.choice([p for p in chosen if p[0] == packets.DATA]))
    done = packets.get_delivered(chance.choice([p for p in chosen if p[0] == packets.DELIVERED]))
    assert data is not None
    assert done is not None
    source, started, i, s_value, tag, _, message, _ = data
    shift = chance.randint(1, 10)
    if chance.random() < 0.5:
        forged = packets.put_data(source, started, i + shift, s_value, tag, b"", message + b"!")
        return chance.choice(((RELAY, SOURCE, forged), (GATEWAY, RELAY, forged)))
    forged = packets.put_delivered(source, started, done[2] + shift, s_value)
    return chance.choice(((RELAY, GATEWAY, forged), (SOURCE, RELAY, forged)))


KINDS = (spoofed, replayed, flipped, sybil, middle)


def besiege(kind: Callable[[Siege], tuple[int, int, bytes]], count: int) -> Counter[str]:
    siege = Siege(7)
    before, found = siege.state(), Counter[str]()
    for _ in range(count):
        siege.field.watch = None
        found["refused" if siege.throw(*kind(siege)) else "without effect"] += 1
    # What forgers set in motion (answers to old requests, repeated confirmations) settles.
    siege.field.run_for_ms(3_000)
    assert siege.state()[0] == before[0], "a forged message arrived"
    for line in before[1:]:
        assert line in siege.state(), "a session under way was changed"
    siege.send(b"true 5")
    siege.field.run_for_ms(5_000)
    assert siege.arrived[-1] == b"true 5"
    for router in siege.field.routers.values():
        router.end_sessions()
    for receipt in siege.told:
        assert receipt.sent <= 6
        if receipt.sent:
            held = read(receipt.pack())
            check(held, key_of)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_forged_packets_change_nothing(kind: Callable[[Siege], tuple[int, int, bytes]]) -> None:
    found = besiege(kind, BY_DAY)
    assert found.total() == BY_DAY
    if kind in (spoofed, sybil, middle):
        assert found["without effect"] <= BY_DAY // 50


@pytest.mark.nightly
@pytest.mark.parametrize("kind", KINDS)
def test_a_hundred_thousand_of_each(kind: Callable[[Siege], tuple[int, int, bytes]]) -> None:
    assert besiege(kind, BY_NIGHT).total() == BY_NIGHT


@pytest.mark.parametrize("count", [BY_DAY, pytest.param(BY_NIGHT, marks=pytest.mark.nightly)])
def test_forged_receipts_prove_nothing(count: int) -> None:
    """The same kinds against what is cleared; each is refused for a reason that is counted."""
    siege, reasons = Siege(9), Counter[str]()
    for router in siege.field.routers.values():
        router.end_sessions()
    good = siege.told[0].pack()
    chance = siege.chance
    for i in range(count):
        raw = bytearray(good)
        way = i % 4
        if way == 0:  # flipped
            raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
        elif way == 1:  # a Sybil in a node's place
            raw[6:10] = chance.randint(1000, 2**32 - 1).to_bytes(4, "big")
        elif way == 2:  # spoofed: everything right but the tags
            raw[-130:-114] = chance.randbytes(16)
        else:  # a man in the middle raises the counts
            raw[-82] = chance.randint(6, 64)
        try:
            check(read(bytes(raw)), key_of)
            reasons["accepted"] += bytes(raw) != good
        except ReceiptError as error:
            reasons[error.reason] += 1
    assert reasons["accepted"] == 0
    assert reasons.total() == count
    assert reasons["unknown_node"] >= count // 4
