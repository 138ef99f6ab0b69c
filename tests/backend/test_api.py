"""The API on a real chain and a real store: what it answers anybody, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from api_world import (
    OPERATOR,
    RESIDENT,
    SLOT_SECONDS,
    World,
)
from hypothesis import given
from hypothesis import strategies as st
from local_chain import AUTHORITY, development_account

from backend.api.public_routes import mode_name
from backend.api.slot_reader import kind_name
from backend.api.summary import power_flows
from backend.chain.types import BillingMode
from backend.ingest.frame_values import Poll
from backend.oracle.registers import EntityKind
from backend.telemetry import slots
from backend.telemetry.slots import SlotState

pytest_plugins = ["api_world"]


# ---- for everybody -----------------------------------------------------------------------------


def test_health_is_ok_and_names_chain_and_store(world: World) -> None:
    health = world.get("/api/health")
    assert health["status"] == "ok"
    assert health["chain"]["id"] == 31337
    assert health["chain"]["synced"] is True
    assert health["problems"] == []


def test_health_is_degraded_and_says_why(world: World) -> None:
    world.oracle.problems["sender"] = "the relayer has no ether"
    health = world.get("/api/health")
    assert health["status"] == "degraded"
    assert health["problems"] == ["sender: the relayer has no ether"]


def test_without_the_store_health_is_503_and_still_an_answer(world: World) -> None:
    with world.store.write() as connection:
        connection.exec_driver_sql("DROP TABLE schema_version")
    answer = world.client.get("/api/health")
    assert answer.status_code == 503
    assert answer.get_json()["store"] == "unreachable"


def test_while_the_node_is_away_what_was_known_is_still_shown(world: World) -> None:
    before = world.get("/api/relays")
    summary = world.get("/api/summary")
    world.chain.rpc.url = "http://127.0.0.1:1"
    assert world.get("/api/relays") == before
    assert world.get("/api/summary")["price"] == summary["price"]
    assert world.get("/api/health")["chain"]["block"] is None
    meters = world.get("/api/meters")["meters"]
    assert len(meters) == 9
    status, code = world.refused("/api/prices")
    assert (status, code) == (503, "chain_unreachable")


def test_the_configuration_tells_a_page_all_it_needs(world: World) -> None:
    config = world.get("/api/config")
    assert config["chain_id"] == 31337
    assert config["rpc_url"] == world.anvil.url
    assert config["slot_seconds"] == SLOT_SECONDS
    ledger = world.deployment["MeterLedger"]
    assert config["deployment"]["MeterLedger"]["address"] == ledger.address
    assert config["demo_wallets"] == []


def test_demo_wallets_are_shown_on_the_demos_chain_only(world: World) -> None:
    wallet = {
        "name": "Authority",
        "role": "authority",
        "address": development_account(AUTHORITY).address,
        "private_key": "0x01",
        "meters": [],
    }
    world.write_secret("demo-wallets.json", [wallet])
    assert world.get("/api/config")["demo_wallets"] == [wallet]
    world.chain.chain_id = 11155111
    config = world.get("/api/config")
    assert config["demo_wallets"] is None
    assert config["explorer_url"] == "https://sepolia.etherscan.io"


def test_slots_show_what_was_metered_in_them(world: World) -> None:
    assert world.refused("/api/slots/latest") == (404, "no_slot")
    world.close_slot(100, 0, {4: 1000, 7: 500})
    world.close_slot(101, 100, {4: 1200, 7: 530})
    slot = world.get("/api/slots/101")
    assert slot["starts_at"] == 101 * SLOT_SECONDS
    assert slot["totals"]["consumption_wh"] == 1730
    assert slot["energy"]["consumption_wh"] == slot["balance_wh"] == 230
    assert slot["previous_slot"] == 100
    assert world.get("/api/slots/100")["energy"]["consumption_wh"] == 1500
    assert world.get("/api/slots/latest")["slot"] == 101
    with world.store.write() as connection:
        slots.set_state(connection, 100, SlotState.COMMITTED, tx_hash="0xab", committed_block=7)
    assert world.get("/api/slots/latest")["slot"] == 100
    assert world.refused("/api/slots/99") == (404, "unknown_slot")


def test_slots_come_in_pages_newest_first_without_dead_ones(world: World) -> None:
    for number in range(1, 8):
        world.close_slot(number, number - 1, {4: number})
    with world.store.write() as connection:
        slots.set_state(connection, 5, SlotState.REFUSED)
    seen: list[int] = []
    path = "/api/slots?limit=2"
    while path:
        page = world.get(path)
        seen += [slot["slot"] for slot in page["slots"]]
        before = page["next_before"]
        path = f"/api/slots?limit=2&before={before}" if before is not None else ""
    assert seen == [7, 6, 4, 3, 2, 1]
    assert world.get("/api/slots/5")["state"] == "refused"


def test_meters_are_listed_without_readings(world: World) -> None:
    world.report(4, 20, power_w=700)
    meters = {meter["meter_id"]: meter for meter in world.get("/api/meters")["meters"]}
    assert sorted(meters) == [1, 2, 3, 4, 7, 51, 52, 53, 54]
    house = meters[4]
    assert house["label"] == "House C1"
    assert (house["kind"], house["mode"], house["claimed"]) == ("consumer", "prepaid", True)
    assert (house["stale"], house["relays"]) == (False, [9])
    assert meters[7]["stale"] is True
    assert meters[7]["last_seen_ms"] is None
    assert "power" not in json.dumps(house)


def test_relays_show_order_thresholds_and_what_the_board_said(world: World) -> None:
    relays = world.get("/api/relays")
    assert relays["order"] == {"1": [1, 2, 3, 4]}
    assert [battery["battery_id"] for battery in relays["batteries"]] == [1]
    assert relays["batteries"][0] == relays["battery"]
    assert relays["thresholds_bps"] == {"1": [0, 2500, 5000, 7500]}
    workshop = relays["relays"][3]
    assert (workshop["label"], workshop["position"], workshop["threshold_bps"]) == (
        "Workshop", 3, 7500,
    )  # fmt: skip
    assert (workshop["commanded_closed"], workshop["pending"]) == (True, True)
    assert workshop["acknowledged_closed"] is False
    contactor = relays["relays"][4]
    assert (contactor["switch_id"], contactor["position"], contactor["threshold_bps"]) == (
        9, None, None,
    )  # fmt: skip
    world.acknowledge(switch=4, closed=True)
    workshop = world.get("/api/relays")["relays"][3]
    assert (workshop["acknowledged_closed"], workshop["pending"]) == (True, False)


def test_an_override_shows_until_it_ends(world: World) -> None:
    until = world.anvil.now() + 600
    world.transact(AUTHORITY, "PriorityRegistry", "setOverride", 4, 1, until)
    workshop = world.get("/api/relays")["relays"][3]
    assert (workshop["override"], workshop["override_until"]) == ("force_open", until)
    assert (workshop["commanded_closed"], workshop["reason"]) == (False, "override")


def test_prices_now_and_before(world: World) -> None:
    world.transact(OPERATOR, "PostedPrice", "setPrices", 7_000_000, 2_500_000)
    prices = world.get("/api/prices")
    assert prices["buy_micro_inr_per_kwh"] == 7_000_000
    assert prices["ether_micro_inr"] == 250_000_000_000
    assert prices["stale"] is False
    assert [entry["buy_micro_inr_per_kwh"] for entry in prices["history"]][-1] == 7_000_000
    assert len(prices["history"]) >= 2


def test_events_come_in_pages_without_gap_or_repetition(world: World) -> None:
    everything = world.get("/api/events?limit=500")["events"]
    seen: list[Any] = []
    path = "/api/events?limit=7"
    while path:
        page = world.get(path)
        seen += page["events"]
        before = page["next_before"]
        path = f"/api/events?limit=7&before={before}" if before is not None else ""
    assert seen == everything
    registered = world.get("/api/events?name=MeterRegistered")["events"]
    assert len(registered) == 9
    assert {event["name"] for event in registered} == {"MeterRegistered"}


def test_an_accounts_history_holds_what_names_it(world: World) -> None:
    resident = development_account(RESIDENT).address
    (claim,) = world.get(f"/api/history?account={resident.lower()}")["events"]
    assert (claim["name"], claim["args"]["meter"]) == ("MeterClaimed", 4)
    assert claim["contract"] == "MeterRegistry"
    assert claim["transaction"].startswith("0x")


def test_the_summary_adds_up(world: World) -> None:
    world.report(2, 0, power_w=-3000)
    world.report(3, 0, power_w=-500, soc_bp=7312)
    world.report(1, 0, power_w=800)
    world.report(7, 0, power_w=-700)
    world.report(4, 0, power_w=4900)
    world.close_slot(100, 0, {4: 1000})
    summary = world.get("/api/summary")
    assert summary["power_w"] == {
        "solar": 3000, "prosumer_export": 700, "battery": 500, "grid": 800,
        "consumption": 4900, "unknown": -100,
    }  # fmt: skip
    assert summary["soc_bp"] == 7312
    (battery,) = summary["batteries"]
    assert (battery["battery_id"], battery["node_id"], battery["soc_bp"]) == (1, 3, 7312)
    assert summary["battery_wh"] == 60_000 * 7312 // 10_000
    assert summary["meters"] == {"total": 9, "stale": 4}
    assert summary["counts"]["readings"] == 5
    assert summary["latest_slot"]["slot"] == 100
    assert summary["today"] == [
        {"slot": 100, "consumption_wh": 1000, "solar_wh": 0, "battery_wh": 0, "grid_wh": 0}
    ]
    assert summary["current_slot"] == int(world.now()) // SLOT_SECONDS
    assert 0 <= summary["slot_progress"] < 1


@given(
    st.lists(st.tuples(st.sampled_from(EntityKind), st.integers(0, 50_000), st.integers(0, 50_000)))
)
def test_power_flows_explain_every_watt(powers: list[tuple[int, int, int]]) -> None:
    flows = power_flows(powers)
    given_w = flows.solar + flows.prosumer_export + flows.battery + flows.grid + flows.unknown
    assert given_w == flows.consumption
    grid = [(into, out) for kind, into, out in powers if kind == EntityKind.GRID]
    others = [(into, out) for kind, into, out in powers if kind != EntityKind.GRID]
    drawn = sum(into - out for into, out in others)
    assert flows.unknown == drawn - sum(into - out for into, out in grid)


def test_every_kind_and_mode_of_the_chain_has_its_name() -> None:
    assert [kind_name(kind) for kind in EntityKind] == [
        "none", "consumer", "prosumer", "der", "battery", "ev", "grid",
    ]  # fmt: skip
    assert [mode_name(mode) for mode in BillingMode] == [
        "community", "prepaid", "billed", "on_request", "market",
    ]  # fmt: skip


# ---- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status", "code", "field"),
    [
        ("/api/nothing", 404, "not_found", None),
        ("/api/slots?limit=0", 400, "invalid_field", "limit"),
        ("/api/slots?limit=x", 400, "invalid_field", "limit"),
        ("/api/slots?limt=5", 400, "unknown_field", "limt"),
        ("/api/slots?before=-1", 400, "invalid_field", "before"),
        ("/api/slots/99999999999999999999", 400, "invalid_field", "slot"),
        ("/api/slots/abc", 404, "not_found", None),
        ("/api/meters/0/account", 400, "invalid_field", "meter"),
        ("/api/history", 400, "missing_field", "account"),
        ("/api/history?account=0x12", 400, "invalid_field", "account"),
        ("/api/meters/4/readings?resolution=year", 400, "invalid_field", "resolution"),
        ("/api/auth/challenge?account=me", 400, "invalid_field", "account"),
    ],
)
def test_a_wrong_question_is_answered_with_what_is_wrong(
    quiet_world: World, path: str, status: int, code: str, field: str | None
) -> None:
    answer = quiet_world.client.get(path)
    error = answer.get_json()["error"]
    assert (answer.status_code, error["code"], error.get("field")) == (status, code, field)
    assert error["message"]


@pytest.mark.parametrize("path", ["/api/readings", "/api/auth/session", "/api/v2g/authorisations"])
def test_brackets_nested_by_thousands_are_a_refusal(quiet_world: World, path: str) -> None:
    body, kind = b"[" * 50_000, "application/json"
    answer = quiet_world.client.post(path, data=body, content_type=kind)
    assert answer.status_code == 400, answer.get_json()


def test_a_method_or_host_nobody_serves(world: World) -> None:
    answer = world.client.delete("/api/slots")
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (405, "method_not_allowed")
    assert world.refused("/external/nothing") == (404, "not_found")


def test_a_defect_is_logged_and_tells_nobody_more(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise KeyError("secret")

    monkeypatch.setattr(type(world.services.summary), "read", lambda _: broken())
    answer = world.client.get("/api/summary")
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert "secret" in caplog.text


# ---- the app -----------------------------------------------------------------------------------


def test_the_whole_app_ends_without_waiting_for_polls_and_leaves_no_thread(
    chain_state: Any, tmp_path: Any
) -> None:
    import threading
    import time

    before = set(threading.enumerate())
    world = World(tmp_path, *chain_state, serial_ports=(str(tmp_path / "none.tty"),))
    waiting = threading.Thread(
        target=world.poll,
        args=(7, world.meter(7).frame(Poll(0, 60), int(world.now()))),
        name="long poll",
    )
    waiting.start()
    while 7 not in world.services.downlink._waiting:
        time.sleep(0.005)
    world.report(4, 1)
    began = time.monotonic()
    world.close()
    assert time.monotonic() - began < 30  # the poll would have waited a minute
    waiting.join(30)
    left = {thread for thread in set(threading.enumerate()) - before if thread.is_alive()}
    assert left == set()


def test_what_cannot_begin_says_what_to_do(chain_state: Any, tmp_path: Any) -> None:
    from backend.ingest.keyring import KeyringError
    from backend.ingest.serial_gateway import SerialError

    with pytest.raises(SerialError, match="OHMSTEAD_SERIAL_PORTS"):
        World(tmp_path / "a", *chain_state, serial_ports=("/dev/x@fast",))
    keys = tmp_path / "b" / "keys" / "nodes.json"
    keys.parent.mkdir(parents=True)
    keys.touch(mode=0o644)
    keys.chmod(0o644)
    with pytest.raises(KeyringError, match="chmod 600"):
        World(tmp_path / "b", *chain_state)
