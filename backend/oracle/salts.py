"""Salts of leaves: nobody can guess a household's registers from its leaf's hash.

HMAC-SHA256(salt key, slot || meter): the same again after a crash.
"""

from __future__ import annotations

import hmac
import re
import stat
import struct
from pathlib import Path

_INPUT = struct.Struct(">QI")


class SaltKeyError(ValueError):
    """The salt key cannot be used; the message names the file and the fix."""


def read_salt_key(path: Path) -> bytes:
    """The 32-byte key in a file that only its owner can read. Raises SaltKeyError."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text().strip()
    except OSError as error:
        raise SaltKeyError(
            f"salt key {path} cannot be read ({error.strerror}): provision first"
        ) from None
    if mode & 0o077:
        raise SaltKeyError(f"salt key {path} is open to others (mode {mode:o}): chmod 600 {path}")
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise SaltKeyError(f"salt key {path} must hold 64 hex digits")
    return bytes.fromhex(text)


def salt_of(key: bytes, slot: int, meter: int) -> bytes:
    """The salt of a meter's leaf in a slot, 32 bytes."""
    return hmac.digest(key, _INPUT.pack(slot, meter), "sha256")
