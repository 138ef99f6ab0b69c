"""A frame in pieces, for a link whose messages are shorter than frames.

A piece: u8 number of the frame modulo 128, its top bit set downward if more waits; u8 index << 4 | count; then the
bytes. A piece of count 0 has none: it only opens the receive windows.
"""

PORT = 1  # of LoRaWAN, for pieces
MORE = 0x80
_HEAD_SIZE = 2
_MOST_PIECES = 15
POLL = b"\0\0"


def cut(data: bytes, number: int, most: int) -> list[bytes]:
    """`data` in pieces of at most `most` bytes, heads included; ValueError if it does not fit into fifteen."""
    size = most - _HEAD_SIZE
    count = (len(data) + size - 1) // size
    if not 1 <= count <= _MOST_PIECES:
        raise ValueError("%d bytes do not go into %d pieces of %d" % (len(data), _MOST_PIECES, most))
    made = []
    for i in range(count):
        made.append(bytes([number & 0x7F, i << 4 | count]) + data[i * size : (i + 1) * size])
    return made


class Joiner:
    """Puts pieces together again; those of one frame come in order, or the frame is lost."""

    def __init__(self) -> None:
        self._number = -1
        self._pieces: list[bytes] = []

    def add(self, piece: bytes) -> bytes | None:
        """The whole frame with its last piece, None before."""
        if len(piece) <= _HEAD_SIZE:
            return None
        number, index, count = piece[0] & 0x7F, piece[1] >> 4, piece[1] & 15
        if index == 0:
            self._number, self._pieces = number, []
        elif number != self._number or index != len(self._pieces):
            self._number = -1
            return None
        self._pieces.append(piece[_HEAD_SIZE:])
        if len(self._pieces) < count:
            return None
        whole = b"".join(self._pieces)
        self._number, self._pieces = -1, []
        return whole
