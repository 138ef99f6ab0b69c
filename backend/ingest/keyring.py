"""The gateway's device keys, from a file that may change while the service runs."""

from __future__ import annotations

import json
import logging
import stat
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

_LOG = logging.getLogger(__name__)
_LOOK_AGAIN_S = 1.0


class KeyringError(ValueError):
    """The key file cannot be used; the message names the file, the node and the fix."""


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """A node's key, and the one before it while frames made with that may still be on their way.

    `previous` counts until Unix second `until`, and no longer once the node has used `key`.
    """

    key: bytes
    previous: bytes | None = None
    until: int = 0


class Keyring:
    """Node id -> 32-byte key, from `{"<node id>": "<64 hex digits>"}`, mode 600. A node whose
    key is being rotated has `{"key": "..", "previous": "..", "until": <Unix seconds>}` there.

    A changed file is read again within a second. If it is wrong or gone then, the keys so far stay
    and the log says why: a slip with the file must not shut every meter out.
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._clock = clock
        self._now = now
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._look_at = 0.0
        self._keys: Mapping[int, DeviceKey] = {}
        self._spoken: set[bytes] = set()
        if path.exists():
            self._keys = read_keys(path)
            self._stamp = self._stamp_now()

    def get(self, node_id: int) -> bytes | None:
        """A node's key; None if the community does not know it."""
        found = self._entry(node_id)
        return found.key if found is not None else None

    def previous(self, node_id: int) -> bytes | None:
        """The key before, while it still counts; None in the common case."""
        found = self._entry(node_id)
        if found is None or found.previous is None or found.key in self._spoken:
            return None
        return found.previous if self._now() < found.until else None

    def spoke(self, node_id: int) -> None:
        """The node has used its key: the one before counts no longer."""
        found = self._entry(node_id)
        if found is not None and found.previous is not None:
            self._spoken.add(found.key)

    def _entry(self, node_id: int) -> DeviceKey | None:
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


def read_keys(path: Path) -> dict[int, DeviceKey]:
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
    keys: dict[int, DeviceKey] = {}
    for name, text in document.items():
        if not name.isdecimal() or not 0 < int(name) < 1 << 32:
            raise KeyringError(f"{path}: {name!r} is not a node id (1..4294967295)")
        keys[int(name)] = _device_key(path, name, text)
    return keys


def _device_key(path: Path, name: str, entry: object) -> DeviceKey:
    if not isinstance(entry, dict):
        return DeviceKey(_key(path, name, entry))
    if entry.keys() != {"key", "previous", "until"} or not isinstance(entry["until"], int):
        raise KeyringError(
            f'{path}: node {name} must have a key, or {{"key", "previous", "until"}} while it is '
            "rotated"
        )
    return DeviceKey(
        _key(path, name, entry["key"]), _key(path, name, entry["previous"]), entry["until"]
    )


def _key(path: Path, name: str, text: object) -> bytes:
    try:
        key = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        key = b""
    if len(key) != 32:
        raise KeyringError(f"{path}: the key of node {name} must be 64 hex digits")
    return key
