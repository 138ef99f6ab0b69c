"""How far apart two places of a radial feeder are."""

from __future__ import annotations

from collections.abc import Mapping

from backend.market.orders import MarketError


class FeederTree:
    """A radial network: every node but the root hangs on one other by a line of known length."""

    def __init__(self, lines: Mapping[int, tuple[int, int]]) -> None:
        """`lines` gives for each node its parent and the metres between them.

        Raises:
            MarketError: a line's length is negative, or the lines make a ring.
        """
        self._depth_m: dict[int, int] = {}
        self._path: dict[int, tuple[int, ...]] = {}
        for start in lines:
            self._place(start, lines)

    def distance_m(self, a: int, b: int) -> int:
        """Metres of line between two nodes. Raises MarketError if a node is not in the tree."""
        for node in (a, b):
            if node not in self._path:
                raise MarketError(f"node {node} is not in the network")
        common = None
        for left, right in zip(self._path[a], self._path[b], strict=False):
            if left != right:
                break
            common = left
        if common is None:
            raise MarketError(f"nodes {a} and {b} are in separate networks")
        return self._depth_m[a] + self._depth_m[b] - 2 * self._depth_m[common]

    def _place(self, start: int, lines: Mapping[int, tuple[int, int]]) -> None:
        """Paths from the root of `start` and of all nodes above it that are not placed yet."""
        above, seen = [], set()
        node = start
        while node not in self._path:
            if node in seen:
                raise MarketError(f"the lines make a ring through node {node}; open one of them")
            seen.add(node)
            above.append(node)
            if node not in lines:
                break
            node = lines[node][0]
        for node in reversed(above):
            parent, metres = lines.get(node, (node, 0))
            if metres < 0:
                raise MarketError(f"length of the line to node {node}: {metres} is negative")
            self._path[node] = (*self._path.get(parent, ()), node)
            self._depth_m[node] = self._depth_m.get(parent, 0) + metres
