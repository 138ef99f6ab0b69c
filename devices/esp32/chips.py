"""Metering chips that speak Modbus RTU: the PZEM-004T (one direction) and the Eastron SDM120 (both).

Registers and scales are those of their data sheets. Energy is whole Wh, cumulative. Integers only: the SDM120's
floats are taken apart by hand.
"""

PZEM = 1
SDM120 = 2
QUERY_MS = 60  # an answer at 9600 baud takes less


class Measured:
    """One look at a chip; imported_wh and exported_wh are its registers."""

    def __init__(self, imported_wh: int, exported_wh: int, instant: tuple) -> None:
        self.imported_wh = imported_wh
        self.exported_wh = exported_wh
        self.instant = instant  # (0.1 V, mA, W, power factor per mille)


def crc(data: bytes) -> bytes:
    """Modbus's, low byte first."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return bytes([value & 255, value >> 8])


def requests(chip: int, address: int) -> list:
    """(request, length of its answer) for everything there is to know."""
    if chip == PZEM:
        return [(_request(address, 0, 10), 25)]
    return [(_request(address, 0, 32), 69), (_request(address, 0x48, 4), 13)]


def _request(address: int, first: int, count: int) -> bytes:
    body = bytes([address, 4, first >> 8, first & 255, count >> 8, count & 255])
    return body + crc(body)


def answer(data: bytes, address: int, length: int) -> bytes | None:
    """The registers of an answer, None if it is not whole or not that chip's."""
    if len(data) != length or data[0] != address or data[1] != 4 or data[2] != length - 5:
        return None
    if crc(data[:-2]) != data[-2:]:
        return None
    return data[3:-2]


def measured(chip: int, answers: list) -> Measured:
    """What the registers say."""
    return _pzem(answers[0]) if chip == PZEM else _sdm120(answers[0], answers[1])


def _pzem(data: bytes) -> Measured:
    words = [data[i] << 8 | data[i + 1] for i in range(0, 20, 2)]
    voltage_dv = words[0]
    current_ma = words[1] | words[2] << 16
    power_w = ((words[3] | words[4] << 16) + 5) // 10
    factor_pm = min(1000, words[8] * 10)
    return Measured(words[5] | words[6] << 16, 0, (voltage_dv, current_ma, power_w, factor_pm))


def _sdm120(data: bytes, energy: bytes) -> Measured:
    voltage_dv = milli(data[0:4]) // 100
    current_ma = milli(data[12:16])
    power_w = milli(data[24:28]) // 1000
    factor_pm = max(-1000, min(1000, milli(data[60:64])))
    instant = (voltage_dv, current_ma, power_w, factor_pm)
    return Measured(milli(energy[0:4]), milli(energy[4:8]), instant)


def milli(data: bytes) -> int:
    """A thousand times an IEEE 754 single, to the nearest integer (kWh become Wh)."""
    word = int.from_bytes(data, "big")
    exponent = word >> 23 & 255
    if exponent == 255:
        raise ValueError("not a number")
    mantissa = word & 0x7FFFFF | (0x800000 if exponent else 0)
    shift = max(exponent, 1) - 150
    scaled = mantissa * 1000
    if shift >= 0:
        value = scaled << min(shift, 64)
    else:
        value = (scaled + (1 << (-shift - 1))) >> -shift
    return -value if word >> 31 else value


class Counter:
    """One register of a chip, made monotonic: a chip that shows less is not believed.

    A glitch to zero and back books nothing. A chip that was replaced stays still until the operator says so.
    """

    def __init__(self, last_wh: int) -> None:
        """`last_wh`: what was taken before the restart; -1 at the first start, which takes what is shown."""
        self.last_wh = last_wh
        self.backward = 0

    def advance(self, shown_wh: int) -> int:
        """Wh since last time."""
        if self.last_wh < 0:
            self.last_wh = shown_wh
        if shown_wh < self.last_wh:
            self.backward += 1
            return 0
        gained = shown_wh - self.last_wh
        self.last_wh = shown_wh
        return gained
