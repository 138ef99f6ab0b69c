"""The radio link in figures: latency by hops, loss, and what hopping does against interference.

`python -m benchmarks.bench_radio`. Simulated: the firmware's link and mesh on the simulated ether
(its assumptions: docs/mesh-link.md), in virtual time, the same for the same seed.
"""

from __future__ import annotations

import random
import statistics

from devices.esp32.hopping import CHANNELS, Schedule
from devices.esp32.link import mac_of
from devices.esp32.mesh import Mesh
from devices.simulator.ether import ESP_NOW, Ether
from devices.simulator.motes import SLOT_MS, Mote
from devices.simulator.virtual_time import VirtualTime

MESSAGES = 300
HOPS = (1, 2, 3, 4)
JAMMED = 3
_START_S = 1_790_000_000
TELEMETRY, URGENT = 0x12, 0x17
"""Second bytes of a DELTA and of an EVENT."""


class Row:
    """Nodes in a row; each hears the next ones only. Node 1 is the gateway."""

    def __init__(self, count: int, seed: int, hop: bool = True) -> None:
        self.time = VirtualTime()
        self.ether = Ether(self.time, ESP_NOW, seed)
        self.came: dict[bytes, int] = {}
        self.motes, self.meshes = [], []
        for number in range(1, count + 1):
            schedule = Schedule(1, SLOT_MS, hop)
            mote = Mote(self.ether, number, (60.0 * number, 0), number == 1, schedule)
            key, draw = bytes([number]) * 32, random.Random(seed * 100 + number).randbytes
            mesh = Mesh(number, key, mote.link, number == 1, self._receive, draw)
            mote.at_wake = lambda now_ms, mesh=mesh: mesh.tick(now_ms, _START_S + now_ms // 1000)
            self.motes.append(mote)
            self.meshes.append(mesh)
        for a in range(1, count + 1):
            for b in range(a + 2, count + 1):
                self.ether.cut(mac_of(a), mac_of(b))
        self.time.run_for_ms(30_000)

    def _receive(self, data: bytes) -> None:
        self.came.setdefault(data, self.time.now_ms)

    def latencies(self, kind: int, seed: int) -> tuple[list[int], int]:
        """Milliseconds of each message of the last node that came, and how many were sent."""
        chance = random.Random(seed)
        sent = {}
        last = len(self.motes)
        for i in range(MESSAGES):
            data = bytes([0x4F, kind]) + last.to_bytes(4, "big") + i.to_bytes(4, "big") + bytes(50)
            sent[data] = self.time.now_ms
            self.meshes[-1].send_up(data, self.time.now_ms)
            self.motes[-1].wake()
            self.time.run_for_ms(chance.randrange(200, 800))
        self.time.run_for_ms(20_000)
        return [self.came[data] - at for data, at in sent.items() if data in self.came], len(sent)


def by_hops() -> list[str]:
    lines = []
    for hops in HOPS:
        for name, kind in (("telemetry", TELEMETRY), ("emergency", URGENT)):
            took, sent = Row(hops + 1, seed=hops).latencies(kind, hops)
            took.sort()
            late, lost = took[len(took) * 95 // 100], 1000 * (sent - len(took)) / sent
            lines.append(
                f"{hops} hops, {name}: median {statistics.median(took):.0f} ms, 95 % {late} ms, "
                f"lost {lost:.1f} per mille"
            )
    return lines


def first_tries(hop: bool, jammed: list[int], seed: int) -> tuple[int, int]:
    """Packets sent, and repetitions among them: one hop, channels jammed half of the time."""
    row = Row(2, seed, hop)
    row.ether.faults.jammed = dict.fromkeys(jammed, 500)
    link = row.motes[-1].link
    before = link.sent, link.repeated
    row.latencies(TELEMETRY, seed)
    return link.sent - before[0], link.repeated - before[1]


def hopping() -> list[str]:
    """Three neighbouring channels of eight are jammed: one channel for good, and hopping."""
    totals = {True: [0, 0], False: [0, 0]}
    worst = {True: 0.0, False: 0.0}
    for seed in range(1, 9):
        jammed = [CHANNELS[(seed + i) % len(CHANNELS)] for i in range(JAMMED)]
        for hop in (True, False):
            sent, repeated = first_tries(hop, jammed, seed)
            totals[hop][0] += sent
            totals[hop][1] += repeated
            worst[hop] = max(worst[hop], repeated / sent)
    return [
        f"{'hopping' if hop else 'one channel'}: {100 * lost / sent:.1f} % of packets repeated, "
        f"{100 * worst[hop]:.1f} % in the worst of eight places"
        for hop, (sent, lost) in totals.items()
    ]


def main() -> None:
    for line in (*by_hops(), *hopping()):
        print(line)


if __name__ == "__main__":
    main()
