"""A node's next key: never sent, as both ends derive it from an ECDH agreement, or wrapped. Pure.

HKDF-SHA256 (RFC 5869) of the agreed x coordinate, salted with the epoch, bound to the node. A node
needs a secure element for its end (`devices/esp32/element.py`, session_key).
"""

from __future__ import annotations

import hmac
import struct

from Crypto.PublicKey import ECC

_INFO = b"Ohmstead frame key 1"
_CURVE = "P-256"
_WRAP = b"Ohmstead key wrap 1"
"""No frame begins so: the stream that wraps a key tells nothing about any tag."""


def new_private_key() -> bytes:
    """A private key for the gateway, 32 bytes."""
    return int(ECC.generate(curve=_CURVE).d).to_bytes(32, "big")


def public_key(private: bytes) -> bytes:
    """x || y, 64 bytes."""
    point = ECC.construct(curve=_CURVE, d=int.from_bytes(private, "big")).pointQ
    return int(point.x).to_bytes(32, "big") + int(point.y).to_bytes(32, "big")


def shared_secret(private: bytes, public: bytes) -> bytes:
    """The x coordinate that both ends come to, 32 bytes.

    Raises:
        ValueError: `public` is no point of P-256.
    """
    if len(public) != 64:
        raise ValueError("a public key has 64 bytes, x and y")
    x, y = int.from_bytes(public[:32], "big"), int.from_bytes(public[32:], "big")
    theirs = ECC.construct(curve=_CURVE, point_x=x, point_y=y)
    if theirs.pointQ.is_point_at_infinity():  # which the library takes for (0, 0)
        raise ValueError("a public key cannot be the point at infinity")
    return int((theirs.pointQ * int.from_bytes(private, "big")).x).to_bytes(32, "big")


def frame_key(shared: bytes, node_id: int, epoch: int) -> bytes:
    """The node's 32-byte frame key of an epoch; another epoch's says nothing of it."""
    extracted = hmac.digest(struct.pack(">I", epoch), shared, "sha256")
    info = _INFO + struct.pack(">II", node_id, epoch)
    return hmac.digest(extracted, info + b"\x01", "sha256")


def wrap_key(
    new: bytes, present: bytes, node_id: int, epoch: int, boot: int, sequence: int
) -> bytes:
    """`new` as only a holder of `present` reads it, in the KEY frame (boot, sequence) of this node;
    unwrapping is the same. The stream is HMAC-SHA256, and never the same for two frames."""
    named = _WRAP + struct.pack(">IIII", node_id, epoch, boot, sequence)
    stream = hmac.digest(present, named, "sha256")
    return bytes(a ^ b for a, b in zip(new, stream, strict=True))
