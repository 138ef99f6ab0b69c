"""A board in virtual time: the firmware's program as it is, on Python, with all hardware simulated.

What `boards.WasmBoard` runs compiled runs here as fast as Python can: days in seconds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from devices.esp32 import settings
from devices.esp32.app import App
from devices.simulator.boards import METER_UART, MODEM_UART, Board
from devices.simulator.ether import Ether
from devices.simulator.metering_chips import Bus

_CAUSES = {1: 0, 3: 1, 5: 3}


class VirtualBoard(Board):
    """What `devices/esp32/board.py` is on an ESP32.

    Attributes:
        storage: its non-volatile memory, which outlives power.
        contacts: by relay, 1 closed.
        app: the program that runs, None while it is off.
    """

    def __init__(
        self,
        ether: Ether,
        place: tuple[float, float],
        config: dict[str, Any],
        bus: Bus | None = None,
        cipher: Callable[[bytes], Any] = lambda secret: None,
        seed: str = "",
    ) -> None:
        super().__init__(ether, place, bus)
        whole = {**settings.defaults(), "key": "", "secret": "", **config}
        self.storage = {"config": json.dumps(whole)}
        self.contacts: dict[int, int] = {}
        self.app: App | None = None
        self._cipher = cipher
        self._cause = 0
        self._again = False
        self._seed = seed
        self._drawn = 0

    def power_off(self) -> None:
        """What was not stored is gone."""
        super().power_off()
        self.app = None
        self.contacts.clear()

    def contact(self, relay: int) -> bool | None:
        closed = self.contacts.get(relay)
        return None if closed is None else closed == 1

    def _start(self, cause: int) -> None:
        self._cause = _CAUSES[cause]
        self._drawn = 0
        self.app = App(self)

    def _step(self) -> int | None:
        assert self.app is not None
        wait_ms = self.app.step()
        if self._again:
            self._again = False
            self.power_off()
            self.power_on(5)
            return None
        return int(wait_ms)

    # ---- what the program asks for ---------------------------------------------------------------

    def ticks(self) -> int:
        return self._time.now_ms - self._began_ms

    def feed(self) -> None:
        pass

    def restart(self) -> None:
        self._again = True

    def reset_cause(self) -> int:
        return self._cause

    def load(self) -> dict[str, Any]:
        return dict(json.loads(self.storage["config"]))

    def save(self, config: dict[str, Any]) -> None:
        self.storage["config"] = json.dumps(config)

    def load_memory(self) -> dict[str, Any] | None:
        text = self.storage.get("memory")
        return None if text is None else dict(json.loads(text))

    def save_memory(self, text: str) -> None:
        self.storage["memory"] = text

    def random(self, count: int) -> bytes:
        """The same at each run, so that a run is, and the same as `WasmBoard` draws."""
        self._drawn += 1
        drawn = f"{self._seed} {self.starts} {self._drawn}".encode()
        return hashlib.shake_256(drawn).digest(count)

    def room(self) -> int:
        """What an ESP32 without PSRAM has left."""
        return 31_000

    def jumper(self) -> bool:
        return False

    def set_relay(self, pin: int, closed: int, active_low: int) -> None:
        self.contacts[pin] = closed

    def adc_counts(self) -> int:
        return self.adc

    def temperature_dc(self) -> int:
        return 300

    def supply_bp(self) -> int:
        return 0xFFFF

    def meter_uart(self, chip: int, role: int) -> _Uart | None:
        return _Uart(self, METER_UART) if chip else None

    def modem_uart(self, baud: int) -> _Uart:
        return _Uart(self, MODEM_UART)

    def usb_read(self) -> bytes:
        data, self._usb = self._usb, b""
        return data

    def usb_write(self, data: bytes) -> None:
        if data:
            self.on_usb(data)

    def radio(self, address: bytes) -> VirtualBoard:
        self._join(address)
        return self

    def send(self, target: bytes, packet: bytes) -> None:
        if self.station is not None:
            self.station.send(target, packet)

    def set_channel(self, number: int) -> None:
        if self.station is not None:
            self.station.channel = number

    def radio_receive(self) -> tuple[bytes, bytes, int, int] | None:
        return (*self._air.pop(0), 0) if self._air else None

    def cipher(self, secret: bytes) -> Any:
        return self._cipher(secret)


class _Uart:
    """One of its UARTs; metering chips answer at once."""

    def __init__(self, board: VirtualBoard, number: int) -> None:
        self._board = board
        self._number = number

    def write(self, data: bytes) -> None:
        self._board._write_uart(self._number, data)

    def read(self) -> bytes | None:
        return self._board._uarts.pop(self._number, None)
