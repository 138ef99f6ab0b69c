"""The watermark of a power-line signal: s'(t) = s(t) + 0.05 PRN(t), found again by correlation.

A transmitter adds a pseudo-random sequence of +-1, which its secret and the number of the packet
choose, at a twentieth of the carrier amplitude; a receiver that knows both correlates. It tells the
true transmitter from one that copies the signal of another packet. Simulated, in floating point: a
modem's signal processor does this, the ESP32 does not.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
from numpy.typing import NDArray

CARRIER_HZ = 2_400
BIT_RATE = 1_200
SAMPLE_HZ = 19_200
STRENGTH = 0.05
_SAMPLES_A_BIT = SAMPLE_HZ // BIT_RATE

Signal = NDArray[np.float64]


def modulate(bits: Signal) -> Signal:
    """Binary phase-shift keying: bits of +-1 on the carrier, amplitude 1."""
    spread = np.repeat(bits, _SAMPLES_A_BIT)
    times = np.arange(len(spread)) / SAMPLE_HZ
    return np.asarray(spread * np.sin(2 * math.pi * CARRIER_HZ * times))


def sequence(secret: bytes, number: int, length: int) -> Signal:
    """The sequence of packet `number`: bits of SHA-256 in counter mode, as +-1."""
    blocks = -(-length // 256)
    head = secret + number.to_bytes(8, "big")
    data = b"".join(hashlib.sha256(head + i.to_bytes(4, "big")).digest() for i in range(blocks))
    bits = np.unpackbits(np.frombuffer(data, dtype=np.uint8))[:length]
    return bits.astype(np.float64) * 2 - 1


def embed(signal: Signal, secret: bytes, number: int) -> Signal:
    """The signal with its watermark."""
    return np.asarray(signal + STRENGTH * sequence(secret, number, len(signal)))


def correlation(received: Signal, sent: Signal, secret: bytes, number: int) -> float:
    """Mean of what is left of the received signal, without the one decoded, times the sequence.

    About STRENGTH with the watermark and 0 without; its standard deviation is that of the noise,
    divided by the root of the number of samples.
    """
    rest = received - sent
    return float(np.mean(rest * sequence(secret, number, len(rest))))


def rates(samples: int, noise: float, threshold: float) -> tuple[float, float]:
    """(false alarms: no watermark taken for one; misses), by the normal distribution."""
    spread = noise / math.sqrt(samples)

    def above(mean: float) -> float:
        return 0.5 * math.erfc((threshold - mean) / (spread * math.sqrt(2)))

    return above(0.0), 1 - above(STRENGTH)
