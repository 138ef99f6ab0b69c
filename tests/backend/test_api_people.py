"""The API for those who sign in: a household sees its own, the operator what it answers for."""

from __future__ import annotations

import dataclasses

import pytest
from api_world import (
    CONSUMER,
    OPERATOR,
    RESIDENT,
    SLOT_SECONDS,
    World,
)
from local_chain import STRANGER, claim_meter, development_account
from meters import key_of

from backend.ingest.frame_values import NO_PIN, Event, EventKind, Hardware, Hello, ResetCause
from backend.oracle.registers import EntityKind, Flows, Registers
from backend.oracle.sum_tree import Leaf, Node, Proof, verify
from backend.telemetry.slots import pack

pytest_plugins = ["api_world"]


# ---- for a household ---------------------------------------------------------------------------


def test_a_household_sees_its_own_readings(world: World) -> None:
    world.report(4, 30, power_w=1200)
    holder = world.sign_in(RESIDENT)
    (reading,) = world.get("/api/meters/4/readings", holder)["readings"]
    assert reading["imported_wh"] == 30
    assert reading["power_w"] == 1200
    assert reading["soc_bp"] is None


@pytest.mark.parametrize("path", ["readings", "account", "access-log"])
def test_nobody_else_does(quiet_world: World, path: str) -> None:
    assert quiet_world.refused(f"/api/meters/4/{path}") == (401, "not_signed_in")
    stranger = quiet_world.sign_in(STRANGER)
    assert quiet_world.refused(f"/api/meters/4/{path}", stranger) == (403, "not_holder")
    assert quiet_world.refused(f"/api/meters/999/{path}", stranger) == (404, "unknown_meter")


def test_what_the_community_owns_everybody_may_see(world: World) -> None:
    world.report(2, 0, power_w=-3000)
    assert len(world.get("/api/meters/2/readings")["readings"]) == 1
    assert world.refused("/api/meters/2/account") == (401, "not_signed_in")
    assert world.refused("/api/meters/7/readings") == (401, "not_signed_in")


def test_the_operator_may_look_and_the_household_sees_that(world: World) -> None:
    world.report(4, 5)
    operator, holder = world.sign_in(OPERATOR), world.sign_in(RESIDENT)
    world.get("/api/meters/4/readings", operator)
    world.get("/api/meters/4/readings", operator)  # the same look
    world.get("/api/meters/4/account", operator)
    entries = world.get("/api/meters/4/access-log", holder)["entries"]
    assert [(entry["role"], entry["what"]) for entry in entries] == [
        ("operator", "account"),
        ("operator", "readings"),
    ]
    assert entries[0]["account"] == development_account(OPERATOR).address
    assert world.refused("/api/meters/4/access-log", operator) == (403, "not_holder")
    looks = world.get("/api/operator/access", operator)["entries"]
    assert len(looks) == 2
    assert world.get("/api/meters/4/readings", holder)["readings"]
    assert len(world.get("/api/meters/4/access-log", holder)["entries"]) == 2


def test_a_household_does_not_see_the_one_before_it(world: World) -> None:
    before = world.anvil.now() - 50
    world.now = lambda: before
    world.report(7, 10)
    world.close_slot(100, 0, {7: 10})
    claim_meter(world.anvil.rpc, world.deployment, 7, STRANGER, 1)
    world.oracle.follower.catch_up()
    claimed_at = world.get("/api/events?name=MeterClaimed&limit=1")["events"][0]["at"]
    world.now = lambda: claimed_at + 60
    world.report(7, 1)
    holder = world.sign_in(STRANGER)
    found = world.get(f"/api/meters/7/readings?from={claimed_at - 1000}", holder)["readings"]
    assert [reading["imported_wh"] for reading in found] == [11]
    assert world.refused("/api/slots/100/proof/7", holder) == (403, "before_your_time")
    assert len(world.get("/api/meters/7/readings", world.sign_in(OPERATOR))["readings"]) == 2


