"""Live notices to browsers, by Socket.IO (docs/api.md).

Stages signal what they have stored; one thread turns that into notices. Nothing is computed while
nobody listens, and a summary goes out at most once a second.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, request
from flask_socketio import SocketIO, join_room
from pydantic import BaseModel

from backend import signals
from backend.api import schemas
from backend.api.errors import ApiError
from backend.api.field_reader import read_field
from backend.api.health import read_health
from backend.api.household_routes import reading_answer
from backend.api.price_reader import read_price
from backend.api.public_routes import event_answer
from backend.api.services import Services
from backend.api.sign_in import SignIn
from backend.chain.rpc import NodeUnreachableError, RpcError
from backend.telemetry.readings import StoredReading

_LOG = logging.getLogger(__name__)
_SUMMARY_EVERY_S = 1.0
_HEALTH_EVERY_S = 5.0
_CHECK_MEMBER_S = 30.0
_LONGEST_MESSAGE = 16_384
_MOST_ROOMS = 50
_PRICE_EVENTS = frozenset({"PricesPosted", "PriceRoundAccepted", "PriceSourceChanged"})


@dataclass(slots=True)
class _Member:
    """A browser in a meter's room, and when its right to be there was last checked."""

    token: str
    checked_at: float


class Live:
    """Socket.IO of one app."""

    def __init__(self, services: Services, sign_in: SignIn) -> None:
        self._services = services
        self._sign_in = sign_in
        self.socketio = SocketIO(
            async_mode="threading",
            manage_session=False,
            max_http_buffer_size=_LONGEST_MESSAGE,
            cors_allowed_origins=self._is_allowed,  # type: ignore[arg-type]  # stubs lack it
        )
        self._notices: queue.SimpleQueue[tuple[str, Any] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._clients: set[str] = set()
        self._rooms: dict[int, dict[str, _Member]] = {}
        self._relays: dict[int, schemas.Relay] = {}
        self._told: set[int] = set()
        self._newest_change = 0
        self._health: tuple[str, tuple[str, ...]] | None = None
        self._thread: threading.Thread | None = None
        self.socketio.on_event("connect", self._on_connect)
        self.socketio.on_event("disconnect", self._on_disconnect)
        self.socketio.on_event("join", self._on_join)
        self.socketio.on_event("leave", self._on_leave)

    # ---- life ----------------------------------------------------------------------------------

    def attach(self, app: Flask) -> None:
        """Serves `/socket.io` on the app."""
        self.socketio.init_app(app)

    def start(self) -> None:
        """Starts sending."""
        for signal, receiver in self._receivers():
            signal.connect(receiver)
        self._thread = threading.Thread(target=self._run, name="live", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stops sending."""
        for signal, receiver in self._receivers():
            signal.disconnect(receiver)
        if self._thread is not None:
            self._notices.put(None)
            self._thread.join(timeout=2.0)
            self._thread = None

    def client_count(self) -> int:
        """How many browsers are connected."""
        return len(self._clients)

    def _receivers(self) -> list[tuple[Any, Any]]:
        return [
            (signals.readings_stored, self._on_readings),
            (signals.slot_closed, self._on_slot),
            (signals.slot_committed, self._on_slot),
            (signals.chain_event, self._on_chain_event),
            (signals.command_issued, self._on_relay),
            (signals.command_acknowledged, self._on_relay),
            (signals.field_told, self._on_field),
        ]

    def _is_allowed(self, origin: str | None, environ: dict[str, Any]) -> bool:
        """True for the page's own origin and for those configured."""
        if origin is None or origin in self._services.settings.cors_origins:
            return True
        return urlsplit(origin).netloc == environ.get("HTTP_HOST")

    # ---- what stages say: quick, in their threads ----------------------------------------------

    def _on_readings(self, _sender: object, **values: Any) -> None:
        if self._rooms:
            self._notices.put(("readings", values["readings"]))

    def _on_slot(self, _sender: object, **values: Any) -> None:
        if self._clients:
            self._notices.put(("slot", values["slot"]))

    def _on_chain_event(self, _sender: object, **values: Any) -> None:
        if self._clients:
            self._notices.put(("chain", values["event"]))

    def _on_relay(self, _sender: object, **_values: Any) -> None:
        if self._clients:
            self._notices.put(("relays", None))

    def _on_field(self, _sender: object, **values: Any) -> None:
        if self._clients:
            self._notices.put(("field", values["node_id"]))

    # ---- what browsers say ---------------------------------------------------------------------

    def _on_connect(self, _auth: object = None) -> None:
        sid: str = request.sid  # type: ignore[attr-defined]  # Flask-SocketIO adds it
        with self._lock:
            self._clients.add(sid)
        self._notices.put(("welcome", sid))

    def _on_disconnect(self, *_reason: object) -> None:
        sid: str = request.sid  # type: ignore[attr-defined]
        with self._lock:
            self._clients.discard(sid)
            for members in self._rooms.values():
                members.pop(sid, None)
            self._rooms = {meter: members for meter, members in self._rooms.items() if members}

    def _on_join(self, data: object = None) -> dict[str, Any]:
        """`{"meter": id, "token": session}`: a household's own readings as they come."""
        sid: str = request.sid  # type: ignore[attr-defined]
        meter, token = _join_request(data)
        if meter is None or token is None:
            return _refused("bad_join", 'send {"meter": <id>, "token": "<session token>"}')
        with self._lock:
            joined = sum(sid in members for members in self._rooms.values())
        if joined >= _MOST_ROOMS:
            return _refused("too_many_rooms", f"at most {_MOST_ROOMS} meters at once")
        try:
            self._services.access.watch(meter, token)
        except ApiError as error:
            return _refused(error.code, error.message)
        except (NodeUnreachableError, RpcError):
            return _refused("chain_unreachable", "the Ethereum node does not answer: try again")
        with self._lock:
            self._rooms.setdefault(meter, {})[sid] = _Member(token, time.monotonic())
        join_room(_room(meter))
        return {"ok": True}

    def _on_leave(self, data: object = None) -> dict[str, Any]:
        sid: str = request.sid  # type: ignore[attr-defined]
        meter, _ = _join_request(data)
        if meter is not None:
            self._dismiss(meter, sid)
        return {"ok": True}

    def _dismiss(self, meter: int, sid: str) -> None:
        with self._lock:
            members = self._rooms.get(meter, {})
            members.pop(sid, None)
            if not members:
                self._rooms.pop(meter, None)
        server: Any = self.socketio.server  # type: ignore[attr-defined]  # its stubs lack it
        server.leave_room(sid, _room(meter), namespace="/")

    # ---- the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        next_summary = next_health = 0.0
        while True:
            pause = max(min(next_summary, next_health) - time.monotonic(), 0.0)
            notice = self._next(pause if self._clients else None)
            if notice is None:
                return
            now = time.monotonic()
            try:
                self._send(*notice)
                if self._clients and now >= next_summary:
                    next_summary = now + _SUMMARY_EVERY_S
                    self._emit("summary", self._services.summary.read())
                    self._send_field()
                if self._clients and now >= next_health:
                    next_health = now + _HEALTH_EVERY_S
                    self._send_health()
            except Exception:
                _LOG.exception("a live notice failed")

    def _next(self, pause_s: float | None) -> tuple[str, Any] | None:
        try:
            return self._notices.get(timeout=pause_s)
        except queue.Empty:
            return ("nothing", None)

    def _send(self, kind: str, value: Any) -> None:
        if kind == "readings":
            self._send_readings(value)
        elif kind == "slot":
            slot = self._services.slots.get(value)
            if slot is not None:
                self._emit("slot", slot)
        elif kind == "chain":
            self._emit("chain", event_answer(value))
            if value.name in _PRICE_EVENTS:
                self._send_price()
            if value.contract == "PriorityRegistry":
                self._send_relays()
        elif kind == "relays":
            self._send_relays()
        elif kind == "field":
            self._told.add(value)
        elif kind == "welcome":
            self._emit("summary", self._services.summary.read(), to=value)

    def _send_price(self) -> None:
        try:
            price = read_price(self._services.chain, self._services.clock())
        except (NodeUnreachableError, RpcError):
            return
        self._emit("price", price)

    def _send_relays(self) -> None:
        """Relays that are not as they were."""
        try:
            relays = self._services.relays.relays()
        except (NodeUnreachableError, RpcError):
            return
        for relay in relays:
            if self._relays.get(relay.switch_id) != relay:
                self._relays[relay.switch_id] = relay
                self._emit("relay", relay)

    def _send_field(self) -> None:
        """Of the field layer what nodes told since the last time."""
        told, self._told = self._told, set()
        if not told:
            return
        news = read_field(self._services, told, self._newest_change)
        if news.changes:
            self._newest_change = news.changes[0].id
        self._emit("field", news)

    def _send_readings(self, stored: list[StoredReading]) -> None:
        for reading in stored:
            if reading.node_id in self._rooms:
                self._check_members(reading.node_id)
                notice = {"meter_id": reading.node_id}
                notice |= reading_answer(reading).model_dump(mode="json")
                self.socketio.emit("reading", notice, to=_room(reading.node_id))

    def _check_members(self, meter: int) -> None:
        """Shows out whose session is over or who holds the meter no longer."""
        now = time.monotonic()
        with self._lock:
            due = [
                (sid, member)
                for sid, member in self._rooms.get(meter, {}).items()
                if now - member.checked_at > _CHECK_MEMBER_S
            ]
        for sid, member in due:
            try:
                self._services.access.watch(meter, member.token)
                member.checked_at = now
            except (ApiError, NodeUnreachableError, RpcError):
                self._dismiss(meter, sid)

    def _send_health(self) -> None:
        health = read_health(self._services)
        state = (health.status, tuple(health.problems))
        if state != self._health:
            self._health = state
            self._emit("health", health)

    def _emit(self, name: str, body: BaseModel, to: str | None = None) -> None:
        self.socketio.emit(name, body.model_dump(mode="json"), to=to)


def _room(meter: int) -> str:
    return f"meter:{meter}"


def _join_request(data: object) -> tuple[int | None, str | None]:
    if not isinstance(data, dict):
        return None, None
    meter, token = data.get("meter"), data.get("token")
    is_meter = isinstance(meter, int) and not isinstance(meter, bool) and 0 < meter < 1 << 32
    is_token = isinstance(token, str) and 0 < len(token) <= 200
    return meter if is_meter else None, token if is_token else None


def _refused(code: str, message: str) -> dict[str, Any]:
    return {"ok": False, "error": {"code": code, "message": message}}
