"""QuorumPriceFeed through Ape: the same rounds as the engine's, the market on it, and its roles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from fixtures_money import RUPEE, Microgrid
from refusals import reverts

from backend.oracle.digests import SigningDomain, price_digest

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/price_rounds.json").read_text())
ERROR_OF = {
    "ROUND_NOT_NEW": "QuorumPriceFeed_RoundNotNew",
    "TOO_OLD": "QuorumPriceFeed_TooOld",
    "FROM_THE_FUTURE": "QuorumPriceFeed_FromTheFuture",
    "OUT_OF_BOUNDS": "QuorumPriceFeed_OutOfBounds",
    "TOO_FEW": "OracleQuorum_TooFewSignatures",
    "SIGNERS_NOT_ASCENDING": "OracleQuorum_BadSigner",
}


def _nodes() -> list[LocalAccount]:
    made = [Account.from_key(bytes(31) + bytes([number])) for number in (0x61, 0x62, 0x63, 0x64)]
    return sorted(made, key=lambda account: int(account.address, 16))


NODES = _nodes()
CHAIN_ID = 31337
LIMITS = (2 * RUPEE, 12 * RUPEE, 60, 5, 100_000, 5_000)


@pytest.fixture
def quorum(project: Any, grid: Microgrid) -> Any:
    quorum = grid.deployer.deploy(project.OracleQuorum, grid.manager)
    quorum.setSigners([node.address for node in NODES], 3, sender=grid.admin)
    return quorum


def observed(feed: Any, round_: int, signer: int, price: int, at: int) -> tuple[int, int, bytes]:
    domain = SigningDomain("Ohmstead QuorumPriceFeed", "1", CHAIN_ID, feed.address)
    digest = price_digest(domain, 1, round_, price, at, 1)
    return price, at, bytes(NODES[signer].unsafe_sign_hash(digest).signature)


def submit(grid: Microgrid, feed: Any, round_: int, *prices: int) -> Any:
    now = grid.chain.pending_timestamp
    seen = [observed(feed, round_, i, price, now) for i, price in enumerate(prices)]
    return feed.submitRound(round_, seen, sender=grid.stranger)


def test_every_vector(grid: Microgrid, project: Any, quorum: Any) -> None:
    """On one feed, brought to where each vector begins; its round numbers count from there."""
    wide = (1, 2**32 - 1, 10**6, 10**6, 2**32 - 1, 10_000)
    feed = grid.deployer.deploy(project.QuorumPriceFeed, grid.manager, quorum, 1, wide, RUPEE)
    for position, vector in enumerate(VECTORS["rounds"]):
        base, last = 2**41 * position + 1, vector["last"]
        feed.setSettings(wide, sender=grid.admin)
        submit(grid, feed, base + last["round"], *[last["price_micro_inr_per_kwh"]] * 3)
        feed.setSettings(tuple(vector["feed"].values()), sender=grid.admin)
        now = grid.chain.pending_timestamp = grid.chain.pending_timestamp + 100
        seen = [
            observed(
                feed, base + vector["round"], o["signer"], o["price_micro_inr_per_kwh"],
                now + o["observed_at"],
            )
            for o in vector["observations"]
        ]  # fmt: skip
        if vector["fault"]:
            owner = quorum if vector["fault"] in ("TOO_FEW", "SIGNERS_NOT_ASCENDING") else feed
            with reverts(getattr(owner, ERROR_OF[vector["fault"]])):
                feed.submitRound(base + vector["round"], seen, sender=grid.stranger)
            continue
        receipt = feed.submitRound(base + vector["round"], seen, sender=grid.stranger)
        (event,) = feed.PriceRoundAccepted.from_receipt(receipt)
        found = {
            "price_micro_inr_per_kwh": event.buyPrice,
            "median_micro_inr_per_kwh": event.median,
            "sell_micro_inr_per_kwh": event.sellPrice,
            "observed_at": event.observedAt - receipt.timestamp,
        }
        assert found == vector["settled"], vector["name"]
    assert feed.prices() == (event.buyPrice, event.sellPrice, event.observedAt)


def test_the_market_sells_at_the_feeds_price(grid: Microgrid, project: Any, quorum: Any) -> None:
    feed = grid.deployer.deploy(
        project.QuorumPriceFeed, grid.manager, quorum, 1, LIMITS, 6 * RUPEE
    )
    receipt = grid.market.setPriceSource(feed, sender=grid.admin)
    assert receipt.events == [
        grid.market.PriceSourceChanged(oldSource=grid.posted, newSource=feed)
    ]
    assert grid.market.priceSource() == feed.address
    grid.market.setParameters(60, 1_000, 50_000, sender=grid.admin)
    submit(grid, feed, 1, 6_100_000, 6_200_000, 6_300_000)
    assert grid.market.quoteBuyUp(1000) == 6_200_000
    assert grid.market.quoteSellDown(1000) == 3_100_000
    grid.wait(62)
    with reverts(grid.market.EnergyMarket_StalePrice):
        grid.market.quoteBuyUp(1000)
    submit(grid, feed, 2, 6_100_000, 6_200_000, 6_300_000)
    assert grid.market.quoteBuyUp(1000) == 6_200_000
    grid.market.setPriceSource(grid.posted, sender=grid.admin)  # back to the operator's
    grid.posted.setPrices(7 * RUPEE, 3 * RUPEE, sender=grid.operator)
    assert grid.market.quoteBuyUp(1000) == 7 * RUPEE


def test_nodes_sign_what_the_contract_checks(grid: Microgrid) -> None:
    domain = SigningDomain("Ohmstead QuorumPriceFeed", "1", CHAIN_ID, grid.feed.address)
    digest = price_digest(domain, 1, 9, 6 * RUPEE, 1_800_000_000, grid.quorum.epoch())
    assert grid.feed.observationDigest(9, 6 * RUPEE, 1_800_000_000) == digest


def test_only_the_admin_sets_what_rounds_are_held_to(grid: Microgrid) -> None:
    receipt = grid.feed.setSettings(LIMITS, sender=grid.admin)
    assert receipt.events[0].event_name == "SettingsChanged"
    for who in ("stranger", "operator", "pauser", "relayer", "authority"):
        caller = getattr(grid, who)
        with reverts(grid.feed.AccessManagedUnauthorized, caller=caller.address):
            grid.feed.setSettings(LIMITS, sender=caller)


@pytest.mark.parametrize(
    ("position", "value", "field"),
    [(0, 0, "minPrice"), (1, 2**32, "maxPrice"), (2, 0, "maxAge"), (4, 0, "maxStepPpm")],
)
def test_settings_that_cannot_be(grid: Microgrid, position: int, value: int, field: str) -> None:
    limits = list(LIMITS)
    limits[position] = value
    with reverts(grid.feed.QuorumPriceFeed_BadSettings, field=field):
        grid.feed.setSettings(tuple(limits), sender=grid.admin)
