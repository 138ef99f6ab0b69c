"""Provisioned boards in virtual time, and a gateway for tests behind the hub's cable."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from field_gateway import Gateway

from devices.esp32 import chips, cobs, frame, settings
from devices.simulator.boards import Board, WasmBoard, missing
from devices.simulator.ether import ESP_NOW, Ether
from devices.simulator.metering_chips import Bus, Shown
from devices.simulator.virtual_board import VirtualBoard
from devices.simulator.virtual_time import VirtualTime

needs_boards = pytest.mark.skipif(missing() is not None, reason=f"needs {missing()}")
SECRET = "a5" * 16
HUB = 100
HOUR_MS = 3_600_000
FAST = {"reading_s": 1, "slot_s": 0, "status_s": 5}


def key_of(node_id: int) -> bytes:
    return bytes([node_id]) * 32


class Bench:
    """An ether, a hub on it whose cable leads to a gateway, and boards.

    Attributes:
        shown: what the metering chips show, by node and number.
        said: what came over a board's cable.
        lose: asked for each packet on the hub's cable, both ways: is it lost?
    """

    def __init__(
        self, folder: Path, nodes: tuple[int, ...], compiled: bool, seed: int, slot_ms: int
    ) -> None:
        self.time = VirtualTime()
        self.ether = Ether(self.time, ESP_NOW, seed)
        self.gateway = Gateway({node: key_of(node) for node in (*nodes, HUB)})
        self.shown: dict[tuple[int, int], Shown] = {}
        self.said: dict[int, bytes] = {}
        self.boards: dict[int, Board] = {}
        self.lose: Callable[[], bool] = lambda: False
        self.compiled = compiled
        self._folder = folder
        self._partial = b""
        self.hub = self.board(HUB, (0, 0), chip=0, role=settings.GATEWAY, slot_ms=slot_ms)
        self.hub.on_usb = self._from_hub

    # ---- boards ----------------------------------------------------------------------------------

    def board(
        self, node_id: int, place: tuple[float, float], chip: int = chips.PZEM, **config: int
    ) -> Board:
        """A board with these settings, running."""
        chosen = {**FAST, "chip": chip, "node": node_id, **config}
        whole = {**chosen, "key": key_of(node_id).hex(), "secret": SECRET}
        bus = Bus(chip, 4, lambda i: self.shown.get((node_id, i), Shown(0)))
        board: Board
        if self.compiled:
            board = self.blank(node_id, place, bus)
            stored = {"config": json.dumps({**settings.defaults(), **whole}).encode().hex()}
            board.storage.write_text(json.dumps(stored))
        else:
            board = VirtualBoard(self.ether, place, whole, bus)
        self.boards[node_id] = board
        board.power_on()
        return board

    def blank(self, node_id: int, place: tuple[float, float], bus: Bus | None = None) -> WasmBoard:
        """One that was not provisioned, without power."""
        board = WasmBoard(self.ether, place, self._folder / f"{node_id}.nvs", bus)
        self.boards[node_id] = board
        self.said[node_id] = b""

        def hear(data: bytes) -> None:
            self.said[node_id] += data

        board.on_usb = hear
        return board

    def ask(self, board: WasmBoard, line: str) -> str:
        """The console's answer."""
        node_id = int(board.storage.stem)
        self.said[node_id] = b""
        board.type(line.encode() + b"\n")
        self.until(lambda: self.said[node_id].endswith(b"ok\n") or b"error" in self.said[node_id])
        return self.said[node_id].decode()

    # ---- time ------------------------------------------------------------------------------------

    def run(self, ms: int) -> None:
        self.time.run_for_ms(ms)

    def until(self, condition: Callable[[], object], within_ms: int = 300_000) -> None:
        """Lets time pass until something is so."""
        ends_us = self.time.now_us + within_ms * 1000
        while not condition():
            due_us = self.time.next_us
            assert due_us is not None
            assert due_us <= ends_us, "it did not come to pass"
            self.time.run_until(due_us)

    # ---- the gateway -----------------------------------------------------------------------------

    def _from_hub(self, data: bytes) -> None:
        *packets, self._partial = (self._partial + data).split(b"\0")
        for packet in filter(None, packets):
            if not self.lose():
                self._take(cobs.decode(packet))

    def _take(self, raw: bytes) -> None:
        node, boot, sequence, result = self.gateway._take(raw)
        self.gateway.seen[result] += 1
        if node in self.gateway.nodes and result in frame.RESULT_NAMES[:8]:
            assert boot is not None
            assert sequence is not None
            entry = (boot, sequence, frame.RESULT_NAMES.index(result))
            self.send(node, frame.RESULTS, frame.put_results([entry]))
            if raw[14:18] == bytes(4):
                self.gateway._set_clock(node, self.gateway.nodes[node])
                for made in self.gateway._taken(node):
                    self._to_hub(bytes.fromhex(made))

    def send(self, node_id: int, kind: int, payload: bytes) -> None:
        """A downlink frame into the hub's cable."""
        sender = self.gateway.nodes[node_id]
        sender.downlink += 1
        now_s = int(time.time())
        self._to_hub(frame.encode(kind, node_id, 1, sender.downlink, now_s, payload, sender.key))

    def command(
        self, node_id: int, command_id: int, pin: int, closed: int, cutoff_wh: int = 0
    ) -> None:
        payload = frame.put_command(command_id, pin, closed, cutoff_wh, 0)
        self.send(node_id, frame.COMMAND, payload)

    def insist(self, node_id: int, command_id: int, **order: int) -> None:
        """The command again until it is acknowledged, as a gateway does."""
        acks = self.gateway.nodes[node_id].acks
        for _ in range(10):
            self.command(node_id, command_id, **order)
            self.run(3_000)
            if any(ack[0] == command_id for ack in acks):
                return
        raise AssertionError("no acknowledgement came")

    def _to_hub(self, made: bytes) -> None:
        if not self.lose():
            self.hub.type(cobs.encode(made) + b"\0")


@contextmanager
def bench(
    folder: Path, *nodes: int, compiled: bool = True, seed: int = 1, slot_ms: int = 8
) -> Iterator[Bench]:
    """A bench with its hub started; all power is off afterwards."""
    made = Bench(folder, nodes, compiled, seed, slot_ms)
    try:
        yield made
    finally:
        for board in made.boards.values():
            board.power_off()
