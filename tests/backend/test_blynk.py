"""Blynk's HTTP API as its documentation has it, and a device at Blynk.Cloud that follows ours."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from api_world import BLYNK_TOKEN, HOUSE_TOKEN, World
from local_chain import AUTHORITY, STRANGER, development_account

from backend.api.blynk import BlynkTokens
from backend.api.blynk_cloud import BlynkCloud, CloudRefusedError
from backend.chain.accounts import save_account
from backend.ingest.frame_values import Ack, AckResult
from backend.telemetry import commands

pytest_plugins = ["api_world"]

PATIENCE_S = 120.0  # ends a test whose event never comes


def call(world: World, path: str, token: str | None = BLYNK_TOKEN, **options: Any) -> Any:
    name, _, query = path.partition("?")
    parts = ([f"token={token}"] if token else []) + ([query] if query else [])
    return world.client.get(f"/external/api/{name}?{'&'.join(parts)}", **options)


def said(answer: Any) -> tuple[int, str]:
    """Status and message of a refusal in Blynk's form, which has nothing else in it."""
    body = answer.get_json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message"}
    return answer.status_code, body["error"]["message"]


@pytest.fixture
def board(world: World) -> World:
    """V0, V1 closed; V2 open; V3 not heard; battery at 73 %, 230.4 V."""
    for pin, closed in ((0, True), (1, True), (2, False)):
        _acknowledge(world, pin, closed)
    meter = world.meter(3)
    meter.soc_bp = 7312
    reading = meter.reading()._replace(voltage_dv=2304)
    world.send(meter.frame(reading, int(world.now())))
    return world


def _acknowledge(world: World, pin: int, closed: bool) -> None:
    with world.store.read() as connection:
        command = next(c for c in commands.pending(connection, 5) if c.pin == pin)
    ack = Ack(command.command_id, pin, closed, AckResult.APPLIED, 0)
    assert world.send(world.meter(5).frame(ack, int(world.now()))) == ["accepted"]


# ---- reading -----------------------------------------------------------------------------------


SINGLE_VALUES = {
    "get?v0": "1",
    "get?V0": "1",
    "get?v2": "0",
    "get?v4": "73",
    "get?v5": "230.40000",
    "get?V4&": "73",
    "get?pin=v4": "73",
    "get?dataStreamId=4": "73",
    "isHardwareConnected": "true",
}


def test_single_values_are_plain_text(board: World) -> None:
    for query, text in SINGLE_VALUES.items():
        answer = call(board, query)
        assert (answer.status_code, answer.text) == (200, text), query
        assert answer.mimetype == "text/plain"


def test_several_values_are_an_object(board: World) -> None:
    assert call(board, "get?v0&v2&v4").get_json() == {"v0": 1, "v2": 0, "v4": 73}
    assert call(board, "getAll").get_json() == {
        "v0": 1, "v1": 1, "v2": 0, "v3": 0, "v4": 73, "v5": 230.4,
    }  # fmt: skip


def test_a_house_has_its_contactor_and_no_battery(board: World) -> None:
    assert call(board, "getAll", HOUSE_TOKEN).get_json() == {"v0": 0}
    assert said(call(board, "get?v4", HOUSE_TOKEN)) == (400, "No datastream setup for that pin.")


def test_a_board_not_heard_for_a_while_is_not_connected(board: World) -> None:
    begun = board.now()
    board.now = lambda: begun + board.settings.stale_after_s + 1
    assert call(board, "isHardwareConnected").text == "false"


def test_an_acknowledged_change_shows_at_once(board: World) -> None:
    assert call(board, "get?v3").text == "0"
    _acknowledge(board, 3, True)
    assert call(board, "get?v3").text == "1"


