"""The whole simulated neighbourhood: one world, a task for each node, its clock and its state."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import aiohttp

from devices.esp32 import frame
from devices.esp32.element import Sealer
from devices.esp32.node import Node as Firmware
from devices.esp32.relay import Relay
from devices.simulator import plan as plans
from devices.simulator.battery import DemonstrationCell
from devices.simulator.charging.fleet import Fleet
from devices.simulator.element import open_element
from devices.simulator.field import Field
from devices.simulator.links import HttpLink, ImpairedLink, Impairments, Link
from devices.simulator.memory import Memory
from devices.simulator.meter import Heartbeat, Meter, Timing
from devices.simulator.monitor import Monitor, settings_of
from devices.simulator.mqtt_link import MqttBroker, MqttLink
from devices.simulator.profiles import SLOT_MS, load_profiles
from devices.simulator.serial_link import SerialLink
from devices.simulator.uno.node import UnoNode
from devices.simulator.world import World

_LOG = logging.getLogger("neighbourhood")
_VERSION = (1, 0, 0)
_SIMULATED = 0
_SPOOL_READINGS = 512
_TRIP_HOLD_MS = 30_000
_STEP_S = 0.2
_BOARDS_START_S = 30.0
_SAVE_EVERY_S = 5.0
_TIE_HOLDS_S = 5.0
_MIRROR_EVERY_S = 0.25
_SAME_TIME_MS = 900_000


class NeighbourhoodError(RuntimeError):
    """The neighbourhood cannot start; the message names the cause and the fix."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to run.

    Attributes:
        home: where keys are, and memories and the serial port's name go.
        gateway: its URL, without a slash at the end.
        slot_seconds: how long a quarter of an hour of the profiles lasts.
        reading_s, battery_reading_s: between readings.
        fail_safe_s: silence of the gateway after which relays fall to their fail-safe state.
        answer_s: how long a node waits for the gateway's answer before it repeats.
        nodes: the nodes to run; None for all. A board brings its outlets' meters.
        demonstration: the tabletop battery in place of the bank.
        near_control: control port of the neighbourhood that is this one's main grid; None: the
            grid is nobody's in particular.
        charging: URL of the charging service, such as ws://127.0.0.1:9016; None: charge points
            have nobody to ask and serve whoever plugs in.
        mqtt: broker of the nodes whose transport is mqtt; None: they use HTTP.
        boards: what runs the ESP32's firmware of nodes with a radio, on the simulated air;
            "none": they have no radio, and a link of their own as the others.
        charging_ca: certificate of who vouches for the charging service, where that is wss.
        uno: nodes of an Arduino Uno run its compiled firmware, in simavr.
    """

    home: Path
    gateway: str
    slot_seconds: float
    reading_s: float
    battery_reading_s: float
    fail_safe_s: float
    answer_s: float = 10.0
    nodes: frozenset[int] | None = None
    demonstration: bool = False
    near_control: str | None = None
    charging: str | None = None
    charging_ca: Path | None = None
    mqtt: MqttBroker | None = None
    boards: Literal["none", "python", "compiled"] = "none"
    uno: bool = False


def read_key(home: Path, node_id: int) -> bytes:
    """The node's key.

    Raises:
        NeighbourhoodError: there is none, or it is not 64 hex digits.
    """
    path = home / f"{node_id}.key"
    try:
        key = bytes.fromhex(path.read_text().strip())
    except OSError as error:
        raise NeighbourhoodError(f"{path}: {error.strerror}; provision the node first") from error
    except ValueError:
        key = b""
    if len(key) != 32:
        raise NeighbourhoodError(f"{path}: a key is 64 hex digits; provision the node again")
    return key


def read_sealer(home: Path, node_id: int) -> Sealer | None:
    """The node's secure element with what it was enrolled for; None before it is enrolled.

    Raises:
        NeighbourhoodError: the enrolment is damaged.
    """
    path = home / f"{node_id}.enrolment.json"
    try:
        told = json.loads(path.read_text())
        ledger = bytes.fromhex(told["ledger"].removeprefix("0x"))
        chain_id, enrolment = int(told["chain_id"]), int(told["enrolment"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NeighbourhoodError(f"{path}: {error}; provision the node again") from error
    return Sealer(open_element(home, node_id), chain_id, ledger, node_id, enrolment)


class Neighbourhood:
    """Everything that runs; make it inside a running event loop and call `run`."""

    def __init__(
        self, plan: plans.Plan, settings: Settings, session: aiohttp.ClientSession
    ) -> None:
        self.plan = plan
        self.settings = settings
        self.world = World.at_start(plan, load_profiles())
        self.meters: dict[int, Meter] = {}
        self.impairments: dict[int, Impairments] = {}
        self.field: Field | None = None
        self.unos: dict[int, UnoNode] = {}
        self._heartbeat = Heartbeat()
        self._session = session
        self._memory = Memory(settings.home / "world.json")
        self._serial: list[SerialLink] = []
        self._mqtt: list[MqttLink] = []
        self._tie_until = 0.0
        if settings.demonstration:
            self.world.cell = DemonstrationCell()
        self._recall()
        self._build()
        running = [charger for charger in plan.chargers if charger.node in self.meters]
        self.fleet = Fleet(running, plan.cars, self.world, settings, session)

    @property
    def factor(self) -> float:
        """How much faster than the wall clock the neighbourhood lives."""
        return SLOT_MS / 1000 / self.settings.slot_seconds

    async def run(self) -> None:
        """Runs every node until cancelled, then saves all state."""
        _LOG.info(
            "%d nodes run, %d behind a serial line and %d behind a broker; factor %.0f",
            len(self.meters), len(self._serial), len(self._mqtt), self.factor,
        )  # fmt: skip
        if self.field:
            hub = next(node for node in self.plan.nodes if node.hub)
            self.field.start(read_key(self.settings.home, hub.id))
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._live())
                tasks.create_task(self._save_for_ever())
                if self.settings.near_control is not None:
                    tasks.create_task(self._mirror(self.settings.near_control))
                for meter in self.meters.values():
                    tasks.create_task(meter.run())
                for uno in self.unos.values():
                    tasks.create_task(uno.run())
                for charger in self.fleet.chargers.values():
                    tasks.create_task(charger.run())
        finally:
            if self.field:
                await asyncio.to_thread(self.field.stop)
            self._save()
            self.fleet.save()
            for meter in self.meters.values():
                meter.save()
            lines: list[SerialLink | MqttLink | UnoNode]
            lines = [*self._serial, *self._mqtt, *self.unos.values()]
            for line in lines:
                line.close()

    # ---- building --------------------------------------------------------------------------------

    def _chosen(self) -> list[plans.Node]:
        wanted = self.settings.nodes
        known = {node.id for node in self.plan.nodes}
        if wanted is not None and not wanted <= known:
            unknown = ", ".join(map(str, sorted(wanted - known)))
            raise NeighbourhoodError(f"--nodes: {unknown}: not in the plan ({sorted(known)})")
        return [
            node
            for node in self.plan.nodes
            if wanted is None or node.id in wanted or (node.outlet and node.board in wanted)
        ]

    def _build(self) -> None:
        self.settings.home.mkdir(parents=True, exist_ok=True)
        chosen = self._chosen()
        hub = next((node for node in chosen if node.hub), None)
        boards, slot_s = self.settings.boards, self.settings.slot_seconds
        if boards != "none" and hub is not None:
            home = self.settings.home
            self.field = Field(home, hub, self.world, slot_s, boards == "compiled")
        memories = {node.id: Memory(self.settings.home / f"{node.id}.nvm.json") for node in chosen}
        firmware = {node.id: self._firmware(node, memories[node.id], chosen) for node in chosen}
        for node in chosen:
            behind = {
                relay.pin: firmware[other.id]
                for other in _switched_by(node, chosen)
                if (relay := other.relay)
            }
            self.impairments[node.id] = Impairments()
            if self.field and node.radio:
                if not node.hub:
                    self._add_to_field(self.field, node, chosen, behind)
                continue
            if node.uno and self._may_be_uno(node):
                self.unos[node.id] = self._uno(node, memories[node.id])
                continue
            remote = self._link(node, firmware[node.id])
            link = ImpairedLink(remote, self.impairments[node.id], seed=node.id)
            self.meters[node.id] = Meter(
                node, firmware[node.id], self.world, self._heartbeat, link, memories[node.id],
                behind, self._timing(node), self._monitor(node, memories[node.id]),
            )  # fmt: skip

    def _monitor(self, node: plans.Node, memory: Memory) -> Monitor | None:
        """Of a battery's node; the demonstration's cell is no bank to be counted."""
        battery = self.plan.battery_at(node.id)
        if battery is None or (self.world.cell and battery is self.plan.battery):
            return None
        kept = (memory.read() or {}).get("battery")
        return Monitor(battery, self.world.banks[node.id], self.world.lived_ms, kept)

    def set_charge(self, battery: plans.BatteryPlan, soc_bp: int) -> None:
        """The bank holds this much from now on, and its monitor is told so."""
        bank = self.world.banks[battery.node]
        bank.charge_ma_ms = -(-bank.capacity_ma_ms * soc_bp // 10_000)
        meter = self.meters.get(battery.node)
        if meter is not None and meter.monitor is not None:
            meter.monitor.commission(soc_bp)
        elif self.field and battery.node in self.field.nodes:
            self.field.commission(battery.node, soc_bp)

    def _may_be_uno(self, node: plans.Node) -> bool:
        """True unless the node's registers are with the firmware on Python: a home goes on as it
        began, or on Python for good once this machine has lost the tools."""
        home = self.settings.home
        eeprom = UnoNode.eeprom_of(home, node.id)
        if not self.settings.uno:
            eeprom.unlink(missing_ok=True)
            return False
        if eeprom.exists() or not (home / f"{node.id}.nvm.json").exists():
            return True
        _LOG.info("%s goes on on Python, where its registers are, not on an Uno", node.label)
        return False

    def _uno(self, node: plans.Node, memory: Memory) -> UnoNode:
        settings, relay = self.settings, node.relay
        board = {
            "energy_times": round(self.factor),
            "limit_ma": _limit_ma(node.max_power_w),
            "hold_s": _TRIP_HOLD_MS // 1000,
            "fail_safe_s": max(10, int(settings.fail_safe_s)),
            "fail_safe_closed": int(relay is not None and relay.fail_safe_closed),
            "reading_s": max(1, round(settings.reading_s)),
            "slot_s": max(5, round(settings.slot_seconds)),
        }
        key = read_key(settings.home, node.id)
        return UnoNode(
            node, settings.home, key, board, self.world, self.impairments[node.id], memory
        )

    def _add_to_field(
        self, field: Field, node: plans.Node, chosen: Collection[plans.Node],
        behind: dict[int, Firmware],
    ) -> None:  # fmt: skip
        switched = [(other, other.relay) for other in _switched_by(node, chosen) if other.relay]
        battery = self.plan.battery_at(node.id)
        watched = {}
        if battery is not None and not self.world.cell:
            watched = settings_of(battery, self.world.banks[node.id])
            watched["pace"] = max(1, round(self.factor))
        settings = self.settings
        reading_s = settings.battery_reading_s if battery else settings.reading_s
        field.add(
            node,
            read_key(settings.home, node.id),
            {relay.pin: (other.id, behind.get(relay.pin)) for other, relay in switched},
            {
                "closed": sum(1 << relay.pin for _, relay in switched if not relay.on_request),
                "fail_safe_closed": sum(
                    1 << relay.pin for _, relay in switched if relay.fail_safe_closed
                ),
                "limit_ma": max((_limit_ma(other.max_power_w) for other, _ in switched), default=0),
                "hold_s": _TRIP_HOLD_MS // 1000,
                "fail_safe_s": max(5, int(settings.fail_safe_s)),
                "reading_s": max(1, round(reading_s)),
                **watched,
            },
        )

    def _firmware(
        self, node: plans.Node, memory: Memory, chosen: Collection[plans.Node]
    ) -> Firmware:
        relays = [
            Relay(
                relay.pin, int(not relay.on_request), int(relay.fail_safe_closed),
                _limit_ma(other.max_power_w), _TRIP_HOLD_MS,
            )
            for other in _switched_by(node, chosen)
            if (relay := other.relay)
        ]  # fmt: skip
        can = 0 if node.kind == "board" else frame.CAN_METER
        can |= frame.CAN_SWITCH if relays else 0
        can |= frame.CAN_STORE if node.kind == "battery" else 0
        sealer = read_sealer(self.settings.home, node.id) if node.element else None
        can |= frame.CAN_SIGN if sealer else 0
        made = Firmware(
            node.id, read_key(self.settings.home, node.id), memory.read(), relays, can,
            _VERSION, _SIMULATED, int(self.settings.fail_safe_s * 1000), _SPOOL_READINGS,
        )  # fmt: skip
        made.sealer = sealer
        return made

    def _link(self, node: plans.Node, firmware: Firmware) -> Link:
        settings = self.settings
        if node.transport == "mqtt" and settings.mqtt is not None:
            provisioned = read_key(settings.home, node.id)
            remote = MqttLink(settings.mqtt, node.id, firmware.key, provisioned)
            node_core: Any = firmware
            node_core.on_key = remote.change_key
            self._mqtt.append(remote)
            return remote
        if node.transport != "serial":
            return HttpLink(self._session, settings.gateway, node.id, settings.answer_s)
        line = SerialLink(self.settings.home / f"node{node.id}.tty")
        self._serial.append(line)
        return line

    def _timing(self, node: plans.Node) -> Timing:
        settings = self.settings
        is_battery = node.kind == "battery"
        reading_s = settings.battery_reading_s if is_battery else settings.reading_s
        wait_s = max(1, min(25, int(settings.fail_safe_s / 3)))
        return Timing(settings.slot_seconds, reading_s, wait_s)

    # ---- the tie ---------------------------------------------------------------------------------

    def draw_over_tie(self, power_w: int) -> dict[str, object]:
        """The neighbour draws this much (negative: gives); it holds until it is said again, or for
        some seconds. What the neighbour has to know in return: voltage and time here."""
        assert self.plan.tie is not None
        limit = self.plan.tie.max_power_w
        self.world.tie_w = max(-limit, min(limit, power_w))
        self._tie_until = time.monotonic() + _TIE_HOLDS_S
        return {"present": not self.world.dark, "simulated_ms": self.world.at_ms}

    async def _mirror(self, control: str) -> None:
        """Tells the neighbourhood behind our grid connection what flows through it, for ever. It is
        one line: what we draw there is drawn there, and without its voltage we are an island."""
        while True:
            flow = self.world.flows[self.plan.grid.node]
            order = {"power_w": flow.imported - flow.exported}
            try:
                async with self._session.post(f"{control}/tie", json=order) as response:
                    said = await response.json()
                self.world.grid_present = bool(said["present"])
                if abs(said["simulated_ms"] - self.world.at_ms) > _SAME_TIME_MS:
                    self.world.set_time(int(said["simulated_ms"]))
            except (aiohttp.ClientError, TimeoutError, ValueError, KeyError) as error:
                if self.world.grid_present:
                    _LOG.warning("no answer from the neighbourhood next door: %s", error)
                self.world.grid_present = False
            await asyncio.sleep(_MIRROR_EVERY_S)

    # ---- the world's clock and state -------------------------------------------------------------

    async def _live(self) -> None:
        """Steps the world in real time. After a stall it catches up in steps no longer than usual,
        and meters look after each, so that no cut-off is overrun by more than one. Before a
        battery's board has started nothing flows, unless it takes too long."""
        patience = time.monotonic() + _BOARDS_START_S
        while self.field and not self.field.counts_batteries and time.monotonic() < patience:
            await asyncio.sleep(_STEP_S)
        last, carried, wall_s = time.monotonic(), 0.0, 0.0
        pause_s = min(_STEP_S, self.settings.reading_s, self.settings.battery_reading_s)
        longest_ms = max(1, int(pause_s * 1000 * self.factor))
        while True:
            await asyncio.sleep(pause_s)
            now = time.monotonic()
            carried += (now - last) * 1000 * self.factor
            wall_s += now - last
            last = now
            self.world.rtc_ms = int(time.time() * 1000)
            while carried >= 1:
                # At every step: a stalled machine may be behind for long, and its neighbour gone.
                if self.world.tie_w and time.monotonic() > self._tie_until:
                    self.world.tie_w = 0
                dt_ms = min(int(carried), longest_ms)
                self.fleet.step()
                self.world.step(dt_ms)
                if self.field:
                    self.field.sense(self.impairments)
                carried -= dt_ms
                self._heartbeat.beat()
                await asyncio.sleep(0)
            while wall_s >= 1:
                wall_s -= 1
                self._tick_cell()

    def _tick_cell(self) -> None:
        """The tabletop battery loses as many percent a second as outlets are on."""
        if self.world.cell:
            outlets = [node.id for node in self.plan.nodes if node.outlet]
            self.world.cell.tick(sum(self.world.closed[node_id] for node_id in outlets))

    def _recall(self) -> None:
        memory = self._memory.read()
        if memory is None:
            return
        world = self.world
        for node_id, (charge_ma_ms, temperature_mk) in memory.get("banks", {}).items():
            if bank := world.banks.get(int(node_id)):
                bank.charge_ma_ms = min(int(charge_ma_ms), bank.capacity_ma_ms)
                bank.temperature_mk = int(temperature_mk)
        if world.cell:
            world.cell.percent = int(memory["cell_percent"])
        world.set_time(int(memory["at_ms"]))

    def _state(self) -> dict[str, Any]:
        banks = self.world.banks
        return {
            "at_ms": self.world.at_ms,
            "banks": {
                str(n): [bank.charge_ma_ms, bank.temperature_mk] for n, bank in banks.items()
            },
            "cell_percent": self.world.cell.percent if self.world.cell else 100,
        }

    async def _save_for_ever(self) -> None:
        while True:
            await asyncio.sleep(_SAVE_EVERY_S)
            if draft := self._memory.changed(self._state()):
                await asyncio.to_thread(self._memory.write, draft)
            await self.fleet.keep()

    def _save(self) -> None:
        if draft := self._memory.changed(self._state()):
            self._memory.write(draft)


def _switched_by(node: plans.Node, among: Collection[plans.Node]) -> list[plans.Node]:
    """The metering points whose contact `node` moves: itself, or the outlets of a board."""
    return [other for other in among if other.relay and other.board == node.id]


def _limit_ma(max_power_w: int) -> int:
    """A quarter above the connection's current at 230 V."""
    return max_power_w * 1250 // 230


@contextlib.asynccontextmanager
async def open_session() -> AsyncIterator[aiohttp.ClientSession]:
    """The HTTP client that all nodes' links share; each node keeps connections of its own in it."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session
