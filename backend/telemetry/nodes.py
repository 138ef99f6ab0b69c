"""Provisioned nodes, and what the gateway remembers of each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from backend.telemetry import events
from backend.telemetry.node_state import NodeState, Registers
from backend.telemetry.node_tables import node_events, node_state, nodes, readings
from backend.telemetry.slots import REGISTER_NAMES, pack, unpack
from backend.telemetry.upsert import insert_or_keep, insert_or_replace

_IN_ONE_QUERY = 500


@dataclass(frozen=True, slots=True)
class Node:
    """A provisioned node.

    Args:
        kind: the chain's EntityKind; 0 = a board without a meter
        max_power_w: largest physical power, W
        battery_id: the battery whose state of charge it reports, if that decides about shedding
        revoked_at: Unix seconds since which its frames are refused
        capacity_wh: what a battery bank holds when full
    """

    node_id: int
    label: str
    kind: int
    feeder_node: int
    max_power_w: int
    battery_id: int | None = None
    revoked_at: int | None = None
    capacity_wh: int | None = None


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """A node's last signs of life. Times are Unix seconds, `_ms` milliseconds; 0 = never."""

    node_id: int
    last_seen_ms: int
    measured_at: int
    firmware: str
    hello: Mapping[str, Any] | None


# ---- provisioning ------------------------------------------------------------------------------


def provision(connection: sa.Connection, provisioned: Iterable[Node]) -> None:
    """Adds nodes, or changes those there are; a revoked node stays revoked."""
    rows = [
        {
            "node_id": node.node_id,
            "label": node.label,
            "kind": node.kind,
            "feeder_node": node.feeder_node,
            "max_power_w": node.max_power_w,
            "battery_id": node.battery_id,
            "capacity_wh": node.capacity_wh,
        }
        for node in provisioned
    ]
    insert_or_replace(connection, nodes, rows)
    for row in rows:
        insert_or_keep(connection, node_state, {"node_id": row["node_id"]})


def revoke(connection: sa.Connection, node_id: int, at: int | None) -> bool:
    """Refuses a node's frames since Unix second `at`; None: takes them again. False if unknown."""
    statement = nodes.update().where(nodes.c.node_id == node_id).values(revoked_at=at)
    return connection.execute(statement).rowcount == 1


def get(connection: sa.Connection, node_id: int) -> Node | None:
    """One node."""
    found = connection.execute(nodes.select().where(nodes.c.node_id == node_id)).one_or_none()
    return _node(found) if found is not None else None


def all_nodes(connection: sa.Connection) -> dict[int, Node]:
    """Every node, by id, ascending."""
    statement = nodes.select().order_by(nodes.c.node_id)
    return {row.node_id: _node(row) for row in connection.execute(statement)}


def batteries(connection: sa.Connection) -> list[Node]:
    """Nodes whose charge decides about shedding, by battery."""
    statement = (
        nodes.select()
        .where(nodes.c.battery_id.is_not(None))
        .order_by(nodes.c.battery_id, nodes.c.node_id)
    )
    return [_node(row) for row in connection.execute(statement)]


def labels(connection: sa.Connection, node_ids: Collection[int]) -> dict[int, str]:
    """Labels of some nodes."""
    found: dict[int, str] = {}
    wanted = list(node_ids)
    for start in range(0, len(wanted), _IN_ONE_QUERY):
        statement = sa.select(nodes.c.node_id, nodes.c.label).where(
            nodes.c.node_id.in_(wanted[start : start + _IN_ONE_QUERY])
        )
        for node_id, label in connection.execute(statement):
            found[node_id] = label
    return found


def revocations(connection: sa.Connection) -> dict[int, bool]:
    """Every node, and whether its frames are refused."""
    statement = sa.select(nodes.c.node_id, nodes.c.revoked_at.is_not(None))
    return {node_id: bool(revoked) for node_id, revoked in connection.execute(statement)}


def count_metering(connection: sa.Connection, since_ms: int) -> tuple[int, int]:
    """How many nodes meter, and how many of them were not heard since Unix millisecond."""
    heard = sa.func.coalesce(node_state.c.last_seen_ms, 0) >= since_ms
    statement = (
        sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(sa.case((heard, 0), else_=1)), 0))
        .select_from(nodes.outerjoin(node_state, node_state.c.node_id == nodes.c.node_id))
        .where(nodes.c.kind != 0)
    )
    total, silent = connection.execute(statement).one()
    return int(total), int(silent)


