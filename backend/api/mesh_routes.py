"""What everybody may ask of the mesh: trust, and the cleared sessions that it is from."""

from __future__ import annotations

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import Field

from backend.api import mesh_schemas as schemas
from backend.api import requests
from backend.api.answer import answer, described
from backend.api.services import Services
from backend.chain.contracts import ContractError
from backend.chain.rpc import NodeUnreachableError, RpcError
from backend.mesh.judging import NOT_BROKEN
from backend.mesh.trust import TrustTable
from backend.oracle.mesh import TRUST_WINDOW_S
from backend.telemetry import mesh
from backend.telemetry.mesh import ClearedSession


class SessionsQuery(requests.Asked):
    """How many, and of which node."""

    limit: int = Field(50, ge=1, le=500)
    node: int | None = Field(None, ge=1, lt=2**32)


def mesh_blueprint(services: Services) -> APIBlueprint:
    """Trust and sessions: all of it follows from the chain, for everybody."""
    api = APIBlueprint(
        "mesh",
        __name__,
        url_prefix="/api",
        abp_tags=[Tag(name="mesh", description="Who carries other people's messages")],
    )

    @api.get("/mesh/trust", responses=described(schemas.MeshTrust))
    def trust() -> Response:
        """Trust of every node, and hops that routes avoid."""
        table = services.mesh.shown()
        issued_at, _ = services.mesh.announcement()
        earned = mesh.paid_by_node(_last_day(services))
        return answer(
            schemas.MeshTrust(
                issued_at=issued_at,
                window_s=TRUST_WINDOW_S,
                fee_micro_inr=_fee(services),
                nodes=_nodes(table, earned),
                avoided=[schemas.MeshHop(nodes=pair) for pair in sorted(table.avoided)],
            )
        )

    @api.get("/mesh/sessions", responses=described(schemas.MeshSessions, 400))
    def sessions(query: SessionsQuery) -> Response:
        """Cleared sessions of the last day: routes, counts, what was paid."""
        found = [
            one
            for one in _last_day(services)
            if query.node is None or query.node in one.cleared.route
        ]
        shown = [_session(one) for one in found[: query.limit]]
        return answer(schemas.MeshSessions(sessions=shown))

    return api


def _last_day(services: Services) -> list[ClearedSession]:
    with services.store.read() as connection:
        return mesh.cleared_since(connection, int(services.clock()) - TRUST_WINDOW_S)


def _fee(services: Services) -> int | None:
    client = services.chain.clients.mesh
    if client is None:
        return None
    try:
        # The argument is a session's beginning; a rounded one keeps the answer in the cache.
        now = int(services.clock()) // 60 * 60
        return services.chain.views.ask(client.fee_at(now), max_age_s=60.0)
    except (NodeUnreachableError, RpcError, ContractError):
        return None


def _nodes(table: TrustTable, earned: dict[int, int]) -> list[schemas.MeshNode]:
    return [
        schemas.MeshNode(
            node_id=node,
            trust=found.trust,
            relayed=found.relayed,
            unbroken=found.unbroken,
            honest_energy=found.honest_energy,
            counterparts=found.counterparts,
            routes=found.routes,
            breaks=found.breaks,
            excluded=found.excluded,
            earned_micro_inr=earned.get(node, 0),
        )
        for node, found in sorted(table.nodes.items())
    ]


def _session(one: ClearedSession) -> schemas.MeshSession:
    cleared = one.cleared
    return schemas.MeshSession(
        receipt_id=one.receipt_id,
        started_at=cleared.started_at,
        route=list(cleared.route),
        energies=list(cleared.energies),
        sent=cleared.sent,
        delivered=cleared.delivered,
        broken_hop=None if cleared.broken_hop == NOT_BROKEN else cleared.broken_hop,
        reporters=[n for i, n in enumerate(cleared.route) if cleared.reporters >> i & 1],
        payer=one.payer,
        paid_micro_inr=one.paid_micro_inr,
        cleared_at=one.cleared_at,
        tx_hash=one.tx_hash,
    )
