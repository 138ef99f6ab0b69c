"""The neighbourhood's radio field: nodes that run the ESP32's firmware, on one simulated ether.

A hub with the gateway's cable, and nodes behind it whose sensors are the simulated world's. It runs
in a thread of its own, in real time; the world's loop and the field share plain numbers only.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import select
import threading
import time
import tty
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from devices.esp32 import cell, chips, frame, settings
from devices.esp32.hopping import CHANNELS
from devices.esp32.link import mac_of
from devices.esp32.node import Node as Firmware
from devices.simulator import plan as plans
from devices.simulator.boards import MODEM_UART, Board, WasmBoard
from devices.simulator.ether import ESP_NOW, POWER_LINE, Ether
from devices.simulator.links import Impairments
from devices.simulator.metering_chips import Bus, Shown
from devices.simulator.monitor import DIVIDER, commissioned, sensors_of
from devices.simulator.plc_modem import PlcModem
from devices.simulator.stored_board import StoredBoard
from devices.simulator.virtual_time import VirtualTime
from devices.simulator.world import World

_LOG = logging.getLogger("neighbourhood")
_SLOT_MS = 20
_WALLS = 39_145
"""Seed of what stands between places: with the plan's, neighbours hear each other with -79 to
-83 dBm, and the furthest node and the hub, at -101, never."""
_SESSION = 16
"""Messages until a receipt: the demonstration's quarter of an hour is short."""
_NAP_S = 0.01
_MOST_BEHIND_S = 0.5
_WMS_PER_WH = 3_600_000
MakeBoard = Callable[[plans.Node, Path, Bus], Board]
_ROLES = {"battery": settings.BATTERY, "board": settings.RELAY}


