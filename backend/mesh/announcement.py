"""The trust table as nodes are told it: contents of MESH_DOWN frames of kind 1 (docs/mesh.md)."""

from __future__ import annotations

import struct
from collections.abc import Collection

from backend.mesh.trust import TrustTable

KIND_TRUST = 1
MAX_CONTENT_BYTES = 215
_CANNOT_PAY = 0x8000
_HEAD = struct.Struct(">IBBB")
_NODE = struct.Struct(">IH")
_HOP = struct.Struct(">II")


def announcements(table: TrustTable, issued_at: int, unfunded: Collection[int] = ()) -> list[bytes]:
    """The parts of a table; a receiver takes a newer `issued_at` (Unix seconds) only.

    `unfunded`: nodes whose account cannot pay relays: nobody carries what they send.

    Raises:
        ValueError: more than 255 parts.
    """
    nodes = [
        _NODE.pack(node, found.trust | (_CANNOT_PAY if node in unfunded else 0))
        for node, found in sorted(table.nodes.items())
    ]
    hops = [_HOP.pack(*pair) for pair in sorted(table.avoided)]
    parts: list[tuple[list[bytes], list[bytes]]] = [([], [])]
    for kind, entries in enumerate((nodes, hops)):
        for entry in entries:
            if sum(map(len, (*parts[-1][0], *parts[-1][1], entry))) > MAX_CONTENT_BYTES - 7:
                parts.append(([], []))
            parts[-1][kind].append(entry)
    if len(parts) > 255:
        raise ValueError(f"a table of {len(parts)} parts; at most 255")
    return [
        _HEAD.pack(issued_at, i, len(parts), len(some)) + b"".join((*some, *pairs))
        for i, (some, pairs) in enumerate(parts)
    ]
