"""Cars that charge and discharge: what all may see, and what an owner hands in.

All of it is on chain for everybody but an authorisation that waits for the car to be plugged in.
"""

from __future__ import annotations

from eth_utils.crypto import keccak
from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import Field

from backend.api import requests
from backend.api import v2g_schemas as schemas
from backend.api.answer import answer, described
from backend.api.errors import ApiError
from backend.api.services import Services
from backend.api.v2g_reader import V2GReader
from backend.api.wallet_signature import is_signed_digest
from backend.chain.context import ChainContext
from backend.chain.v2g import Authorisation, V2GClients, signable_authorisation
from backend.telemetry import v2g
from backend.telemetry.v2g import Consent

_U31 = (1 << 31) - 1
_U32 = (1 << 32) - 1
_U40 = (1 << 40) - 1
_U53 = (1 << 53) - 1


class SessionPath(requests.Asked):
    """A session of the contract."""

    session: int = Field(ge=1, le=_U53)


class CarsQuery(requests.Asked):
    """Whose cars; without an owner, all."""

    owner: requests.Address | None = None


class SessionsQuery(requests.Page):
    """Which sessions."""

    ev: int | None = Field(None, ge=1, le=_U31)
    owner: requests.Address | None = None


class AuthorisationBody(requests.Asked):
    """What the owner has signed (EIP-712, see IV2GExchange.Authorisation)."""

    ev: int = Field(ge=1, le=_U32)
    charge_point: int = Field(ge=1, le=_U32, description="its meter")
    max_price: int = Field(ge=0, le=_U53, description="micro-rupees per kWh")
    min_reward: int = Field(ge=0, le=_U53)
    reserve_bps: int = Field(ge=0, le=10_000)
    target_bps: int = Field(ge=0, le=10_000)
    departure_slot: int = Field(ge=0, le=_U40)
    max_cost_micro_inr: int = Field(ge=0, le=_U53)
    nonce: int = Field(ge=0, le=_U53)
    valid_until: int = Field(ge=0, le=_U40)
    signature: str = Field(pattern=r"^0x([0-9a-fA-F]{2})+$", max_length=2 + 2 * 4096)


def v2g_blueprint(services: Services) -> APIBlueprint:
    """Overview, cars, sessions; and authorisations."""
    api = APIBlueprint(
        "v2g",
        __name__,
        url_prefix="/api",
        abp_tags=[Tag(name="cars", description="Cars that charge and discharge")],
    )

    def clients() -> V2GClients:
        found = services.chain.clients.v2g
        if found is None:
            raise ApiError(404, "no_exchange", "this deployment has no V2GExchange contract")
        return found

    def reader() -> V2GReader:
        slot_s = services.chain.deployment.slot_seconds
        scale = services.settings.time_scale_on(services.chain.chain_id, slot_s)
        return V2GReader(services.store, services.chain, clients(), slot_s * scale, services.clock)

    @api.get("/v2g", responses=described(schemas.Overview, 404))
    def overview() -> Response:
        """Grid state, prices, the budget for rewards and charge points."""
        return answer(reader().overview())

    @api.get("/v2g/cars", responses=described(schemas.Cars, 400, 404))
    def cars(query: CarsQuery) -> Response:
        """Registered cars, and where they are."""
        return answer(reader().cars(query.owner))

    @api.get("/v2g/sessions", responses=described(schemas.SessionPage, 400, 404))
    def sessions(query: SessionsQuery) -> Response:
        """Sessions, newest first."""
        return answer(reader().sessions(query.limit, query.before, query.ev, query.owner))

    @api.get("/v2g/sessions/<int:session>", responses=described(schemas.SessionDetail, 404))
    def session(path: SessionPath) -> Response:
        """A session, slot by slot."""
        found = reader().session(path.session)
        if found is None:
            raise ApiError(404, "unknown_session", f"there is no session {path.session}", "session")
        return answer(found)

    @api.post("/v2g/authorisations", responses=described(schemas.Accepted, 400, 404, 409))
    def authorise(body: AuthorisationBody) -> Response:
        """Keeps what an owner has signed until the car is plugged in; then the session begins."""
        _keep(services, clients(), body)
        kept = schemas.Accepted(ev_id=body.ev, nonce=body.nonce, charge_point=body.charge_point)
        return answer(kept, 201)

    return api


def owner_of_car(chain: ChainContext, ev_id: int, field: str) -> str:
    """Whose car it is; ApiError 404, naming `field`, if there is no such car in use."""
    clients = chain.clients.v2g
    if clients is not None:
        car = chain.views.ask(clients.vehicles.ev_of(ev_id), max_age_s=0.0)
        owner = str(car["owner"])
        if int(owner, 16) != 0 and not car["retired"]:
            return owner
    raise ApiError(404, "unknown_car", f"there is no car {ev_id} in use", field)


def _keep(services: Services, clients: V2GClients, body: AuthorisationBody) -> None:
    """Stores the authorisation if its owner has signed it and the contract could still take it."""
    chain, now = services.chain, int(services.clock())
    agreed = Authorisation(**body.model_dump(exclude={"signature"}))
    owner = owner_of_car(chain, agreed.ev, "ev")
    asked = clients.vehicles.charge_point_of(agreed.charge_point)
    point: tuple[int, int] = chain.views.ask(asked)
    if not any(point):
        message = f"meter {agreed.charge_point} is no charge point"
        raise ApiError(404, "unknown_point", message, "charge_point")
    nonce, _ = chain.views.ask(clients.exchange.ev_state(agreed.ev), max_age_s=0.0)
    if agreed.nonce != nonce:
        raise ApiError(409, "wrong_nonce", f"the car's next nonce is {nonce}: sign again", "nonce")
    if agreed.valid_until <= now:
        raise ApiError(400, "expired", "the authorisation is over already", "valid_until")
    if agreed.departure_slot <= now // chain.deployment.slot_seconds:
        raise ApiError(400, "departed", "the departure is over already", "departure_slot")
    signature = bytes.fromhex(body.signature[2:])
    signable = signable_authorisation(agreed, clients.exchange.contract.address, chain.chain_id)
    digest = keccak(b"\x19" + signable.version + signable.header + signable.body)
    if not is_signed_digest(chain, owner, digest, signature):
        raise ApiError(400, "bad_signature", f"the signature is not by {owner}", "signature")
    consent = Consent(
        agreed.ev,
        agreed.nonce,
        agreed.charge_point,
        body.model_dump(exclude={"signature"}),
        signature,
        now,
    )
    with services.store.write() as connection:
        v2g.put_consent(connection, consent)
