"""`os` of a simulated ESP32, as far as the firmware uses it."""

from _host import io


def urandom(count: int) -> bytes:
    return bytes.fromhex(io("random %d" % count))