class FieldNode:
    """One node of the field, for the neighbourhood and its control port.

    Attributes:
        node: what the plan says of it.
        board: it runs the firmware.
        has_looked: its program has asked a chip: it counts from now on.
    """

    def __init__(
        self, node: plans.Node, board_storage: Path, board: MakeBoard, world: World,
        behind: Mapping[int, tuple[int, Firmware | None]],
    ) -> None:  # fmt: skip
        """`behind`: by relay the metering point that it switches, and that one's own firmware."""
        self.node = node
        self.is_down = False
        self.has_looked = False
        self._world = world
        battery = world.plan.battery_at(node.id)
        self._sensors = sensors_of(battery) if battery and not world.cell else None
        self._behind = behind
        self._begin = list(world.energy_wms[node.id])
        self._base = _registers_in(board_storage)
        self._shown_base = _chips_in(board_storage)
        chip = chips.PZEM if node.kind == "board" else chips.SDM120
        count = len(behind) if node.kind == "board" else 1
        self.board = board(node, board_storage, Bus(chip, count, self._look))

    def registers(self) -> list[int]:
        """The node's six registers, Wh: what its chip has counted."""
        counted = self._world.energy_wms[self.node.id]
        return [
            base + (now - begin) // _WMS_PER_WH
            for base, now, begin in zip(self._base, counted, self._begin, strict=True)
        ]

    def sense(self) -> None:
        """Contacts move and the battery is measured; called at every step of the world."""
        if self._sensors is not None:
            seen_mv = self._sensors.voltage_mv(self._world.banks[self.node.id])
            self.board.adc = min(cell.FULL_SCALE, _counts(seen_mv, DIVIDER))
        elif self._world.cell and self.node.id == self._world.plan.battery.node:
            cell_mv = cell.EMPTY_MV + self._world.soc_bp * (cell.FULL_MV - cell.EMPTY_MV) // 10_000
            self.board.adc = -(-cell_mv * cell.FULL_SCALE // (2 * cell.REFERENCE_MV))
        for pin, (node_id, _) in self._behind.items():
            closed = self.board.contact(pin)
            if closed is not None:
                self._world.closed[node_id] = closed

    def relays(self) -> dict[str, dict[str, Any]]:
        """By pin what its contacts are, for the control port."""
        return {str(pin): {"closed": bool(self.board.contact(pin))} for pin in self._behind}

    def _look(self, i: int) -> Shown:
        """Chip `i` at this moment."""
        self.has_looked = True
        world = self._world
        if self.node.kind == "board":
            node_id, firmware = self._behind[i]
            wh = firmware.register_wh(frame.IMPORTED_WH) if firmware else 0
            return Shown(wh, 0, world.voltage_dv(node_id), world.current_ma(node_id))
        node_id = self.node.id
        battery = node_id in world.banks
        lanes = (4, 5) if battery else (frame.IMPORTED_WH, frame.EXPORTED_WH)
        now, begin = world.energy_wms[node_id], self._begin
        shown = [
            self._shown_base[n] + (now[lane] - begin[lane]) // _WMS_PER_WH
            for n, lane in enumerate(lanes)
        ]
        imported_wh, exported_wh = shown
        power_w = world.flows[node_id].into_node_w
        if self._sensors is not None:
            power_w = self._sensors.power_w(power_w, world.banks[node_id])
        return Shown(
            imported_wh,
            exported_wh,
            world.voltage_dv(node_id),
            world.current_ma(node_id),
            power_w,
            world.power_factor_pm(node_id),
        )


class Field:
    """All of them; `start` and `stop`.

    Attributes:
        nodes: by id, the hub not among them.
    """

    def __init__(
        self, home: Path, hub: plans.Node, world: World, slot_s: float, compiled: bool
    ) -> None:
        """`compiled`: boards run the compiled firmware, each in a process; else on Python, here."""
        self.nodes: dict[int, FieldNode] = {}
        self.ether = Ether(VirtualTime(), ESP_NOW, _WALLS)
        self.line = Ether(self.ether.time, POWER_LINE, _WALLS)
        self._home = home
        self._world = world
        self._cuts: set[frozenset[int]] = set()
        self._slot_s = max(1, round(slot_s))
        self._hub_plan = hub
        self._compiled = compiled
        self._hub = self._board(hub, self._storage(hub.id))
        self._line, self._gateway_end = -1, -1
        self._port = home / f"node{hub.id}.tty"
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="radio field", daemon=True)

    def add(
        self, node: plans.Node, key: bytes, behind: Mapping[int, tuple[int, Firmware | None]],
        config: Mapping[str, int],
    ) -> FieldNode:  # fmt: skip
        """A node provisioned with these settings."""
        storage = self._storage(node.id)
        role = _ROLES.get(node.kind, settings.METER)
        relays = len(behind)
        count = relays if node.kind == "board" else 1
        sample_ms = 200 if relays else 1000
        bare = {"role": role, "relays": relays, "chips": count, "sample_ms": sample_ms}
        chip = chips.PZEM if node.kind == "board" else chips.SDM120
        self._provision(storage, node.id, key, {**bare, "chip": chip, **config})
        made = FieldNode(node, storage, self._board, self._world, behind)
        self.nodes[node.id] = made
        return made

    def start(self, hub_key: bytes) -> None:
        """Switches everything on."""
        config = {"role": settings.GATEWAY, "chip": 0}
        self._provision(self._storage(self._hub_plan.id), self._hub_plan.id, hub_key, config)
        self._line, self._gateway_end = os.openpty()
        tty.setraw(self._gateway_end)
        os.set_blocking(self._line, False)
        draft = self._port.with_name(self._port.name + ".draft")
        draft.unlink(missing_ok=True)
        draft.symlink_to(os.ttyname(self._gateway_end))
        draft.replace(self._port)
        self._hub.on_usb = self._to_gateway
        for node in self.nodes.values():
            node.sense()  # no board is to see a converter at nothing
        self._thread.start()

    @property
    def counts_batteries(self) -> bool:
        """Whether every battery's board is at work: what flows before it is never counted."""
        return all(
            node.has_looked
            for node in self.nodes.values()
            if self._world.plan.battery_at(node.node.id)
        )

    def stop(self) -> None:
        """Takes all power."""
        self._stop.set()
        self._thread.join(timeout=5)
        for board in (self._hub, *(node.board for node in self.nodes.values())):
            board.power_off()
        self._port.unlink(missing_ok=True)
        for end in (self._line, self._gateway_end):
            if end >= 0:
                os.close(end)

    def cut(self, a: int, b: int, is_cut: bool) -> None:
        """Nothing passes by ESP-NOW between two nodes, or again. Raises KeyError for one without a
        radio."""
        known = {self._hub_plan.id, *self.nodes}
        for node_id in (a, b):
            if node_id not in known:
                raise KeyError(node_id)
        (self._cuts.add if is_cut else self._cuts.discard)(frozenset((a, b)))
        self._apply_cut(a, b)

    def commission(self, node_id: int, soc_bp: int) -> None:
        """Tells a battery's board the charge of its bank; a compiled one by its settings, as its
        console would, and a start."""
        board, storage = self.nodes[node_id].board, self._storage(node_id)
        with self._lock:
            if isinstance(board, StoredBoard):
                if board.app is not None:
                    board.app.commission(soc_bp)
                return
            board.power_off()
            stored = json.loads(storage.read_text())
            config = {**json.loads(bytes.fromhex(stored["config"])), "charge": soc_bp}
            _write(storage, {**stored, "config": json.dumps(config).encode().hex()})
            board.power_on()

    def jam(self, is_jammed: bool) -> None:
        """Somebody's noise destroys everything on ESP-NOW's channels, or no longer."""
        with self._lock:
            self.ether.faults.jammed = dict.fromkeys(CHANNELS, 1000) if is_jammed else {}

    def sense(self, impairments: Mapping[int, Impairments]) -> None:
        """Every node looks at the world, which has moved; a link that is down is one cut to all."""
        for node_id, node in self.nodes.items():
            node.sense()
            is_down = impairments[node_id].is_down
            if is_down != node.is_down:
                node.is_down = is_down
                for other in (self._hub_plan.id, *self.nodes):
                    if other != node_id:
                        self._apply_cut(node_id, other)
                        with self._lock:
                            self.line.cut(mac_of(node_id), mac_of(other), is_down)

    def described(self) -> dict[str, Any]:
        """Who is where, and what is cut: what only a simulation can know."""
        boards = {self._hub_plan.id: self._hub, **{n: f.board for n, f in self.nodes.items()}}
        with self._lock:
            return {
                "nodes": [
                    {"node_id": n, "x_m": b.place[0], "y_m": b.place[1], "starts": b.starts,
                     "on": b.is_on, "printed": b.printed[-3:]}
                    for n, b in boards.items()
                ],
                "links": [
                    {"a": a, "b": b, "cut": self.ether.is_cut(mac_of(a), mac_of(b))}
                    for a in boards for b in boards if a < b
                ],
                "jammed": bool(self.ether.faults.jammed),
                "tally": {
                    name: getattr(self.ether.tally, name) for name in self.ether.tally.__slots__
                },
            }  # fmt: skip

    # ---- inside ----------------------------------------------------------------------------------

    def _apply_cut(self, a: int, b: int) -> None:
        down = any(self.nodes[n].is_down for n in (a, b) if n in self.nodes)
        with self._lock:
            self.ether.cut(mac_of(a), mac_of(b), down or frozenset((a, b)) in self._cuts)

    def _board(self, node: plans.Node, storage: Path, bus: Bus | None = None) -> Board:
        assert node.radio is not None
        place = (node.radio[0], node.radio[1])
        made: Board
        if self._compiled:
            made = WasmBoard(self.ether, place, storage, bus)
        else:
            made = StoredBoard(self.ether, place, storage, bus)
        made.attach(MODEM_UART, PlcModem(self.line, mac_of(node.id), place))
        return made

    def _storage(self, node_id: int) -> Path:
        return self._home / f"{node_id}.nvs"

    def _secret(self) -> str:
        """What the radios of this network share; made once."""
        path = self._home / "radio.secret"
        if not path.exists():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            os.write(descriptor, secrets.token_hex(settings.SECRET_SIZE).encode())
            os.close(descriptor)
        return path.read_text().strip()

    def _provision(
        self, storage: Path, node_id: int, key: bytes, config: Mapping[str, int]
    ) -> None:
        """Writes the settings beside what the board remembers; a first start takes over what the
        node remembered while it ran on Python."""
        stored = json.loads(storage.read_text()) if storage.exists() else {}
        whole = {
            **settings.defaults(), "node": node_id, "slot_ms": _SLOT_MS, "status_s": 15,
            "session": _SESSION, "active_low": 0, "slot_s": self._slot_s,
            "modem": settings.POWER_LINE, **config,
            "key": key.hex(), "secret": self._secret(),
        }  # fmt: skip
        stored["config"] = json.dumps(whole).encode().hex()
        before = storage.with_suffix(".nvm.json")
        if "memory" not in stored:  # its chips are as new as it is, and show nothing yet
            remembered = json.loads(before.read_text()) if before.exists() else {}
            remembered["chips"] = [0] * 2 * whole["chips"]
            if battery := self._world.plan.battery_at(node_id):
                remembered.setdefault("battery", commissioned(battery.soc_bp))
            stored["memory"] = json.dumps(remembered).encode().hex()
        _write(storage, stored)

    def _to_gateway(self, data: bytes) -> None:
        try:
            os.write(self._line, data)
        except OSError:
            _LOG.debug("nobody reads the hub's line")

    def _run(self) -> None:
        """The field's own loop: virtual time follows the wall clock, or falls behind it."""
        for board in (self._hub, *(node.board for node in self.nodes.values())):
            board.power_on()
        virtual = self.ether.time
        origin = time.monotonic() - virtual.now_us / 1_000_000
        while not self._stop.is_set():
            now_s = time.monotonic() - origin
            if now_s - virtual.now_us / 1_000_000 > _MOST_BEHIND_S:
                origin = time.monotonic() - virtual.now_us / 1_000_000 - _MOST_BEHIND_S
                now_s = time.monotonic() - origin
            with self._lock:
                virtual.run_until(int(now_s * 1_000_000))
            readable, _, _ = select.select([self._line], [], [], _NAP_S)
            if readable:
                try:
                    self._hub.type(os.read(self._line, 4096))
                except OSError:
                    time.sleep(_NAP_S)


def _counts(seen_mv: int, divider: int) -> int:
    """What a converter behind a divider shows of a voltage, to the nearest."""
    range_mv = divider * cell.REFERENCE_MV
    return (2 * seen_mv * cell.FULL_SCALE + range_mv) // (2 * range_mv)


def _write(storage: Path, stored: Mapping[str, str]) -> None:
    """A board's storage, whole or not at all, for its owner alone."""
    draft = storage.with_name(storage.name + ".draft")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(stored))
    draft.replace(storage)


def _memory_in(storage: Path) -> dict[str, Any]:
    try:
        stored = json.loads(storage.read_text())
        return dict(json.loads(bytes.fromhex(stored["memory"])))
    except (OSError, ValueError, KeyError):
        return {}


def _registers_in(storage: Path) -> list[int]:
    energy = _memory_in(storage).get("energy_wms", [0] * 6)
    return [int(lane) // _WMS_PER_WH for lane in energy]


def _chips_in(storage: Path) -> list[int]:
    """What the first chip showed when the board last looked: it goes on from there."""
    shown = _memory_in(storage).get("chips", [0, 0])
    return [max(0, int(wh)) for wh in shown[:2]]
