"""The gateway's device keys, from a file that may change while the service runs."""

from __future__ import annotations

import json
import logging
import stat
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

_LOG = logging.getLogger(__name__)
_LOOK_AGAIN_S = 1.0


class KeyringError(ValueError):
    """The key file cannot be used; the message names the file, the node and the fix."""


class Keyring:
    """Node id -> 32-byte key, from `{"<node id>": "<64 hex digits>"}`, mode 600.

    A changed file is read again within a second. If it is wrong or gone then, the keys so far stay
    and the log says why: a slip with the file must not shut every meter out.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._look_at = 0.0
        self._keys: Mapping[int, bytes] = {}
        if path.exists():
            self._keys = read_keys(path)
            self._stamp = self._stamp_now()

    def get(self, node_id: int) -> bytes | None:
        """A node's key; None if the community does not know it."""
        if self._clock() >= self._look_at:
            self._look()
        return self._keys.get(node_id)

    def __len__(self) -> int:
        return len(self._keys)

    def _look(self) -> None:
        with self._lock:
            self._look_at = self._clock() + _LOOK_AGAIN_S
            stamp = self._stamp_now()
            if stamp == self._stamp:
                return
            self._stamp = stamp
            try:
                self._keys = read_keys(self._path)
            except KeyringError as error:
                _LOG.error("%s; the keys read before stay in use", error)
            else:
                _LOG.info("%s: %d device keys", self._path, len(self._keys))

    def _stamp_now(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


def read_keys(path: Path) -> dict[int, bytes]:
    """Reads and checks a key file; KeyringError says what is wrong."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        document = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise KeyringError(f"{path} cannot be read: {error}") from None
    if mode & 0o077:
        raise KeyringError(f"{path} is open to others (mode {mode:o}): chmod 600 {path}")
    if not isinstance(document, dict):
        raise KeyringError(f'{path} must be {{"<node id>": "<64 hex digits>", ...}}')
    keys: dict[int, bytes] = {}
    for name, text in document.items():
        if not name.isdecimal() or not 0 < int(name) < 1 << 32:
            raise KeyringError(f"{path}: {name!r} is not a node id (1..4294967295)")
        try:
            key = bytes.fromhex(text)
        except (TypeError, ValueError):
            key = b""
        if len(key) != 32:
            raise KeyringError(f"{path}: the key of node {name} must be 64 hex digits")
        keys[int(name)] = key
    return keys
