"""Relay commands and what their boards acknowledged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from backend.telemetry.node_tables import commands, node_state, relay_acks
from backend.telemetry.upsert import insert_or_keep

SEQUENCE_BITS = 40


def command_id(switch_id: int, sequence: int) -> int:
    """The id of a switch's command: switch id above, the contract's sequence below."""
    return switch_id << SEQUENCE_BITS | sequence


def split_command_id(identifier: int) -> tuple[int, int]:
    """Switch id and sequence of a command id."""
    return identifier >> SEQUENCE_BITS, identifier & ((1 << SEQUENCE_BITS) - 1)


@dataclass(frozen=True, slots=True)
class Command:
    """What a relay is to do. `ack_*` and `acked_ms` are None until its board answered."""

    command_id: int
    switch_id: int
    board: int
    pin: int
    closed: bool
    cutoff_wh: int
    reason: str
    block: int
    issued_ms: int
    offered: int
    ack_closed: bool | None
    ack_result: int | None
    ack_imported_wh: int | None
    acked_ms: int | None
    reported: bool
    report_key: str | None

    @property
    def sequence(self) -> int:
        """The contract's number of this command."""
        return split_command_id(self.command_id)[1]


@dataclass(frozen=True, slots=True)
class Ack:
    """What a board says of a relay: its contact's state now. `command_id` 0: it moved by itself."""

    node_id: int
    command_id: int
    pin: int
    closed: bool
    result: int
    imported_wh: int


def issue(connection: sa.Connection, row: Mapping[str, Any]) -> bool:
    """Stores a command from the chain. False if it is known already."""
    return insert_or_keep(connection, commands, row)


def forget_after(connection: sa.Connection, block: int) -> None:
    """Deletes commands of blocks that are no longer part of the chain."""
    connection.execute(commands.delete().where(commands.c.block > block))


def pending(connection: sa.Connection, board: int) -> list[Command]:
    """For each relay of a board, its newest command if the board has not answered it."""
    newest = _newest_ids().where(commands.c.board == board)
    statement = (
        commands.select()
        .where(commands.c.command_id.in_(newest), commands.c.acked_ms.is_(None))
        .order_by(commands.c.pin)
    )
    return [_command(row) for row in connection.execute(statement)]


def pending_count(connection: sa.Connection) -> int:
    """How many relays' newest commands are unanswered."""
    statement = (
        sa.select(sa.func.count())
        .select_from(commands)
        .where(commands.c.command_id.in_(_newest_ids()), commands.c.acked_ms.is_(None))
    )
    return int(connection.execute(statement).scalar_one())


def newest(connection: sa.Connection) -> dict[int, Command]:
    """Each switch's newest command."""
    statement = commands.select().where(commands.c.command_id.in_(_newest_ids()))
    return {row.switch_id: _command(row) for row in connection.execute(statement)}


def get(connection: sa.Connection, identifier: int) -> Command | None:
    """One command."""
    statement = commands.select().where(commands.c.command_id == identifier)
    found = connection.execute(statement).one_or_none()
    return _command(found) if found is not None else None


def count_offer(connection: sa.Connection, identifiers: Sequence[int]) -> None:
    """Counts that commands were handed out."""
    connection.execute(
        commands.update()
        .where(commands.c.command_id.in_(identifiers))
        .values(offered=commands.c.offered + 1)
    )


def record_ack(connection: sa.Connection, ack: Ack, now_ms: int) -> Command | None:
    """Stores an ACK and what it says of a command.

    An ACK without a command id speaks of the relay's newest answered command. Returns the command
    as it stands now, or None if the ACK belongs to none.
    """
    connection.execute(
        relay_acks.insert().values(
            node_id=ack.node_id,
            command_id=ack.command_id,
            pin=ack.pin,
            closed=ack.closed,
            result=ack.result,
            imported_wh=ack.imported_wh,
            received_ms=now_ms,
        )
    )
    same = commands.c.ack_closed == ack.closed
    identifier = ack.command_id or _newest_answered(connection, ack.node_id, ack.pin)
    statement = (
        commands.update()
        .where(
            commands.c.command_id == identifier,
            commands.c.board == ack.node_id,
            commands.c.pin == ack.pin,
        )
        .values(
            ack_closed=ack.closed,
            ack_result=ack.result,
            ack_imported_wh=ack.imported_wh,
            acked_ms=now_ms,
            # What the chain knows already need not be reported again.
            reported=sa.case((same, commands.c.reported), else_=sa.false()),
            report_key=sa.case((same, commands.c.report_key)),
        )
    )
    if connection.execute(statement).rowcount == 0:
        return None
    return get(connection, identifier)


def unreported(connection: sa.Connection) -> list[Command]:
    """Each switch's newest answered command, where the chain does not know the answer."""
    answered = _newest_ids().where(commands.c.acked_ms.is_not(None))
    statement = (
        commands.select()
        .where(
            commands.c.command_id.in_(answered),
            commands.c.reported.is_(False),
            commands.c.report_key.is_(None),
        )
        .order_by(commands.c.switch_id)
    )
    return [_command(row) for row in connection.execute(statement)]


def set_report_key(connection: sa.Connection, identifiers: Sequence[int], key: str | None) -> None:
    """Names the outbox row that reports these acknowledgements; None: none does."""
    connection.execute(
        commands.update().where(commands.c.command_id.in_(identifiers)).values(report_key=key)
    )


def release_reports(connection: sa.Connection, key: str) -> None:
    """The outbox row with this key reported nothing: its acknowledgements wait again."""
    connection.execute(
        commands.update()
        .where(commands.c.report_key == key, commands.c.reported.is_(False))
        .values(report_key=None)
    )


def mark_reported(connection: sa.Connection, identifier: int, closed: bool) -> None:
    """The chain knows that this command was answered, and how."""
    connection.execute(
        commands.update()
        .where(commands.c.command_id == identifier, commands.c.ack_closed == closed)
        .values(reported=True)
    )


def unreport_after(connection: sa.Connection) -> None:
    """After a reorganisation the chain may have lost any report: all count as not reported."""
    connection.execute(commands.update().values(reported=False, report_key=None))


def next_downlink(connection: sa.Connection, node_id: int, boot: int) -> tuple[int, int]:
    """Takes the next (boot, sequence) of frames to a node.

    Args:
        boot: the gateway's boot counter if none is stored yet; it must exceed any used before
    """
    insert_or_keep(connection, node_state, {"node_id": node_id})
    statement = (
        node_state.update()
        .where(node_state.c.node_id == node_id)
        .values(
            downlink_sequence=node_state.c.downlink_sequence + 1,
            downlink_boot=sa.case(
                (node_state.c.downlink_boot == 0, boot), else_=node_state.c.downlink_boot
            ),
        )
        .returning(node_state.c.downlink_boot, node_state.c.downlink_sequence)
    )
    found = connection.execute(statement).one()
    return found.downlink_boot, found.downlink_sequence


def _newest_ids() -> sa.Select[tuple[int]]:
    return sa.select(sa.func.max(commands.c.command_id)).group_by(commands.c.switch_id)


def _newest_answered(connection: sa.Connection, board: int, pin: int) -> int:
    statement = sa.select(sa.func.max(commands.c.command_id)).where(
        commands.c.board == board, commands.c.pin == pin, commands.c.acked_ms.is_not(None)
    )
    return connection.execute(statement).scalar_one() or 0


def _command(row: sa.Row[Any]) -> Command:
    return Command(**row._mapping)
