"""The store's tables (SQLAlchemy Core; SQLite in WAL mode or PostgreSQL).

Energy in Wh, time in Unix seconds UTC (milliseconds where named `_ms`), 256-bit values as 0x hex.
"""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

schema_version = sa.Table(
    "schema_version", metadata, sa.Column("version", sa.Integer, nullable=False)
)
"""One row: what the other tables mean (backend.telemetry.store)."""

_REGISTERS = (
    "generated_wh",
    "consumed_wh",
    "exported_wh",
    "imported_wh",
    "charged_wh",
    "discharged_wh",
)


def _register_columns() -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=False, default=0) for name in _REGISTERS]


nodes = sa.Table(
    "nodes",
    metadata,
    sa.Column("node_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("label", sa.String, nullable=False, default=""),
    sa.Column("kind", sa.Integer, nullable=False),  # chain EntityKind; 0 = board without a meter
    sa.Column("feeder_node", sa.Integer, nullable=False, default=0),
    sa.Column("max_power_w", sa.Integer, nullable=False),
    sa.Column("battery_id", sa.Integer),  # set if its state of charge decides about shedding
    sa.Column("capacity_wh", sa.BigInteger),  # of a battery bank
    sa.Column("revoked_at", sa.BigInteger),
)
"""Provisioned nodes. Keys are in the keyring file, never here."""

node_state = sa.Table(
    "node_state",
    metadata,
    sa.Column("node_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("boot", sa.BigInteger, nullable=False, default=0),
    sa.Column("sequence", sa.BigInteger, nullable=False, default=0),
    sa.Column("keyframe", sa.LargeBinary),  # last accepted KEYFRAME, for deltas
    sa.Column("reading_id", sa.BigInteger),  # last accepted reading
    sa.Column("measured_at", sa.BigInteger, nullable=False, default=0),
    sa.Column("last_seen_ms", sa.BigInteger, nullable=False, default=0),
    sa.Column("firmware", sa.String, nullable=False, default=""),
    sa.Column("downlink_boot", sa.BigInteger, nullable=False, default=0),
    sa.Column("downlink_sequence", sa.BigInteger, nullable=False, default=0),
    sa.Column("last_tag", sa.LargeBinary),  # of the newest accepted frame: tells its repetition
    sa.Column("hello", sa.JSON),  # what the node last said of itself
    sa.Column("mesh", sa.JSON),  # what it last said of its radio: way, neighbours
    sa.Column("rebase_block", sa.BigInteger, nullable=False, default=0),
    sa.Column("rebase_log_index", sa.Integer, nullable=False, default=0),
    sa.Column("rebase_before", sa.LargeBinary),  # packed registers the last rebase starts from
    sa.Column("suspect", sa.LargeBinary),  # packed registers of a step in quarantine
    *[sa.Column("offset_" + name, sa.BigInteger, nullable=False, default=0) for name in _REGISTERS],
)
"""Replay protection and register offsets (RegistersRebased) of each node."""

readings = sa.Table(
    "readings",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("node_id", sa.BigInteger, nullable=False),
    sa.Column("boot", sa.BigInteger, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("measured_at", sa.BigInteger, nullable=False),
    sa.Column("received_ms", sa.BigInteger, nullable=False),
    *_register_columns(),  # booked registers: the device's plus its offset
    sa.Column("voltage_dv", sa.Integer, nullable=False),
    sa.Column("current_ma", sa.BigInteger, nullable=False),
    sa.Column("power_w", sa.Integer, nullable=False),
    sa.Column("power_factor_pm", sa.Integer, nullable=False),
    sa.Column("temperature_dc", sa.Integer, nullable=False),
    sa.Column("soc_bp", sa.Integer, nullable=False),
    sa.Column("relays", sa.Integer, nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("frame", sa.LargeBinary, nullable=False),  # as received: the evidence
    sa.Column("keyframe", sa.LargeBinary),  # the keyframe a DELTA counts from
    sa.UniqueConstraint("node_id", "boot", "sequence"),
    sa.Index("readings_by_node_time", "node_id", "measured_at"),
)

statements = sa.Table(
    "statements",
    metadata,
    sa.Column("meter_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("enrolment", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("counter", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("time", sa.BigInteger, nullable=False),
    sa.Column("registers", sa.LargeBinary(30), nullable=False),  # the device's own, as in leaves
    sa.Column("signature", sa.LargeBinary(64), nullable=False),
    sa.Column("reading_id", sa.BigInteger, nullable=False),
    sa.Index("statements_by_meter_time", "meter_id", "time"),
)
"""What meters' secure elements signed (docs/witness.md), as it came; checked where it is used."""

quarantine = sa.Table(
    "quarantine",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("node_id", sa.BigInteger, nullable=False),
    sa.Column("result", sa.String, nullable=False),
    sa.Column("detail", sa.String, nullable=False),
    sa.Column("frame", sa.LargeBinary, nullable=False),
    sa.Column("received_ms", sa.BigInteger, nullable=False),
    sa.Column("resolved_at", sa.BigInteger),
    sa.Index("quarantine_by_node", "node_id", "resolved_at"),
)
"""Readings kept for a person: they step back or further than the meter can."""

frame_counts = sa.Table(
    "frame_counts",
    metadata,
    sa.Column(
        "node_id", sa.BigInteger, primary_key=True, autoincrement=False
    ),  # 0 = unknown sender
    sa.Column("result", sa.String, primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False, default=0),
)

fragments = sa.Table(
    "fragments",
    metadata,
    sa.Column("node_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("piece_index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("frame", sa.LargeBinary, nullable=False),
)
"""Accepted pieces of a message that is not whole yet; one message per sender."""

node_events = sa.Table(
    "node_events",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("node_id", sa.BigInteger, nullable=False),
    sa.Column("kind", sa.Integer, nullable=False),
    sa.Column("pin", sa.Integer, nullable=False),
    sa.Column("value", sa.BigInteger, nullable=False),
    sa.Column("measured_at", sa.BigInteger, nullable=False),
    sa.Column("received_ms", sa.BigInteger, nullable=False),
    sa.Index("node_events_by_node", "node_id", "id"),
)
"""What happened locally at a node: over-current, tamper, grid lost."""

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("token_hash", sa.String, primary_key=True),  # SHA-256 of the token
    sa.Column("account", sa.String, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
)
"""Wallets signed in."""

slots = sa.Table(
    "slots",
    metadata,
    sa.Column("slot", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("previous_slot", sa.BigInteger, nullable=False, default=0),
    sa.Column("root", sa.String, nullable=False),
    sa.Column("totals_lo", sa.String, nullable=False),
    sa.Column("totals_hi", sa.String, nullable=False),
    sa.Column("leaf_count", sa.Integer, nullable=False),
    sa.Column("closed_ms", sa.BigInteger, nullable=False),
    sa.Column("balance_wh", sa.BigInteger, nullable=False, default=0),
    sa.Column("condition", sa.String, nullable=False, default=""),
    sa.Column("state", sa.String, nullable=False),  # closed | signed | sent | committed
    sa.Column("signatures", sa.JSON),
    sa.Column("tx_hash", sa.String),
    sa.Column("committed_block", sa.BigInteger),
    sa.Column("settled_at", sa.BigInteger),
)

leaves = sa.Table(
    "leaves",
    metadata,
    sa.Column("slot", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("meter_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Integer, nullable=False),
    sa.Column("registers", sa.LargeBinary(30), nullable=False),  # packed, lane 5 first
    sa.Column("salt", sa.LargeBinary(32), nullable=False),
    sa.Column("reading_id", sa.BigInteger, nullable=False),
    sa.Column("stale", sa.Boolean, nullable=False, default=False),
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("key", sa.String, nullable=False, unique=True),  # what it does, e.g. "commit:117"
    sa.Column("sender", sa.String, nullable=False),
    sa.Column("target", sa.String, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.Column("gas", sa.BigInteger, nullable=False),
    sa.Column("state", sa.String, nullable=False),  # outbox.OutboxState
    sa.Column("nonce", sa.BigInteger),
    sa.Column("tx_hash", sa.String),
    sa.Column("raw", sa.LargeBinary),
    sa.Column("max_fee_per_gas", sa.BigInteger),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("sent_ms", sa.BigInteger),
    sa.Column("block", sa.BigInteger),
    sa.Column("block_hash", sa.String),
    sa.Column("gas_used", sa.BigInteger),
    sa.Column("error", sa.String),
    sa.Column("priority", sa.Integer, nullable=False, default=0),  # higher goes first
    sa.Column("replaced", sa.JSON, nullable=False, default=list),  # earlier hashes, same nonce
    sa.Index("outbox_by_state", "state", "priority", "id"),
    sa.Index("outbox_by_nonce", "sender", "nonce"),
)
"""Transactions written before they are sent; sent twice, one still counts once on chain."""

commands = sa.Table(
    "commands",
    metadata,
    sa.Column("command_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("switch_id", sa.Integer, nullable=False),
    sa.Column("board", sa.BigInteger, nullable=False),
    sa.Column("pin", sa.Integer, nullable=False),
    sa.Column("closed", sa.Boolean, nullable=False),
    sa.Column("cutoff_wh", sa.BigInteger, nullable=False, default=0),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("block", sa.BigInteger, nullable=False),
    sa.Column("issued_ms", sa.BigInteger, nullable=False),
    sa.Column("offered", sa.Integer, nullable=False, default=0),
    sa.Column("ack_closed", sa.Boolean),
    sa.Column("ack_result", sa.Integer),
    sa.Column("ack_imported_wh", sa.BigInteger),
    sa.Column("acked_ms", sa.BigInteger),
    sa.Column("reported", sa.Boolean, nullable=False, default=False),  # acknowledge() is on chain
    sa.Column("report_key", sa.String),  # the outbox row that reports the acknowledgement
    sa.Index("commands_by_board", "board", "acked_ms"),
    sa.Index("commands_by_switch", "switch_id", "command_id"),
)

relay_acks = sa.Table(
    "relay_acks",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("node_id", sa.BigInteger, nullable=False),
    sa.Column("command_id", sa.BigInteger, nullable=False),  # 0 = the board moved by itself
    sa.Column("pin", sa.Integer, nullable=False),
    sa.Column("closed", sa.Boolean, nullable=False),
    sa.Column("result", sa.Integer, nullable=False),
    sa.Column("imported_wh", sa.BigInteger, nullable=False),
    sa.Column("received_ms", sa.BigInteger, nullable=False),
    sa.Index("relay_acks_by_node", "node_id", "pin", "id"),
)
"""Every ACK a board sent, in order of arrival."""

chain_events = sa.Table(
    "chain_events",
    metadata,
    sa.Column("block", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("log_index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("block_hash", sa.String, nullable=False),
    sa.Column("tx_hash", sa.String, nullable=False),
    sa.Column("contract", sa.String, nullable=False),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("args", sa.JSON, nullable=False),
    sa.Column("timestamp", sa.BigInteger, nullable=False),
    sa.Index("chain_events_by_name", "contract", "name", "block"),
)

event_accounts = sa.Table(
    "event_accounts",
    metadata,
    sa.Column("account", sa.String, primary_key=True),  # lower case
    sa.Column("block", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("log_index", sa.Integer, primary_key=True, autoincrement=False),
)
"""Which events name an account: an account's history is one index look-up."""

cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("block", sa.BigInteger, nullable=False),
    sa.Column("block_hash", sa.String, nullable=False),
)

followed_blocks = sa.Table(
    "followed_blocks",
    metadata,
    sa.Column("block", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("block_hash", sa.String, nullable=False),
)
"""Recent blocks the follower has read up to: where it looks for the fork after a reorganisation."""

settled_meters = sa.Table(
    "settled_meters",
    metadata,
    sa.Column("meter_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("slot", sa.BigInteger, nullable=False),
    sa.Column("registers", sa.LargeBinary(30), nullable=False),  # as in leaves
    sa.Column("debt_wh", sa.BigInteger, nullable=False, default=0),
    sa.Column("block", sa.BigInteger, nullable=False),
)
"""Each meter's last settlement, from MeterSettled; if a row is missing, it is settled once more."""

meter_terms = sa.Table(
    "meter_terms",
    metadata,
    sa.Column("meter_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Integer, nullable=False, default=0),  # chain EntityKind; 0 = unknown
    sa.Column("mode", sa.Integer, nullable=False, default=0),  # chain BillingMode in force
    sa.Column("changing", sa.Boolean, nullable=False, default=False),  # until a settlement
    sa.Column("holder", sa.String),
    sa.Column("billed", sa.Boolean, nullable=False, default=False),  # now or once
    sa.Column("suspended", sa.Boolean, nullable=False, default=False),
)
"""What each meter is, who answers for it and how it pays, from the chain's events."""

price_rounds = sa.Table(
    "price_rounds",
    metadata,
    sa.Column("round_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("epoch", sa.BigInteger, nullable=False, default=0),
    sa.Column("leader", sa.String, nullable=False, default=""),  # who led the view that decided
    sa.Column("view", sa.Integer, nullable=False, default=0),
    sa.Column("decided_ms", sa.BigInteger),  # when the service heard of it
    sa.Column("observations", sa.JSON),  # in the order of the contract, with signatures
    sa.Column("median", sa.BigInteger),
    sa.Column("price", sa.BigInteger),  # in force: as accepted on chain, else as expected
    sa.Column("sell_price", sa.BigInteger),
    sa.Column("observed_at", sa.BigInteger),
    sa.Column("previous_price", sa.BigInteger),  # that the circuit breaker counted from
    sa.Column("accepted_block", sa.BigInteger),  # None: not on chain
    sa.Column("accepted_at", sa.BigInteger),
    sa.Column("tx_hash", sa.String),
)
"""Price rounds: as the nodes decided them, and as the chain accepted them."""

price_opinions = sa.Table(
    "price_opinions",
    metadata,
    sa.Column("round_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("signer", sa.String, primary_key=True),
    sa.Column("price", sa.BigInteger),  # None: it could not tell one
    sa.Column("observed_at", sa.BigInteger),
    sa.Column("terms", sa.JSON),  # backend.pricing.opinion.Opinion
)
"""What each node thought in a round and why, by its own word."""

market_orders = sa.Table(
    "market_orders",
    metadata,
    sa.Column("order_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("meter_id", sa.BigInteger, nullable=False),
    sa.Column("slot", sa.BigInteger, nullable=False),
    sa.Column("holder", sa.String, nullable=False),
    sa.Column("side", sa.Integer, nullable=False),  # chain Side
    sa.Column("tick", sa.Integer, nullable=False),
    sa.Column("energy_wh", sa.BigInteger, nullable=False),
    sa.Column("locked_micro_inr", sa.BigInteger, nullable=False),
    sa.Column("state", sa.String, nullable=False),  # open | cancelled | claimed
    sa.Column("filled_wh", sa.BigInteger, nullable=False, default=0),
    sa.Column("paid_micro_inr", sa.BigInteger, nullable=False, default=0),
    sa.Column("earned_micro_inr", sa.BigInteger, nullable=False, default=0),
    sa.Column("placed_at", sa.BigInteger, nullable=False),
    sa.Column("placed_block", sa.BigInteger, nullable=False),
    sa.Column("closed_block", sa.BigInteger),  # None: open
    sa.Index("market_orders_by_state", "state", "slot"),
    sa.Index("market_orders_by_meter", "meter_id", "slot"),
)
"""Orders of the day-ahead market."""

market_clearings = sa.Table(
    "market_clearings",
    metadata,
    sa.Column("slot", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("tick", sa.Integer, nullable=False),  # 0: nothing traded
    sa.Column("price_micro_inr_per_kwh", sa.BigInteger, nullable=False),
    sa.Column("volume_wh", sa.BigInteger, nullable=False),
    sa.Column("rationed", sa.Integer, nullable=False),  # 0 nobody, 1 bids, 2 offers
    sa.Column("shared_wh", sa.BigInteger, nullable=False),
    sa.Column("at_tick_wh", sa.BigInteger, nullable=False),
    sa.Column("block", sa.BigInteger, nullable=False),
)

pool_members = sa.Table(
    "pool_members",
    metadata,
    sa.Column("meter_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("joined_block", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("holder", sa.String, nullable=False),
    sa.Column("left_block", sa.BigInteger),  # None: still in
)
"""Who takes part in the real-time pool, and did."""

pool_lines = sa.Table(
    "pool_lines",
    metadata,
    sa.Column("slot", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("meter_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("holder", sa.String, nullable=False),
    sa.Column("delivered_wh", sa.BigInteger, nullable=False),
    sa.Column("position_wh", sa.BigInteger, nullable=False),
    sa.Column("declared", sa.Boolean, nullable=False),
    sa.Column("reported_block", sa.BigInteger, nullable=False),
    sa.Column("received_micro_inr", sa.BigInteger),  # None: not settled
    sa.Column("settled_block", sa.BigInteger),
    sa.Index("pool_lines_by_meter", "meter_id", "slot"),
)

pool_slots = sa.Table(
    "pool_slots",
    metadata,
    sa.Column("slot", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("supply_wh", sa.BigInteger, nullable=False),
    sa.Column("demand_wh", sa.BigInteger, nullable=False),
    sa.Column("sell_price", sa.BigInteger, nullable=False),
    sa.Column("buy_price", sa.BigInteger, nullable=False),
    sa.Column("sellers_micro_inr", sa.BigInteger, nullable=False),
    sa.Column("buyers_micro_inr", sa.BigInteger, nullable=False),
    sa.Column("grid_micro_inr", sa.BigInteger, nullable=False),
    sa.Column("block", sa.BigInteger, nullable=False),
)
"""Closed slots of the real-time pool."""

certificate_lots = sa.Table(
    "certificate_lots",
    metadata,
    sa.Column("lot_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("meter_id", sa.BigInteger, nullable=False, index=True),
    sa.Column("producer", sa.String, nullable=False),
    sa.Column("from_slot", sa.BigInteger, nullable=False),
    sa.Column("to_slot", sa.BigInteger, nullable=False),
    sa.Column("wh", sa.BigInteger, nullable=False),
    sa.Column("source", sa.Integer, nullable=False),  # chain Source
    sa.Column("technology", sa.Integer, nullable=False),  # chain Technology
    sa.Column("zone", sa.Integer, nullable=False),
    sa.Column("storage", sa.Boolean, nullable=False),
    sa.Column("evidence_hash", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("issuer", sa.String),
    sa.Column("reason", sa.String),
    sa.Column("requested_at", sa.BigInteger, nullable=False),
    sa.Column("decided_at", sa.BigInteger),
    sa.Column("tx_hash", sa.String, nullable=False),  # of the request
)
"""Requests for renewable certificates, and what became of them."""

certificates = sa.Table(
    "certificates",
    metadata,
    sa.Column("certificate_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("lot_id", sa.BigInteger, nullable=False, index=True),
    sa.Column("parent", sa.BigInteger, nullable=False),  # 0: the first of its lot
    sa.Column("wh", sa.BigInteger, nullable=False),
    sa.Column("owner", sa.String, nullable=False, index=True),
    sa.Column("state", sa.String, nullable=False),  # active | split | retired
    sa.Column("changed_at", sa.BigInteger, nullable=False),
    sa.Column("beneficiary", sa.String, index=True),
    sa.Column("purpose", sa.String),
    sa.Column("co2_grams", sa.BigInteger),  # None: not credited
    sa.Column("tx_hash", sa.String, nullable=False),  # of the last change of state
)
"""Renewable certificates. Those of a withdrawn lot are void unless retired."""

incentive_projects = sa.Table(
    "incentive_projects",
    metadata,
    sa.Column("project_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("meter_id", sa.BigInteger, nullable=False),
    sa.Column("submitter", sa.String, nullable=False, index=True),
    sa.Column("kind", sa.Integer, nullable=False),  # chain ProjectKind
    sa.Column("state", sa.String, nullable=False, index=True),
    sa.Column("requested_micro_inr", sa.BigInteger, nullable=False),
    sa.Column("granted_micro_inr", sa.BigInteger),
    sa.Column("multiplier_ppm", sa.BigInteger),
    sa.Column("boost_ppm", sa.BigInteger),
    sa.Column("shortfall_ppm", sa.BigInteger, nullable=False),
    sa.Column("evidence_hash", sa.String, nullable=False),
    sa.Column("evidence_uri", sa.String, nullable=False),
    sa.Column("certifier", sa.String),
    sa.Column("reason", sa.String),
    sa.Column("submitted_at", sa.BigInteger, nullable=False),
    sa.Column("deadline", sa.BigInteger, nullable=False),
    sa.Column("changed_at", sa.BigInteger, nullable=False),
    sa.Column("tx_hash", sa.String, nullable=False),  # of the last change of state
)
"""Projects that households ask incentives for, and what became of them."""

access_log = sa.Table(
    "access_log",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("meter_id", sa.BigInteger, nullable=False, index=True),
    sa.Column("account", sa.String, nullable=False),
    sa.Column("role", sa.String, nullable=False),  # holder | operator
    sa.Column("what", sa.String, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
)
"""Who looked at a household's readings; shown to that household."""

auction_lots = sa.Table(
    "auction_lots",
    metadata,
    sa.Column("lot_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("seller", sa.String, nullable=False, default=""),
    sa.Column("meter_id", sa.BigInteger, nullable=False, default=0),
    sa.Column("energy_wh", sa.BigInteger, nullable=False, default=0),
    sa.Column("reserve_micro_inr_per_kwh", sa.BigInteger, nullable=False, default=0),
    sa.Column("bond_micro_inr", sa.BigInteger, nullable=False, default=0),
    sa.Column("rule", sa.Integer, nullable=False, default=0),  # chain PaymentRule
    sa.Column("state", sa.Integer, nullable=False, default=0),  # chain LotState
    sa.Column("commit_until", sa.BigInteger, nullable=False, default=0),
    sa.Column("reveal_until", sa.BigInteger, nullable=False, default=0),
    sa.Column("first_slot", sa.BigInteger, nullable=False, default=0),
    sa.Column("slot_count", sa.Integer, nullable=False, default=0),
    sa.Column("sold_wh", sa.BigInteger, nullable=False, default=0),
    sa.Column("unsold_wh", sa.BigInteger, nullable=False, default=0),
    sa.Column("taken_back_wh", sa.BigInteger, nullable=False, default=0),
    sa.Column("proceeds_micro_inr", sa.BigInteger, nullable=False, default=0),
    sa.Index("auction_lots_by_state", "state", "reveal_until"),
)

auction_bids = sa.Table(
    "auction_bids",
    metadata,
    sa.Column("bid_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("lot_id", sa.BigInteger, nullable=False, default=0, index=True),
    sa.Column("bidder", sa.String, nullable=False, default=""),
    sa.Column("meter_id", sa.BigInteger, nullable=False, default=0),
    sa.Column("node_priority", sa.Integer, nullable=False, default=0),
    sa.Column("state", sa.Integer, nullable=False, default=0),  # chain BidState
    sa.Column("committed_at", sa.BigInteger, nullable=False, default=0),
    sa.Column("price_micro_inr_per_kwh", sa.BigInteger),  # unknown until revealed
    sa.Column("energy_wh", sa.BigInteger),
    sa.Column("won_wh", sa.BigInteger, nullable=False, default=0),
    sa.Column("taken_wh", sa.BigInteger, nullable=False, default=0),
    sa.Column("payment_micro_inr", sa.BigInteger, nullable=False, default=0),
)

tie_agreements = sa.Table(
    "tie_agreements",
    metadata,
    sa.Column("agreement_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("terms", sa.JSON, nullable=False, default=dict),  # as in the event
    sa.Column("begun_at", sa.BigInteger, nullable=False, default=0),
    sa.Column("last_slot", sa.BigInteger, nullable=False, default=0),  # earlier after a notice
)

tie_slots = sa.Table(
    "tie_slots",
    metadata,
    sa.Column("agreement_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("slot", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("previous_slot", sa.BigInteger, nullable=False, default=0),
    sa.Column("reading_a_wh", sa.BigInteger, nullable=False, default=0),
    sa.Column("reading_b_wh", sa.BigInteger, nullable=False, default=0),
    sa.Column("state", sa.String, nullable=False, default=""),  # settled | disputed | resolved
    sa.Column("basis", sa.Integer),  # chain Basis; none while in dispute
    sa.Column("verdict", sa.Integer),  # chain Verdict, of a dispute that has ended
    sa.Column("settled_wh", sa.BigInteger, nullable=False, default=0),
    sa.Column("micro_inr", sa.BigInteger, nullable=False, default=0),
    sa.Column("frozen_a_micro_inr", sa.BigInteger, nullable=False, default=0),
    sa.Column("frozen_b_micro_inr", sa.BigInteger, nullable=False, default=0),
    sa.Column("at", sa.BigInteger, nullable=False, default=0),
)
"""What crossed a tie between two readings, as it was settled."""

mesh_receipts = sa.Table(
    "mesh_receipts",
    metadata,
    sa.Column("source", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("started_at", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("node_id", sa.BigInteger, primary_key=True, autoincrement=False),  # who tells
    sa.Column("sent", sa.Integer, nullable=False),
    sa.Column("delivered", sa.Integer, nullable=False),
    sa.Column("frame", sa.LargeBinary, nullable=False),
    sa.Column("received_ms", sa.BigInteger, nullable=False),
)
"""The newest that each node told of a mesh session, as the frame that proves it."""

mesh_sessions = sa.Table(
    "mesh_sessions",
    metadata,
    sa.Column("receipt_id", sa.String, primary_key=True),
    sa.Column("block", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("log_index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("source", sa.BigInteger, nullable=False),
    sa.Column("started_at", sa.BigInteger, nullable=False, index=True),
    sa.Column("payer", sa.String, nullable=False),
    sa.Column("route", sa.JSON, nullable=False),  # node ids from source to destination
    sa.Column("energies", sa.JSON, nullable=False),
    sa.Column("sent", sa.Integer, nullable=False),
    sa.Column("delivered", sa.Integer, nullable=False),
    sa.Column("broken_hop", sa.Integer, nullable=False),  # 255: none
    sa.Column("reporters", sa.Integer, nullable=False),
    sa.Column("paid_micro_inr", sa.BigInteger, nullable=False),
    sa.Column("cleared_at", sa.BigInteger, nullable=False),
    sa.Column("tx_hash", sa.String, nullable=False),
    sa.Index("mesh_sessions_by_source", "source", "started_at"),
)
"""Clearings of mesh sessions on chain; the newest of a session holds its highest counts."""
