"""Tables of cars, charge points, sessions and their flows as the V2G contracts tell them, and of
what owners have signed. Accounts in lower case."""

from __future__ import annotations

import sqlalchemy as sa

from backend.telemetry.tables import metadata

v2g_cars = sa.Table(
    "v2g_cars",
    metadata,
    sa.Column("ev_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("owner", sa.String, nullable=False, default="", index=True),
    sa.Column("capacity_wh", sa.BigInteger, nullable=False, default=0),
    sa.Column("reserve_bps", sa.Integer, nullable=False, default=0),
    sa.Column("retired", sa.Boolean, nullable=False, default=False),
)

v2g_points = sa.Table(
    "v2g_points",
    metadata,
    sa.Column("meter_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("max_charge_wh", sa.BigInteger, nullable=False, default=0),  # a slot
    sa.Column("max_discharge_wh", sa.BigInteger, nullable=False, default=0),
)
"""0 and 0: taken out."""

v2g_rates = sa.Table(
    "v2g_rates",
    metadata,
    sa.Column("from_slot", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("base_micro_inr_per_kwh", sa.BigInteger, nullable=False),
    sa.Column("multiplier_bps", sa.Integer, nullable=False),
    sa.Column("demand_bps", sa.Integer, nullable=False),
    sa.Column("carbon_bps", sa.Integer, nullable=False),
)

v2g_sessions = sa.Table(
    "v2g_sessions",
    metadata,
    sa.Column("session_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("ev_id", sa.BigInteger, nullable=False, default=0, index=True),
    sa.Column("meter_id", sa.BigInteger, nullable=False, default=0),
    sa.Column("started_at", sa.BigInteger, nullable=False, default=0),
    sa.Column("departure_slot", sa.BigInteger, nullable=False, default=0),
    sa.Column("end_slot", sa.BigInteger),  # None: it runs
    sa.Column("reserve_bps", sa.Integer, nullable=False, default=0),
    sa.Column("target_bps", sa.Integer, nullable=False, default=0),
    sa.Column("max_micro_inr_per_kwh", sa.BigInteger, nullable=False, default=0),
    sa.Column("min_reward_micro_inr_per_kwh", sa.BigInteger, nullable=False, default=0),
    sa.Column("escrow_micro_inr", sa.BigInteger, nullable=False, default=0),
    sa.Column("refunded_micro_inr", sa.BigInteger),  # None: not closed
    sa.Column("opened_slot", sa.BigInteger),
    sa.Column("soc_bps", sa.Integer, nullable=False, default=0),
    sa.Column("soc_slot", sa.BigInteger),  # None: as when it was plugged in
    sa.Column("direction", sa.Integer, nullable=False, default=0),  # chain Direction, last ordered
    sa.Column("wh_per_slot", sa.BigInteger, nullable=False, default=0),
    sa.Column("order_from_slot", sa.BigInteger, nullable=False, default=0),
    sa.Column("order_until_slot", sa.BigInteger, nullable=False, default=0),
    sa.Column("order_due", sa.Boolean, nullable=False, default=False),
    sa.Column("tx_hash", sa.String, nullable=False, default=""),
)

v2g_flows = sa.Table(
    "v2g_flows",
    metadata,
    sa.Column("session_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("slot", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("previous_slot", sa.BigInteger, nullable=False),
    sa.Column("charged_wh", sa.BigInteger, nullable=False),
    sa.Column("discharged_wh", sa.BigInteger, nullable=False),
    sa.Column("price_micro_inr_per_kwh", sa.BigInteger, nullable=False),
    sa.Column("reward_micro_inr_per_kwh", sa.BigInteger, nullable=False),
    sa.Column("cost_micro_inr", sa.BigInteger, nullable=False),
    sa.Column("reward_micro_inr", sa.BigInteger, nullable=False),
    sa.Column("unpaid_micro_inr", sa.BigInteger, nullable=False),
    sa.Column("unordered_wh", sa.BigInteger, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("tx_hash", sa.String, nullable=False),
)

v2g_authorisations = sa.Table(
    "v2g_authorisations",
    metadata,
    sa.Column("ev_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("nonce", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("meter_id", sa.BigInteger, nullable=False),
    sa.Column("terms", sa.JSON, nullable=False),  # chain.v2g.Authorisation, integers as text
    sa.Column("signature", sa.String, nullable=False),
    sa.Column("received_at", sa.BigInteger, nullable=False),
)
"""What owners have signed for a coming session; the newest for a nonce."""
