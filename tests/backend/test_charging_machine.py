"""What messages of a charge point mean: pure parts of the charging service."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.charging import machine
from backend.charging.dialect import Dialect, Unsupported
from backend.charging.frames import Call, Garbage, check, parse
from backend.charging.meter_values import moments_of
from backend.charging.moments import reader, text_of
from backend.charging.ocpp2 import Ocpp2
from backend.charging.ocpp16 import Ocpp16
from backend.charging.said import Measured, Phase, PlugNews, Refused, Samples, SessionNews
from backend.telemetry.charging import ChargePoint, PlugState
from backend.telemetry.charging_orders import Direction, Order, OrderState
from backend.telemetry.charging_sessions import Session, SessionState

NOW_MS = 1_795_280_000_000
POINT = ChargePoint(
    "CP2", 62, "", 1, 7400, 5000, False, None, "", "", "", "", "", True, None, None, None
)  # fmt: skip
SESSION = Session(
    5, "CP2", 1, 1, "tx-5", 62, "alice-1", None, None, SessionState.PLUGGED, -1, 0, None, None, 0,
    NOW_MS, None, None, None, None, None, None, None, False,
)  # fmt: skip


def news(order: int, phase: Phase = Phase.UPDATE, **told: Any) -> SessionNews:
    return SessionNews("tx-5", None, order, NOW_MS + order * 1000, phase, **told)


def sample(order: int, **told: Any) -> tuple[Measured, ...]:
    return (Measured(NOW_MS + order * 1000, "periodic", **told),)


STORY = [
    news(0, Phase.BEGIN, evse_id=1, connector_id=1, state=SessionState.PLUGGED),
    news(1, state=SessionState.CHARGING, measured=sample(1, imported_wh=100, power_w=7000)),
    news(2, measured=sample(2, imported_wh=150, power_w=6900, soc_bp=4000), offline=True),
    news(3, state=SessionState.SUSPENDED, measured=sample(3, imported_wh=160, power_w=0)),
    news(4, state=SessionState.CHARGING, measured=sample(4, exported_wh=20, power_w=-3000)),
    news(5, measured=sample(5, imported_wh=160, exported_wh=55, power_w=-3000, soc_bp=3900)),
    news(6, Phase.END, reason="EVDisconnected", measured=sample(6, exported_wh=60, power_w=0)),
]


def told(messages: list[SessionNews]) -> Session:
    row = machine.fresh(messages[0], "CP2", 62, "tx-5")
    session = replace(SESSION, started_ms=row["started_ms"], evse_id=row["evse_id"], connector_id=0)
    for message in messages:
        session = machine.merge(session, message)
    return session


# ---- the state machine ---------------------------------------------------------------------------


@given(st.permutations(STORY), st.lists(st.sampled_from(STORY), max_size=6))
def test_messages_may_come_in_any_order_and_again(
    order: list[SessionNews], again: list[SessionNews]
) -> None:
    assert told([*order, *again]) == told(STORY)


@given(st.permutations(STORY[:5]))
def test_before_its_end_the_newest_state_counts(order: list[SessionNews]) -> None:
    assert told(list(order)) == told(STORY[:5])
    assert told(list(order)).state is SessionState.DISCHARGING


def test_the_whole_story() -> None:
    ended = told(STORY)
    assert (ended.state, ended.stop_reason) == (SessionState.ENDED, "EVDisconnected")
    assert (ended.imported_wh, ended.exported_wh) == (60, 40)
    assert (ended.soc_bp, ended.power_w, ended.told_offline) == (3900, 0, True)
    assert (ended.started_ms, ended.stopped_ms) == (NOW_MS, NOW_MS + 6000)
    assert (ended.evse_id, ended.connector_id) == (1, 1)


@given(st.integers(0, 6))
def test_unplugged_at_any_message_it_has_ended(cut: int) -> None:
    end = news(cut, Phase.END, reason="EVDisconnected")
    session = told([*STORY[:cut], end])
    assert session.state is SessionState.ENDED
    assert session.power_w == 0
    assert machine.merge(session, STORY[3]).state is SessionState.ENDED


def test_a_presumed_end_is_corrected_by_the_real_one() -> None:
    presumed = machine.presume_ended(told(STORY[:3]), NOW_MS + 60_000)
    assert presumed.stop_reason == machine.PRESUMED
    late = machine.merge(presumed, STORY[3])
    assert late.state is SessionState.ENDED  # told late, not alive again
    real = machine.merge(late, STORY[6])
    assert (real.stopped_ms, real.stop_reason) == (NOW_MS + 6000, "EVDisconnected")


def test_registers_of_a_session_never_shrink() -> None:
    session = told(STORY[:3])
    backward = machine.measure(session, Measured(NOW_MS + 9000, "periodic", imported_wh=120))
    assert backward.imported_wh == session.imported_wh


# ---- meter values --------------------------------------------------------------------------------


def values(*sampled: dict[str, Any]) -> Measured:
    (found,) = moments_of([{"timestamp": text_of(NOW_MS), "sampledValue": sampled}], reader(NOW_MS))
    return found


@pytest.mark.parametrize(
    ("sampled", "name", "value"),
    [
        ({"value": "1234"}, "imported_wh", 1234),  # 1.6: what has no name
        ({"value": "1.2345", "unit": "kWh"}, "imported_wh", 1235),  # to the nearest, halves up
        ({"value": 12.5, "unitOfMeasure": {"unit": "kWh"}}, "imported_wh", 12_500),
        ({"value": 3, "unitOfMeasure": {"unit": "Wh", "multiplier": 3}}, "imported_wh", 3000),
        ({"value": "40.55", "measurand": "SoC", "unit": "Percent"}, "soc_bp", 4055),
        ({"value": "230.04", "measurand": "Voltage", "unit": "V"}, "voltage_dv", 2300),
        ({"value": "16.5", "measurand": "Current.Import", "unit": "A"}, "current_ma", 16_500),
        ({"value": "3.7", "measurand": "Power.Active.Export", "unit": "kW"}, "power_w", -3700),
    ],
)
def test_units(sampled: dict[str, Any], name: str, value: int) -> None:
    assert getattr(values(sampled), name) == value


@pytest.mark.parametrize(
    "sampled",
    [
        {"value": "NaN"},
        {"value": "1e400"},
        {"value": "-5"},
        {"value": "abc"},
        {"value": "7", "unit": "Celsius"},
        {"value": "101", "measurand": "SoC"},
        {"value": "5", "phase": "L1"},
        {"value": "5", "format": "SignedData"},
        {"value": "5", "unitOfMeasure": {"unit": "Wh", "multiplier": 99}},
    ],
)
def test_what_cannot_be_meant_is_left_out(sampled: dict[str, Any]) -> None:
    found = moments_of([{"timestamp": text_of(NOW_MS), "sampledValue": [sampled]}], reader(NOW_MS))
    assert found == ()


def test_into_and_out_of_the_car_are_one_power() -> None:
    both = values(
        {"value": "0", "measurand": "Power.Active.Import"},
        {"value": "5000", "measurand": "Power.Active.Export"},
    )
    assert both.power_w == -5000


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("2026-11-21T16:00:00Z", 1_795_276_800_000),
        ("2026-11-21T21:30:00.250+05:30", 1_795_276_800_250),
        ("1970-01-01T00:00:10Z", NOW_MS),  # a clock that was never set
        ("2036-01-01T00:00:00Z", NOW_MS),  # a clock that is ahead
    ],
)
def test_timestamps(text: str, at_ms: int) -> None:
    assert reader(NOW_MS)(text) == at_ms


def test_a_timestamp_that_is_none_is_refused() -> None:
    with pytest.raises(Refused, match="RFC 3339"):
        reader(NOW_MS)("yesterday")


# ---- dialects ------------------------------------------------------------------------------------


def order(direction: Direction, power_w: int) -> Order:
    until = NOW_MS // 1000 + 900
    return Order(9, 5, direction, power_w, until, NOW_MS, OrderState.PENDING, None, "")


def test_16_limits_what_the_car_takes() -> None:
    ask = Ocpp16().order(order(Direction.CHARGE, 20_000), SESSION, POINT, NOW_MS)
    profile = ask.payload["csChargingProfiles"]
    assert ask.action == "SetChargingProfile"
    assert profile["transactionId"] == 5
    assert profile["chargingSchedule"]["duration"] == 960
    assert profile["chargingSchedule"]["chargingSchedulePeriod"] == [
        {"startPeriod": 0, "limit": 7400.0},  # no more than the charge point was registered with
        {"startPeriod": 900, "limit": 0.0},  # and then a pause, until the next order comes
    ]
    assert profile["validTo"] == text_of(NOW_MS + 960_000)


def test_16_knows_no_other_direction() -> None:
    with pytest.raises(Unsupported, match=r"1\.6"):
        Ocpp16().order(order(Direction.DISCHARGE, 3000), SESSION, POINT, NOW_MS)


@pytest.mark.parametrize(
    ("version", "period"),
    [
        ("2.1", {"operationMode": "CentralSetpoint", "setpoint": -3000.0,
                 "dischargeLimit": -3000.0}),
        ("2.0.1", {"limit": -3000.0}),
    ],
)  # fmt: skip
def test_2_takes_energy_out(version: str, period: dict[str, Any]) -> None:
    ask = Ocpp2(version).order(order(Direction.DISCHARGE, 3000), SESSION, POINT, NOW_MS)
    (schedule,) = ask.payload["chargingProfile"]["chargingSchedule"]
    assert schedule["chargingSchedulePeriod"] == [
        {"startPeriod": 0, **period},
        {"startPeriod": 900, "limit": 0.0},
    ]
    assert ask.payload["chargingProfile"]["transactionId"] == "tx-5"


def test_2_does_not_ask_a_charger_that_cannot() -> None:
    plain = replace(POINT, max_discharge_w=0)
    with pytest.raises(Unsupported, match="takes no energy"):
        Ocpp2("2.1").order(order(Direction.DISCHARGE, 3000), SESSION, plain, NOW_MS)


def test_16_status_says_what_the_session_does() -> None:
    body = {"connectorId": 1, "errorCode": "NoError", "status": "SuspendedEV"}
    said = Ocpp16().read("StatusNotification", body, NOW_MS)
    assert said == PlugNews(1, 1, PlugState.OCCUPIED, "", NOW_MS, SessionState.SUSPENDED)


def test_2_tells_sessions_and_numbers() -> None:
    body = {
        "eventType": "Updated", "timestamp": text_of(NOW_MS), "triggerReason": "Authorized",
        "seqNo": 3, "transactionInfo": {"transactionId": "tx-5", "chargingState": "Charging"},
        "idToken": {"idToken": "Alice-1", "type": "ISO14443"}, "offline": True,
    }  # fmt: skip
    said = Ocpp2("2.1").read("TransactionEvent", body, NOW_MS)
    assert isinstance(said, SessionNews)
    assert (said.order, said.phase, said.id_token) == (3, Phase.UPDATE, "Alice-1")
    assert (said.state, said.offline) == (SessionState.CHARGING, True)


@pytest.mark.parametrize("number", [-1, 2**31, 2**70, True])
def test_numbers_out_of_range_are_refused(number: int) -> None:
    body = {"connectorId": number, "errorCode": "NoError", "status": "Available"}
    with pytest.raises(Refused):
        Ocpp16().read("StatusNotification", body, NOW_MS)


def test_meter_values_of_16_name_their_session() -> None:
    body = {
        "connectorId": 1, "transactionId": 5,
        "meterValue": [{"timestamp": text_of(NOW_MS), "sampledValue": [{"value": "7"}]}],
    }  # fmt: skip
    said = Ocpp16().read("MeterValues", body, NOW_MS)
    assert said == Samples(1, 5, (Measured(NOW_MS, "periodic", imported_wh=7),))


# ---- frames --------------------------------------------------------------------------------------

DIALECTS: list[Dialect] = [Ocpp16(), Ocpp2("2.0.1"), Ocpp2("2.1")]


@given(st.one_of(st.text(), st.binary()))
def test_whatever_arrives_is_a_frame_or_garbage(raw: str | bytes) -> None:
    try:
        parse(raw)
    except Garbage:
        return


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)


@given(st.lists(_JSON, max_size=6))
def test_whatever_is_json_is_a_frame_or_garbage(frame: list[Any]) -> None:
    try:
        parse(json.dumps(frame))
    except Garbage:
        return


@pytest.mark.parametrize(
    "raw", ["[" * 40_000, '[2,"1","X",{"a":"\\ud800"}]', '[2,1,"X",{}]', "[]"]
)
def test_garbage(raw: str) -> None:
    with pytest.raises(Garbage):
        parse(raw)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.version)
@pytest.mark.parametrize("action", ["../../../etc/passwd", "", "bootnotification", "A" * 500])
def test_an_action_that_does_not_exist_is_never_looked_up(dialect: Dialect, action: str) -> None:
    with pytest.raises(Refused) as refused:
        asyncio.run(check(dialect, Call("1", action, {})))
    assert refused.value.code == "NotSupported"
