"""The follower on a real chain: everything once, in order, and nothing that the chain took back."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import sqlalchemy as sa
from local_chain import (
    AUTHORITY,
    OPERATOR,
    RESIDENT,
    Anvil,
    add_switch,
    claim_meter,
    development_account,
    register_meter,
    send,
)

from backend import signals
from backend.chain.context import ChainContext
from backend.chain.contracts import Contract
from backend.chain.deployment import DeploymentError
from backend.chain.follower import ChainEvent, EventFollower, FollowerPolicy
from backend.chain.handlers import EventHandlers
from backend.chain.projections import projections
from backend.chain.rpc import NodeUnreachableError, RpcError, number
from backend.chain.types import BillingMode
from backend.oracle.facts import ChainFacts
from backend.telemetry import commands, events, terms
from backend.telemetry.store import Store

pytest_plugins = ["chain_fixtures"]


def make_follower(store: Store, chain: ChainContext, **options: Any) -> EventFollower:
    options.setdefault("policy", FollowerPolicy(poll_s=0.01))
    handlers = options.pop("handlers", projections)
    return EventFollower(store, chain.rpc, chain.contracts, handlers, **options)


def post_price(anvil: Anvil, chain: ChainContext, buy: int) -> None:
    price = Contract(chain.deployment["PostedPrice"])
    send(anvil.rpc, OPERATOR, price.call("setPrices", buy, 1_000_000))


def prices(store: Store) -> list[int]:
    """Buying prices in order of the chain, without the deployment's own."""
    with store.read() as connection:
        found = events.in_order(connection, "PostedPrice", ["PricesPosted"])
    return [event.args["buyPrice"] for event in found][1:]


def test_reads_from_the_deployment_on(store: Store, chain: ChainContext, anvil: Anvil) -> None:
    for buy in (2_000_000, 3_000_000, 4_000_000):
        post_price(anvil, chain, buy)
    make_follower(store, chain).catch_up()
    assert prices(store) == [2_000_000, 3_000_000, 4_000_000]
    with store.read() as connection:
        signers = events.latest(connection, "OracleQuorum", "SignersChanged")
    assert signers is not None
    assert len(signers.args["signers"]) == 3


def test_nothing_twice_however_often_it_starts(
    store: Store, chain: ChainContext, anvil: Anvil
) -> None:
    for buy in (2_000_000, 3_000_000):
        post_price(anvil, chain, buy)
        assert make_follower(store, chain).catch_up() > 0
        assert make_follower(store, chain).catch_up() == 0
    assert prices(store) == [2_000_000, 3_000_000]


@pytest.mark.parametrize("range_blocks", [1, 3, 1000])
def test_any_range_reads_the_same(
    store: Store, chain: ChainContext, anvil: Anvil, range_blocks: int
) -> None:
    for buy in range(2_000_000, 2_000_010):
        post_price(anvil, chain, buy)
    follower = make_follower(store, chain, policy=FollowerPolicy(range_blocks=range_blocks))
    follower.catch_up()
    assert prices(store) == list(range(2_000_000, 2_000_010))
    assert follower.lag_blocks == 0


def test_a_node_that_refuses_long_ranges_is_asked_for_shorter_ones(
    store: Store, chain: ChainContext, anvil: Anvil, monkeypatch: pytest.MonkeyPatch
) -> None:
    for buy in (2_000_000, 3_000_000, 4_000_000):
        post_price(anvil, chain, buy)
    batch = chain.rpc.batch

    def strict(calls: Any) -> Any:
        answers = batch(calls)
        for i, (method, params) in enumerate(calls):
            if method == "eth_getLogs":
                query = params[0]
                if number(query["toBlock"]) - number(query["fromBlock"]) >= 4:
                    answers[i] = RpcError(-32005, "query returned more than 10000 results")
        return answers

    monkeypatch.setattr(chain.rpc, "batch", strict)
    make_follower(store, chain).catch_up()
    assert prices(store) == [2_000_000, 3_000_000, 4_000_000]


