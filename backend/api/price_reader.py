"""Prices as the API shows them, and why they are what they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.api import schemas
from backend.chain.context import ChainContext
from backend.chain.contracts import Call, integer
from backend.telemetry import events, prices
from backend.telemetry.prices import StoredOpinion, StoredRound
from backend.telemetry.store import Store

_HISTORY = 500
_ROUNDED_S = 300.0  # how long the market's limits, which change by a vote, are taken as known


def read_price(chain: ChainContext, now_s: float) -> schemas.Price:
    """What a kWh and an ether are worth. Raises NodeUnreachableError."""
    source = chain.views.price_source()
    calls: list[Call[Any]] = [source.prices(), chain.clients.desk.ether_rate()]
    found, rate = chain.views.ask_many(calls)
    limits = chain.views.ask(chain.clients.market.parameters(), max_age_s=_ROUNDED_S)
    known: dict[int, schemas.PriceSource] = {
        id(chain.clients.price): "posted",
        id(chain.clients.feed): "feed",
    }
    return schemas.Price(
        source=known.get(id(source), "other"),
        buy_micro_inr_per_kwh=found.buy_micro_inr_per_kwh,
        sell_micro_inr_per_kwh=found.sell_micro_inr_per_kwh,
        updated_at=found.updated_at,
        stale=found.updated_at + limits.max_price_age_s < now_s,
        ether_micro_inr=rate.micro_inr_per_ether,
    )


def read_history(store: Store, source: schemas.PriceSource, since: int) -> list[schemas.PriceAt]:
    """The last prices of a source from second `since` on, oldest first."""
    with store.read() as connection:
        if source == "feed":
            rounds = prices.accepted_since(connection, since, _HISTORY)
            return [_accepted(found) for found in rounds]
        posted = events.query(
            connection, contract="PostedPrice", name="PricesPosted", limit=_HISTORY
        )
    return [
        schemas.PriceAt(
            at=event.timestamp,
            buy_micro_inr_per_kwh=integer(event.args["buyPrice"]),
            sell_micro_inr_per_kwh=integer(event.args["sellPrice"]),
            round=None,
        )
        for event in reversed(posted)
        if event.timestamp >= since
    ]


def read_round(store: Store, round_id: int) -> schemas.PriceRound | None:
    """A price round with what each node thought; None if it was neither decided nor accepted."""
    with store.read() as connection:
        found = prices.get(connection, round_id)
        opinions = prices.opinions(connection, round_id)
    if found is None:
        return None
    counted = {seen["signer"]: seen for seen in found.observations or ()}
    stated = [_opinion(o, o.signer in counted) for o in opinions]
    heard = {o.signer for o in opinions}
    stated += [  # counted, but it never told why
        schemas.PriceOpinion(
            signer=signer,
            price_micro_inr_per_kwh=seen["price"],
            observed_at=seen["observed_at"],
            counted=True,
            terms=None,
        )
        for signer, seen in counted.items()
        if signer not in heard
    ]
    return schemas.PriceRound(
        round=found.round_id,
        epoch=found.epoch,
        leader=found.leader,
        view=found.view,
        median_micro_inr_per_kwh=found.median,
        buy_micro_inr_per_kwh=found.price,
        sell_micro_inr_per_kwh=found.sell_price,
        previous_micro_inr_per_kwh=found.previous_price,
        observed_at=found.observed_at,
        accepted_at=found.accepted_at,
        transaction=found.tx_hash,
        capped=found.price != found.median,
        opinions=stated,
    )


def _accepted(found: StoredRound) -> schemas.PriceAt:
    return schemas.PriceAt(
        at=found.accepted_at or 0,
        buy_micro_inr_per_kwh=found.price or 0,
        sell_micro_inr_per_kwh=found.sell_price or 0,
        round=found.round_id,
    )


def _opinion(stored: StoredOpinion, counted: bool) -> schemas.PriceOpinion:
    return schemas.PriceOpinion(
        signer=stored.signer,
        price_micro_inr_per_kwh=stored.price or 0,
        observed_at=stored.observed_at or 0,
        counted=counted,
        terms=_terms(stored.terms),
    )


def _terms(terms: Mapping[str, Any] | None) -> schemas.PriceTerms | None:
    """A node's terms, if they are what a node sends."""
    try:
        if terms is None:
            return None
        inputs, demand, learned = terms["inputs"], terms["demand"], terms.get("learned")
        return schemas.PriceTerms(
            demand_w=inputs["demand_w"],
            renewable_w=inputs["renewable_w"],
            soc_bp=inputs["soc_bps"],
            bid_micro_inr_per_kwh=inputs["bid_micro_inr_per_kwh"],
            average_micro_inr_per_kwh=inputs["average_micro_inr_per_kwh"],
            cost_micro_inr_per_kwh=terms["cost"],
            alpha_milliwatt=demand["alpha_milliwatt"],
            beta_milliwatt_per_inr=demand["beta_milliwatt_per_inr"],
            gamma_milliwatt_per_inr=terms["gamma_milliwatt_per_inr"],
            net_alpha_milliwatt=terms["net_demand"]["alpha_milliwatt"],
            best_micro_inr_per_kwh=terms["unbounded"],
            local_micro_inr_per_kwh=terms["local"],
            clamped=terms["unbounded"] != (learned["closed_form"] if learned else terms["price"]),
            formed_by="agent" if learned and learned["price"] is not None else "closed_form",
            learned=_learned(learned),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _learned(terms: Mapping[str, Any] | None) -> schemas.LearnedTerms | None:
    if terms is None:
        return None
    return schemas.LearnedTerms(
        reason=terms["reason"],
        price_micro_inr_per_kwh=terms["price"],
        price_before_micro_inr_per_kwh=terms["price_before"],
        closed_form_micro_inr_per_kwh=terms["closed_form"],
    )
