"""Ways of nodes to the gateway that have changed: the newest few hundred."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from backend.telemetry.mesh_tables import route_changes

_KEPT = 500


@dataclass(frozen=True, slots=True)
class RouteChange:
    """Routes are node ids from the node to the gateway, both included; empty: no way."""

    id: int
    node_id: int
    route: tuple[int, ...]
    before: tuple[int, ...]
    transport: str
    received_ms: int


def record(
    connection: sa.Connection,
    node_id: int,
    route: Sequence[int],
    before: Sequence[int],
    transport: str,
    now_ms: int,
) -> None:
    """Stores a change, and forgets what is older than the newest few hundred."""
    row = {
        "node_id": node_id,
        "route": list(route),
        "before": list(before),
        "transport": transport,
        "received_ms": now_ms,
    }
    made = connection.execute(route_changes.insert().returning(route_changes.c.id), row)
    oldest = int(made.scalar_one()) - _KEPT
    connection.execute(route_changes.delete().where(route_changes.c.id <= oldest))


def newest(connection: sa.Connection, limit: int, after: int = 0) -> list[RouteChange]:
    """Changes, the newest first; `after`: only those with a higher id."""
    statement = (
        route_changes.select()
        .where(route_changes.c.id > after)
        .order_by(route_changes.c.id.desc())
        .limit(limit)
    )
    return [
        RouteChange(
            row.id,
            row.node_id,
            tuple(row.route),
            tuple(row.before),
            row.transport,
            row.received_ms,
        )
        for row in connection.execute(statement)
    ]
