"""Simulated ESP32 boards that run the real firmware, and what is around them.

A `Board` hangs on the ether's virtual time: when it is its turn it learns what happened meanwhile
and does what the firmware does. `WasmBoard` runs it compiled on MicroPython for WebAssembly, in a
process of its own behind a TCP connection; `virtual_board.VirtualBoard` runs the same on Python.
Time stands still while a board thinks: a busy machine makes the simulation slow, and never wrong.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from devices import firmware
from devices.esp32 import settings
from devices.simulator.ether import Ether, Station
from devices.simulator.metering_chips import Bus

_HOST = Path(__file__).with_name("wasm") / "board.mjs"
_PACKAGE = firmware.ROOT / "node_modules/@micropython/micropython-webassembly-pyscript"
POWER_ON, WATCHDOG, SOFTWARE = 1, 3, 5
"""Why a board started, as `machine.reset_cause()` tells it."""
_LOWER_BY = 5
_CHIP_ANSWERS_US = 1000
_UART_US = 1000
MODEM_UART, METER_UART = 1, 2
_CONNECT_S = 60.0
_LOOK_S = 0.5
RESTART_US = 300_000
_PINS_OF_JUMPER = "4"


def missing() -> str | None:
    """What this machine lacks to run compiled firmware, in words; None if nothing."""
    if shutil.which("node") is None:
        return "Node.js"
    if not _PACKAGE.exists():
        return "the npm package of MicroPython for WebAssembly (make setup)"
    try:
        firmware.compiler()
    except firmware.FirmwareError as error:
        return str(error)
    return None


class Device(Protocol):
    """Something on one of a board's UARTs: a modem, an Uno.

    Attributes:
        on_bytes: called with what it writes.
    """

    on_bytes: Callable[[bytes], object]

    def write(self, data: bytes) -> None:
        """What the board sends."""


class Board:
    """What every simulated board has; see the module.

    Attributes:
        adc: what the battery's converter reads, 0..4095.
        on_usb: called with what it sends over its cable.
        station: its radio, None while it is off or has none.
        is_on: its program runs.
        starts: how often its program was started.
        printed: what the program said, exceptions included.
    """

    def __init__(self, ether: Ether, place: tuple[float, float], bus: Bus | None = None) -> None:
        self.place = place
        self.adc = 0
        self.on_usb: Callable[[bytes], object] = lambda data: None
        self.station: Station | None = None
        self.is_on = False
        self.starts = 0
        self.printed: list[str] = []
        self._ether = ether
        self._time = ether.time
        self._bus = bus
        self._usb = b""
        self._uarts: dict[int, bytes] = {}
        self._devices: dict[int, Device] = {}
        self._air: list[tuple[bytes, bytes, int]] = []
        self._began_ms = 0
        self._turn = 0

    def power_on(self, cause: int = POWER_ON) -> None:
        """Starts the program; it runs by itself as time passes."""
        self.is_on = True
        self.starts += 1
        self._began_ms = self._time.now_ms
        self._start(cause)
        self._at(self._time.now_us)

    def power_off(self) -> None:
        """What was not stored is gone."""
        self.is_on = False
        self._turn += 1
        self._usb = b""
        self._uarts.clear()
        self._air.clear()
        if self.station is not None:
            self.station.leave()
            self.station = None

    def _restart(self, cause: int) -> None:
        """As by its watchdog: what comes before it runs again is lost, as when it is off."""
        self.power_off()
        turn = self._turn
        again_us = self._time.now_us + RESTART_US
        self._time.at(again_us, lambda: self.power_on(cause) if turn == self._turn else None)

    def type(self, data: bytes) -> None:
        """Bytes into the cable; lost if it is off."""
        if self.is_on:
            self._usb += data
            self._at(self._time.now_us)

    def contact(self, relay: int) -> bool | None:
        """Whether the contact behind an output is closed, where closed is high; None: not set."""
        raise NotImplementedError

    def _start(self, cause: int) -> None:
        raise NotImplementedError

    def _step(self) -> int | None:
        """One step of the program; in how many ms it wants the next, None if it has ended."""
        raise NotImplementedError

    def _at(self, when_us: int) -> None:
        self._turn += 1
        turn = self._turn
        self._time.at(when_us, lambda: self._run() if turn == self._turn else None)

    def _run(self) -> None:
        turn = self._turn
        wait_ms = self._step() if self.is_on else None
        if wait_ms is not None and turn == self._turn:  # else it has its next turn already
            self._at((self._time.now_ms + max(1, wait_ms)) * 1000)

    # ---- what the program does -------------------------------------------------------------------

    def _join(self, address: bytes) -> None:
        def receive(source: bytes, packet: bytes, rssi: int, _now_ms: int) -> None:
            self._air.append((source, packet, rssi))
            self._at(self._time.now_us)

        self.station = self._ether.join(address, self.place, receive)

    def attach(self, number: int, device: Device) -> None:
        """Puts something on UART `number`; on the second there are the metering chips otherwise."""

        def hear(data: bytes) -> None:
            if self.is_on:
                self._uarts[number] = self._uarts.get(number, b"") + data
                self._at(self._time.now_us)

        device.on_bytes = hear
        self._devices[number] = device

    def _write_uart(self, number: int, data: bytes) -> None:
        device = self._devices.get(number)
        if device is not None:
            self._time.after(_UART_US, lambda: device.write(data))
        elif self._bus is not None and number == METER_UART:
            self._uarts[number] = self._uarts.get(number, b"") + self._bus.answer(data)


class WasmBoard(Board):
    """A board whose program runs compiled, in a process of its own.

    Attributes:
        storage: file of its non-volatile memory.
        pins: level of each output that the program has set.
        jumper: it is set: the console opens at the next start.
        pid: of its process.
    """

    def __init__(
        self,
        ether: Ether,
        place: tuple[float, float],
        storage: Path,
        bus: Bus | None = None,
        seed: str | None = None,
    ) -> None:
        """`seed`: of its random bytes, so that a run is the same again; None: nobody knows them."""
        super().__init__(ether, place, bus)
        self.storage = storage
        self._seed = seed
        self.pins: dict[int, int] = {}
        self.on_pin: Callable[[int, int], object] = lambda pin, level: None
        self.jumper = False
        self.watchdog_ms: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._listener: socket.socket | None = None
        self._line: socket.socket | None = None
        self._heard = b""
        self._told: deque[bytes] = deque()

    @property
    def pid(self) -> int | None:
        """Of its process while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def power_off(self) -> None:
        """Takes its power, between two instructions."""
        super().power_off()
        self.pins.clear()
        for end in (self._line, self._listener):
            if end is not None:
                end.close()
        self._line = self._listener = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def contact(self, relay: int) -> bool | None:
        """See Board."""
        level = self.pins.get(settings.RELAY_PINS[relay])
        return None if level is None else level == 1

    def _start(self, cause: int) -> None:
        image = firmware.build() / "image"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_LOOK_S)
        self._heard = b""
        self._told.clear()
        self.watchdog_ms = None
        node = shutil.which("node")
        assert node is not None, missing()
        seed = [] if self._seed is None else ["--seed", f"{self._seed} {self.starts}"]
        self._process = subprocess.Popen(
            [
                node, "--max-old-space-size=64", str(_HOST),
                "--host", str(self._listener.getsockname()[1]), "--name", self.storage.stem,
                "--image", str(image), "--nvs", str(self.storage), "--cause", str(cause), *seed,
            ],
            stdin=subprocess.DEVNULL, preexec_fn=_lower,
        )  # fmt: skip

    def heap_used(self) -> int:
        """Bytes that its program holds, code included, after a collection. Objects are as large as
        on an ESP32; this heap grows where a board's would be full."""
        line = self._connect()
        line.sendall(b'{"heap": 1}\n')
        while True:
            said = self._next(line)
            if "heap" in said:
                return int(said["heap"])
            self._take(said)

    def _connect(self) -> socket.socket:
        """Its line; processes start side by side, so one waits only when it is a board's turn."""
        if self._line is None:
            assert self._listener is not None
            assert self._process is not None
            deadline = time.monotonic() + _CONNECT_S
            while self._line is None:
                try:
                    self._line, _ = self._listener.accept()
                except TimeoutError:
                    if self._process.poll() is not None or time.monotonic() > deadline:
                        raise ConnectionRefusedError("the board's process does not start") from None
            self._line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._listener.close()
        return self._line

    def _step(self) -> int | None:
        happened: dict[str, Any] = {
            "step": self._time.now_ms - self._began_ms,
            "adc": self.adc,
            "usb": self._usb.hex(),
            "uarts": {str(number): data.hex() for number, data in self._uarts.items()},
            "pins": {_PINS_OF_JUMPER: 0 if self.jumper else 1},
            "air": [f"{source.hex()} {packet.hex()} {rssi}" for source, packet, rssi in self._air],
        }
        self._usb = b""
        self._uarts.clear()
        self._air.clear()
        try:
            line = self._connect()
            limit_ms = self.watchdog_ms
            line.settimeout(_CONNECT_S if limit_ms is None else limit_ms / 1000)
            line.sendall(json.dumps(happened).encode() + b"\n")
            return self._answers(line)
        except TimeoutError:
            self._restart(WATCHDOG)
        except OSError:
            self._restart(POWER_ON)  # somebody has killed it
        return None

    def _answers(self, line: socket.socket) -> int | None:
        while True:
            said = self._next(line)
            if "wait" in said:
                wait_ms = int(said["wait"])
                return min(wait_ms, _CHIP_ANSWERS_US // 1000) if self._uarts else wait_ms
            if "reset" in said:
                self._restart(SOFTWARE)
                return None
            self._take(said)

    def _next(self, line: socket.socket) -> dict[str, Any]:
        """What it says next."""
        while not self._told:
            data = line.recv(65536)
            if not data:
                raise ConnectionResetError
            *whole, self._heard = (self._heard + data).split(b"\n")
            self._told.extend(whole)
        return dict(json.loads(self._told.popleft()))

    def _take(self, said: dict[str, Any]) -> None:
        if "air" in said:
            if self.station is not None:
                self.station.send(bytes.fromhex(said["target"]), bytes.fromhex(said["air"]))
        elif "channel" in said:
            if self.station is not None:
                self.station.channel = said["channel"]
        elif "uart" in said:
            self._write_uart(said["number"], bytes.fromhex(said["uart"]))
        elif "usb" in said:
            self.on_usb(bytes.fromhex(said["usb"]))
        elif "pin" in said:
            self.pins[said["pin"]] = said["level"]
            self.on_pin(said["pin"], said["level"])
        elif "address" in said:
            self._join(bytes.fromhex(said["address"]))
        elif "watchdog_ms" in said:
            self.watchdog_ms = said["watchdog_ms"]
        elif "print" in said:
            self.printed.append(said["print"])


def _lower() -> None:
    """In the child: others' work comes first."""
    os.nice(_LOWER_BY)
