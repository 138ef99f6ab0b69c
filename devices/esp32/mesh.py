"""Frames from many nodes to one gateway and back, each a message of E-STAR (estar.py, docs/mesh.md).

Upward the destination is the gateway, whose time the network has; downward the node that the frame names.
Frames carry their own tags end to end: a node on the way can lose them, not change them. Beacons tell the
Unix time, after which sessions are named: a node that has just started has none yet.
"""

import struct

from devices.esp32 import frame, link, receipts
from devices.esp32.estar import Router

TRUST = 1  # kinds of MESH_DOWN and MESH
RECEIPT = 1
STATUS = 2

_BEACON = ">I"
_NO_WAY = 255
_ASKS_MS = 10000  # without an answer for so long there is no way
_FIRST_S = 1600000000  # a session named before anybody knew the time cannot be cleared
_MOST_BEHIND = 32
_MOST_CLAIMS = 3  # boards that say to carry one node
_MOST_KNOWN = 256
URGENT = (frame.EVENT, frame.ACK, frame.COMMAND)


class Mesh:
    """`receive(frame)` is called with each frame for us: at the gateway, all that come up.

    Attributes:
        behind: at the gateway, by node that never spoke for itself (an Uno) the last boards that brought frames of it.
        local: nodes behind our own cable: what comes for them goes to `receive`, too.
        told: called with the content of each receipt that the gateway is to have.
        lost: frames that could not be delivered.
    """

    def __init__(self, node_id: int, key: bytes, carrier, is_gateway: bool, receive, random) -> None:
        """`carrier`: an EspNowLink, or what looks like one. `random(n)`: n unpredictable bytes."""
        self.node_id = node_id
        self.link = carrier
        self.is_gateway = is_gateway
        self.receive = receive
        self.behind: dict[int, list[int]] = {}
        self.local: list[int] = []
        self.told = None
        self.lost = 0
        self.router = Router(node_id, key, carrier, random, 0, 0)
        self.router.on_message = self._on_message  # type: ignore[assignment]
        self.router.on_receipt = self._on_receipt  # type: ignore[assignment]
        self.router.on_lost = self._on_lost  # type: ignore[assignment]
        self._speaking: set[int] = set()  # at the gateway: nodes that spoke for themselves
        self._was = ()
        self._was_ms = 0
        self._heard_clock = (0, 0)  # Unix seconds, when they were heard
        carrier.on_beacon = self._on_beacon
        carrier.extra = struct.pack(_BEACON, 0)

    @property
    def connected(self) -> bool:
        """There is a gateway."""
        return self.is_gateway or self.link.gateway != 0

    @property
    def route(self) -> tuple:
        """Nodes that our frames pass on their way up, we and the gateway included; () if none is known."""
        flow = self.router.flows.get(self.link.gateway)
        session = flow.session if flow is not None else None
        return session.receipt.route if session is not None and not session.ended else ()

    @property
    def hops(self) -> int:
        """To the gateway; 255 while no way is known."""
        return 0 if self.is_gateway else len(self.route) - 1 if self.route else _NO_WAY

    def way(self, now_ms: int) -> tuple:
        """As `route`; while one session has ended and the next has no answer yet, the route until then."""
        route = self.route
        if route:
            self._was, self._was_ms = route, now_ms
        elif now_ms - self._was_ms > _ASKS_MS:
            self._was = ()
        return self._was

    def tick(self, now_ms: int, clock_s: int) -> int:
        """What is due; in how many ms there will be more. `clock_s`: the node's own clock, 0 if not set."""
        heard_s, at_ms = self._heard_clock
        clock_s = clock_s or (heard_s + (now_ms - at_ms) // 1000 if heard_s else 0)
        if clock_s and not self.router.clock_s:
            self.link.news = True
        self.router.clock_s = clock_s
        self.link.extra = struct.pack(_BEACON, clock_s)
        return min(self.router.tick(now_ms), self.link.tick(now_ms))

    def send_up(self, data: bytes, now_ms: int) -> bool:
        """One of our own frames; False if there is no gateway, or no room."""
        return self._send(self.link.gateway, data, now_ms)

    def send_down(self, data: bytes, now_ms: int) -> bool:
        """A frame to the node it names, over each board that says to carry it; False if there is no room."""
        node_id = _node(data)
        sent = False
        for board in self.behind.get(node_id, [node_id]):
            sent = self._send(board, data, now_ms) or sent
        return sent

    def _send(self, destination: int, data: bytes, now_ms: int) -> bool:
        if not destination or destination == self.node_id:
            return False
        critical = 10 if data[1] & 15 in URGENT else 2
        return self.router.send(destination, data, link.priority_of(critical, 4, 0), now_ms)

    # ---- what comes --------------------------------------------------------------------------------

    def _on_beacon(self, _src: bytes, extra: bytes, _rssi_dbm: int, now_ms: int) -> None:
        if len(extra) >= 4:
            clock_s = struct.unpack_from(_BEACON, extra, 0)[0]
            if clock_s:
                self._heard_clock = (clock_s, now_ms)

    def _on_message(self, source: int, message: bytes, _now_ms: int) -> None:
        if len(message) < 6:
            return
        node_id = _node(message)
        if self.is_gateway:
            self._learn(node_id, source)
        if self.is_gateway or node_id == self.node_id or node_id in self.local:
            self.receive(message)

    def _learn(self, node_id: int, source: int) -> None:
        """Where frames for a node go down to. A member that lies about it gets a copy, and cannot keep the frame from the
        node: whoever speaks for itself is behind nobody, and other boards that bring its frames stay."""
        if source == node_id:
            self.behind.pop(node_id, None)
            if len(self._speaking) < _MOST_KNOWN:
                self._speaking.add(node_id)
        elif node_id not in self._speaking and (node_id in self.behind or len(self.behind) < _MOST_BEHIND):
            others = [board for board in self.behind.get(node_id, []) if board != source]
            self.behind[node_id] = others[1 - _MOST_CLAIMS :] + [source]

    def _on_lost(self, _message: bytes, _now_ms: int) -> None:
        self.lost += 1

    def _on_receipt(self, receipt: receipts.Receipt) -> None:
        if self.told is not None and len(receipt.route) > 2 and receipt.started_at > _FIRST_S:
            self.told(receipt.pack())

    # ---- what a node says of its radio ------------------------------------------------------------

    def status(self, supply_bp: int, transport: int, now_ms: int) -> bytes:
        """Content of a MESH frame of kind STATUS: see docs/frame.md."""
        present = self.link.neighbours.present(now_ms, self.link.fresh_ms)[:20]
        way = self.way(now_ms)
        hops = 0 if self.is_gateway else len(way) - 1 if way else _NO_WAY
        head = struct.pack(
            ">BIBHHHB", hops, way[1] if way else 0, transport, supply_bp,
            min(0xFFFF, self.link.waiting()), min(0xFFFF, self.lost), len(present),
        )  # fmt: skip
        for n in present:
            rssi = max(0, min(255, -n.rssi_dbm))
            head += struct.pack(">IBB", link.node_of(n.address), rssi, min(255, n.quality))
        for node in way[2:]:
            head += struct.pack(">I", node)
        return head


def _node(data: bytes) -> int:
    return int.from_bytes(data[2:6], "big")
