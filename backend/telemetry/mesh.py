"""What nodes told of mesh sessions, and what of it is cleared on chain."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from backend.mesh.trust import Cleared
from backend.telemetry.mesh_tables import mesh_receipts as receipts
from backend.telemetry.mesh_tables import mesh_sessions as sessions
from backend.telemetry.upsert import insert_or_replace

SessionKey = tuple[int, int]
"""(source, started_at)."""


@dataclass(frozen=True, slots=True)
class ClearedSession:
    """A session as the chain has it; `paid_micro_inr` over all its clearings."""

    receipt_id: str
    payer: str
    cleared: Cleared
    paid_micro_inr: int
    cleared_at: int
    tx_hash: str


# ---- receipts as they come in --------------------------------------------------------------------


def put_receipt(
    connection: sa.Connection, key: SessionKey, node_id: int, counts: tuple[int, int], raw: bytes,
    now_ms: int,
) -> None:  # fmt: skip
    """Keeps the frame in which a node told of a session, unless a newer one of its is kept."""
    source, started_at = key
    sent, delivered = counts
    mine = sa.and_(
        receipts.c.source == source,
        receipts.c.started_at == started_at,
        receipts.c.node_id == node_id,
    )
    known = connection.execute(sa.select(receipts.c.sent, receipts.c.delivered).where(mine)).first()
    if known is not None and (known[0] > sent or known[1] > delivered):
        return
    row = {
        "source": source,
        "started_at": started_at,
        "node_id": node_id,
        "sent": sent,
        "delivered": delivered,
        "frame": raw,
        "received_ms": now_ms,
    }
    insert_or_replace(connection, receipts, [row])


def waiting(
    connection: sa.Connection, since: int, quiet_since_ms: int, limit: int
) -> dict[SessionKey, dict[int, bytes]]:
    """Frames by node of sessions that began after `since` (Unix seconds), of which nothing new came
    after `quiet_since_ms`, and which tell more than is cleared; the oldest first."""
    told = (
        sa.select(
            receipts.c.source,
            receipts.c.started_at,
            sa.func.max(receipts.c.sent).label("sent"),
            sa.func.max(receipts.c.delivered).label("delivered"),
        )
        .where(receipts.c.started_at > since)
        .group_by(receipts.c.source, receipts.c.started_at)
        .having(sa.func.max(receipts.c.received_ms) <= quiet_since_ms)
        .subquery()
    )
    done = (
        sa.select(
            sessions.c.source,
            sessions.c.started_at,
            sa.func.max(sessions.c.sent).label("sent"),
            sa.func.max(sessions.c.delivered).label("delivered"),
        )
        .group_by(sessions.c.source, sessions.c.started_at)
        .subquery()
    )
    same = sa.and_(done.c.source == told.c.source, done.c.started_at == told.c.started_at)
    statement = (
        sa.select(told.c.source, told.c.started_at)
        .join(done, same, isouter=True)
        .where(
            sa.or_(
                done.c.source.is_(None),
                told.c.sent > done.c.sent,
                told.c.delivered > done.c.delivered,
            )
        )
        .order_by(told.c.started_at, told.c.source)
        .limit(limit)
    )
    keys = [(int(row[0]), int(row[1])) for row in connection.execute(statement)]
    return {key: frames_of(connection, key) for key in keys}


def frames_of(connection: sa.Connection, key: SessionKey) -> dict[int, bytes]:
    """Every node's newest frame about a session."""
    found = connection.execute(
        sa.select(receipts.c.node_id, receipts.c.frame)
        .where(receipts.c.source == key[0], receipts.c.started_at == key[1])
        .order_by(receipts.c.node_id)
    )
    return {int(node): bytes(frame) for node, frame in found}


def prune(connection: sa.Connection, before: int) -> None:
    """Forgets receipts of sessions that began before a Unix second: they cannot be cleared."""
    connection.execute(receipts.delete().where(receipts.c.started_at < before))


# ---- what the chain says -------------------------------------------------------------------------


def put_session(connection: sa.Connection, row: Mapping[str, Any]) -> None:
    """Stores a clearing."""
    insert_or_replace(connection, sessions, [dict(row)])


def clear(connection: sa.Connection) -> None:
    """Forgets the clearings, to tell them again."""
    connection.execute(sessions.delete())


def cleared_since(connection: sa.Connection, since: int) -> list[ClearedSession]:
    """Sessions that began after a Unix second, the newest first."""
    statement = (
        sessions.select()
        .where(sessions.c.started_at > since)
        .order_by(sessions.c.block, sessions.c.log_index)
    )
    found: dict[str, ClearedSession] = {}
    for row in connection.execute(statement):
        before = found.get(row.receipt_id)
        found[row.receipt_id] = _session(row, before.paid_micro_inr if before else 0)
    return sorted(found.values(), key=lambda one: one.cleared.started_at, reverse=True)


def paid_by_node(found: Sequence[ClearedSession]) -> dict[int, int]:
    """What each node's relaying earned its account in these sessions, micro-rupees."""
    earned: defaultdict[int, int] = defaultdict(int)
    for session in found:
        relays = session.cleared.route[1:-1]
        for node in relays:
            earned[node] += session.paid_micro_inr // len(relays)
    return dict(earned)


def _session(row: sa.Row[Any], paid_before: int) -> ClearedSession:
    return ClearedSession(
        row.receipt_id,
        row.payer,
        Cleared(
            row.started_at,
            tuple(row.route),
            tuple(row.energies),
            row.sent,
            row.delivered,
            row.broken_hop,
            row.reporters,
        ),
        row.paid_micro_inr + paid_before,
        row.cleared_at,
        row.tx_hash,
    )
