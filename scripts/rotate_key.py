"""A node's new device key: `python -m scripts.rotate_key NODE [--agree X||Y] [--grace SECONDS]`.

Puts the new key into the gateway's ring, with the one before until the grace is over, so that
frames on their way are not lost. Without --agree the key is random and printed once, for the
console of the device; with the public key of the node's secure element it is agreed on by ECDH,
and only the gateway's public key and the epoch are printed, which are no secrets. The
MeterRegistry should then be told the new key's hash (rotateDeviceKey, printed too).
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import time
from pathlib import Path

from eth_utils.crypto import keccak

from backend.config import load_settings
from backend.ingest import agreement
from backend.ingest.keyring import KeyringError, read_keys
from scripts.keyfiles import secret_once, write_secret

GRACE_S = 600


def rotate(ring_file: Path, node_id: int, key: bytes, until: int) -> None:
    """Makes `key` the node's key; the one before counts until Unix second `until`.

    Raises:
        KeyringError: the ring is damaged, does not know the node, or has this key already.
    """
    known = read_keys(ring_file).get(node_id)
    if known is None:
        raise KeyringError(f"{ring_file} does not know node {node_id}: provision it first")
    if key in (known.key, known.previous):
        raise KeyringError(f"node {node_id} has or had that key: a key is used once")
    ring = json.loads(ring_file.read_text())
    ring[str(node_id)] = {"key": key.hex(), "previous": known.key.hex(), "until": until}
    write_secret(ring_file, json.dumps(ring, indent=2) + "\n")


def main() -> int:
    """Rotates one key, says what the device has to be told."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("node", type=int)
    parser.add_argument("--agree", metavar="HEX", help="public key of the element, x || y")
    parser.add_argument("--epoch", type=int, default=int(time.time()), help="number of the key")
    parser.add_argument("--grace", type=int, default=GRACE_S, help="seconds the old key counts")
    options = parser.parse_args()
    settings = load_settings()
    keys_dir, simulated = settings.keys_dir, settings.home / "devices" / f"{options.node}.key"
    try:
        key = secrets.token_bytes(32)
        if options.agree:
            own = bytes.fromhex(
                secret_once(keys_dir / "agreement.key", lambda: agreement.new_private_key().hex())
            )
            shared = agreement.shared_secret(own, bytes.fromhex(options.agree))
            key = agreement.frame_key(shared, options.node, options.epoch)
        rotate(keys_dir / "nodes.json", options.node, key, int(time.time()) + options.grace)
    except ValueError as error:  # KeyringError is one
        print(error, file=sys.stderr)
        return 1
    if simulated.exists():
        write_secret(simulated, key.hex() + "\n")
        print(f"{simulated} has it; the simulator takes it at its next start")
    if options.agree:
        print(f"gateway's public key: {agreement.public_key(own).hex()}, epoch {options.epoch}")
    else:
        print(f"key, for the device's console and nobody else: {key.hex()}")
    print(f"hash for MeterRegistry.rotateDeviceKey({options.node}, ..): 0x{keccak(key).hex()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
