"""The field layer as its nodes tell of it, in HELLO and MESH frames, and by nothing else."""

from __future__ import annotations

from typing import Any

from backend.api import field_schemas as schemas
from backend.api.services import Services
from backend.api.slot_reader import kind_name
from backend.mesh.neighbours import NO_WAY
from backend.telemetry import nodes
from backend.telemetry.nodes import Node, NodeStatus

_QUALITY_FULL = 255


def read_field(services: Services) -> schemas.FieldLayer:
    """Every provisioned node, and every link that a node has told of."""
    since_ms = int((services.clock() - services.settings.stale_after_s) * 1000)
    with services.store.read() as connection:
        known = nodes.all_nodes(connection)
        heard = nodes.statuses(connection)
        reports = nodes.mesh_reports(connection)
    parents = {node_id: int(report["parent"]) for node_id, report in reports.items()}
    return schemas.FieldLayer(
        nodes=[
            _node(node, heard.get(node.node_id), reports.get(node.node_id), parents, since_ms)
            for node in known.values()
        ],
        links=[link for node_id, report in reports.items() for link in _links(node_id, report)],
    )


def _node(
    node: Node,
    status: NodeStatus | None,
    report: dict[str, Any] | None,
    parents: dict[int, int],
    since_ms: int,
) -> schemas.FieldNode:
    hello = dict(status.hello) if status and status.hello else {}
    seen_ms = status.last_seen_ms if status else 0
    told = report or {}
    has_way = bool(told) and told["hops"] != NO_WAY
    return schemas.FieldNode(
        node_id=node.node_id,
        label=node.label,
        kind=kind_name(node.kind),
        feeder_node=node.feeder_node,
        has_radio=report is not None,
        hops=told["hops"] if has_way else None,
        route=_route(node.node_id, parents) if has_way else [],
        parent_id=told.get("parent") or None,
        transport=told.get("transport"),
        supply_bp=told.get("supply_bp"),
        waiting=told.get("waiting"),
        lost=told.get("lost"),
        trust_pm=None,
        firmware=(status.firmware or None) if status else None,
        uptime_s=hello.get("uptime_s"),
        boot_cause=hello.get("reset_cause"),
        spooled=hello.get("spooled"),
        last_seen_ms=seen_ms or None,
        reported_ms=told.get("received_ms"),
        stale=seen_ms < since_ms,
        revoked=node.revoked_at is not None,
    )


def _route(node_id: int, parents: dict[int, int]) -> list[int]:
    """From parent to parent; reports of different ages may contradict, then it ends there."""
    route = [node_id]
    while (parent := parents.get(route[-1], 0)) and parent not in route:
        route.append(parent)
    return route


def _links(node_id: int, report: dict[str, Any]) -> list[schemas.FieldLink]:
    return [
        schemas.FieldLink(
            node_id=node_id,
            neighbour_id=near["node"],
            rssi_dbm=near["rssi_dbm"],
            quality_pm=near["quality"] * 1000 // _QUALITY_FULL,
            parent=near["node"] == report["parent"],
        )
        for near in report["neighbours"]
    ]
