"""Signing in with a wallet, and everything that is no sign-in."""

from __future__ import annotations

from typing import Any

import pytest
from api_world import RESIDENT, World
from eth_account.messages import encode_defunct
from hypothesis import given
from hypothesis import strategies as st
from local_chain import STRANGER, development_account, transact

from backend.api.sign_in import CHALLENGE_S, RateLimit

pytest_plugins = ["api_world"]


def challenge(world: World, index: int = RESIDENT) -> str:
    address = development_account(index).address
    message: str = world.get(f"/api/auth/challenge?account={address}")["message"]
    return message


def sign(message: str, index: int = RESIDENT) -> str:
    signed = development_account(index).sign_message(encode_defunct(text=message))
    return "0x" + bytes(signed.signature).hex()


def trade(world: World, message: str, signature: str, **options: Any) -> tuple[int, Any]:
    answer = world.client.post(
        "/api/auth/session", json={"message": message, "signature": signature}, **options
    )
    return answer.status_code, answer.get_json()


def test_the_message_is_eip_4361(world: World) -> None:
    address = development_account(RESIDENT).address
    lines = challenge(world).split("\n")
    assert lines[0] == "localhost wants you to sign in with your Ethereum account:"
    assert lines[1] == address
    assert lines[2] == "" == lines[4]
    fields = dict(line.split(": ", 1) for line in lines[5:])
    assert list(fields) == [
        "URI", "Version", "Chain ID", "Nonce", "Issued At", "Expiration Time",
    ]  # fmt: skip
    assert (fields["URI"], fields["Version"], fields["Chain ID"]) == (
        "http://localhost", "1", "31337",
    )  # fmt: skip
    assert len(fields["Nonce"]) >= 8
    assert fields["Issued At"].endswith("Z")


def test_a_signed_challenge_becomes_a_session(world: World) -> None:
    message = challenge(world)
    status, session = trade(world, message, sign(message))
    assert status == 200
    assert session["account"] == development_account(RESIDENT).address
    assert session["expires_at"] > world.now()
    headers = {"Authorization": f"Bearer {session['token']}"}
    world.get("/api/meters/4/account", headers)


def test_a_challenge_is_good_once(world: World) -> None:
    message = challenge(world)
    signature = sign(message)
    assert trade(world, message, signature)[0] == 200
    status, body = trade(world, message, signature)
    assert (status, body["error"]["code"]) == (401, "unknown_challenge")


def test_a_wrong_signature_uses_the_challenge_up(world: World) -> None:
    message = challenge(world)
    status, body = trade(world, message, sign(message, STRANGER))
    assert (status, body["error"]["code"]) == (401, "bad_signature")
    assert trade(world, message, sign(message))[1]["error"]["code"] == "unknown_challenge"


@pytest.mark.parametrize(
    "signature", ["0x00", "0x" + "00" * 65, "0x" + "ff" * 65, "0x" + "11" * 64]
)
def test_bytes_that_are_no_signature(quiet_world: World, signature: str) -> None:
    status, body = trade(quiet_world, challenge(quiet_world), signature)
    assert (status, body["error"]["code"]) == (401, "bad_signature")


def test_a_changed_message_is_not_the_one_that_was_asked_for(world: World) -> None:
    message = challenge(world).replace("Chain ID: 31337", "Chain ID: 1")
    status, body = trade(world, message, sign(message))
    assert (status, body["error"]["code"]) == (401, "unknown_challenge")


def test_a_challenge_grows_old(world: World) -> None:
    message = challenge(world)
    begun = world.now()
    world.now = lambda: begun + CHALLENGE_S + 1
    status, body = trade(world, message, sign(message))
    assert (status, body["error"]["code"]) == (401, "expired_challenge")


def test_a_challenge_is_for_one_host(world: World) -> None:
    message = challenge(world)
    status, body = trade(
        world,
        message,
        sign(message),
        headers={"Host": "other.example", "Origin": "http://other.example"},
    )
    assert (status, body["error"]["code"]) == (401, "wrong_domain")


def test_another_page_cannot_trade_a_signature(world: World) -> None:
    message = challenge(world)
    status, body = trade(world, message, sign(message), headers={"Origin": "http://evil.example"})
    assert (status, body["error"]["code"]) == (403, "wrong_origin")


