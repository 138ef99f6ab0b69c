"""Provisioned boards in virtual time, and a gateway for tests behind the hub's cable."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from field_gateway import Gateway

from devices.esp32 import chips, cobs, frame, settings
from devices.esp32.link import mac_of
from devices.esp32.lora_link import application_key, device_eui
from devices.simulator.boards import MODEM_UART, Board, WasmBoard, missing
from devices.simulator.ether import ESP_NOW, LORAWAN, POWER_LINE, Ether
from devices.simulator.lora_module import LoraModule
from devices.simulator.lora_network import LoraNetwork
from devices.simulator.metering_chips import Bus, Shown
from devices.simulator.plc_modem import PlcModem
from devices.simulator.virtual_board import VirtualBoard
from devices.simulator.virtual_time import VirtualTime

needs_boards = pytest.mark.skipif(missing() is not None, reason=f"needs {missing()}")
SECRET = "a5" * 16
HUB = 100
HOUR_MS = 3_600_000
START_S = 1_790_000_000
FAST = {"reading_s": 1, "slot_s": 0, "status_s": 5}


def key_of(node_id: int) -> bytes:
    return bytes([node_id]) * 32


class Bench:
    """An ether, a hub on it whose cable leads to a gateway, and boards.

    Attributes:
        shown: what the metering chips show, by node and number.
        said: what came over a board's cable.
        lose: asked for each packet on the hub's cable, both ways: is it lost?
        line, lora: the power line and LoRaWAN's air, for boards with such a modem.
        network: LoRaWAN's far end, which leads to the gateway as the hub's cable does.
    """

    def __init__(
        self, folder: Path, nodes: tuple[int, ...], compiled: bool, seed: int, slot_ms: int,
        hub: dict[str, int], cipher: Callable[[bytes], object],
    ) -> None:  # fmt: skip
        self.time = VirtualTime()
        self.ether = Ether(self.time, ESP_NOW, seed)
        self.line = Ether(self.time, POWER_LINE, seed)
        self.lora = Ether(self.time, LORAWAN, seed)
        self.network = LoraNetwork(self.lora, (0, 0), lambda data: self._take(data, self._by_lora))
        keys = {node: key_of(node) for node in (*nodes, HUB)}
        self.gateway = Gateway(keys, lambda: START_S + self.time.now_us / 1_000_000)
        self.shown: dict[tuple[int, int], Shown] = {}
        self.said: dict[int, bytes] = {}
        self.boards: dict[int, Board] = {}
        self.lose: Callable[[], bool] = lambda: False
        self.compiled = compiled
        self._folder = folder
        self._partial = b""
        self._seed = seed
        self.cipher = cipher
        self._down: dict[int, Callable[[bytes], object]] = {}
        self.hub = self.board(HUB, (0, 0), chip=0, role=settings.GATEWAY, slot_ms=slot_ms, **hub)
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
            draws = f"{self._seed} {node_id}"
            board = VirtualBoard(self.ether, place, whole, bus, self.cipher, draws)
        self.boards[node_id] = board
        self._attach(node_id, board, whole.get("modem", 0))
        board.power_on()
        return board

    def _attach(self, node_id: int, board: Board, modem: int) -> None:
        address = mac_of(node_id)
        if modem == settings.POWER_LINE:
            board.attach(MODEM_UART, PlcModem(self.line, address, board.place))
        elif modem == settings.LORAWAN:
            board.attach(MODEM_UART, LoraModule(self.lora, address, board.place, node_id))
            key = application_key(bytes.fromhex(SECRET), node_id)
            self.network.know(node_id, device_eui(node_id), key, address)

    def blank(self, node_id: int, place: tuple[float, float], bus: Bus | None = None) -> WasmBoard:
        """One that was not provisioned, without power."""
        storage = self._folder / f"{node_id}.nvs"
        board = WasmBoard(self.ether, place, storage, bus, seed=f"{self._seed} {node_id}")
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
                self._take(cobs.decode(packet), self._to_hub)

    def _by_lora(self, made: bytes) -> None:
        self.network.send(made)

    def _take(self, raw: bytes, down: Callable[[bytes], object]) -> None:
        """What goes down takes the line on which the node was heard last, as the service does."""
        node, boot, sequence, result = self.gateway._take(raw)
        self.gateway.seen[result] += 1
        if node in self.gateway.nodes and result in frame.RESULT_NAMES[:8]:
            assert node is not None
            assert boot is not None
            self._down[node] = down
            assert sequence is not None
            entry = (boot, sequence, frame.RESULT_NAMES.index(result))
            self.send(node, frame.RESULTS, frame.put_results([entry]))
            if raw[14:18] == bytes(4):
                self.gateway._set_clock(node, self.gateway.nodes[node])
                for made in self.gateway._taken(node):
                    down(bytes.fromhex(made))

    def send(self, node_id: int, kind: int, payload: bytes) -> None:
        """A downlink frame."""
        sender = self.gateway.nodes[node_id]
        sender.downlink += 1
        now_s = int(self.gateway.clock())
        made = frame.encode(kind, node_id, 1, sender.downlink, now_s, payload, sender.key)
        self._down.get(node_id, self._to_hub)(made)

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
    folder: Path, *nodes: int, compiled: bool = True, seed: int = 1, slot_ms: int = 8,
    cipher: Callable[[bytes], object] = lambda secret: None, **hub: int,
) -> Iterator[Bench]:  # fmt: skip
    """A bench with its hub started, with further settings for it; all power is off afterwards.

    `cipher`: of boards on Python; compiled ones encrypt by themselves.
    """
    made = Bench(folder, nodes, compiled, seed, slot_ms, hub, cipher)
    try:
        yield made
    finally:
        for board in made.boards.values():
            board.power_off()
