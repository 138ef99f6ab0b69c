"""LoRaWAN 1.0.x to the bit: joining over the air, data messages, their counters, ciphers and MICs.

After the LoRaWAN specification 1.0.3, sections 4 and 6. Pure. Addresses and counters are
little-endian on air; a MIC is the first four bytes of AES-128-CMAC.
"""

from __future__ import annotations

import hmac
from typing import NamedTuple

from Crypto.Cipher import AES
from Crypto.Hash import CMAC

_JOIN_REQUEST, _JOIN_ACCEPT, _UP, _DOWN = 0x00, 0x20, 0x40, 0x60
"""Unconfirmed data only: frames have tags and results of their own."""
_MIC_SIZE = 4
_UPWARD, _DOWNWARD = 0, 1


class MacError(ValueError):
    """The bytes are not what they should be, or not of whom they should be."""


class Session(NamedTuple):
    """What both ends know after a join."""

    address: bytes
    network_key: bytes
    application_key: bytes


class Data(NamedTuple):
    """A data message; `counter` is the whole one, of which 16 bits are on air."""

    counter: int
    port: int
    payload: bytes


class Join(NamedTuple):
    """A join request's content."""

    join_eui: bytes
    device_eui: bytes
    nonce: int


def _mic(key: bytes, data: bytes) -> bytes:
    return CMAC.new(key, data, AES).digest()[:_MIC_SIZE]


# ---- joining -------------------------------------------------------------------------------------


def join_request(key: bytes, join: Join) -> bytes:
    """What a module sends to join."""
    body = bytes([_JOIN_REQUEST]) + join.join_eui[::-1] + join.device_eui[::-1]
    body += join.nonce.to_bytes(2, "little")
    return body + _mic(key, body)


def open_join_request(data: bytes) -> Join:
    """Whose it says it is; `join_is_of` proves it. Raises MacError."""
    if len(data) != 23 or data[0] != _JOIN_REQUEST:
        raise MacError("no join request")
    return Join(data[8:0:-1], data[16:8:-1], int.from_bytes(data[17:19], "little"))


def join_is_of(key: bytes, data: bytes) -> bool:
    """True if the holder of this key asks."""
    return hmac.compare_digest(_mic(key, data[:-_MIC_SIZE]), data[-_MIC_SIZE:])


def _session(key: bytes, answer: bytes, nonce: int) -> Session:
    cipher = AES.new(key, AES.MODE_ECB)
    seed = answer[:6] + nonce.to_bytes(2, "little") + bytes(7)
    keys = [cipher.encrypt(bytes([kind]) + seed) for kind in (1, 2)]
    return Session(answer[6:10][::-1], keys[0], keys[1])


def join_accept(
    key: bytes, nonce: int, server_nonce: int, address: bytes, rx2_data_rate: int
) -> tuple[bytes, Session]:
    """The server's answer, and the session that it begins."""
    answer = server_nonce.to_bytes(3, "little") + bytes(3) + address[::-1]
    answer += bytes([rx2_data_rate, 1])
    whole = answer + _mic(key, bytes([_JOIN_ACCEPT]) + answer)
    # The server decrypts, so that a module needs encryption only.
    sealed = AES.new(key, AES.MODE_ECB).decrypt(whole)
    return bytes([_JOIN_ACCEPT]) + sealed, _session(key, answer, nonce)


def open_join_accept(key: bytes, nonce: int, data: bytes) -> tuple[Session, int]:
    """The session and the second window's data rate. Raises MacError."""
    if len(data) != 17 or data[0] != _JOIN_ACCEPT:
        raise MacError("no join accept")
    whole = AES.new(key, AES.MODE_ECB).encrypt(data[1:])
    answer, mic = whole[:-_MIC_SIZE], whole[-_MIC_SIZE:]
    if not hmac.compare_digest(_mic(key, data[:1] + answer), mic):
        raise MacError("a join accept for another")
    return _session(key, answer, nonce), answer[10] & 15


# ---- data ----------------------------------------------------------------------------------------


def _ciphered(session: Session, direction: int, counter: int, payload: bytes) -> bytes:
    cipher = AES.new(session.application_key, AES.MODE_ECB)
    head = b"\x01" + bytes(4) + bytes([direction]) + session.address[::-1]
    head += counter.to_bytes(4, "little") + b"\0"
    blocks = -(-len(payload) // 16)
    stream = b"".join(cipher.encrypt(head + bytes([i + 1])) for i in range(blocks))
    return bytes(a ^ b for a, b in zip(payload, stream, strict=False))


def _data_mic(session: Session, direction: int, counter: int, message: bytes) -> bytes:
    head = b"\x49" + bytes(4) + bytes([direction]) + session.address[::-1]
    head += counter.to_bytes(4, "little") + bytes([0, len(message)])
    return _mic(session.network_key, head + message)


def _sealed(session: Session, direction: int, data: Data) -> bytes:
    kind = _DOWN if direction == _DOWNWARD else _UP
    message = bytes([kind]) + session.address[::-1] + b"\0"
    message += (data.counter & 0xFFFF).to_bytes(2, "little") + bytes([data.port])
    message += _ciphered(session, direction, data.counter, data.payload)
    return message + _data_mic(session, direction, data.counter, message)


def uplink(session: Session, data: Data) -> bytes:
    """An unconfirmed message to the network."""
    return _sealed(session, _UPWARD, data)


def downlink(session: Session, data: Data) -> bytes:
    """An unconfirmed message to a module."""
    return _sealed(session, _DOWNWARD, data)


def sender_of(data: bytes) -> bytes | None:
    """The device address that a data message upward names."""
    return data[4:0:-1] if len(data) >= 13 and data[0] == _UP else None


def _opened(session: Session, direction: int, newest: int, data: bytes) -> Data:
    kind = _DOWN if direction == _DOWNWARD else _UP
    if len(data) < 13 or data[0] != kind or data[4:0:-1] != session.address:
        raise MacError("not of this session")
    low = int.from_bytes(data[6:8], "little")
    counter = newest + 1 + ((low - newest - 1) & 0xFFFF)
    message, mic = data[:-_MIC_SIZE], data[-_MIC_SIZE:]
    if not hmac.compare_digest(_data_mic(session, direction, counter, message), mic):
        raise MacError("repeated, or of another")
    return Data(counter, data[8], _ciphered(session, direction, counter, data[9:-_MIC_SIZE]))


def open_uplink(session: Session, newest: int, data: bytes) -> Data:
    """A message with a counter above `newest` (-1: any). Raises MacError for every other."""
    return _opened(session, _UPWARD, newest, data)


def open_downlink(session: Session, newest: int, data: bytes) -> Data:
    """A module's view of one."""
    return _opened(session, _DOWNWARD, newest, data)
