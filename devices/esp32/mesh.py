"""Frames from many nodes to one gateway and back, over several hops.

Upward each node hands frames to its parent: the neighbour over which the gateway is nearest, counted in expected
transmissions. Beacons tell each node's cost, hops and parent. Downward a frame goes back the way the node's own
frames came. Frames carry their own tags end to end: a node on the way can lose them, not change them.

A payload is u8 UP or DOWN, u8 hops so far, then the frame, which names its node. Other payloads go to `other`.
"""

import struct

from devices.esp32 import frame, link

UP = 0x11
DOWN = 0x12

_MOST_HOPS = 12
_NOWHERE = 0xFFFF
_COST_ONE = 16  # of a hop on which nothing is lost
_BETTER_BY = 8  # a new parent must be, or the tree never rests
_STALE_MS = 20000
_ROUTES = 64
_TRIES = 2
_EXTRA = ">HBI"

_URGENT = (frame.EVENT, frame.ACK, frame.COMMAND)


class Mesh:
    """`receive(frame, rssi)` is called with each frame for us: at the gateway, all that come up."""

    def __init__(self, node_id: int, carrier, is_gateway: bool, receive) -> None:
        """`carrier`: an EspNowLink, or what looks like one."""
        self.node_id = node_id
        self.link = carrier
        self.is_gateway = is_gateway
        self.receive = receive
        self.other = None
        self.parent = b""
        self.hops = 0 if is_gateway else 255
        self.cost = 0 if is_gateway else _NOWHERE
        self.forwarded = 0
        self.lost = 0
        self._routes: dict = {}  # node -> (neighbour, when)
        self._near: dict = {}  # neighbour -> (cost, hops, parent, when)
        self._tickets: dict = {}
        self._now_ms = 0
        carrier.receiver = self._on_payload
        carrier.on_beacon = self._on_beacon
        carrier.on_done = self._on_done
        self._announce()

    @property
    def connected(self) -> bool:
        """There is a way to the gateway."""
        return self.is_gateway or self.parent != b""

    def tick(self, now_ms: int) -> int:
        """Looks for the best parent; returns the link's wait."""
        self._now_ms = now_ms
        self._choose_parent(now_ms)
        return self.link.tick(now_ms)

    def send_up(self, data: bytes) -> bool:
        """One of our own frames; False if there is no way, or no room."""
        return self._up(data, 0, 0, b"")

    def send_down(self, data: bytes) -> bool:
        """A frame to the node it names; False if nobody knows the way."""
        return self._down(data, 0)

    # ---- parents -----------------------------------------------------------------------------------

    def _on_beacon(self, src: bytes, extra: bytes, _rssi_dbm: int, now_ms: int) -> None:
        if len(extra) >= 7:
            cost, hops, parent = struct.unpack_from(_EXTRA, extra, 0)
            self._near[src] = (cost, hops, parent, now_ms)
            self._choose_parent(now_ms)

    def _choose_parent(self, now_ms: int) -> None:
        if self.is_gateway:
            return
        best, best_cost = b"", _NOWHERE
        for address in list(self._near):
            cost, _hops, _parent, heard_ms = self._near[address]
            if now_ms - heard_ms > _STALE_MS:
                del self._near[address]
            elif self._usable(address):
                cost = min(_NOWHERE, cost + self._hop_cost(address))
                cost -= _BETTER_BY if address == self.parent else 0
                if cost < best_cost:
                    best, best_cost = address, cost
        if best == b"":
            self.cost, self.hops = _NOWHERE, 255
        else:
            near = self._near[best]
            self.cost = min(_NOWHERE, near[0] + self._hop_cost(best))
            self.hops = near[1] + 1
        if (best == b"") != (self.parent == b""):
            self.link.news = True
        self.parent = best
        self._announce()

    def _usable(self, address: bytes) -> bool:
        cost, hops, parent, _heard_ms = self._near[address]
        return cost < _NOWHERE and hops < _MOST_HOPS and parent != self.node_id

    def _hop_cost(self, address: bytes) -> int:
        neighbour = self.link.neighbours.get(address)
        if neighbour is None:
            return 8 * _COST_ONE
        weak = 2 * max(0, -84 - neighbour.rssi_dbm)
        return _COST_ONE * 256 // max(16, neighbour.quality) + weak

    def _announce(self) -> None:
        self.link.extra = struct.pack(_EXTRA, self.cost, self.hops, link.node_of(self.parent))

    # ---- frames ------------------------------------------------------------------------------------

    def _on_payload(self, src: bytes, payload: bytes, rssi_dbm: int, now_ms: int) -> None:
        self._now_ms = now_ms
        direction = payload[0]
        if direction != UP and direction != DOWN:
            if self.other:
                self.other(src, payload, rssi_dbm, now_ms)
            return
        data, hops = payload[2:], payload[1] + 1
        if len(data) < 6 or hops > _MOST_HOPS:
            self.lost += 1
        elif direction == UP:
            self._learn(_node(data), src)
            if self.is_gateway:
                self.receive(data)
            else:
                self.forwarded += 1
                self._up(data, hops, 0, src)
        elif _node(data) == self.node_id:
            self.receive(data)
        else:
            self.forwarded += 1
            self._down(data, hops)

    def _learn(self, node_id: int, neighbour: bytes) -> None:
        if node_id not in self._routes and len(self._routes) >= _ROUTES:
            oldest = node_id
            for other in self._routes:
                if oldest == node_id or self._routes[other][1] < self._routes[oldest][1]:
                    oldest = other
            del self._routes[oldest]
        self._routes[node_id] = (neighbour, self._now_ms)

    def _up(self, data: bytes, hops: int, tried: int, source: bytes) -> bool:
        if self.parent == b"" or self.parent == source:
            self.lost += 1
            return False
        return self._send(self.parent, UP, data, hops, tried)

    def _down(self, data: bytes, hops: int) -> bool:
        route = self._routes.get(_node(data))
        if route is None:
            self.lost += 1
            return False
        return self._send(route[0], DOWN, data, hops, _TRIES)

    def _send(self, dst: bytes, direction: int, data: bytes, hops: int, tried: int) -> bool:
        critical = 10 if data[1] & 15 in _URGENT else 2
        priority = link.priority_of(critical, 0, hops)
        ticket = self.link.send(dst, bytes([direction, hops]) + data, priority)
        if ticket == 0:
            self.lost += 1
            return False
        self._tickets[ticket] = (dst, direction, data, hops, tried)
        return True

    def _on_done(self, ticket: int, ok: bool, now_ms: int) -> None:
        sent = self._tickets.pop(ticket, None)
        if sent is None or ok:
            return
        dst, direction, data, hops, tried = sent
        if direction == DOWN:
            self._routes.pop(_node(data), None)
            self.lost += 1
            return
        if dst in self._near and now_ms >= 0:
            del self._near[dst]  # until its next beacon
            self._choose_parent(now_ms)
        if tried < _TRIES:
            self._up(data, hops, tried + 1, b"")
        else:
            self.lost += 1

    # ---- what a node says of its radio ------------------------------------------------------------

    def status(self, supply_bp: int, transport: int, now_ms: int) -> bytes:
        """Content of a MESH frame of kind 2: see docs/frame.md."""
        present = self.link.neighbours.present(now_ms)[:20]
        hops = min(255, self.hops)
        head = struct.pack(
            ">BIBHHHB", hops, link.node_of(self.parent), transport, supply_bp,
            min(0xFFFF, self.link.waiting()), min(0xFFFF, self.lost), len(present),
        )  # fmt: skip
        for n in present:
            rssi = max(0, min(255, -n.rssi_dbm))
            head += struct.pack(">IBB", link.node_of(n.address), rssi, min(255, n.quality))
        return head


def _node(data: bytes) -> int:
    return int.from_bytes(data[2:6], "big")
