"""Prices as the API shows them."""

from __future__ import annotations

from typing import Any

from backend.api import schemas
from backend.chain.context import ChainContext
from backend.chain.contracts import Call, integer
from backend.telemetry import events
from backend.telemetry.store import Store

_HISTORY = 500
_ROUNDED_S = 300.0  # how long the market's limits, which change by a vote, are taken as known


def read_price(chain: ChainContext, now_s: float) -> schemas.Price:
    """What a kWh and an ether are worth. Raises NodeUnreachableError."""
    source = chain.views.price_source()
    calls: list[Call[Any]] = [source.prices(), chain.clients.desk.ether_rate()]
    prices, rate = chain.views.ask_many(calls)
    limits = chain.views.ask(chain.clients.market.parameters(), max_age_s=_ROUNDED_S)
    return schemas.Price(
        buy_micro_inr_per_kwh=prices.buy_micro_inr_per_kwh,
        sell_micro_inr_per_kwh=prices.sell_micro_inr_per_kwh,
        updated_at=prices.updated_at,
        stale=prices.updated_at + limits.max_price_age_s < now_s,
        ether_micro_inr=rate.micro_inr_per_ether,
    )


def read_history(store: Store) -> list[schemas.PostedPrice]:
    """The last prices posted, oldest first."""
    with store.read() as connection:
        posted = events.query(
            connection, contract="PostedPrice", name="PricesPosted", limit=_HISTORY
        )
    return [
        schemas.PostedPrice(
            at=event.timestamp,
            buy_micro_inr_per_kwh=integer(event.args["buyPrice"]),
            sell_micro_inr_per_kwh=integer(event.args["sellPrice"]),
        )
        for event in reversed(posted)
    ]
