"""A clock that moves only when it is told to, and what is to happen when."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable


class VirtualTime:
    """Events in order of their time, and of their making where times are equal: the same run again.

    Attributes:
        now_us: microseconds since the beginning.
    """

    def __init__(self, start_us: int = 0) -> None:
        self.now_us = start_us
        self._events: list[tuple[int, int, Callable[[], object]]] = []
        self._order = itertools.count()

    @property
    def now_ms(self) -> int:
        """Whole milliseconds since the beginning."""
        return self.now_us // 1000

    def at(self, at_us: int, act: Callable[[], object]) -> None:
        """`act` is called when it is `at_us`; at once, if that is past, but not from within."""
        heapq.heappush(self._events, (max(at_us, self.now_us), next(self._order), act))

    def after(self, pause_us: int, act: Callable[[], object]) -> None:
        """`act` is called in `pause_us`."""
        self.at(self.now_us + pause_us, act)

    @property
    def next_us(self) -> int | None:
        """When something is to happen; None if nothing is."""
        return self._events[0][0] if self._events else None

    def run_until(self, until_us: int) -> None:
        """Everything up to and including `until_us` happens; then it is that late."""
        while self._events and self._events[0][0] <= until_us:
            self.now_us, _, act = heapq.heappop(self._events)
            act()
        self.now_us = max(self.now_us, until_us)

    def run_for_ms(self, ms: int) -> None:
        """Lets this much time pass."""
        self.run_until(self.now_us + ms * 1000)