def test_events_count_only_when_deep_enough(
    store: Store, chain: ChainContext, anvil: Anvil
) -> None:
    follower = make_follower(store, chain, policy=FollowerPolicy(confirmations=3))
    post_price(anvil, chain, 2_000_000)
    follower.catch_up()
    assert prices(store) == []
    anvil.mine(2)
    follower.catch_up()
    assert prices(store) == [2_000_000]


def test_a_reorganisation_takes_events_back_and_brings_others(
    store: Store, chain: ChainContext, anvil: Anvil
) -> None:
    follower = make_follower(store, chain)
    post_price(anvil, chain, 2_000_000)
    follower.catch_up()
    snapshot = anvil.snapshot()
    for buy in (3_000_000, 4_000_000):
        post_price(anvil, chain, buy)
        follower.catch_up()
    anvil.revert(snapshot)
    post_price(anvil, chain, 5_000_000)
    anvil.mine(5)
    follower.catch_up()
    assert prices(store) == [2_000_000, 5_000_000]


def test_a_chain_that_became_shorter_takes_events_back(
    store: Store, chain: ChainContext, anvil: Anvil
) -> None:
    follower = make_follower(store, chain)
    snapshot = anvil.snapshot()
    post_price(anvil, chain, 2_000_000)
    follower.catch_up()
    anvil.revert(snapshot)
    follower.catch_up()
    assert prices(store) == []


def test_anvils_own_reorganisation(store: Store, chain: ChainContext, anvil: Anvil) -> None:
    follower = make_follower(store, chain)
    for buy in (2_000_000, 3_000_000, 4_000_000):
        post_price(anvil, chain, buy)
        follower.catch_up()
    anvil.rpc.call("anvil_reorg", 2, [])
    follower.catch_up()
    chain_prices = [
        chain.contracts.decode_log(log).args["buyPrice"]  # type: ignore[union-attr]
        for log in anvil.rpc.call(
            "eth_getLogs",
            {
                "fromBlock": "0x0",
                "address": chain.deployment["PostedPrice"].address,
                "topics": [chain.contracts["PostedPrice"].topic("PricesPosted")],
            },
        )
    ]
    assert prices(store) == chain_prices[1:]


