"""A node's next key, as a KEY frame brings it (docs/frame.md).

Wrapped: the new key's 32 bytes under a stream that only the present key makes. Agreed on: nothing secret is sent;
the node's secure element and the gateway's public key come to the same secret. Either way the frame's own tag, under
the present key, says who ordered it.
"""

import hashlib
import struct

from devices.esp32 import frame

_WRAP = b"Ohmstead key wrap 1"  # no frame begins so: a stream tells nothing about any tag


def next_key(node, boot: int, sequence: int, fields: tuple) -> bytes:  # type: ignore[no-untyped-def, type-arg]
    """The key that this KEY frame (boot, sequence) means, b"" if the node cannot make it."""
    method, epoch, content = fields
    if method == frame.KEY_WRAPPED:
        return unwrapped(node.key, node.node_id, epoch, boot, sequence, content)
    if node.sealer is None:
        return b""
    from devices.esp32.element import session_key  # only who has one has room for its driver

    try:
        return session_key(node.sealer.element, content, node.node_id, epoch)
    except OSError:
        node.element_failures += 1
        return b""


def unwrapped(
    key: bytes, node_id: int, epoch: int, boot: int, sequence: int, wrapped: bytes
) -> bytes:
    """The 32 bytes within; wrapping is the same."""
    stream = frame.hmac_sha256(key, _WRAP + struct.pack(">IIII", node_id, epoch, boot, sequence))
    return bytes([wrapped[i] ^ stream[i] for i in range(32)])


def fingerprint(key: bytes) -> str:
    """Tells keys apart and nothing about them: the first four bytes of the SHA-256, as the console shows them."""
    return hashlib.sha256(key).digest()[:4].hex()
