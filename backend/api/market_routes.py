"""The day-ahead market and the pool: for everybody, for a household, and for its robot."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import Field

from backend.api import market_schemas as schemas
from backend.api import requests
from backend.api.answer import answer, described, signed_in
from backend.api.errors import ApiError
from backend.api.market_reader import MarketReader
from backend.api.services import Services
from backend.api.sign_in import RateLimit
from backend.chain.contracts import Call
from backend.chain.market_clients import MarketClients, Placement, Side
from backend.telemetry import outbox

_MOST_SLOTS = 3_000
"""Of a statement: a month of quarter-hours."""
_GAS = 200_000
_GAS_PER_ORDER = 160_000
_PRIORITY = 3
_U63 = (1 << 63) - 1


class PlacedOrder(requests.Asked):
    """An order as it is signed."""

    slot: int = Field(ge=0, lt=2**63)
    side: Literal["bid", "offer"]
    tick: int = Field(ge=1, le=1_000, description="limit price in ticks")
    energy_wh: int = Field(ge=1, lt=2**31)


class SignedOrders(requests.Asked):
    """Orders of a meter, signed by its holder (EIP-712 OrderBatch of DayAheadMarket)."""

    meter_id: requests.MeterId
    orders: Annotated[list[PlacedOrder], Field(min_length=1, max_length=64)]
    deadline: int = Field(ge=0, le=_U63, description="Unix seconds; not placed after it")
    signature: str = Field(
        pattern=r"^0x([0-9a-fA-F]{2})+$", max_length=2 + 2 * 4096, description="0x hex"
    )


class StatementQuery(requests.Asked):
    """Which slots: those that begin from `from` up to `to`."""

    start: int = Field(alias="from", ge=0, le=2**40, description="Unix seconds")
    end: int = Field(alias="to", ge=0, le=2**40, description="Unix seconds")


def market_blueprint(services: Services) -> APIBlueprint:
    """Routes of the markets."""
    api = APIBlueprint(
        "markets",
        __name__,
        url_prefix="/api",
        abp_tags=[Tag(name="markets", description="Day ahead and in real time")],
    )
    _public_routes(api, services)
    _household_routes(api, services)
    _robot_route(api, services)
    return api


def _reader(services: Services) -> MarketReader:
    return MarketReader(services.store, services.chain, services.chain.clients.markets)


def _public_routes(api: APIBlueprint, services: Services) -> None:
    @api.get("/markets", responses=described(schemas.Markets, 503))
    def rules() -> Response:
        """The markets' rules, and which slots take orders now."""
        return answer(_reader(services).rules(services.clock()))

    @api.get("/markets/day-ahead/<int:slot>", responses=described(schemas.DayAheadSlot, 404, 503))
    def day_ahead(path: requests.SlotPath) -> Response:
        """A slot's book by price, and how it was cleared."""
        return answer(_reader(services).day_ahead(path.slot, services.clock()))

    @api.get("/markets/pool/<int:slot>", responses=described(schemas.PoolSlot, 404))
    def pool(path: requests.SlotPath) -> Response:
        """A closed slot of the real-time pool."""
        found = _reader(services).pool(path.slot)
        if found is None:
            message = f"slot {path.slot} of the pool is not closed (yet)"
            raise ApiError(404, "not_closed", message, "slot")
        return answer(found)


def _household_routes(api: APIBlueprint, services: Services) -> None:
    @api.get(
        "/meters/<int:meter>/orders",
        responses=described(schemas.OrderPage, 400, 401, 403, 404, 503),
        security=signed_in(),
    )
    def orders(path: requests.MeterPath, query: requests.Page) -> Response:
        """The holder's orders for a meter, newest first."""
        permission = services.access.holder(path.meter)
        holder = permission.account or ""
        return answer(_reader(services).orders(path.meter, holder, query.limit, query.before))

    @api.get(
        "/meters/<int:meter>/statements",
        responses=described(schemas.Statement, 400, 401, 403, 404),
        security=signed_in(),
    )
    def statements(path: requests.MeterPath, query: StatementQuery) -> Response:
        """What the holder ordered, traded, delivered and paid, slot by slot."""
        permission = services.access.holder(path.meter)
        seconds = services.chain.deployment.slot_seconds
        first, last = -(-query.start // seconds), query.end // seconds
        if last - first >= _MOST_SLOTS:
            message = f"{last - first + 1} slots are too many at once: ask for {_MOST_SLOTS}"
            raise ApiError(400, "too_long", message, "to")
        holder = permission.account or ""
        return answer(_reader(services).statement(path.meter, holder, first, last))


def _robot_route(api: APIBlueprint, services: Services) -> None:
    limit = RateLimit(services.settings.auth_requests_per_minute, 60.0)

    @api.post("/markets/orders", responses=described(schemas.OrdersQueued, 400, 429, 503))
    def place(body: SignedOrders) -> Response:
        """Sends orders that a meter's holder has signed; the signature is all it takes.

        They are tried on the chain first: what the market would refuse is refused here, with its
        reason. The same orders sent again are the same orders.
        """
        wait_s = limit.wait_s(request.remote_addr or "")
        if wait_s > 0:
            message = "too many orders from this address: wait a little"
            raise ApiError(429, "too_many_requests", message, retry_after_s=int(wait_s) + 1)
        return answer(queue_orders(services, services.chain.clients.markets, body))


def queue_orders(
    services: Services, clients: MarketClients, body: SignedOrders
) -> schemas.OrdersQueued:
    """Tries signed orders on the chain and writes them to the outbox; ApiError if refused."""
    orders = [
        Placement(o.slot, Side.BID if o.side == "bid" else Side.OFFER, o.tick, o.energy_wh)
        for o in body.orders
    ]
    views, market, relayer = services.chain.views, clients.day_ahead, services.chain.relayer.address
    signature = bytes.fromhex(body.signature[2:])
    call: Call[Any] = market.place_signed(body.meter_id, orders, body.deadline, signature)
    trader = views.ask(clients.pool.trader_of(body.meter_id))
    nonce = views.ask(market.nonces(trader), max_age_s=0.0)
    digest = views.ask(market.order_digest(body.meter_id, orders, nonce, body.deadline))
    (refusal,) = views.try_many([call], block="pending", sender=relayer)
    if isinstance(refusal, Exception):
        raise ApiError(400, "refused", f"the market would refuse these orders: {refusal}")
    with services.store.write() as connection:
        outbox.add(
            connection,
            key=f"orders:{digest.hex()}",
            sender=relayer,
            target=call.target,
            data=call.data,
            gas=_GAS + _GAS_PER_ORDER * len(orders) + 16 * len(call.data),
            priority=_PRIORITY,
            now_ms=int(services.clock() * 1000),
        )
    return schemas.OrdersQueued(digest="0x" + digest.hex())
