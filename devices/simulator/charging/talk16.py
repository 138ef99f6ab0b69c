"""The charge point's side of OCPP 1.6."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from devices.simulator.charging.station import News, Station
from devices.simulator.charging.talk import Message, Payload, Reply, limits_of, text_of

_STATUS = {
    "idle": "Available",
    "waiting": "Preparing",
    "charging": "Charging",
    "suspended_car": "SuspendedEV",
    "suspended_station": "SuspendedEVSE",
}
_REASONS = {"EVDisconnected": "EVDisconnected", "Remote": "Remote", "DeAuthorized": "DeAuthorized"}


class Talk16:
    """OCPP 1.6: the service names transactions, in its answer to the first message of each."""

    subprotocol = "ocpp1.6"

    def __init__(self, name: str) -> None:
        self._name = name
        self._transactions: dict[str, int] = {}
        self._configuration = {"MeterValueSampleInterval": "10"}

    def boot(self) -> Message:
        """The first message."""
        return Message(
            "BootNotification",
            {
                "chargePointVendor": "Ohmstead (simulated)",
                "chargePointModel": "one plug, 1.6",
                "chargePointSerialNumber": self._name[:25],
                "firmwareVersion": "1",
            },
        )

    def status(self, station: Station, now_ms: int) -> Message:
        """What the plug is doing."""
        stopped = station.session is not None and station.session.stopped
        status = "Finishing" if stopped else _STATUS[station.mode]
        return self._status(status, now_ms)

    def authorise(self, id_token: str) -> Message:
        """May this token charge?"""
        return Message("Authorize", {"idTag": id_token})

    def admitted(self, payload: Mapping[str, Any]) -> bool | None:
        """What an answer says of the token; None: nothing."""
        info = payload.get("idTagInfo")
        return None if info is None else info["status"] == "Accepted"

    def tell(self, news: News, now_ms: int) -> Sequence[Message]:
        """Messages that tell a piece of news. Those that last come first."""
        match news.what:
            case "plugged":
                return [self._status("Preparing", news.at_ms)]
            case "authorised":
                return [self._start(news)]
            case "mode":
                return [self._status(_STATUS.get(news.mode, "Charging"), news.at_ms)]
            case "sample" if news.session in self._transactions:
                return [self._values(news)]
            case "ended":
                stop = [self._stop(news)] if news.session in self._transactions else []
                return [*stop, self._status("Finishing", news.at_ms)]
            case "unplugged":
                return [self._status("Available", news.at_ms)]
        return []

    def told(self, news: News, message: Message, answer: Mapping[str, Any]) -> None:
        """A message was answered."""
        if message.action == "StartTransaction" and "transactionId" in answer:
            self._transactions[news.session] = int(answer["transactionId"])
        elif message.action == "StopTransaction":
            self._transactions.pop(news.session, None)

    def hear(
        self, action: str, payload: Mapping[str, Any], station: Station, now_ms: int
    ) -> Reply | None:
        """Does what is asked; None: it cannot."""
        match action:
            case "ChangeConfiguration":
                return _reply(self._configure(payload, station))
            case "GetConfiguration":
                known = [
                    {"key": key, "value": value, "readonly": False}
                    for key, value in self._configuration.items()
                ]
                return Reply({"configurationKey": known, "unknownKey": []})
            case "SetChargingProfile":
                return _reply(self._limit(payload["csChargingProfiles"], station, now_ms))
            case "ClearChargingProfile":
                was, station.limits = station.limits, ()
                return Reply({"status": "Accepted" if was else "Unknown"})
            case "RemoteStartTransaction":
                return _reply(station.start(payload["idTag"], now_ms))
            case "RemoteStopTransaction":
                session = station.session
                own = session and self._transactions.get(session.ref) == payload["transactionId"]
                return _reply(bool(own) and station.stop(now_ms))
            case "UnlockConnector":
                station.stop(now_ms)
                return Reply({"status": "Unlocked"})
            case "Reset":
                station.stop(now_ms)
                return Reply({"status": "Accepted"}, restart=True)
            case "TriggerMessage":
                return Reply({"status": "NotImplemented"})
        return None

    def state(self) -> dict[str, Any]:
        """What it keeps without power."""
        return {"transactions": dict(self._transactions)}

    def recall(self, state: Mapping[str, Any]) -> None:
        """Goes on from `state`."""
        self._transactions = {ref: int(number) for ref, number in state["transactions"].items()}

    # ---- messages ------------------------------------------------------------------------------

    def _status(self, status: str, at_ms: int) -> Message:
        body = {"connectorId": 1, "errorCode": "NoError", "status": status}
        return Message("StatusNotification", {**body, "timestamp": text_of(at_ms)})

    def _start(self, news: News) -> Message:
        body = {
            "connectorId": 1,
            "idTag": news.id_token,
            "meterStart": news.imported_wh,
            "timestamp": text_of(news.at_ms),
        }
        return Message("StartTransaction", body, lasting=True)

    def _stop(self, news: News) -> Message:
        body = {
            "transactionId": self._transactions[news.session],
            "meterStop": news.imported_wh,
            "timestamp": text_of(news.at_ms),
            "reason": _REASONS.get(news.reason, "Local"),
        }
        return Message("StopTransaction", body, lasting=True)

    def _values(self, news: News) -> Message:
        values = [
            _value(news.imported_wh, "Energy.Active.Import.Register", "Wh"),
            _value(max(0, news.power_w), "Power.Active.Import", "W"),
            _value(f"{news.soc_bp / 100:.2f}", "SoC", "Percent"),
        ]
        body = {
            "connectorId": 1,
            "transactionId": self._transactions[news.session],
            "meterValue": [{"timestamp": text_of(news.at_ms), "sampledValue": values}],
        }
        return Message("MeterValues", body, lasting=True)

    def _configure(self, payload: Mapping[str, Any], station: Station) -> bool:
        key, value = payload["key"], payload["value"]
        if key == "MeterValueSampleInterval":
            if not value.isdecimal() or int(value) == 0:
                return False
            station.sample_every_ms = int(value) * 1000
        self._configuration[key] = value
        return True

    def _limit(self, profile: Mapping[str, Any], station: Station, now_ms: int) -> bool:
        try:
            session = self._session_of(profile.get("transactionId"), station)
            limits = limits_of(profile, profile["chargingSchedule"], session, now_ms)
        except (KeyError, ValueError):
            return False
        if any(limit.discharge_w for limit in limits):
            return False
        station.limits = limits
        return True

    def _session_of(self, transaction_id: int | None, station: Station) -> str | None:
        if transaction_id is None:
            return None
        session = station.session
        if session is None or self._transactions.get(session.ref) != transaction_id:
            raise ValueError("no such transaction")
        return session.ref


def _value(value: object, measurand: str, unit: str) -> Payload:
    return {"value": str(value), "measurand": measurand, "unit": unit}


def _reply(done: bool) -> Reply:
    return Reply({"status": "Accepted" if done else "Rejected"})
