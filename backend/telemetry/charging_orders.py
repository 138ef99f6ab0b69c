"""What sessions are to do, and what people ask of charge points.

Whoever decides about energy gives orders; the charging service carries them out by smart-charging
profiles and writes what became of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from backend.telemetry.charging_tables import charge_orders as orders
from backend.telemetry.charging_tables import charging_requests as requests


class Direction(StrEnum):
    """Which way energy is to flow."""

    CHARGE = "charge"
    DISCHARGE = "discharge"
    IDLE = "idle"


class OrderState(StrEnum):
    """What became of an order or a request."""

    PENDING = "pending"
    SENT = "sent"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    SUPERSEDED = "superseded"
    """A newer one came before it was answered."""
    EXPIRED = "expired"
    """Its time was over, or its session, before the charge point could be told."""


class RequestKind(StrEnum):
    """What may be asked of a charge point."""

    START = "start"  # body: evseId, idToken
    STOP = "stop"  # body: sessionId
    RESET = "reset"  # body: hard
    UNLOCK = "unlock"  # body: evseId, connectorId


_OPEN = (OrderState.PENDING.value, OrderState.SENT.value)


@dataclass(frozen=True, slots=True)
class Order:
    """At most `power_w` W in a direction until Unix second `until`."""

    order_id: int
    session_id: int
    direction: Direction
    power_w: int
    until: int
    issued_ms: int
    state: OrderState
    answered_ms: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class Request:
    """Something asked of a charge point; not done any more after `expires_ms`."""

    request_id: int
    charge_point_id: str
    kind: RequestKind
    body: Mapping[str, Any]
    account: str | None
    issued_ms: int
    expires_ms: int
    state: OrderState
    answered_ms: int | None
    detail: str


def give(
    connection: sa.Connection,
    session_id: int,
    direction: Direction,
    power_w: int,
    until: int,
    now_ms: int,
) -> int:
    """Orders a session to do something; its earlier orders no longer count. The order's id.

    Raises:
        ValueError: a negative power
    """
    if power_w < 0:
        raise ValueError(f"power_w={power_w}: the direction says which way; give 0 or more")
    connection.execute(
        orders.update()
        .where(orders.c.session_id == session_id, orders.c.state.in_(_OPEN))
        .values(state=OrderState.SUPERSEDED.value, answered_ms=now_ms)
    )
    statement = orders.insert().values(
        session_id=session_id,
        direction=direction.value,
        power_w=0 if direction is Direction.IDLE else power_w,
        until=until,
        issued_ms=now_ms,
        state=OrderState.PENDING.value,
    )
    return int(connection.execute(statement.returning(orders.c.order_id)).scalar_one())


def newest(connection: sa.Connection, session_id: int) -> Order | None:
    """A session's newest order, whatever became of it."""
    statement = orders.select().where(orders.c.session_id == session_id)
    found = connection.execute(statement.order_by(orders.c.order_id.desc()).limit(1)).one_or_none()
    return None if found is None else _order(found)


def open_orders(connection: sa.Connection) -> list[Order]:
    """Orders that are not answered, the oldest first."""
    statement = orders.select().where(orders.c.state.in_(_OPEN)).order_by(orders.c.order_id)
    return [_order(row) for row in connection.execute(statement)]


def answer_order(
    connection: sa.Connection, order_id: int, state: OrderState, now_ms: int, detail: str = ""
) -> None:
    """What became of an order; one that is superseded stays so."""
    connection.execute(
        orders.update()
        .where(orders.c.order_id == order_id, orders.c.state.in_(_OPEN))
        .values(state=state.value, answered_ms=now_ms, detail=detail)
    )


def ask(
    connection: sa.Connection,
    charge_point_id: str,
    kind: RequestKind,
    body: Mapping[str, Any],
    *,
    account: str | None,
    now_ms: int,
    expires_ms: int,
) -> int:
    """Asks something of a charge point; the request's id."""
    statement = requests.insert().values(
        charge_point_id=charge_point_id,
        kind=kind.value,
        body=dict(body),
        account=account,
        issued_ms=now_ms,
        expires_ms=expires_ms,
        state=OrderState.PENDING.value,
    )
    return int(connection.execute(statement.returning(requests.c.request_id)).scalar_one())


def request(connection: sa.Connection, request_id: int) -> Request | None:
    """One request."""
    where = requests.c.request_id == request_id
    found = connection.execute(requests.select().where(where)).one_or_none()
    return None if found is None else _request(found)


def open_requests(connection: sa.Connection) -> list[Request]:
    """Requests that are not answered, the oldest first."""
    statement = requests.select().where(requests.c.state.in_(_OPEN))
    rows = connection.execute(statement.order_by(requests.c.request_id))
    return [_request(row) for row in rows]


def answer_request(
    connection: sa.Connection, request_id: int, state: OrderState, now_ms: int, detail: str = ""
) -> None:
    """What became of a request that was not answered yet."""
    connection.execute(
        requests.update()
        .where(requests.c.request_id == request_id, requests.c.state.in_(_OPEN))
        .values(state=state.value, answered_ms=now_ms, detail=detail)
    )


def _order(row: sa.Row[Any]) -> Order:
    values = dict(row._mapping)
    values["direction"] = Direction(values["direction"])
    return Order(**{**values, "state": OrderState(values["state"])})


def _request(row: sa.Row[Any]) -> Request:
    values = dict(row._mapping)
    values["kind"] = RequestKind(values["kind"])
    return Request(**{**values, "state": OrderState(values["state"])})
