"""Booked readings, their evidence, and how many frames came to what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from backend.telemetry.chain_tables import leaves
from backend.telemetry.node_tables import frame_counts, node_state, nodes, readings
from backend.telemetry.slots import REGISTER_NAMES
from backend.telemetry.upsert import insert_or_add


class StoredReading(NamedTuple):
    """A reading as it is booked: the device's registers plus the node's offset.

    Args:
        measured_at: Unix seconds, never before the node's previous reading
        received_ms: Unix milliseconds
        frame: the bytes as received, and `keyframe` the one that a DELTA counts from
    """

    id: int
    node_id: int
    boot: int
    sequence: int
    measured_at: int
    received_ms: int
    generated_wh: int
    consumed_wh: int
    exported_wh: int
    imported_wh: int
    charged_wh: int
    discharged_wh: int
    voltage_dv: int
    current_ma: int
    power_w: int
    power_factor_pm: int
    temperature_dc: int
    soc_bp: int
    relays: int
    status: int
    frame: bytes
    keyframe: bytes | None

    @property
    def registers(self) -> tuple[int, int, int, int, int, int]:
        """The six booked registers, Wh."""
        return self[6:12]


_COLUMNS = [readings.c[name] for name in StoredReading._fields]
_INSERT = readings.insert()


def next_id(connection: sa.Connection) -> int:
    """The id for the next reading; the caller's transaction keeps other writers out."""
    return (connection.execute(sa.select(sa.func.max(readings.c.id))).scalar_one() or 0) + 1


def keep_writers_out(connection: sa.Connection) -> None:
    """Makes this the only transaction that takes readings, until it ends.

    SQLite has but one writer; elsewhere an advisory lock makes it so.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7238846)")


def insert(connection: sa.Connection, new: Sequence[StoredReading]) -> None:
    """Stores readings."""
    if new:
        connection.execute(_INSERT, [reading._asdict() for reading in new])


def frames_of(
    connection: sa.Connection, orders: Sequence[tuple[int, int, int]]
) -> dict[tuple[int, int, int], bytes]:
    """The stored frame of each (node, boot, sequence) that is a booked reading."""
    found: dict[tuple[int, int, int], bytes] = {}
    key = sa.tuple_(readings.c.node_id, readings.c.boot, readings.c.sequence)
    for start in range(0, len(orders), 300):
        statement = sa.select(
            readings.c.node_id, readings.c.boot, readings.c.sequence, readings.c.frame
        ).where(key.in_(orders[start : start + 300]))
        for row in connection.execute(statement):
            found[(row[0], row[1], row[2])] = row[3]
    return found


# ---- reading back ------------------------------------------------------------------------------


def latest(connection: sa.Connection) -> dict[int, StoredReading]:
    """Each node's newest reading."""
    statement = sa.select(*_COLUMNS).select_from(
        node_state.join(readings, readings.c.id == node_state.c.reading_id)
    )
    return {row.node_id: StoredReading(*row) for row in connection.execute(statement)}


def latest_of(connection: sa.Connection, node_id: int) -> StoredReading | None:
    """One node's newest reading."""
    statement = (
        sa.select(*_COLUMNS)
        .select_from(node_state.join(readings, readings.c.id == node_state.c.reading_id))
        .where(node_state.c.node_id == node_id)
    )
    found = connection.execute(statement).one_or_none()
    return StoredReading(*found) if found is not None else None


def between(
    connection: sa.Connection, node_id: int, start: int, end: int, limit: int
) -> list[StoredReading]:
    """A node's readings with start <= measured_at < end (Unix seconds), oldest first."""
    statement = (
        sa.select(*_COLUMNS)
        .where(
            readings.c.node_id == node_id,
            readings.c.measured_at >= start,
            readings.c.measured_at < end,
        )
        .order_by(readings.c.measured_at, readings.c.id)
        .limit(limit)
    )
    return [StoredReading(*row) for row in connection.execute(statement)]


