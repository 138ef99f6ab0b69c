"""What one node holds of a session, as its MESH frame says it: read, and checked with the keys.

Written apart from the firmware (`devices/esp32/receipts.py`): what both agree on is docs/mesh.md.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

KIND_RECEIPT = 1
"""Kind of the MESH frame that holds a receipt."""
MAX_ROUTE = 8
MAX_CHAIN = 64
ELEMENT_BYTES = 16
MAINS = 0xFFFF
"""Energy that a node states which the feeder supplies; else messages that it can relay."""
SOURCE, DESTINATION = 0, 1

_HEAD = struct.Struct(">IBB")
_NODE = struct.Struct(">IH")
_ENDS = struct.Struct(">16s16s16s")
_COUNTS = struct.Struct(">H16s32s16sH16s")

KeyOf = Callable[[int], bytes | None]


class ReceiptError(ValueError):
    """A receipt that proves nothing; `reason` is a word for counters."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Session:
    """What all nodes of a route put their tag to.

    Args:
        energies: what each node stated when the route was found, messages or MAINS.
        agreed: the nodes' tags together (XOR).
    """

    started_at: int
    route: tuple[int, ...]
    energies: tuple[int, ...]
    s_root: bytes
    h_root: bytes
    agreed: bytes

    @property
    def source(self) -> int:
        """Who sends and pays."""
        return self.route[0]

    def packed_route(self) -> bytes:
        """u32 node, u16 energy, for each node: as the contract takes it."""
        return b"".join(map(_NODE.pack, self.route, self.energies))


@dataclass(frozen=True, slots=True)
class Held:
    """What one node saw of a session: the newest element of both chains."""

    session: Session
    sent: int
    s_value: bytes
    message_digest: bytes
    sigma: bytes
    delivered: int
    h_value: bytes


def read(content: bytes) -> Held:
    """A receipt from the content of a MESH frame of kind 1.

    Raises:
        ReceiptError: `malformed`.
    """
    if len(content) < _HEAD.size:
        raise ReceiptError("malformed", f"{len(content)} bytes")
    started_at, count, reserved = _HEAD.unpack_from(content)
    size = _HEAD.size + _NODE.size * count + _ENDS.size + _COUNTS.size
    if not 2 <= count <= MAX_ROUTE or reserved or len(content) != size:
        raise ReceiptError("malformed", f"{count} nodes in {len(content)} bytes")
    at = _HEAD.size
    route = struct.unpack_from(f">{count}I", content, at)
    energies = struct.unpack_from(f">{count}H", content, at + 4 * count)
    at += _NODE.size * count
    s_root, h_root, agreed = _ENDS.unpack_from(content, at)
    session = Session(started_at, route, energies, s_root, h_root, agreed)
    sent, s_value, digest, sigma, delivered, h_value = _COUNTS.unpack_from(content, at + _ENDS.size)
    if len(set(route)) != count:
        raise ReceiptError("malformed", "a node twice on the route")
    if not 1 <= sent <= MAX_CHAIN or delivered > sent:
        raise ReceiptError("malformed", f"{delivered} of {sent} messages delivered")
    return Held(session, sent, s_value, digest, sigma, delivered, h_value)


def check(held: Held, key_of: KeyOf) -> None:
    """Returns if the route's nodes agreed on the session and the counts follow from its chains.

    Raises:
        ReceiptError: `unknown_node`, `bad_agreement`, `bad_chain`, `bad_sigma`.
    """
    session = held.session
    keys = [_key(key_of, node) for node in session.route]
    if not hmac.compare_digest(_together(keys, agreement(session)), session.agreed):
        raise ReceiptError("bad_agreement", f"tags of {session.route}")
    check_chains(session, held)
    expected = sigma(keys[0], held.message_digest, session, held.sent)
    if not hmac.compare_digest(expected, held.sigma):
        raise ReceiptError("bad_sigma", f"message {held.sent} of node {session.source}")


def check_chains(session: Session, held: Held) -> None:
    """Returns if both elements lead to their roots. Raises ReceiptError `bad_chain`."""
    s_root = descend(held.s_value, held.sent, session, SOURCE)
    h_root = descend(held.h_value, held.delivered, session, DESTINATION)
    if (s_root, h_root) != (session.s_root, session.h_root):
        raise ReceiptError("bad_chain", f"session {session.source}, {session.started_at}")


def descend(element: bytes, steps: int, session: Session, role: int) -> bytes:
    """The element `steps` nearer to the root."""
    named = struct.pack(">IIB", session.source, session.started_at, role)
    for _ in range(steps):
        element = hashlib.sha256(element + named).digest()[:ELEMENT_BYTES]
    return element


def agreement(session: Session) -> bytes:
    """The bytes under the nodes' tags."""
    head = b"ohmstead mesh 1" + struct.pack(">IB", session.started_at, len(session.route))
    ids = struct.pack(f">{len(session.route)}I", *session.route)
    energies = struct.pack(f">{len(session.route)}H", *session.energies)
    return head + ids + energies + session.s_root + session.h_root


def sigma(key: bytes, message_digest: bytes, session: Session, i: int) -> bytes:
    """The source's tag over H(H(m_i), started_at, R, i)."""
    route = struct.pack(f">{len(session.route)}I", *session.route)
    named = message_digest + struct.pack(">I", session.started_at) + route + struct.pack(">H", i)
    return _tag(key, b"ohmstead sent 1" + hashlib.sha256(named).digest())


def _together(keys: Sequence[bytes], agreed: bytes) -> bytes:
    tags = 0
    for key in keys:
        tags ^= int.from_bytes(_tag(key, agreed), "big")
    return tags.to_bytes(ELEMENT_BYTES, "big")


def _tag(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")[:ELEMENT_BYTES]


def _key(key_of: KeyOf, node: int) -> bytes:
    key = key_of(node)
    if key is None:
        raise ReceiptError("unknown_node", f"node {node} is not of this community")
    return key
