"""Messages longer than a frame, or than a link's packet: FRAGMENT and FRAGMENT_DOWN."""

from __future__ import annotations

from backend.ingest.frame import MAX_PIECE_BYTES
from backend.ingest.frame_payloads import parser_of, payload_of
from backend.ingest.frame_values import BadType, Body, Fragment, Frame, FrameType


def split(body: Body, message: int, piece_bytes: int = MAX_PIECE_BYTES) -> list[Fragment]:
    """`body` as fragments of at most `piece_bytes` bytes each, to be sent in this order.

    Args:
        message: tells this message of the sender from its last one (u16).

    Raises:
        ValueError: it fits one piece, or needs more than 255.
    """
    if not 1 <= piece_bytes <= MAX_PIECE_BYTES:
        raise ValueError(f"piece_bytes {piece_bytes} is outside 1..{MAX_PIECE_BYTES}")
    kind, payload = payload_of(body)
    whole = bytes([kind]) + payload
    count = -(-len(whole) // piece_bytes)
    if not 2 <= count <= 0xFF:
        raise ValueError(f"{len(whole)} bytes by {piece_bytes} make {count} pieces, not 2..255")
    pieces = (whole[i * piece_bytes : (i + 1) * piece_bytes] for i in range(count))
    down = kind >= FrameType.COMMAND
    return [Fragment(message, i, count, piece, down) for i, piece in enumerate(pieces)]


class Reassembler:
    """Puts verified fragments together, one message per sender at a time.

    Pieces come in order, because a receiver accepts frames in order only; a piece that is not the
    next one discards what is held. At most 54 060 bytes per sender.
    """

    def __init__(self) -> None:
        self._held: dict[int, tuple[Fragment, bytearray]] = {}

    def add(self, frame: Frame) -> Frame | None:
        """The whole message once `frame`, a verified fragment, completes it; else None.

        Raises:
            FrameError: the whole is no valid message; it is discarded.
        """
        piece = frame.body
        if not isinstance(piece, Fragment):
            raise TypeError(f"{frame.type.name} is no fragment")
        held = self._held.pop(frame.node_id, None)
        if piece.piece_index == 0:
            whole = bytearray()
        elif held and held[0]._replace(piece=b"") == _predecessor(piece):
            whole = held[1]
        else:
            return None
        whole += piece.piece
        if piece.piece_index + 1 < piece.piece_count:
            self._held[frame.node_id] = piece, whole
            return None
        return _whole_message(frame, bytes(whole), piece.downlink)


def _predecessor(piece: Fragment) -> Fragment:
    return piece._replace(piece_index=piece.piece_index - 1, piece=b"")


def _whole_message(last: Frame, message: bytes, downlink: bool) -> Frame:
    kind, parse = parser_of(message[0], downlink=downlink)
    if kind in (FrameType.FRAGMENT, FrameType.FRAGMENT_DOWN):
        raise BadType(f"{kind.name} within fragments")
    return last._replace(type=kind, body=parse(message[1:]))
