"""What the store's tables are made of (SQLAlchemy Core; SQLite in WAL mode or PostgreSQL).

Energy in Wh, time in Unix seconds UTC (milliseconds where named `_ms`), 256-bit values as 0x hex.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData()
_Type = sa.types.TypeEngine[Any] | type[sa.types.TypeEngine[Any]]


def key(name: str, kind: _Type = sa.BigInteger) -> sa.Column[Any]:
    """A number that comes from elsewhere, in the primary key."""
    return sa.Column(name, kind, primary_key=True, autoincrement=False)


def serial(name: str) -> sa.Column[Any]:
    """The primary key of rows that the store numbers itself."""
    kind = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    return sa.Column(name, kind, primary_key=True)


def needed(name: str, kind: _Type = sa.BigInteger, **options: Any) -> sa.Column[Any]:
    """What every row has."""
    return sa.Column(name, kind, nullable=False, **options)


def amount(name: str, kind: _Type = sa.BigInteger, **options: Any) -> sa.Column[Any]:
    """What every row has, 0 unless told."""
    return needed(name, kind, default=0, **options)
