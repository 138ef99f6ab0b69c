"""What charge points say, in our words, whatever their dialect of OCPP. Wh, W, ms, 0.01 %."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from backend.telemetry.charging import PlugState
from backend.telemetry.charging_sessions import SessionState


class Refused(ValueError):  # noqa: N818 - an answer, not a fault
    """A message cannot be taken; `code` is OCPP's word for why."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Phase(StrEnum):
    """Of a session, the part that a message tells of."""

    BEGIN = "begin"
    UPDATE = "update"
    END = "end"


class Authorisation(StrEnum):
    """What becomes of a token held to a charge point; in the words of OCPP."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    CONCURRENT = "ConcurrentTx"


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured at a moment; None: not told. `power_w` negative: out of the car."""

    at_ms: int
    context: str
    imported_wh: int | None = None
    exported_wh: int | None = None
    power_w: int | None = None
    soc_bp: int | None = None
    voltage_dv: int | None = None
    current_ma: int | None = None


@dataclass(frozen=True, slots=True)
class Boot:
    """A charge point has started and says what it is."""

    vendor: str
    model: str
    firmware: str
    serial_number: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Nothing but a sign of life."""


@dataclass(frozen=True, slots=True)
class PlugNews:
    """A connector's state. `session_state`: what 1.6 thereby says of the session on it."""

    evse_id: int
    connector_id: int
    state: PlugState
    error: str
    at_ms: int
    session_state: SessionState | None = None


@dataclass(frozen=True, slots=True)
class Authorise:
    """May this token charge? Empty: somebody without one."""

    id_token: str


@dataclass(frozen=True, slots=True)
class SessionNews:
    """What a message tells of a session.

    Args:
        ref: the charge point's name of the session; None in 1.6 once it has `session_id`
        order: place among the session's messages, which may arrive in any order
        id_token: None: not told; empty: somebody without one
        state: None: not told
        offline: it was kept while there was no connection
    """

    ref: str | None
    session_id: int | None
    order: int
    at_ms: int
    phase: Phase
    evse_id: int | None = None
    connector_id: int | None = None
    id_token: str | None = None
    state: SessionState | None = None
    reason: str | None = None
    offline: bool = False
    measured: tuple[Measured, ...] = ()


@dataclass(frozen=True, slots=True)
class Samples:
    """Measured outside of a message on a session; `session_id` if 1.6 names it."""

    evse_id: int
    session_id: int | None
    measured: tuple[Measured, ...]


@dataclass(frozen=True, slots=True)
class Noted:
    """A message that changes nothing here; `answer` is all it gets."""

    answer: dict[str, Any]


Said = Boot | Heartbeat | PlugNews | Authorise | SessionNews | Samples | Noted


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was made of a message, for its answer. None: nothing of the kind."""

    session_id: int | None = None
    authorisation: Authorisation | None = None