def test_a_store_far_ahead_of_a_rolled_back_chain_starts_over(
    store: Store, chain: ChainContext, anvil: Anvil, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No remembered block is on the chain any more: everything is read again."""
    follower = make_follower(store, chain)
    post_price(anvil, chain, 2_000_000)
    follower.catch_up()
    with store.write() as connection:
        from backend.telemetry.chain_tables import cursors, followed_blocks

        other = "0x" + "11" * 32
        connection.execute(followed_blocks.update().values(block_hash=other))
        connection.execute(cursors.update().values(block_hash=other))
    follower.catch_up()
    assert prices(store) == [2_000_000]


def test_projections_are_taken_back_with_their_events(
    store: Store, chain: ChainContext, anvil: Anvil
) -> None:
    register_meter(anvil.rpc, chain.deployment, 4, 1)
    add_switch(anvil.rpc, chain.deployment, 1, board=20, pin=0, battery=1, meter=4)
    follower = make_follower(store, chain)
    follower.catch_up()
    snapshot = anvil.snapshot()
    priority = Contract(chain.deployment["PriorityRegistry"])
    send(anvil.rpc, AUTHORITY, priority.call("setOverride", 1, 1, anvil.now() + 900))
    claim_meter(anvil.rpc, chain.deployment, 4, RESIDENT, int(BillingMode.PREPAID))
    follower.catch_up()
    with store.read() as connection:
        assert commands.newest(connection)[1].sequence == 2
        assert terms.where(connection, changing=True) == [4]
    anvil.revert(snapshot)
    follower.catch_up()
    with store.read() as connection:
        assert commands.newest(connection)[1].sequence == 1
        assert terms.where(connection, changing=True) == []
        assert terms.kinds(connection) == {4: 1}


def test_notices_follow_the_commit_and_one_bad_receiver_stops_nobody(
    store: Store, chain: ChainContext, anvil: Anvil
) -> None:
    heard: list[tuple[str, bool]] = []

    def bad(_sender: object, **_: object) -> None:
        raise RuntimeError("a receiver's own fault")

    def good(_sender: object, event: ChainEvent) -> None:
        with store.read() as connection:
            found = events.query(connection, name=event.name, limit=5_000)
        heard.append((event.name, event in found))

    signals.chain_event.connect(bad)
    signals.chain_event.connect(good)
    try:
        post_price(anvil, chain, 2_000_000)
        make_follower(store, chain).catch_up()
    finally:
        signals.chain_event.disconnect(bad)
        signals.chain_event.disconnect(good)
    assert ("PricesPosted", True) in heard
    assert all(stored for _, stored in heard)


def test_a_crash_within_the_transaction_loses_and_doubles_nothing(
    store: Store, chain: ChainContext, anvil: Anvil
) -> None:
    handlers = EventHandlers()
    seen: list[int] = []

    @handlers.on("PostedPrice", "PricesPosted")
    def count(connection: sa.Connection, event: ChainEvent) -> None:
        seen.append(event.args["buyPrice"])
        if len(seen) == 2:
            raise RuntimeError("died here")

    post_price(anvil, chain, 2_000_000)
    follower = make_follower(store, chain, handlers=handlers)
    with pytest.raises(RuntimeError, match="died here"):
        follower.catch_up()
    assert prices(store) == []
    make_follower(store, chain, handlers=handlers).catch_up()
    assert prices(store) == [2_000_000]


def test_a_handler_for_an_unknown_event_is_a_mistake(store: Store, chain: ChainContext) -> None:
    handlers = EventHandlers()
    handlers.on("PostedPrice", "PricesDoubled")(lambda _connection, _event: None)
    with pytest.raises(DeploymentError, match="PricesDoubled"):
        make_follower(store, chain, handlers=handlers)


def test_an_account_finds_its_own_history(store: Store, chain: ChainContext, anvil: Anvil) -> None:
    register_meter(anvil.rpc, chain.deployment, 4, 1)
    claim_meter(anvil.rpc, chain.deployment, 4, RESIDENT, int(BillingMode.PREPAID))
    make_follower(store, chain).catch_up()
    resident = development_account(RESIDENT).address
    with store.read() as connection:
        found = events.query(connection, account=resident)
        page = events.query(connection, limit=3)
        following = events.query(connection, limit=3, before=(page[-1].block, page[-1].log_index))
    assert [event.name for event in found] == ["MeterClaimed"]
    places = [(event.block, event.log_index) for event in (*page, *following)]
    assert places == sorted(places, reverse=True)
    assert len(set(places)) == 6


def test_a_chain_without_the_deployment_is_named(
    store: Store, chain: ChainContext, anvil: Anvil
) -> None:
    chain.check()
    later = {
        name: dataclasses.replace(contract, block=1_000)
        for name, contract in chain.deployment.contracts.items()
    }
    ahead = ChainContext(chain.rpc, dataclasses.replace(chain.deployment, contracts=later))
    with pytest.raises(NodeUnreachableError, match="another chain"):
        make_follower(store, ahead).catch_up()
    anvil.stop(9)
    anvil.start()  # an empty chain
    with pytest.raises(DeploymentError, match="was reset"):
        chain.check()


# ---- an oracle node's own look at the chain ------------------------------------------------------


def test_facts_follow_the_chain(chain: ChainContext, anvil: Anvil) -> None:
    facts = ChainFacts(chain.rpc, chain.contracts, range_blocks=3)
    register_meter(anvil.rpc, chain.deployment, 4, 1)
    facts.refresh()
    assert facts.kinds == {4: 1}
    snapshot = anvil.snapshot()
    register_meter(anvil.rpc, chain.deployment, 5, 2)
    registry = Contract(chain.deployment["MeterRegistry"])
    before, after = 900 << 120, 7 << 120
    send(anvil.rpc, OPERATOR, registry.call("recordRebase", 4, before, after, "new device"))
    facts.refresh()
    assert facts.kinds == {4: 1, 5: 2}
    (rebase,) = facts.rebases(4)
    assert rebase.offsets == (0, 0, 0, 893, 0, 0)
    anvil.revert(snapshot)
    facts.refresh()
    assert facts.kinds == {4: 1}
    assert facts.rebases(4) == ()
