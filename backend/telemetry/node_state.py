"""What the gateway remembers of a node between two frames."""

from __future__ import annotations

from dataclasses import dataclass

Registers = tuple[int, ...]
"""Six cumulative registers, Wh, lane 0 first."""

NO_REGISTERS: Registers = (0, 0, 0, 0, 0, 0)


@dataclass(slots=True)
class NodeState:
    """One node, as the ingest judges it.

    Args:
        max_power_w: what its registers may grow by, at most
        boot, sequence: of the newest accepted frame; (0, 0) before the first
        last_tag: that frame's tag
        keyframe: the newest accepted KEYFRAME, as received
        reading_id, registers: the newest booked reading; None before the first
        measured_at: its time, Unix seconds; received_ms: when it arrived
        offset: booked register - device register, Wh
        rebase_before: booked registers that the last rebase starts from
        suspect: lowest registers of steps in quarantine since the newest booked reading
    """

    node_id: int
    max_power_w: int
    revoked: bool = False
    boot: int = 0
    sequence: int = 0
    last_tag: bytes | None = None
    keyframe: bytes | None = None
    reading_id: int | None = None
    registers: Registers | None = None
    measured_at: int = 0
    received_ms: int = 0
    last_seen_ms: int = 0
    offset: Registers = NO_REGISTERS
    rebase_before: Registers | None = None
    suspect: Registers | None = None

    @property
    def order(self) -> tuple[int, int]:
        """(boot, sequence) that the next frame must exceed."""
        return self.boot, self.sequence

    def copy(self) -> NodeState:
        """Another one, the same."""
        return NodeState(
            self.node_id,
            self.max_power_w,
            self.revoked,
            self.boot,
            self.sequence,
            self.last_tag,
            self.keyframe,
            self.reading_id,
            self.registers,
            self.measured_at,
            self.received_ms,
            self.last_seen_ms,
            self.offset,
            self.rebase_before,
            self.suspect,
        )
