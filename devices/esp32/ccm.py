"""AES-128-CCM (RFC 3610, SP 800-38C) on a block cipher, as stock MicroPython has no more than AES-ECB.

ESP-NOW's own encryption covers six neighbours and no broadcast; this covers all of a network with one secret. It
keeps outsiders out and what is said among neighbours from being read. Who made a frame its own tag says.
Nonces are 13 bytes, tags 8.
"""

TAG_SIZE = 8
_LENGTH_SIZE = 2


def block_cipher(key: bytes):
    """A function that encrypts one or more blocks of 16 bytes, with what this machine has."""
    import cryptolib

    ecb = cryptolib.aes(key, 1)
    return ecb.encrypt


class Ccm:
    """`encrypt(blocks)`: AES-ECB under the key."""

    def __init__(self, key: bytes, encrypt) -> None:
        if len(key) != 16:
            raise ValueError("a secret has 16 bytes")
        self._encrypt = encrypt

    def seal(self, nonce: bytes, known: bytes, body: bytes) -> bytes:
        """`body` encrypted, and the tag over it and `known`, which goes in clear."""
        stream = self._stream(nonce, len(body))
        tag = self._mac(nonce, known, body)
        return _xor(body, stream[16:]) + _xor(tag, stream[:TAG_SIZE])

    def open(self, nonce: bytes, known: bytes, sealed: bytes) -> bytes | None:
        """The body, None if anything was changed or the key is another."""
        if len(sealed) < TAG_SIZE:
            return None
        size = len(sealed) - TAG_SIZE
        stream = self._stream(nonce, size)
        body = _xor(sealed[:size], stream[16:])
        tag = _xor(sealed[size:], stream[:TAG_SIZE])
        wanted = self._mac(nonce, known, body)
        different = 0
        for i in range(TAG_SIZE):
            different |= tag[i] ^ wanted[i]
        return body if different == 0 else None

    def _stream(self, nonce: bytes, size: int) -> bytes:
        blocks = bytearray()
        head = bytes([_LENGTH_SIZE - 1]) + nonce
        for i in range(1 + (size + 15) // 16):
            blocks += head
            blocks += i.to_bytes(_LENGTH_SIZE, "big")
        return self._encrypt(bytes(blocks))

    def _mac(self, nonce: bytes, known: bytes, body: bytes) -> bytes:
        flags = 0x40 | (TAG_SIZE - 2) // 2 << 3 | _LENGTH_SIZE - 1
        data = bytes([flags]) + nonce + len(body).to_bytes(_LENGTH_SIZE, "big")
        data += _padded(len(known).to_bytes(2, "big") + known) + _padded(body)
        state = bytes(16)
        for i in range(0, len(data), 16):
            state = self._encrypt(_xor(state, data[i : i + 16]))
        return state[:TAG_SIZE]


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 16)


def _xor(data: bytes, with_bytes: bytes) -> bytes:
    size = len(data)
    both = int.from_bytes(data, "big") ^ int.from_bytes(with_bytes[:size], "big")
    return both.to_bytes(size, "big")
