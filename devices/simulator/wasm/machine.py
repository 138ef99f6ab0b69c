"""`machine` of a simulated ESP32: what the firmware uses of it, handed to the host."""

from _host import io

SOFT_RESET = 5


def reset() -> None:
    io("reset")


def reset_cause() -> int:
    return int(io("reset.cause"))


class WDT:
    def __init__(self, id: int = 0, timeout: int = 5000) -> None:
        io("wdt %d" % timeout)

    def feed(self) -> None:
        io("feed")


class Pin:
    IN = 1
    OUT = 3
    PULL_UP = 2

    def __init__(self, number: int, mode: int = -1, pull: int = -1, value=None) -> None:
        self.number = number
        if value is not None:
            self.value(value)

    def value(self, level=None):
        if level is None:
            return int(io("pin %d" % self.number))
        io("pin %d %d" % (self.number, 1 if level else 0))


class ADC:
    ATTN_11DB = 3

    def __init__(self, pin: Pin, atten: int = 0) -> None:
        self._number = pin.number

    def read(self) -> int:
        return int(io("adc %d" % self._number))


class UART:
    def __init__(self, number: int, baudrate: int = 9600, tx: int = -1, rx: int = -1, timeout: int = 0,
                 rxbuf: int = 256) -> None:
        self._number = number

    def write(self, data: bytes) -> int:
        io("uart.write %d %s" % (self._number, data.hex()))
        return len(data)

    def read(self):
        data = io("uart.read %d" % self._number)
        return bytes.fromhex(data) if data else None
