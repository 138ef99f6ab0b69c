"""A simulated power-line modem: bits on the line with a watermark, carrier sensing, a UART.

No part with a watermark is sold: this is a modem of one's own, a signal processor behind a coupler,
as the four-node report describes it. It speaks COBS packets on its UART, each a letter and what
follows:

    to the modem    K  16 bytes                     what marks are derived from; then it listens
                    S  6 bytes target, packet       to be sent as soon as the line is silent
                    A  6 bytes target, packet       at once: an acknowledgement, before others begin
    from the modem  T  8 bytes number               a packet has left
                    R  6 bytes source, u8 strength in -dB, u8 mark in per cent, packet

A packet's bytes 2..9 number it (`devices/esp32/espnow_link.py`: boot and counter), and so choose
its mark. Signals are computed sample by sample: the sender's carrier and mark, the noise that its
strength at the receiver implies, the correlation that the receiver finds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np

from devices.esp32 import cobs
from devices.simulator import watermark
from devices.simulator.ether import POWER_LINE, Ether

_NOISE_AT_FLOOR = 0.9
"""Standard deviation of a sample, of the carrier's amplitude, at which half of the packets are
lost: a bit of 16 samples is then wrong once in 1 000, a packet of 90 bytes every other time."""


class Wave(bytes):
    """Bits on the line. `secret`, which no bits tell, chose the mark in the signal; None: it has
    none."""

    secret: bytes | None = None


def secret_of(key: bytes, address: bytes) -> bytes:
    """A transmitter's own, which whoever has the network's key can derive."""
    return hashlib.sha256(b"mark" + key + address).digest()


def noise_of(strength_db: float) -> float:
    """Standard deviation of a sample, of the carrier's amplitude, for a received strength."""
    return float(_NOISE_AT_FLOOR * 10 ** ((POWER_LINE.floor_dbm - strength_db) / 20))


def mark_percent(wave: bytes, source: bytes, key: bytes, noise: float, seed: int) -> int:
    """What a receiver measures: 100 is a mark as strong as embedded, 0 none; noise spreads both."""
    number = int.from_bytes(wave[2:10], "big")
    bits = np.unpackbits(np.frombuffer(wave, dtype=np.uint8)).astype(np.float64) * 2 - 1
    plain = watermark.modulate(bits)
    secret = wave.secret if isinstance(wave, Wave) else None
    sent = watermark.embed(plain, secret, number) if secret is not None else plain
    received = sent + np.random.default_rng(seed).normal(0, noise, len(sent))
    found = watermark.correlation(received, plain, secret_of(key, source), number)
    return round(100 * found / watermark.STRENGTH)


class PlcModem:
    """One modem on the line.

    Attributes:
        on_bytes: called with what it writes to its UART.
    """

    def __init__(self, line: Ether, address: bytes, place: tuple[float, float]) -> None:
        self.on_bytes: Callable[[bytes], object] = lambda data: None
        self._address = address
        self._time = line.time
        self._station = line.join(address, place, self._on_packet)
        self._station.on_air = self._on_air
        self._key: bytes | None = None
        self._packets = cobs.Packets()
        self._received = int.from_bytes(address, "big") << 20  # seeds each packet's noise

    def leave(self) -> None:
        """Its board has lost power."""
        self._station.leave()

    def write(self, data: bytes) -> None:
        """What the board sends on the UART."""
        for order in self._packets.feed(data):
            self._obey(order)

    def _obey(self, order: bytes) -> None:
        kind, content = order[:1], order[1:]
        if kind == b"K" and len(content) == 16:
            self._key = content
        elif kind in (b"S", b"A") and self._key and 16 <= len(content) - 6 <= POWER_LINE.largest:
            wave = Wave(content[6:])
            wave.secret = secret_of(self._key, self._address)
            self._station.send(content[:6], wave, at_once=kind == b"A")

    def _on_air(self, packet: bytes, ends_us: int) -> None:
        told = cobs.encode(b"T" + packet[2:10]) + b"\0"
        self._time.at(ends_us, lambda: self.on_bytes(told))

    def _on_packet(self, source: bytes, packet: bytes, strength_db: int, _now_ms: int) -> None:
        if self._key is None:
            return
        self._received += 1
        noise = noise_of(strength_db)
        mark = mark_percent(packet, source, self._key, noise, self._received)
        told = bytes([max(0, min(255, -strength_db)), max(0, min(255, mark))])
        self.on_bytes(cobs.encode(b"R" + source + told + packet) + b"\0")
