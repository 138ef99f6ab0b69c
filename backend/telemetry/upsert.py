"""INSERT that meets an existing row, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite


def insert_or_keep(connection: sa.Connection, table: sa.Table, row: Mapping[str, Any]) -> bool:
    """Inserts the row unless one with its key exists. True if it was inserted."""
    statement = _insert(connection, table).on_conflict_do_nothing()
    return connection.execute(statement, [dict(row)]).rowcount == 1


def insert_or_replace(
    connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Inserts the rows; where the primary key exists, the other columns take the new values."""
    if not rows:
        return
    statement = _insert(connection, table)
    key = [column.name for column in table.primary_key]
    changed = {name: statement.excluded[name] for name in rows[0] if name not in key}
    connection.execute(
        statement.on_conflict_do_update(index_elements=key, set_=changed),
        [dict(row) for row in rows],
    )


def insert_or_add(
    connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]], counter: str
) -> None:
    """Inserts the rows; where the primary key exists, adds to the column `counter` instead."""
    if not rows:
        return
    statement = _insert(connection, table)
    key = [column.name for column in table.primary_key]
    total = table.c[counter] + statement.excluded[counter]
    connection.execute(
        statement.on_conflict_do_update(index_elements=key, set_={counter: total}),
        [dict(row) for row in rows],
    )


def _insert(connection: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