@pytest.mark.parametrize(
    ("query", "token", "status", "message"),
    [
        ("get?v0", "wrong-token-0123456789", 400, "Invalid token."),
        ("get?v0", None, 400, "No token provided."),
        ("getAll", "wrong-token-0123456789", 400, "Invalid token."),
        ("isHardwareConnected", "wrong-token-0123456789", 400, "Invalid token."),
        ("update?v0=1", "wrong-token-0123456789", 400, "Invalid token."),
        ("batch/update?v0=1", "wrong-token-0123456789", 400, "Invalid token."),
        ("get", BLYNK_TOKEN, 400, "Wrong pin format."),
        ("get?x1", BLYNK_TOKEN, 400, "Wrong pin format."),
        ("get?v", BLYNK_TOKEN, 400, "Wrong pin format."),
        ("get?v1000", BLYNK_TOKEN, 400, "Wrong pin format."),
        ("get?v256", BLYNK_TOKEN, 400, "Wrong pin format."),
        ("get?v7", BLYNK_TOKEN, 400, "No datastream setup for that pin."),
        ("get?dataStreamId=x", BLYNK_TOKEN, 400, "Wrong pin format."),
        (
            "get?dataStreamId=77",
            BLYNK_TOKEN,
            400,
            "Requested dataStream doesn't exist in the product Ohmstead",
        ),
    ],
)
def test_what_cannot_be_read(
    quiet_world: World, query: str, token: str | None, status: int, message: str
) -> None:
    assert said(call(quiet_world, query, token)) == (status, message)


def test_guessing_tokens_is_slowed_down(world: World) -> None:
    for _ in range(60):
        assert said(call(world, "get?v0", "guess-guess-guess-guess"))[0] == 400
    assert said(call(world, "get?v0", "guess-guess-guess-guess"))[0] == 429
    assert call(world, "get?v0").status_code == 200


def test_a_configured_token_stands_for_its_board(chain_state: Any, tmp_path: Path) -> None:
    token = "configured-token-0123456789"
    world = World(tmp_path, *chain_state, blynk_auth_token=token, blynk_board=4)
    try:
        assert call(world, "getAll", token).get_json() == {"v0": 0}
    finally:
        world.close()


def test_tokens_open_to_others_or_malformed_are_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "blynk.json"
    tokens = BlynkTokens(path)
    assert tokens.board_of("a" * 20) is None
    for text, mode in (('{"5": "aaaaaaaaaaaaaaaaaaaa"}', 0o644), ("[]", 0o600), ("{", 0o600)):
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(mode)
        assert BlynkTokens(path).board_of("a" * 20) is None
    assert "chmod 600" in caplog.text
    path.write_text('{"5": "aaaaaaaaaaaaaaaaaaaa"}')
    assert tokens.board_of("a" * 20) == 5


# ---- writing -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("update", "Wrong pin format."),
        ("update?x0=1", "Wrong pin format."),
        ("update?v9=1", "No datastream setup for that pin."),
        ("update?v0=on", "Value doesn't match the Datastream data type."),
        ("update?v0=", "Value doesn't match the Datastream data type."),
        ("update?v0=0.5", "Value doesn't match the Datastream data type."),
        ("update?pin=v0&value=1&value=2", "Value doesn't match the Datastream data type."),
        ("update?dataStreamId=x&value=1", "Wrong dataStreamId format."),
        ("update?dataStreamId=0&value=x", "Value doesn't match the Datastream data type"),
        ("update?dataStreamId=99&value=1", "No datastream setup for that pin."),
        ("batch/update", "Wrong pin format."),
        ("batch/update?v0=1&x=2", "Wrong pin format."),
        ("batch/update?v0=1&v1=x", "Value doesn't match the Datastream data type"),
    ],
)
def test_what_cannot_be_written(quiet_world: World, query: str, message: str) -> None:
    assert said(call(quiet_world, query)) == (400, message)


def _upload(world: World, pin: str, body: Any, kind: str = "application/json") -> Any:
    path = f"/external/api/batch/update?token={BLYNK_TOKEN}&pin={pin}"
    if isinstance(body, bytes):
        return world.client.post(path, data=body, content_type=kind)
    return world.client.post(path, json=body)


