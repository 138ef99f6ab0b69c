"""What waits for the operator, and who of the operators looked at what."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from backend.api import requests, schemas, service_schemas
from backend.api.answer import answer, described, signed_in
from backend.api.errors import ApiError
from backend.api.household_routes import access_page
from backend.api.services import Services
from backend.api.slot_reader import kind_name
from backend.ingest import rotation
from backend.ingest.frame_values import NO_PIN, EventKind
from backend.ingest.keyring import KeyringError, read_keys
from backend.telemetry import access, nodes, quarantine, readings, statements
from backend.telemetry.nodes import Node, NodeEvent, NodeStatus
from backend.telemetry.quarantine import QuarantinedFrame


def operator_blueprint(services: Services) -> APIBlueprint:
    """Routes that need the operator's session."""
    api = APIBlueprint(
        "operator",
        __name__,
        url_prefix="/api/operator",
        abp_tags=[Tag(name="operator", description="With the operator's session")],
        abp_security=signed_in(),
    )
    _quarantine_routes(api, services)
    _node_routes(api, services)

    @api.get("/access", responses=described(schemas.AccessPage, 401, 403))
    def looks(query: requests.Page) -> Response:
        """What operators looked at."""
        services.access.operator()
        with services.store.read() as connection:
            found = access.of_operators(connection, query.limit + 1, query.before)
        return answer(access_page(found, query.limit))

    return api


def _quarantine_routes(api: APIBlueprint, services: Services) -> None:
    @api.get("/quarantine", responses=described(service_schemas.QuarantinePage, 401, 403))
    def waiting(query: requests.Page) -> Response:
        """Readings that cannot be true, newest first."""
        services.access.operator()
        with services.store.read() as connection:
            found = quarantine.waiting(connection, query.limit + 1, query.before)
        shown = found[: query.limit]
        return answer(
            service_schemas.QuarantinePage(
                quarantine=[_entry(frame) for frame in shown],
                next_before=shown[-1].id if len(found) > query.limit else None,
            )
        )

    @api.post(
        "/quarantine/<int:entry>/dismiss",
        responses=described(service_schemas.QuarantineEntry, 401, 403, 404),
    )
    def dismiss(path: requests.EntryPath) -> Response:
        """Marks a reading as dealt with. It is not booked; its meter's later readings are judged
        by their own step again. A replaced device is told on chain (`recordRebase`) instead."""
        services.access.operator()
        with services.store.write() as connection:
            found = quarantine.resolve(connection, path.entry, int(services.clock()))
            if found is not None:
                nodes.clear_suspicion(connection, found.node_id)
        if found is None:
            raise ApiError(404, "unknown_entry", f"entry {path.entry} does not wait", "entry")
        return answer(_entry(found))


def _node_routes(api: APIBlueprint, services: Services) -> None:
    @api.get("/nodes", responses=described(service_schemas.Nodes, 401, 403))
    def node_health() -> Response:
        """Every node's health."""
        services.access.operator()
        return answer(_read_nodes(services))

    @api.get("/node-events", responses=described(service_schemas.NodeEvents, 401, 403))
    def node_events(query: requests.Page) -> Response:
        """Trips, tampering, the grid lost and back, as nodes reported them."""
        services.access.operator()
        with services.store.read() as connection:
            found = nodes.events_of(connection, query.limit + 1, query.before)
        shown = found[: query.limit]
        return answer(
            service_schemas.NodeEvents(
                events=[_event(event) for event in shown],
                next_before=shown[-1].id if len(found) > query.limit else None,
            )
        )

    @api.post(
        "/nodes/<int:node>/revoke", responses=described(service_schemas.NodeHealth, 401, 403, 404)
    )
    def revoke(path: requests.NodePath) -> Response:
        """Refuses a node's frames from now on: its key is known to somebody else."""
        return _set_revoked(services, path.node, int(services.clock()))

    @api.post(
        "/nodes/<int:node>/rotate-key",
        responses=described(service_schemas.NodeHealth, 401, 403, 404, 409),
    )
    def rotate_key(path: requests.NodePath) -> Response:
        """Gives a node a new key over the air: wrapped under its present one, or, where the chain
        knows a secure element in it, agreed on without being sent. It is told at its next sign of
        life; both keys count until it has used the new one."""
        return _rotate_key(services, path.node)

    @api.post(
        "/nodes/<int:node>/restore", responses=described(service_schemas.NodeHealth, 401, 403, 404)
    )
    def restore(path: requests.NodePath) -> Response:
        """Takes a node's frames again, after its key was changed."""
        return _set_revoked(services, path.node, None)


