"""OCPP 1.6: its messages as what is said here, its calls from orders and requests. Pure.

1.6 can limit what a car takes and knows nothing of the other direction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backend.charging.dialect import (
    Ask,
    Payload,
    Unsupported,
    Verdict,
    answer_of,
    limit_w,
    schedule,
    valid_to,
    whole,
)
from backend.charging.meter_values import moments_of
from backend.charging.moments import reader
from backend.charging.said import (
    Authorise,
    Boot,
    Heartbeat,
    Measured,
    Noted,
    Outcome,
    Phase,
    PlugNews,
    Said,
    Samples,
    SessionNews,
)
from backend.telemetry.charging import ChargePoint, PlugState
from backend.telemetry.charging_orders import Direction, Order, Request, RequestKind
from backend.telemetry.charging_sessions import Session, SessionState

_PLUG = {
    "Available": PlugState.AVAILABLE,
    "Preparing": PlugState.OCCUPIED,
    "Charging": PlugState.OCCUPIED,
    "SuspendedEV": PlugState.OCCUPIED,
    "SuspendedEVSE": PlugState.OCCUPIED,
    "Finishing": PlugState.OCCUPIED,
    "Reserved": PlugState.RESERVED,
    "Unavailable": PlugState.UNAVAILABLE,
    "Faulted": PlugState.FAULTED,
}
_SESSION = {
    "Charging": SessionState.CHARGING,
    "SuspendedEV": SessionState.SUSPENDED,
    "SuspendedEVSE": SessionState.SUSPENDED,
}
_MEASURANDS = "Energy.Active.Import.Register,Power.Active.Import,SoC,Voltage"
_PROFILE_LEVEL = 5


class Ocpp16:
    """Version 1.6, with JSON."""

    subprotocol = "ocpp1.6"
    version = "1.6"

    # ---- what it says --------------------------------------------------------------------------

    def read(self, action: str, payload: Mapping[str, Any], now_ms: int) -> Said | None:
        """What a valid message says; None: we do not serve it. Raises Refused."""
        match action:
            case "BootNotification":
                return Boot(
                    payload["chargePointVendor"],
                    payload["chargePointModel"],
                    payload.get("firmwareVersion", ""),
                    payload.get("chargePointSerialNumber", ""),
                )
            case "Heartbeat":
                return Heartbeat()
            case "StatusNotification":
                return _status(payload, now_ms)
            case "Authorize":
                return Authorise(payload["idTag"])
            case "StartTransaction":
                return _start(payload, now_ms)
            case "StopTransaction":
                return _stop(payload, now_ms)
            case "MeterValues":
                return Samples(
                    whole(payload["connectorId"], "connectorId"),
                    payload.get("transactionId"),
                    moments_of(payload["meterValue"], reader(now_ms)),
                )
            case "DataTransfer":
                return Noted({"status": "UnknownVendorId"})
            case "DiagnosticsStatusNotification" | "FirmwareStatusNotification":
                return Noted({})
            case "SecurityEventNotification" | "LogStatusNotification":
                return Noted({})
            case "SignedFirmwareStatusNotification":
                return Noted({})
        return None

    def answer(self, said: Said, outcome: Outcome, now_ms: int, heartbeat_s: int) -> Payload:
        """The answer to a message."""
        answer = answer_of(said, outcome, now_ms, heartbeat_s, "idTagInfo")
        if isinstance(said, SessionNews) and said.phase is Phase.BEGIN:
            return {"transactionId": outcome.session_id, "idTagInfo": None, **answer}
        return answer

    # ---- what it is told -----------------------------------------------------------------------

    def settle_in(self, sample_s: int) -> Sequence[Ask]:
        """What a charge point is asked after it has started."""
        wanted = {
            "MeterValueSampleInterval": str(sample_s),
            "MeterValuesSampledData": _MEASURANDS,
            "StopTransactionOnInvalidId": "true",
        }
        return [
            Ask("ChangeConfiguration", {"key": key, "value": value})
            for key, value in wanted.items()
        ]

    def order(self, order: Order, session: Session, point: ChargePoint, now_ms: int) -> Ask:
        """The call that carries out an order. Raises Unsupported."""
        if order.direction is Direction.DISCHARGE:
            raise Unsupported("OCPP 1.6 has no way to take energy from a car")
        power_w = limit_w(order, point.max_charge_w)
        profile = {
            "chargingProfileId": order.session_id,
            "transactionId": order.session_id,
            "stackLevel": _PROFILE_LEVEL,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Absolute",
            "validTo": valid_to(order),
            "chargingSchedule": schedule(order, now_ms, {"limit": float(power_w)}),
        }
        body = {"connectorId": session.connector_id, "csChargingProfiles": profile}
        return Ask("SetChargingProfile", body)

    def request(self, request: Request, session: Session | None) -> Ask:
        """The call that carries out a request. Raises Unsupported."""
        body = request.body
        match request.kind:
            case RequestKind.START:
                start = {"idTag": body["idToken"], "connectorId": body["evseId"]}
                return Ask("RemoteStartTransaction", start)
            case RequestKind.STOP:
                if session is None:
                    raise Unsupported("there is no such session")
                return Ask("RemoteStopTransaction", {"transactionId": session.session_id})
            case RequestKind.RESET:
                return Ask("Reset", {"type": "Hard" if body.get("hard") else "Soft"})
            case RequestKind.UNLOCK:
                return Ask("UnlockConnector", {"connectorId": body["evseId"]})

    def verdict(self, payload: Mapping[str, Any]) -> Verdict:
        """What the answer to a call means."""
        status = str(payload.get("status", ""))
        return Verdict(status in ("Accepted", "RebootRequired", "Unlocked"), status)


def _status(payload: Mapping[str, Any], now_ms: int) -> PlugNews:
    connector = whole(payload["connectorId"], "connectorId")
    at = payload.get("timestamp")
    error = payload["errorCode"]
    return PlugNews(
        evse_id=connector,
        connector_id=min(connector, 1),
        state=_PLUG[payload["status"]],
        error="" if error == "NoError" else error,
        at_ms=now_ms if at is None else reader(now_ms)(at),
        session_state=_SESSION.get(payload["status"]),
    )


def _start(payload: Mapping[str, Any], now_ms: int) -> SessionNews:
    at_ms = reader(now_ms)(payload["timestamp"])
    connector = whole(payload["connectorId"], "connectorId", 1)
    meter_wh = whole(payload["meterStart"], "meterStart")
    # The charge point has no name for its session yet: what began it, tells it from others.
    ref = f"{connector}/{payload['timestamp']}/{meter_wh}/{payload['idTag'].lower()}"
    return SessionNews(
        ref=ref,
        session_id=None,
        order=at_ms,
        at_ms=at_ms,
        phase=Phase.BEGIN,
        evse_id=connector,
        connector_id=connector,
        id_token=payload["idTag"],
        state=SessionState.CHARGING,
        measured=(Measured(at_ms, "begin", imported_wh=meter_wh),),
    )


def _stop(payload: Mapping[str, Any], now_ms: int) -> SessionNews:
    when = reader(now_ms)
    at_ms = when(payload["timestamp"])
    measured = Measured(at_ms, "end", imported_wh=whole(payload["meterStop"], "meterStop"))
    return SessionNews(
        ref=None,
        session_id=payload["transactionId"],
        order=at_ms,
        at_ms=at_ms,
        phase=Phase.END,
        id_token=payload.get("idTag"),
        reason=payload.get("reason", "Local"),
        measured=(measured, *moments_of(payload.get("transactionData", ()), when)),
    )
