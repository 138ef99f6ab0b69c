"""Fixtures of chain and oracle: a fresh node with everything deployed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from local_chain import RELAYER, SLOT_SECONDS, Anvil, deploy, development_account

from backend.chain.context import ChainContext
from backend.chain.deployment import Deployment


@pytest.fixture
def anvil() -> Iterator[Anvil]:
    node = Anvil()
    node.start()
    yield node
    node.stop(9)


@pytest.fixture
def deployment(anvil: Anvil) -> Deployment:
    return deploy(anvil.rpc, SLOT_SECONDS)


@pytest.fixture
def chain(anvil: Anvil, deployment: Deployment) -> ChainContext:
    accounts = {"relayer": development_account(RELAYER)}
    return ChainContext(anvil.url, deployment, accounts, view_ttl_s=0.0)
