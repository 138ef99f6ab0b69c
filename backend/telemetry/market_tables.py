"""Tables of prices and trades: rounds, the day-ahead market, the pool, auctions, ties."""

from __future__ import annotations

import sqlalchemy as sa

from backend.telemetry.columns import amount, key, metadata, needed

price_rounds = sa.Table(
    "price_rounds",
    metadata,
    key("round_id"),
    amount("epoch"),
    needed("leader", sa.String, default=""),  # who led the view that decided
    amount("view", sa.Integer),
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
    key("round_id"),
    sa.Column("signer", sa.String, primary_key=True),
    sa.Column("price", sa.BigInteger),  # None: it could not tell one
    sa.Column("observed_at", sa.BigInteger),
    sa.Column("terms", sa.JSON),  # backend.pricing.opinion.Opinion
)
"""What each node thought in a round and why, by its own word."""

market_orders = sa.Table(
    "market_orders",
    metadata,
    key("order_id"),
    needed("meter_id"),
    needed("slot"),
    needed("holder", sa.String),
    needed("side", sa.Integer),  # chain Side
    needed("tick", sa.Integer),
    needed("energy_wh"),
    needed("locked_micro_inr"),
    needed("state", sa.String),  # open | cancelled | claimed
    amount("filled_wh"),
    amount("paid_micro_inr"),
    amount("earned_micro_inr"),
    needed("placed_at"),
    needed("placed_block"),
    sa.Column("closed_block", sa.BigInteger),  # None: open
    sa.Index("market_orders_by_state", "state", "slot"),
    sa.Index("market_orders_by_meter", "meter_id", "slot"),
)
"""Orders of the day-ahead market."""

market_clearings = sa.Table(
    "market_clearings",
    metadata,
    key("slot"),
    needed("tick", sa.Integer),  # 0: nothing traded
    needed("price_micro_inr_per_kwh"),
    needed("volume_wh"),
    needed("rationed", sa.Integer),  # 0 nobody, 1 bids, 2 offers
    needed("shared_wh"),
    needed("at_tick_wh"),
    needed("block"),
)

pool_members = sa.Table(
    "pool_members",
    metadata,
    key("meter_id"),
    key("joined_block"),
    needed("holder", sa.String),
    sa.Column("left_block", sa.BigInteger),  # None: still in
)
"""Who takes part in the real-time pool, and did."""

pool_lines = sa.Table(
    "pool_lines",
    metadata,
    key("slot"),
    key("meter_id"),
    needed("holder", sa.String),
    needed("delivered_wh"),
    needed("position_wh"),
    needed("declared", sa.Boolean),
    needed("reported_block"),
    sa.Column("received_micro_inr", sa.BigInteger),  # None: not settled
    sa.Column("settled_block", sa.BigInteger),
    sa.Index("pool_lines_by_meter", "meter_id", "slot"),
)

pool_slots = sa.Table(
    "pool_slots",
    metadata,
    key("slot"),
    needed("supply_wh"),
    needed("demand_wh"),
    needed("sell_price"),
    needed("buy_price"),
    needed("sellers_micro_inr"),
    needed("buyers_micro_inr"),
    needed("grid_micro_inr"),
    needed("block"),
)
"""Closed slots of the real-time pool."""

auction_lots = sa.Table(
    "auction_lots",
    metadata,
    key("lot_id"),
    needed("seller", sa.String, default=""),
    amount("meter_id"),
    amount("energy_wh"),
    amount("reserve_micro_inr_per_kwh"),
    amount("bond_micro_inr"),
    amount("rule", sa.Integer),  # chain PaymentRule
    amount("state", sa.Integer),  # chain LotState
    amount("commit_until"),
    amount("reveal_until"),
    amount("first_slot"),
    amount("slot_count", sa.Integer),
    amount("sold_wh"),
    amount("unsold_wh"),
    amount("taken_back_wh"),
    amount("proceeds_micro_inr"),
    sa.Index("auction_lots_by_state", "state", "reveal_until"),
)

auction_bids = sa.Table(
    "auction_bids",
    metadata,
    key("bid_id"),
    amount("lot_id", index=True),
    needed("bidder", sa.String, default=""),
    amount("meter_id"),
    amount("node_priority", sa.Integer),
    amount("state", sa.Integer),  # chain BidState
    amount("committed_at"),
    sa.Column("price_micro_inr_per_kwh", sa.BigInteger),  # unknown until revealed
    sa.Column("energy_wh", sa.BigInteger),
    amount("won_wh"),
    amount("taken_wh"),
    amount("payment_micro_inr"),
)

tie_agreements = sa.Table(
    "tie_agreements",
    metadata,
    key("agreement_id"),
    needed("terms", sa.JSON, default=dict),  # as in the event
    amount("begun_at"),
    amount("last_slot"),  # earlier after a notice
)

tie_slots = sa.Table(
    "tie_slots",
    metadata,
    key("agreement_id"),
    key("slot"),
    amount("previous_slot"),
    amount("reading_a_wh"),
    amount("reading_b_wh"),
    needed("state", sa.String, default=""),  # settled | disputed | resolved
    sa.Column("basis", sa.Integer),  # chain Basis; none while in dispute
    sa.Column("verdict", sa.Integer),  # chain Verdict, of a dispute that has ended
    amount("settled_wh"),
    amount("micro_inr"),
    amount("frozen_a_micro_inr"),
    amount("frozen_b_micro_inr"),
    amount("at"),
)
"""What crossed a tie between two readings, as it was settled."""
