"""Consistent Overhead Byte Stuffing, for frames over a serial line; see docs/frame.md."""

_LONGEST = 300  # a frame of 250 bytes with what a modem says of it


class Packets:
    """Finds the packets in what a serial line gives."""

    def __init__(self) -> None:
        self._partial = b""

    def feed(self, data) -> list:
        """What was packed in the packets that `data` (bytes, or None) completes; damaged ones are left out."""
        if not data:
            return []
        packets = (self._partial + data).split(b"\0")
        self._partial = packets.pop()[-_LONGEST:]
        found = []
        for packet in packets:
            try:
                if packet:
                    found.append(decode(packet))
            except ValueError:
                pass
        return found


def encode(data: bytes) -> bytes:
    """`data` without zero bytes; the zero that ends the packet is the caller's."""
    out = bytearray(b"\0")
    code_at = 0
    for i in range(len(data)):
        if data[i]:
            out.append(data[i])
        if data[i] == 0 or (len(out) - code_at == 255 and i + 1 < len(data)):
            out[code_at] = len(out) - code_at
            code_at = len(out)
            out.append(0)
    out[code_at] = len(out) - code_at
    return bytes(out)


def decode(packet: bytes) -> bytes:
    """What `encode` was given; raises ValueError if the packet is damaged."""
    out = bytearray()
    at = 0
    while at < len(packet):
        code = packet[at]
        if code == 0 or at + code > len(packet) or 0 in packet[at + 1 : at + code]:
            raise ValueError("malformed")
        out += packet[at + 1 : at + code]
        at += code
        if code < 255 and at < len(packet):
            out.append(0)
    if not packet:
        raise ValueError("malformed")
    return bytes(out)
