"""The link of `link.py` over the power line: a modem on a UART, shared by all on the feeder at 1.2 kbit/s.

Packets, acknowledgement, repetition, cipher and one queue are those of `espnow_link.py` without slots and hopping; the
modem listens before it sends. Every packet carries the watermark of its transmitter in the signal: one whose mark
is weaker than half is refused, as of somebody who copies what he has heard. The modem's UART: COBS packets, see
docs/mesh-link.md.
"""

import hashlib

from devices.esp32 import cobs
from devices.esp32.espnow_link import ACK, EspNowLink
from devices.esp32.hopping import Schedule

BAUD = 9600
_SLOT_MS = 400  # a beacon each 9 x 16 of them: 58 s
_REPEAT_MS = 400
_LEAST_MARK = 50
_ACKNOWLEDGED_MS = 900  # after a packet has left; that is 0.3 s long and goes before whatever waits
_LEAVES_MS = 30000  # a packet that has not left by then the modem has lost
_HEAD_SIZE = 9


class Modem:
    """`uart` has write(data) and read() -> bytes or None."""

    def __init__(self, uart, secret: bytes) -> None:
        self.unmarked = 0
        self._uart = uart
        self._packets = cobs.Packets()
        self._write(b"K" + hashlib.sha256(b"power line" + secret).digest()[:16])

    def _write(self, packet: bytes) -> None:
        self._uart.write(cobs.encode(packet) + b"\0")

    def send(self, dst: bytes, packet: bytes) -> None:
        """Hands a packet to the modem."""
        self._write((b"A" if packet[0] & 15 == ACK else b"S") + dst + packet)

    def set_channel(self, number: int) -> None:
        """There is one."""

    def receive(self) -> list:
        """(source, packet, dB) of what came, with the mark of who is said to have sent it; ("", number, 0) of a
        packet of ours that has left."""
        found = []
        for packet in self._packets.feed(self._uart.read()):
            if packet[:1] == b"T" and len(packet) == 9:
                found.append((b"", packet[1:], 0))
                continue
            if packet[:1] != b"R" or len(packet) <= _HEAD_SIZE:
                continue
            if packet[8] < _LEAST_MARK:
                self.unmarked += 1
                continue
            found.append((packet[1:7], packet[_HEAD_SIZE:], -packet[7]))
        return found


class PlcLink(EspNowLink):
    """Attributes:
    modem: counts what was refused for its mark.
    """

    fresh_ms = 200000  # three beacons and some

    def __init__(self, address: bytes, boot: int, uart, secret: bytes, is_root: bool, cipher=None) -> None:
        self.modem = Modem(uart, secret)
        schedule = Schedule(1, _SLOT_MS, False)
        super().__init__(address, boot, self.modem, schedule, is_root, cipher, _REPEAT_MS)
        self._ask_ms = 0

    def tick(self, now_ms: int) -> int:
        """See link.py."""
        for src, packet, strength_db in self.modem.receive():
            if src:
                self.on_packet(src, packet, strength_db, now_ms)
            elif self._in_air is not None and self._in_air.packet[2:10] == packet:
                self._in_air.due_ms = now_ms + _ACKNOWLEDGED_MS
        if not self.time.is_root and not self.available(now_ms) and now_ms >= self._ask_ms:
            self._ask_ms = now_ms + self.fresh_ms // 4 + self._chance(self.fresh_ms // 8)
            self.ask()
        return super().tick(now_ms)

    def _beacon_if_due(self, now_ms: int) -> None:
        """Only the gateway says that it is there: the line is slow."""
        if self.time.is_root:
            super()._beacon_if_due(now_ms)

    def _answer_ms(self, packet: bytes) -> int:
        """Until the modem says that the packet has left, which is when everybody else is silent."""
        return _LEAVES_MS

