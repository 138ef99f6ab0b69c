"""Which account signs: development accounts on a local chain, key files anywhere else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backend.chain.accounts import LOCAL_CHAINS, refuse_development_keys
from scripts.keyfiles import KeyFileError

KEYFILE = "OHMSTEAD_KEYFILE"
PASSPHRASE = "OHMSTEAD_PASSPHRASE"


def sending_account(
    chain_id: int, development_index: int, environment: Mapping[str, str] = os.environ
) -> Any:
    """The Ape account that sends transactions of a script.

    On a local chain it is one of the mnemonic's accounts. Elsewhere `OHMSTEAD_KEYFILE` names a
    JSON keystore or the alias of an Ape account, and `OHMSTEAD_PASSPHRASE` opens it.

    Raises:
        KeyFileError: no key file, or it does not open.
        backend.chain.accounts.AccountError: the key file holds a well-known key.
    """
    from ape import accounts

    if chain_id in LOCAL_CHAINS:
        return accounts.test_accounts[development_index]
    name = environment.get(KEYFILE, "")
    if not name:
        raise KeyFileError(
            f"set {KEYFILE} to a JSON keystore or the alias of an Ape account "
            "(`ape accounts generate deployer` makes one)"
        )
    account = _keyfile_account(name)
    refuse_development_keys({KEYFILE: str(account.address)}, chain_id)
    try:
        account.set_autosign(True, passphrase=environment.get(PASSPHRASE))
    except Exception as error:
        raise KeyFileError(f"{name} does not open: check {PASSPHRASE} ({error})") from error
    return account


def _keyfile_account(name: str) -> Any:
    from ape import accounts
    from ape_accounts.accounts import KeyfileAccount

    if name in accounts.aliases:
        return accounts.load(name)
    path = Path(name).expanduser()
    if not path.is_file():
        raise KeyFileError(f"{KEYFILE}={name} is neither a file nor the alias of an Ape account")
    try:
        account = KeyfileAccount(container=accounts.containers["accounts"], keyfile_path=path)
        _ = account.address
    except (ValueError, KeyError) as error:
        raise KeyFileError(f"{path} is not a JSON keystore: {error}") from error
    return account
