"""A board in virtual time: the firmware's program as it is, on Python, with all hardware simulated.

What `boards.py` runs compiled and in real time runs here as fast as the machine can: days in seconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from devices.esp32 import settings
from devices.esp32.app import App
from devices.simulator.ether import Ether, Station
from devices.simulator.metering_chips import Bus


class _Uart:
    """The metering bus: chips answer at once."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._heard = b""

    def write(self, data: bytes) -> None:
        self._heard += self._bus.answer(data)

    def read(self) -> bytes | None:
        heard, self._heard = self._heard, b""
        return heard or None


class VirtualBoard:
    """What `devices/esp32/board.py` is on an ESP32. `power_on` and `power_off` as often as wanted.

    Attributes:
        storage: its non-volatile memory, which outlives power.
        contacts: by relay, 1 closed.
        adc: what the battery's converter reads.
        app: the program that runs, None while it is off.
        on_usb: called with what it sends over its cable.
    """

    def __init__(
        self,
        ether: Ether,
        place: tuple[float, float],
        config: dict[str, Any],
        bus: Bus | None = None,
        cipher: Callable[[bytes], Any] = lambda secret: None,
    ) -> None:
        self.storage: dict[str, str] = {
            "config": json.dumps({**settings.defaults(), "key": "", "secret": "", **config})
        }
        self.place = place
        self.contacts: dict[int, int] = {}
        self.adc = 0
        self.app: App | None = None
        self.on_usb: Callable[[bytes], object] = lambda data: None
        self.station: Station | None = None
        self._ether = ether
        self._time = ether.time
        self._bus = bus
        self._cipher = cipher
        self._usb = b""
        self._air: list[tuple[bytes, bytes, int]] = []
        self._began_ms = 0
        self._turn = 0
        self._cause = 0

    # ---- power -----------------------------------------------------------------------------------

    def power_on(self, cause: int = 0) -> None:
        """Starts the program; it runs by itself as time passes."""
        self._began_ms = self._time.now_ms
        self._cause = cause
        self.app = App(self)
        self._run()

    def power_off(self) -> None:
        """What was not stored is gone."""
        self._turn += 1
        self.app = None
        self._usb = b""
        self._air.clear()
        self.contacts.clear()
        if self.station is not None:
            self.station.leave()

    def _run(self) -> None:
        if self.app is None:
            return
        self._turn += 1
        turn = self._turn
        wait_ms = self.app.step()
        again_us = (self._time.now_ms + max(1, wait_ms)) * 1000
        self._time.at(again_us, lambda: self._run() if turn == self._turn else None)

    def _soon(self) -> None:
        self._turn += 1
        turn = self._turn
        self._time.after(0, lambda: self._run() if turn == self._turn else None)

    def type(self, data: bytes) -> None:
        """Bytes into the cable; lost if it is off."""
        if self.app is not None:
            self._usb += data
            self._soon()

    # ---- what the program asks for ---------------------------------------------------------------

    def ticks(self) -> int:
        return self._time.now_ms - self._began_ms

    def feed(self) -> None:
        pass

    def restart(self) -> None:
        self.power_off()
        self.power_on(3)

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
        return _Uart(self._bus) if chip and self._bus else None

    def usb_read(self) -> bytes:
        data, self._usb = self._usb, b""
        return data

    def usb_write(self, data: bytes) -> None:
        if data:
            self.on_usb(data)

    def radio(self, address: bytes) -> VirtualBoard:
        def receive(source: bytes, packet: bytes, rssi: int, _now_ms: int) -> None:
            self._air.append((source, packet, rssi))
            self._soon()

        self.station = self._ether.join(address, self.place, receive)
        return self

    def send(self, target: bytes, packet: bytes) -> None:
        assert self.station is not None
        self.station.send(target, packet)

    def set_channel(self, number: int) -> None:
        assert self.station is not None
        self.station.channel = number

    def radio_receive(self) -> tuple[bytes, bytes, int] | None:
        return self._air.pop(0) if self._air else None

    def cipher(self, secret: bytes) -> Any:
        return self._cipher(secret)
