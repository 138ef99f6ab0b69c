"""A metered home whose meter is a real Uno's firmware: between world, board and gateway.

The board's serial line is carried to the port that the gateway opens, so that it can be cut as any
link, and so that the port outlives the board.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import math
import os
import time
from collections.abc import Callable
from pathlib import Path

from devices.esp32 import cobs, frame
from devices.simulator import plan
from devices.simulator.links import Impairments
from devices.simulator.memory import Memory
from devices.simulator.serial_link import open_port
from devices.simulator.uno.board import UnoBoard, UnoError
from devices.simulator.uno.build import BuildError, build
from devices.simulator.world import World

_LOG = logging.getLogger("neighbourhood")
_LOOK_S = 0.2
_AGAIN_S = 5.0
_REMEMBER_S = 5.0
_PIN = 0
_UWS_PER_WH = 3_600_000_000
_UWS_PER_WMS = 1_000
_CURRENT_DIVIDER = 2
"""The house's 40 A go through a current transformer that halves them for the 30 A sensor."""
_UA_PER_COUNT = 73_982 * _CURRENT_DIVIDER
_LEAST_FRAME = 34


class UnoNode:
    """One node.

    Args:
        node: what the plan says of it.
        home: where its EEPROM and its port are.
        settings: the board's, as its console takes them.
        memory: of the firmware on Python, which goes on from it if this machine loses the tools.

    Attributes:
        board: it runs the firmware; None before it is built.
        starts: how often its program was started.
        imported_wh: its register, None before it is known.
        is_closed: its contactor.
    """

    def __init__(
        self, node: plan.Node, home: Path, key: bytes, settings: dict[str, int], world: World,
        impairments: Impairments, memory: Memory,
    ) -> None:  # fmt: skip
        self.node = node
        self.board: UnoBoard | None = None
        self.starts = 0
        self.boot = 0
        self.imported_wh: int | None = None
        self.is_closed = False
        self._home = home
        self._key = key
        self._settings = {"ua_per_count": _UA_PER_COUNT, "active_low": 0, **settings}
        self._world = world
        self._impairments = impairments
        self._memory = memory
        self._node_end, self._gateway_end, self._close_port = open_port(home / f"node{node.id}.tty")
        self._packets = cobs.Packets()
        self._heard_readings = False
        self._remember_at = 0.0

    @staticmethod
    def eeprom_of(home: Path, node_id: int) -> Path:
        """The board's memory, once there is one."""
        return home / f"{node_id}.eeprom"

    def close(self) -> None:
        """Takes the port away."""
        self._close_port()

    async def run(self) -> None:
        """Builds the board and runs it until cancelled; one that dies is started again."""
        try:
            built = await asyncio.to_thread(build)
        except BuildError as error:
            _LOG.error("%s: the Uno's firmware cannot be built: %s", self.node.label, error)
            return
        while True:
            self.board = board = UnoBoard(built, self.eeprom_of(self._home, self.node.id))
            try:
                await self._live(board)
            except (UnoError, TimeoutError, OSError) as error:
                _LOG.warning("%s: its Uno: %s; it is started again", self.node.label, error)
            finally:
                await board.stop()
            await asyncio.sleep(_AGAIN_S)

    async def _live(self, board: UnoBoard) -> None:
        await board.start()
        await self._provision(board)
        self.starts += 1
        self._heard_readings = False
        _LOG.info("%s is metered by the Uno's firmware, in simavr", self.node.label)
        loop = asyncio.get_running_loop()
        pumps: list[tuple[int, Callable[[], None]]] = [
            (board.line, lambda: self._up(board)),
            (self._node_end, lambda: self._down(board)),
        ]
        for end, pump in pumps:
            loop.add_reader(end, pump)
        try:
            while board.runs:
                await self._look(board)
                await asyncio.sleep(_LOOK_S)
        finally:
            for end, _ in pumps:
                loop.remove_reader(end)
        raise UnoError("its process has ended")

    async def _provision(self, board: UnoBoard) -> None:
        """At the first start, and when key or settings are others: through the console."""
        wanted = hashlib.sha256(json.dumps(self._settings).encode() + self._key).hexdigest()
        stamp = self._home / f"{self.node.id}.provisioned"
        if not stamp.exists() or stamp.read_text() != wanted:
            await board.provision({"node": self.node.id, **self._settings}, self._key)
            stamp.write_text(wanted)

    async def _look(self, board: UnoBoard) -> None:
        """Its sensors see the world, the world its contact."""
        world, node_id = self._world, self.node.id
        factor = world.power_factor_pm(node_id) / 1000
        degrees = math.degrees(math.acos(max(-1.0, min(1.0, factor))))
        amperes = world.current_ma(node_id) / 1000 / _CURRENT_DIVIDER
        volts, temperature_dc = world.voltage_dv(node_id) / 10, world.temperature_dc(node_id)
        energy_uws = await board.look(volts, amperes, degrees, temperature_dc)
        self.is_closed = bool(board.pins >> _PIN & 1)
        world.closed[node_id] = self.is_closed
        if self._heard_readings:  # its memory holds nothing yet while it starts
            self.imported_wh = energy_uws // _UWS_PER_WH
            if time.monotonic() >= self._remember_at:
                self._remember_at = time.monotonic() + _REMEMBER_S
                await self._remember(energy_uws // _UWS_PER_WMS)

    async def _remember(self, wms: int) -> None:
        """What the firmware on Python would go on from, should this machine lose the tools."""
        state = {"boot": self.boot, "energy_wms": [0, wms, 0, wms, 0, 0]}
        if draft := self._memory.changed(state):
            await asyncio.to_thread(self._memory.write, draft)

    # ---- the line --------------------------------------------------------------------------------

    def _up(self, board: UnoBoard) -> None:
        data = _read(board.line)
        self._sniff(data)
        if data and not self._impairments.is_down:
            _write(self._node_end, data)

    def _down(self, board: UnoBoard) -> None:
        data = _read(self._node_end)
        if data and not self._impairments.is_down:
            _write(board.line, data)

    def _sniff(self, data: bytes) -> None:
        for made in self._packets.feed(data):
            if len(made) >= _LEAST_FRAME:
                self.boot = max(self.boot, int.from_bytes(made[6:10], "big"))
                self._heard_readings |= made[1] & 15 in (frame.KEYFRAME, frame.DELTA)


def _read(end: int) -> bytes:
    try:
        return os.read(end, 4096)
    except OSError:
        return b""


def _write(end: int, data: bytes) -> None:
    try:
        os.write(end, data)
    except OSError:
        _LOG.debug("nobody reads the line")
