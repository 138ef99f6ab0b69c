"""What everybody may ask: health, configuration, slots, meters, relays, prices, events, summary."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import TypeAdapter, ValidationError

from backend.api import field_schemas, requests, schemas, service_schemas
from backend.api.answer import answer, described
from backend.api.errors import ApiError
from backend.api.field_reader import read_field
from backend.api.health import read_health
from backend.api.price_reader import read_history, read_price, read_round
from backend.api.services import Services
from backend.api.slot_reader import kind_name
from backend.api.summary import is_stale
from backend.chain.contracts import ContractError
from backend.chain.rpc import NodeUnreachableError, RpcError
from backend.chain.types import BillingMode
from backend.telemetry import events, nodes, terms
from backend.telemetry.events import ChainEvent
from backend.telemetry.terms import MeterTerms

_LOG = logging.getLogger(__name__)
_LOG_INDEX_BITS = 20
_CHAIN_NAMES = {
    1: "Ethereum",
    11155111: "Sepolia",
    17000: "Holesky",
    560048: "Hoodi",
    31337: "Local chain",
    1337: "Local chain",
}
_MOST_ASKED = 1_000
_SLOT_KEPT_S = 3_600  # a committed and settled slot changes no more


def public_blueprint(services: Services) -> APIBlueprint:
    """Routes without secrets."""
    api = APIBlueprint(
        "public", __name__, url_prefix="/api", abp_tags=[Tag(name="public", description="For all")]
    )
    _service_routes(api, services)
    _slot_routes(api, services)
    _community_routes(api, services)
    _event_routes(api, services)
    return api


def _service_routes(api: APIBlueprint, services: Services) -> None:
    @api.get("/health", responses=described(service_schemas.Health, 503))
    def health() -> Response:
        """Whether the service does its work; 503 if it cannot take readings."""
        found = read_health(services)
        return answer(found, 200 if found.store == "ok" else 503)

    @api.get("/summary", responses=described(schemas.Summary))
    def summary() -> Response:
        """The microgrid at a glance."""
        return answer(services.summary.read())

    @api.get("/config", responses=described(service_schemas.PublicConfig))
    def config() -> Response:
        """What a page needs to begin: the chain and the contracts."""
        return answer(public_config(services))


def _slot_routes(api: APIBlueprint, services: Services) -> None:
    @api.get("/slots", responses=described(schemas.SlotPage, 400))
    def slots(query: requests.Page) -> Response:
        """Slots, newest first."""
        return answer(services.slots.page(query.limit, query.before))

    @api.get("/slots/latest", responses=described(schemas.Slot, 404))
    def latest_slot() -> Response:
        """The newest slot on chain; before the first, the newest closed one."""
        found = services.slots.latest_committed() or services.slots.latest()
        if found is None:
            raise ApiError(404, "no_slot", "no slot is closed yet")
        return answer(found)

    @api.get("/slots/<int:slot>", responses=described(schemas.Slot, 404))
    def slot(path: requests.SlotPath) -> Response:
        """One slot."""
        found = services.slots.get(path.slot)
        if found is None:
            raise ApiError(404, "unknown_slot", f"slot {path.slot} was not closed here", "slot")
        final = found.state == "committed" and found.settled_at is not None
        return answer(found, max_age_s=_SLOT_KEPT_S if final else 0)


def _community_routes(api: APIBlueprint, services: Services) -> None:
    @api.get("/meters", responses=described(schemas.Meters))
    def meters() -> Response:
        """Every metering point, without readings."""
        return answer(schemas.Meters(meters=read_meters(services)))

    @api.get("/field", responses=described(field_schemas.FieldLayer))
    def field() -> Response:
        """Nodes, their radios and ways to the gateway, as they tell of themselves."""
        return answer(read_field(services))

    @api.get("/relays", responses=described(schemas.Relays, 503))
    def relays() -> Response:
        """Every relay, and the order in which they are shed."""
        return answer(services.relays.overview())

    @api.get("/prices", responses=described(schemas.PriceHistory, 400, 503))
    def prices(query: requests.PricesQuery) -> Response:
        """Prices now and before."""
        now = read_price(services.chain, services.clock())
        history = read_history(services.store, now.source, query.since)
        return answer(schemas.PriceHistory(**now.model_dump(), history=history))

    @api.get("/prices/<int:round>", responses=described(schemas.PriceRound, 404))
    def price_round(path: requests.RoundPath) -> Response:
        """Why a price was what it was: what each node saw and thought, and what was made of it."""
        found = read_round(services.store, path.round)
        if found is None:
            raise ApiError(404, "unknown_round", f"price round {path.round} is not known", "round")
        return answer(found)


def _event_routes(api: APIBlueprint, services: Services) -> None:
    @api.get("/events", responses=described(schemas.EventPage, 400))
    def chain_events(query: requests.EventsQuery) -> Response:
        """Decoded events of the contracts, newest first."""
        return answer(_events(services, query, name=query.name))

    @api.get("/history", responses=described(schemas.EventPage, 400))
    def history(query: requests.HistoryQuery) -> Response:
        """Events that name an account, newest first."""
        return answer(_events(services, query, account=query.account))


# ---- readers -----------------------------------------------------------------------------------


def read_meters(services: Services) -> list[schemas.Meter]:
    """Every metering point: provisioned here, with holder and mode from the chain."""
    since_ms = int((services.clock() - services.settings.stale_after_s) * 1000)
    with services.store.read() as connection:
        provisioned = nodes.all_nodes(connection)
        heard = nodes.statuses(connection)
        in_force = terms.all_terms(connection)
    standing = _standing(services, in_force)
    switches: dict[int, list[int]] = {}
    for view in services.relays.known_switches():
        switches.setdefault(view.config.meter, []).append(view.switch_id)
    return [
        schemas.Meter(
            meter_id=node.node_id,
            label=node.label,
            kind=kind_name(node.kind),
            feeder_node=node.feeder_node,
            mode=mode_name(standing.get(node.node_id, _UNHELD)[0]),
            claimed=standing.get(node.node_id, _UNHELD)[1],
            stale=is_stale(heard, node.node_id, since_ms),
            last_seen_ms=(heard[node.node_id].last_seen_ms or None)
            if node.node_id in heard
            else None,
            relays=sorted(switches.get(node.node_id, [])),
        )
        for node in provisioned.values()
        if node.kind
    ]


_UNHELD = (int(BillingMode.COMMUNITY), False)


def _standing(
    services: Services, in_force: Mapping[int, MeterTerms]
) -> dict[int, tuple[int, bool]]:
    """Mode and whether somebody holds it, for each registered meter.

    The chain knows a claim at once; the terms that our store knows begin with the next settlement.
    Those do for communities too large to be asked for at each look, and while the node is away.
    """
    stored = {meter: (known.mode, known.holder is not None) for meter, known in in_force.items()}
    if len(stored) > _MOST_ASKED:
        return stored
    ids = list(stored)
    try:
        meters = services.chain.views.meters(ids)
    except (NodeUnreachableError, RpcError, ContractError):
        return stored
    return {
        meter_id: (int(meter.mode), meter.claimed)
        for meter_id, meter in zip(ids, meters, strict=True)
    }


def mode_name(mode: int) -> schemas.Mode:
    """A BillingMode by name."""
    name: schemas.Mode = BillingMode(mode).name.lower()  # type: ignore[assignment]  # by a test
    return name


def event_answer(event: ChainEvent) -> schemas.ChainEvent:
    """A chain event as the API shows it."""
    return schemas.ChainEvent(
        name=event.name,
        contract=event.contract,
        args=dict(event.args),
        transaction=event.tx_hash,
        block=event.block,
        log_index=event.log_index,
        at=event.timestamp,
    )


def _events(
    services: Services, page: requests.Page, name: str | None = None, account: str | None = None
) -> schemas.EventPage:
    before = None
    if page.before is not None:
        before = (page.before >> _LOG_INDEX_BITS, page.before & ((1 << _LOG_INDEX_BITS) - 1))
    with services.store.read() as connection:
        found = events.query(
            connection, name=name, account=account, before=before, limit=page.limit + 1
        )
    shown = found[: page.limit]
    last = shown[-1] if len(found) > page.limit else None
    return schemas.EventPage(
        events=[event_answer(event) for event in shown],
        next_before=(last.block << _LOG_INDEX_BITS | last.log_index) if last else None,
    )


def public_config(services: Services) -> service_schemas.PublicConfig:
    """What a page needs to begin."""
    settings, chain = services.settings, services.chain
    deployment = chain.deployment
    return service_schemas.PublicConfig(
        chain_id=chain.chain_id,
        chain_name=_CHAIN_NAMES.get(chain.chain_id, f"Chain {chain.chain_id}"),
        rpc_url=settings.browser_rpc_url,
        explorer_url=settings.explorer_on(chain.chain_id),
        slot_seconds=deployment.slot_seconds,
        deployment={
            name: service_schemas.DeployedContract(address=contract.address, abi=list(contract.abi))
            for name, contract in deployment.contracts.items()
        },
        demo_wallets=_demo_wallets(settings.keys_dir / "demo-wallets.json")
        if services.is_demo
        else None,
        demo_field=services.is_demo and settings.demo_control_url is not None,
    )


def _demo_wallets(path: Path) -> list[service_schemas.DemoWallet]:
    """Wallets with well-known keys; asked for on the demo's own chain only."""
    try:
        document = json.loads(path.read_text())
        return TypeAdapter(list[service_schemas.DemoWallet]).validate_python(document)
    except FileNotFoundError:
        return []
    except (OSError, ValueError, ValidationError) as error:
        _LOG.warning("%s is not used: %s", path, error)
        return []
