"""The state of relay contacts, as their boards said last."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from backend.telemetry.node_tables import commands, relay_acks


@dataclass(frozen=True, slots=True)
class Contact:
    """A relay's contact. `result` is the frame's AckResult, `received_ms` Unix milliseconds."""

    board: int
    pin: int
    closed: bool
    result: int
    received_ms: int


def latest(connection: sa.Connection) -> dict[tuple[int, int], Contact]:
    """(board, pin) -> what was acknowledged last."""
    newest = sa.select(sa.func.max(relay_acks.c.id)).group_by(
        relay_acks.c.node_id, relay_acks.c.pin
    )
    statement = relay_acks.select().where(relay_acks.c.id.in_(newest))
    return {
        (row.node_id, row.pin): Contact(
            row.node_id, row.pin, bool(row.closed), row.result, row.received_ms
        )
        for row in connection.execute(statement)
    }


def count(connection: sa.Connection) -> int:
    """How many acknowledgements ever came."""
    return connection.execute(sa.select(sa.func.max(relay_acks.c.id))).scalar_one() or 0


def count_commands(connection: sa.Connection, reason: str) -> int:
    """How many commands were issued for a reason (`shed`, `restored`, ...)."""
    statement = sa.select(sa.func.count()).where(commands.c.reason == reason)
    return int(connection.execute(statement.select_from(commands)).scalar_one())