def _set_revoked(services: Services, node_id: int, at: int | None) -> Response:
    services.access.operator()
    with services.store.write() as connection:
        known = nodes.revoke(connection, node_id, at)
    if not known:
        raise ApiError(404, "unknown_node", f"there is no node {node_id}", "node")
    return answer(next(n for n in _read_nodes(services).nodes if n.node_id == node_id))


def _rotate_key(services: Services, node_id: int) -> Response:
    services.access.operator()
    with services.store.read() as connection:
        revoked = nodes.revocations(connection).get(node_id)
        element = statements.in_force(connection).get(node_id)
        accepted = readings.frame_totals_by_node(connection).get(node_id, {}).get("accepted", 0)
    if revoked is None:
        raise ApiError(404, "unknown_node", f"there is no node {node_id}", "node")
    if revoked:
        message = f"node {node_id} is revoked: give it a new key by its console, then restore it"
        raise ApiError(409, "revoked_node", message, "node")
    ring_file, now = services.settings.keys_dir / "nodes.json", int(services.clock())
    try:
        if element is not None:
            rotation.agree(ring_file, node_id, element.public_key, now, accepted)
        else:
            rotation.wrap(ring_file, node_id, now, accepted)
    except KeyringError as error:
        raise ApiError(409, "key_change_under_way", str(error), "node") from error
    return answer(next(n for n in _read_nodes(services).nodes if n.node_id == node_id))


def _read_nodes(services: Services) -> service_schemas.Nodes:
    since_ms = int((services.clock() - services.settings.stale_after_s) * 1000)
    with services.store.read() as connection:
        known = nodes.all_nodes(connection)
        heard = nodes.statuses(connection)
        frames = readings.frame_totals_by_node(connection)
    offered = _offered(services.settings.keys_dir / "nodes.json")
    return service_schemas.Nodes(
        nodes=[
            _health(node, heard.get(node.node_id), frames.get(node.node_id, {}), since_ms, offered)
            for node in known.values()
        ],
        forgeries=frames.get(0, {}),
    )


def _offered(ring_file: Path) -> set[int]:
    """Nodes that are being given a new key; none if the ring cannot be read, which the log says."""
    try:
        return {node_id for node_id, key in read_keys(ring_file).items() if key.is_offered}
    except KeyringError:
        return set()


def _health(
    node: Node,
    status: NodeStatus | None,
    frames: dict[str, int],
    since_ms: int,
    offered: Collection[int],
) -> service_schemas.NodeHealth:
    seen_ms = status.last_seen_ms if status else 0
    return service_schemas.NodeHealth(
        node_id=node.node_id,
        label=node.label,
        kind=kind_name(node.kind),
        max_power_w=node.max_power_w,
        stale=seen_ms < since_ms,
        last_seen_ms=seen_ms or None,
        measured_at=(status.measured_at or None) if status else None,
        firmware=(status.firmware or None) if status else None,
        hello=dict(status.hello) if status and status.hello else None,
        frames=frames,
        revoked_at=node.revoked_at,
        key_offered=node.node_id in offered,
    )


def _event(event: NodeEvent) -> service_schemas.NodeEvent:
    return service_schemas.NodeEvent(
        id=event.id,
        node_id=event.node_id,
        kind=EventKind(event.kind).name.lower(),
        pin=None if event.pin == NO_PIN else event.pin,
        value=event.value,
        at=event.measured_at,
    )


def _entry(frame: QuarantinedFrame) -> service_schemas.QuarantineEntry:
    return service_schemas.QuarantineEntry(
        id=frame.id,
        node_id=frame.node_id,
        at=frame.received_ms // 1000,
        result=frame.result,
        detail=frame.detail,
        frame=frame.frame.hex(),
    )
