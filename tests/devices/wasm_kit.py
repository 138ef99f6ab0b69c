"""Boards on a workbench, provisioned over their cable, and a gateway for tests behind one of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from field_gateway import Gateway

from devices.esp32 import chips, cobs, frame
from devices.simulator.boards import Board, Workbench, missing
from devices.simulator.ether import ESP_NOW, Ether
from devices.simulator.metering_chips import Bus, Shown
from devices.simulator.virtual_time import VirtualTime

needs_boards = pytest.mark.skipif(missing() is not None, reason=f"needs {missing()}")
SECRET = "a5" * 16
HUB = 100
WITHIN_S = 40.0
FAST = {"slot_ms": 20, "reading_s": 1, "slot_s": 0, "status_s": 5}


def key_of(node_id: int) -> bytes:
    return bytes([node_id]) * 32


class Bench:
    """A workbench with a hub whose cable leads to a gateway.

    Attributes:
        shown: what the metering chips show, by node and number.
    """

    def __init__(self, workbench: Workbench, folder: Path, nodes: tuple[int, ...]) -> None:
        self.workbench = workbench
        self.gateway = Gateway({node: key_of(node) for node in (*nodes, HUB)})
        self.shown: dict[tuple[int, int], Shown] = {}
        self.said: dict[int, bytes] = {}
        self._folder = folder
        self._partial = b""
        self._packets: asyncio.Queue[bytes] = asyncio.Queue()
        self.hub: Board | None = None

    async def board(
        self, node_id: int, place: tuple[float, float], chip: int = chips.PZEM, **config: int | str
    ) -> Board:
        """A board provisioned over its cable, running."""
        bus = Bus(chip, 4, lambda i: self.shown.get((node_id, i), Shown(0)))
        board = Board(node_id, self._folder / f"{node_id}.nvs", place, bus)
        self.said[node_id] = b""
        board.on_usb = lambda data: self._hear(node_id, data)
        await self.workbench.power_on(board)
        await board.until(lambda: self.said[node_id].endswith(b"\n"), WITHIN_S)
        lines = [f"set {name} {value}" for name, value in {**FAST, "chip": chip, **config}.items()]
        lines += [f"set node {node_id}", f"key {key_of(node_id).hex()}", f"secret {SECRET}", "save"]
        for line in lines:
            await self.type(board, line)
        board.type(b"restart\n")
        await board.until(lambda: board.starts == 2 and board.station is not None, WITHIN_S)
        return board

    async def type(self, board: Board, line: str) -> str:
        """The console's answer."""
        self.said[board.node_id] = b""
        board.type(line.encode() + b"\n")
        done = (b"ok\n", b"error")
        await board.until(
            lambda: any(word in self.said[board.node_id] for word in done), WITHIN_S
        )
        return self.said[board.node_id].decode()

    def _hear(self, node_id: int, data: bytes) -> None:
        self.said[node_id] += data

    async def start_hub(self, place: tuple[float, float] = (0, 0)) -> Board:
        """The hub, its cable in the gateway."""
        self.hub = await self.board(HUB, place, role="gateway", chip=0)
        self._partial = b""
        self.hub.on_usb = self._from_hub
        return self.hub

    def _from_hub(self, data: bytes) -> None:
        *packets, self._partial = (self._partial + data).split(b"\0")
        for packet in packets:
            if packet:
                self._packets.put_nowait(packet)

    async def serve(self) -> None:
        """Answers what comes over the hub's cable, for ever."""
        while True:
            try:
                packet = await asyncio.wait_for(self._packets.get(), 0.05)
            except TimeoutError:
                self._deliver()
                continue
            try:
                raw = cobs.decode(packet)
            except ValueError:
                continue  # the console's last words, before the restart
            answer = (await self.gateway.take([raw]))[0]
            node = answer["node"]
            if answer["result"] in frame.RESULT_NAMES[:8]:
                number = frame.RESULT_NAMES.index(answer["result"])
                entry = (answer["boot"], answer["sequence"], number)
                await self.gateway.send(node, frame.RESULTS, frame.put_results([entry]))
                if raw[14:18] == bytes(4):
                    self.gateway._set_clock(node, self.gateway.nodes[node])
            self._deliver()

    def _deliver(self) -> None:
        assert self.hub is not None
        for node in self.gateway.nodes:
            for made in self.gateway._taken(node):
                self.hub.type(cobs.encode(bytes.fromhex(made)) + b"\0")

    async def until(self, condition: object) -> None:
        await self.gateway.until(condition, WITHIN_S)  # type: ignore[arg-type]


@asynccontextmanager
async def bench(folder: Path, *nodes: int, seed: int = 1) -> AsyncIterator[Bench]:
    """A workbench with its hub started."""
    async with Workbench(Ether(VirtualTime(), ESP_NOW, seed)) as workbench:
        made = Bench(workbench, folder, nodes)
        await made.start_hub()
        serving = asyncio.create_task(made.serve())
        try:
            yield made
        finally:
            serving.cancel()
