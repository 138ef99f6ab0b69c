"""The well-known keys of a local chain. Everybody has them: they are refused anywhere else."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from eth_account import Account

MNEMONIC = "test test test test test test test test test test test junk"
"""Known to every Ethereum developer; anvil and Hardhat fund its accounts."""

LOCAL_CHAIN_IDS = frozenset({31337, 1337})

DEPLOYER, ADMIN, OPERATOR, AUTHORITY, SECOND_AUTHORITY, PAUSER, CERTIFIER, RELAYER = range(8)
NEWCOMER = 8
"""The demo wallet of somebody who has no meter yet."""
FIRST_HOUSEHOLD = 9
"""From here on one account per household of the demo."""
ACCOUNTS = 20


class DevelopmentKeyError(RuntimeError):
    """A key that everybody knows was about to be used on a chain where it could cost money."""


@dataclass(frozen=True, slots=True)
class DevelopmentAccount:
    """One of the mnemonic's accounts."""

    address: str
    private_key: str


@cache
def account(index: int) -> DevelopmentAccount:
    """Account m/44'/60'/0'/0/`index`."""
    Account.enable_unaudited_hdwallet_features()
    made = Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}")
    return DevelopmentAccount(str(made.address), made.key.to_0x_hex())


@cache
def addresses() -> frozenset[str]:
    """Lower-case addresses of the accounts that the tools fund."""
    return frozenset(account(index).address.lower() for index in range(ACCOUNTS))


def refuse_on_public_chain(chain_id: int, named: list[tuple[str, str]]) -> None:
    """Raises DevelopmentKeyError if a (name, address) is well known and the chain is public."""
    if chain_id in LOCAL_CHAIN_IDS:
        return
    for name, address in named:
        if address.lower() in addresses():
            raise DevelopmentKeyError(
                f"{name}: {address} is a development account whose private key everybody knows; on "
                f"chain {chain_id} use a key of your own"
            )
