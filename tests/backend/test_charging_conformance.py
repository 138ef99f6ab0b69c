"""The charging service against another implementation of OCPP, which checks every message of ours
by schemas of its own (npm's ocpp-rpc): core, smart charging, security profiles 1 and 2."""

from __future__ import annotations

import itertools
import json
import queue
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from charging_kit import ALICE, PASSWORD, Service, iso

from backend.charging.service import ChargingServiceError
from backend.telemetry.charging_orders import Direction, OrderState
from backend.telemetry.charging_sessions import SessionState

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 120.0  # ends a test whose event never comes
T0 = 1_795_276_800_000
YES_2 = {
    "setVariableResult": [
        {
            "attributeStatus": "Accepted",
            "component": {"name": "SampledDataCtrlr"},
            "variable": {"name": name},
        }
        for name in ("TxUpdatedInterval", "TxUpdatedMeasurands")
    ]
}
ANSWERS = {"SetVariables": YES_2, "UnlockConnector": {"status": "Unlocked"}}


class OtherPoint:
    """The Node process: `do` a command; `heard` what it was asked; `invalid` what was wrong."""

    def __init__(self) -> None:
        command = ["node", str(ROOT / "tests/ocpp/charge-point.mjs")]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.invalid: list[str] = []
        self._numbers = itertools.count(1)
        self._answers: dict[int, queue.Queue[dict[str, Any]]] = {}
        threading.Thread(target=self._listen, daemon=True).start()

    def do(self, op: str, **rest: Any) -> Any:
        number = next(self._numbers)
        self._answers[number] = queue.Queue()
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"id": number, "op": op, **rest}) + "\n")
        self.process.stdin.flush()
        said = self._answers[number].get(timeout=WAIT_S)
        if "error" in said:
            raise RuntimeError(said["error"])
        return said["result"]

    def connect(self, service: Service, name: str, protocol: str, **options: Any) -> Any:
        tls = "ca" in options
        endpoint = service.url(name, tls=tls).removesuffix("/" + name)
        values = {"password": PASSWORD, "answers": ANSWERS, **options}
        return self.do("connect", name=name, endpoint=endpoint, protocol=protocol, **values)

    def call(self, name: str, method: str, params: dict[str, Any]) -> Any:
        return self.do("call", name=name, method=method, params=params)

    def asked(self, method: str) -> list[dict[str, Any]]:
        return [params for asked, params in list(self.heard) if asked == method]

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said = json.loads(line)
            if "id" in said:
                self._answers[said["id"]].put(said)
            elif "asked" in said:
                self.heard.append((said["asked"], said["params"]))
            elif "invalid" in said:
                self.invalid.append(said["invalid"])


@pytest.fixture(scope="module")
def node() -> Iterator[OtherPoint]:
    made = OtherPoint()
    yield made
    assert made.process.stdin is not None
    made.process.stdin.close()
    made.process.wait(10)


