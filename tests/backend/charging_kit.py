"""A running charging service on a store of its own, and a raw charge point that speaks to it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from websockets.sync.client import ClientConnection, connect

from backend.charging import credentials
from backend.charging.moments import text_of
from backend.charging.service import ChargingService, ChargingServiceError
from backend.config import Settings
from backend.telemetry import charging, charging_orders, charging_sessions
from backend.telemetry.charging import IdToken, Registered
from backend.telemetry.charging_orders import Direction, Order
from backend.telemetry.charging_sessions import Session
from backend.telemetry.store import Store, open_store

PASSWORD = "a-password-of-twenty"
ALICE, BOB = "0x" + "a1" * 20, "0x" + "b0" * 20
ANSWER_S = 120.0  # ends a test whose event never comes


class Service:
    """The service in a thread; `stop` and `start` as after a crash of nothing but it."""

    def __init__(self, home: Path, **options: Any) -> None:
        self.settings = Settings(home=home, charging_port=0, charging_tls_port=0, **options)
        self.store: Store = open_store(self.settings.store_url)
        self.now_offset_s = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._task: asyncio.Task[None] | None = None
        self.service: ChargingService | None = None

    def start(self) -> None:
        ready = threading.Event()
        failure: list[Exception] = []

        async def live() -> None:
            service = self.service = ChargingService(self.settings, self.store, self.clock)
            try:
                await service.start()
            except ChargingServiceError as error:
                failure.append(error)
                await service.stop()
                return
            finally:
                ready.set()
            self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
            with contextlib.suppress(asyncio.CancelledError):
                await service.run()

        self._thread = threading.Thread(target=lambda: asyncio.run(live()))
        self._thread.start()
        assert ready.wait(ANSWER_S)
        if failure:
            self._thread.join()
            raise failure[0]

    def stop(self) -> None:
        if self._loop and self._task and self._thread:
            self._loop.call_soon_threadsafe(self._task.cancel)
            self._thread.join(ANSWER_S)
            self._loop = self._task = None

    def clock(self) -> float:
        return time.time() + self.now_offset_s

    def url(self, name: str, *, tls: bool = False) -> str:
        assert self.service is not None
        port = next(a.port for a in self.service.addresses if a.tls == tls)
        return f"{'wss' if tls else 'ws'}://127.0.0.1:{port}/ocpp/{name}"

    def register(self, name: str, meter: int, **options: Any) -> None:
        point = Registered(name, meter, name, **{"max_charge_w": 7400, **options})
        with self.store.write() as connection:
            charging.register(connection, [point])
        credentials.keep(self.settings.keys_dir / "chargers.json", {name: PASSWORD})

    def link(self, id_token: str, account: str | None, **options: Any) -> None:
        values = {"ev_id": None, "label": "", "blocked": False, "expires_at": None, **options}
        with self.store.write() as connection:
            charging.put_token(connection, IdToken(id_token, account, linked_at=1, **values))

    def sessions(self) -> list[Session]:
        with self.store.read() as connection:
            return charging_sessions.find(connection, 100)[::-1]

    def point(self, name: str) -> charging.ChargePoint:
        with self.store.read() as connection:
            found = charging.get(connection, name)
        assert found is not None
        return found

    def count(self, table: sa.Table) -> int:
        with self.store.read() as connection:
            return int(
                connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            )

    def order(self, session: Session, direction: Direction, power_w: int, for_s: int = 600) -> int:
        with self.store.write() as connection:
            now = self.clock()
            return charging_orders.give(
                connection, session.session_id, direction, power_w, int(now) + for_s,
                int(now * 1000),
            )  # fmt: skip

    def newest_order(self, session: Session) -> Order:
        with self.store.read() as connection:
            found = charging_orders.newest(connection, session.session_id)
        assert found is not None
        return found


class Point:
    """A charge point by hand, on the wire: what it is asked it answers with `answers`."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, Any] = {}
        self._number = 0

    def call(self, action: str, payload: dict[str, Any], unique_id: str | None = None) -> Any:
        """The answer's payload, or (code, description) of an error."""
        self._number += 1
        unique_id = unique_id or f"m{self._number}"
        self.socket.send(json.dumps([2, unique_id, action, payload]))
        return self.wait_for(unique_id)

    def wait_for(self, unique_id: str) -> Any:
        while True:
            frame = self.hear()
            if frame is not None and frame[1] == unique_id:
                return frame[2] if frame[0] == 3 else (frame[2], frame[3])

    def hear(self, timeout_s: float = ANSWER_S) -> list[Any] | None:
        """The next frame; what it asks is answered, and None returned."""
        frame: list[Any] = json.loads(self.socket.recv(timeout=timeout_s))
        if frame[0] != 2:
            return frame
        self.asked.append((frame[2], frame[3]))
        answer = self.answers.get(frame[2], _YES.get(frame[2], {"status": "Accepted"}))
        if callable(answer):
            answer = answer(frame[3])
        if answer is not None:
            self.socket.send(json.dumps([3, frame[1], answer]))
        return None

    def until(self, ready: Callable[[], bool]) -> None:
        """Answers what it is asked until something is so."""
        deadline = time.monotonic() + ANSWER_S
        while not ready():
            assert time.monotonic() < deadline, "it did not come to that"
            with contextlib.suppress(TimeoutError):
                self.hear(0.05)

    def boot16(self) -> None:
        answer = self.call("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
        assert answer["status"] == "Accepted"

    def boot2(self) -> None:
        station = {"vendorName": "V", "model": "M"}
        body = {"chargingStation": station, "reason": "PowerUp"}
        assert self.call("BootNotification", body)["status"] == "Accepted"


_YES: dict[str, Any] = {
    "SetVariables": lambda body: {
        "setVariableResult": [
            {
                "attributeStatus": "Accepted",
                "component": item["component"],
                "variable": item["variable"],
            }
            for item in body["setVariableData"]
        ]
    }
}


def basic(name: str, password: str = PASSWORD) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


@contextlib.contextmanager
def connected(
    service: Service,
    name: str = "CP1",
    protocol: str = "ocpp1.6",
    *,
    password: str = PASSWORD,
    tls: ssl.SSLContext | None = None,
) -> Iterator[Point]:
    url = service.url(name, tls=tls is not None)
    headers = basic(name, password)
    options: dict[str, Any] = {"ssl": tls} if tls is not None else {}
    with connect(
        url, subprotocols=[protocol], additional_headers=headers, close_timeout=1, **options
    ) as socket:  # type: ignore[list-item]
        yield Point(socket)


def iso(at_ms: int) -> str:
    return text_of(at_ms)


@pytest.fixture
def charging_service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path)
    made.register("CP1", 61)
    made.register("CP2", 62, max_discharge_w=7000)
    made.link("alice-1", ALICE, ev_id=7)
    made.link("alice-2", ALICE, ev_id=7)
    made.link("bob-1", BOB)
    made.start()
    yield made
    made.stop()
    made.store.close()
