"""From the nodes' decision to the price that everybody sees, and why it is what it is."""

from __future__ import annotations

import re
from typing import Any

import pytest
from api_world import World
from local_chain import OPERATOR
from price_kit import RUPEE, Nodes, collector, opinion_of, send_pending, use_feed
from test_socket import Browser

from backend.oracle.effects import effect_checks
from backend.telemetry import outbox, prices
from backend.telemetry.outbox import OutboxState

pytest_plugins = ["api_world"]

ROUND_S = 15


class Feed:
    """The feed in force, and rounds of it through collector, chain and follower."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.chain = world.chain
        self.store = world.oracle.follower._store
        use_feed(self.chain)
        world.oracle.follower.catch_up()
        self.nodes = Nodes(self.chain)

    def decide(self, *prices: int, left_out: int = 0) -> int:
        """A round decided by the nodes and taken into the outbox."""
        now = self.world.anvil.now() + 1
        number = now // ROUND_S
        self.nodes.decide(number, now, prices, left_out)
        collector(self.store, self.chain, self.nodes, ROUND_S, now).step()
        return number

    def accept(self, *prices: int, left_out: int = 0) -> int:
        number = self.decide(*prices, left_out=left_out)
        assert send_pending(self.chain, self.store) == [f"price:{number}"]
        self.world.oracle.follower.catch_up()
        return number


@pytest.fixture
def feed(world: World) -> Feed:
    return Feed(world)


def test_the_source_in_force_is_named(world: World) -> None:
    assert world.get("/api/prices")["source"] == "posted"
    assert world.get("/api/summary")["price"]["source"] == "posted"
    Feed(world)
    now = world.get("/api/prices")
    assert (now["source"], now["buy_micro_inr_per_kwh"], now["history"]) == ("feed", 6 * RUPEE, [])
    world.transact(OPERATOR, "PostedPrice", "setPrices", 7 * RUPEE, 2 * RUPEE)
    assert world.get("/api/prices")["buy_micro_inr_per_kwh"] == 6 * RUPEE


def test_a_round_is_in_force_and_explained(world: World, feed: Feed) -> None:
    number = feed.accept(6_100_000, 6_200_000, 9_000_000, left_out=1)
    now = world.get("/api/prices")
    assert (now["source"], now["stale"]) == ("feed", False)
    assert now["buy_micro_inr_per_kwh"] == 6_200_000
    assert now["sell_micro_inr_per_kwh"] == 3_100_000
    (entry,) = now["history"]
    assert (entry["round"], entry["buy_micro_inr_per_kwh"]) == (number, 6_200_000)

    found = world.get(f"/api/prices/{number}")
    assert found["accepted_at"] == entry["at"]
    assert found["transaction"].startswith("0x")
    assert (found["leader"], found["view"]) == (feed.nodes.members[1], 1)
    assert (found["median_micro_inr_per_kwh"], found["capped"]) == (6_200_000, False)
    assert found["previous_micro_inr_per_kwh"] == 6 * RUPEE
    assert len(found["opinions"]) == 3
    first, last = (opinion_of(found, feed.nodes.members[i]) for i in (0, 2))
    assert (first["price_micro_inr_per_kwh"], first["counted"]) == (6_100_000, True)
    assert (last["price_micro_inr_per_kwh"], last["counted"]) == (9_000_000, False)
    assert first["terms"] == {
        "demand_w": 5_000,
        "renewable_w": 1_000,
        "soc_bp": 5_000,
        "bid_micro_inr_per_kwh": None,
        "average_micro_inr_per_kwh": 6 * RUPEE,
        "cost_micro_inr_per_kwh": 5 * RUPEE,
        "alpha_milliwatt": 10_000_000,
        "beta_milliwatt_per_inr": 1_000_000,
        "gamma_milliwatt_per_inr": 1_000_000,
        "net_alpha_milliwatt": 9_000_000,
        "best_micro_inr_per_kwh": 6_500_000,
        "local_micro_inr_per_kwh": 6_040_000,
        "clamped": False,
        "formed_by": "closed_form",
        "learned": None,
    }


def test_the_policy_that_formed_the_price_is_shown(world: World, feed: Feed) -> None:
    now = world.anvil.now() + 1
    number = now // ROUND_S
    feed.nodes.decide(number, now, (6 * RUPEE, 6 * RUPEE, 6 * RUPEE))
    spoke = {"reason": "admitted", "closed_form": 6_500_000, "price": 6 * RUPEE,
             "price_before": 5_900_000, "seen": [0.1]}  # fmt: skip
    silent = {**spoke, "reason": "no battery's charge is known", "price": None}
    for answer, learned in zip(feed.nodes.answers, (spoke, silent), strict=False):
        answer["terms"]["learned"] = learned
    collector(feed.store, feed.chain, feed.nodes, ROUND_S, now).step()
    found = world.get(f"/api/prices/{number}")
    first, second = (opinion_of(found, feed.nodes.members[i])["terms"] for i in (0, 1))
    assert (first["formed_by"], second["formed_by"]) == ("agent", "closed_form")
    assert first["learned"] == {
        "reason": "admitted",
        "price_micro_inr_per_kwh": 6 * RUPEE,
        "price_before_micro_inr_per_kwh": 5_900_000,
        "closed_form_micro_inr_per_kwh": 6_500_000,
    }
    assert second["learned"]["price_micro_inr_per_kwh"] is None


def test_the_breaker_is_seen(world: World, feed: Feed) -> None:
    number = feed.accept(9 * RUPEE, 9 * RUPEE, 9 * RUPEE)
    found = world.get(f"/api/prices/{number}")
    assert (found["capped"], found["median_micro_inr_per_kwh"]) == (True, 9 * RUPEE)
    assert found["buy_micro_inr_per_kwh"] == 6_600_000  # 10 % above the start
    assert found["previous_micro_inr_per_kwh"] == 6 * RUPEE


def test_prices_since(world: World, feed: Feed) -> None:
    first = feed.accept(6_100_000, 6_100_000, 6_100_000)
    world.anvil.rpc.call("evm_increaseTime", 60)
    world.anvil.mine()
    second = feed.accept(6_200_000, 6_200_000, 6_200_000)
    history = world.get("/api/prices")["history"]
    assert [entry["round"] for entry in history] == [first, second]
    later = world.get(f"/api/prices?since={history[1]['at']}")["history"]
    assert [entry["round"] for entry in later] == [second]
    assert world.refused("/api/prices?since=yesterday")[0] == 400


def test_unknown_rounds(world: World) -> None:
    assert world.refused("/api/prices/77") == (404, "unknown_round")
    assert world.client.get("/api/prices/never").status_code == 404


def test_a_round_that_waits_is_shown_as_decided(world: World, feed: Feed) -> None:
    number = feed.decide(6_100_000, 6_100_000, 6_100_000)
    found = world.get(f"/api/prices/{number}")
    assert (found["accepted_at"], found["buy_micro_inr_per_kwh"]) == (None, 6_100_000)
    assert world.get("/api/prices")["history"] == []


def test_the_new_price_is_told_at_once(world: World, feed: Feed) -> None:
    browser = Browser(world)
    browser.until("summary")
    feed.accept(6_300_000, 6_300_000, 6_300_000)
    told = browser.until("price", lambda body: body["buy_micro_inr_per_kwh"] == 6_300_000)
    assert told["source"] == "feed"
    browser.close()


def test_terms_that_are_none_are_left_out(world: World, feed: Feed) -> None:
    now = world.anvil.now() + 1
    number = now // ROUND_S
    feed.nodes.decide(number, now, (6 * RUPEE, 6 * RUPEE, 2**100))
    for answer in feed.nodes.answers:
        answer["terms"] = {"inputs": "rain"}
    collector(feed.store, feed.chain, feed.nodes, ROUND_S, now).step()
    found = world.get(f"/api/prices/{number}")
    assert [o["terms"] for o in found["opinions"]] == [None] * 3
    assert found["median_micro_inr_per_kwh"] == 6 * RUPEE


# ---- the collector -------------------------------------------------------------------------------


def test_a_decided_round_is_sent_once_and_its_effect_is_known(feed: Feed) -> None:
    number = feed.decide(6_100_000, 6_100_000, 6_100_000)
    now = feed.world.anvil.now() + 1
    collector(feed.store, feed.chain, feed.nodes, ROUND_S, now).step()
    with feed.store.read() as connection:
        (row,) = outbox.in_states(connection, [OutboxState.PENDING], kind="price")
    view, is_done = effect_checks(feed.chain.clients)["price"](row)
    assert not is_done(feed.chain.views.ask(view, max_age_s=0))
    send_pending(feed.chain, feed.store)
    assert is_done(feed.chain.views.ask(view, max_age_s=0))
    assert row.key == f"price:{number}"


def test_a_newer_round_replaces_one_that_was_not_sent(feed: Feed) -> None:
    old = feed.decide(6_100_000, 6_100_000, 6_100_000)
    feed.world.anvil.rpc.call("evm_increaseTime", 30)
    feed.world.anvil.mine()
    new = feed.decide(6_200_000, 6_200_000, 6_200_000)
    with feed.store.read() as connection:
        waiting = outbox.in_states(connection, [OutboxState.PENDING], kind="price")
        stored = prices.get(connection, old)
    assert [row.key for row in waiting] == [f"price:{new}"]
    assert stored is not None
    assert stored.accepted_block is None


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda decided: decided["observations"].pop(), "too few|needed"),
        (lambda decided: decided["observations"][0].update(price=5), "no current node"),
        (lambda decided: decided["observations"].append(decided["observations"][0]), "ascend"),
    ],
)
def test_a_decision_that_the_chain_would_refuse_is_not_sent(
    feed: Feed, spoil: Any, says: str
) -> None:
    now = feed.world.anvil.now() + 1
    feed.nodes.decide(now // ROUND_S, now, (6 * RUPEE, 6 * RUPEE), left_out=0)
    spoil(feed.nodes.answers[0]["decided"])
    made = collector(feed.store, feed.chain, feed.nodes, ROUND_S, now)
    made.step()
    assert made.last_error is not None
    assert re.search(says, made.last_error)
    assert not send_pending(feed.chain, feed.store)


def test_a_reorganisation_takes_a_round_back(feed: Feed) -> None:
    number = feed.accept(6_100_000, 6_100_000, 6_100_000)
    with feed.store.write() as connection:
        known = prices.get(connection, number)
        assert known is not None
        assert known.accepted_block is not None
        prices.forget_after(connection, known.accepted_block - 1)
    with feed.store.read() as connection:
        assert prices.accepted_since(connection, 0, 10) == []
        again = prices.get(connection, number)
    assert again is not None
    assert again.leader == feed.nodes.members[1]


def test_old_rounds_are_forgotten(feed: Feed) -> None:
    number = feed.accept(6_100_000, 6_100_000, 6_100_000)
    with feed.store.write() as connection:
        prices.prune(connection, number)
        assert prices.get(connection, number) is not None
        prices.prune(connection, number + 1)
        assert prices.get(connection, number) is None
        assert prices.opinions(connection, number) == []
