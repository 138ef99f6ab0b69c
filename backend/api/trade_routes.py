"""What everybody may ask of auctions and of the ties to other grids."""

from __future__ import annotations

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import Field

from backend.api import requests
from backend.api import trade_schemas as schemas
from backend.api.answer import answer, described
from backend.api.errors import ApiError
from backend.api.services import Services
from backend.api.trade_reader import TradeReader

_U63 = (1 << 63) - 1


class LotPath(requests.Asked):
    """A lot."""

    lot: int = Field(ge=0, le=_U63)


class FlowsQuery(requests.Asked):
    """How many slots of each agreement."""

    limit: int = Field(96, ge=1, le=1000)


def trade_blueprint(services: Services) -> APIBlueprint:
    """Lots and bids, agreements and flows: all of it is on chain for everybody."""
    api = APIBlueprint(
        "trades",
        __name__,
        url_prefix="/api",
        abp_tags=[Tag(name="trades", description="Auctions, and ties to other grids")],
    )
    reader = TradeReader(services.store, services.chain)

    @api.get("/auctions", responses=described(schemas.LotPage, 400))
    def auctions(query: requests.Page) -> Response:
        """Lots of surplus energy, newest first."""
        return answer(reader.lots(query.limit, query.before, services.clock()))

    @api.get("/auctions/<int:lot>", responses=described(schemas.LotWithBids, 404))
    def auction(path: LotPath) -> Response:
        """One lot and its bids."""
        found = reader.lot(path.lot, services.clock())
        if found is None:
            raise ApiError(404, "unknown_lot", f"there is no lot {path.lot}", "lot")
        return answer(found)

    @api.get("/interconnection", responses=described(schemas.Interconnection, 400))
    def interconnection(query: FlowsQuery) -> Response:
        """Agreements with other grids: terms, what flowed slot by slot, disputes."""
        return answer(reader.interconnection(query.limit))

    return api
