"""Tables of the way to the chain and back: slots, outbox, events, and what meters are by them."""

from __future__ import annotations

import sqlalchemy as sa

from backend.telemetry.columns import amount, key, metadata, needed, serial

slots = sa.Table(
    "slots",
    metadata,
    key("slot"),
    amount("previous_slot"),
    needed("root", sa.String),
    needed("totals_lo", sa.String),
    needed("totals_hi", sa.String),
    needed("leaf_count", sa.Integer),
    needed("closed_ms"),
    amount("balance_wh"),
    needed("condition", sa.String, default=""),
    needed("state", sa.String),  # closed | signed | sent | committed
    sa.Column("signatures", sa.JSON),
    sa.Column("tx_hash", sa.String),
    sa.Column("committed_block", sa.BigInteger),
    sa.Column("settled_at", sa.BigInteger),
)

leaves = sa.Table(
    "leaves",
    metadata,
    key("slot"),
    key("meter_id"),
    needed("kind", sa.Integer),
    needed("registers", sa.LargeBinary(30)),  # packed, lane 5 first
    needed("salt", sa.LargeBinary(32)),
    needed("reading_id"),
    needed("stale", sa.Boolean, default=False),
)

settled_meters = sa.Table(
    "settled_meters",
    metadata,
    key("meter_id"),
    needed("slot"),
    needed("registers", sa.LargeBinary(30)),  # as in leaves
    amount("debt_wh"),
    needed("block"),
)
"""Each meter's last settlement, from MeterSettled; if a row is missing, it is settled once more."""

meter_terms = sa.Table(
    "meter_terms",
    metadata,
    key("meter_id"),
    amount("kind", sa.Integer),  # chain EntityKind; 0 = unknown
    amount("mode", sa.Integer),  # chain BillingMode in force
    needed("changing", sa.Boolean, default=False),  # until a settlement
    sa.Column("holder", sa.String),
    needed("billed", sa.Boolean, default=False),  # now or once
    needed("suspended", sa.Boolean, default=False),
)
"""What each meter is, who answers for it and how it pays, from the chain's events."""

outbox = sa.Table(
    "outbox",
    metadata,
    serial("id"),
    needed("key", sa.String, unique=True),  # what it does, e.g. "commit:117"
    needed("sender", sa.String),
    needed("target", sa.String),
    needed("data", sa.LargeBinary),
    needed("gas"),
    needed("state", sa.String),  # outbox.OutboxState
    sa.Column("nonce", sa.BigInteger),
    sa.Column("tx_hash", sa.String),
    sa.Column("raw", sa.LargeBinary),
    sa.Column("max_fee_per_gas", sa.BigInteger),
    amount("attempts", sa.Integer),
    needed("created_ms"),
    sa.Column("sent_ms", sa.BigInteger),
    sa.Column("block", sa.BigInteger),
    sa.Column("block_hash", sa.String),
    sa.Column("gas_used", sa.BigInteger),
    sa.Column("error", sa.String),
    amount("priority", sa.Integer),  # higher goes first
    needed("replaced", sa.JSON, default=list),  # earlier hashes, same nonce
    sa.Index("outbox_by_state", "state", "priority", "id"),
    sa.Index("outbox_by_nonce", "sender", "nonce"),
)
"""Transactions written before they are sent; sent twice, one still counts once on chain."""

chain_events = sa.Table(
    "chain_events",
    metadata,
    key("block"),
    key("log_index", sa.Integer),
    needed("block_hash", sa.String),
    needed("tx_hash", sa.String),
    needed("contract", sa.String),
    needed("name", sa.String),
    needed("args", sa.JSON),
    needed("timestamp"),
    sa.Index("chain_events_by_name", "contract", "name", "block"),
)

event_accounts = sa.Table(
    "event_accounts",
    metadata,
    sa.Column("account", sa.String, primary_key=True),  # lower case
    key("block"),
    key("log_index", sa.Integer),
)
"""Which events name an account: an account's history is one index look-up."""

cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    needed("block"),
    needed("block_hash", sa.String),
)

followed_blocks = sa.Table(
    "followed_blocks",
    metadata,
    key("block"),
    needed("block_hash", sa.String),
)
"""Recent blocks the follower has read up to: where it looks for the fork after a reorganisation."""
