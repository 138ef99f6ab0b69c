"""Simulated ESP32 boards that run the real firmware, and what is around them.

Each board is `wasm/board.mjs`, a process of MicroPython for WebAssembly; it connects to the
`Workbench` over TCP. The workbench gives it air (the ether, in real time), a metering bus, a
converter and a cable, and starts it again after a reset.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devices import firmware
from devices.simulator.ether import Ether, Station
from devices.simulator.metering_chips import Bus
from devices.simulator.virtual_time import VirtualTime

_LOG = logging.getLogger("boards")
_HOST = Path(__file__).with_name("wasm") / "board.mjs"
_PACKAGE = firmware.ROOT / "node_modules/@micropython/micropython-webassembly-pyscript"
_SOFTWARE, _POWER_ON, _WATCHDOG = "5", "1", "3"
_RESET_EXIT = 3
_LOWER_BY = 5
_RESTART_S = 0.3
_LONGEST_LINE = 1 << 16


def missing() -> str | None:
    """What this machine lacks to run boards, in words; None if nothing."""
    if shutil.which("node") is None:
        return "Node.js"
    if not _PACKAGE.exists():
        return "the npm package of MicroPython for WebAssembly (make setup)"
    try:
        firmware.compiler()
    except firmware.FirmwareError as error:
        return str(error)
    return None


@dataclass(eq=False)
class Board:
    """One board on the workbench.

    Attributes:
        pins: level of each output the firmware has set.
        adc: what its converter reads, 0..4095.
        on_pin, on_usb: called with (pin, level), and with what came over the cable.
        printed: what the program said, exceptions included.
        starts: how often it was started.
    """

    node_id: int
    storage: Path
    place: tuple[float, float]
    bus: Bus | None = None
    adc: int = 0
    pins: dict[int, int] = field(default_factory=dict)
    on_pin: Callable[[int, int], object] = lambda pin, level: None
    on_usb: Callable[[bytes], object] = lambda data: None
    printed: list[str] = field(default_factory=list)
    jumper: bool = False
    starts: int = 0
    station: Station | None = None
    watchdog_ms: int = 0
    fed_at: float = 0.0
    cause: str = _POWER_ON
    process: asyncio.subprocess.Process | None = None
    writer: asyncio.StreamWriter | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, **message: object) -> None:
        """Something happens to the board; lost if it is off."""
        if self.writer is not None and not self.writer.is_closing():
            self.writer.write(json.dumps(message).encode() + b"\n")

    def set_adc(self, counts: int) -> None:
        """What the converter reads from now on."""
        if counts != self.adc:
            self.adc = counts
            self.tell(adc=counts)

    def type(self, data: bytes) -> None:
        """Bytes into the cable."""
        self.tell(usb=data.hex())

    async def until(self, condition: Callable[[], object], within_s: float = 20.0) -> None:
        """Returns when something is so, which is looked at whenever the board says anything."""
        async with asyncio.timeout(within_s):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


class Workbench:
    """All boards of this process; use as `async with`."""

    def __init__(self, ether: Ether) -> None:
        self.ether = ether
        self.boards: dict[int, Board] = {}
        self._time: VirtualTime = ether.time
        self._began = time.monotonic() - ether.time.now_us / 1_000_000
        self._poke = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._server: asyncio.Server | None = None
        self._port = 0
        self._image = Path()

    async def __aenter__(self) -> Workbench:
        self._image = (await asyncio.to_thread(firmware.build)) / "image"
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_LONGEST_LINE)
        self._port = self._server.sockets[0].getsockname()[1]
        self._tasks.append(asyncio.create_task(self._let_time_pass()))
        return self

    async def __aexit__(self, *_failure: object) -> None:
        for board in list(self.boards.values()):
            await self.power_off(board)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            self._server.close()

    # ---- boards ----------------------------------------------------------------------------------

    async def power_on(self, board: Board, cause: str = _POWER_ON) -> None:
        """Starts it, and again whenever it resets or its watchdog bites, until `power_off`."""
        board.cause = cause
        self.boards[board.node_id] = board
        self._tasks.append(asyncio.create_task(self._keep_running(board)))

    async def power_off(self, board: Board) -> None:
        """Takes its power, between two instructions."""
        self.boards.pop(board.node_id, None)
        process, board.process = board.process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()
        self._unplug(board)

    def _unplug(self, board: Board) -> None:
        if board.station is not None:
            board.station.leave()
            board.station = None
        board.writer = None
        board.pins.clear()

    async def _keep_running(self, board: Board) -> None:
        while self.boards.get(board.node_id) is board:
            board.starts += 1
            board.fed_at, board.watchdog_ms = time.monotonic(), 0
            process = board.process = await self._spawn(board)
            watching = asyncio.create_task(self._watch(board, process))
            code = await process.wait()
            watching.cancel()
            if board.cause != _WATCHDOG:
                board.cause = _SOFTWARE if code == _RESET_EXIT else _POWER_ON
            self._unplug(board)
            await asyncio.sleep(_RESTART_S)

    async def _spawn(self, board: Board) -> asyncio.subprocess.Process:
        node = shutil.which("node")
        assert node is not None, missing()
        cause, board.cause = board.cause, _POWER_ON
        return await asyncio.create_subprocess_exec(
            node, "--max-old-space-size=64", str(_HOST),
            "--host", str(self._port), "--name", str(board.node_id), "--image", str(self._image),
            "--nvs", str(board.storage), "--cause", cause,
            stdin=asyncio.subprocess.DEVNULL, preexec_fn=_lower,
        )  # fmt: skip

    async def _watch(self, board: Board, process: asyncio.subprocess.Process) -> None:
        """The chip's watchdog: a program that does not feed it is restarted."""
        while process.returncode is None:
            await asyncio.sleep(0.5)
            silent_ms = (time.monotonic() - board.fed_at) * 1000
            if board.watchdog_ms and silent_ms > board.watchdog_ms:
                _LOG.warning("board %d: the watchdog bites", board.node_id)
                board.cause = _WATCHDOG
                process.send_signal(signal.SIGKILL)
                return

    # ---- one connection --------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            hello = json.loads(await reader.readline())
            board = self.boards[int(hello["name"])]
        except (ValueError, KeyError, OSError):
            writer.close()
            return
        board.writer = writer
        board.tell(pin=4, level=0 if board.jumper else 1)
        board.tell(adc=board.adc)
        board.tell(start=True)
        try:
            while line := await reader.readline():
                self._take(board, json.loads(line))
                board.changed.set()
        except (OSError, ValueError):
            _LOG.debug("board %d: connection lost", board.node_id)
        finally:
            writer.close()

    def _take(self, board: Board, said: dict[str, Any]) -> None:
        board.fed_at = time.monotonic()
        if "air" in said:
            self._send(board, bytes.fromhex(said["target"]), bytes.fromhex(said["air"]))
        elif "channel" in said:
            if board.station is not None:
                board.station.channel = said["channel"]
        elif "uart" in said:
            if board.bus is not None:
                board.tell(uart=board.bus.answer(bytes.fromhex(said["uart"])).hex())
        elif "usb" in said:
            board.on_usb(bytes.fromhex(said["usb"]))
        elif "pin" in said:
            board.pins[said["pin"]] = said["level"]
            board.on_pin(said["pin"], said["level"])
        elif "address" in said:
            self._join(board, bytes.fromhex(said["address"]))
        elif "watchdog_ms" in said:
            board.watchdog_ms = said["watchdog_ms"]
        elif "print" in said:
            board.printed.append(said["print"])
            _LOG.warning("board %d: %s", board.node_id, said["print"].rstrip())

    # ---- the air ---------------------------------------------------------------------------------

    def _join(self, board: Board, address: bytes) -> None:
        def receive(source: bytes, packet: bytes, rssi: int, _now_ms: int) -> None:
            board.tell(air=packet.hex(), source=source.hex(), rssi=rssi)

        board.station = self.ether.join(address, board.place, receive)

    def _send(self, board: Board, target: bytes, packet: bytes) -> None:
        if board.station is not None:
            self._time.run_until(self._now_us())
            board.station.send(target, packet)
            self._poke.set()

    def _now_us(self) -> int:
        return int((time.monotonic() - self._began) * 1_000_000)

    async def _let_time_pass(self) -> None:
        """The ether lives in real time: it moves whenever something is to happen in it."""
        while True:
            self._poke.clear()
            self._time.run_until(self._now_us())
            due_us = self._time.next_us
            pause_s = 1.0 if due_us is None else max(0.0, (due_us - self._now_us()) / 1_000_000)
            try:
                async with asyncio.timeout(pause_s):
                    await self._poke.wait()
            except TimeoutError:
                continue


def _lower() -> None:
    """In the child: others' work comes first, and it ends with us."""
    os.nice(_LOWER_BY)
