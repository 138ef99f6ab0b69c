"""A charge point with one plug: what it does, in no dialect of OCPP. Pure.

It meters what flows, obeys limits, and notes what it has to tell. Who carries the messages takes
them from `news`; who hears orders calls `stop`, `start` and sets `limits`. Times are the wall
clock's, in ms; what flows is the neighbourhood's.
"""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from devices.simulator.charging.car import WMS_PER_WH, Battery

Mode = Literal["idle", "waiting", "charging", "discharging", "suspended_car", "suspended_station"]
_LEAST_W = 200
"""Less is not worth converting: the car counts as full, or as kept from charging."""
_MOST_NEWS = 10_000


@dataclass(frozen=True, slots=True)
class Rating:
    """What a charge point can do, W at its meter."""

    max_charge_w: int
    max_discharge_w: int = 0


@dataclass(frozen=True, slots=True)
class Limit:
    """What a charge point was told: at most `charge_w` into the car; or to take `discharge_w` out.

    Before and after, it charges as the car likes. `session`: it is for that one only.
    """

    charge_w: int
    discharge_w: int
    from_ms: int
    until_ms: int
    session: str | None = None


@dataclass(frozen=True, slots=True)
class News:
    """Something to be told.

    Args:
        what: plugged, authorised, refused, mode, sample, ended, unplugged
        number: of the messages of one session, from 0
    """

    what: str
    at_ms: int
    session: str
    number: int
    mode: Mode
    id_token: str
    imported_wh: int
    exported_wh: int
    power_w: int
    soc_bp: int
    reason: str = ""


@dataclass(slots=True)
class Session:
    """One car at the plug. `ref` is the charge point's own name for it."""

    ref: str
    id_token: str
    began_ms: int
    started_wh: int
    authorised: bool = False
    refused: bool = False
    stopped: bool = False
    number: int = 0