def test_what_cannot_be_uploaded(quiet_world: World) -> None:
    now_ms = int(time.time() * 1000)
    mismatch = (400, "Value doesn't match the Datastream data type.")
    cases: list[tuple[Any, tuple[int, str]]] = [
        (_upload(quiet_world, "x", [[now_ms, 1]]), (400, "Wrong pin format.")),
        (_upload(quiet_world, "v0", b"[]", "text/plain"), (400, "Unknown content type.")),
        (_upload(quiet_world, "v0", b"{"), mismatch),
        (_upload(quiet_world, "v0", []), mismatch),
        (_upload(quiet_world, "v0", [[now_ms]]), mismatch),
        (_upload(quiet_world, "v0", [[now_ms, "on"]]), mismatch),
        (
            _upload(quiet_world, "v0", [[now_ms, 1]] * 10_001),
            (400, "Too much data in batch. Maximum batch size is 10000 points."),
        ),
        (
            _upload(quiet_world, "v0", [[now_ms - 40 * 86_400_000, 1]]),
            (400, "Timestamps could be only one month in the past."),
        ),
    ]
    for answer, expected in cases:
        assert said(answer) == expected


def test_without_a_key_relays_are_shown_and_not_switched(board: World) -> None:
    status, message = said(call(board, "update?v0=0"))
    assert status == 403
    assert "OHMSTEAD_BLYNK_AUTHORITY_KEY" in message
    assert call(board, "get?v0").text == "1"
    assert said(call(board, "update?v4=50")) == (
        403,
        "V4 is measured by a meter and cannot be written.",
    )


def _with_key(folder: Path, chain_state: Any, index: int) -> World:
    key = folder / "blynk-authority.json"
    save_account(key, development_account(index))
    return World(folder, *chain_state, blynk_authority_key=key, blynk_override_s=600)


@pytest.fixture
def switching(chain_state: Any, tmp_path: Path) -> Iterator[World]:
    made = _with_key(tmp_path, chain_state, AUTHORITY)
    yield made
    made.close()


def _await_override(world: World, switch: int, override: str) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        relay = next(
            relay for relay in world.get("/api/relays")["relays"] if relay["switch_id"] == switch
        )
        if relay["override"] == override:
            return relay
        assert time.monotonic() < deadline, relay
        time.sleep(0.02)


def test_with_the_authoritys_key_a_write_is_an_override_on_chain(switching: World) -> None:
    answer = call(switching, "update?v3=0")
    assert (answer.status_code, answer.text) == (200, "")
    relay = _await_override(switching, 4, "force_open")
    assert relay["commanded_closed"] is False
    chain_now = switching.anvil.now()
    assert 0 < relay["override_until"] - chain_now <= 1_000
    events = switching.oracle.follower.catch_up()
    assert events >= 1
    override = switching.get("/api/events?name=OverrideSet")["events"][0]
    assert override["args"]["authority"] == development_account(AUTHORITY).address
    # Other spellings of a write, bounded to 0..1 as the datastream's settings would.
    assert call(switching, "update?pin=V2&value=100").status_code == 200
    _await_override(switching, 3, "force_closed")
    assert call(switching, "batch/update?v0=0&v1=0").status_code == 200
    _await_override(switching, 1, "force_open")
    _await_override(switching, 2, "force_open")
    now_ms = int(time.time() * 1000)
    uploaded = _upload(switching, "v1", [[now_ms, 1], [now_ms - 1000, 0]])
    assert (uploaded.status_code, uploaded.text) == (200, "OK")
    _await_override(switching, 2, "force_closed")


def test_the_same_again_costs_no_gas(switching: World) -> None:
    call(switching, "update?v3=0")
    _await_override(switching, 4, "force_open")
    block = switching.anvil.block_number()
    for _ in range(30):
        assert call(switching, "update?v3=0").status_code == 200
    assert switching.anvil.block_number() == block


def test_a_relay_is_not_switched_without_end(switching: World) -> None:
    statuses = []
    for i in range(12):
        answer = call(switching, f"update?v3={i % 2}")
        statuses.append(answer.status_code)
        if answer.status_code == 200:
            _await_override(switching, 4, "force_closed" if i % 2 else "force_open")
    assert 429 in statuses


def test_a_key_without_the_role_switches_nothing(chain_state: Any, tmp_path: Path) -> None:
    world = _with_key(tmp_path, chain_state, STRANGER)
    try:
        status, message = said(call(world, "update?v3=0"))
        assert status == 403
        assert "authority's role" in message
    finally:
        world.close()


# ---- Blynk.Cloud -------------------------------------------------------------------------------