def statuses(connection: sa.Connection) -> dict[int, NodeStatus]:
    """Every node's last signs of life."""
    statement = sa.select(
        node_state.c.node_id,
        node_state.c.last_seen_ms,
        node_state.c.measured_at,
        node_state.c.firmware,
        node_state.c.hello,
    )
    return {row.node_id: NodeStatus(*row) for row in connection.execute(statement)}


# ---- what the ingest remembers -----------------------------------------------------------------


def load_states(connection: sa.Connection, node_ids: Collection[int]) -> dict[int, NodeState]:
    """The states of provisioned nodes among `node_ids`."""
    states: dict[int, NodeState] = {}
    wanted = list(node_ids)
    for start in range(0, len(wanted), _IN_ONE_QUERY):
        statement = _STATES.where(nodes.c.node_id.in_(wanted[start : start + _IN_ONE_QUERY]))
        for row in connection.execute(statement):
            states[row[0]] = _state(tuple(row))
    return states


def save_states(connection: sa.Connection, states: Sequence[NodeState]) -> None:
    """Stores what changes with accepted and quarantined frames."""
    if states:
        connection.execute(_SAVE_STATE, [_saved(state) for state in states])


def apply_rebase(
    connection: sa.Connection,
    node_id: int,
    *,
    before: Registers,
    after_reset: Registers,
    block: int,
    log_index: int,
) -> bool:
    """From now on booked registers are the device's plus (before - after_reset).

    Each rebase replaces the one before. False, and nothing changes, if this one or a later one has
    been applied already.
    """
    insert_or_keep(connection, node_state, {"node_id": node_id})
    earlier = sa.or_(
        node_state.c.rebase_block < block,
        sa.and_(node_state.c.rebase_block == block, node_state.c.rebase_log_index < log_index),
    )
    shift = {
        "offset_" + name: before[lane] - after_reset[lane]
        for lane, name in enumerate(REGISTER_NAMES)
    }
    statement = (
        node_state.update()
        .where(node_state.c.node_id == node_id, earlier)
        .values(
            **shift,
            rebase_block=block,
            rebase_log_index=log_index,
            rebase_before=pack(before),
            suspect=None,
        )
    )
    return connection.execute(statement).rowcount == 1


def reserve_downlink(
    connection: sa.Connection, node_id: int, boot: int, count: int
) -> tuple[int, int]:
    """Takes the next `count` numbers of frames to a node: the boot, and the last of them.

    As commands.next_downlink, for frames whose order does not matter.
    """
    statement = (
        node_state.update()
        .where(node_state.c.node_id == node_id)
        .values(
            downlink_sequence=node_state.c.downlink_sequence + count,
            downlink_boot=sa.case(
                (node_state.c.downlink_boot == 0, boot), else_=node_state.c.downlink_boot
            ),
        )
        .returning(node_state.c.downlink_boot, node_state.c.downlink_sequence)
    )
    found = connection.execute(statement).one()
    return found[0], found[1]


def import_offset_wh(connection: sa.Connection, switch_id: int) -> int:
    """By how much the booked import register behind a switch exceeds its device's own, Wh.

    0 unless the device was replaced (`apply_rebase`).
    """
    switches = events.in_order(connection, "PriorityRegistry", ["SwitchAdded"])
    meter = next(
        (e.args["config"]["meter"] for e in switches if e.args["switchId"] == switch_id), 0
    )
    statement = sa.select(node_state.c.offset_imported_wh).where(node_state.c.node_id == meter)
    return connection.execute(statement).scalar_one_or_none() or 0


def clear_suspicion(connection: sa.Connection, node_id: int) -> None:
    """A person has looked at a node's quarantined steps: they bind no longer."""
    statement = node_state.update().where(node_state.c.node_id == node_id).values(suspect=None)
    connection.execute(statement)


def record_hello(
    connection: sa.Connection, node_id: int, firmware: str, hello: Mapping[str, Any]
) -> None:
    """Stores what a node says of itself."""
    connection.execute(
        node_state.update()
        .where(node_state.c.node_id == node_id)
        .values(firmware=firmware, hello=dict(hello))
    )


def record_mesh(connection: sa.Connection, node_id: int, report: Mapping[str, Any]) -> None:
    """Stores what a node says of its radio."""
    statement = node_state.update().where(node_state.c.node_id == node_id)
    connection.execute(statement.values(mesh=dict(report)))


