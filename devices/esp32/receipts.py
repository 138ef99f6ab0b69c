"""What proves that messages went over a route: two hash chains, the agreement, the receipt (docs/mesh.md).

A session is (source, started_at): one route, at most CHAIN messages. The source owns a hash chain
s_0 .. s_S and shows s_i with message i: whoever relays checks it with one hash and needs no key. The
destination owns h_0 .. h_S and releases h_i on receiving message i. Both roots, the route and the energy
that each node stated are the agreement; each node of the route puts its tag to it, and the tags are
brought together by XOR, so that they take 16 bytes however long the route is.
"""

import hashlib
import struct

from devices.esp32 import frame

MAX_ROUTE = 8
CHAIN = 64
_STEP = 8
SIZE = 16
SOURCE = 0
DESTINATION = 1
MAINS = 0xFFFF  # energy of a node that the feeder supplies
NOTHING = b"\0" * SIZE
_HEAD = ">IBB"
_MIDDLE = ">H16s32s16sH16s"


def below(value: bytes, source: int, started_at: int, role: int) -> bytes:
    """The chain's element before `value`: one step towards the root."""
    return hashlib.sha256(value + struct.pack(">IIB", source, started_at, role)).digest()[:SIZE]


class Chain:
    """Elements 0 (the root) .. CHAIN of a hash chain. Of them every eighth is kept: a node has many."""

    def __init__(self, seed: bytes, named: bytes) -> None:
        self._named = named
        kept = [seed]
        for _ in range(CHAIN // _STEP):
            kept.append(self._down(kept[-1], _STEP))
        kept.reverse()
        self._kept = b"".join(kept)

    def __len__(self) -> int:
        return CHAIN + 1

    def __getitem__(self, i: int) -> bytes:
        above = (i + _STEP - 1) // _STEP
        return self._down(self._kept[SIZE * above : SIZE * above + SIZE], above * _STEP - i)

    def _down(self, value: bytes, steps: int) -> bytes:
        for _ in range(steps):
            value = hashlib.sha256(value + self._named).digest()[:SIZE]
        return value


def chain(seed: bytes, source: int, started_at: int, role: int) -> Chain:
    """The chain that ends in `seed`, 16 random bytes."""
    return Chain(seed, struct.pack(">IIB", source, started_at, role))


def climbs(
    value: bytes, i: int, known: bytes, at: int, source: int, started_at: int, role: int
) -> bool:
    """True if `value` is element `i` of the chain whose element `at` <= i is `known`."""
    if i < at or i > CHAIN:
        return False
    for _ in range(i - at):
        value = below(value, source, started_at, role)
    return value == known


def agreement(
    started_at: int, route: tuple, energies: tuple, s_root: bytes, h_root: bytes  # type: ignore[type-arg]
) -> bytes:
    """The bytes to which every node of a route puts its tag."""
    head = b"ohmstead mesh 1" + struct.pack(">IB", started_at, len(route))
    return head + ids_and_energies(route, energies) + s_root + h_root


def ids_and_energies(route: tuple, energies: tuple) -> bytes:  # type: ignore[type-arg]
    """u32 of each node, then u16 of each energy."""
    out = b""
    for node in route:
        out += struct.pack(">I", node)
    for energy in energies:
        out += struct.pack(">H", energy)
    return out


def split(data: bytes, at: int, count: int) -> tuple:  # type: ignore[type-arg]
    """(route, energies) that `ids_and_energies` wrote at `at`."""
    route = struct.unpack_from(">%dI" % count, data, at)
    return route, struct.unpack_from(">%dH" % count, data, at + 4 * count)


def agree(key: bytes, agreed_bytes: bytes) -> bytes:
    """One node's tag under the agreement."""
    return frame.tag(key, agreed_bytes)


def together(one: bytes, other: bytes) -> bytes:
    """Two tags as one (XOR); forging the whole needs every key in it."""
    return bytes([one[i] ^ other[i] for i in range(SIZE)])


def digest(message: bytes) -> bytes:
    """H(m)."""
    return hashlib.sha256(message).digest()


def sigma(key: bytes, message_digest: bytes, started_at: int, route: tuple, i: int) -> bytes:  # type: ignore[type-arg]
    """The source's tag over H(H(m_i), started_at, R, i)."""
    named = message_digest + struct.pack(">I", started_at)
    for node in route:
        named += struct.pack(">I", node)
    return frame.tag(key, b"ohmstead sent 1" + hashlib.sha256(named + struct.pack(">H", i)).digest())


class Receipt:
    """What one node holds of a session: the agreement and the newest that it saw of both chains."""

    def __init__(self, started_at, route, energies, s_root, h_root, agreed) -> None:  # type: ignore[no-untyped-def]
        """`agreed`: all tags of the route together, NOTHING while not known."""
        self.started_at = started_at
        self.route = route
        self.energies = energies
        self.s_root = s_root
        self.h_root = h_root
        self.agreed = agreed
        self.sent = 0
        self.s_value = s_root
        self.message_digest = b"\0" * 32
        self.sigma = NOTHING
        self.delivered = 0
        self.h_value = h_root

    def saw_message(self, i: int, s_value: bytes, message_digest: bytes, sigma_i: bytes) -> bool:
        """Takes message `i`; False, and nothing changed, if its chain element is wrong."""
        if i <= self.sent:
            return False
        if not climbs(s_value, i, self.s_value, self.sent, self.route[0], self.started_at, SOURCE):
            return False
        self.sent, self.s_value = i, s_value
        self.message_digest, self.sigma = message_digest, sigma_i
        return True

    def saw_delivery(self, i: int, h_value: bytes) -> bool:
        """Takes the destination's element `i`; False, and nothing changed, if it is wrong."""
        if i <= self.delivered or i > self.sent:
            return False
        at, source = self.delivered, self.route[0]
        if not climbs(h_value, i, self.h_value, at, source, self.started_at, DESTINATION):
            return False
        self.delivered, self.h_value = i, h_value
        return True

    def pack(self) -> bytes:
        """Content of a MESH frame of kind 1, at most 186 bytes."""
        head = struct.pack(_HEAD, self.started_at, len(self.route), 0)
        middle = struct.pack(
            _MIDDLE, self.sent, self.s_value, self.message_digest, self.sigma,
            self.delivered, self.h_value,
        )  # fmt: skip
        ends = self.s_root + self.h_root + self.agreed
        return head + ids_and_energies(self.route, self.energies) + ends + middle
