"""The charging service on the wire, against a charge point by hand."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from charging_kit import (
    ALICE,
    BOB,
    PASSWORD,
    Point,
    Service,
    basic,
    charging_service,
    connected,
    iso,
)
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from backend.charging import credentials
from backend.charging.service import ChargingServiceError
from backend.telemetry import charging, charging_orders
from backend.telemetry.charging import PlugState
from backend.telemetry.charging_orders import Direction, OrderState, RequestKind
from backend.telemetry.charging_sessions import SessionState
from backend.telemetry.charging_tables import charging_samples, charging_sessions

__all__ = ["charging_service"]

T0 = 1_795_276_800_000


def start(point: Point, token: str = "alice-1", at_ms: int = T0, meter: int = 100) -> Any:
    body = {"connectorId": 1, "idTag": token, "meterStart": meter, "timestamp": iso(at_ms)}
    return point.call("StartTransaction", body)


def stop(point: Point, number: int, at_ms: int = T0 + 60_000, meter: int = 500) -> Any:
    body = {"transactionId": number, "meterStop": meter, "timestamp": iso(at_ms)}
    return point.call("StopTransaction", body)


def event(kind: str, number: int, **more: Any) -> dict[str, Any]:
    info = {"transactionId": more.pop("ref", "tx-1")}
    if state := more.pop("state", None):
        info["chargingState"] = state
    if token := more.pop("token", None):
        more["idToken"] = {"idToken": token, "type": "ISO14443"}
    if wh := more.pop("wh", None):
        sampled = [{"value": wh, "measurand": "Energy.Active.Import.Register"}]
        at = iso(T0 + number * 1000)
        more["meterValue"] = [{"timestamp": at, "sampledValue": sampled}]
    return {
        "eventType": kind, "timestamp": iso(T0 + number * 1000), "triggerReason": "Trigger",
        "seqNo": number, "transactionInfo": info, "evse": {"id": 1, "connectorId": 1}, **more,
    }  # fmt: skip


# ---- who may connect -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "headers", "status"),
    [
        ("CP1", {}, 401),
        ("CP1", basic("CP1", "wrong"), 401),
        ("CP1", basic("CP2"), 401),
        ("CP1", {"Authorization": "Basic !!"}, 401),
        ("CP1", {"Authorization": "Bearer x"}, 401),
        ("CP9", basic("CP9"), 404),
        ("a/../CP1", basic("CP1"), 404),
        ("", basic(""), 404),
    ],
)
def test_nobody_else_is_let_in(
    charging_service: Service, name: str, headers: dict[str, str], status: int
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(charging_service.url(name), subprotocols=["ocpp1.6"], additional_headers=headers)
    assert refused.value.response.status_code == status
    assert not charging_service.point("CP1").connected


def test_guessing_is_slow_and_a_new_password_counts_at_once(charging_service: Service) -> None:
    def knock(password: str) -> int:
        try:
            with connected(charging_service, password=password):
                return 101
        except InvalidStatus as refused:
            return refused.response.status_code

    path = charging_service.settings.keys_dir / "chargers.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert PASSWORD not in path.read_text()
    credentials.keep(path, {"CP1": "another-password-now"})
    assert knock(PASSWORD) == 401
    assert knock("another-password-now") == 101
    assert [knock(f"guess-{i}") for i in range(10)] == [401] * 9 + [429]
    assert knock("another-password-now") == 429


def test_a_removed_charge_point_is_refused(charging_service: Service) -> None:
    with charging_service.store.write() as connection:
        charging.remove(connection, "CP1", 1)
    with pytest.raises(InvalidStatus), connected(charging_service):
        pass


def test_a_version_that_nobody_speaks_is_closed(charging_service: Service) -> None:
    url = charging_service.url("CP1")
    with connect(url, additional_headers=basic("CP1"), close_timeout=1) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=5)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1002


def test_a_second_connection_replaces_the_first(charging_service: Service) -> None:
    with connected(charging_service) as first, connected(charging_service) as second:
        second.boot16()
        with pytest.raises(ConnectionClosed):
            first.hear()
        assert charging_service.point("CP1").connected
    deadline = time.monotonic() + 5
    while charging_service.point("CP1").connected and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not charging_service.point("CP1").connected


def test_a_port_in_use_names_its_setting(charging_service: Service, tmp_path: Path) -> None:
    assert charging_service.service is not None
    (address,) = charging_service.service.addresses
    other = Service(tmp_path / "other")
    other.settings = other.settings.model_copy(update={"charging_port": address.port})
    with pytest.raises(ChargingServiceError, match="OHMSTEAD_CHARGING_PORT"):
        other.start()
    other.store.close()


# ---- sessions of 1.6 -----------------------------------------------------------------------------


def test_a_session_of_16(charging_service: Service) -> None:
    with connected(charging_service) as point:
        point.boot16()
        status = {"connectorId": 1, "errorCode": "NoError", "status": "Preparing"}
        point.call("StatusNotification", {**status, "timestamp": iso(T0)})
        assert point.call("Authorize", {"idTag": "ALICE-1"}) == {
            "idTagInfo": {"status": "Accepted"}
        }
        number = start(point)["transactionId"]
        values = {"value": "40", "measurand": "SoC", "unit": "Percent"}
        at = iso(T0 + 30_000)
        sampled = [{"value": "300"}, values]
        meter = {
            "connectorId": 1,
            "transactionId": number,
            "meterValue": [{"timestamp": at, "sampledValue": sampled}],
        }
        assert point.call("MeterValues", meter) == {}
        assert stop(point, number) == {}
    (session,) = charging_service.sessions()
    assert (session.account, session.ev_id, session.meter_id) == (ALICE, 7, 61)
    assert (session.state, session.soc_bp, session.imported_wh) == (SessionState.ENDED, 4000, 400)
    with charging_service.store.read() as connection:
        (plug,) = charging.plugs(connection)
    assert plug.state is PlugState.OCCUPIED


def test_what_was_queued_comes_twice_and_counts_once(charging_service: Service) -> None:
    with connected(charging_service) as point:
        numbers = {start(point)["transactionId"] for _ in range(3)}
        (number,) = numbers
        for _ in range(2):
            stop(point, number)
    charging_service.stop()
    charging_service.start()  # what it knew is on disk
    with connected(charging_service) as point:
        assert start(point)["transactionId"] == number
        stop(point, number)
    assert [s.imported_wh for s in charging_service.sessions()] == [400]
    assert charging_service.count(charging_samples) == 2


@pytest.mark.parametrize("number", [0, -1, 77, 2**40])
def test_the_end_of_nobodys_session_is_taken_note_of(
    charging_service: Service, number: int
) -> None:
    with connected(charging_service) as point:
        assert stop(point, number) == {}
    assert charging_service.sessions() == []


def test_nobody_ends_or_feeds_another_charge_points_session(charging_service: Service) -> None:
    with connected(charging_service) as victim, connected(charging_service, "CP2") as thief:
        number = start(victim)["transactionId"]
        stop(thief, number)
        values = [{"timestamp": iso(T0 + 1), "sampledValue": [{"value": "9999999"}]}]
        thief.call("MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": values})
        (session,) = charging_service.sessions()
        assert (session.is_open, session.imported_wh) == (True, 0)


def test_the_next_session_on_a_plug_ends_the_one_before(charging_service: Service) -> None:
    with connected(charging_service) as point:
        first = start(point, "bob-1")["transactionId"]
        start(point, "alice-1", T0 + 3_600_000, 700)
        before, after = charging_service.sessions()
        assert (before.state, before.stop_reason) == (SessionState.ENDED, "presumed")
        assert after.is_open
        stop(point, first, T0 + 1_800_000, 650)  # it comes late after all
        before, after = charging_service.sessions()
        assert (before.stop_reason, before.imported_wh) == ("Local", 550)
        assert after.is_open


# ---- tokens --------------------------------------------------------------------------------------


def test_tokens(charging_service: Service) -> None:
    charging_service.link("blocked-1", ALICE, blocked=True)
    charging_service.link("expired-1", ALICE, expires_at=1)
    charging_service.link("nobody-1", None)
    charging_service.register("OPEN", 63, open_to_all=True)
    with connected(charging_service) as point:
        said = {
            token: point.call("Authorize", {"idTag": token})["idTagInfo"]["status"]
            for token in ("Alice-1", "blocked-1", "expired-1", "nobody-1", "unknown-1")
        }
    assert list(said.values()) == ["Accepted", "Blocked", "Expired", "Invalid", "Invalid"]
    with charging_service.store.read() as connection:
        assert charging.presented_since(connection, "UNKNOWN-1", 0) == "CP1"
    with connected(charging_service, "OPEN") as point:
        for token in ("nobody-1", "unknown-1"):
            assert point.call("Authorize", {"idTag": token})["idTagInfo"]["status"] == "Accepted"
        start(point, "unknown-1")
    (session,) = charging_service.sessions()
    assert (session.id_token, session.account) == ("unknown-1", None)  # at tariff
    with charging_service.store.read() as connection:
        # Who is served unasked may link the card too, and have a plan.
        assert charging.presented_since(connection, "unknown-1", 0) == "OPEN"


def test_two_sessions_on_one_car_are_refused(charging_service: Service) -> None:
    with connected(charging_service) as one, connected(charging_service, "CP2") as two:
        one.boot16()
        start(one, "alice-1")
        answer = start(two, "alice-2", T0 + 1000)  # another card of the same car
        assert answer["idTagInfo"]["status"] == "ConcurrentTx"
        assert start(two, "bob-1", T0 + 2000)["idTagInfo"]["status"] == "Accepted"
    first, refused, other = charging_service.sessions()
    assert (first.account, refused.account, refused.ev_id) == (ALICE, None, None)
    assert other.account == BOB


def test_a_car_is_not_stranded_by_a_charge_point_that_is_silent(charging_service: Service) -> None:
    with connected(charging_service) as one:
        start(one, "alice-1")
    deadline = time.monotonic() + 5
    while charging_service.point("CP1").connected and time.monotonic() < deadline:
        time.sleep(0.02)
    with connected(charging_service, "CP2") as two:
        assert start(two, "alice-1", T0 + 1000)["idTagInfo"]["status"] == "Accepted"


# ---- sessions of 2.x -----------------------------------------------------------------------------

STORY = [
    event("Started", 0, state="EVConnected"),
    event("Updated", 1, state="Charging", token="alice-1", wh=100),
    event("Updated", 2, wh=150),
    event("Updated", 3, state="SuspendedEV", wh=180),
    event("Ended", 4, state="EVConnected", wh=190),
]


@pytest.mark.parametrize("protocol", ["ocpp2.0.1", "ocpp2.1"])
def test_a_session_of_2(charging_service: Service, protocol: str) -> None:
    with connected(charging_service, "CP2", protocol) as point:
        point.boot2()
        answers = [point.call("TransactionEvent", message) for message in STORY]
    assert answers == [{}, {"idTokenInfo": {"status": "Accepted"}}, {}, {}, {}]
    (session,) = charging_service.sessions()
    assert (session.account, session.imported_wh) == (ALICE, 90)
    assert session.state is SessionState.ENDED
    assert charging_service.point("CP2").protocol == protocol


def test_reordered_and_doubled_it_is_the_same_session(charging_service: Service) -> None:
    with connected(charging_service, "CP2", "ocpp2.1") as point:
        for number in (3, 1, 4, 0, 2, 4, 1):
            point.call("TransactionEvent", STORY[number] | {"offline": True})
    (session,) = charging_service.sessions()
    assert (session.account, session.imported_wh, session.state) == (ALICE, 90, SessionState.ENDED)
    assert session.told_offline
    assert charging_service.count(charging_samples) == 4


@pytest.mark.parametrize("cut", range(1, len(STORY)))
def test_unplugged_and_cut_off_after_any_message(charging_service: Service, cut: int) -> None:
    """The connection breaks; the charge point tells the end when it is back."""
    with connected(charging_service, "CP2", "ocpp2.1") as point:
        for message in STORY[:cut]:
            point.call("TransactionEvent", message)
        point.socket.socket.shutdown(socket.SHUT_RDWR)  # no goodbye
    with connected(charging_service, "CP2", "ocpp2.1") as point:
        point.boot2()
        point.call("TransactionEvent", event("Ended", cut, wh=200))
    (session,) = charging_service.sessions()
    assert session.state is SessionState.ENDED
    assert session.account == (ALICE if cut > 1 else None)


# ---- what is no OCPP -----------------------------------------------------------------------------

GARBAGE = [
    "", "garbage", "[]", "{}", "null", "[2]", '[2,"1"]', '[9,"1","X",{}]', '[2,{},"X",{}]',
    '[2,"1",["a"],{}]', '[3,"nobody",{}]', '[4,"nobody","X","",{}]', "[" * 30_000,
    '[2,"1","Heartbeat",{"x":' + "[" * 5000 + "]" * 5000 + "}]", '[2,"\\ud800","Heartbeat",{}]',
    b"\x00\xff binary",
]  # fmt: skip


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.1"])
def test_garbage_is_survived(charging_service: Service, protocol: str) -> None:
    with connected(charging_service, "CP2", protocol) as point:
        for raw in GARBAGE:
            point.socket.send(raw)
        assert "currentTime" in point.call("Heartbeat", {}, "after")
        assert point.call("Heartbeat", {}, "again")


def test_messages_that_are_not_acceptable(charging_service: Service) -> None:
    with connected(charging_service) as point:
        refusals = {
            "NotSupported": ("Foo", {}),
            "NotImplemented": ("GetConfiguration", {}),
            "FormationViolation": ("Heartbeat", {"x": 1}),
            "ProtocolError": ("BootNotification", {"chargePointVendor": "V"}),
            "TypeConstraintViolation": ("Authorize", {"idTag": 5}),
            "PropertyConstraintViolation": (
                "StatusNotification",
                {"connectorId": 99, "errorCode": "NoError", "status": "Available"},
            ),
        }
        for code, (action, payload) in refusals.items():
            assert point.call(action, payload)[0] == code
        bad_time = {"connectorId": 1, "idTag": "bob-1", "meterStart": 1, "timestamp": "noon"}
        assert isinstance(point.call("StartTransaction", bad_time), tuple)
    assert charging_service.count(charging_sessions) == 0


def test_a_message_too_large_ends_the_connection(charging_service: Service) -> None:
    with connected(charging_service) as point:
        point.socket.send('["' + "x" * 70_000 + '"]')
        with pytest.raises(ConnectionClosed):
            point.hear()
    with connected(charging_service) as point:
        point.boot16()


def test_a_flood_is_read_at_a_bounded_rate(charging_service: Service) -> None:
    with connected(charging_service) as point, connected(charging_service, "CP2") as other:
        began = time.monotonic()
        for number in range(130):  # a burst of 100, then 20 a second
            point.socket.send(json.dumps([2, f"f{number}", "Heartbeat", {}]))
        other.boot16()  # nobody else waits for that
        point.wait_for("f129")
        assert time.monotonic() - began > 1.0


# ---- what charge points are told -----------------------------------------------------------------


def test_orders_are_carried_out(charging_service: Service) -> None:
    with connected(charging_service, "CP2", "ocpp2.1") as point:
        point.boot2()
        point.until(lambda: bool(point.asked))  # settles in
        for message in STORY[:2]:
            point.call("TransactionEvent", message)
        (session,) = charging_service.sessions()
        charging_service.order(session, Direction.CHARGE, 3000)
        charging_service.order(session, Direction.DISCHARGE, 9000)
        order = charging_service.newest_order
        point.until(lambda: order(session).state is OrderState.ACCEPTED)
        action, body = point.asked[-1]
        (schedule,) = body["chargingProfile"]["chargingSchedule"]
        period = schedule["chargingSchedulePeriod"][0]
        assert action == "SetChargingProfile"
        assert period["setpoint"] == -7000  # registered with no more

        point.boot2()  # it lost power, and may have forgotten: it is told again
        told = len(point.asked)
        point.until(lambda: point.asked[told:].count(("SetChargingProfile", body)) == 0
                    and any(a == "SetChargingProfile" for a, _ in point.asked[told:]))  # fmt: skip

        point.answers["SetChargingProfile"] = {"status": "Rejected"}
        charging_service.order(session, Direction.IDLE, 0)
        point.until(lambda: order(session).state is OrderState.REFUSED)
        point.call("TransactionEvent", STORY[4])
        charging_service.order(session, Direction.CHARGE, 3000)
        point.until(lambda: order(session).state is OrderState.EXPIRED)


def test_an_order_waits_for_its_charge_point_but_not_for_ever(charging_service: Service) -> None:
    with connected(charging_service) as point:
        start(point)
    (session,) = charging_service.sessions()
    charging_service.order(session, Direction.CHARGE, 3000, for_s=1)
    order = charging_service.newest_order
    assert order(session).state is OrderState.PENDING
    charging_service.now_offset_s = 2
    deadline = time.monotonic() + 10
    while order(session).state is OrderState.PENDING and time.monotonic() < deadline:
        time.sleep(0.05)
    assert order(session).state is OrderState.EXPIRED
    charging_service.order(session, Direction.DISCHARGE, 3000)
    with connected(charging_service) as point:  # 1.6
        point.until(lambda: order(session).state is OrderState.REFUSED)
    assert "1.6" in order(session).detail


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.1"])
def test_requests(charging_service: Service, protocol: str) -> None:
    how = "Remote" if protocol == "ocpp1.6" else "Request"
    actions = [f"{how}StartTransaction", f"{how}StopTransaction", "Reset", "UnlockConnector"]
    with connected(charging_service, "CP2", protocol) as point:
        if protocol == "ocpp1.6":
            start(point)
        else:
            point.call("TransactionEvent", STORY[0])
        point.answers["UnlockConnector"] = {"status": "Unlocked"}
        (session,) = charging_service.sessions()
        bodies = {
            RequestKind.START: {"evseId": 1, "idToken": "alice-1"},
            RequestKind.STOP: {"sessionId": session.session_id},
            RequestKind.RESET: {"hard": True},
            RequestKind.UNLOCK: {"evseId": 1, "connectorId": 1},
        }
        now_ms = int(charging_service.clock() * 1000)
        with charging_service.store.write() as connection:
            made = [
                charging_orders.ask(
                    connection, "CP2", kind, body, account=ALICE, now_ms=now_ms,
                    expires_ms=now_ms + 60_000,
                )
                for kind, body in bodies.items()
            ]  # fmt: skip

        def states() -> list[OrderState]:
            with charging_service.store.read() as connection:
                found = [charging_orders.request(connection, number) for number in made]
            return [request.state for request in found if request is not None]

        point.until(lambda: states() == [OrderState.ACCEPTED] * 4)
        assert sorted(action for action, _ in point.asked) == sorted(actions)


def test_answers_that_are_none(charging_service: Service) -> None:
    """A malformed answer, and one to a question never asked."""
    with connected(charging_service) as point:
        start(point)
        (session,) = charging_service.sessions()
        point.answers["SetChargingProfile"] = {"nonsense": 1}
        charging_service.order(session, Direction.CHARGE, 3000)
        point.until(lambda: any(a == "SetChargingProfile" for a, _ in point.asked))
        point.answers["SetChargingProfile"] = {"status": "Accepted"}
        point.socket.send('[3,"never-asked",{"status":"Accepted"}]')
        order = charging_service.newest_order
        point.until(lambda: order(session).state is OrderState.ACCEPTED)  # asked again


def test_it_tells_that_it_lives(charging_service: Service) -> None:
    with connected(charging_service) as point:
        point.boot16()
    charging_service.stop()
    with charging_service.store.read() as connection:
        life = charging.service_life(connection)
    assert life is not None
    assert not any(p.connected for p in map(charging_service.point, ("CP1", "CP2")))


def test_a_stop_answers_what_it_has_taken(charging_service: Service) -> None:
    """A session that was answered is on disk, whenever the service ends after."""
    with connected(charging_service) as point:
        number = start(point)["transactionId"]
        charging_service.stop()
        with contextlib.suppress(ConnectionClosed):
            stop(point, number)
    (session,) = charging_service.sessions()
    assert session.session_id == number
