"""Transactions written down before they are sent.

Functions take a connection, so that a row enters in the same database transaction as its cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from backend.telemetry.chain_tables import outbox
from backend.telemetry.upsert import insert_or_keep


class OutboxState(StrEnum):
    """Where a transaction stands.

    pending: to be sent. sent: signed, perhaps with the node. mined: in a block that may still
    vanish. confirmed: deep enough. obsolete: its effect is on chain without it. failed: refused,
    see `error`.
    """

    PENDING = "pending"
    SENT = "sent"
    MINED = "mined"
    CONFIRMED = "confirmed"
    OBSOLETE = "obsolete"
    FAILED = "failed"


UNFINISHED = (OutboxState.PENDING, OutboxState.SENT, OutboxState.MINED)


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One transaction. Fees in wei, times in Unix milliseconds."""

    id: int
    key: str
    sender: str
    target: str
    data: bytes
    gas: int
    state: OutboxState
    nonce: int | None
    tx_hash: str | None
    raw: bytes | None
    max_fee_per_gas: int | None
    attempts: int
    created_ms: int
    sent_ms: int | None
    block: int | None
    block_hash: str | None
    gas_used: int | None
    error: str | None
    priority: int
    replaced: tuple[str, ...]

    @property
    def kind(self) -> str:
        """The part of the key before its first colon."""
        return self.key.partition(":")[0]

    @property
    def hashes(self) -> list[str]:
        """Every transaction hash it was sent under, newest first."""
        return ([self.tx_hash] if self.tx_hash else []) + list(reversed(self.replaced))


def add(
    connection: sa.Connection,
    *,
    key: str,
    sender: str,
    target: str,
    data: bytes,
    gas: int,
    now_ms: int,
    priority: int = 0,
) -> bool:
    """Writes a transaction to be sent. False if one with this key exists: then nothing changes."""
    row = {
        "key": key,
        "sender": sender,
        "target": target,
        "data": data,
        "gas": gas,
        "state": OutboxState.PENDING.value,
        "created_ms": now_ms,
        "priority": priority,
        "replaced": [],
        "attempts": 0,
    }
    return insert_or_keep(connection, outbox, row)


def rearm(connection: sa.Connection, key: str, data: bytes, gas: int, now_ms: int) -> bool:
    """Has a transaction that is finished, or not yet sent, sent (again), with new calldata."""
    states = (OutboxState.PENDING, OutboxState.CONFIRMED, OutboxState.OBSOLETE, OutboxState.FAILED)
    statement = (
        outbox.update()
        .where(outbox.c.key == key, outbox.c.state.in_(states))
        .values(
            data=data,
            gas=gas,
            state=OutboxState.PENDING.value,
            created_ms=now_ms,
            nonce=None,
            tx_hash=None,
            raw=None,
            replaced=[],
            block=None,
            block_hash=None,
            error=None,
        )
    )
    return connection.execute(statement).rowcount == 1


def get(connection: sa.Connection, key: str) -> OutboxRow | None:
    """The transaction with this key."""
    found = connection.execute(outbox.select().where(outbox.c.key == key)).one_or_none()
    return _row(found) if found is not None else None


def in_states(
    connection: sa.Connection,
    states: Iterable[OutboxState],
    *,
    sender: str | None = None,
    kind: str | None = None,
    limit: int | None = None,
) -> list[OutboxRow]:
    """Transactions in some states; the most urgent first, then in order of entry."""
    query = outbox.select().where(outbox.c.state.in_([state.value for state in states]))
    if sender is not None:
        query = query.where(outbox.c.sender == sender)
    if kind is not None:
        query = query.where(outbox.c.key.startswith(kind + ":", autoescape=True))
    query = query.order_by(outbox.c.priority.desc(), outbox.c.id)
    if limit is not None:
        query = query.limit(limit)
    return [_row(row) for row in connection.execute(query)]


def drop_pending(connection: sa.Connection, key_prefix: str) -> int:
    """Takes back transactions that are not signed yet; how many."""
    statement = (
        outbox.update()
        .where(
            outbox.c.key.startswith(key_prefix, autoescape=True),
            outbox.c.state == OutboxState.PENDING.value,
        )
        .values(state=OutboxState.OBSOLETE.value)
    )
    return connection.execute(statement).rowcount


def is_unfinished(connection: sa.Connection, key_prefix: str) -> bool:
    """True if a transaction whose key starts so is still on its way."""
    statement = sa.select(outbox.c.id).where(
        outbox.c.key.startswith(key_prefix, autoescape=True),
        outbox.c.state.in_([state.value for state in UNFINISHED]),
    )
    return connection.execute(statement.limit(1)).first() is not None


def unfinished_keys(connection: sa.Connection) -> list[str]:
    """Keys of all that is still on its way."""
    statement = sa.select(outbox.c.key).where(
        outbox.c.state.in_([state.value for state in UNFINISHED])
    )
    return list(connection.execute(statement).scalars())


def with_nonce_from(connection: sa.Connection, sender: str, nonce: int) -> list[OutboxRow]:
    """A sender's transactions that hold this nonce or a higher one, in order of nonce."""
    query = outbox.select().where(outbox.c.sender == sender, outbox.c.nonce >= nonce)
    return [_row(row) for row in connection.execute(query.order_by(outbox.c.nonce))]


def update(connection: sa.Connection, row_id: int, **changes: Any) -> None:
    """Sets columns of one transaction."""
    connection.execute(outbox.update().where(outbox.c.id == row_id).values(**changes))


def counts(connection: sa.Connection) -> Mapping[str, int]:
    """How many transactions are in each state."""
    query = sa.select(outbox.c.state, sa.func.count()).group_by(outbox.c.state)
    return {row[0]: row[1] for row in connection.execute(query)}


def prune(connection: sa.Connection, before_ms: int) -> int:
    """Deletes transactions that were finished and entered before `before_ms`; how many."""
    finished = (OutboxState.CONFIRMED.value, OutboxState.OBSOLETE.value)
    statement = outbox.delete().where(
        outbox.c.state.in_(finished), outbox.c.created_ms < before_ms, outbox.c.nonce.is_not(None)
    )
    return connection.execute(statement).rowcount


def _row(row: sa.Row[Any]) -> OutboxRow:
    values = dict(row._mapping)
    values["state"] = OutboxState(values["state"])
    values["replaced"] = tuple(values["replaced"] or ())
    return OutboxRow(**values)
