"""Fixtures of chain and oracle: a fresh node with everything deployed, a fresh store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from local_chain import RELAYER, Anvil, deploy, development_account

from backend.chain.context import ChainContext
from backend.chain.deployment import Deployment
from backend.telemetry.store import Store, open_store

SLOT_SECONDS = 15


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


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'store.sqlite'}")
    yield opened
    opened.close()
