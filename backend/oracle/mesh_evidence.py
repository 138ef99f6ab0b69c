"""From frames to a judged mesh session: what gateway and oracle nodes both do, each by itself."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping

from backend.ingest.frame import decode, verify
from backend.ingest.frame_values import FrameError, Malformed, Mesh
from backend.mesh.judging import Receipt, judge
from backend.mesh.receipts import KIND_RECEIPT, Held, KeyOf, ReceiptError, Session, check, read

log = logging.getLogger(__name__)

MAX_BATCH = 64
"""Sessions that are signed and cleared together, as the contract bounds it."""


def held_in(raw: bytes, key_of: KeyOf) -> tuple[int, Held]:
    """The node that made a frame and what it says to hold of a session, all of it checked.

    Raises:
        FrameError: no frame, or not of that node.
        ReceiptError: it proves nothing.
    """
    frame = decode(raw)
    key = key_of(frame.node_id)
    if key is None:
        raise ReceiptError("unknown_node", f"node {frame.node_id} is not of this community")
    verify(frame, key)
    body = frame.body
    if not isinstance(body, Mesh) or body.kind != KIND_RECEIPT:
        raise Malformed(f"node {frame.node_id} speaks of something else")
    held = read(body.content)
    check(held, key_of)
    return frame.node_id, held


def provable(frames: Mapping[int, bytes], key_of: KeyOf) -> dict[int, bytes]:
    """Of the frames that nodes told of a session, by node, those that prove something of one and
    the same: nobody keeps the others from being paid by adding nonsense."""
    by_session: defaultdict[Session, dict[int, bytes]] = defaultdict(dict)
    for node, raw in frames.items():
        try:
            _, held = held_in(raw, key_of)
        except (FrameError, ReceiptError) as error:
            log.info("receipt of node %d: %s", node, error)
            continue
        by_session[held.session][node] = raw
    return max(by_session.values(), key=len, default={})


def proven(frames: Iterable[bytes], key_of: KeyOf) -> Receipt:
    """The receipt that the frames of one session prove. Raises FrameError, ReceiptError."""
    return judge(dict(held_in(raw, key_of) for raw in frames))