def test_a_session_ends(world: World) -> None:
    headers = world.sign_in(RESIDENT)
    begun = world.now()
    world.now = lambda: begun + world.settings.session_hours * 3600 + 1
    assert world.refused("/api/meters/4/account", headers) == (401, "session_over")


def test_signing_out_ends_it_at_once(world: World) -> None:
    headers = world.sign_in(RESIDENT)
    assert world.client.delete("/api/auth/session", headers=headers).status_code == 204
    assert world.refused("/api/meters/4/account", headers) == (401, "session_over")


def test_a_session_outlives_the_service_and_no_token_is_stored(world: World) -> None:
    headers = world.sign_in(RESIDENT)
    token = headers["Authorization"].split()[1]
    with world.store.read() as connection:
        stored = connection.exec_driver_sql("SELECT * FROM sessions").all()
    assert len(stored) == 1
    assert token not in str(stored)
    assert world.services.access._sign_in.account_of(token) == development_account(RESIDENT).address


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Basic abc", "abc", "Bearer " + "x" * 43])
def test_an_authorization_that_is_none(quiet_world: World, header: str) -> None:
    status, code = quiet_world.refused("/api/meters/4/account", {"Authorization": header})
    assert status == 401
    assert code in ("bad_authorization", "session_over")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"message": "m"}, "signature"),
        ({"signature": "0x00"}, "message"),
        ({"message": "m", "signature": "00"}, "signature"),
        ({"message": "m", "signature": "0x0"}, "signature"),
        ({"message": "m" * 2001, "signature": "0x00"}, "message"),
        ({"message": "m", "signature": "0x00", "account": "x"}, "account"),
    ],
)
def test_a_body_that_is_no_sign_in(quiet_world: World, body: Any, field: str) -> None:
    answer = quiet_world.client.post("/api/auth/session", json=body)
    assert (answer.status_code, answer.get_json()["error"]["field"]) == (400, field)


def test_guessing_is_slowed_down(chain_state: Any, tmp_path: Any) -> None:
    world = World(tmp_path, *chain_state, auth_requests_per_minute=3)
    try:
        for _ in range(3):
            challenge(world)
        answer = world.client.get(f"/api/auth/challenge?account={development_account(0).address}")
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (
            429,
            "too_many_requests",
        )
        assert 0 < int(answer.headers["Retry-After"]) <= 61
    finally:
        world.close()


def test_a_contract_signs_in_as_eip_1271_says(world: World) -> None:
    """A wallet that is a contract: one that says yes to everything, and one that says no."""
    says_yes = bytes.fromhex("631626ba7e60e01b5f5260205ff3")  # returns the magic value, padded
    for code, allowed in ((says_yes, True), (bytes.fromhex("5f5ff3"), False)):
        init = bytes([0x60, len(code), 0x60, 0x0B, 0x5F, 0x39, 0x60, len(code), 0x5F, 0xF3, 0x00])
        receipt = transact(world.anvil.rpc, development_account(0).address, None, init + code)
        from eth_utils.address import to_checksum_address

        wallet = to_checksum_address(receipt["contractAddress"])
        message = world.get(f"/api/auth/challenge?account={wallet}")["message"]
        status, body = trade(world, message, "0x" + "22" * 80)
        assert status == (200 if allowed else 401)
        if allowed:
            assert body["account"] == wallet


@given(st.lists(st.tuples(st.floats(0, 5), st.sampled_from("ab")), max_size=60))
def test_a_rate_limit_lets_no_more_through_in_any_window(events: list[tuple[float, str]]) -> None:
    now = 0.0
    limit = RateLimit(3, 10.0, lambda: now)
    passed: dict[str, list[float]] = {"a": [], "b": []}
    for pause, key in events:
        now += pause
        wait_s = limit.wait_s(key)
        if wait_s == 0:
            passed[key].append(now)
        else:
            assert 0 < wait_s <= 10
    for times in passed.values():
        for first, fourth in zip(times, times[3:], strict=False):
            assert fourth - first >= 10 - 1e-6
