"""Simulated metering chips on a board's bus: Modbus as the PZEM-004T and the SDM120 speak it."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from devices.esp32 import chips

_PZEM_WRAPS_WH = 10_000_000
"""The real one begins anew at 9999.99 kWh."""


class Shown(NamedTuple):
    """What a chip measures now."""

    imported_wh: int
    exported_wh: int = 0
    voltage_dv: int = 2300
    current_ma: int = 0
    power_w: int = 0
    power_factor_pm: int = 1000


class Bus:
    """The chips of one board; `look(i)` is asked for chip i = 0, 1, .. at every query."""

    def __init__(self, chip: int, count: int, look: Callable[[int], Shown]) -> None:
        self._chip = chip
        self._count = count
        self._look = look
        self._heard = b""

    def answer(self, data: bytes) -> bytes:
        """What comes back on the bus for what a board has sent."""
        self._heard = (self._heard + data)[-64:]
        out = b""
        while len(self._heard) >= 8:
            request, self._heard = self._heard[:8], self._heard[8:]
            out += self._answer_one(request)
        return out

    def _answer_one(self, request: bytes) -> bytes:
        address, function, first, count = struct.unpack_from(">BBHH", request)
        known = 1 <= address <= self._count and function == 4
        if not known or chips.crc(request[:-2]) != request[-2:]:
            return b""
        shown = self._look(address - 1)
        words = _pzem(shown) if self._chip == chips.PZEM else _sdm120(shown)
        body = b"".join(words.get(first + i, b"\0\0") for i in range(count))
        reply = bytes([address, 4, len(body)]) + body
        return reply + chips.crc(reply)


def _pzem(shown: Shown) -> dict[int, bytes]:
    def low_high(value: int) -> tuple[bytes, bytes]:
        return struct.pack(">H", value & 0xFFFF), struct.pack(">H", value >> 16)

    current, power = low_high(shown.current_ma), low_high(abs(shown.power_w) * 10)
    energy = low_high(shown.imported_wh % _PZEM_WRAPS_WH)
    rest = struct.pack(">H", 500), struct.pack(">H", abs(shown.power_factor_pm) // 10), b"\0\0"
    words = (struct.pack(">H", shown.voltage_dv), *current, *power, *energy, *rest)
    return dict(enumerate(words))


def _sdm120(shown: Shown) -> dict[int, bytes]:
    values = {
        0x00: shown.voltage_dv / 10,
        0x06: shown.current_ma / 1000,
        0x0C: float(shown.power_w),
        0x1E: shown.power_factor_pm / 1000,
        0x48: shown.imported_wh / 1000,
        0x4A: shown.exported_wh / 1000,
    }
    words = {}
    for register, value in values.items():
        packed = struct.pack(">f", value)
        words[register], words[register + 1] = packed[:2], packed[2:]
    return words
