"""Charge points' passwords: `keys/chargers.json` holds what proves them, and is read again when it
changes.

Passwords are made here, 20 random characters (OCPP allows 16 to 40), so that a plain SHA-256 over
charge point and password resists guessing; nobody chooses one.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import string
from pathlib import Path

_ALPHABET = string.ascii_letters + string.digits
_LENGTH = 20


class CredentialsError(RuntimeError):
    """The file of passwords cannot be used; the message names it and the fix."""


class Credentials:
    """Checks passwords; `path` need not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: tuple[int, int] | None = None
        self._hashes: dict[str, str] = {}

    def check(self, charge_point_id: str, password: str) -> bool:
        """True if it is that charge point's password. Raises CredentialsError."""
        self._refresh()
        known = self._hashes.get(charge_point_id, "")
        return hmac.compare_digest(known, _proof(charge_point_id, password))

    def _refresh(self) -> None:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            self._stamp, self._hashes = None, {}
            return
        stamp = (found.st_mtime_ns, found.st_ino)
        if stamp != self._stamp:
            self._hashes, self._stamp = _read(self.path), stamp


def new_password() -> str:
    """A password for a charge point: about 119 bits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def keep(path: Path, passwords: dict[str, str | None]) -> None:
    """Stores what proves these charge points' passwords; None: removes a charge point's.

    Raises:
        CredentialsError: the file there is damaged
    """
    hashes = _read(path) if path.exists() else {}
    for charge_point_id, password in passwords.items():
        hashes.pop(charge_point_id, None)
        if password is not None:
            hashes[charge_point_id] = _proof(charge_point_id, password)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(".draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(hashes, file, indent=2, sort_keys=True)
        file.write("\n")
    draft.replace(path)


def _proof(charge_point_id: str, password: str) -> str:
    return hashlib.sha256(f"{charge_point_id}\0{password}".encode()).hexdigest()


def _read(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise CredentialsError(f"{path}: {error}; restore it or give new passwords") from error
    if not isinstance(content, dict):
        raise CredentialsError(f"{path} holds no JSON object; restore it or give new passwords")
    return {str(key): str(value) for key, value in content.items()}
