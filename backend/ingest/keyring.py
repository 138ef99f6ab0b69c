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
from typing import Any

_LOG = logging.getLogger(__name__)
_LOOK_AGAIN_S = 1.0
_METHODS = ("wrapped", "agreed")


class KeyringError(ValueError):
    """The key file cannot be used; the message names the file, the node and the fix."""


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """A node's key, and the one before it while that still counts for something.

    Args:
        previous: the gateway takes frames made with it until the node has used `key`
        until: Unix second from which `previous` counts no longer; None = once the node has used
            `key`, however long that takes
        used: the node has used `key`: `previous` is only for evidence made before (`until`)
        epoch: the key's number, the Unix second of its making; 0 = as provisioned
        method: how the node comes to it over the air, `wrapped` or `agreed`; None = by its console
        frames: of the node's, accepted before this key was made
    """

    key: bytes
    previous: bytes | None = None
    until: int | None = 0
    used: bool = False
    epoch: int = 0
    method: str | None = None
    frames: int = 0

    @property
    def is_offered(self) -> bool:
        """Whether the node is still to be given the key over the air."""
        return self.method is not None and self.previous is not None and not self.used

    def document(self) -> str | dict[str, Any]:
        """As the file has it."""
        if self.previous is None:
            if not self.epoch:
                return self.key.hex()
            return {"key": self.key.hex(), "epoch": self.epoch, "frames": self.frames}
        found: dict[str, Any] = {
            "key": self.key.hex(), "previous": self.previous.hex(), "until": self.until,
        }  # fmt: skip
        if self.used:
            found["used"] = True
        if self.epoch:
            found |= {"epoch": self.epoch, "frames": self.frames}
        if self.method:
            found["method"] = self.method
        return found


class Keyring:
    """Node id -> 32-byte key, from `{"<node id>": "<64 hex digits>"}`, mode 600. A node whose key
    was changed has an object there instead (`DeviceKey.document`, docs/operations.md).

    A changed file is read again within a second. If it is wrong or gone then, the keys so far stay
    and the log says why: a slip with the file must not shut every meter out.

    Args:
        keep_used: writes into the file that a node has used its key (`rotation.note_used`)
    """

    def __init__(
        self,
        path: Path,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        keep_used: Callable[[Path, int, bytes, int], None] | None = None,
    ) -> None:
        self._path = path
        self._clock = clock
        self._now = now
        self._keep_used = keep_used
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._look_at = 0.0
        self._keys: Mapping[int, DeviceKey] = {}
        self._spoken: set[bytes] = set()
        if path.exists():
            self._keys = read_keys(path)
            self._stamp = self._stamp_now()

    def get(self, node_id: int) -> bytes | None:
        """A node's key, the newest; None if the community does not know it."""
        found = self._entry(node_id)
        return found.key if found is not None else None

    def previous(self, node_id: int) -> bytes | None:
        """The key before, while frames made with it are taken; None in the common case."""
        found = self._entry(node_id)
        if found is None or found.used or found.key in self._spoken:
            return None
        return self._before(found)

    def speaking(self, node_id: int) -> bytes | None:
        """The key that the node goes by, as far as is known: what is said to it is made with it."""
        return self.previous(node_id) or self.get(node_id)

    def evidence(self, node_id: int) -> bytes | None:
        """The key before, while what was made with it still proves something: longer than new
        frames are taken, since a slot is closed after its readings came."""
        found = self._entry(node_id)
        return self._before(found) if found is not None else None

    def offered(self, node_id: int) -> DeviceKey | None:
        """The key that a node is to be given over the air; None in the common case."""
        found = self._entry(node_id)
        if found is None or not found.is_offered or found.key in self._spoken:
            return None
        return found

    def spoke(self, node_id: int) -> None:
        """The node has used its key: the one before counts no longer, after a restart neither."""
        found = self._entry(node_id)
        if found is None or found.previous is None or found.used or found.key in self._spoken:
            return
        self._spoken.add(found.key)
        if self._keep_used is not None:
            try:
                self._keep_used(self._path, node_id, found.key, int(self._now()))
            except (OSError, KeyringError) as error:
                _LOG.error("node %d has used its new key, which cannot be kept: %s", node_id, error)
        _LOG.info("node %d speaks with its new key; the one before is refused", node_id)

    def _before(self, found: DeviceKey) -> bytes | None:
        if found.until is None or self._now() < found.until:
            return found.previous
        return None

    def _entry(self, node_id: int) -> DeviceKey | None:
        if self._clock() >= self._look_at:
            self._look()
        return self._keys.get(node_id)

    @property
    def folder(self) -> Path:
        """Where the ring is, and what belongs to it."""
        return self._path.parent

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
    kept = entry.keys() == {"key", "epoch", "frames"}
    if not kept and not _is_changed(entry):
        raise KeyringError(
            f'{path}: node {name} must have a key, or {{"key", "previous", "until"}} while it is '
            "rotated (docs/operations.md has the rest)"
        )
    epoch, frames = entry.get("epoch", 0), entry.get("frames", 0)
    if any(type(number) is not int or number < 0 for number in (epoch, frames)):
        raise KeyringError(f"{path}: epoch and frames of node {name} must be whole numbers")
    if kept:
        return DeviceKey(_key(path, name, entry["key"]), epoch=epoch, frames=frames)
    return DeviceKey(
        _key(path, name, entry["key"]),
        _key(path, name, entry["previous"]),
        entry["until"],
        entry.get("used", False),
        epoch,
        entry.get("method"),
        frames,
    )


def _is_changed(entry: dict[str, Any]) -> bool:
    needed, more = {"key", "previous", "until"}, {"used", "epoch", "frames", "method"}
    return (
        needed <= entry.keys() <= needed | more
        and (entry["until"] is None or type(entry["until"]) is int)
        and entry.get("used", True) is True
        and entry.get("method") in (None, *_METHODS)
        and ("method" not in entry or entry.get("epoch", 0) != 0)
    )


def _key(path: Path, name: str, text: object) -> bytes:
    try:
        key = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        key = b""
    if len(key) != 32:
        raise KeyringError(f"{path}: the key of node {name} must be 64 hex digits")
    return key
