"""A node's secure element: a part that signs, counts, and never gives its key away.

What the core asks of one is four methods: `public_key()` (x || y, 64 bytes), `next_count()` (a number
greater than any before), `sign(digest)` (r || s, 64 bytes, s in the lower half) and `shared(public)`
(ECDH with another's public key, 32 bytes). `Atecc608` drives Microchip's part over I2C; any object with
those methods will do in its place.

Runs on MicroPython and CPython alike.
"""

import hashlib
import struct

from devices.esp32.frame import hmac_sha256

DOMAIN = b"Ohmstead registers 1"
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class ElementError(OSError):
    """The part does not answer, or answers with an error; `args[0]` says what."""


class Sealer:
    """Signs a node's registers for one ledger on one chain, under one enrolment (docs/witness.md)."""

    def __init__(
        self, element, chain_id: int, ledger: bytes, meter: int, enrolment: int
    ) -> None:  # type: ignore[no-untyped-def]
        """`ledger`: the MeterLedger's 20 bytes; `enrolment`: number of the element on chain."""
        self.element = element
        self.chain_id = chain_id
        self.ledger = ledger
        self.meter = meter
        self.enrolment = enrolment

    def seal(self, time: int, registers: tuple[int, ...]) -> tuple[int, int, bytes]:
        """(enrolment, counter, signature) of these registers at this Unix time."""
        counter = self.element.next_count()
        message = statement(
            self.chain_id, self.ledger, self.meter, self.enrolment, counter, time, registers
        )
        return self.enrolment, counter, self.element.sign(hashlib.sha256(message).digest())


def statement(
    chain_id: int, ledger: bytes, meter: int, enrolment: int, counter: int, time: int,
    registers: tuple[int, ...],
) -> bytes:  # fmt: skip
    """What is hashed and signed; lane 5 comes first."""
    out = DOMAIN + struct.pack(">Q", chain_id) + ledger
    out += struct.pack(">IIII", meter, enrolment, counter, time)
    for i in range(5, -1, -1):
        out += registers[i].to_bytes(5, "big")
    return out


def session_key(element, gateway: bytes, node_id: int, epoch: int) -> bytes:  # type: ignore[no-untyped-def]
    """The node's frame key of an epoch, agreed with the gateway's public key (x || y) and never sent."""
    extracted = hmac_sha256(struct.pack(">I", epoch), element.shared(gateway))
    info = b"Ohmstead frame key 1" + struct.pack(">II", node_id, epoch)
    return hmac_sha256(extracted, info + b"\x01")


# ---- Microchip ATECC608 ------------------------------------------------------------------------------

_ADDRESS = 0x60
_COMMAND = 0x03  # word address of a command packet
_INFO, _NONCE, _COUNTER, _GENKEY, _SIGN, _ECDH = 0x30, 0x16, 0x24, 0x40, 0x41, 0x43
_AWAKE = b"\x04\x11\x33\x43"
_WAIT_MS = {_INFO: 1, _NONCE: 7, _COUNTER: 20, _GENKEY: 115, _SIGN: 115, _ECDH: 115}


def crc16(data: bytes) -> bytes:
    """The part's checksum: polynomial 0x8005, bits from the lowest, little-endian."""
    crc = 0
    for byte in data:
        for bit in range(8):
            turn = (byte >> bit & 1) != (crc >> 15)
            crc = crc << 1 & 0xFFFF
            if turn:
                crc ^= 0x8005
    return bytes((crc & 0xFF, crc >> 8))


class Atecc608:
    """The part on an I2C bus (`writeto`, `readfrom_into`, as machine.I2C has them).

    Slot 0 holds the private key, made inside the part when it was configured; counter 0 is the part's
    own, which can only grow, to 2097151. Its configuration and data zones are locked.
    """

    def __init__(self, i2c, sleep_ms, key_slot: int = 0) -> None:  # type: ignore[no-untyped-def]
        """`sleep_ms(n)`: waits while the part works."""
        self._i2c = i2c
        self._sleep_ms = sleep_ms
        self._slot = key_slot

    def public_key(self) -> bytes:
        """x || y of the key in the slot, 64 bytes."""
        return self._ask(_GENKEY, 0x00, self._slot, b"", 64)

    def next_count(self) -> int:
        """One more than ever before; survives everything."""
        return int.from_bytes(self._ask(_COUNTER, 0x01, 0, b"", 4), "little")

    def sign(self, digest: bytes) -> bytes:
        """r || s of a 32-byte digest, s in the lower half, as contracts demand."""
        self._ask(_NONCE, 0x03, 0, digest, 1)  # into TempKey as it is
        made = self._ask(_SIGN, 0x80, self._slot, b"", 64)
        s = int.from_bytes(made[32:], "big")
        if s > ORDER // 2:
            s = ORDER - s
        return made[:32] + s.to_bytes(32, "big")

    def shared(self, public: bytes) -> bytes:
        """The x coordinate that both ends of ECDH come to, 32 bytes."""
        return self._ask(_ECDH, 0x0C, self._slot, public, 32)

    def _ask(self, opcode: int, mode: int, parameter: int, data: bytes, size: int) -> bytes:
        self._wake()
        packet = struct.pack("<BBBH", 7 + len(data), opcode, mode, parameter) + data
        self._i2c.writeto(_ADDRESS, bytes((_COMMAND,)) + packet + crc16(packet))
        self._sleep_ms(_WAIT_MS.get(opcode, 115))
        answer = self._read(size + 3)
        if size > 1 and answer[0] == 4:
            raise ElementError("the part answers error %02x" % answer[1])
        if answer[0] != size + 3 or crc16(answer[:-2]) != answer[-2:]:
            raise ElementError("the part's answer is damaged")
        if size == 1 and answer[1] != 0:
            raise ElementError("the part answers error %02x" % answer[1])
        return answer[1:-2]

    def _wake(self) -> None:
        try:
            self._i2c.writeto(0, b"\x00")  # SDA low wakes it; nobody acknowledges
        except OSError:
            pass
        self._sleep_ms(2)
        if self._read(4) != _AWAKE:
            raise ElementError("the part does not wake")

    def _read(self, size: int) -> bytes:
        buffer = bytearray(size)
        self._i2c.readfrom_into(_ADDRESS, buffer)
        return bytes(buffer)
