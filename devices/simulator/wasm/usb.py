"""In place of devices/esp32/usb.py: the cable of a simulated board. The only module of the firmware replaced."""

from _host import io


def read() -> bytes:
    return bytes.fromhex(io("usb.read"))


def write(data: bytes) -> None:
    io("usb.write " + data.hex())
