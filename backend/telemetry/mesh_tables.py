"""Tables of the mesh: sessions as nodes told them and as they were cleared, changes of ways."""

from __future__ import annotations

import sqlalchemy as sa

from backend.telemetry.columns import key, metadata, needed, serial

mesh_receipts = sa.Table(
    "mesh_receipts",
    metadata,
    key("source"),
    key("started_at"),
    key("node_id"),  # who tells
    needed("sent", sa.Integer),
    needed("delivered", sa.Integer),
    needed("frame", sa.LargeBinary),
    needed("received_ms"),
)
"""The newest that each node told of a mesh session, as the frame that proves it."""

mesh_sessions = sa.Table(
    "mesh_sessions",
    metadata,
    sa.Column("receipt_id", sa.String, primary_key=True),
    key("block"),
    key("log_index", sa.Integer),
    needed("source"),
    needed("started_at", index=True),
    needed("payer", sa.String),
    needed("route", sa.JSON),  # node ids from source to destination
    needed("energies", sa.JSON),
    needed("sent", sa.Integer),
    needed("delivered", sa.Integer),
    needed("broken_hop", sa.Integer),  # 255: none
    needed("reporters", sa.Integer),
    needed("paid_micro_inr"),
    needed("cleared_at"),
    needed("tx_hash", sa.String),
    sa.Index("mesh_sessions_by_source", "source", "started_at"),
)
"""Clearings of mesh sessions on chain; the newest of a session holds its highest counts."""

route_changes = sa.Table(
    "route_changes",
    metadata,
    serial("id"),
    needed("node_id"),
    needed("route", sa.JSON),  # node ids from there to the gateway; [] = none
    needed("before", sa.JSON),  # likewise, until then
    needed("transport", sa.String),
    needed("received_ms"),
)
"""The newest changes of ways, as nodes told them in MESH frames."""
