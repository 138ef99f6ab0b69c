"""Decoded events of the contracts, as the follower stored them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from backend.telemetry.chain_tables import chain_events, cursors, event_accounts, followed_blocks
from backend.telemetry.upsert import insert_or_replace

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}\Z")


@dataclass(frozen=True, slots=True)
class ChainEvent:
    """A decoded log.

    Args:
        timestamp: the block's, Unix seconds
        args: by name, as JSON holds them: addresses checksummed, bytes and integers of 2^53 and
            more as 0x strings, structs as objects by field name
    """

    block: int
    log_index: int
    block_hash: str
    tx_hash: str
    contract: str
    name: str
    args: Mapping[str, Any]
    timestamp: int


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last block that was read, and which block that was."""

    block: int
    block_hash: str


def store(connection: sa.Connection, events: Sequence[ChainEvent]) -> None:
    """Stores events; one at the same place on the chain is replaced."""
    if not events:
        return
    columns = ("block", "log_index", "block_hash", "tx_hash", "contract", "name", "timestamp")
    rows = [{**{c: getattr(e, c) for c in columns}, "args": dict(e.args)} for e in events]
    insert_or_replace(connection, chain_events, rows)
    named = [
        {"account": account, "block": event.block, "log_index": event.log_index}
        for event in events
        for account in sorted(accounts_in(event.args))
    ]
    if named:
        connection.execute(event_accounts.insert(), named)


def accounts_in(value: Any) -> set[str]:
    """Lower-case addresses anywhere in an argument."""
    if isinstance(value, str):
        return {value.lower()} if _ADDRESS.match(value) else set()
    if isinstance(value, Mapping):
        return {account for item in value.values() for account in accounts_in(item)}
    if isinstance(value, list | tuple):
        return {account for item in value for account in accounts_in(item)}
    return set()


def forget_after(connection: sa.Connection, block: int) -> None:
    """Deletes what was read of blocks after `block`."""
    for table in (chain_events, event_accounts, followed_blocks):
        connection.execute(table.delete().where(table.c.block > block))


def latest(connection: sa.Connection, contract: str, name: str) -> ChainEvent | None:
    """The newest event of one kind."""
    found = query(connection, contract=contract, name=name, limit=1)
    return found[0] if found else None


def query(
    connection: sa.Connection,
    *,
    contract: str | None = None,
    name: str | None = None,
    account: str | None = None,
    before: tuple[int, int] | None = None,
    after_block: int | None = None,
    limit: int = 100,
) -> list[ChainEvent]:
    """Events, newest first.

    Args:
        account: only events that name this address
        before: only events before this (block, log index)
        after_block: only events of later blocks
    """
    table = chain_events
    statement = table.select()
    if account is not None:
        join = sa.and_(
            event_accounts.c.block == table.c.block,
            event_accounts.c.log_index == table.c.log_index,
            event_accounts.c.account == account.lower(),
        )
        statement = statement.join(event_accounts, join)
    if contract is not None:
        statement = statement.where(table.c.contract == contract)
    if name is not None:
        statement = statement.where(table.c.name == name)
    if after_block is not None:
        statement = statement.where(table.c.block > after_block)
    if before is not None:
        block, log_index = before
        earlier = sa.and_(table.c.block == block, table.c.log_index < log_index)
        statement = statement.where(sa.or_(table.c.block < block, earlier))
    statement = statement.order_by(table.c.block.desc(), table.c.log_index.desc()).limit(limit)
    return [_event(row) for row in connection.execute(statement)]


def count(connection: sa.Connection, contract: str, name: str) -> int:
    """How many events of one kind there are."""
    statement = (
        sa.select(sa.func.count())
        .select_from(chain_events)
        .where(chain_events.c.contract == contract, chain_events.c.name == name)
    )
    return int(connection.execute(statement).scalar_one())


def in_order(connection: sa.Connection, contract: str, names: Iterable[str]) -> list[ChainEvent]:
    """Every event of some kinds, oldest first."""
    return all_in_order(connection, [(contract, name) for name in names])


def all_in_order(connection: sa.Connection, kinds: Iterable[tuple[str, str]]) -> list[ChainEvent]:
    """Every event of some kinds, (contract, name), oldest first, whichever contract told it."""
    table = chain_events
    wanted = sa.tuple_(table.c.contract, table.c.name).in_(list(kinds))
    statement = table.select().where(wanted).order_by(table.c.block, table.c.log_index)
    return [_event(row) for row in connection.execute(statement)]


def newest(connection: sa.Connection, contract: str, name: str, limit: int) -> list[ChainEvent]:
    """The newest events of one kind, newest first."""
    table = chain_events
    statement = (
        table.select()
        .where(table.c.contract == contract, table.c.name == name)
        .order_by(table.c.block.desc(), table.c.log_index.desc())
        .limit(limit)
    )
    return [_event(row) for row in connection.execute(statement)]


# ---- where the follower is ---------------------------------------------------------------------


def cursor(connection: sa.Connection, name: str) -> Cursor | None:
    """How far `name` has read."""
    found = connection.execute(cursors.select().where(cursors.c.name == name)).one_or_none()
    return Cursor(found.block, found.block_hash) if found is not None else None


def move_cursor(connection: sa.Connection, name: str, to: Cursor) -> None:
    """Sets how far `name` has read."""
    row = {"name": name, "block": to.block, "block_hash": to.block_hash}
    insert_or_replace(connection, cursors, [row])


def mark(connection: sa.Connection, at: Cursor, keep: int) -> None:
    """Remembers a block that was read up to; only the newest `keep` are kept."""
    row = {"block": at.block, "block_hash": at.block_hash}
    insert_or_replace(connection, followed_blocks, [row])
    oldest = (
        sa.select(followed_blocks.c.block)
        .order_by(followed_blocks.c.block.desc())
        .offset(keep)
        .limit(1)
        .scalar_subquery()
    )
    connection.execute(followed_blocks.delete().where(followed_blocks.c.block <= oldest))


def marks(connection: sa.Connection) -> list[Cursor]:
    """Remembered blocks, newest first."""
    statement = followed_blocks.select().order_by(followed_blocks.c.block.desc())
    return [Cursor(row.block, row.block_hash) for row in connection.execute(statement)]


def _event(row: sa.Row[Any]) -> ChainEvent:
    return ChainEvent(
        row.block,
        row.log_index,
        row.block_hash,
        row.tx_hash,
        row.contract,
        row.name,
        row.args,
        row.timestamp,
    )
