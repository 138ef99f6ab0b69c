"""Asks the metering chips on the serial bus, one after the other, without waiting for them."""

from devices.esp32 import chips


class Bus:
    """`uart` has write(data), read() -> bytes or None. `take(i, measured)` is called with chip i = 0, 1, .."""

    def __init__(self, uart, chip: int, count: int, every_ms: int, take) -> None:
        self._uart = uart
        self._chip = chip
        self._count = count if chip else 0
        self._every_ms = every_ms
        self._take = take
        self._turn = 0
        self._answers: list = []
        self._heard = b""
        self._asked_ms = -1
        self._round_ms = -every_ms
        self.failures = 0

    def poll(self, now_ms: int) -> int:
        """One step; how long until the next."""
        if self._count == 0:
            return 60000
        if self._asked_ms < 0:
            wait = self._round_ms + self._every_ms - now_ms
            if wait > 0:
                return wait
            self._round_ms = now_ms
            self._turn = 0
            self._ask(now_ms)
        self._heard += self._uart.read() or b""
        address, length = self._turn + 1, self._wanted()[1]
        if len(self._heard) >= length:
            found = chips.answer(self._heard[:length], address, length)
            self._answered(found, now_ms)
        elif now_ms - self._asked_ms > 4 * chips.QUERY_MS:
            self._answered(None, now_ms)
        return 5 if self._asked_ms >= 0 else self._every_ms

    def _wanted(self) -> tuple:
        return chips.requests(self._chip, self._turn + 1)[len(self._answers)]

    def _ask(self, now_ms: int) -> None:
        self._uart.read()  # what came late is of no use
        self._heard = b""
        self._asked_ms = now_ms
        self._uart.write(self._wanted()[0])

    def _answered(self, found: bytes | None, now_ms: int) -> None:
        if found is None:
            self.failures += 1
            self._next_chip(now_ms)
            return
        self._answers.append(found)
        if len(self._answers) < len(chips.requests(self._chip, self._turn + 1)):
            self._ask(now_ms)
            return
        try:
            self._take(self._turn, chips.measured(self._chip, self._answers))
        except ValueError:
            self.failures += 1
        self._next_chip(now_ms)

    def _next_chip(self, now_ms: int) -> None:
        self._answers = []
        self._turn += 1
        if self._turn < self._count:
            self._ask(now_ms)
        else:
            self._asked_ms = -1
