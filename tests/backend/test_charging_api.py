"""Charge points, sessions and tokens on the API."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from api_world import OPERATOR, RESIDENT, World
from eth_account.messages import encode_defunct
from local_chain import STRANGER, Anvil, development_account, send

from backend.chain.deployment import Deployment
from backend.charging.linking import Link
from backend.telemetry import charging, charging_orders, charging_sessions
from backend.telemetry.charging import IdToken, Plug, PlugState, Registered, ServiceLife
from backend.telemetry.charging_orders import Direction

pytest_plugins = ["api_world"]

CAR, ANOTHERS, NOBODYS = 1, 2, 9
RESIDENT_ADDRESS = development_account(RESIDENT).address


@pytest.fixture(scope="module")
def world(
    deployed_community: tuple[Anvil, Deployment], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("charging"), *deployed_community)
    chain = made.services.chain
    assert chain.clients.v2g is not None
    for owner in (RESIDENT, STRANGER):
        send(chain.rpc, owner, chain.clients.v2g.vehicles.register_ev(40_000, 3_000))
    _fill(made)
    yield made
    made.close()


def _fill(made: World) -> None:
    now_ms = int(made.now() * 1000)
    with made.services.store.write() as connection:
        charging.register(
            connection, [Registered("CP1", 3, "Gate", 7400), Registered("CP2", 2, "Yard", 7400)]
        )
        charging.tell(connection, "CP1", connected=True, protocol="ocpp1.6")
        charging.put_plug(connection, Plug("CP1", 1, 1, PlugState.OCCUPIED, "", now_ms))
        charging.put_token(
            connection, IdToken("mine-1", RESIDENT_ADDRESS, CAR, "card", False, None, 1)
        )
        charging.service_lives(connection, ServiceLife(now_ms, now_ms, 1, 10, 0))
        for ref, account in (("a", RESIDENT_ADDRESS.lower()), ("b", None)):
            charging_sessions.begin(
                connection,
                {
                    "charge_point_id": "CP1", "evse_id": 1, "connector_id": 1,
                    "transaction_ref": ref, "meter_id": 3, "state": "charging",
                    "account": account, "started_ms": now_ms, "power_w": 3000,
                },
            )  # fmt: skip
        charging_orders.give(connection, 1, Direction.CHARGE, 3000, now_ms // 1000 + 60, now_ms)


def sent(
    world: World, path: str, body: dict[str, Any] | None, account: int | None = RESIDENT,
    method: str = "POST",
) -> tuple[int, Any]:  # fmt: skip
    headers = {} if account is None else _headers(world, account)
    answer = world.client.open(f"/api/charging{path}", method=method, json=body, headers=headers)
    return answer.status_code, answer.get_json()


_SIGNED_IN: dict[tuple[World, int], dict[str, str]] = {}


def _headers(world: World, account: int) -> dict[str, str]:
    """Signed in once: an address may not sign in all the time."""
    if (world, account) not in _SIGNED_IN:
        _SIGNED_IN[world, account] = world.sign_in(account)
    return _SIGNED_IN[world, account]


def seen(world: World, path: str, account: int | None = RESIDENT) -> tuple[int, Any]:
    return sent(world, path, None, account, "GET")


def signed(
    world: World, token: str, account: int = RESIDENT, car: int = CAR, **changes: Any
) -> dict[str, Any]:
    _, text = seen(world, f"/tokens/text?id_token={token}&ev_id={car}", account)
    signature = development_account(account).sign_message(encode_defunct(text=text["text"]))
    made = {
        "id_token": token, "ev_id": car, "issued_at": text["issued_at"], "label": "card",
        "signature": "0x" + bytes(signature.signature).hex(),
    }  # fmt: skip
    return {**made, **changes}


def hold_up(world: World, token: str) -> None:
    with world.services.store.write() as connection:
        charging.present(connection, token, "CP1", int(world.now() * 1000), 600_000)


def test_everybody_sees_charge_points(world: World) -> None:
    status, body = seen(world, "", None)
    assert status == 200
    assert body["service"]["alive"]
    first, second = body["charge_points"]
    assert (first["label"], first["power_w"]) == ("Gate", 6000)
    assert first["plugs"][0]["state"] == "occupied"
    assert not second["connected"]
    assert "id_token" not in str(body)


def test_a_silent_service_is_a_problem_of_health(world: World) -> None:
    assert not any("charging" in p for p in world.get("/api/health")["problems"])
    with world.services.store.write() as connection:
        charging.service_lives(connection, ServiceLife(0, 0, 0, 0, 0))
    assert any("charging service" in p for p in world.get("/api/health")["problems"])
    _fill(world)


def test_sessions_are_their_owners_and_the_operators(world: World) -> None:
    assert seen(world, "/sessions", None)[0] == 401
    assert [s["session_id"] for s in seen(world, "/sessions")[1]["sessions"]] == [1]
    assert [s["session_id"] for s in seen(world, "/sessions", OPERATOR)[1]["sessions"]] == [2, 1]
    assert seen(world, "/sessions", STRANGER)[1]["sessions"] == []
    status, detail = seen(world, "/sessions/1")
    assert status == 200
    assert detail["order"]["direction"] == "charge"
    assert seen(world, "/sessions/1", STRANGER)[0] == 403
    assert seen(world, "/sessions/1", OPERATOR)[0] == 200
    assert seen(world, "/sessions/99")[0] == 404


def test_a_token_is_linked_by_who_had_it_in_hand(world: World) -> None:
    body = signed(world, "new-card")
    status, refused = sent(world, "/tokens", body)
    assert (status, refused["error"]["code"]) == (409, "not_presented")
    hold_up(world, "NEW-CARD")
    status, tokens = sent(world, "/tokens", body)
    assert status == 200
    assert [(t["id_token"], t["ev_id"]) for t in tokens["tokens"]] == [
        ("mine-1", CAR), ("new-card", CAR),
    ]  # fmt: skip
    assert sent(world, "/tokens", body)[1]["error"]["code"] == "used"  # replayed
    with world.services.store.read() as connection:
        kept = charging.token(connection, "new-card")
    assert kept is not None
    assert kept.link is not None
    assert "new-card" in kept.link["text"]


def test_nobody_links_what_is_anothers(world: World) -> None:
    hold_up(world, "other-card")
    body = signed(world, "other-card")
    assert sent(world, "/tokens", body, STRANGER)[0] == 403  # signed by another
    assert sent(world, "/tokens", {**body, "ev_id": 0})[0] == 403  # another car than was signed
    late = {**body, "issued_at": body["issued_at"] - 3600}
    assert sent(world, "/tokens", late)[1]["error"]["code"] == "too_old"
    assert sent(world, "/tokens", body)[0] == 200
    theirs = signed(world, "other-card", STRANGER, ANOTHERS)
    assert sent(world, "/tokens", theirs, STRANGER)[1]["error"]["code"] == "taken"
    assert sent(world, "/tokens/other-card", None, STRANGER, "DELETE")[0] == 404
    assert sent(world, "/tokens/other-card", None, RESIDENT, "DELETE")[0] == 200
    with world.services.store.read() as connection:
        blocked = charging.token(connection, "other-card")
    assert blocked is not None
    assert blocked.blocked


def test_a_card_speaks_for_no_car_of_another_wallet(world: World) -> None:
    hold_up(world, "thief-card")
    for car, refusal in ((ANOTHERS, (403, "not_your_car")), (NOBODYS, (404, "unknown_car"))):
        status, refused = seen(world, f"/tokens/text?id_token=thief-card&ev_id={car}")
        assert (status, refused["error"]["code"], refused["error"]["field"]) == (*refusal, "ev_id")
        text = Link("thief-card", RESIDENT_ADDRESS, car, world.services.chain.chain_id, 0)
        made = replace(text, issued_at=int(world.now()))
        signature = development_account(RESIDENT).sign_message(encode_defunct(text=made.text))
        body = {
            "id_token": "thief-card", "ev_id": car, "issued_at": made.issued_at,
            "signature": "0x" + bytes(signature.signature).hex(),
        }  # fmt: skip
        status, refused = sent(world, "/tokens", body)
        assert (status, refused["error"]["code"]) == refusal


@pytest.mark.parametrize("open_to_all", [True, False])
def test_what_a_card_has_begun_is_its_accounts_once_linked(
    world: World, open_to_all: bool
) -> None:
    name = f"held-{open_to_all}".lower()
    with world.services.store.write() as connection:
        meter = 70 + open_to_all
        charging.register(connection, [Registered(name, meter, "", 7400, open_to_all=open_to_all)])
        charging.tell(connection, name, connected=True)
        begun = charging_sessions.begin(
            connection,
            {
                "charge_point_id": name, "evse_id": 1, "connector_id": 1, "transaction_ref": "c",
                "meter_id": meter, "state": "plugged", "id_token": name, "power_w": 0,
                "started_ms": int(world.now() * 1000),
            },
        )  # fmt: skip
    hold_up(world, name)
    assert sent(world, "/tokens", signed(world, name, STRANGER, ANOTHERS), STRANGER)[0] == 200
    with world.services.store.read() as connection:
        found = charging_sessions.get(connection, begun.session_id)
        assert found is not None
    # Where strangers are refused, it has begun nothing: it is to be held up again.
    stranger = development_account(STRANGER).address.lower()
    assert (found.account, found.ev_id) == ((stranger, ANOTHERS) if open_to_all else (None, None))
    with world.services.store.write() as connection:
        charging_sessions.change(connection, begun.session_id, state="ended")


@pytest.mark.parametrize("token", ["abc", "x" * 21, "a b c d", "naïve"])
def test_a_token_that_no_card_has_is_named(world: World, token: str) -> None:
    status, body = seen(world, f"/tokens/text?id_token={token}")
    assert (status, body["error"]["field"]) == (400, "id_token")


def test_requests(world: World) -> None:
    start = {"charge_point": "CP1", "kind": "start", "id_token": "MINE-1"}
    status, made = sent(world, "/requests", start)
    assert (status, made["state"]) == (200, "pending")
    assert seen(world, f"/requests/{made['request_id']}")[1]["kind"] == "start"
    assert seen(world, f"/requests/{made['request_id']}", STRANGER)[0] == 404
    assert sent(world, "/requests", {"charge_point": "CP1", "kind": "stop", "session": 1})[0] == 200
    for body, account, refusal in (
        (start, STRANGER, (403, "not_your_token")),
        ({**start, "charge_point": "CP2"}, RESIDENT, (409, "not_connected")),
        ({**start, "charge_point": "CP9"}, RESIDENT, (404, "unknown_charge_point")),
        ({"charge_point": "CP1", "kind": "stop", "session": 1}, STRANGER, (403, "not_yours")),
        ({"charge_point": "CP2", "kind": "stop", "session": 1}, RESIDENT, (409, "not_running")),
        ({"charge_point": "CP1", "kind": "stop"}, RESIDENT, (400, "bad_request")),
        ({"charge_point": "CP1", "kind": "reset"}, RESIDENT, (403, "not_operator")),
    ):
        status, said = sent(world, "/requests", body, account)
        assert (status, said["error"]["code"]) == refusal, body
    for kind in ("reset", "unlock"):
        assert sent(world, "/requests", {"charge_point": "CP1", "kind": kind}, OPERATOR)[0] == 200
