"""All tables of the store: with this, `metadata` is whole."""

from __future__ import annotations

import sqlalchemy as sa

from backend.telemetry import (
    access_tables,
    certificate_tables,
    chain_tables,
    charging_tables,
    market_tables,
    mesh_tables,
    node_tables,
    v2g_tables,
)
from backend.telemetry.columns import metadata, needed

__all__ = [
    "access_tables",
    "certificate_tables",
    "chain_tables",
    "charging_tables",
    "market_tables",
    "mesh_tables",
    "metadata",
    "node_tables",
    "schema_version",
    "v2g_tables",
]

schema_version = sa.Table("schema_version", metadata, needed("version", sa.Integer))
"""One row: what the other tables mean (backend.telemetry.store)."""
