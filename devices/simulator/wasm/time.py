"""`time` of a simulated ESP32: it passes as the ether's does, so that no board is late because a process waits."""

from _host import io

_PERIOD = 1 << 30


def ticks_ms() -> int:
    return int(io("ticks")) % _PERIOD


def ticks_add(ticks: int, ms: int) -> int:
    return (ticks + ms) % _PERIOD


def ticks_diff(a: int, b: int) -> int:
    return (a - b + _PERIOD // 2) % _PERIOD - _PERIOD // 2


def sleep_ms(ms: int) -> None:
    pass