class Cloud(ThreadingHTTPServer):
    """A server that answers `batch/update` as Blynk documents it, and fails when told to."""

    TOKEN = "cloud-device-token-0123456789"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _CloudHandler)
        self.pins: dict[str, str] = {}
        self.requests = 0
        self.fail_with: list[int] = []
        self.changed = threading.Condition()
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def until(self, pins: dict[str, str]) -> None:
        with self.changed:
            reached = self.changed.wait_for(
                lambda: pins.items() <= self.pins.items(), timeout=PATIENCE_S
            )
        assert reached, self.pins


class _CloudHandler(BaseHTTPRequestHandler):
    server: Cloud

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        values = dict(parse_qsl(parts.query))
        with self.server.changed:
            self.server.requests += 1
            failure = self.server.fail_with.pop(0) if self.server.fail_with else None
            if failure is not None:
                self._answer(failure, b"")
            elif parts.path != "/external/api/batch/update":
                self._answer(404, b"")
            elif values.pop("token", "") != Cloud.TOKEN:
                self._answer(400, b'{"error":{"message":"Invalid token."}}')
            else:
                self.server.pins |= values
                self._answer(200, b"")
            self.server.changed.notify_all()

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    made = Cloud()
    yield made
    made.shutdown()
    made.server_close()


def _drive(world: World, cloud: Cloud, token: str = Cloud.TOKEN) -> BlynkCloud:
    return BlynkCloud(world.services, token, cloud.url, {"v0": 1, "v3": 4})


def test_a_cloud_device_follows_commands_and_acknowledgements(board: World, cloud: Cloud) -> None:
    driver = _drive(board, cloud)
    driver.start()
    try:
        # V3's first command, to close, is not acknowledged: it is what must move the device.
        cloud.until({"v0": "1", "v3": "1", "v4": "73", "v5": "230.4"})
        until = board.anvil.now() + 600
        board.transact(AUTHORITY, "PriorityRegistry", "setOverride", 4, 1, until)
        cloud.until({"v3": "0"})
        _acknowledge(board, 3, False)
        cloud.until({"v3": "0"})
    finally:
        driver.stop()


def test_what_the_cloud_did_not_take_is_sent_again(board: World, cloud: Cloud) -> None:
    cloud.fail_with = [500]
    driver = _drive(board, cloud)
    driver.start()
    try:
        cloud.until({"v0": "1", "v3": "1"})
        assert cloud.requests >= 2
    finally:
        driver.stop()


def test_nothing_new_is_not_sent(board: World, cloud: Cloud) -> None:
    driver = _drive(board, cloud)
    assert driver.push() == 4
    assert driver.push() == 0
    assert cloud.requests == 1
    _acknowledge(board, 3, False)
    assert driver.push() == 1
    assert cloud.pins["v3"] == "0"


def test_a_refusal_is_told_in_the_clouds_words_and_without_the_token(
    board: World, cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    driver = _drive(board, cloud, "wrong-device-token-0123")
    with pytest.raises(CloudRefusedError, match=r"HTTP 400: Invalid token\."):
        driver.push()
    driver.start()
    deadline = time.monotonic() + PATIENCE_S
    while driver.last_error is None and time.monotonic() < deadline:
        time.sleep(0.01)
    driver.stop()
    assert "Invalid token." in caplog.text
    assert "wrong-device-token" not in caplog.text


def test_a_cloud_out_of_reach_does_not_betray_the_token(
    board: World, cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    driver = BlynkCloud(board.services, Cloud.TOKEN, "http://127.0.0.1:1", {"v0": 1})
    driver.start()
    deadline = time.monotonic() + PATIENCE_S
    while driver.last_error is None and time.monotonic() < deadline:
        time.sleep(0.01)
    driver.stop()
    assert "ConnectionError" in caplog.text
    assert Cloud.TOKEN not in caplog.text


def test_a_token_in_the_settings_starts_the_driver(
    chain_state: Any, tmp_path: Path, cloud: Cloud
) -> None:
    world = World(
        tmp_path,
        *chain_state,
        blynk_cloud_token=Cloud.TOKEN,
        blynk_cloud_url=cloud.url,
        blynk_cloud_pins={"v0": 1},
    )
    try:
        cloud.until({"v0": "1"})
    finally:
        world.close()
