"""The session state machine: what a message changes in a session.

Pure. Messages of one session may come late, twice and in any order (charge points queue them while
they are offline): `merge` is such that the session is the same in the end. What a newer message
said of the state is not undone by an older one; registers only grow; an end is an end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from backend.charging.said import Measured, Phase, SessionNews
from backend.telemetry.charging_sessions import Session, SessionState

PRESUMED = "presumed"
"""Stop reason of a session whose end was not told: another began in its place."""
_FLOWING = (SessionState.CHARGING, SessionState.DISCHARGING)


def fresh(news: SessionNews, charge_point_id: str, meter_id: int, ref: str) -> dict[str, Any]:
    """The row of a session that a message is the first to tell of; `merge` adds the rest."""
    return {
        "charge_point_id": charge_point_id,
        "evse_id": news.evse_id or 0,
        "connector_id": news.connector_id or 0,
        "transaction_ref": ref,
        "meter_id": meter_id,
        "state": SessionState.PLUGGED.value,
        "state_order": -1,
        "started_ms": news.at_ms,
    }


def merge(session: Session, news: SessionNews) -> Session:
    """The session as it stands after a message."""
    after = _place(session, news)
    for measured in news.measured:
        after = measure(after, measured)
    return _directed(_state(after, news))


def measure(session: Session, measured: Measured) -> Session:
    """The session after a sample: newest power and charge, growing registers."""
    changes: dict[str, Any] = {}
    if measured.power_w is not None and _is_newer(
        measured.at_ms, measured.power_w, session.sampled_ms, session.power_w
    ):
        changes |= {"power_w": measured.power_w, "sampled_ms": measured.at_ms}
    if measured.soc_bp is not None and _is_newer(
        measured.at_ms, measured.soc_bp, session.soc_ms, session.soc_bp or 0
    ):
        changes |= {"soc_bp": measured.soc_bp, "soc_ms": measured.at_ms}
    for name in ("imported_wh", "exported_wh"):
        value = getattr(measured, name)
        if value is not None:
            first, last = getattr(session, "first_" + name), getattr(session, "last_" + name)
            changes["first_" + name] = value if first is None else min(first, value)
            changes["last_" + name] = value if last is None else max(last, value)
    return _directed(replace(session, **changes))


def presume_ended(session: Session, at_ms: int) -> Session:
    """The session when another has begun in its place at `at_ms`; its own end may yet be told."""
    return replace(
        session,
        state=SessionState.ENDED,
        stopped_ms=max(session.started_ms, at_ms),
        stop_reason=PRESUMED,
        power_w=0,
    )


def takes_token(session: Session, news: SessionNews) -> bool:
    """True if the message says whose session it is, and no earlier one has said so."""
    if news.id_token is None or news.phase is Phase.END:
        return False
    return session.id_token is None or news.order < session.token_order


def changes(before: Session, after: Session) -> Mapping[str, Any]:
    """Columns that differ."""
    names = Session.__dataclass_fields__
    found = {
        name: getattr(after, name)
        for name in names
        if getattr(before, name) != getattr(after, name)
    }
    if "state" in found:
        found["state"] = after.state.value
    return found


def _place(session: Session, news: SessionNews) -> Session:
    return replace(
        session,
        evse_id=session.evse_id or news.evse_id or 0,
        connector_id=session.connector_id or news.connector_id or 0,
        started_ms=min(session.started_ms, news.at_ms),
        told_offline=session.told_offline or news.offline,
    )


def _state(session: Session, news: SessionNews) -> Session:
    ended = session.state is SessionState.ENDED
    presumed = ended and session.stop_reason == PRESUMED
    if news.phase is Phase.END:
        if ended and not presumed and news.order <= session.state_order:
            return session
        return replace(
            session,
            state=SessionState.ENDED,
            state_order=news.order,
            stopped_ms=news.at_ms,
            stop_reason=news.reason or "Local",
        )
    if ended or news.state is None or news.order < session.state_order:
        return session
    return replace(session, state=news.state, state_order=news.order)


def _directed(session: Session) -> Session:
    """Power and state that go together."""
    if session.state is SessionState.ENDED:
        return replace(session, power_w=0)
    if session.state in _FLOWING:
        discharges = session.power_w < 0
        state = SessionState.DISCHARGING if discharges else SessionState.CHARGING
        return replace(session, state=state)
    return session


def _is_newer(at_ms: int, value: int, known_ms: int | None, known: int) -> bool:
    """Newer; of two at one moment the greater, so that their order does not matter."""
    return known_ms is None or (at_ms, value) > (known_ms, known)
