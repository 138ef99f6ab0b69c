"""What a message of a charge point does to the store, and what comes of it.

Every function runs in its caller's transaction and may be repeated: a message that comes twice, or
after one that it preceded, leaves the store as if it had come once and in order.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from backend.charging import machine
from backend.charging.said import (
    Authorisation,
    Authorise,
    Boot,
    Measured,
    Outcome,
    Phase,
    PlugNews,
    Refused,
    Said,
    Samples,
    SessionNews,
)
from backend.telemetry import charging, charging_sessions
from backend.telemetry.charging import ChargePoint, Plug
from backend.telemetry.charging_sessions import Sample, Session

PRESENTED_MS = 600_000
"""How long an unknown token that was held to a charge point may be linked."""
_MOST_CONNECTORS = 8


def take(connection: sa.Connection, point: ChargePoint, said: Said, now_ms: int) -> Outcome:
    """Books what a charge point says; `check_place` first."""
    match said:
        case Boot():
            charging.tell(
                connection,
                point.charge_point_id,
                vendor=said.vendor,
                model=said.model,
                firmware=said.firmware,
                serial_number=said.serial_number,
                booted_ms=now_ms,
            )
        case PlugNews():
            _plug(connection, point, said)
        case Authorise(id_token=id_token):
            return Outcome(authorisation=_authorise(connection, point, id_token, None, now_ms))
        case SessionNews():
            return _session(connection, point, said, now_ms)
        case Samples():
            _samples(connection, point, said, now_ms)
    return Outcome()


def check_place(point: ChargePoint, said: Said) -> None:
    """Returns if a charge point speaks of what it was registered with, so that what it fills is
    bounded. Raises Refused."""
    evse_id = said.evse_id if isinstance(said, SessionNews | Samples | PlugNews) else None
    connector_id = said.connector_id if isinstance(said, SessionNews | PlugNews) else None
    if (evse_id or 0) > point.evse_count:
        raise Refused("PropertyConstraintViolation", f"there is no EVSE {evse_id} here")
    if (connector_id or 0) > _MOST_CONNECTORS:
        raise Refused("PropertyConstraintViolation", f"there is no connector {connector_id} here")


# ---- tokens --------------------------------------------------------------------------------------


def _authorise(
    connection: sa.Connection,
    point: ChargePoint,
    id_token: str,
    own: Session | None,
    now_ms: int,
) -> Authorisation:
    """What becomes of a token; `own`: the session that it is held up for, if that has begun."""
    known = charging.token(connection, id_token) if id_token else None
    if known is None:
        if id_token:
            charging.present(connection, id_token, point.charge_point_id, now_ms, PRESENTED_MS)
        return Authorisation.ACCEPTED if point.open_to_all else Authorisation.INVALID
    if known.blocked:
        return Authorisation.BLOCKED
    if not known.is_valid(now_ms // 1000):
        return Authorisation.EXPIRED
    if known.account is None and not point.open_to_all:
        return Authorisation.INVALID
    if any(_is_before(other, own) for other in _of_same_car(connection, known)):
        return Authorisation.CONCURRENT
    return Authorisation.ACCEPTED


def _of_same_car(connection: sa.Connection, token: charging.IdToken) -> list[Session]:
    """Open sessions of a token's car, under this token or another. Not those at charge points that
    cannot be heard: the car may have left one long ago, and is not to be stranded for that."""
    found = charging_sessions.open_sessions(connection, id_token=token.id_token)
    if token.ev_id is not None:
        found += charging_sessions.open_sessions(connection, ev_id=token.ev_id)
    heard = {point.charge_point_id for point in charging.every(connection) if point.connected}
    return [session for session in found if session.charge_point_id in heard]


def _is_before(other: Session, own: Session | None) -> bool:
    return own is None or other.session_id < own.session_id


# ---- sessions ------------------------------------------------------------------------------------


def _session(
    connection: sa.Connection, point: ChargePoint, news: SessionNews, now_ms: int
) -> Outcome:
    before = _find(connection, point, news)
    if before is None:
        # 1.6: nothing to end. Charge points repeat what is refused, so it is taken note of.
        return Outcome(authorisation=_stopping(news))
    after, authorisation = machine.merge(before, news), None
    if news.id_token is not None and news.phase is Phase.END:
        authorisation = _stopping(news)
    elif news.id_token is not None:
        authorisation = _authorise(connection, point, news.id_token, before, now_ms)
    changed = dict(machine.changes(before, after))
    if machine.takes_token(before, news) and news.id_token is not None:
        changed |= _owner(connection, news, authorisation)
    charging_sessions.change(connection, before.session_id, **changed)
    for measured in news.measured:
        _put(connection, point, after.evse_id, before.session_id, measured, now_ms)
    if news.phase is Phase.BEGIN:
        _end_earlier(connection, point, after)
    return Outcome(before.session_id, authorisation)


def _stopping(news: SessionNews) -> Authorisation | None:
    """Whoever may start here may stop: a car is never held."""
    return None if news.id_token is None else Authorisation.ACCEPTED


def _find(connection: sa.Connection, point: ChargePoint, news: SessionNews) -> Session | None:
    if news.ref is not None:
        known = charging_sessions.by_ref(connection, point.charge_point_id, news.ref)
        if known is not None:
            return known
        row = machine.fresh(news, point.charge_point_id, point.meter_id, news.ref)
        return charging_sessions.begin(connection, row)
    return _own(connection, point, news.session_id)


def _own(connection: sa.Connection, point: ChargePoint, session_id: int | None) -> Session | None:
    if session_id is None or not 0 < session_id < 2**31:
        return None
    found = charging_sessions.get(connection, session_id)
    return found if found and found.charge_point_id == point.charge_point_id else None


def _owner(
    connection: sa.Connection, news: SessionNews, authorisation: Authorisation | None
) -> dict[str, Any]:
    """Whose session it is. One that was not admitted is nobody's, whatever flows in it."""
    id_token = (news.id_token or "").lower()
    owner: dict[str, Any] = {"id_token": id_token, "token_order": news.order}
    known = charging.token(connection, id_token)
    admitted = authorisation is Authorisation.ACCEPTED and known is not None
    owner["account"] = known.account if admitted and known else None
    owner["ev_id"] = known.ev_id if admitted and known else None
    return owner


