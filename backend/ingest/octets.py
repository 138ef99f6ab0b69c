"""Frames in one body: each preceded by its length as one byte (docs/frame.md, Transports)."""

from __future__ import annotations

from collections.abc import Iterable


def split_octets(body: bytes) -> list[bytes]:
    """Frames that are each preceded by their length; one that is cut short comes as it is."""
    frames: list[bytes] = []
    at = 0
    while at < len(body):
        end = at + 1 + body[at]
        frames.append(body[at + 1 : end])
        at = end
    return frames


def join_octets(frames: Iterable[bytes]) -> bytes:
    """The body that `split_octets` takes apart; a frame has at most 250 bytes."""
    return b"".join(bytes([len(frame)]) + frame for frame in frames)
