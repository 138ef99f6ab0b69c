"""The ESP32 itself: the only module that touches hardware. See docs/hardware-esp32.md for the wiring."""

import gc
import json
import os
import time

import esp32
import machine

from devices.esp32 import ccm, settings, usb

_ADC_PIN = 34
_JUMPER_PIN = 4
_METER_TX, _METER_RX = 17, 16
_MODEM_TX, _MODEM_RX = 18, 19
_WATCHDOG_MS = 8000
_CAUSES = {1: 0, 2: 0, 3: 1, 4: 0, 5: 3}  # machine.reset_cause() -> docs/frame.md, HELLO
_ADC_SAMPLES = 16
_LARGEST_BLOB = 3900


class Board:
    """What `app.py` needs of a board."""

    def __init__(self) -> None:
        self._nvs = esp32.NVS("ohmstead")
        self._last = time.ticks_ms()
        self._uptime_ms = 0
        self._pins: dict = {}
        self._radio = None
        self._adc = None
        self._watchdog = machine.WDT(timeout=_WATCHDOG_MS)

    def room(self) -> int:
        """Bytes that the heap has left: with PSRAM, megabytes."""
        gc.collect()
        return gc.mem_free()

    # ---- time, watchdog, restart -------------------------------------------------------------------

    def ticks(self) -> int:
        """Milliseconds since the start, never back."""
        now = time.ticks_ms()
        self._uptime_ms += time.ticks_diff(now, self._last)
        self._last = now
        return self._uptime_ms

    def feed(self) -> None:
        """Tells the watchdog that the program runs."""
        self._watchdog.feed()

    def restart(self) -> None:
        """Starts the board anew."""
        machine.reset()

    def reset_cause(self) -> int:
        """As HELLO tells it."""
        return _CAUSES.get(machine.reset_cause(), 0)

    # ---- memory ------------------------------------------------------------------------------------

    def load(self) -> dict:
        """The settings, defaults where nothing was saved."""
        config = settings.defaults()
        config["key"] = ""
        config["secret"] = ""
        config.update(self._blob("config") or {})
        return config

    def save(self, config: dict) -> None:
        """Writes the settings."""
        self._nvs.set_blob("config", json.dumps(config).encode())
        self._nvs.commit()

    def load_memory(self) -> dict | None:
        """What `save_memory` wrote last."""
        return self._blob("memory")

    def save_memory(self, text: str) -> None:
        """Writes what must survive a restart; NVS does so whole or not at all."""
        self._nvs.set_blob("memory", text.encode())
        self._nvs.commit()

    def _blob(self, name: str):
        buffer = bytearray(_LARGEST_BLOB)
        try:
            size = self._nvs.get_blob(name, buffer)
        except OSError:
            return None
        return json.loads(bytes(buffer[:size]))

    def random(self, count: int) -> bytes:
        """Unpredictable bytes, from the chip's generator."""
        return os.urandom(count)

    # ---- pins --------------------------------------------------------------------------------------

    def jumper(self) -> bool:
        """GPIO 4 is tied to GND: the console is asked for."""
        return machine.Pin(_JUMPER_PIN, machine.Pin.IN, machine.Pin.PULL_UP).value() == 0

    def set_relay(self, pin: int, closed: int, active_low: int) -> None:
        """Moves the contact of relay V`pin`."""
        level = closed ^ active_low
        found = self._pins.get(pin)
        if found is None:
            self._pins[pin] = machine.Pin(settings.RELAY_PINS[pin], machine.Pin.OUT, value=level)
        elif found.value() != level:
            found.value(level)

    def adc_counts(self) -> int:
        """The converter's mean of 16 samples, 0..4095."""
        if self._adc is None:
            self._adc = machine.ADC(machine.Pin(_ADC_PIN), atten=machine.ADC.ATTN_11DB)
        total = 0
        for _ in range(_ADC_SAMPLES):
            total += self._adc.read()
        return (total + _ADC_SAMPLES // 2) // _ADC_SAMPLES

    def temperature_dc(self) -> int:
        """The chip's own temperature, 0.1 degree."""
        if hasattr(esp32, "raw_temperature"):
            return (esp32.raw_temperature() - 32) * 50 // 9
        return int(esp32.mcu_temperature()) * 10

    def supply_bp(self) -> int:
        """Charge of what feeds the board: it hangs on the mains."""
        return 0xFFFF

    def meter_uart(self, chip: int, role: int):
        """The bus of the metering chips, or the line to an Uno."""
        if not chip:
            return None
        baud = 115200 if chip == settings.UNO else 9600
        return machine.UART(2, baudrate=baud, tx=_METER_TX, rx=_METER_RX, timeout=0, rxbuf=512)

    def modem_uart(self, baud: int):
        """The line to the modem beside ESP-NOW."""
        return machine.UART(1, baudrate=baud, tx=_MODEM_TX, rx=_MODEM_RX, timeout=0, rxbuf=1024)

    # ---- cable and radio ---------------------------------------------------------------------------

    def usb_read(self) -> bytes:
        """What came over the cable."""
        return usb.read()

    def usb_write(self, data: bytes) -> None:
        """Sends over the cable."""
        if data:
            usb.write(data)

    def radio(self, address: bytes):
        """ESP-NOW under this address."""
        from devices.esp32.radio import Radio

        self._radio = Radio(address)
        return self._radio

    def radio_receive(self):
        """(source, packet, dBm, how many ms ago) or None."""
        return self._radio.receive()

    def cipher(self, secret: bytes):
        """AES-128-CCM under the network's secret."""
        return ccm.Ccm(secret, ccm.block_cipher(secret))
