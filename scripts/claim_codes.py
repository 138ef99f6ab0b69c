"""One-time codes that the operator hands to households, and the file that keeps them until used.

Written as the page writes and reads them: fourteen groups of four letters of Crockford's base32,
the 32 bytes of the key and the first three of its hash, against typing errors.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from eth_account import Account
from eth_utils.crypto import keccak

from scripts.keyfiles import write_secret

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ALIKE = str.maketrans({"O": "0", "I": "1", "L": "1"})
_KEY_BYTES, _CHECK_BYTES = 32, 3
_SYMBOLS = (_KEY_BYTES + _CHECK_BYTES) * 8 // 5


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
        symbols = text.upper().replace("-", "").replace(" ", "").translate(_ALIKE)
        if len(symbols) != _SYMBOLS or not set(symbols) <= set(_ALPHABET):
            raise ValueError(f"a one-time code has {_SYMBOLS} letters and digits in groups of four")
        bits = 0
        for symbol in symbols:
            bits = bits << 5 | _ALPHABET.index(symbol)
        content = bits.to_bytes(_KEY_BYTES + _CHECK_BYTES, "big")
        code = cls(content[:_KEY_BYTES])
        if code._checksum() != content[_KEY_BYTES:]:
            raise ValueError("there is a typing error in the one-time code")
        return code

    @property
    def address(self) -> str:
        """What `issueClaimCode` puts on chain."""
        return str(Account.from_key(self.private_key).address)

    def __str__(self) -> str:
        bits = int.from_bytes(self.private_key + self._checksum(), "big")
        symbols = [_ALPHABET[bits >> 5 * place & 31] for place in reversed(range(_SYMBOLS))]
        return "-".join("".join(symbols[i : i + 4]) for i in range(0, _SYMBOLS, 4))

    def _checksum(self) -> bytes:
        return keccak(self.private_key)[:_CHECK_BYTES]

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
