"""A board in virtual time: the firmware's program as it is, on Python, with all hardware simulated.

What `boards.WasmBoard` runs compiled runs here as fast as Python can: days in seconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from devices.esp32 import settings
from devices.esp32.app import App
from devices.simulator.boards import Board
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
    ) -> None:
        super().__init__(ether, place, bus)
        whole = {**settings.defaults(), "key": "", "secret": "", **config}
        self.storage = {"config": json.dumps(whole)}
        self.contacts: dict[int, int] = {}
        self.app: App | None = None
        self._cipher = cipher
        self._cause = 0
        self._again = False

    def power_off(self) -> None:
        """What was not stored is gone."""
        super().power_off()
        self.app = None
        self.contacts.clear()

    def _start(self, cause: int) -> None:
        self._cause = _CAUSES[cause]
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
        return _Uart(self) if chip and self._bus else None

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
    """The metering bus: chips answer at once."""

    def __init__(self, board: VirtualBoard) -> None:
        self._board = board

    def write(self, data: bytes) -> None:
        self._board._ask_chips(data)

    def read(self) -> bytes | None:
        heard, self._board._uart = self._board._uart, b""
        return heard or None