@pytest.fixture
def other(node: OtherPoint) -> Iterator[OtherPoint]:
    node.heard.clear()
    node.invalid.clear()
    yield node
    assert node.invalid == []


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    """A certificate of the service, and one that nobody vouches for."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificates")
    folder = tmp_path_factory.mktemp("tls")
    made = {}
    for name in ("service", "stranger"):
        key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
        subprocess.run(
            [
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
                "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key),
                "-out", str(certificate),
            ],
            check=True, capture_output=True,
        )  # fmt: skip
        made[name] = (certificate, key)
    return made


@pytest.fixture
def service(tmp_path: Path, certificates: dict[str, tuple[Path, Path]]) -> Iterator[Service]:
    certificate, key = certificates["service"]
    made = Service(tmp_path, charging_tls_certificate=certificate, charging_tls_key=key)
    made.register("CP1", 61)
    made.register("CP2", 62, max_discharge_w=7000)
    made.link("alice-1", ALICE)
    made.start()
    yield made
    made.stop()
    made.store.close()


def until(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not ready():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


def test_core_and_smart_charging_of_16(service: Service, other: OtherPoint) -> None:
    assert other.connect(service, "CP1", "ocpp1.6") == "ocpp1.6"
    model = {"chargePointVendor": "V", "chargePointModel": "M"}
    assert other.call("CP1", "BootNotification", model)["status"] == "Accepted"
    until(lambda: len(other.asked("ChangeConfiguration")) == 3)
    assert other.call("CP1", "Heartbeat", {})["currentTime"]
    for status in ("Available", "Preparing"):
        body = {"connectorId": 1, "errorCode": "NoError", "status": status}
        other.call("CP1", "StatusNotification", {**body, "timestamp": iso(T0)})
    assert other.call("CP1", "Authorize", {"idTag": "alice-1"})["idTagInfo"]["status"] == "Accepted"
    start = {"connectorId": 1, "idTag": "alice-1", "meterStart": 10, "timestamp": iso(T0)}
    number = other.call("CP1", "StartTransaction", start)["transactionId"]
    (session,) = service.sessions()
    service.order(session, Direction.CHARGE, 3680)
    until(lambda: service.newest_order(session).state is OrderState.ACCEPTED)
    (asked,) = other.asked("SetChargingProfile")
    assert asked["csChargingProfiles"]["transactionId"] == number
    sampled = [{"value": "15"}, {"value": "50", "measurand": "SoC", "unit": "Percent"}]
    values = [{"timestamp": iso(T0 + 60_000), "sampledValue": sampled}]
    other.call(
        "CP1", "MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": values}
    )
    stop = {"transactionId": number, "meterStop": 20, "timestamp": iso(T0 + 90_000)}
    other.call("CP1", "StopTransaction", {**stop, "reason": "EVDisconnected", "idTag": "alice-1"})
    for action in ("FirmwareStatusNotification", "DiagnosticsStatusNotification"):
        other.call("CP1", action, {"status": "Idle"})
    assert other.call("CP1", "DataTransfer", {"vendorId": "x"})["status"] == "UnknownVendorId"
    other.do("close", name="CP1")
    (session,) = service.sessions()
    assert (session.state, session.soc_bp, session.imported_wh) == (SessionState.ENDED, 5000, 10)


@pytest.mark.parametrize("protocol", ["ocpp2.0.1", "ocpp2.1"])
def test_core_and_smart_charging_of_2(service: Service, other: OtherPoint, protocol: str) -> None:
    assert other.connect(service, "CP2", protocol) == protocol
    station = {"chargingStation": {"vendorName": "V", "model": "M"}, "reason": "PowerUp"}
    assert other.call("CP2", "BootNotification", station)["status"] == "Accepted"
    until(lambda: bool(other.asked("SetVariables")))
    where = {"evseId": 1, "connectorId": 1, "connectorStatus": "Occupied", "timestamp": iso(T0)}
    other.call("CP2", "StatusNotification", where)
    token = {"idToken": "ALICE-1", "type": "ISO14443"}
    assert other.call("CP2", "Authorize", {"idToken": token})["idTokenInfo"] == {
        "status": "Accepted"
    }

    def event(kind: str, number: int, **more: Any) -> Any:
        info = {"transactionId": "tx-1", "chargingState": more.pop("state", "Charging")}
        if kind == "Ended":
            info["stoppedReason"] = "EVDisconnected"
        sampled = [{"value": 10 + number, "measurand": "Energy.Active.Import.Register"}]
        body = {
            "eventType": kind, "timestamp": iso(T0 + number * 1000), "seqNo": number,
            "triggerReason": "ChargingStateChanged", "transactionInfo": info,
            "evse": {"id": 1, "connectorId": 1},
            "meterValue": [{"timestamp": iso(T0 + number * 1000), "sampledValue": sampled}],
        }  # fmt: skip
        return other.call("CP2", "TransactionEvent", {**body, **more})

    event("Started", 0, state="EVConnected")
    assert event("Updated", 1, idToken=token)["idTokenInfo"]["status"] == "Accepted"
    (session,) = service.sessions()
    for direction in (Direction.CHARGE, Direction.DISCHARGE, Direction.IDLE):
        service.order(session, direction, 5000)
        until(lambda: service.newest_order(session).state is OrderState.ACCEPTED)
    periods = [
        asked["chargingProfile"]["chargingSchedule"][0]["chargingSchedulePeriod"][0]
        for asked in other.asked("SetChargingProfile")
    ]
    assert [p.get("setpoint", p.get("limit")) for p in periods] == [5000, -5000, 0]
    event("Ended", 2)
    for action, body in {
        "Heartbeat": {},
        "SecurityEventNotification": {"type": "FirmwareUpdated", "timestamp": iso(T0)},
        "NotifyEvent": {"generatedAt": iso(T0), "seqNo": 0, "eventData": [{
            "eventId": 1, "timestamp": iso(T0), "trigger": "Alerting", "actualValue": "x",
            "eventNotificationType": "HardWiredNotification",
            "component": {"name": "C"}, "variable": {"name": "V"}}]},
    }.items():  # fmt: skip
        other.call("CP2", action, body)
    other.do("close", name="CP2")
    (session,) = service.sessions()
    assert (session.state, session.account, session.imported_wh) == (SessionState.ENDED, ALICE, 2)


def test_security_profiles(
    service: Service, other: OtherPoint, certificates: dict[str, tuple[Path, Path]]
) -> None:
    good, stranger = (str(certificates[name][0]) for name in ("service", "stranger"))
    assert other.connect(service, "CP1", "ocpp1.6", ca=good) == "ocpp1.6"
    assert other.call("CP1", "Heartbeat", {})["currentTime"]
    other.do("close", name="CP1")
    with pytest.raises(RuntimeError, match="401"):
        other.connect(service, "CP1", "ocpp1.6", ca=good, password="not-the-password-0")
    with pytest.raises(RuntimeError, match="401"):
        other.connect(service, "CP1", "ocpp1.6", password="not-the-password-0")
    with pytest.raises(RuntimeError, match=r"SELF_SIGNED|UNABLE_TO_VERIFY|CERT"):
        other.connect(service, "CP1", "ocpp1.6", ca=stranger)
    with pytest.raises(RuntimeError, match="404"):
        other.connect(service, "CP9", "ocpp1.6", ca=good)


def test_a_key_that_is_not_the_certificates_is_named(
    tmp_path: Path, certificates: dict[str, tuple[Path, Path]]
) -> None:
    made = Service(
        tmp_path,
        charging_tls_certificate=certificates["service"][0],
        charging_tls_key=certificates["stranger"][1],
    )
    with pytest.raises(ChargingServiceError, match="OHMSTEAD_CHARGING_TLS_CERTIFICATE"):
        made.start()
    made.store.close()
