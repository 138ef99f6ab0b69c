"""Frames that are authentic and cannot be true, kept for a person."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from backend.telemetry.node_tables import quarantine


@dataclass(frozen=True, slots=True)
class QuarantinedFrame:
    """A frame that was not booked. `detail` says which register and how far."""

    id: int
    node_id: int
    result: str
    detail: str
    frame: bytes
    received_ms: int
    resolved_at: int | None


def add(
    connection: sa.Connection,
    node_id: int,
    result: str,
    detail: str,
    frame: bytes,
    received_ms: int,
) -> None:
    """Keeps a frame."""
    connection.execute(
        quarantine.insert().values(
            node_id=node_id,
            result=result,
            detail=detail,
            frame=frame,
            received_ms=received_ms,
        )
    )


def open_frames(connection: sa.Connection, node_ids: Collection[int]) -> set[bytes]:
    """Frames of these nodes that wait for a person, so that a repetition is not kept twice."""
    statement = sa.select(quarantine.c.frame).where(
        quarantine.c.node_id.in_(list(node_ids)), quarantine.c.resolved_at.is_(None)
    )
    return set(connection.execute(statement).scalars())


def resolve_node(connection: sa.Connection, node_id: int, at: int) -> int:
    """Marks all frames of a node as dealt with at Unix second `at`; how many."""
    statement = (
        quarantine.update()
        .where(quarantine.c.node_id == node_id, quarantine.c.resolved_at.is_(None))
        .values(resolved_at=at)
    )
    return connection.execute(statement).rowcount


def resolve(connection: sa.Connection, identifier: int, at: int) -> QuarantinedFrame | None:
    """Marks one frame as dealt with; None if there is none that waits."""
    statement = (
        quarantine.update()
        .where(quarantine.c.id == identifier, quarantine.c.resolved_at.is_(None))
        .values(resolved_at=at)
        .returning(*quarantine.c)
    )
    found = connection.execute(statement).one_or_none()
    return _frame(found) if found is not None else None


def waiting(
    connection: sa.Connection, limit: int, before: int | None = None
) -> Sequence[QuarantinedFrame]:
    """Frames that wait for a person, newest first; `before`: only those with a lower id."""
    statement = quarantine.select().where(quarantine.c.resolved_at.is_(None))
    if before is not None:
        statement = statement.where(quarantine.c.id < before)
    statement = statement.order_by(quarantine.c.id.desc()).limit(limit)
    return [_frame(row) for row in connection.execute(statement)]


def count_waiting(connection: sa.Connection) -> int:
    """How many frames wait for a person."""
    statement = sa.select(sa.func.count()).where(quarantine.c.resolved_at.is_(None))
    return int(connection.execute(statement.select_from(quarantine)).scalar_one())


def _frame(row: sa.Row[Any]) -> QuarantinedFrame:
    return QuarantinedFrame(**row._mapping)
