"""Charge points, their plugs, and the tokens that drivers hold to them.

Sessions and what was measured in them: charging_sessions; what they are told: charging_orders.
Accounts and tokens in lower case. Written by the charging service (`python -m backend.charging`)
and by the API; whoever decides about energy reads here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from backend.telemetry.charging_tables import (
    charge_points,
    charging_plugs,
    charging_services,
    id_tokens,
    presented_tokens,
)
from backend.telemetry.upsert import insert_or_replace


class PlugState(StrEnum):
    """What a connector is doing, in the words of OCPP 2; 1.6 is translated."""

    AVAILABLE = "available"
    OCCUPIED = "occupied"
    RESERVED = "reserved"
    UNAVAILABLE = "unavailable"
    FAULTED = "faulted"


@dataclass(frozen=True, slots=True)
class Registered:
    """A charge point as the operator registers it.

    Args:
        charge_point_id: its OCPP identity, the end of the URL that it opens
        meter_id: its own Ohmstead meter, whose registers sessions settle on
        max_discharge_w: 0 if it cannot take energy from a car
        open_to_all: serves tokens that no wallet answers for; its meter's holder pays by tariff
    """

    charge_point_id: str
    meter_id: int
    label: str
    max_charge_w: int
    max_discharge_w: int = 0
    evse_count: int = 1
    open_to_all: bool = False


@dataclass(frozen=True, slots=True)
class ChargePoint:
    """A charge point, with what it last said of itself. Times in ms; None: never."""

    charge_point_id: str
    meter_id: int
    label: str
    evse_count: int
    max_charge_w: int
    max_discharge_w: int
    open_to_all: bool
    removed_at: int | None
    protocol: str
    vendor: str
    model: str
    firmware: str
    serial_number: str
    connected: bool
    connected_ms: int | None
    last_seen_ms: int | None
    booted_ms: int | None


@dataclass(frozen=True, slots=True)
class Plug:
    """A connector's state by its charge point's clock."""

    charge_point_id: str
    evse_id: int
    connector_id: int
    state: PlugState
    error: str
    changed_ms: int


@dataclass(frozen=True, slots=True)
class IdToken:
    """A driver's token; `account` None: no wallet answers for it."""

    id_token: str
    account: str | None
    ev_id: int | None
    label: str
    blocked: bool
    expires_at: int | None
    linked_at: int
    link: Mapping[str, Any] | None = None

    def is_valid(self, now: int) -> bool:
        """True if it may start a session at Unix second `now`."""
        return not self.blocked and (self.expires_at is None or now < self.expires_at)


# ---- charge points -------------------------------------------------------------------------------


def register(connection: sa.Connection, points: Iterable[Registered]) -> None:
    """Adds charge points, or changes those there are; one that was removed is back."""
    rows = [{**asdict(point), "removed_at": None} for point in points]
    insert_or_replace(connection, charge_points, rows)


def remove(connection: sa.Connection, charge_point_id: str, at: int) -> bool:
    """Refuses a charge point since Unix second `at`. False if it is unknown."""
    return _change(connection, charge_point_id, removed_at=at)


def tell(connection: sa.Connection, charge_point_id: str, **said: Any) -> bool:
    """Sets some of what a charge point said of itself. False if it is unknown."""
    return _change(connection, charge_point_id, **said)


def nobody_is_connected(connection: sa.Connection) -> None:
    """After a start of the charging service: whoever is there connects again."""
    connection.execute(charge_points.update().values(connected=False))


def get(connection: sa.Connection, charge_point_id: str) -> ChargePoint | None:
    """A charge point, removed or not."""
    found = connection.execute(
        charge_points.select().where(charge_points.c.charge_point_id == charge_point_id)
    ).one_or_none()
    return None if found is None else _point(found)


def every(connection: sa.Connection) -> list[ChargePoint]:
    """Every charge point that was not removed, by id."""
    statement = charge_points.select().where(charge_points.c.removed_at.is_(None))
    rows = connection.execute(statement.order_by(charge_points.c.charge_point_id))
    return [_point(row) for row in rows]


