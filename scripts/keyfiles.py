"""Files that hold secrets: written whole or not at all, readable by their owner only."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount


class KeyFileError(RuntimeError):
    """A key file is missing or cannot be opened; the message names it and the fix."""


def write_secret(path: Path, text: str) -> None:
    """Writes `text` with mode 600 so that a crash leaves the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def secret_once(path: Path, make: Callable[[], str]) -> str:
    """The secret in `path`, made by `make` the first time."""
    if not path.exists():
        write_secret(path, make() + "\n")
    return path.read_text().strip()


def random_hex(byte_count: int = 32) -> str:
    """Lower-case hex of fresh random bytes."""
    return secrets.token_hex(byte_count)


def account_once(path: Path) -> LocalAccount:
    """The account in the plain key file `path` (`address`, `private_key`), made the first time.

    For keys that a server must use without a person; what guards them is the file's mode.
    """
    if not path.exists():
        made = Account.create()
        content = {"address": made.address, "private_key": made.key.to_0x_hex()}
        write_secret(path, json.dumps(content, indent=2) + "\n")
    try:
        account: LocalAccount = Account.from_key(json.loads(path.read_text())["private_key"])
        return account
    except (ValueError, KeyError, TypeError) as error:
        raise KeyFileError(f"{path} holds no private_key: restore it from your backup") from error


def open_keystore(path: Path, passphrase: str) -> LocalAccount:
    """The account in an encrypted JSON keystore (version 3, as geth, Ape and MetaMask write it).

    Raises:
        KeyFileError: no such file, not a keystore, or a wrong passphrase.
    """
    try:
        key = Account.decrypt(path.read_text(), passphrase)
    except OSError as error:
        raise KeyFileError(f"the key file {path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, NotImplementedError) as error:
        raise KeyFileError(
            f"the key file {path} does not open: wrong passphrase, or not a JSON keystore ({error})"
        ) from error
    account: LocalAccount = Account.from_key(key)
    return account


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
