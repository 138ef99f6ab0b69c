"""What a node says of its radio: content of MESH frames of kind 2 (docs/frame.md)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KIND = 2
NO_WAY = 255
"""Hops of a node that has no way to the gateway now; its report came by another one."""
_NO_BATTERY = 0xFFFF
_HEAD = struct.Struct(">BIBHHHB")
_NEIGHBOUR = struct.Struct(">IBB")
_NODE = struct.Struct(">I")
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
    onward: the nodes after the parent up to the gateway; empty if the parent is it, or not told.
    """

    hops: int
    parent: int
    transport: str
    supply_bp: int | None
    waiting: int
    lost: int
    neighbours: tuple[Neighbour, ...]
    onward: tuple[int, ...] = ()


def routes(reports: Mapping[int, Mapping[str, Any]]) -> dict[int, list[int]]:
    """By node its way to the gateway, both ends included; empty without one.

    As the node tells it; where it tells of its parent only, from parent to parent: reports of
    different ages may contradict each other, then it ends there.

    Args:
        reports: fields of the newest Report of each node.
    """
    found = {}
    for node, report in reports.items():
        route = [] if report["hops"] == NO_WAY else [node]
        if route and report.get("onward"):
            route += [int(report["parent"]), *map(int, report["onward"])]
        while route and (parent := _parent(reports, route[-1])) and parent not in route:
            route.append(parent)
        found[node] = route
    return found


def whole_routes(reports: Mapping[int, Mapping[str, Any]]) -> dict[int, list[int]]:
    """As `routes`, but only of nodes behind a gateway, up to one: what is not known to its end, or
    turns in a circle for a moment, is left out. Who is one hop from it, and hands over to no node,
    speaks to a network (LoRaWAN); its route is itself."""
    return {
        node: route
        for node, route in routes(reports).items()
        if (len(route) > 1 and route[-1] in reports and reports[route[-1]]["hops"] == 0)
        or (len(route) == 1 and reports[node]["hops"] == 1 and not reports[node]["parent"])
    }


def _parent(reports: Mapping[int, Mapping[str, Any]], node: int) -> int:
    report = reports.get(node)
    return int(report["parent"]) if report else 0


def parse(content: bytes) -> Report | None:
    """The report; None if the content is no such thing."""
    if len(content) < _HEAD.size:
        return None
    hops, parent, transport, supply, waiting, lost, count = _HEAD.unpack_from(content)
    ends = _HEAD.size + count * _NEIGHBOUR.size
    heard, rest = content[_HEAD.size : ends], content[ends:]
    if len(content) < ends or len(rest) % _NODE.size or transport >= len(TRANSPORTS):
        return None
    near = tuple(
        Neighbour(node, -rssi, quality) for node, rssi, quality in _NEIGHBOUR.iter_unpack(heard)
    )
    battery = None if supply == _NO_BATTERY else supply
    onward = tuple(node for (node,) in _NODE.iter_unpack(rest))
    return Report(hops, parent, TRANSPORTS[transport], battery, waiting, lost, near, onward)
