"""Charging sessions, and what charge points measured in them. Wh, W and ms; accounts lower case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from backend.telemetry.charging_tables import charging_samples as samples
from backend.telemetry.charging_tables import charging_sessions as sessions
from backend.telemetry.upsert import insert_or_keep


class SessionState(StrEnum):
    """Where a session stands, in the words of OCPP 2; 1.6 is translated."""

    PLUGGED = "plugged"
    """The car is there; nothing flows yet."""
    CHARGING = "charging"
    DISCHARGING = "discharging"
    SUSPENDED = "suspended"
    """The car or the charge point has paused it."""
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Session:
    """One car at one charge point, from plug to unplug. None: not known.

    Args:
        session_id: ours, and the transaction id of OCPP 1.6
        meter_id: the Ohmstead meter it settles on
        account, ev_id: as the token was linked when the session began
        state_order, token_order: place among the session's messages of the one that told it
        soc_bp: as the car says, 0.01 %
        power_w: negative: out of the car
        first_imported_wh, last_imported_wh: the charge point's own count, into the car
    """

    session_id: int
    charge_point_id: str
    evse_id: int
    connector_id: int
    transaction_ref: str
    meter_id: int
    id_token: str | None
    account: str | None
    ev_id: int | None
    state: SessionState
    state_order: int
    token_order: int
    soc_bp: int | None
    soc_ms: int | None
    power_w: int
    started_ms: int
    stopped_ms: int | None
    stop_reason: str | None
    first_imported_wh: int | None
    first_exported_wh: int | None
    last_imported_wh: int | None
    last_exported_wh: int | None
    sampled_ms: int | None
    told_offline: bool

    @property
    def is_open(self) -> bool:
        """True until it has ended."""
        return self.state is not SessionState.ENDED

    @property
    def imported_wh(self) -> int:
        """What went into the car by the charge point's own count, as far as known."""
        return (self.last_imported_wh or 0) - (self.first_imported_wh or 0)

    @property
    def exported_wh(self) -> int:
        """What came out of the car by the charge point's own count, as far as known."""
        return (self.last_exported_wh or 0) - (self.first_exported_wh or 0)


@dataclass(frozen=True, slots=True)
class Sample:
    """What a charge point measured at a moment; `context` begin, end, periodic, clock or other."""

    charge_point_id: str
    evse_id: int
    at_ms: int
    context: str
    session_id: int | None
    imported_wh: int | None = None
    exported_wh: int | None = None
    power_w: int | None = None
    soc_bp: int | None = None
    voltage_dv: int | None = None
    current_ma: int | None = None
    received_ms: int = 0


# ---- sessions ------------------------------------------------------------------------------------


def begin(connection: sa.Connection, row: Mapping[str, Any]) -> Session:
    """Stores a session unless it is known by its charge point and reference; as it then stands.

    Args:
        row: columns of charging_sessions without the id; at least those that have no default
    """
    insert_or_keep(connection, sessions, row)
    found = by_ref(connection, row["charge_point_id"], row["transaction_ref"])
    if found is None:
        raise LookupError(f"session {row['transaction_ref']} was not stored")
    return found


def change(connection: sa.Connection, session_id: int, **values: Any) -> None:
    """Sets some of a session's columns."""
    if values:
        where = sessions.c.session_id == session_id
        connection.execute(sessions.update().where(where).values(**values))


def get(connection: sa.Connection, session_id: int) -> Session | None:
    """One session."""
    return _one(connection, sessions.c.session_id == session_id)


def by_ref(connection: sa.Connection, charge_point_id: str, ref: str) -> Session | None:
    """The session that a charge point calls `ref`."""
    return _one(
        connection,
        sa.and_(sessions.c.charge_point_id == charge_point_id, sessions.c.transaction_ref == ref),
    )


def open_sessions(
    connection: sa.Connection,
    *,
    charge_point_id: str | None = None,
    id_token: str | None = None,
    ev_id: int | None = None,
) -> list[Session]:
    """Sessions that have not ended, the oldest first."""
    statement = sessions.select().where(sessions.c.state != SessionState.ENDED.value)
    if charge_point_id is not None:
        statement = statement.where(sessions.c.charge_point_id == charge_point_id)
    if id_token is not None:
        statement = statement.where(sessions.c.id_token == id_token.lower())
    if ev_id is not None:
        statement = statement.where(sessions.c.ev_id == ev_id)
    rows = connection.execute(statement.order_by(sessions.c.session_id))
    return [_session(row) for row in rows]


def find(
    connection: sa.Connection,
    limit: int,
    *,
    before: int | None = None,
    account: str | None = None,
    ev_id: int | None = None,
    charge_point_id: str | None = None,
) -> list[Session]:
    """Sessions, newest first; `before` a session's id, to page on."""
    statement = sessions.select().order_by(sessions.c.session_id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(sessions.c.session_id < before)
    if account is not None:
        statement = statement.where(sessions.c.account == account.lower())
    if ev_id is not None:
        statement = statement.where(sessions.c.ev_id == ev_id)
    if charge_point_id is not None:
        statement = statement.where(sessions.c.charge_point_id == charge_point_id)
    return [_session(row) for row in connection.execute(statement)]


# ---- samples -------------------------------------------------------------------------------------


def put_sample(connection: sa.Connection, sample: Sample) -> bool:
    """Stores a sample. False if it is known."""
    return insert_or_keep(connection, samples, asdict(sample))


def samples_of(connection: sa.Connection, session_id: int, limit: int) -> list[Sample]:
    """The newest samples of a session, in order of time."""
    statement = samples.select().where(samples.c.session_id == session_id)
    rows = connection.execute(statement.order_by(samples.c.at_ms.desc()).limit(limit)).all()
    return [Sample(**row._mapping) for row in reversed(rows)]


def prune(connection: sa.Connection, before_ms: int, limit: int = 5_000) -> int:
    """Deletes some samples received before then; how many."""
    key = samples.primary_key
    old = sa.select(*key).where(samples.c.received_ms < before_ms).limit(limit)
    return connection.execute(samples.delete().where(sa.tuple_(*key).in_(old))).rowcount


def _one(connection: sa.Connection, where: sa.ColumnElement[bool]) -> Session | None:
    found = connection.execute(sessions.select().where(where)).one_or_none()
    return None if found is None else _session(found)


def _session(row: sa.Row[Any]) -> Session:
    return Session(**{**row._mapping, "state": SessionState(row.state)})
