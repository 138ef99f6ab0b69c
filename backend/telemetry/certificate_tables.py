"""Tables of renewable certificates and of projects that ask for incentives."""

from __future__ import annotations

import sqlalchemy as sa

from backend.telemetry.columns import key, metadata, needed

certificate_lots = sa.Table(
    "certificate_lots",
    metadata,
    key("lot_id"),
    needed("meter_id", index=True),
    needed("producer", sa.String),
    needed("from_slot"),
    needed("to_slot"),
    needed("wh"),
    needed("source", sa.Integer),  # chain Source
    needed("technology", sa.Integer),  # chain Technology
    needed("zone", sa.Integer),
    needed("storage", sa.Boolean),
    needed("evidence_hash", sa.String),
    needed("state", sa.String),
    sa.Column("issuer", sa.String),
    sa.Column("reason", sa.String),
    needed("requested_at"),
    sa.Column("decided_at", sa.BigInteger),
    needed("tx_hash", sa.String),  # of the request
)
"""Requests for renewable certificates, and what became of them."""

certificates = sa.Table(
    "certificates",
    metadata,
    key("certificate_id"),
    needed("lot_id", index=True),
    needed("parent"),  # 0: the first of its lot
    needed("wh"),
    needed("owner", sa.String, index=True),
    needed("state", sa.String),  # active | split | retired
    needed("changed_at"),
    sa.Column("beneficiary", sa.String, index=True),
    sa.Column("purpose", sa.String),
    sa.Column("co2_grams", sa.BigInteger),  # None: not credited
    needed("tx_hash", sa.String),  # of the last change of state
    sa.Column("approved", sa.String),  # who may hand it over, beside the owner's operators
)
"""Renewable certificates. Those of a withdrawn lot are void unless retired."""

certificate_operators = sa.Table(
    "certificate_operators",
    metadata,
    key("owner", sa.String),
    key("operator", sa.String),
)
"""Who may hand over all certificates of an account."""

certificate_offers = sa.Table(
    "certificate_offers",
    metadata,
    key("certificate_id"),
    needed("seller", sa.String),
    needed("price_micro_inr"),
    needed("closes_at"),
)
"""Offers that were neither taken nor withdrawn, of certificates that stayed with their seller."""

incentive_projects = sa.Table(
    "incentive_projects",
    metadata,
    key("project_id"),
    needed("meter_id"),
    needed("submitter", sa.String, index=True),
    needed("kind", sa.Integer),  # chain ProjectKind
    needed("state", sa.String, index=True),
    needed("requested_micro_inr"),
    sa.Column("granted_micro_inr", sa.BigInteger),
    sa.Column("multiplier_ppm", sa.BigInteger),
    sa.Column("boost_ppm", sa.BigInteger),
    needed("shortfall_ppm"),
    needed("evidence_hash", sa.String),
    needed("evidence_uri", sa.String),
    sa.Column("certifier", sa.String),
    sa.Column("reason", sa.String),
    needed("submitted_at"),
    needed("deadline"),
    needed("changed_at"),
    needed("tx_hash", sa.String),  # of the last change of state
)
"""Projects that households ask incentives for, and what became of them."""
