"""Tables of cars, charge points, sessions and their flows as the V2G contracts tell them, and of
what owners have signed. Accounts in lower case."""

from __future__ import annotations

import sqlalchemy as sa

from backend.telemetry.columns import amount, key, metadata, needed

v2g_cars = sa.Table(
    "v2g_cars",
    metadata,
    key("ev_id"),
    needed("owner", sa.String, default="", index=True),
    amount("capacity_wh"),
    amount("reserve_bps", sa.Integer),
    needed("retired", sa.Boolean, default=False),
)

v2g_points = sa.Table(
    "v2g_points",
    metadata,
    key("meter_id"),
    amount("max_charge_wh"),  # a slot
    amount("max_discharge_wh"),
)
"""0 and 0: taken out."""

v2g_rates = sa.Table(
    "v2g_rates",
    metadata,
    key("from_slot"),
    needed("base_micro_inr_per_kwh"),
    needed("multiplier_bps", sa.Integer),
    needed("demand_bps", sa.Integer),
    needed("carbon_bps", sa.Integer),
)

v2g_sessions = sa.Table(
    "v2g_sessions",
    metadata,
    key("session_id"),
    amount("ev_id", index=True),
    amount("meter_id"),
    amount("started_at"),
    amount("departure_slot"),
    sa.Column("end_slot", sa.BigInteger),  # None: it runs
    amount("reserve_bps", sa.Integer),
    amount("target_bps", sa.Integer),
    amount("max_micro_inr_per_kwh"),
    amount("min_reward_micro_inr_per_kwh"),
    amount("escrow_micro_inr"),
    sa.Column("refunded_micro_inr", sa.BigInteger),  # None: not closed
    sa.Column("opened_slot", sa.BigInteger),
    amount("soc_bps", sa.Integer),
    sa.Column("soc_slot", sa.BigInteger),  # None: as when it was plugged in
    amount("direction", sa.Integer),  # chain Direction, last ordered
    amount("wh_per_slot"),
    amount("order_from_slot"),
    amount("order_until_slot"),
    needed("order_due", sa.Boolean, default=False),
    needed("tx_hash", sa.String, default=""),
)

v2g_flows = sa.Table(
    "v2g_flows",
    metadata,
    key("session_id"),
    key("slot"),
    needed("previous_slot"),
    needed("charged_wh"),
    needed("discharged_wh"),
    needed("price_micro_inr_per_kwh"),
    needed("reward_micro_inr_per_kwh"),
    needed("cost_micro_inr"),
    needed("reward_micro_inr"),
    needed("unpaid_micro_inr"),
    needed("unordered_wh"),
    needed("at"),
    needed("tx_hash", sa.String),
)

v2g_authorisations = sa.Table(
    "v2g_authorisations",
    metadata,
    key("ev_id"),
    key("nonce"),
    needed("meter_id"),
    needed("terms", sa.JSON),  # chain.v2g.Authorisation, integers as text
    needed("signature", sa.String),
    needed("received_at"),
)
"""What owners have signed for a coming session; the newest for a nonce."""
