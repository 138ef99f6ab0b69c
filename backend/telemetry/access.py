"""Wallets signed in, and who looked at a household's readings."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import sqlalchemy as sa

from backend.telemetry.access_tables import access_log, sessions


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """Somebody looked at a meter's data at Unix second `at`; role is holder or operator."""

    meter_id: int
    account: str
    role: str
    what: str
    at: int


# ---- sessions ----------------------------------------------------------------------------------


def open_session(connection: sa.Connection, token: str, account: str, expires_at: int) -> None:
    """Remembers that who knows `token` has signed in as `account`, until Unix second."""
    connection.execute(
        sessions.insert().values(token_hash=_hash(token), account=account, expires_at=expires_at)
    )


def account_of(connection: sa.Connection, token: str, now: int) -> str | None:
    """The account signed in with `token`; None if there is none, or no longer."""
    statement = sa.select(sessions.c.account).where(
        sessions.c.token_hash == _hash(token), sessions.c.expires_at > now
    )
    return connection.execute(statement).scalar_one_or_none()


def close_session(connection: sa.Connection, token: str) -> None:
    """Signs out."""
    connection.execute(sessions.delete().where(sessions.c.token_hash == _hash(token)))


def drop_expired(connection: sa.Connection, now: int) -> int:
    """Forgets sessions that are over; how many."""
    return connection.execute(sessions.delete().where(sessions.c.expires_at <= now)).rowcount


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


# ---- access log --------------------------------------------------------------------------------


def record(connection: sa.Connection, entry: AccessEntry, quiet_s: int = 0) -> None:
    """Notes that somebody looked; not again within `quiet_s` seconds of the same look."""
    same = (
        access_log.c.meter_id == entry.meter_id,
        access_log.c.account == entry.account,
        access_log.c.what == entry.what,
        access_log.c.at > entry.at - quiet_s,
    )
    if quiet_s and connection.execute(sa.select(access_log.c.id).where(*same).limit(1)).first():
        return
    connection.execute(
        access_log.insert().values(
            meter_id=entry.meter_id,
            account=entry.account,
            role=entry.role,
            what=entry.what,
            at=entry.at,
        )
    )


def of_meter(
    connection: sa.Connection, meter_id: int, limit: int, before: int | None = None
) -> list[tuple[int, AccessEntry]]:
    """(id, entry) of who looked at a meter, newest first."""
    return _page(connection, access_log.c.meter_id == meter_id, limit, before)


def of_operators(
    connection: sa.Connection, limit: int, before: int | None = None
) -> list[tuple[int, AccessEntry]]:
    """(id, entry) of every look by an operator, newest first."""
    return _page(connection, access_log.c.role == "operator", limit, before)


def _page(
    connection: sa.Connection, condition: sa.ColumnElement[bool], limit: int, before: int | None
) -> list[tuple[int, AccessEntry]]:
    statement = access_log.select().where(condition)
    if before is not None:
        statement = statement.where(access_log.c.id < before)
    statement = statement.order_by(access_log.c.id.desc()).limit(limit)
    return [
        (row.id, AccessEntry(row.meter_id, row.account, row.role, row.what, row.at))
        for row in connection.execute(statement)
    ]
