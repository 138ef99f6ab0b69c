"""Driving a Blynk.Cloud device: against a server that answers as Blynk's documentation says."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import pytest

from backend.oracle.blynk_cloud import BatteryPins, BlynkCloud, BlynkDriver, BlynkError
from backend.telemetry import commands
from backend.telemetry.store import Store

TOKEN = "test-token-0123456789abcdef"


@dataclass
class Device:
    """What Blynk's server knows of one device, and how it misbehaves."""

    pins: dict[str, str] = field(default_factory=dict)
    online: bool = True
    deaf: bool = False
    answer_with: int | None = None
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str, query: list[tuple[str, str]]) -> tuple[int, str]:
        values = dict(query)
        self.asked.append(path)
        if self.answer_with is not None:
            return self.answer_with, ""
        if values.pop("token", None) != TOKEN:
            return 400, json.dumps({"error": {"message": "Invalid token."}})
        match path.removeprefix("/external/api/"):
            case "batch/update":
                if not self.deaf:
                    self.pins |= values
                return 200, ""
            case "get":
                return 200, self.pins.get(next(iter(values)), "")
            case "isHardwareConnected":
                return 200, str(self.online).lower()
        return 404, ""


@pytest.fixture
def device() -> Device:
    return Device()


@pytest.fixture
def url(device: Device) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            status, body = device.answer(parts.path, parse_qsl(parts.query, keep_blank_values=True))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def cloud(url: str) -> BlynkCloud:
    return BlynkCloud(TOKEN, url, pause=lambda _: None)


def issue(store: Store, sequence: int, *, closed: bool) -> int:
    identifier = commands.command_id(51, sequence)
    row = {
        "command_id": identifier,
        "switch_id": 51,
        "board": 5,
        "pin": 0,
        "closed": closed,
        "cutoff_wh": 0,
        "reason": "Shed",
        "block": 1,
        "issued_ms": 1,
    }
    with store.write() as connection:
        commands.issue(connection, row)
    return identifier


def acked(store: Store, identifier: int) -> bool | None:
    with store.read() as connection:
        command = commands.get(connection, identifier)
    assert command is not None
    return command.ack_closed


def test_a_command_is_written_read_back_and_acknowledged(
    store: Store, device: Device, cloud: BlynkCloud
) -> None:
    driver = BlynkDriver(cloud, store, {"v0": 51})
    closing = issue(store, 1, closed=True)
    assert driver.step()
    assert (device.pins, acked(store, closing)) == ({"v0": "1"}, True)
    opening = issue(store, 2, closed=False)
    assert driver.step()
    assert (device.pins, acked(store, opening)) == ({"v0": "0"}, False)
    device.asked.clear()
    assert driver.step()
    assert device.asked == []


def test_an_offline_device_acknowledges_nothing_and_is_asked_again(
    store: Store, device: Device, cloud: BlynkCloud
) -> None:
    driver = BlynkDriver(cloud, store, {"v0": 51})
    device.online = False
    identifier = issue(store, 1, closed=True)
    assert not driver.step()
    assert acked(store, identifier) is None
    device.online = True
    assert driver.step()
    assert acked(store, identifier) is True


def test_a_pin_that_reads_back_otherwise_is_not_acknowledged(
    store: Store, device: Device, cloud: BlynkCloud
) -> None:
    device.deaf = True
    identifier = issue(store, 1, closed=True)
    assert not BlynkDriver(cloud, store, {"v0": 51}).step()
    assert acked(store, identifier) is None


def test_only_the_newest_command_counts_after_an_outage(
    store: Store, device: Device, cloud: BlynkCloud
) -> None:
    driver = BlynkDriver(cloud, store, {"v0": 51})
    device.answer_with = 503
    first = issue(store, 1, closed=True)
    with pytest.raises(BlynkError) as refused:
        driver.step()
    assert refused.value.passing
    second = issue(store, 2, closed=False)
    device.answer_with = None
    assert driver.step()
    assert (acked(store, first), acked(store, second)) == (None, False)


def test_battery_goes_to_v4_and_v5_when_it_changes(
    store: Store, device: Device, cloud: BlynkCloud
) -> None:
    shown = [BatteryPins(74, "52.41")]
    driver = BlynkDriver(cloud, store, {}, battery=lambda: shown[0])
    driver.step()
    assert device.pins == {"v4": "74", "v5": "52.41"}
    device.asked.clear()
    driver.step()
    assert device.asked == []
    shown[0] = BatteryPins(73, "52.38")
    driver.step()
    assert device.pins["v4"] == "73"


def test_a_wrong_token_is_said_in_blynks_words_and_not_worth_repeating(url: str) -> None:
    cloud = BlynkCloud("wrong-token-0123456789abcd", url)
    with pytest.raises(BlynkError, match=r"400: Invalid token\.") as refused:
        cloud.read("v4")
    assert not refused.value.passing
    assert "wrong-token" not in repr(cloud)


@pytest.mark.parametrize(("status", "passing"), [(429, True), (500, True), (404, False)])
def test_what_passes_and_what_does_not(
    device: Device, cloud: BlynkCloud, status: int, passing: bool
) -> None:
    device.answer_with = status
    with pytest.raises(BlynkError) as refused:
        cloud.hardware_connected()
    assert refused.value.passing is passing


def test_an_unreachable_server_never_shows_the_token() -> None:
    with pytest.raises(BlynkError) as refused:
        BlynkCloud(TOKEN, "http://127.0.0.1:9").read("v0")
    assert refused.value.passing
    assert TOKEN not in str(refused.value)


def test_at_most_ten_requests_a_second(url: str) -> None:
    pauses: list[float] = []
    cloud = BlynkCloud(TOKEN, url, pause=pauses.append, clock=lambda: 100.0)
    for _ in range(3):
        cloud.hardware_connected()
    assert pauses == [pytest.approx(0.1), pytest.approx(0.1)]
