"""Cars, charge points, sessions and flows, as the V2G contracts' events tell; signed consents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from backend.telemetry.upsert import insert_or_replace
from backend.telemetry.v2g_tables import (
    v2g_authorisations,
    v2g_cars,
    v2g_flows,
    v2g_points,
    v2g_rates,
    v2g_sessions,
)

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Consent:
    """What an owner has signed for a coming session of a car; `terms` by field name."""

    ev_id: int
    nonce: int
    meter_id: int
    terms: Mapping[str, int]
    signature: bytes
    received_at: int


# ---- from the chain ------------------------------------------------------------------------------


def put_car(connection: sa.Connection, ev_id: int, **changes: Any) -> None:
    """Sets some of a car's columns."""
    insert_or_replace(connection, v2g_cars, [{"ev_id": ev_id, **changes}])


def put_point(connection: sa.Connection, meter_id: int, charge_wh: int, discharge_wh: int) -> None:
    """A charge point's limits a slot; 0 and 0 takes it out."""
    row = {"meter_id": meter_id, "max_charge_wh": charge_wh, "max_discharge_wh": discharge_wh}
    insert_or_replace(connection, v2g_points, [row])


def put_rates(connection: sa.Connection, row: Row) -> None:
    """Rates from a slot on."""
    insert_or_replace(connection, v2g_rates, [dict(row)])


def put_session(connection: sa.Connection, session_id: int, **changes: Any) -> None:
    """Sets some of a session's columns."""
    insert_or_replace(connection, v2g_sessions, [{"session_id": session_id, **changes}])


def put_flow(connection: sa.Connection, row: Row) -> None:
    """What flowed in a slot."""
    insert_or_replace(connection, v2g_flows, [dict(row)])


def clear(connection: sa.Connection) -> None:
    """Forgets what the chain told, to be told again from the start; consents stay."""
    for table in (v2g_cars, v2g_points, v2g_rates, v2g_sessions, v2g_flows):
        connection.execute(table.delete())


# ---- questions -----------------------------------------------------------------------------------


def cars(
    connection: sa.Connection, *, owner: str | None = None, limit: int = 500, after: int = 0
) -> list[Row]:
    """Cars by number, from the one after `after` on; retired ones, too."""
    statement = v2g_cars.select().where(v2g_cars.c.ev_id > after).order_by(v2g_cars.c.ev_id)
    if owner is not None:
        statement = statement.where(v2g_cars.c.owner == owner.lower())
    return _rows(connection, statement.limit(limit))


def car(connection: sa.Connection, ev_id: int) -> Row | None:
    """One car."""
    return _first(connection, v2g_cars.select().where(v2g_cars.c.ev_id == ev_id))


def points(connection: sa.Connection) -> list[Row]:
    """Charge points in use, by meter."""
    used = v2g_points.c.max_charge_wh + v2g_points.c.max_discharge_wh > 0
    return _rows(connection, v2g_points.select().where(used).order_by(v2g_points.c.meter_id))


def rates(connection: sa.Connection, limit: int) -> list[Row]:
    """Rates, newest first."""
    statement = v2g_rates.select().order_by(v2g_rates.c.from_slot.desc()).limit(limit)
    return _rows(connection, statement)


def unfinished_sessions(connection: sa.Connection) -> list[Row]:
    """Sessions that are not closed, oldest first."""
    table = v2g_sessions
    statement = table.select().where(table.c.refunded_micro_inr.is_(None))
    return _rows(connection, statement.order_by(table.c.session_id))


def sessions(
    connection: sa.Connection,
    limit: int,
    *,
    before: int | None = None,
    ev_id: int | None = None,
    owner: str | None = None,
) -> list[Row]:
    """Sessions, newest first."""
    table = v2g_sessions
    statement = table.select().order_by(table.c.session_id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(table.c.session_id < before)
    if ev_id is not None:
        statement = statement.where(table.c.ev_id == ev_id)
    if owner is not None:
        of_owner = sa.select(v2g_cars.c.ev_id).where(v2g_cars.c.owner == owner.lower())
        statement = statement.where(table.c.ev_id.in_(of_owner))
    return _rows(connection, statement)


def session(connection: sa.Connection, session_id: int) -> Row | None:
    """One session."""
    table = v2g_sessions
    return _first(connection, table.select().where(table.c.session_id == session_id))


def flows(connection: sa.Connection, session_id: int, limit: int = 5_000) -> list[Row]:
    """A session's settled slots, oldest first; the newest `limit` of them."""
    table = v2g_flows
    statement = table.select().where(table.c.session_id == session_id)
    return _rows(connection, statement.order_by(table.c.slot.desc()).limit(limit))[::-1]


def totals(connection: sa.Connection, session_id: int) -> tuple[int, int, int, int]:
    """Wh charged and discharged, micro-rupees paid and earned in a session's settled slots."""
    table = v2g_flows
    columns = (
        table.c.charged_wh, table.c.discharged_wh, table.c.cost_micro_inr, table.c.reward_micro_inr
    )  # fmt: skip
    sums = [sa.func.coalesce(sa.func.sum(column), 0) for column in columns]
    row = connection.execute(sa.select(*sums).where(table.c.session_id == session_id)).one()
    return int(row[0]), int(row[1]), int(row[2]), int(row[3])


# ---- consents ------------------------------------------------------------------------------------


def put_consent(connection: sa.Connection, consent: Consent) -> None:
    """Stores what an owner has signed, in place of what was signed for the same nonce."""
    row = {
        "ev_id": consent.ev_id,
        "nonce": consent.nonce,
        "meter_id": consent.meter_id,
        "terms": {name: str(value) for name, value in consent.terms.items()},
        "signature": "0x" + consent.signature.hex(),
        "received_at": consent.received_at,
    }
    insert_or_replace(connection, v2g_authorisations, [row])


def consent(connection: sa.Connection, ev_id: int, nonce: int) -> Consent | None:
    """What an owner has signed for a car's next session."""
    table = v2g_authorisations
    row = _first(connection, table.select().where(table.c.ev_id == ev_id, table.c.nonce == nonce))
    if row is None:
        return None
    return Consent(
        ev_id=int(row["ev_id"]),
        nonce=int(row["nonce"]),
        meter_id=int(row["meter_id"]),
        terms={name: int(value) for name, value in row["terms"].items()},
        signature=bytes.fromhex(row["signature"][2:]),
        received_at=int(row["received_at"]),
    )


def _first(connection: sa.Connection, statement: sa.Select[Any]) -> Row | None:
    found = _rows(connection, statement)
    return found[0] if found else None


def _rows(connection: sa.Connection, statement: sa.Select[Any]) -> list[Row]:
    return [dict(row) for row in connection.execute(statement).mappings()]
