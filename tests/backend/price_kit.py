"""Price rounds for tests of what comes after the nodes: reports as nodes make them, a sender."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from local_chain import DEPLOYER, FIRST_SIGNER, RELAYER, development_account, send, transact

from backend.chain.context import ChainContext
from backend.chain.contracts import Contract
from backend.oracle.domains import read_domains
from backend.oracle.price_signing import FeedIdentity, NodeSigning, members_of
from backend.oracle.prices import PriceCollector
from backend.oracle.quorum import QuorumClient
from backend.pricing import DemandModel, PriceBounds
from backend.pricing.opinion import OpinionSettings, PriceInputs, form_price
from backend.telemetry import outbox
from backend.telemetry.outbox import OutboxState
from backend.telemetry.store import Store

RUPEE = 1_000_000
SETTINGS = OpinionSettings(
    6 * RUPEE, 7 * RUPEE, 3 * RUPEE, 1_000, PriceBounds(2 * RUPEE, 12 * RUPEE)
)


def use_feed(chain: ChainContext) -> None:
    """The admin has the market follow the feed."""
    market, feed = chain.contracts["EnergyMarket"], chain.contracts["QuorumPriceFeed"]
    send(chain.rpc, DEPLOYER, Contract.call(market, "setPriceSource", feed.address))
    chain.views.invalidate()


def terms(demand_w: int) -> dict[str, Any]:
    """Terms as a node sends them."""
    inputs = PriceInputs(demand_w, 1_000, 5_000, None, 6 * RUPEE)
    return asdict(form_price(inputs, DemandModel(10_000_000, 1_000_000), SETTINGS))


class Nodes(QuorumClient):
    """Answers as the price nodes would."""

    def __init__(self, chain: ChainContext) -> None:
        super().__init__([], development_account(RELAYER))
        quorum = chain.views.quorum()
        domain = read_domains(chain.rpc, chain.contracts).feed
        feed = chain.clients.feed
        assert domain is not None
        assert feed is not None
        identity = FeedIdentity(domain, chain.views.ask(feed.feed()), quorum.epoch)
        self.members = members_of(quorum)
        by_address = {
            development_account(FIRST_SIGNER + i).address: development_account(FIRST_SIGNER + i)
            for i in range(8)
        }
        self.signing = [
            NodeSigning(by_address[address], self.members, identity) for address in self.members
        ]
        self.answers: list[dict[str, Any]] = []

    def price_reports(self, after: int) -> list[dict[str, Any]]:
        return [report for report in self.answers if report["round"] > after]

    def decide(self, number: int, at: int, prices: Sequence[int], left_out: int = 0) -> None:
        """Each node states a price; the last `left_out` are not among those that count."""
        stated = [
            node.observe(number, price, at)
            for node, price in zip(self.signing, prices, strict=False)
        ]
        seen = [
            {
                "signer": self.members[o.sender],
                "price": o.price_micro_inr_per_kwh,
                "observed_at": o.observed_at,
                "signature": o.signature.hex(),
            }
            for o in stated
        ]
        decided = {"view": 1, "observations": seen[: len(seen) - left_out]}
        self.answers = [
            {"round": number, "leader": self.members[1], "terms": terms(5_000), **own}
            | {"decided": decided}
            for own in seen
        ]


def send_pending(chain: ChainContext, store: Store) -> list[str]:
    """Sends what waits in the outbox; its keys."""
    with store.read() as connection:
        rows = outbox.in_states(connection, [OutboxState.PENDING], kind="price")
    for row in rows:
        transact(chain.rpc, row.sender, row.target, row.data)
        with store.write() as connection:
            outbox.update(connection, row.id, state=OutboxState.CONFIRMED.value)
    return [row.key for row in rows]


def collector(
    store: Store, chain: ChainContext, nodes: QuorumClient, round_s: int, now: float
) -> PriceCollector:
    return PriceCollector(
        store, chain, nodes, round_s=round_s, wake_sender=lambda: None, now=lambda: now
    )


def opinion_of(round_: Mapping[str, Any], signer: str) -> Mapping[str, Any]:
    return next(o for o in round_["opinions"] if o["signer"] == signer)