def adopt(connection: sa.Connection, id_token: str) -> Session | None:
    """A card was just linked: what it has begun where anybody may charge is its account's from now
    on. Not what was refused, which begins when the card is held up again, nor a second session of a
    car. The session, or None."""
    token = charging.token(connection, id_token)
    assert token is not None
    every_one = {point.charge_point_id: point for point in charging.every(connection)}
    for own in charging_sessions.open_sessions(connection, id_token=id_token):
        others = [s for s in _of_same_car(connection, token) if s.session_id != own.session_id]
        if own.account is None and every_one[own.charge_point_id].open_to_all and not others:
            owner = {"account": token.account, "ev_id": token.ev_id}
            charging_sessions.change(connection, own.session_id, **owner)
            return charging_sessions.get(connection, own.session_id)
    return None


def _end_earlier(connection: sa.Connection, point: ChargePoint, begun: Session) -> None:
    """A plug has one session: an open one that began earlier must have ended unheard."""
    for other in charging_sessions.open_sessions(connection, charge_point_id=point.charge_point_id):
        same = other.evse_id == begun.evse_id and other.session_id != begun.session_id
        if same and other.started_ms < begun.started_ms:
            ended = machine.presume_ended(other, begun.started_ms)
            changed = machine.changes(other, ended)
            charging_sessions.change(connection, other.session_id, **changed)


# ---- plugs and samples ---------------------------------------------------------------------------


def _plug(connection: sa.Connection, point: ChargePoint, news: PlugNews) -> None:
    plug = Plug(
        point.charge_point_id, news.evse_id, news.connector_id, news.state, news.error, news.at_ms
    )
    is_news = charging.put_plug(connection, plug)
    if not is_news or news.session_state is None:
        return
    session = _on_plug(connection, point, news.evse_id, news.at_ms)
    if session is None:
        return
    told = SessionNews(
        None, session.session_id, news.at_ms, news.at_ms, Phase.UPDATE, state=news.session_state
    )
    after = machine.merge(session, told)
    charging_sessions.change(connection, session.session_id, **machine.changes(session, after))


def _samples(connection: sa.Connection, point: ChargePoint, said: Samples, now_ms: int) -> None:
    session = _own(connection, point, said.session_id)
    for measured in said.measured:
        of = session or _on_plug(connection, point, said.evse_id, measured.at_ms)
        session_id = None if of is None else of.session_id
        is_new = _put(connection, point, said.evse_id, session_id, measured, now_ms)
        if of is not None and is_new:
            after = machine.measure(of, measured)
            charging_sessions.change(connection, of.session_id, **machine.changes(of, after))
            session = after if session is not None else None


def _on_plug(
    connection: sa.Connection, point: ChargePoint, evse_id: int, at_ms: int
) -> Session | None:
    """The open session on a plug that had begun by then."""
    found = charging_sessions.open_sessions(connection, charge_point_id=point.charge_point_id)
    return next((s for s in found if s.evse_id == evse_id and s.started_ms <= at_ms), None)


def _put(
    connection: sa.Connection,
    point: ChargePoint,
    evse_id: int,
    session_id: int | None,
    measured: Measured,
    now_ms: int,
) -> bool:
    sample = Sample(
        point.charge_point_id,
        evse_id,
        measured.at_ms,
        measured.context,
        session_id,
        measured.imported_wh,
        measured.exported_wh,
        measured.power_w,
        measured.soc_bp,
        measured.voltage_dv,
        measured.current_ma,
        now_ms,
    )
    return charging_sessions.put_sample(connection, sample)
