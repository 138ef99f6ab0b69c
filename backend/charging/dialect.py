"""What the versions of OCPP have in common here, and how they are told apart. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from backend.charging.moments import text_of
from backend.charging.said import (
    Authorise,
    Boot,
    Heartbeat,
    Noted,
    Outcome,
    Refused,
    Said,
    SessionNews,
)
from backend.telemetry.charging import ChargePoint
from backend.telemetry.charging_orders import Order, Request
from backend.telemetry.charging_sessions import Session

Payload = dict[str, Any]
MOST_INT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Ask:
    """A call to a charge point."""

    action: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a charge point answered: whether it will do it, and its words."""

    accepted: bool
    words: str


class Unsupported(ValueError):  # noqa: N818 - an answer, not a fault
    """The charge point cannot do this, by its version or its make; the text says why."""


class Dialect(Protocol):
    """A version of OCPP."""

    subprotocol: str
    version: str

    def read(self, action: str, payload: Mapping[str, Any], now_ms: int) -> Said | None:
        """What a valid message says; None: we do not serve it. Raises Refused."""

    def answer(self, said: Said, outcome: Outcome, now_ms: int, heartbeat_s: int) -> Payload:
        """The answer to a message."""

    def settle_in(self, sample_s: int) -> Sequence[Ask]:
        """What a charge point is asked after it has started."""

    def order(self, order: Order, session: Session, point: ChargePoint, now_ms: int) -> Ask:
        """The call that carries out an order. Raises Unsupported."""

    def request(self, request: Request, session: Session | None) -> Ask:
        """The call that carries out a request. Raises Unsupported."""

    def verdict(self, payload: Mapping[str, Any]) -> Verdict:
        """What the answer to a call means."""


def answer_of(
    said: Said, outcome: Outcome, now_ms: int, heartbeat_s: int, token_info: str
) -> Payload:
    """The answer to a message, alike in all versions but for what they call a token's standing."""
    info = {"status": outcome.authorisation.value} if outcome.authorisation else None
    match said:
        case Boot():
            status = {"status": "Accepted", "interval": heartbeat_s}
            return {**status, "currentTime": text_of(now_ms)}
        case Heartbeat():
            return {"currentTime": text_of(now_ms)}
        case Authorise():
            return {token_info: info}
        case SessionNews():
            return {token_info: info} if info else {}
        case Noted(answer=answer):
            return answer
    return {}


def whole(value: Any, name: str, least: int = 0) -> int:
    """A number that is whole and of a size that a charge point can mean."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= MOST_INT:
        raise Refused("PropertyConstraintViolation", f"{name} {value!r:.40} is out of range")
    return value


PAUSE_S = 60
"""After an order's time a car waits this long for the next one, taking and giving nothing, before
it charges as it likes: who decides slot by slot is always a little late."""


def schedule(order: Order, now_ms: int, period: Payload) -> Payload:
    """A charging schedule, alike in all versions: what was ordered, then the pause."""
    ordered_s = max(1, order.until - now_ms // 1000)
    return {
        "startSchedule": text_of(now_ms),
        "duration": ordered_s + PAUSE_S,
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": [
            {"startPeriod": 0, **period},
            {"startPeriod": ordered_s, "limit": 0.0},
        ],
    }


def valid_to(order: Order) -> str:
    """When a profile that carries out an order is over."""
    return text_of((order.until + PAUSE_S) * 1000)


def limit_w(order: Order, most_w: int) -> int:
    """The power of an order, no more than the charge point was registered with."""
    return min(order.power_w, most_w)
