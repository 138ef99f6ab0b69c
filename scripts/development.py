"""The well-known keys of a local chain. Everybody has them: they are refused anywhere else."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from eth_account import Account

from backend.chain.accounts import DEVELOPMENT_MNEMONICS

MNEMONIC = DEVELOPMENT_MNEMONICS[0]
"""Known to every Ethereum developer; anvil and Ape fund its accounts."""

DEPLOYER, ADMIN, OPERATOR, AUTHORITY, SECOND_AUTHORITY, PAUSER, CERTIFIER, RELAYER = range(8)
NEWCOMER = 8
"""The demo wallet of somebody who has no meter yet."""
FIRST_HOUSEHOLD = 9
"""From here on one account per household of the demo."""
ACCOUNTS = 20


@dataclass(frozen=True, slots=True)
class DevelopmentAccount:
    """One of the mnemonic's accounts."""

    address: str
    private_key: str


HAMLET, OUTSIDERS = 1, 2
"""Whose accounts: the hamlet's next door in the same roles, and others' (utility, arbiter)."""
UTILITY, ARBITER = range(2)
"""Accounts of OUTSIDERS."""


@cache
def account(index: int, whose: int = 0) -> DevelopmentAccount:
    """Account m/44'/60'/`whose`'/0/`index`. Nodes give ether only to those of 0."""
    Account.enable_unaudited_hdwallet_features()
    made = Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/{whose}'/0/{index}")
    return DevelopmentAccount(str(made.address), made.key.to_0x_hex())
