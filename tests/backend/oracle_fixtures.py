"""Fixtures of the oracle's tests: registered meters, three oracle nodes, a closer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from books import Books
from local_chain import FIRST_SIGNER, RELAYER, Anvil, development_account, register_meter
from oracle_kit import CARBON, METERS, Device, Oracle, SetClock, key_of, make_closer, serve

from backend.chain.context import ChainContext
from backend.oracle.closer import SlotCloser
from backend.oracle.node import OracleNode
from backend.oracle.quorum import QuorumClient
from backend.oracle.signed_state import SignedState
from backend.telemetry import nodes
from backend.telemetry.nodes import Node
from backend.telemetry.store import Store

pytest_plugins = ["chain_fixtures"]


@pytest.fixture
def slot_clock() -> SetClock:
    return SetClock()


@pytest.fixture
def community(anvil: Anvil, chain: ChainContext, store: Store) -> Mapping[int, Device]:
    """Registered meters, provisioned nodes, and the devices behind them."""
    for meter, kind in METERS.items():
        register_meter(anvil.rpc, chain.deployment, meter, int(kind))
    with store.write() as connection:
        provisioned = [
            Node(meter, f"node {meter}", int(kind), 1, 50_000, battery_id=1 if meter == 3 else None)
            for meter, kind in METERS.items()
        ]
        nodes.provision(connection, provisioned)
    return {meter: Device(store, meter) for meter in METERS}


@pytest.fixture
def make_oracle_node(
    chain: ChainContext, tmp_path: Path, slot_clock: SetClock
) -> Callable[..., OracleNode]:
    def make(index: int, **options: object) -> OracleNode:
        own_chain = ChainContext(chain.rpc.url, chain.deployment, {}, view_ttl_s=0.0)
        return OracleNode(
            development_account(FIRST_SIGNER + index),
            own_chain,
            options.get("key_of", key_of),  # type: ignore[arg-type]
            SignedState(tmp_path / f"signer-{index}.sqlite"),
            {1: 3},
            slot_clock,
            carbon=CARBON,
        )

    return make


@pytest.fixture
def oracle(make_oracle_node: Callable[..., OracleNode]) -> Iterator[Oracle]:
    made = [make_oracle_node(index) for index in range(3)]
    served = [serve(node) for node in made]
    urls = [url for _, url in served]
    client = QuorumClient(urls, development_account(RELAYER), timeout_s=2, slot_timeout_s=5)
    yield Oracle(made, [server for server, _ in served], urls, client)
    client.close()
    for server, _ in served:
        server.shutdown()


@pytest.fixture
def closer(
    store: Store, chain: ChainContext, oracle: Oracle, community: object, slot_clock: SetClock
) -> SlotCloser:
    return make_closer(store, chain, oracle.client, slot_clock)


@pytest.fixture
def books(
    store: Store,
    chain: ChainContext,
    anvil: Anvil,
    closer: SlotCloser,
    community: Mapping[int, Device],
    slot_clock: SetClock,
) -> Books:
    made = Books(store, chain, anvil, closer, community, slot_clock)
    made.follower.catch_up()
    return made