def test_readings_by_slot_are_the_last_of_each(world: World) -> None:
    base = (int(world.now()) // SLOT_SECONDS + 1) * SLOT_SECONDS
    for offset, wh in ((0, 1), (5, 2), (14, 3), (15, 4), (31, 5)):
        world.now = lambda offset=offset: base + offset
        world.report(4, wh)
    holder = world.sign_in(RESIDENT)
    found = world.get("/api/meters/4/readings?resolution=slot", holder)["readings"]
    assert [reading["measured_at"] - base for reading in found] == [14, 15, 31]
    part = world.get(f"/api/meters/4/readings?from={base + 5}&to={base + 15}", holder)
    assert [reading["measured_at"] - base for reading in part["readings"]] == [5, 14]
    first = world.get("/api/meters/4/readings?limit=2", holder)
    assert first["next_from"] == base + 14
    rest = world.get(f"/api/meters/4/readings?from={first['next_from']}", holder)
    assert len(first["readings"]) + len(rest["readings"]) == 5


def test_a_proof_leads_from_ones_own_line_to_the_root(world: World) -> None:
    now_slot = int(world.now()) // SLOT_SECONDS + 10
    tree = world.close_slot(now_slot, 0, {4: 1000, 7: 500, 51: 7, 52: 8, 53: 9})
    holder = world.sign_in(RESIDENT)
    proof = world.get(f"/api/slots/{now_slot}/proof/4", holder)
    assert proof["root"] == "0x" + tree.root.hex()
    leaf = Leaf(
        proof["leaf"]["meter"],
        EntityKind[proof["leaf"]["kind"].upper()],
        Registers(**proof["leaf"]["registers"]),
        bytes.fromhex(proof["leaf"]["salt"][2:]),
    )
    siblings = tuple(
        Node(bytes.fromhex(node["hash"][2:]), int(node["lo"], 16), int(node["hi"], 16))
        for node in proof["siblings"]
    )
    path = int(proof["path"], 16)
    assert [node["left"] for node in proof["siblings"]] == [
        bool(path >> i & 1) for i in range(len(siblings))
    ]
    totals = Flows.from_words(int(proof["totals_lo"], 16), int(proof["totals_hi"], 16))
    assert verify(tree.root, totals, leaf, Proof(siblings, path))
    wrong = dataclasses.replace(leaf, registers=Registers(imported_wh=999))
    assert not verify(tree.root, totals, wrong, Proof(siblings, path))
    assert world.refused(f"/api/slots/{now_slot}/proof/4") == (401, "not_signed_in")
    assert world.refused(f"/api/slots/{now_slot}/proof/7", holder) == (403, "not_holder")
    assert world.refused(f"/api/slots/{now_slot + 1}/proof/4", holder) == (404, "unknown_leaf")
    operators = world.get(f"/api/slots/{now_slot}/proof/7", world.sign_in(OPERATOR))
    assert operators["leaf"]["meter"] == 7


def test_an_account_shows_registers_terms_and_bills(world: World) -> None:
    world.report(4, 40)
    account = world.get("/api/meters/4/account", world.sign_in(RESIDENT))
    assert account["registers"]["imported_wh"] == 40
    assert account["settled_registers"]["imported_wh"] == 0
    assert (account["mode"], account["changing"], account["leaving"]) == ("prepaid", True, False)
    assert (account["debt_wh"], account["suspended"], account["bills"]) == (0, False, [])


# ---- for the operator --------------------------------------------------------------------------


def test_the_operator_deals_with_the_quarantine(world: World) -> None:
    world.report(4, 10)
    meter = world.meter(4)
    meter.count(10_000_000)
    assert world.report(4) == "quarantined_step"
    assert world.refused("/api/operator/quarantine") == (401, "not_signed_in")
    resident = world.sign_in(RESIDENT)
    assert world.refused("/api/operator/quarantine", resident) == (403, "not_operator")
    operator = world.sign_in(OPERATOR)
    (entry,) = world.get("/api/operator/quarantine", operator)["quarantine"]
    assert (entry["node_id"], entry["result"]) == (4, "quarantined_step")
    assert "imported_wh went from 10 to 10000010" in entry["detail"]
    dismiss = f"/api/operator/quarantine/{entry['id']}/dismiss"
    assert world.client.post(dismiss).status_code == 401
    assert world.client.post(dismiss, headers=operator).status_code == 200
    assert world.client.post(dismiss, headers=operator).status_code == 404
    assert world.get("/api/operator/quarantine", operator)["quarantine"] == []
    meter.registers[3] = 11
    assert world.report(4) == "accepted"


def test_the_operator_sees_each_nodes_health(world: World) -> None:
    hello = Hello(Hardware.ESP32, (1, 4, 0), 0b10, ResetCause.WATCHDOG, 60, 2)
    event = Event(EventKind.TAMPER, NO_PIN, 0)
    board, now = world.meter(5), int(world.now())
    assert world.send(board.frame(hello, now), board.frame(event, now), b"junk") == [
        "accepted", "accepted", "truncated",
    ]  # fmt: skip
    world.services.pipeline.stop()  # what was refused is counted at the end, at the latest
    world.services.pipeline.start()
    assert world.refused("/api/operator/nodes", world.sign_in(RESIDENT)) == (403, "not_operator")
    operator = world.sign_in(OPERATOR)
    answer = world.get("/api/operator/nodes", operator)
    health = {node["node_id"]: node for node in answer["nodes"]}
    assert health[5]["firmware"] == "1.4.0"
    assert health[5]["hello"]["reset_cause"] == "watchdog"
    assert health[5]["frames"] == {"accepted": 2}
    assert (health[5]["stale"], health[7]["stale"]) == (False, True)
    assert (health[7]["firmware"], health[7]["last_seen_ms"]) == (None, None)
    assert answer["forgeries"] == {"truncated": 1}
    (told,) = world.get("/api/operator/node-events", operator)["events"]
    assert (told["node_id"], told["kind"], told["pin"]) == (5, "tamper", None)


def test_the_operator_shuts_a_node_out_and_lets_it_in_again(world: World) -> None:
    operator = world.sign_in(OPERATOR)
    assert world.client.post("/api/operator/nodes/4/revoke").status_code == 401
    answer = world.client.post("/api/operator/nodes/4/revoke", headers=operator)
    assert answer.get_json()["revoked_at"] is not None
    assert world.report(4, 1) == "revoked_node"
    restored = world.client.post("/api/operator/nodes/4/restore", headers=operator)
    assert restored.get_json()["revoked_at"] is None
    assert world.report(4, 1) == "accepted"
    unknown = world.client.post("/api/operator/nodes/999/revoke", headers=operator)
    assert (unknown.status_code, unknown.get_json()["error"]["code"]) == (404, "unknown_node")


def test_the_operator_gives_a_node_a_new_key_over_the_air(world: World) -> None:
    operator, path = world.sign_in(OPERATOR), "/api/operator/nodes/4/rotate-key"
    assert world.client.post(path).status_code == 401
    given = world.client.post(path, headers=operator).get_json()
    assert (given["node_id"], given["key_offered"]) == (4, True)
    again = world.client.post(path, headers=operator)
    assert (again.status_code, again.get_json()["error"]["code"]) == (409, "key_change_under_way")
    assert world.report(4, 1) == "accepted"  # with the key that it has
    world.client.post("/api/operator/nodes/7/revoke", headers=operator)
    stolen = world.client.post("/api/operator/nodes/7/rotate-key", headers=operator)
    assert (stolen.status_code, stolen.get_json()["error"]["code"]) == (409, "revoked_node")
    unknown = world.client.post("/api/operator/nodes/999/rotate-key", headers=operator)
    assert (unknown.status_code, unknown.get_json()["error"]["code"]) == (404, "unknown_node")


def test_a_replaced_device_told_on_chain_is_believed(world: World) -> None:
    world.report(4, 100)
    world.meter(4).restart()
    world.meter(4).registers[3] = 5
    assert world.report(4) == "quarantined_backward"
    before, after = (int.from_bytes(pack((0, 0, 0, wh, 0, 0)), "big") for wh in (100, 5))
    world.transact(OPERATOR, "MeterRegistry", "recordRebase", 4, before, after, "replaced")
    assert world.report(4, 7) == "accepted"
    (entry,) = world.get("/api/meters/4/readings?resolution=slot", world.sign_in(OPERATOR))[
        "readings"
    ][-1:]
    assert entry["imported_wh"] == 107
    assert world.get("/api/operator/quarantine", world.sign_in(OPERATOR))["quarantine"] == []


def test_a_meter_registered_while_the_service_runs_may_speak(world: World) -> None:
    from ingest_kit import write_keys

    write_keys(world.home / "keys" / "nodes.json", [4, 60])
    world.transact(OPERATOR, "MeterRegistry", "register", 60, CONSUMER, 2, 9000, key_of(60))
    meters = {meter["meter_id"]: meter for meter in world.get("/api/meters")["meters"]}
    assert (meters[60]["label"], meters[60]["feeder_node"]) == ("Meter 60", 2)
    deadline = world.now() + 5
    while (result := world.report(60, 1)) == "unknown_node" and world.now() < deadline:
        pass  # the key file is looked at once a second
    assert result == "accepted"
