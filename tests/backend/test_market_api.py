"""Who may see what of the markets, and how questions that cannot be answered are refused."""

from __future__ import annotations

from typing import Any

import pytest
from api_world import OPERATOR, RESIDENT, World

pytest_plugins = ["api_world"]


def test_rules_for_everybody(quiet_world: World) -> None:
    rules = quiet_world.get("/api/markets")
    assert rules["tick_micro_inr_per_kwh"] == 50_000
    assert rules["first_open_slot"] < rules["last_open_slot"]
    assert (rules["members"], rules["latest_pool_slot"]) == (0, None)
    book = quiet_world.get(f"/api/markets/day-ahead/{rules['first_open_slot']}")
    assert (book["book"], book["clearing"], book["state"]) == ([], None, "open")
    assert book["gate_closes_at"] == book["starts_at"] - rules["gate_seconds"]


def test_a_slot_that_nobody_ordered_for_stays_as_it_is(quiet_world: World) -> None:
    rules = quiet_world.get("/api/markets")
    past = quiet_world.get(f"/api/markets/day-ahead/{rules['first_open_slot'] - 9}")
    assert (past["state"], past["clearing"], past["book"]) == ("no_orders", None, [])


def test_a_slot_of_the_pool_that_is_not_closed(quiet_world: World) -> None:
    answer = quiet_world.client.get("/api/markets/pool/5")
    assert answer.status_code == 404
    assert answer.json["error"]["code"] == "not_closed"


@pytest.mark.parametrize("what", ["orders", "statements?from=0&to=900"])
def test_orders_and_statements_are_the_holders(quiet_world: World, what: str) -> None:
    path = f"/api/meters/4/{what}"
    assert quiet_world.client.get(path).status_code == 401
    other = quiet_world.client.get(path, headers=quiet_world.sign_in(OPERATOR))
    assert other.status_code == 403
    mine = quiet_world.get(path, quiet_world.sign_in(RESIDENT))
    assert mine.get("orders", mine.get("lines")) == []


def test_a_statement_of_years_is_asked_for_in_parts(quiet_world: World) -> None:
    answer = quiet_world.client.get(
        "/api/meters/4/statements?from=0&to=1700000000", headers=quiet_world.sign_in(RESIDENT)
    )
    assert answer.status_code == 400
    assert answer.json["error"]["field"] == "to"


def body(**changes: Any) -> dict[str, Any]:
    order = {"slot": 9, "side": "bid", "tick": 3, "energy_wh": 50}
    made: dict[str, Any] = {"meter_id": 4, "orders": [order], "deadline": 2**40}
    return {**made, "signature": "0x" + "11" * 65, **changes}


def test_orders_that_the_market_would_refuse_are_not_sent(quiet_world: World) -> None:
    answer = quiet_world.client.post("/api/markets/orders", json=body())
    assert answer.status_code == 400
    assert answer.json["error"]["code"] == "refused"
    assert "zero means nobody" in answer.json["error"]["message"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("orders", []),
        ("orders", [{"slot": 9, "side": "sell", "tick": 3, "energy_wh": 50}]),
        ("orders", [{"slot": 9, "side": "bid", "tick": 0, "energy_wh": 50}]),
        ("orders", [{"slot": 9, "side": "bid", "tick": 3, "energy_wh": 0}]),
        ("deadline", -1),
        ("signature", "0x1"),
        ("meter_id", 0),
        ("nonce", 1),
    ],
)
def test_what_is_no_order_says_which_field(quiet_world: World, field: str, value: Any) -> None:
    answer = quiet_world.client.post("/api/markets/orders", json=body(**{field: value}))
    assert answer.status_code == 400
    assert field in answer.json["error"]["field"]
