"""Files that hold secrets, made the first time they are needed and kept from then on."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount

from backend.chain.accounts import load_account, save_account
from backend.secret_file import secret_once, write_secret

__all__ = ["account_once", "keystore_once", "random_hex", "secret_once", "write_secret"]


class KeyFileError(RuntimeError):
    """A key file is missing or cannot be opened; the message names it and the fix."""


def random_hex(byte_count: int = 32) -> str:
    """Lower-case hex of fresh random bytes."""
    return secrets.token_hex(byte_count)


def account_once(path: Path) -> LocalAccount:
    """The account in the plain key file `path`, made the first time.

    For keys that a server must use without a person; what guards them is the file's mode.

    Raises:
        backend.chain.accounts.AccountError: the file is open to others or damaged.
    """
    if not path.exists():
        save_account(path, Account.create())
    return load_account(path)


def keystore_once(path: Path, passphrase: str) -> str:
    """Address of the encrypted keystore `path`, made with `passphrase` the first time."""
    if not path.exists():
        made = Account.create()
        write_secret(path, json.dumps(Account.encrypt(made.key, passphrase)) + "\n")
        return str(made.address)
    try:
        address = str(json.loads(path.read_text())["address"])
    except (ValueError, KeyError) as error:
        raise KeyFileError(f"{path} is not a JSON keystore") from error
    return address if address.startswith("0x") else "0x" + address
