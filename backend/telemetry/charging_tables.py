"""Tables of charge points, their drivers' tokens and what cars take and give over OCPP.

What cars and chargers say, and what they are told. None of it moves money: sessions settle on the
registers of the charge point's own Ohmstead meter.
"""

from __future__ import annotations

import sqlalchemy as sa

from backend.telemetry.columns import amount, key, metadata, needed, serial

charge_points = sa.Table(
    "charge_points",
    metadata,
    sa.Column("charge_point_id", sa.String, primary_key=True),  # OCPP identity: end of its URL
    needed("meter_id", sa.BigInteger, unique=True),  # its Ohmstead meter, EV
    needed("label", sa.String, default=""),
    needed("evse_count", sa.Integer, default=1),
    needed("max_charge_w", sa.Integer),
    amount("max_discharge_w", sa.Integer),  # 0: charges only
    # Serves tokens without a wallet, too: its meter's holder pays for them by tariff.
    needed("open_to_all", sa.Boolean, default=False),
    sa.Column("removed_at", sa.BigInteger),
    # What it last said of itself; empty until it has connected.
    needed("protocol", sa.String, default=""),  # ocpp1.6, ocpp2.0.1, ocpp2.1
    needed("vendor", sa.String, default=""),
    needed("model", sa.String, default=""),
    needed("firmware", sa.String, default=""),
    needed("serial_number", sa.String, default=""),
    needed("connected", sa.Boolean, default=False),
    sa.Column("connected_ms", sa.BigInteger),
    sa.Column("last_seen_ms", sa.BigInteger),
    sa.Column("booted_ms", sa.BigInteger),
)
"""Charge points that may connect; their passwords are in a file, never here."""

charging_plugs = sa.Table(
    "charging_plugs",
    metadata,
    sa.Column("charge_point_id", sa.String, primary_key=True),
    key("evse_id", sa.Integer),  # 1.6: connector
    key("connector_id", sa.Integer),
    needed("state", sa.String),  # charging.PlugState
    needed("error", sa.String, default=""),
    needed("changed_ms"),  # by the charge point's clock
)

id_tokens = sa.Table(
    "id_tokens",
    metadata,
    sa.Column("id_token", sa.String, primary_key=True),  # lower case: OCPP compares it so
    sa.Column("account", sa.String, index=True),  # lower case; None: no wallet
    sa.Column("ev_id", sa.BigInteger),  # of the V2G contract
    needed("label", sa.String, default=""),
    needed("blocked", sa.Boolean, default=False),
    sa.Column("expires_at", sa.BigInteger),
    needed("linked_at"),
    sa.Column("link", sa.JSON),  # the signed message: why the wallet answers for the token
)
"""Cards and apps by which drivers start sessions, and the wallet that answers for each."""

presented_tokens = sa.Table(
    "presented_tokens",
    metadata,
    sa.Column("id_token", sa.String, primary_key=True),
    needed("charge_point_id", sa.String),
    needed("presented_ms"),
)
"""Unknown tokens held to a charge point lately: who links one must have had it in hand."""

charging_sessions = sa.Table(
    "charging_sessions",
    metadata,
    serial("session_id"),  # 1.6: the transaction id
    needed("charge_point_id", sa.String),
    needed("evse_id", sa.Integer),
    needed("connector_id", sa.Integer),
    needed("transaction_ref", sa.String),  # what tells it from others
    needed("meter_id"),
    sa.Column("id_token", sa.String),
    sa.Column("account", sa.String),  # as the token was linked when the session began
    sa.Column("ev_id", sa.BigInteger),
    needed("state", sa.String),  # charging_sessions.SessionState
    amount("state_order"),  # of the message it is from
    amount("token_order"),
    sa.Column("soc_bp", sa.Integer),  # as the car says; None: it does not
    sa.Column("soc_ms", sa.BigInteger),
    amount("power_w", sa.Integer),  # negative: out of the car
    needed("started_ms"),  # by the charge point's clock
    sa.Column("stopped_ms", sa.BigInteger),
    sa.Column("stop_reason", sa.String),
    sa.Column("first_imported_wh", sa.BigInteger),  # the charge point's own count, at the start
    sa.Column("first_exported_wh", sa.BigInteger),
    sa.Column("last_imported_wh", sa.BigInteger),
    sa.Column("last_exported_wh", sa.BigInteger),
    sa.Column("sampled_ms", sa.BigInteger),  # of the newest sample
    needed("told_offline", sa.Boolean, default=False),  # some of it came later
    sa.UniqueConstraint("charge_point_id", "transaction_ref"),
    sa.Index("charging_sessions_open", "state", "charge_point_id"),
    sa.Index("charging_sessions_by_account", "account", "session_id"),
    sa.Index("charging_sessions_by_ev", "ev_id", "session_id"),
)

charging_samples = sa.Table(
    "charging_samples",
    metadata,
    sa.Column("charge_point_id", sa.String, primary_key=True),
    key("evse_id", sa.Integer),
    key("at_ms"),
    sa.Column("context", sa.String, primary_key=True),  # begin, end, periodic, clock, other
    sa.Column("session_id", sa.BigInteger, index=True),
    sa.Column("imported_wh", sa.BigInteger),  # into the car, the charge point's count
    sa.Column("exported_wh", sa.BigInteger),
    sa.Column("power_w", sa.Integer),  # negative: out of the car
    sa.Column("soc_bp", sa.Integer),
    sa.Column("voltage_dv", sa.Integer),
    sa.Column("current_ma", sa.BigInteger),
    needed("received_ms"),
)
"""Meter values over OCPP: telemetry, to compare with the meter that counts."""

charge_orders = sa.Table(
    "charge_orders",
    metadata,
    serial("order_id"),
    needed("session_id"),
    needed("direction", sa.String),  # charging_orders.Direction
    needed("power_w", sa.Integer),  # >= 0
    needed("until"),  # then a pause, then as the car likes
    needed("issued_ms"),
    needed("state", sa.String),  # charging_orders.OrderState
    sa.Column("answered_ms", sa.BigInteger),
    needed("detail", sa.String, default=""),
    sa.Index("charge_orders_by_session", "session_id", "order_id"),
    sa.Index("charge_orders_by_state", "state", "order_id"),
)
"""What sessions are to do; of each, the newest counts."""

charging_requests = sa.Table(
    "charging_requests",
    metadata,
    serial("request_id"),
    needed("charge_point_id", sa.String),
    needed("kind", sa.String),  # charging_orders.RequestKind
    needed("body", sa.JSON, default=dict),
    sa.Column("account", sa.String),  # who asked
    needed("issued_ms"),
    needed("expires_ms"),
    needed("state", sa.String),  # charging_orders.OrderState
    sa.Column("answered_ms", sa.BigInteger),
    needed("detail", sa.String, default=""),
    sa.Index("charging_requests_by_state", "state", "request_id"),
)
"""What people ask of charge points: remote start and stop, reset, unlock."""

charging_services = sa.Table(
    "charging_services",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    needed("started_ms"),
    needed("alive_ms"),
    amount("connections", sa.Integer),
    amount("messages"),  # since it started
    amount("refused"),  # that were no OCPP
)
"""Signs of life of the charging service, a process of its own."""
