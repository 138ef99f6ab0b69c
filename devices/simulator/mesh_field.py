"""Many routers on one field in virtual time, over a plain radio. Simulated.

What is assumed: who is within `reach_m` hears a packet, others never; each transmission is lost
with `loss_pm`, a unicast is repeated RETRIES times and then reported as failed; each transmission
takes 2..6 ms. No collisions, no channels: for those use `ether.py`, which costs far more.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from typing import Any

from devices.esp32 import link as links
from devices.esp32.estar import Router
from devices.simulator.virtual_time import VirtualTime

_TICK_US = 100_000


class PlainLink(links.Link):
    """One node's end of the field (link.py)."""

    def __init__(self, field: MeshField, node_id: int) -> None:
        super().__init__(links.mac_of(node_id))
        self.node_id = node_id
        self.sent = 0
        self._field = field
        self._tickets = 0

    def send(self, dst: bytes, payload: bytes, priority: int) -> int:
        """See link.py; `priority` changes nothing, as nothing waits here."""
        self._tickets += 1
        self._field.carry(self, dst, payload, self._tickets)
        return self._tickets

    def tick(self, now_ms: int) -> int:
        """Nothing is ever due: the field's clock delivers."""
        return 1000

    def available(self, now_ms: int) -> bool:
        """Always."""
        return True


class MeshField:
    """Positions, links and clock. Same seed, same run.

    Args:
        places: metres, by node.
        start_s: Unix seconds at virtual time 0.
    """

    def __init__(
        self,
        places: Mapping[int, tuple[float, float]],
        *,
        reach_m: float = 100.0,
        loss_pm: int = 20,
        seed: int = 1,
        start_s: int = 1_790_000_000,
    ) -> None:
        self.time = VirtualTime()
        self.chance = random.Random(seed)
        self._draw = self.chance.getrandbits
        self.loss_pm = loss_pm
        self.start_s = start_s
        self.links = {node: PlainLink(self, node) for node in places}
        self.routers: dict[int, Router] = {}
        self.off: set[int] = set()
        self.cut: set[frozenset[int]] = set()
        self.packets = 0
        self.bytes = 0
        self.watch: Callable[[int, bytes, bytes], object] | None = None
        self.near = {
            node: {
                other: None
                for other in places
                if other != node and math.dist(places[node], places[other]) <= reach_m
            }
            for node in places
        }

    def join(self, node: int, key: bytes, make: Callable[..., Any] = Router, **given: Any) -> Any:
        """A router on the field; `make` is Router or a class of an attacker."""
        settings = {"mode": 0, "min_trust": 0, **given}
        router = make(node, key, self.links[node], self.chance.randbytes, **settings)
        router.clock_s = self.start_s
        self.routers[node] = router
        return router

    def carry(self, link: PlainLink, dst: bytes, payload: bytes, ticket: int) -> None:
        """Brings a packet to who is near."""
        node = link.node_id
        if node in self.off:
            return
        link.sent += 1
        self._count(payload)
        if self.watch is not None:
            self.watch(node, dst, payload)
        if dst == links.BROADCAST:
            whole = not self.off and not self.cut
            for other in self.near[node]:
                if (whole or self._reaches(node, other)) and not self._lost():
                    self._arrive(link, other, payload, self._transit_us())
            return
        self._unicast(link, links.node_of(dst), payload, ticket)

    def run_for_ms(self, ms: int) -> None:
        """Lets time pass, with a tick of every router each 0.1 s."""
        end_us = self.time.now_us + ms * 1000
        while self.time.now_us < end_us:
            self.time.run_until(min(end_us, self.time.now_us + _TICK_US))
            now_ms = self.time.now_ms
            for node, router in self.routers.items():
                if node not in self.off:
                    router.clock_s = self.start_s + now_ms // 1000
                    router.tick(now_ms)

    def _unicast(self, link: PlainLink, other: int, payload: bytes, ticket: int) -> None:
        delay = 0
        for attempt in range(links.RETRIES + 1):
            delay += self._transit_us()
            if attempt:
                self._count(payload)
            if self._reaches(link.node_id, other) and not self._lost():
                self._arrive(link, other, payload, delay)
                return
        done: Any = link.on_done
        if done is not None:
            self.time.after(delay, lambda: done(ticket, False, self.time.now_ms))

    def _reaches(self, node: int, other: int) -> bool:
        if other in self.off or frozenset((node, other)) in self.cut:
            return False
        return other in self.near[node]

    def _arrive(self, link: PlainLink, other: int, payload: bytes, delay_us: int) -> None:
        target: Any = self.links[other]

        src, off, clock = link.address, self.off, self.time

        def arrive() -> None:
            if target.receiver is not None and other not in off:
                target.receiver(src, payload, -60, clock.now_us // 1000)

        clock.after(delay_us, arrive)

    def _count(self, payload: bytes) -> None:
        self.packets += 1
        self.bytes += len(payload)

    def _lost(self) -> bool:
        draw = self._draw(10)  # randrange(1000), which takes three times as long
        while draw >= 1000:
            draw = self._draw(10)
        return draw < self.loss_pm

    def _transit_us(self) -> int:
        draw = self._draw(12)
        while draw >= 4000:
            draw = self._draw(12)
        return 2000 + draw
