"""Consistent Overhead Byte Stuffing: packets without zero bytes, so that a zero can end them.

The `cobs` package on PyPI comes without wheels: installing it needs a compiler. These lines do not.
"""

from __future__ import annotations

from backend.ingest.frame_values import Malformed

_LONGEST_RUN = 254


def encode(data: bytes) -> bytes:
    """`data` without zero bytes: one byte longer, and one more per 254 bytes without a zero."""
    out = bytearray()
    runs = data.split(b"\0")
    last = len(runs) - 1
    for i, run in enumerate(runs):
        full = 0
        while len(run) - full >= _LONGEST_RUN:
            out.append(0xFF)
            out += run[full : full + _LONGEST_RUN]
            full += _LONGEST_RUN
        rest = run[full:]
        if rest or i < last or not full:
            out.append(len(rest) + 1)
            out += rest
    return bytes(out)


def decode(packet: bytes) -> bytes:
    """What `encode` was given; `packet` comes without the zero that ends it on the line.

    Raises:
        Malformed: it holds a zero or ends within a run.
    """
    if not packet:
        raise Malformed("an empty packet")
    if 0 in packet:
        raise Malformed("a zero within a packet")
    out = bytearray()
    at = 0
    while at < len(packet):
        code = packet[at]
        end = at + code
        if end > len(packet):
            raise Malformed("the packet ends within a run")
        out += packet[at + 1 : end]
        at = end
        if code <= _LONGEST_RUN and at < len(packet):
            out.append(0)
    return bytes(out)
