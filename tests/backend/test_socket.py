"""Live notices: to whom, how often, and what is kept from whom."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from api_world import OPERATOR, RESIDENT, World
from flask_socketio import SocketIOTestClient
from local_chain import AUTHORITY, STRANGER

from backend import signals
from backend.api import live as live_module

pytest_plugins = ["api_world"]

PATIENCE_S = 120.0  # ends a test whose event never comes


class Browser:
    """A Socket.IO client that keeps what it was sent."""

    def __init__(self, world: World) -> None:
        socketio = world.app.extensions["socketio"]
        self.client: SocketIOTestClient = socketio.test_client(world.app)
        self.seen: list[tuple[str, Any]] = []

    def until(self, name: str, fits: Callable[[Any], bool] = lambda _: True) -> Any:
        """The first notice of that name that fits."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            self.look()
            for kind, body in self.seen:
                if kind == name and fits(body):
                    return body
            time.sleep(0.01)
        raise AssertionError(f"no {name} among {[kind for kind, _ in self.seen]}")

    def look(self) -> None:
        for packet in self.client.get_received():
            self.seen.append((packet["name"], packet["args"][0]))

    def names(self) -> list[str]:
        self.look()
        return [kind for kind, _ in self.seen]

    def ask(self, event: str, data: Any) -> Any:
        return self.client.emit(event, data, callback=True)

    def close(self) -> None:
        self.client.disconnect()


@pytest.fixture
def browser(world: World) -> Any:
    made = Browser(world)
    yield made
    made.close()


def _settled(world: World) -> None:
    """Returns when every notice given so far has been dealt with."""
    done = threading.Event()
    live = next(
        part
        for part in world.app.extensions["ohmstead"].parts
        if isinstance(part, live_module.Live)
    )
    real = live._send

    def send(kind: str, value: Any) -> None:
        if kind == "marker":
            done.set()
        else:
            real(kind, value)

    live._send = send  # type: ignore[method-assign]
    live._notices.put(("marker", None))
    assert done.wait(PATIENCE_S)
    live._send = real  # type: ignore[method-assign]


def test_who_connects_is_told_the_state_at_once(world: World, browser: Browser) -> None:
    summary = browser.until("summary")
    assert summary["slot_seconds"] == world.deployment.slot_seconds
    assert browser.until("health")["status"] == "ok"


def test_a_summary_comes_once_a_second_not_more(world: World, browser: Browser) -> None:
    began = time.monotonic()
    browser.until("summary")
    for _ in range(300):
        world.report(4, 1)
    took = time.monotonic() - began
    _settled(world)
    assert browser.names().count("summary") <= took + 2


def test_slots_relays_and_events_come_as_they_happen(world: World, browser: Browser) -> None:
    browser.until("summary")
    world.close_slot(100, 0, {4: 10})
    signals.slot_closed.send(None, slot=100)
    assert browser.until("slot")["slot"] == 100
    until = world.anvil.now() + 600
    world.transact(AUTHORITY, "PriorityRegistry", "setOverride", 4, 1, until)
    event = browser.until("chain", lambda body: body["name"] == "OverrideSet")
    assert event["args"]["switchId"] == 4
    assert event["transaction"].startswith("0x")
    relay = browser.until("relay", lambda body: body["override"] == "force_open")
    assert (relay["switch_id"], relay["pending"]) == (4, True)


def test_an_acknowledgement_moves_the_relay(world: World, browser: Browser) -> None:
    browser.until("summary")
    world.acknowledge(4, closed=True)
    relay = browser.until("relay", lambda body: body["switch_id"] == 4)
    assert (relay["acknowledged_closed"], relay["pending"]) == (True, False)


def test_a_household_hears_its_own_readings_and_nobody_elses(world: World) -> None:
    holder, stranger = Browser(world), Browser(world)
    token = world.sign_in(RESIDENT)["Authorization"].split()[1]
    other = world.sign_in(STRANGER)["Authorization"].split()[1]
    assert holder.ask("join", {"meter": 4, "token": token}) == {"ok": True}
    assert stranger.ask("join", {"meter": 4, "token": other})["error"]["code"] == "not_holder"
    world.report(4, 7)
    world.report(7, 9)
    reading = holder.until("reading")
    assert (reading["meter_id"], reading["imported_wh"]) == (4, 7)
    _settled(world)
    assert holder.names().count("reading") == 1
    assert "reading" not in stranger.names()
    holder.close()
    stranger.close()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (None, "bad_join"),
        ("4", "bad_join"),
        ({"meter": 4}, "bad_join"),
        ({"meter": "4", "token": "x"}, "bad_join"),
        ({"meter": True, "token": "x"}, "bad_join"),
        ({"meter": 4, "token": "x" * 201}, "bad_join"),
        ({"meter": 4, "token": "x"}, "session_over"),
    ],
)
def test_a_join_that_is_refused_says_why(quiet_world: World, data: Any, code: str) -> None:
    browser = Browser(quiet_world)
    answer = browser.ask("join", data)
    assert (answer["ok"], answer["error"]["code"]) == (False, code)
    browser.close()


def test_the_operators_watching_is_in_the_households_log(world: World) -> None:
    browser = Browser(world)
    token = world.sign_in(OPERATOR)["Authorization"].split()[1]
    assert browser.ask("join", {"meter": 4, "token": token}) == {"ok": True}
    entries = world.get("/api/meters/4/access-log", world.sign_in(RESIDENT))["entries"]
    assert entries[0]["what"] == "live readings"
    browser.close()


def test_who_left_or_whose_session_is_over_hears_no_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser(world)
    headers = world.sign_in(RESIDENT)
    token = headers["Authorization"].split()[1]
    browser.ask("join", {"meter": 4, "token": token})
    world.report(4, 1)
    browser.until("reading")
    assert browser.ask("leave", {"meter": 4}) == {"ok": True}
    world.report(4, 1)
    _settled(world)
    assert browser.names().count("reading") == 1
    browser.ask("join", {"meter": 4, "token": token})
    world.client.delete("/api/auth/session", headers=headers)
    monkeypatch.setattr(live_module, "_CHECK_MEMBER_S", -1.0)
    world.report(4, 1)
    _settled(world)
    assert browser.names().count("reading") == 1
    browser.close()


def test_nothing_is_computed_while_nobody_listens(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = type(world.services.summary).read
    monkeypatch.setattr(
        type(world.services.summary), "read", lambda self: asked.append("summary") or real(self)
    )
    browser = Browser(world)
    browser.until("summary")
    browser.close()
    _settled(world)
    asked.clear()
    for _ in range(5):
        world.report(4, 1)
    signals.slot_closed.send(None, slot=1)
    _settled(world)
    assert asked == []


def test_one_failing_notice_does_not_end_the_others(
    world: World, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser.until("summary")
    signals.slot_closed.send(None, slot=10**30)  # no store can hold it
    world.close_slot(100, 0, {4: 10})
    signals.slot_closed.send(None, slot=100)
    assert browser.until("slot")["slot"] == 100


def test_clients_are_counted(world: World) -> None:
    first, second = Browser(world), Browser(world)
    assert "ohmstead_live_clients 2.0" in world.client.get("/metrics").text
    first.close()
    second.close()
    assert "ohmstead_live_clients 0.0" in world.client.get("/metrics").text


def test_another_origin_may_not_connect(world: World) -> None:
    path = "/socket.io/?EIO=4&transport=polling"
    own = world.client.get(path, headers={"Origin": "http://localhost"})
    assert own.status_code == 200
    other = world.client.get(path, headers={"Origin": "http://evil.example"})
    assert other.status_code == 400
