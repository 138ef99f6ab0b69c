"""OCPP 2.0.1 and 2.1: their messages as what is said here, their calls from orders. Pure.

2.1 has words for the other direction: the operation mode CentralSetpoint with a negative setpoint.
2.0.1 has none; charge points that give energy back read a negative limit so (2.1 names that as what
older systems do), and are registered with the power they can give.
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

_SESSION = {
    "Charging": SessionState.CHARGING,
    "EVConnected": SessionState.PLUGGED,
    "Idle": SessionState.PLUGGED,
    "SuspendedEV": SessionState.SUSPENDED,
    "SuspendedEVSE": SessionState.SUSPENDED,
}
_PHASE = {"Started": Phase.BEGIN, "Updated": Phase.UPDATE, "Ended": Phase.END}
_NOTED: dict[str, Payload] = {
    "SecurityEventNotification": {},
    "NotifyEvent": {},
    "NotifyReport": {},
    "NotifyMonitoringReport": {},
    "NotifyChargingLimit": {},
    "ClearedChargingLimit": {},
    "FirmwareStatusNotification": {},
    "LogStatusNotification": {},
    "ReservationStatusUpdate": {},
    "ReportChargingProfiles": {},
    "NotifyCustomerInformation": {},
    "NotifyEVChargingNeeds": {"status": "NoChargingProfile"},
    "NotifyEVChargingSchedule": {"status": "Accepted"},
    "DataTransfer": {"status": "UnknownVendorId"},
}
_DONE = ("Accepted", "RebootRequired", "Unlocked", "Scheduled")
_MEASURANDS = (
    "Energy.Active.Import.Register,Energy.Active.Export.Register,"
    "Power.Active.Import,Power.Active.Export,SoC,Voltage"
)
_PROFILE_LEVEL = 5


class Ocpp2:
    """Version 2.0.1 or 2.1."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.subprotocol = f"ocpp{version}"

    # ---- what it says --------------------------------------------------------------------------

    def read(self, action: str, payload: Mapping[str, Any], now_ms: int) -> Said | None:
        """What a valid message says; None: we do not serve it. Raises Refused."""
        match action:
            case "BootNotification":
                station = payload["chargingStation"]
                return Boot(
                    station["vendorName"],
                    station["model"],
                    station.get("firmwareVersion", ""),
                    station.get("serialNumber", ""),
                )
            case "Heartbeat":
                return Heartbeat()
            case "StatusNotification":
                return PlugNews(
                    whole(payload["evseId"], "evseId"),
                    whole(payload["connectorId"], "connectorId"),
                    PlugState(payload["connectorStatus"].lower()),
                    "",
                    reader(now_ms)(payload["timestamp"]),
                )
            case "Authorize":
                return Authorise(payload["idToken"]["idToken"])
            case "TransactionEvent":
                return _event(payload, now_ms)
            case "MeterValues":
                evse_id = whole(payload["evseId"], "evseId")
                return Samples(evse_id, None, moments_of(payload["meterValue"], reader(now_ms)))
        answer = _NOTED.get(action)
        return None if answer is None else Noted(answer)

    def answer(self, said: Said, outcome: Outcome, now_ms: int, heartbeat_s: int) -> Payload:
        """The answer to a message."""
        return answer_of(said, outcome, now_ms, heartbeat_s, "idTokenInfo")

    # ---- what it is told -----------------------------------------------------------------------

    def settle_in(self, sample_s: int) -> Sequence[Ask]:
        """What a charge point is asked after it has started."""
        wanted = {
            "TxUpdatedInterval": str(sample_s),
            "TxUpdatedMeasurands": _MEASURANDS,
        }
        data = [
            {
                "component": {"name": "SampledDataCtrlr"},
                "variable": {"name": name},
                "attributeValue": value,
            }
            for name, value in wanted.items()
        ]
        return [Ask("SetVariables", {"setVariableData": data})]

    def order(self, order: Order, session: Session, point: ChargePoint, now_ms: int) -> Ask:
        """The call that carries out an order. Raises Unsupported."""
        if order.direction is Direction.DISCHARGE and not point.max_discharge_w:
            raise Unsupported("this charge point takes no energy from cars")
        timetable = schedule(order, now_ms, self._period(order, point))
        profile = {
            "id": order.session_id,
            "stackLevel": _PROFILE_LEVEL,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Absolute",
            "validTo": valid_to(order),
            "transactionId": session.transaction_ref,
            "chargingSchedule": [{"id": order.order_id, **timetable}],
        }
        body = {"evseId": session.evse_id, "chargingProfile": profile}
        return Ask("SetChargingProfile", body)

    def _period(self, order: Order, point: ChargePoint) -> Payload:
        if order.direction is not Direction.DISCHARGE:
            return {"limit": float(limit_w(order, point.max_charge_w))}
        power_w = limit_w(order, point.max_discharge_w)
        if self.version == "2.1":
            return {
                "operationMode": "CentralSetpoint",
                "setpoint": float(-power_w),
                "dischargeLimit": float(-power_w),
            }
        return {"limit": float(-power_w)}

    def request(self, request: Request, session: Session | None) -> Ask:
        """The call that carries out a request. Raises Unsupported."""
        body = request.body
        match request.kind:
            case RequestKind.START:
                token = {"idToken": body["idToken"], "type": "Central"}
                start = {
                    "remoteStartId": request.request_id,
                    "idToken": token,
                    "evseId": body["evseId"],
                }
                return Ask("RequestStartTransaction", start)
            case RequestKind.STOP:
                if session is None:
                    raise Unsupported("there is no such session")
                stop = {"transactionId": session.transaction_ref}
                return Ask("RequestStopTransaction", stop)
            case RequestKind.RESET:
                return Ask("Reset", {"type": "Immediate" if body.get("hard") else "OnIdle"})
            case RequestKind.UNLOCK:
                where = {"evseId": body["evseId"], "connectorId": body.get("connectorId", 1)}
                return Ask("UnlockConnector", where)

    def verdict(self, payload: Mapping[str, Any]) -> Verdict:
        """What the answer to a call means."""
        results = payload.get("setVariableResult")
        if isinstance(results, list):
            words = [str(result.get("attributeStatus", "")) for result in results]
            return Verdict(all(word in _DONE for word in words), ", ".join(words))
        status = str(payload.get("status", ""))
        return Verdict(status in _DONE, status)


def _event(payload: Mapping[str, Any], now_ms: int) -> SessionNews:
    when = reader(now_ms)
    info, evse = payload["transactionInfo"], payload.get("evse") or {}
    told = payload.get("idToken")
    phase = _PHASE[payload["eventType"]]
    state = info.get("chargingState")
    default = {Phase.BEGIN: "begin", Phase.END: "end"}.get(phase, "periodic")
    return SessionNews(
        ref=info["transactionId"],
        session_id=None,
        order=whole(payload["seqNo"], "seqNo"),
        at_ms=when(payload["timestamp"]),
        phase=phase,
        evse_id=whole(evse["id"], "evse.id") if evse else None,
        connector_id=whole(evse.get("connectorId", 1), "connectorId") if evse else None,
        id_token=None if told is None else told["idToken"],
        state=None if state is None else _SESSION[state],
        reason=info.get("stoppedReason", "Local") if phase is Phase.END else None,
        offline=bool(payload.get("offline", False)),
        measured=moments_of(payload.get("meterValue", ()), when, default),
    )
