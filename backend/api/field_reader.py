"""The field layer as its nodes tell of it, in HELLO and MESH frames, and by nothing else."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from backend.api import field_schemas as schemas
from backend.api.services import Services
from backend.api.slot_reader import kind_name
from backend.mesh import neighbours
from backend.telemetry import nodes, routes, statements
from backend.telemetry.nodes import Node, NodeStatus

_QUALITY_FULL = 255
_MOST_CHANGES = 50


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of all nodes, each by node."""

    heard: Mapping[int, NodeStatus]
    reports: Mapping[int, Mapping[str, Any]]
    routes: Mapping[int, list[int]]
    trust_pm: Mapping[int, int]
    elements: Mapping[int, schemas.FieldElement]
    since_ms: int


def read_field(
    services: Services, only: Collection[int] | None = None, changes_after: int = 0
) -> schemas.FieldLayer:
    """Every provisioned node, every link that a node has told of, and how ways changed.

    Args:
        only: nodes to tell of; None for all.
        changes_after: id of the newest change that is known already.
    """
    trust_pm = services.mesh.trust_pm()
    with services.store.read() as connection:
        provisioned = nodes.all_nodes(connection)
        reports = nodes.mesh_reports(connection)
        known = _Known(
            heard=nodes.statuses(connection),
            reports=reports,
            routes=neighbours.routes(reports),
            trust_pm=trust_pm,
            elements=_elements(connection),
            since_ms=int((services.clock() - services.settings.stale_after_s) * 1000),
        )
        changes = routes.newest(connection, _MOST_CHANGES, changes_after)
    return schemas.FieldLayer(
        nodes=[
            _node(services, node, known)
            for node in provisioned.values()
            if only is None or node.node_id in only
        ],
        links=[
            link
            for node_id, report in reports.items()
            if only is None or node_id in only
            for link in _links(node_id, report)
        ],
        changes=[
            schemas.RouteChange(
                id=change.id,
                node_id=change.node_id,
                route=list(change.route),
                before=list(change.before),
                transport=change.transport,  # type: ignore[arg-type]  # one of TRANSPORTS
                at_ms=change.received_ms,
            )
            for change in changes
        ],
    )


def _node(services: Services, node: Node, known: _Known) -> schemas.FieldNode:
    node_id = node.node_id
    status = known.heard.get(node_id)
    hello = dict(status.hello) if status and status.hello else {}
    seen_ms = status.last_seen_ms if status else 0
    report = known.reports.get(node_id)
    told = report or {}
    return schemas.FieldNode(
        node_id=node_id,
        label=node.label,
        kind=kind_name(node.kind),
        hardware=hello.get("hardware"),
        feeder_node=node.feeder_node,
        line=services.pipeline.line_of(node_id),
        has_radio=report is not None,
        hops=told["hops"] if told and told["hops"] != neighbours.NO_WAY else None,
        route=known.routes.get(node_id, []),
        parent_id=told.get("parent") or None,
        transport=told.get("transport"),
        supply_bp=told.get("supply_bp"),
        waiting=told.get("waiting"),
        lost=told.get("lost"),
        trust_pm=known.trust_pm.get(node_id),
        firmware=(status.firmware or None) if status else None,
        uptime_s=hello.get("uptime_s"),
        boot_cause=hello.get("reset_cause"),
        spooled=hello.get("spooled"),
        last_seen_ms=seen_ms or None,
        reported_ms=told.get("received_ms"),
        stale=seen_ms < known.since_ms,
        revoked=node.revoked_at is not None,
        element=known.elements.get(node_id),
    )


def _elements(connection: sa.Connection) -> dict[int, schemas.FieldElement]:
    """By meter its newest enrolment."""
    found = {}
    for meter, enrolled in statements.elements(connection).items():
        newest = enrolled[-1]
        said = statements.last(connection, meter, newest.enrolment)
        found[meter] = schemas.FieldElement(
            enrolment=newest.enrolment,
            since=newest.since,
            until=newest.until or None,
            counter=said.counter if said else None,
            signed_at=said.time if said else None,
        )
    return found


def _links(node_id: int, report: Mapping[str, Any]) -> list[schemas.FieldLink]:
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
