"""What a node says of its radio: content of MESH frames of kind 2 (docs/frame.md)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

KIND = 2
NO_WAY = 255
"""Hops of a node that has no way to the gateway now; its report came by another one."""
_NO_BATTERY = 0xFFFF
_HEAD = struct.Struct(">BIBHHHB")
_NEIGHBOUR = struct.Struct(">IBB")
TRANSPORTS = ("esp-now", "lorawan", "power line", "wire")


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One node in reach: `quality` is the share of packets to it that arrive, of 255."""

    node: int
    rssi_dbm: int
    quality: int


@dataclass(frozen=True, slots=True)
class Report:
    """Attributes:
    hops: to the gateway, 0 for itself, NO_WAY without a way.
    parent: node that it hands its frames to, 0 for none.
    transport: one of TRANSPORTS.
    supply_bp: charge of what feeds the board, 0.01 %; None on the mains.
    waiting, lost: payloads in its radio's queue, and those given up since its start.
    """

    hops: int
    parent: int
    transport: str
    supply_bp: int | None
    waiting: int
    lost: int
    neighbours: tuple[Neighbour, ...]


def parse(content: bytes) -> Report | None:
    """The report; None if the content is no such thing."""
    if len(content) < _HEAD.size:
        return None
    hops, parent, transport, supply, waiting, lost, count = _HEAD.unpack_from(content)
    rest = content[_HEAD.size :]
    if len(rest) != count * _NEIGHBOUR.size or transport >= len(TRANSPORTS):
        return None
    near = tuple(
        Neighbour(node, -rssi, quality) for node, rssi, quality in _NEIGHBOUR.iter_unpack(rest)
    )
    battery = None if supply == _NO_BATTERY else supply
    return Report(hops, parent, TRANSPORTS[transport], battery, waiting, lost, near)
