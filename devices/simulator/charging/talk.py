"""What the dialects of OCPP share on the charge point's side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from devices.simulator.charging.station import Limit, News, Station

Payload = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """A call to the service. `lasting`: of a session; repeated until it is answered."""

    action: str
    payload: Payload
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to a call, and whether the charge point starts anew after it."""

    payload: Payload
    restart: bool = False


class Talk(Protocol):
    """A dialect."""

    subprotocol: str

    def boot(self) -> Message:
        """The first message."""

    def status(self, station: Station, now_ms: int) -> Message:
        """What the plug is doing."""

    def authorise(self, id_token: str) -> Message:
        """May this token charge?"""

    def admitted(self, payload: Mapping[str, Any]) -> bool | None:
        """What an answer says of the token; None: nothing."""

    def tell(self, news: News, now_ms: int) -> Sequence[Message]:
        """Messages that tell a piece of news. Those that last come first."""

    def told(self, news: News, message: Message, answer: Mapping[str, Any]) -> None:
        """A message was answered."""

    def hear(
        self, action: str, payload: Mapping[str, Any], station: Station, now_ms: int
    ) -> Reply | None:
        """Does what is asked; None: it cannot."""

    def state(self) -> dict[str, Any]:
        """What it keeps without power."""

    def recall(self, state: Mapping[str, Any]) -> None:
        """Goes on from `state`."""


def text_of(at_ms: int) -> str:
    """RFC 3339."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def ms_of(text: str) -> int:
    """From RFC 3339. Raises ValueError."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def limits_of(
    profile: Mapping[str, Any], schedule: Mapping[str, Any], session: str | None, now_ms: int
) -> tuple[Limit, ...]:
    """A charging profile's periods. Raises ValueError, KeyError if it is not one for us."""
    if profile["chargingProfilePurpose"] not in ("TxProfile", "TxDefaultProfile"):
        raise ValueError("a purpose that is not served")
    if schedule["chargingRateUnit"] != "W" or profile["chargingProfileKind"] == "Recurring":
        raise ValueError("a unit or kind that is not served")
    begin_ms = ms_of(schedule["startSchedule"]) if "startSchedule" in schedule else now_ms
    end_ms = begin_ms + int(schedule.get("duration", 10**6)) * 1000
    if "validTo" in profile:
        end_ms = min(end_ms, ms_of(profile["validTo"]))
    periods = schedule["chargingSchedulePeriod"]
    starts = [begin_ms + int(period["startPeriod"]) * 1000 for period in periods]
    ends = [*starts[1:], end_ms]
    return tuple(
        _limit(period, start, min(end, end_ms), session)
        for period, start, end in zip(periods, starts, ends, strict=True)
    )


def _limit(period: Mapping[str, Any], start_ms: int, end_ms: int, session: str | None) -> Limit:
    """A negative setpoint (2.1) or limit (before) takes energy out of the car."""
    wanted = period.get("setpoint", period.get("limit"))
    if wanted is None:
        raise ValueError("neither limit nor setpoint")
    power_w = int(wanted)
    return Limit(max(0, power_w), max(0, -power_w), start_ms, end_ms, session)
