"""Price rounds: what each node thought, what they decided, what the chain accepted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from backend.telemetry.market_tables import price_opinions, price_rounds
from backend.telemetry.upsert import insert_or_keep


@dataclass(frozen=True, slots=True)
class StoredRound:
    """A round. Prices in micro-rupees per kWh; `accepted_block` None: not on chain (yet)."""

    round_id: int
    epoch: int
    leader: str
    view: int
    decided_ms: int | None
    observations: Sequence[Mapping[str, Any]] | None
    median: int | None
    price: int | None
    sell_price: int | None
    observed_at: int | None
    previous_price: int | None
    accepted_block: int | None
    accepted_at: int | None
    tx_hash: str | None


@dataclass(frozen=True, slots=True)
class StoredOpinion:
    """What a node thought; price and terms None: it could not tell a price."""

    round_id: int
    signer: str
    price: int | None
    observed_at: int | None
    terms: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A round as the chain accepted it."""

    round_id: int
    median: int
    price: int
    sell_price: int
    observed_at: int
    block: int
    at: int
    tx_hash: str


def put_decision(connection: sa.Connection, decided: StoredRound) -> None:
    """Stores what the nodes decided; what the chain said of the round already stays."""
    known = get(connection, decided.round_id)
    values = _values(decided)
    if known is None:
        insert_or_keep(connection, price_rounds, values)
        return
    if known.decided_ms is not None:
        return
    fields = ("epoch", "leader", "view", "decided_ms", "observations")
    connection.execute(
        price_rounds.update()
        .where(price_rounds.c.round_id == decided.round_id)
        .values({name: values[name] for name in fields})
    )


def put_opinions(connection: sa.Connection, opinions: Sequence[StoredOpinion]) -> None:
    """Stores nodes' opinions; a node's first word in a round stays."""
    for opinion in opinions:
        insert_or_keep(connection, price_opinions, _values(opinion))


def accept(connection: sa.Connection, accepted: Acceptance) -> None:
    """The chain accepted a round, one of ours or not."""
    insert_or_keep(
        connection,
        price_rounds,
        {"round_id": accepted.round_id, "epoch": 0, "leader": "", "view": 0},
    )
    previous = connection.execute(
        sa.select(price_rounds.c.price)
        .where(
            price_rounds.c.round_id < accepted.round_id,
            price_rounds.c.accepted_block.is_not(None),
        )
        .order_by(price_rounds.c.round_id.desc())
        .limit(1)
    ).scalar_one_or_none()
    values: dict[str, Any] = {
        "median": accepted.median,
        "price": accepted.price,
        "sell_price": accepted.sell_price,
        "observed_at": accepted.observed_at,
        "accepted_block": accepted.block,
        "accepted_at": accepted.at,
        "tx_hash": accepted.tx_hash,
    }
    if previous is not None:
        values["previous_price"] = previous
    connection.execute(
        price_rounds.update().where(price_rounds.c.round_id == accepted.round_id).values(values)
    )


def forget_after(connection: sa.Connection, block: int) -> None:
    """Later blocks are no longer part of the chain: what they accepted is only decided."""
    connection.execute(
        price_rounds.update()
        .where(price_rounds.c.accepted_block > block)
        .values(accepted_block=None, accepted_at=None, tx_hash=None)
    )


def get(connection: sa.Connection, round_id: int) -> StoredRound | None:
    """One round."""
    statement = price_rounds.select().where(price_rounds.c.round_id == round_id)
    found = connection.execute(statement).one_or_none()
    return None if found is None else StoredRound(**found._mapping)


def newest_decided(connection: sa.Connection) -> int:
    """The newest round that the nodes decided or the chain accepted; 0 = none."""
    return connection.execute(sa.select(sa.func.max(price_rounds.c.round_id))).scalar_one() or 0


def accepted_since(connection: sa.Connection, since: int, limit: int) -> list[StoredRound]:
    """Rounds accepted at Unix second `since` or later; the newest `limit`, oldest first."""
    statement = (
        price_rounds.select()
        .where(price_rounds.c.accepted_at >= since)
        .order_by(price_rounds.c.round_id.desc())
        .limit(limit)
    )
    found = [StoredRound(**row._mapping) for row in connection.execute(statement)]
    return found[::-1]


def opinions(connection: sa.Connection, round_id: int) -> list[StoredOpinion]:
    """What the nodes thought in a round, by signer."""
    statement = (
        price_opinions.select()
        .where(price_opinions.c.round_id == round_id)
        .order_by(price_opinions.c.signer)
    )
    return [StoredOpinion(**row._mapping) for row in connection.execute(statement)]


def prune(connection: sa.Connection, before_round: int) -> None:
    """Deletes rounds below a number."""
    connection.execute(price_opinions.delete().where(price_opinions.c.round_id < before_round))
    connection.execute(price_rounds.delete().where(price_rounds.c.round_id < before_round))


def _values(row: StoredRound | StoredOpinion) -> dict[str, Any]:
    return {name: getattr(row, name) for name in type(row).__slots__}
