"""What a node knows of the others: the gateway's trust table, and hops that broke lately under itself.

The table comes in parts, as MESH_DOWN frames of kind 1: u32 issued at, u8 part, u8 parts, u8 count, then
`count` times u32 node and u16 trust (per mille; bit 15: its account cannot pay), then pairs of u32: hops to
avoid.
"""

import struct

FULL = 1000
_HEAD = ">IBBB"
_HEAD_SIZE = 7
_OWN_BREAK_MS = 120000
_MOST_OWN_BREAKS = 32


class Trust:
    """Before the first table all are trusted; after it, only who is in it."""

    def __init__(self) -> None:
        self._of: dict[int, int] = {}
        self._avoided: set = set()  # type: ignore[type-arg]
        self._cannot_pay: set = set()  # type: ignore[type-arg]
        self.issued_at = 0
        self._parts: dict[int, bytes] = {}
        self._parts_of = 0
        self._own: dict = {}  # type: ignore[type-arg]

    def take(self, content: bytes) -> bool:
        """One part of a table; True when that made it whole and in force. Older tables change nothing."""
        if len(content) < _HEAD_SIZE:
            return False
        issued_at, part, parts, count = struct.unpack_from(_HEAD, content, 0)
        rest = len(content) - _HEAD_SIZE - 6 * count
        if part >= parts or rest < 0 or rest % 8 or issued_at < max(self._parts_of, self.issued_at + 1):
            return False
        if issued_at > self._parts_of:
            self._parts, self._parts_of = {}, issued_at
        self._parts[part] = content
        if len(self._parts) < parts:
            return False
        self._of, self._avoided, self._cannot_pay, self.issued_at = {}, set(), set(), issued_at
        for one in self._parts.values():
            self._read(one)
        self._parts = {}
        return True

    def _read(self, content: bytes) -> None:
        count = content[_HEAD_SIZE - 1]
        for at in range(_HEAD_SIZE, _HEAD_SIZE + 6 * count, 6):
            node, trust = struct.unpack_from(">IH", content, at)
            self._of[node] = min(trust & 0x7FFF, FULL)
            if trust & 0x8000:
                self._cannot_pay.add(node)
        for at in range(_HEAD_SIZE + 6 * count, len(content), 8):
            self._avoided.add(_pair(*struct.unpack_from(">II", content, at)))

    def of(self, node: int) -> int:
        """Per mille."""
        return self._of.get(node, 0) if self.issued_at else FULL

    def pays(self, node: int) -> bool:
        """Whether carrying what a node sends is paid: it is known and its account is not empty."""
        return not self.issued_at or (node in self._of and node not in self._cannot_pay)

    def broke(self, one: int, other: int, now_ms: int) -> None:
        """A hop of a route of ours broke: it is avoided for a while, until the gateway has judged."""
        if len(self._own) >= _MOST_OWN_BREAKS:
            self._own = {pair: end for pair, end in self._own.items() if end > now_ms}
        if len(self._own) < _MOST_OWN_BREAKS:
            self._own[_pair(one, other)] = now_ms + _OWN_BREAK_MS

    def forgive(self) -> None:
        """Forgets hops that broke under this node: without them there was no route at all."""
        self._own = {}

    def avoids(self, one: int, other: int, now_ms: int) -> bool:
        """Whether a route should not go over this hop."""
        pair = _pair(one, other)
        return pair in self._avoided or self._own.get(pair, 0) > now_ms

    def fits(self, route: tuple, min_trust: int, any_hop: bool, now_ms: int) -> bool:  # type: ignore[type-arg]
        """Whether every relay of a route is trusted enough and, unless `any_hop`, no hop of it is avoided."""
        for i in range(1, len(route)):
            if i < len(route) - 1 and self.of(route[i]) < min_trust:
                return False
            if not any_hop and self.avoids(route[i - 1], route[i], now_ms):
                return False
        return True


def _pair(one: int, other: int) -> tuple[int, int]:
    return (one, other) if one < other else (other, one)
