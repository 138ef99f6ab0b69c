"""Tables of charge points, their drivers' tokens and what cars take and give over OCPP.

What cars and chargers say, and what they are told. None of it moves money: sessions settle on the
registers of the charge point's own Ohmstead meter.
"""

from __future__ import annotations

import sqlalchemy as sa

from backend.telemetry.tables import metadata

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")

charge_points = sa.Table(
    "charge_points",
    metadata,
    sa.Column("charge_point_id", sa.String, primary_key=True),  # OCPP identity: end of its URL
    sa.Column("meter_id", sa.BigInteger, nullable=False, unique=True),  # its Ohmstead meter, EV
    sa.Column("label", sa.String, nullable=False, default=""),
    sa.Column("evse_count", sa.Integer, nullable=False, default=1),
    sa.Column("max_charge_w", sa.Integer, nullable=False),
    sa.Column("max_discharge_w", sa.Integer, nullable=False, default=0),  # 0: charges only
    # Serves tokens without a wallet, too: its meter's holder pays for them by tariff.
    sa.Column("open_to_all", sa.Boolean, nullable=False, default=False),
    sa.Column("removed_at", sa.BigInteger),
    # What it last said of itself; empty until it has connected.
    sa.Column("protocol", sa.String, nullable=False, default=""),  # ocpp1.6, ocpp2.0.1, ocpp2.1
    sa.Column("vendor", sa.String, nullable=False, default=""),
    sa.Column("model", sa.String, nullable=False, default=""),
    sa.Column("firmware", sa.String, nullable=False, default=""),
    sa.Column("serial_number", sa.String, nullable=False, default=""),
    sa.Column("connected", sa.Boolean, nullable=False, default=False),
    sa.Column("connected_ms", sa.BigInteger),
    sa.Column("last_seen_ms", sa.BigInteger),
    sa.Column("booted_ms", sa.BigInteger),
)
"""Charge points that may connect; their passwords are in a file, never here."""