@dataclass(slots=True)
class Station:
    """The charge point. `step` lets energy flow, and must be called for every step of the world."""

    name: str
    rating: Rating
    battery: Battery | None = None
    session: Session | None = None
    limits: tuple[Limit, ...] = ()
    mode: Mode = "idle"
    power_w: int = 0
    imported_wms: int = 0
    exported_wms: int = 0
    sessions: int = 0
    sample_every_ms: int = 10_000
    news: deque[News] = field(default_factory=lambda: deque(maxlen=_MOST_NEWS))
    _sampled_ms: int = 0

    # ---- a driver's hands ----------------------------------------------------------------------

    def plug(self, battery: Battery, id_token: str, now_ms: int) -> None:
        """A car is plugged in and its driver holds up a token."""
        assert self.session is None
        self.sessions += 1
        self.battery = battery
        ref = f"{self.name}-{self.sessions:06d}"
        self.session = Session(ref, id_token, now_ms, self.imported_wms // WMS_PER_WH)
        self.mode = "waiting"
        self._sampled_ms = now_ms
        self._tell("plugged", now_ms)

    def unplug(self, now_ms: int) -> None:
        """The car leaves, whatever it was doing."""
        if self.session is None:
            return
        self.power_w = 0
        if not self.session.stopped:
            self._end("EVDisconnected", now_ms)
        self._tell("unplugged", now_ms)
        self.battery, self.session, self.limits, self.mode = None, None, (), "idle"

    # ---- what it is told -------------------------------------------------------------------------

    def authorise(self, accepted: bool, now_ms: int) -> None:
        """The answer for the token; nothing if the car has left meanwhile."""
        session = self.session
        if session is None or session.stopped or session.authorised:
            return
        session.authorised, session.refused = accepted, not accepted
        self._tell("authorised" if accepted else "refused", now_ms)

    def deauthorise(self, now_ms: int) -> None:
        """The session is not admitted after all: nothing more flows."""
        if self.session is not None and not self.session.stopped:
            self.session.authorised = False
            self._end("DeAuthorized", now_ms)

    def stop(self, now_ms: int) -> bool:
        """Stops the session from afar; the car stays plugged in. False if there is none."""
        if self.session is None or self.session.stopped:
            return False
        self._end("Remote", now_ms)
        return True

    def start(self, id_token: str, now_ms: int) -> bool:
        """Starts a session from afar with the car that is there. False if that cannot be."""
        if self.session is None or self.battery is None:
            return False
        if not self.session.stopped:
            self.session.id_token = id_token
            self.authorise(True, now_ms)
            return True
        battery = self.battery
        self.session = None
        self.plug(battery, id_token, now_ms)
        self.authorise(True, now_ms)
        return True

    # ---- what flows ----------------------------------------------------------------------------

    def wanted_w(self, now_ms: int, dt_ms: int) -> int:
        """Power that it will draw (negative: give) for `dt_ms`, if there is voltage."""
        session, battery = self.session, self.battery
        if session is None or battery is None or session.stopped or not session.authorised:
            return 0
        limit = self._limit(session, now_ms)
        if limit is not None and limit.discharge_w:
            most_w = min(limit.discharge_w, self.rating.max_discharge_w)
            wanted_w = min(most_w, battery.most_discharge_w(dt_ms))
            return -wanted_w if wanted_w >= _LEAST_W else 0
        most_w = min(self.rating.max_charge_w, battery.most_charge_w(dt_ms))
        if limit is not None:
            most_w = min(most_w, limit.charge_w)
        return most_w if most_w >= _LEAST_W else 0

    def step(self, power_w: int, now_ms: int, dt_ms: int) -> None:
        """Lets `power_w` (at most what was wanted) flow for `dt_ms` of the neighbourhood's time."""
        self.power_w = power_w
        if self.battery is not None and power_w:
            self.battery.step(power_w, dt_ms)
        self.imported_wms += max(0, power_w) * dt_ms
        self.exported_wms += max(0, -power_w) * dt_ms
        session = self.session
        if session is None or session.stopped:
            return
        mode = self._mode(session, now_ms, dt_ms)
        if mode != self.mode:
            self.mode = mode
            self._tell("mode", now_ms)
        if now_ms - self._sampled_ms >= self.sample_every_ms:
            self._sampled_ms = now_ms
            self._tell("sample", now_ms)

    def _mode(self, session: Session, now_ms: int, dt_ms: int) -> Mode:
        if not session.authorised:
            return "waiting"
        if self.power_w:
            return "charging" if self.power_w > 0 else "discharging"
        limit, battery = self._limit(session, now_ms), self.battery
        wishes = battery is not None and battery.most_charge_w(dt_ms) >= _LEAST_W
        held = limit is not None and limit.charge_w < _LEAST_W and wishes
        return "suspended_station" if held or self.wanted_w(now_ms, dt_ms) else "suspended_car"

    def _limit(self, session: Session, now_ms: int) -> Limit | None:
        in_force = (
            limit
            for limit in reversed(self.limits)
            if limit.from_ms <= now_ms < limit.until_ms and limit.session in (None, session.ref)
        )
        return next(in_force, None)

    # ---- telling -------------------------------------------------------------------------------

    @property
    def soc_bp(self) -> int:
        """Of the car that is there; 0 without one."""
        return self.battery.soc_bp if self.battery else 0

    def _end(self, reason: str, now_ms: int) -> None:
        assert self.session is not None
        self.session.stopped = True
        self.power_w = 0
        self.mode = "waiting"
        self._tell("ended", now_ms, reason)

    def _tell(self, what: str, now_ms: int, reason: str = "") -> None:
        session = self.session
        assert session is not None
        self.news.append(
            News(
                what, now_ms, session.ref, session.number, self.mode, session.id_token,
                self.imported_wms // WMS_PER_WH, self.exported_wms // WMS_PER_WH,
                self.power_w, self.soc_bp, reason,
            )
        )  # fmt: skip
        session.number += 1

    # ---- memory --------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """What it keeps without power: registers, the session, what is not told yet."""
        return {
            "imported_wms": self.imported_wms,
            "exported_wms": self.exported_wms,
            "sessions": self.sessions,
            "session": asdict(self.session) if self.session else None,
            "limits": [asdict(limit) for limit in self.limits],
            "news": [asdict(item) for item in self.news],
        }

    def recall(self, state: dict[str, Any], battery: Battery | None) -> None:
        """Goes on from `state`, with the car that is still there."""
        self.imported_wms = int(state["imported_wms"])
        self.exported_wms = int(state["exported_wms"])
        self.sessions = int(state["sessions"])
        self.news.extend(News(**item) for item in state["news"])
        if state["session"] and battery is not None:
            self.session, self.battery = Session(**state["session"]), battery
            self.limits = tuple(Limit(**limit) for limit in state["limits"])
            self.mode = "waiting"
