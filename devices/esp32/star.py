"""Frames straight between nodes and the gateway, over a link on which all hear each other: what `Ways` needs of a mesh.

The power line is one, LoRaWAN another, whose far end is the network alone. A payload is the frame as it is.
"""

import struct

from devices.esp32 import link
from devices.esp32.mesh import URGENT

_MOST = 64


class Star:
    """`receive(frame)` is called with each frame for us: at the gateway, all that come."""

    def __init__(self, carrier, is_gateway: bool, receive) -> None:
        """`carrier`: a link that also has `gateway`, the node number at the far end, 0 while none is known."""
        self.link = carrier
        self.is_gateway = is_gateway
        self.receive = receive
        self.local: list = []  # nodes behind our own cable: theirs comes to `receive` anyway
        self.lost = 0
        self.hops = 0 if is_gateway else 1
        self._from: dict = {}  # at the gateway: by node, who brought its last frame
        self._now_ms = 0
        carrier.receiver = self._on_payload
        carrier.on_done = self._on_done

    @property
    def connected(self) -> bool:
        """The far end was heard."""
        return self.is_gateway or (self.link.gateway != 0 and self.link.available(self._now_ms))

    def tick(self, now_ms: int, _clock_s: int) -> int:
        """The link's wait."""
        self._now_ms = now_ms
        return self.link.tick(now_ms)

    def send_up(self, data: bytes, _now_ms: int) -> bool:
        """False if there is no room."""
        return self._send(link.mac_of(self.link.gateway), data)

    def send_down(self, data: bytes, _now_ms: int) -> bool:
        """False if nothing was heard of the node, or there is no room."""
        neighbour = self._from.get(_node(data))
        return neighbour is not None and self._send(neighbour, data)

    def _send(self, dst: bytes, data: bytes) -> bool:
        critical = 10 if data[1] & 15 in URGENT else 2
        sent = self.link.send(dst, data, link.priority_of(critical, 0, 0)) > 0
        self.lost += 0 if sent else 1
        return sent

    def _on_payload(self, src: bytes, data: bytes, _strength: int, _now_ms: int) -> None:
        if len(data) < 6:
            return
        if self.is_gateway:
            node_id = _node(data)
            if node_id not in self._from and len(self._from) >= _MOST:
                del self._from[next(iter(self._from))]
            self._from[node_id] = src
        self.receive(data)

    def _on_done(self, _ticket: int, ok: bool, _now_ms: int) -> None:
        self.lost += 0 if ok else 1

    def status(self, supply_bp: int, transport: int, now_ms: int) -> bytes:
        """As a mesh's: one hop, and no neighbours to tell of."""
        parent = 0 if self.link.gateway == link.BY_NETWORK else self.link.gateway
        return struct.pack(
            ">BIBHHHB", self.hops, parent, transport, supply_bp, min(0xFFFF, self.link.waiting()),
            min(0xFFFF, self.lost), 0,
        )  # fmt: skip


def _node(data: bytes) -> int:
    return int.from_bytes(data[2:6], "big")