def newest_until(connection: sa.Connection, node_id: int, moment: int) -> StoredReading | None:
    """A node's newest reading with measured_at <= moment (Unix seconds)."""
    statement = (
        sa.select(*_COLUMNS)
        .where(readings.c.node_id == node_id, readings.c.measured_at <= moment)
        .order_by(readings.c.measured_at.desc(), readings.c.id.desc())
        .limit(1)
    )
    found = connection.execute(statement).one_or_none()
    return StoredReading(*found) if found is not None else None


def last_of_slots(
    connection: sa.Connection, node_id: int, start: int, end: int, slot_seconds: int, limit: int
) -> list[StoredReading]:
    """A node's last reading of each slot with start <= measured_at < end, oldest first."""
    newest = (
        sa.select(sa.func.max(readings.c.id))
        .where(
            readings.c.node_id == node_id,
            readings.c.measured_at >= start,
            readings.c.measured_at < end,
        )
        .group_by(readings.c.measured_at // slot_seconds)
    )
    statement = (
        sa.select(*_COLUMNS).where(readings.c.id.in_(newest)).order_by(readings.c.id).limit(limit)
    )
    return [StoredReading(*row) for row in connection.execute(statement)]


def prune(connection: sa.Connection, before: int, at_most: int = 5_000) -> int:
    """Deletes readings measured before Unix second `before`; how many (`at_most`: call again).

    A node's newest reading and whatever a stored leaf refers to stay.
    """
    in_use = sa.or_(
        sa.exists().where(node_state.c.reading_id == readings.c.id),
        sa.exists().where(leaves.c.reading_id == readings.c.id),
    )
    doomed = sa.select(readings.c.id).where(readings.c.measured_at < before, ~in_use).limit(at_most)
    return connection.execute(readings.delete().where(readings.c.id.in_(doomed))).rowcount


# ---- counts ------------------------------------------------------------------------------------


def count_frames(connection: sa.Connection, counts: Mapping[tuple[int, str], int]) -> None:
    """Adds to the number of frames by (node, result); node 0 = a sender nobody knows."""
    rows = [
        {"node_id": node_id, "result": result, "count": count}
        for (node_id, result), count in counts.items()
    ]
    insert_or_add(connection, frame_counts, rows, "count")


def frame_totals(connection: sa.Connection) -> dict[str, int]:
    """Frames by result, all nodes together."""
    statement = sa.select(frame_counts.c.result, sa.func.sum(frame_counts.c.count)).group_by(
        frame_counts.c.result
    )
    return {result: int(count) for result, count in connection.execute(statement)}


def frame_totals_by_node(connection: sa.Connection) -> dict[int, dict[str, int]]:
    """Frames by node and result."""
    totals: dict[int, dict[str, int]] = {}
    for node_id, result, count in connection.execute(frame_counts.select()):
        totals.setdefault(node_id, {})[result] = count
    return totals


def count_booked(connection: sa.Connection) -> int:
    """How many readings were ever booked by metering nodes and boards."""
    statement = sa.select(sa.func.max(readings.c.id))
    return connection.execute(statement).scalar_one() or 0


def powers_by_kind(connection: sa.Connection, since_ms: int) -> list[tuple[int, int, int]]:
    """(EntityKind, W into its nodes, W out of its nodes) of metering nodes heard since then."""
    power = readings.c.power_w
    into = sa.func.sum(sa.case((power > 0, power), else_=0))
    out = sa.func.sum(sa.case((power < 0, -power), else_=0))
    statement = (
        sa.select(nodes.c.kind, into, out)
        .select_from(
            nodes.join(node_state, node_state.c.node_id == nodes.c.node_id).join(
                readings, readings.c.id == node_state.c.reading_id
            )
        )
        .where(nodes.c.kind != 0, readings.c.received_ms >= since_ms)
        .group_by(nodes.c.kind)
    )
    return [(row[0], int(row[1]), int(row[2])) for row in connection.execute(statement)]


def registers_by_name(reading: StoredReading) -> dict[str, Any]:
    """A reading's six registers by name."""
    return dict(zip(REGISTER_NAMES, reading.registers, strict=True))
