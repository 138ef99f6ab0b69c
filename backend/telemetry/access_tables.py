"""Tables of who is signed in, and of who looked at what."""

from __future__ import annotations

import sqlalchemy as sa

from backend.telemetry.columns import metadata, needed, serial

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("token_hash", sa.String, primary_key=True),  # SHA-256 of the token
    needed("account", sa.String),
    needed("expires_at", index=True),
)
"""Wallets signed in."""

access_log = sa.Table(
    "access_log",
    metadata,
    serial("id"),
    needed("meter_id", index=True),
    needed("account", sa.String),
    needed("role", sa.String),  # holder | operator
    needed("what", sa.String),
    needed("at"),
)
"""Who looked at a household's readings; shown to that household."""
