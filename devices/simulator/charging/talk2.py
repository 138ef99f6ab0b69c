"""The charge point's side of OCPP 2.0.1 and 2.1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from devices.simulator.charging.station import News, Station
from devices.simulator.charging.talk import Message, Payload, Reply, limits_of, text_of

_STATES = {
    "idle": "Idle",
    "waiting": "EVConnected",
    "charging": "Charging",
    "discharging": "Charging",
    "suspended_car": "SuspendedEV",
    "suspended_station": "SuspendedEVSE",
}
_TRIGGERS = {
    "plugged": "CablePluggedIn",
    "authorised": "Authorized",
    "refused": "Deauthorized",
    "mode": "ChargingStateChanged",
    "sample": "MeterValuePeriodic",
}
_ENDS = {
    "EVDisconnected": ("EVCommunicationLost", "EVDisconnected"),
    "Remote": ("RemoteStop", "Remote"),
    "DeAuthorized": ("Deauthorized", "DeAuthorized"),
}
"""Why a session ended -> trigger and stopped reason."""


class Talk2:
    """OCPP 2.x: the charge point names its transactions and numbers their messages."""

    def __init__(self, name: str, version: str = "2.1") -> None:
        self._name = name
        self.subprotocol = f"ocpp{version}"

    def boot(self) -> Message:
        """The first message."""
        station = {
            "vendorName": "Ohmstead (simulated)",
            "model": "one plug, V2G",
            "serialNumber": self._name[:25],
            "firmwareVersion": "1",
        }
        return Message("BootNotification", {"chargingStation": station, "reason": "PowerUp"})

    def status(self, station: Station, now_ms: int) -> Message:
        """What the plug is doing."""
        return self._status(station.session is not None, now_ms)

    def authorise(self, id_token: str) -> Message:
        """May this token charge?"""
        return Message("Authorize", {"idToken": _token(id_token)})

    def admitted(self, payload: Mapping[str, Any]) -> bool | None:
        """What an answer says of the token; None: nothing."""
        info = payload.get("idTokenInfo")
        return None if info is None else info["status"] == "Accepted"

    def tell(self, news: News, now_ms: int) -> Sequence[Message]:
        """Messages that tell a piece of news. Those that last come first."""
        if news.what == "unplugged":
            return [self._status(False, news.at_ms)]
        event = [self._event(news, now_ms)]
        return [*event, self._status(True, news.at_ms)] if news.what == "plugged" else event

    def told(self, news: News, message: Message, answer: Mapping[str, Any]) -> None:
        """A message was answered."""

    def hear(
        self, action: str, payload: Mapping[str, Any], station: Station, now_ms: int
    ) -> Reply | None:
        """Does what is asked; None: it cannot."""
        match action:
            case "SetVariables":
                results = [self._set(item, station) for item in payload["setVariableData"]]
                return Reply({"setVariableResult": results})
            case "SetChargingProfile":
                return _reply(self._limit(payload["chargingProfile"], station, now_ms))
            case "ClearChargingProfile":
                was, station.limits = station.limits, ()
                return Reply({"status": "Accepted" if was else "Unknown"})
            case "RequestStartTransaction":
                done = station.start(payload["idToken"]["idToken"], now_ms)
                return _reply(done)
            case "RequestStopTransaction":
                session = station.session
                own = session is not None and session.ref == payload["transactionId"]
                return _reply(own and station.stop(now_ms))
            case "UnlockConnector":
                station.stop(now_ms)
                return Reply({"status": "Unlocked"})
            case "Reset" if payload["type"] == "OnIdle" and station.session is not None:
                return Reply({"status": "Rejected"})
            case "Reset":
                station.stop(now_ms)
                return Reply({"status": "Accepted"}, restart=True)
            case "TriggerMessage":
                return Reply({"status": "NotImplemented"})
        return None

    def state(self) -> dict[str, Any]:
        """What it keeps without power: sessions have names of the charge point's own."""
        return {}

    def recall(self, state: Mapping[str, Any]) -> None:
        """Goes on from `state`."""

    # ---- messages ------------------------------------------------------------------------------

    def _status(self, occupied: bool, at_ms: int) -> Message:
        status = "Occupied" if occupied else "Available"
        where = {"evseId": 1, "connectorId": 1, "connectorStatus": status}
        return Message("StatusNotification", {**where, "timestamp": text_of(at_ms)})

    def _event(self, news: News, now_ms: int) -> Message:
        info: Payload = {"transactionId": news.session, "chargingState": _STATES[news.mode]}
        kind, trigger = "Updated", _TRIGGERS.get(news.what, "ChargingStateChanged")
        if news.what == "plugged":
            kind = "Started"
        elif news.what == "ended":
            kind = "Ended"
            trigger, info["stoppedReason"] = _ENDS.get(news.reason, ("StopAuthorized", "Local"))
        body: Payload = {
            "eventType": kind,
            "timestamp": text_of(news.at_ms),
            "triggerReason": trigger,
            "seqNo": news.number,
            "offline": now_ms - news.at_ms > 30_000,
            "transactionInfo": info,
            "evse": {"id": 1, "connectorId": 1},
            "meterValue": [_values(news)],
        }
        if news.what == "authorised":
            body["idToken"] = _token(news.id_token)
        return Message("TransactionEvent", body, lasting=True)

    def _set(self, item: Mapping[str, Any], station: Station) -> Payload:
        name, value = item["variable"]["name"], item["attributeValue"]
        known = name in ("TxUpdatedInterval", "TxUpdatedMeasurands")
        if name == "TxUpdatedInterval" and value.isdecimal() and int(value) > 0:
            station.sample_every_ms = int(value) * 1000
        status = "Accepted" if known else "UnknownVariable"
        return {
            "attributeStatus": status,
            "component": item["component"],
            "variable": item["variable"],
        }

    def _limit(self, profile: Mapping[str, Any], station: Station, now_ms: int) -> bool:
        try:
            reference = profile.get("transactionId")
            if reference is not None and not (
                station.session is not None and station.session.ref == reference
            ):
                return False
            schedule = profile["chargingSchedule"][0]
            limits = limits_of(profile, schedule, reference, now_ms)
        except (KeyError, IndexError, ValueError):
            return False
        if any(limit.discharge_w for limit in limits) and not station.rating.max_discharge_w:
            return False
        station.limits = limits
        return True


def _token(id_token: str) -> Payload:
    return {"idToken": id_token, "type": "ISO14443"}


def _values(news: News) -> Payload:
    values = [
        _value(news.imported_wh, "Energy.Active.Import.Register", "Wh"),
        _value(news.exported_wh, "Energy.Active.Export.Register", "Wh"),
        _value(max(0, news.power_w), "Power.Active.Import", "W"),
        _value(max(0, -news.power_w), "Power.Active.Export", "W"),
        _value(news.soc_bp / 100, "SoC", "Percent"),
    ]
    return {"timestamp": text_of(news.at_ms), "sampledValue": values}


def _value(value: float, measurand: str, unit: str) -> Payload:
    return {"value": value, "measurand": measurand, "unitOfMeasure": {"unit": unit}}


def _reply(done: bool) -> Reply:
    return Reply({"status": "Accepted" if done else "Rejected"})
