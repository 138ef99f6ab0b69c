"""An Arduino Uno on the board's second UART: a node of its own, whose frames this board carries.

Frames go on as they are, both ways: the Uno's key never leaves the Uno. The Uno repeats what was not answered every two
seconds, which a slow link would not bear: a frame goes on again only when that link's own patience is over.
"""

from devices.esp32 import cobs

BAUD = 115200
_LEAST_FRAME = 34
_MOST = 16


class Bridge:
    """`uart` has write(data) and read() -> bytes or None.

    Attributes:
        node_id: whose frames came last; 0 before the first.
        passed, repeated: frames up that went on, and that did not, as they had gone just before.
    """

    def __init__(self, uart) -> None:
        self.node_id = 0
        self.passed = 0
        self.repeated = 0
        self._uart = uart
        self._packets = cobs.Packets()
        self._sent: dict = {}  # frame -> when it went on

    def read(self) -> list:
        """Frames that have come from the Uno."""
        found = []
        for made in self._packets.feed(self._uart.read()):
            if len(made) >= _LEAST_FRAME and made[1] & 8 == 0:
                self.node_id = int.from_bytes(made[2:6], "big")
                found.append(made)
        return found

    def is_due(self, data: bytes, again_ms: int, now_ms: int) -> bool:
        """True if the frame did not go on within the last `again_ms`."""
        went_ms = self._sent.get(data)
        if went_ms is None or now_ms - went_ms >= again_ms:
            return True
        self.repeated += 1
        return False

    def went(self, data: bytes, now_ms: int) -> None:
        """It is on its way."""
        self.passed += 1
        if data not in self._sent and len(self._sent) >= _MOST:
            oldest = data
            for other in self._sent:
                if oldest == data or self._sent[other] < self._sent[oldest]:
                    oldest = other
            del self._sent[oldest]
        self._sent[data] = now_ms

    def write(self, data: bytes) -> None:
        """A frame for the Uno."""
        self._uart.write(cobs.encode(data) + b"\0")
