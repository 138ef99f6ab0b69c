"""One-time codes that the operator hands to households, and the file that keeps them until used."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from eth_account import Account

from scripts.keyfiles import write_secret


@dataclass(frozen=True, slots=True)
class ClaimCode:
    """A code is a private key; the registry knows its address."""

    private_key: bytes

    @classmethod
    def fresh(cls) -> ClaimCode:
        """A new code from the system's randomness."""
        return cls(bytes(Account.create().key))

    @classmethod
    def parse(cls, text: str) -> ClaimCode:
        """The code a person typed; ValueError if it is none."""
        key = bytes.fromhex(text.replace("-", "").replace(" ", ""))
        if len(key) != 32:
            raise ValueError("a one-time code has 64 hex digits")
        return cls(key)

    @property
    def address(self) -> str:
        """What `issueClaimCode` puts on chain."""
        return str(Account.from_key(self.private_key).address)

    def __str__(self) -> str:
        digits = self.private_key.hex()
        return "-".join(digits[i : i + 8] for i in range(0, len(digits), 8))

    def sign(self, digest: bytes) -> bytes:
        """The signature by which a wallet claims the meter."""
        return bytes(Account.unsafe_sign_hash(digest, self.private_key).signature)


class ClaimCodes:
    """`claim-codes.json`: codes not yet used, mode 600."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries: dict[str, dict[str, str]] = (
            json.loads(path.read_text()) if path.exists() else {}
        )

    def get(self, meter: int) -> ClaimCode | None:
        """The kept code of a meter."""
        entry = self._entries.get(str(meter))
        return ClaimCode.parse(entry["code"]) if entry else None

    def keep(self, meter: int, label: str, code: ClaimCode) -> None:
        """Keeps a code; on disk before anything is sent."""
        self._entries[str(meter)] = {"label": label, "code": str(code)}
        self._write()

    def forget(self, meter: int) -> None:
        """Drops a used code."""
        if self._entries.pop(str(meter), None) is not None:
            self._write()

    def _write(self) -> None:
        write_secret(self._path, json.dumps(self._entries, indent=2) + "\n")
