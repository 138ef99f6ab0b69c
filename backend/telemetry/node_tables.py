"""Tables of nodes and of what they sent: readings, statements, commands and their answers."""

from __future__ import annotations

import sqlalchemy as sa

from backend.telemetry.columns import amount, key, metadata, needed, serial

_REGISTERS = (
    "generated_wh",
    "consumed_wh",
    "exported_wh",
    "imported_wh",
    "charged_wh",
    "discharged_wh",
)

nodes = sa.Table(
    "nodes",
    metadata,
    key("node_id"),
    needed("label", sa.String, default=""),
    needed("kind", sa.Integer),  # chain EntityKind; 0 = board without a meter
    amount("feeder_node", sa.Integer),
    needed("max_power_w", sa.Integer),
    sa.Column("battery_id", sa.Integer),  # set if its state of charge decides about shedding
    sa.Column("capacity_wh", sa.BigInteger),  # of a battery bank
    sa.Column("revoked_at", sa.BigInteger),
)
"""Provisioned nodes. Keys are in the keyring file, never here."""

node_state = sa.Table(
    "node_state",
    metadata,
    key("node_id"),
    amount("boot"),
    amount("sequence"),
    sa.Column("keyframe", sa.LargeBinary),  # last accepted KEYFRAME, for deltas
    sa.Column("reading_id", sa.BigInteger),  # last accepted reading
    amount("measured_at"),
    amount("last_seen_ms"),
    needed("firmware", sa.String, default=""),
    amount("downlink_boot"),
    amount("downlink_sequence"),
    sa.Column("last_tag", sa.LargeBinary),  # of the newest accepted frame: tells its repetition
    sa.Column("hello", sa.JSON),  # what the node last said of itself
    sa.Column("mesh", sa.JSON),  # what it last said of its radio: way, neighbours
    amount("rebase_block"),
    amount("rebase_log_index", sa.Integer),
    sa.Column("rebase_before", sa.LargeBinary),  # packed registers the last rebase starts from
    sa.Column("suspect", sa.LargeBinary),  # packed registers of a step in quarantine
    *[amount("offset_" + name) for name in _REGISTERS],
)
"""Replay protection and register offsets (RegistersRebased) of each node."""

readings = sa.Table(
    "readings",
    metadata,
    serial("id"),
    needed("node_id"),
    needed("boot"),
    needed("sequence"),
    needed("measured_at"),
    needed("received_ms"),
    *[amount(name) for name in _REGISTERS],  # booked registers: the device's plus its offset
    needed("voltage_dv", sa.Integer),
    needed("current_ma"),
    needed("power_w", sa.Integer),
    needed("power_factor_pm", sa.Integer),
    needed("temperature_dc", sa.Integer),
    needed("soc_bp", sa.Integer),
    needed("relays", sa.Integer),
    needed("status", sa.Integer),
    needed("frame", sa.LargeBinary),  # as received: the evidence
    sa.Column("keyframe", sa.LargeBinary),  # the keyframe a DELTA counts from
    sa.UniqueConstraint("node_id", "boot", "sequence"),
    sa.Index("readings_by_node_time", "node_id", "measured_at"),
)

statements = sa.Table(
    "statements",
    metadata,
    key("meter_id"),
    key("enrolment"),
    key("counter"),
    needed("time"),
    needed("registers", sa.LargeBinary(30)),  # the device's own, as in leaves
    needed("signature", sa.LargeBinary(64)),
    needed("reading_id"),
    sa.Index("statements_by_meter_time", "meter_id", "time"),
)
"""What meters' secure elements signed (docs/witness.md), as it came; checked where it is used."""

quarantine = sa.Table(
    "quarantine",
    metadata,
    serial("id"),
    needed("node_id"),
    needed("result", sa.String),
    needed("detail", sa.String),
    needed("frame", sa.LargeBinary),
    needed("received_ms"),
    sa.Column("resolved_at", sa.BigInteger),
    sa.Index("quarantine_by_node", "node_id", "resolved_at"),
)
"""Readings kept for a person: they step back or further than the meter can."""

frame_counts = sa.Table(
    "frame_counts",
    metadata,
    key("node_id"),  # 0 = unknown sender
    sa.Column("result", sa.String, primary_key=True),
    amount("count"),
)

fragments = sa.Table(
    "fragments",
    metadata,
    key("node_id"),
    key("piece_index", sa.Integer),
    needed("frame", sa.LargeBinary),
)
"""Accepted pieces of a message that is not whole yet; one message per sender."""

node_events = sa.Table(
    "node_events",
    metadata,
    serial("id"),
    needed("node_id"),
    needed("kind", sa.Integer),
    needed("pin", sa.Integer),
    needed("value"),
    needed("measured_at"),
    needed("received_ms"),
    sa.Index("node_events_by_node", "node_id", "id"),
)
"""What happened locally at a node: over-current, tamper, grid lost."""

commands = sa.Table(
    "commands",
    metadata,
    key("command_id"),
    needed("switch_id", sa.Integer),
    needed("board"),
    needed("pin", sa.Integer),
    needed("closed", sa.Boolean),
    amount("cutoff_wh"),
    needed("reason", sa.String),
    needed("block"),
    needed("issued_ms"),
    amount("offered", sa.Integer),
    sa.Column("ack_closed", sa.Boolean),
    sa.Column("ack_result", sa.Integer),
    sa.Column("ack_imported_wh", sa.BigInteger),
    sa.Column("acked_ms", sa.BigInteger),
    needed("reported", sa.Boolean, default=False),  # acknowledge() is on chain
    sa.Column("report_key", sa.String),  # the outbox row that reports the acknowledgement
    sa.Index("commands_by_board", "board", "acked_ms"),
    sa.Index("commands_by_switch", "switch_id", "command_id"),
)

relay_acks = sa.Table(
    "relay_acks",
    metadata,
    serial("id"),
    needed("node_id"),
    needed("command_id"),  # 0 = the board moved by itself
    needed("pin", sa.Integer),
    needed("closed", sa.Boolean),
    needed("result", sa.Integer),
    needed("imported_wh"),
    needed("received_ms"),
    sa.Index("relay_acks_by_node", "node_id", "pin", "id"),
)
"""Every ACK a board sent, in order of arrival."""
