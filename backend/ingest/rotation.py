"""Changes of device keys, in the ring's file: begun, used, and the old one forgotten.

The service and `scripts/rotate_key.py` change the same file: each change reads it, writes it whole
and lets nobody in between, so that neither loses the other's.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from backend.ingest import agreement
from backend.ingest.keyring import DeviceKey, KeyringError, read_keys
from backend.secret_file import secret_once, write_secret

EVIDENCE_S = 7_200
"""How long the oracle nodes take frames made with a key after the node has used the next one: a
slot is closed, and a refused one proposed again, after its readings came."""


def rotate(ring_file: Path, node_id: int, key: bytes, until: int | None) -> None:
    """Makes `key` the node's key, which a person types into it; the one before counts until Unix
    second `until`.

    Raises:
        KeyringError: the ring is damaged, does not know the node, or has this key already.
    """
    _begin(ring_file, node_id, DeviceKey(key, until=until))


def wrap(ring_file: Path, node_id: int, epoch: int, frames: int = 0) -> None:
    """A random key that the node is given over the air, under its present one. Both count until
    the node has used it.

    Args:
        epoch: Unix seconds now
        frames: of the node's, accepted so far

    Raises:
        KeyringError: as `rotate`; or a change is under way, or the epoch is not newer.
    """
    key = secrets.token_bytes(32)
    _begin(ring_file, node_id, DeviceKey(key, None, None, False, epoch, "wrapped", frames))


def agree(ring_file: Path, node_id: int, public: bytes, epoch: int, frames: int = 0) -> None:
    """As `wrap`, with a key that is never sent: agreed on with the node's element.

    Raises:
        KeyringError: as `wrap`; ValueError: `public` is no point of P-256.
    """
    shared = agreement.shared_secret(own_private_key(ring_file.parent), public)
    key = agreement.frame_key(shared, node_id, epoch)
    _begin(ring_file, node_id, DeviceKey(key, None, None, False, epoch, "agreed", frames))


def own_private_key(keys_dir: Path) -> bytes:
    """The gateway's key for agreeing on keys, made once."""
    path = keys_dir / "agreement.key"
    return bytes.fromhex(secret_once(path, lambda: agreement.new_private_key().hex()))


def note_used(ring_file: Path, node_id: int, key: bytes, now: int) -> None:
    """The node has used `key`; another one meanwhile in the file stays as it is."""
    with _changing(ring_file) as ring:
        found = ring.get(node_id)
        if found is not None and found.key == key and not found.used:
            ring[node_id] = replace(found, used=True, until=max(found.until or 0, now + EVIDENCE_S))


def forget_old(ring_file: Path, now: int) -> int:
    """Removes keys that count for nothing any more; how many."""
    with _changing(ring_file) as ring:
        old = [n for n, found in ring.items() if found.used and (found.until or 0) <= now]
        for node_id in old:
            found = ring[node_id]
            ring[node_id] = DeviceKey(found.key, epoch=found.epoch, frames=found.frames)
        return len(old)


def _begin(ring_file: Path, node_id: int, wanted: DeviceKey) -> None:
    with _changing(ring_file) as ring:
        known = ring.get(node_id)
        if known is None:
            raise KeyringError(f"{ring_file} does not know node {node_id}: provision it first")
        if wanted.key in (known.key, known.previous):
            raise KeyringError(f"node {node_id} has or had that key: a key is used once")
        if wanted.method and (known.is_offered or wanted.epoch <= known.epoch):
            raise KeyringError(
                f"node {node_id} is being given the key of epoch {known.epoch} already: wait until "
                "it has used it"
            )
        ring[node_id] = replace(
            wanted,
            # A person's word ends a change over the air that the node was not heard to have made.
            previous=known.previous if known.is_offered else known.key,
            epoch=wanted.epoch or known.epoch,
            frames=wanted.frames or known.frames,
        )


@contextlib.contextmanager
def _changing(ring_file: Path) -> Iterator[dict[int, DeviceKey]]:
    """The ring, written again if it is another at the end."""
    with (ring_file.with_name(ring_file.name + ".lock")).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ring = read_keys(ring_file)
        before = dict(ring)
        yield ring
        if ring != before:
            document = {str(node_id): found.document() for node_id, found in ring.items()}
            write_secret(ring_file, json.dumps(document, indent=2) + "\n")
