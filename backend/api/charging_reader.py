"""Charge points and sessions as the API tells them."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from backend.api import charging_schemas as schemas
from backend.telemetry import charging, charging_orders, charging_sessions, readings
from backend.telemetry.charging import ChargePoint, IdToken, Plug
from backend.telemetry.charging_sessions import Session
from backend.telemetry.store import Store

ALIVE_MS = 20_000
_SAMPLES = 500


class ChargingReader:
    """Reads the store."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    def overview(self) -> schemas.Charging:
        """Every charge point, and the service."""
        with self._store.read() as connection:
            running = charging_sessions.open_sessions(connection)
            plugs = charging.plugs(connection)
            points = [
                _point(
                    point,
                    [
                        _plug(plug)
                        for plug in plugs
                        if plug.charge_point_id == point.charge_point_id
                    ],
                    sum(s.power_w for s in running if s.charge_point_id == point.charge_point_id),
                )
                for point in charging.every(connection)
            ]
            life = charging.service_life(connection)
        return schemas.Charging(service=self._life(life), charge_points=points)

    def problem(self) -> str | None:
        """What is wrong with the charging service, where charge points are registered."""
        with self._store.read() as connection:
            if not charging.every(connection):
                return None
            life = self._life(charging.service_life(connection))
        if life.alive:
            return None
        return "the charging service gives no sign of life: charge points serve by themselves"

    def sessions(self, account: str | None, limit: int, before: int | None) -> schemas.Sessions:
        """An account's sessions; None: everybody's."""
        with self._store.read() as connection:
            found = charging_sessions.find(connection, limit, before=before, account=account)
        following = found[-1].session_id if len(found) == limit else None
        return schemas.Sessions(sessions=[_session(s) for s in found], next_before=following)

    def session(self, session_id: int) -> Session | None:
        """A session."""
        with self._store.read() as connection:
            return charging_sessions.get(connection, session_id)

    def detail(self, session: Session) -> schemas.SessionDetail:
        """A session with what it was told and what was measured."""
        with self._store.read() as connection:
            order = charging_orders.newest(connection, session.session_id)
            samples = charging_sessions.samples_of(connection, session.session_id, _SAMPLES)
            comparison = self._compare(connection, session)
        return schemas.SessionDetail(
            **_session(session).model_dump(),
            order=None
            if order is None
            else schemas.Order(
                direction=order.direction.value,
                power_w=order.power_w,
                until=order.until,
                state=order.state.value,
                detail=order.detail,
            ),
            samples=[
                schemas.Sample(
                    at_ms=sample.at_ms,
                    imported_wh=sample.imported_wh,
                    exported_wh=sample.exported_wh,
                    power_w=sample.power_w,
                    soc_bp=sample.soc_bp,
                )
                for sample in samples
            ],
            comparison=comparison,
        )

    def _compare(self, connection: sa.Connection, session: Session) -> schemas.Comparison:
        """Readings lie up to their interval before a session's ends."""
        meter, end_ms = session.meter_id, session.stopped_ms or session.sampled_ms
        first = readings.newest_until(connection, meter, session.started_ms // 1000)
        last = readings.newest_until(connection, meter, (end_ms or 0) // 1000)
        into = out = None
        if first is not None and last is not None:
            into = last.charged_wh - first.charged_wh
            out = last.discharged_wh - first.discharged_wh
        return schemas.Comparison(
            ocpp_imported_wh=session.imported_wh,
            ocpp_exported_wh=session.exported_wh,
            meter_imported_wh=into,
            meter_exported_wh=out,
        )

    def _life(self, life: charging.ServiceLife | None) -> schemas.ServiceLife:
        if life is None:
            return schemas.ServiceLife(
                alive=False, alive_ms=None, connections=0, messages=0, refused=0
            )
        return schemas.ServiceLife(
            alive=self._clock() * 1000 - life.alive_ms < ALIVE_MS,
            alive_ms=life.alive_ms,
            connections=life.connections,
            messages=life.messages,
            refused=life.refused,
        )


def _point(point: ChargePoint, plugs: list[schemas.Plug], power_w: int) -> schemas.ChargePoint:
    return schemas.ChargePoint(
        charge_point_id=point.charge_point_id,
        label=point.label,
        meter_id=point.meter_id,
        max_charge_w=point.max_charge_w,
        max_discharge_w=point.max_discharge_w,
        open_to_all=point.open_to_all,
        connected=point.connected,
        protocol=point.protocol,
        vendor=point.vendor,
        model=point.model,
        last_seen_ms=point.last_seen_ms,
        power_w=power_w,
        plugs=plugs,
    )


def _plug(plug: Plug) -> schemas.Plug:
    return schemas.Plug(
        evse_id=plug.evse_id,
        connector_id=plug.connector_id,
        state=plug.state.value,
        error=plug.error,
        changed_ms=plug.changed_ms,
    )


def _session(session: Session) -> schemas.Session:
    return schemas.Session(
        session_id=session.session_id,
        charge_point_id=session.charge_point_id,
        evse_id=session.evse_id,
        meter_id=session.meter_id,
        id_token=session.id_token,
        account=session.account,
        ev_id=session.ev_id,
        state=session.state.value,
        soc_bp=session.soc_bp,
        power_w=session.power_w,
        started_ms=session.started_ms,
        stopped_ms=session.stopped_ms,
        stop_reason=session.stop_reason,
        imported_wh=session.imported_wh,
        exported_wh=session.exported_wh,
    )


def tokens(found: list[IdToken]) -> schemas.Tokens:
    """An account's tokens."""
    return schemas.Tokens(
        tokens=[
            schemas.Token(
                id_token=token.id_token,
                ev_id=token.ev_id,
                label=token.label,
                blocked=token.blocked,
                expires_at=token.expires_at,
                linked_at=token.linked_at,
            )
            for token in found
        ]
    )


def request(found: charging_orders.Request) -> schemas.Request:
    """A request."""
    return schemas.Request(
        request_id=found.request_id,
        charge_point_id=found.charge_point_id,
        kind=found.kind.value,
        state=found.state.value,
        detail=found.detail,
    )
