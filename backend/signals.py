"""In-process notices between the stages of the pipeline.

A notice says that something is already stored; a receiver that misses one finds it in the store.
Senders pass keyword arguments as listed; receivers run in the sender's thread and must be quick.
"""

from __future__ import annotations

from blinker import Namespace

_signals = Namespace()

readings_stored = _signals.signal("readings-stored")
"""readings: list[telemetry.readings.StoredReading] — committed to the store."""

frames_refused = _signals.signal("frames-refused")
"""node_id: int | None, result: str — a frame was refused or quarantined, and counted."""

slot_closed = _signals.signal("slot-closed")
"""slot: int — leaves and root are stored, not yet on chain."""

slot_committed = _signals.signal("slot-committed")
"""slot: int, transaction: str — the chain holds the slot."""

chain_event = _signals.signal("chain-event")
"""event: chain.follower.ChainEvent — decoded log at the required depth of confirmation."""

command_issued = _signals.signal("command-issued")
"""command_id: int, board: int — a relay command is pending."""

command_acknowledged = _signals.signal("command-acknowledged")
"""command_id: int, closed: bool — the board's ACK is stored."""

field_told = _signals.signal("field-told")
"""node_id: int — a node told of itself or its radio (HELLO, MESH); 0: the simulated air changed."""

node_seen = _signals.signal("node-seen")
"""node_id: int — a verified frame of any type arrived."""