def put_plug(connection: sa.Connection, plug: Plug) -> bool:
    """Stores a connector's state, unless a newer one is stored. False then."""
    key = (
        charging_plugs.c.charge_point_id == plug.charge_point_id,
        charging_plugs.c.evse_id == plug.evse_id,
        charging_plugs.c.connector_id == plug.connector_id,
    )
    known = connection.execute(sa.select(charging_plugs.c.changed_ms).where(*key)).scalar()
    if known is not None and known > plug.changed_ms:
        return False
    insert_or_replace(connection, charging_plugs, [{**asdict(plug), "state": plug.state.value}])
    return True


def plugs(connection: sa.Connection, charge_point_id: str | None = None) -> list[Plug]:
    """Connectors of a charge point, or of all."""
    statement = charging_plugs.select().order_by(*charging_plugs.primary_key)
    if charge_point_id is not None:
        statement = statement.where(charging_plugs.c.charge_point_id == charge_point_id)
    return [
        Plug(**{**row._mapping, "state": PlugState(row.state)})
        for row in connection.execute(statement)
    ]


@dataclass(frozen=True, slots=True)
class ServiceLife:
    """The charging service's last sign of life: connections now, messages since it started."""

    started_ms: int
    alive_ms: int
    connections: int
    messages: int
    refused: int


_ONLY = "charging"


def service_lives(connection: sa.Connection, life: ServiceLife) -> None:
    """Stores the charging service's sign of life."""
    insert_or_replace(connection, charging_services, [{"name": _ONLY, **asdict(life)}])


def service_life(connection: sa.Connection) -> ServiceLife | None:
    """The charging service's last sign of life; None: it never ran."""
    found = connection.execute(charging_services.select()).one_or_none()
    if found is None:
        return None
    values = dict(found._mapping)
    del values["name"]
    return ServiceLife(**values)


# ---- tokens --------------------------------------------------------------------------------------


def put_token(connection: sa.Connection, token: IdToken) -> None:
    """Stores a token, in place of what was stored under its name."""
    name = token.id_token.lower()
    account = token.account and token.account.lower()
    row = {**asdict(token), "id_token": name, "account": account}
    insert_or_replace(connection, id_tokens, [row])
    connection.execute(presented_tokens.delete().where(presented_tokens.c.id_token == name))


def token(connection: sa.Connection, id_token: str) -> IdToken | None:
    """What is known of a token, whatever the case of its letters."""
    found = connection.execute(
        id_tokens.select().where(id_tokens.c.id_token == id_token.lower())
    ).one_or_none()
    return None if found is None else IdToken(**found._mapping)


def tokens_of(connection: sa.Connection, account: str) -> list[IdToken]:
    """Tokens that an account answers for."""
    statement = id_tokens.select().where(id_tokens.c.account == account.lower())
    rows = connection.execute(statement.order_by(id_tokens.c.id_token))
    return [IdToken(**row._mapping) for row in rows]


def block(connection: sa.Connection, id_token: str) -> bool:
    """Lets nobody charge with a token until it is linked again. False if it is unknown."""
    where = id_tokens.c.id_token == id_token.lower()
    return connection.execute(id_tokens.update().where(where).values(blocked=True)).rowcount == 1


def present(
    connection: sa.Connection, id_token: str, charge_point_id: str, now_ms: int, keep_ms: int
) -> None:
    """Notes that an unknown token was presented; forgets those older than `keep_ms`."""
    old = presented_tokens.c.presented_ms < now_ms - keep_ms
    connection.execute(presented_tokens.delete().where(old))
    row = {
        "id_token": id_token.lower(),
        "charge_point_id": charge_point_id,
        "presented_ms": now_ms,
    }
    insert_or_replace(connection, presented_tokens, [row])


def presented_since(connection: sa.Connection, id_token: str, since_ms: int) -> str | None:
    """The charge point that an unknown token was last held to; None: none since then."""
    statement = sa.select(presented_tokens.c.charge_point_id).where(
        presented_tokens.c.id_token == id_token.lower(), presented_tokens.c.presented_ms >= since_ms
    )
    return connection.execute(statement).scalar_one_or_none()


def _change(connection: sa.Connection, charge_point_id: str, **values: Any) -> bool:
    where = charge_points.c.charge_point_id == charge_point_id
    return connection.execute(charge_points.update().where(where).values(**values)).rowcount == 1


_POINT_FIELDS = [field.name for field in fields(ChargePoint)]


def _point(row: sa.Row[Any]) -> ChargePoint:
    return ChargePoint(**{name: row._mapping[name] for name in _POINT_FIELDS})
