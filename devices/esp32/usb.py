"""The USB cable: MicroPython's own serial line, used for bytes."""

import select
import sys

import micropython

micropython.kbd_intr(-1)  # a byte 3 in a frame is no Ctrl-C
_poll = select.poll()
_poll.register(sys.stdin, select.POLLIN)


def read() -> bytes:
    """What has come, without waiting."""
    out = b""
    while len(out) < 512 and _poll.poll(0):
        out += sys.stdin.buffer.read(1)
    return out


def write(data: bytes) -> None:
    """Sends."""
    sys.stdout.buffer.write(data)
