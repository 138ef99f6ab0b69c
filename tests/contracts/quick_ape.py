"""What Ape asks the node or its settings again with every call, asked once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from ape.contracts.base import ContractMethodHandler
from ape.utils.testing import generate_dev_accounts
from ape_ethereum.ecosystem import Ethereum
from ape_ethereum.transactions import TransactionType
from ape_foundry.provider import FoundryProvider
from ape_test.accounts import TestAccountContainer


@pytest.fixture(scope="session", autouse=True)
def quick_ape() -> Iterator[None]:
    """The block's gas limit, the kind of transaction, keys; that contracts are contracts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FoundryProvider, "max_gas", property(_max_gas))
        patch.setattr(Ethereum, "default_transaction_type", TransactionType.DYNAMIC)
        patch.setattr(ContractMethodHandler, "_validate_is_contract", lambda _self: None)
        patch.setattr(TestAccountContainer, "generate_account", _generate)
        yield


_ape_generate = TestAccountContainer.generate_account
_gas_limit: dict[str, int] = {}


def _max_gas(self: Any) -> int:
    if self.http_uri not in _gas_limit:
        _gas_limit[self.http_uri] = int(self._get_latest_block_rpc()["gasLimit"], 16)
    return _gas_limit[self.http_uri]


def _generate(self: Any, index: int | None = None) -> Any:
    if index is None:
        return _ape_generate(self)
    return _generated(self.mnemonic, self.hd_path, index)


@cache
def _generated(mnemonic: str, hd_path: str, index: int) -> Any:
    (made,) = generate_dev_accounts(mnemonic, 1, hd_path=hd_path, start_index=index)
    return TestAccountContainer.init_test_account(index, made.address, made.private_key)
