"""A node's new device key: `python -m scripts.rotate_key NODE [--over-air] [--agree X||Y]`.

`--over-air` has the running service give it to the node: wrapped under the present key, or with
`--agree` and the public key of the node's secure element agreed on and never sent. Both keys count
until the node has used the new one; nothing has to be typed. `--list` shows changes under way.

Without `--over-air` the key is for the device's console: printed once, or with `--agree` only the
gateway's public key and the epoch, which are no secrets; the one before counts until --grace is
over. The MeterRegistry should be told the new key's hash (rotateDeviceKey, printed too).
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from pathlib import Path

from eth_utils.crypto import keccak

from backend.config import Settings, load_settings
from backend.ingest import agreement, rotation
from backend.ingest.keyring import KeyringError, read_keys
from backend.ingest.rotation import rotate
from backend.telemetry import nodes, readings
from backend.telemetry.store import StoreError, open_store
from scripts.keyfiles import write_secret

GRACE_S = 600


def over_air(settings: Settings, node_id: int, public: bytes | None, epoch: int) -> str:
    """Begins a change that the service brings to the node; what a person is to know.

    Raises:
        KeyringError: the node is unknown or revoked, or a change is under way.
    """
    ring_file = settings.keys_dir / "nodes.json"
    store = open_store(settings.store_url)
    try:
        with store.read() as connection:
            revoked = nodes.revocations(connection).get(node_id)
            counted = readings.frame_totals_by_node(connection).get(node_id, {})
    finally:
        store.close()
    if revoked:
        raise KeyringError(
            f"node {node_id} is revoked and gets no key over the air: give it one by its console"
        )
    accepted = counted.get("accepted", 0)
    if public is None:
        rotation.wrap(ring_file, node_id, epoch, accepted)
    else:
        rotation.agree(ring_file, node_id, public, epoch, accepted)
    return f"node {node_id} is given the key of epoch {epoch} at its next sign of life"


def under_way(ring_file: Path) -> list[str]:
    """A line for each change that has not come to its end."""
    return [
        f"node {node_id}: epoch {found.epoch}, {found.method or 'by its console'}, "
        + ("used" if found.used else "not used yet")
        for node_id, found in sorted(read_keys(ring_file).items())
        if found.previous is not None
    ]


def by_console(
    settings: Settings, node_id: int, public: bytes | None, epoch: int, until: int
) -> list[str]:
    """Makes the new key the node's own; what is to be typed into the device."""
    keys_dir, simulated = settings.keys_dir, settings.home / "devices" / f"{node_id}.key"
    key, own = secrets.token_bytes(32), b""
    if public is not None:
        own = rotation.own_private_key(keys_dir)
        key = agreement.frame_key(agreement.shared_secret(own, public), node_id, epoch)
    rotate(keys_dir / "nodes.json", node_id, key, until)
    lines = []
    if simulated.exists():
        write_secret(simulated, key.hex() + "\n")
        lines.append(f"{simulated} has it; the simulator takes it at its next start")
    if own:
        lines.append(f"gateway's public key: {agreement.public_key(own).hex()}, epoch {epoch}")
    else:
        lines.append(f"key, for the device's console and nobody else: {key.hex()}")
    return lines


def main() -> int:
    """Rotates one key, says what the device has to be told."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("node", type=int, nargs="?")
    parser.add_argument("--over-air", action="store_true", help="the service gives it to the node")
    parser.add_argument("--agree", metavar="HEX", help="public key of the element, x || y")
    parser.add_argument("--epoch", type=int, default=int(time.time()), help="number of the key")
    parser.add_argument("--grace", type=int, default=GRACE_S, help="seconds the old key counts")
    parser.add_argument("--list", action="store_true", help="changes under way")
    options = parser.parse_args()
    settings = load_settings()
    ring_file = settings.keys_dir / "nodes.json"
    try:
        if options.list:
            print("\n".join(under_way(ring_file)) or "no change is under way")
            return 0
        if options.node is None:
            parser.error("which node? Give its id, or --list")
        public = bytes.fromhex(options.agree) if options.agree else None
        if options.over_air:
            print(over_air(settings, options.node, public, options.epoch))
        else:
            until = int(time.time()) + options.grace
            print("\n".join(by_console(settings, options.node, public, options.epoch, until)))
        key = read_keys(ring_file)[options.node].key
    except (ValueError, StoreError) as error:  # KeyringError is a ValueError
        print(error, file=sys.stderr)
        return 1
    print(f"hash for MeterRegistry.rotateDeviceKey({options.node}, ..): 0x{keccak(key).hex()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