charging_plugs = sa.Table(
    "charging_plugs",
    metadata,
    sa.Column("charge_point_id", sa.String, primary_key=True),
    sa.Column("evse_id", sa.Integer, primary_key=True, autoincrement=False),  # 1.6: connector
    sa.Column("connector_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("state", sa.String, nullable=False),  # charging.PlugState
    sa.Column("error", sa.String, nullable=False, default=""),
    sa.Column("changed_ms", sa.BigInteger, nullable=False),  # by the charge point's clock
)

id_tokens = sa.Table(
    "id_tokens",
    metadata,
    sa.Column("id_token", sa.String, primary_key=True),  # lower case: OCPP compares it so
    sa.Column("account", sa.String, index=True),  # lower case; None: no wallet
    sa.Column("ev_id", sa.BigInteger),  # of the V2G contract
    sa.Column("label", sa.String, nullable=False, default=""),
    sa.Column("blocked", sa.Boolean, nullable=False, default=False),
    sa.Column("expires_at", sa.BigInteger),
    sa.Column("linked_at", sa.BigInteger, nullable=False),
    sa.Column("link", sa.JSON),  # the signed message: why the wallet answers for the token
)
"""Cards and apps by which drivers start sessions, and the wallet that answers for each."""

presented_tokens = sa.Table(
    "presented_tokens",
    metadata,
    sa.Column("id_token", sa.String, primary_key=True),
    sa.Column("charge_point_id", sa.String, nullable=False),
    sa.Column("presented_ms", sa.BigInteger, nullable=False),
)
"""Unknown tokens held to a charge point lately: who links one must have had it in hand."""

charging_sessions = sa.Table(
    "charging_sessions",
    metadata,
    sa.Column("session_id", _SERIAL, primary_key=True),  # 1.6: the transaction id
    sa.Column("charge_point_id", sa.String, nullable=False),
    sa.Column("evse_id", sa.Integer, nullable=False),
    sa.Column("connector_id", sa.Integer, nullable=False),
    sa.Column("transaction_ref", sa.String, nullable=False),  # what tells it from others
    sa.Column("meter_id", sa.BigInteger, nullable=False),
    sa.Column("id_token", sa.String),
    sa.Column("account", sa.String),  # as the token was linked when the session began
    sa.Column("ev_id", sa.BigInteger),
    sa.Column("state", sa.String, nullable=False),  # charging_sessions.SessionState
    sa.Column("state_order", sa.BigInteger, nullable=False, default=0),  # of the message it is from
    sa.Column("token_order", sa.BigInteger, nullable=False, default=0),
    sa.Column("soc_bp", sa.Integer),  # as the car says; None: it does not
    sa.Column("soc_ms", sa.BigInteger),
    sa.Column("power_w", sa.Integer, nullable=False, default=0),  # negative: out of the car
    sa.Column("started_ms", sa.BigInteger, nullable=False),  # by the charge point's clock
    sa.Column("stopped_ms", sa.BigInteger),
    sa.Column("stop_reason", sa.String),
    sa.Column("first_imported_wh", sa.BigInteger),  # the charge point's own count, at the start
    sa.Column("first_exported_wh", sa.BigInteger),
    sa.Column("last_imported_wh", sa.BigInteger),
    sa.Column("last_exported_wh", sa.BigInteger),
    sa.Column("sampled_ms", sa.BigInteger),  # of the newest sample
    sa.Column("told_offline", sa.Boolean, nullable=False, default=False),  # some of it came later
    sa.UniqueConstraint("charge_point_id", "transaction_ref"),
    sa.Index("charging_sessions_open", "state", "charge_point_id"),
    sa.Index("charging_sessions_by_account", "account", "session_id"),
    sa.Index("charging_sessions_by_ev", "ev_id", "session_id"),
)

charging_samples = sa.Table(
    "charging_samples",
    metadata,
    sa.Column("charge_point_id", sa.String, primary_key=True),
    sa.Column("evse_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at_ms", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("context", sa.String, primary_key=True),  # begin, end, periodic, clock, other
    sa.Column("session_id", sa.BigInteger, index=True),
    sa.Column("imported_wh", sa.BigInteger),  # into the car, the charge point's count
    sa.Column("exported_wh", sa.BigInteger),
    sa.Column("power_w", sa.Integer),  # negative: out of the car
    sa.Column("soc_bp", sa.Integer),
    sa.Column("voltage_dv", sa.Integer),
    sa.Column("current_ma", sa.BigInteger),
    sa.Column("received_ms", sa.BigInteger, nullable=False),
)
"""Meter values over OCPP: telemetry, to compare with the meter that counts."""

charge_orders = sa.Table(
    "charge_orders",
    metadata,
    sa.Column("order_id", _SERIAL, primary_key=True),
    sa.Column("session_id", sa.BigInteger, nullable=False),
    sa.Column("direction", sa.String, nullable=False),  # charging_orders.Direction
    sa.Column("power_w", sa.Integer, nullable=False),  # >= 0
    sa.Column("until", sa.BigInteger, nullable=False),  # then a pause, then as the car likes
    sa.Column("issued_ms", sa.BigInteger, nullable=False),
    sa.Column("state", sa.String, nullable=False),  # charging_orders.OrderState
    sa.Column("answered_ms", sa.BigInteger),
    sa.Column("detail", sa.String, nullable=False, default=""),
    sa.Index("charge_orders_by_session", "session_id", "order_id"),
    sa.Index("charge_orders_by_state", "state", "order_id"),
)
"""What sessions are to do; of each, the newest counts."""

charging_requests = sa.Table(
    "charging_requests",
    metadata,
    sa.Column("request_id", _SERIAL, primary_key=True),
    sa.Column("charge_point_id", sa.String, nullable=False),
    sa.Column("kind", sa.String, nullable=False),  # charging_orders.RequestKind
    sa.Column("body", sa.JSON, nullable=False, default=dict),
    sa.Column("account", sa.String),  # who asked
    sa.Column("issued_ms", sa.BigInteger, nullable=False),
    sa.Column("expires_ms", sa.BigInteger, nullable=False),
    sa.Column("state", sa.String, nullable=False),  # charging_orders.OrderState
    sa.Column("answered_ms", sa.BigInteger),
    sa.Column("detail", sa.String, nullable=False, default=""),
    sa.Index("charging_requests_by_state", "state", "request_id"),
)
"""What people ask of charge points: remote start and stop, reset, unlock."""

charging_services = sa.Table(
    "charging_services",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("started_ms", sa.BigInteger, nullable=False),
    sa.Column("alive_ms", sa.BigInteger, nullable=False),
    sa.Column("connections", sa.Integer, nullable=False, default=0),
    sa.Column("messages", sa.BigInteger, nullable=False, default=0),  # since it started
    sa.Column("refused", sa.BigInteger, nullable=False, default=0),  # that were no OCPP
)
"""Signs of life of the charging service, a process of its own."""
