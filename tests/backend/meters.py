"""A meter for tests: counts, and makes frames as docs/frame.md says."""

from __future__ import annotations

from dataclasses import dataclass, field

from backend.ingest.frame import encode
from backend.ingest.frame_values import Body, Delta, Reading

SINCE = 1_800_000_000
"""Unix second at which the tests' community began."""


def key_of(node_id: int) -> bytes:
    return bytes([node_id % 256]) * 32


@dataclass
class Meter:
    """Registers only grow, as a meter's do; `boot` and `sequence` advance with each frame."""

    node_id: int
    boot: int = 1
    sequence: int = 0
    registers: list[int] = field(default_factory=lambda: [0] * 6)
    keyframe: tuple[int, Reading] | None = None
    relays: int = 0
    soc_bp: int = 0xFFFF
    power_w: int = 0

    def reading(self) -> Reading:
        return Reading(
            *self.registers, 2300, 1000, self.power_w, 1000, 250, self.soc_bp, self.relays, 1
        )

    def count(self, wh: int, lane: int = 3) -> None:
        self.registers[lane] += wh

    def frame(self, body: Body, time: int) -> bytes:
        self.sequence += 1
        return encode(self.node_id, self.boot, self.sequence, time, body, key_of(self.node_id))

    def keyframe_at(self, time: int) -> bytes:
        reading = self.reading()
        frame = self.frame(reading, time)
        self.keyframe = (self.sequence, reading)
        return frame

    def delta_at(self, time: int) -> bytes:
        assert self.keyframe is not None
        at, base = self.keyframe
        return self.frame(Delta.between(self.sequence + 1 - at, base, self.reading()), time)

    def restart(self) -> None:
        self.boot, self.sequence, self.keyframe = self.boot + 1, 0, None