def mesh_report(connection: sa.Connection, node_id: int) -> dict[str, Any] | None:
    """What a node last said of its radio; None if nothing yet."""
    statement = sa.select(node_state.c.mesh).where(node_state.c.node_id == node_id)
    found = connection.execute(statement).scalar_one_or_none()
    return dict(found) if found else None


def mesh_reports(connection: sa.Connection) -> dict[int, dict[str, Any]]:
    """What each node with a radio last said of it."""
    statement = sa.select(node_state.c.node_id, node_state.c.mesh)
    return {row.node_id: dict(row.mesh) for row in connection.execute(statement) if row.mesh}


@dataclass(frozen=True, slots=True)
class NodeEvent:
    """What happened locally at a node: `kind`, `pin` and `value` as the frame has them."""

    id: int
    node_id: int
    kind: int
    pin: int
    value: int
    measured_at: int
    received_ms: int


def events_of(connection: sa.Connection, limit: int, before: int | None = None) -> list[NodeEvent]:
    """Events of all nodes, newest first; `before`: only those with a lower id."""
    statement = node_events.select().order_by(node_events.c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(node_events.c.id < before)
    return [NodeEvent(**row._mapping) for row in connection.execute(statement)]


def record_events(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Stores what happened locally at nodes."""
    if rows:
        connection.execute(node_events.insert(), [dict(row) for row in rows])


_REGISTER_COLUMNS = [readings.c[name] for name in REGISTER_NAMES]
_OFFSET_COLUMNS = [node_state.c["offset_" + name] for name in REGISTER_NAMES]
_STATES = sa.select(
    nodes.c.node_id,
    nodes.c.max_power_w,
    nodes.c.revoked_at,
    node_state.c.boot,
    node_state.c.sequence,
    node_state.c.last_tag,
    node_state.c.keyframe,
    node_state.c.reading_id,
    node_state.c.measured_at,
    node_state.c.last_seen_ms,
    node_state.c.rebase_before,
    node_state.c.suspect,
    readings.c.received_ms,
    *_OFFSET_COLUMNS,
    *_REGISTER_COLUMNS,
).select_from(
    nodes.join(node_state, node_state.c.node_id == nodes.c.node_id).outerjoin(
        readings, readings.c.id == node_state.c.reading_id
    )
)
_SAVED = (
    "boot",
    "sequence",
    "last_tag",
    "keyframe",
    "reading_id",
    "measured_at",
    "last_seen_ms",
    "suspect",
)
_SAVE_STATE = (
    node_state.update()
    .where(node_state.c.node_id == sa.bindparam("b_node_id"))
    .values({name: sa.bindparam("b_" + name) for name in _SAVED})
)


def _state(row: Sequence[Any]) -> NodeState:
    (node_id, max_power, revoked_at, boot, sequence, tag, keyframe, reading_id, measured, seen,
     before, suspect, received_ms) = row[:13]  # fmt: skip
    return NodeState(
        node_id=node_id,
        max_power_w=max_power,
        revoked=revoked_at is not None,
        boot=boot,
        sequence=sequence,
        last_tag=tag,
        keyframe=keyframe,
        reading_id=reading_id,
        registers=tuple(row[19:25]) if reading_id is not None else None,
        measured_at=measured,
        received_ms=received_ms or 0,
        last_seen_ms=seen,
        offset=tuple(row[13:19]),
        rebase_before=unpack(before) if before is not None else None,
        suspect=unpack(suspect) if suspect is not None else None,
    )


def _saved(state: NodeState) -> dict[str, Any]:
    return {
        "b_node_id": state.node_id,
        "b_boot": state.boot,
        "b_sequence": state.sequence,
        "b_last_tag": state.last_tag,
        "b_keyframe": state.keyframe,
        "b_reading_id": state.reading_id,
        "b_measured_at": state.measured_at,
        "b_last_seen_ms": state.last_seen_ms,
        "b_suspect": pack(state.suspect) if state.suspect is not None else None,
    }


def _node(row: sa.Row[Any]) -> Node:
    return Node(
        row.node_id,
        row.label,
        row.kind,
        row.feeder_node,
        row.max_power_w,
        row.battery_id,
        row.revoked_at,
        row.capacity_wh,
    )
