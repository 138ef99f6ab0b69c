"""What waits for the operator, and who of the operators looked at what."""

from __future__ import annotations

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from backend.api import requests, schemas
from backend.api.answer import answer, described, signed_in
from backend.api.errors import ApiError
from backend.api.household_routes import access_page
from backend.api.services import Services
from backend.telemetry import access, nodes, quarantine
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

    @api.get("/quarantine", responses=described(schemas.QuarantinePage, 401, 403))
    def waiting(query: requests.Page) -> Response:
        """Readings that cannot be true, newest first."""
        services.access.operator()
        with services.store.read() as connection:
            found = quarantine.waiting(connection, query.limit + 1, query.before)
        shown = found[: query.limit]
        return answer(
            schemas.QuarantinePage(
                quarantine=[_entry(frame) for frame in shown],
                next_before=shown[-1].id if len(found) > query.limit else None,
            )
        )

    @api.post(
        "/quarantine/<int:entry>/dismiss",
        responses=described(schemas.QuarantineEntry, 401, 403, 404),
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

    @api.get("/access", responses=described(schemas.AccessPage, 401, 403))
    def looks(query: requests.Page) -> Response:
        """What operators looked at."""
        services.access.operator()
        with services.store.read() as connection:
            found = access.of_operators(connection, query.limit + 1, query.before)
        return answer(access_page(found, query.limit))

    return api


def _entry(frame: QuarantinedFrame) -> schemas.QuarantineEntry:
    return schemas.QuarantineEntry(
        id=frame.id,
        node_id=frame.node_id,
        at=frame.received_ms // 1000,
        result=frame.result,
        detail=frame.detail,
        frame=frame.frame.hex(),
    )
