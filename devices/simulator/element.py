"""A simulated secure element: Microchip's ATECC608 as its I2C bus shows it; it keeps a file.

The driver is the firmware's own (`devices/esp32/element.py`). What a real part guarantees by its
silicon, that the key cannot be read, is here the file's mode and nothing more.
"""

from __future__ import annotations

import struct
from pathlib import Path

from Crypto.PublicKey import ECC
from Crypto.Signature import DSS

from devices.esp32.element import Atecc608, crc16
from devices.simulator.memory import Memory

_ERROR_PARSE, _ERROR_EXECUTION, _ERROR_CRC = 0x03, 0x0F, 0xFF
_CURVE = "P-256"
_LARGEST_COUNT = 2_097_151


class SimulatedAtecc:
    """The part on a bus of its own: packets in, packets out; the private key has no way out.

    Args:
        path: what it keeps without power; made at the first start, mode 600.
    """

    def __init__(self, path: Path) -> None:
        self._memory = Memory(path)
        content = self._memory.read()
        if content is None:
            made = ECC.generate(curve=_CURVE)
            content = {"key": f"{int(made.d):064x}", "count": 0}
        self._key = ECC.construct(curve=_CURVE, d=int(content["key"], 16))
        self._count = int(content["count"])
        self._temp_key = b""
        self._answer = b""
        self._keep()

    # ---- the bus ---------------------------------------------------------------------------------

    def writeto(self, address: int, data: bytes) -> None:
        """What machine.I2C.writeto does: a command for the part, or the pulse that wakes it."""
        if address == 0:
            self._answer = b"\x04\x11\x33\x43"
            raise OSError("nobody acknowledges address 0")
        count, packet = data[1], data[1:]
        if data[0] != 0x03 or count != len(packet) or crc16(packet[:-2]) != packet[-2:]:
            self._status(_ERROR_CRC)
            return
        _, opcode, mode, parameter = struct.unpack_from("<BBBH", packet)
        self._execute(opcode, mode, parameter, packet[5:-2])

    def readfrom_into(self, _address: int, buffer: bytearray) -> None:
        """What machine.I2C.readfrom_into does; after a short answer the bus is idle: 0xFF."""
        size = len(buffer)
        buffer[:] = self._answer[:size] + b"\xff" * (size - len(self._answer))

    # ---- the part --------------------------------------------------------------------------------

    def _execute(self, opcode: int, mode: int, parameter: int, data: bytes) -> None:
        if opcode == 0x16 and mode == 0x03 and len(data) == 32:
            self._temp_key = data
            self._status(0)
        elif opcode == 0x24 and mode == 0x01 and parameter == 0:
            self._increment()
        elif opcode == 0x40 and mode == 0x00 and parameter == 0:
            point = self._key.pointQ
            self._say(int(point.x).to_bytes(32, "big") + int(point.y).to_bytes(32, "big"))
        elif opcode == 0x41 and mode == 0x80 and parameter == 0 and self._temp_key:
            digest, self._temp_key = self._temp_key, b""
            self._say(DSS.new(self._key, "fips-186-3").sign(_Hashed(digest)))
        elif opcode == 0x43 and mode == 0x0C and parameter == 0 and len(data) == 64:
            self._agree(data)
        else:
            self._status(_ERROR_PARSE)

    def _increment(self) -> None:
        if self._count >= _LARGEST_COUNT:
            self._status(_ERROR_EXECUTION)
            return
        self._count += 1
        self._keep()  # before it is told: a count is never given twice
        self._say(self._count.to_bytes(4, "little"))

    def _agree(self, public: bytes) -> None:
        x, y = int.from_bytes(public[:32], "big"), int.from_bytes(public[32:], "big")
        try:
            theirs = ECC.construct(curve=_CURVE, point_x=x, point_y=y)
            if theirs.pointQ.is_point_at_infinity():
                raise ValueError
        except ValueError:  # no point of the curve
            self._status(_ERROR_EXECUTION)
            return
        self._say(int((theirs.pointQ * self._key.d).x).to_bytes(32, "big"))

    def _status(self, code: int) -> None:
        self._say(bytes((code,)))

    def _say(self, data: bytes) -> None:
        answer = bytes((len(data) + 3,)) + data
        self._answer = answer + crc16(answer)

    def _keep(self) -> None:
        draft = self._memory.changed({"key": f"{int(self._key.d):064x}", "count": self._count})
        if draft is not None:
            self._memory.write(draft)


def open_element(home: Path, node_id: int) -> Atecc608:
    """A simulated node's part behind the firmware's driver; made at the first call."""
    return Atecc608(SimulatedAtecc(home / f"{node_id}.element.json"), lambda _ms: None)


class _Hashed:
    """A digest that was made elsewhere, as the signature scheme wants to see one."""

    oid = "2.16.840.1.101.3.4.2.1"
    digest_size = 32

    def __init__(self, digest: bytes) -> None:
        self._digest = digest

    def digest(self) -> bytes:
        """SHA-256's, by whoever made it."""
        return self._digest
