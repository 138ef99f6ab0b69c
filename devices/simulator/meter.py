"""A running node: the firmware's core between the simulated world and a link to the gateway."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from devices.esp32 import frame
from devices.esp32.node import Node as Firmware
from devices.esp32.relay import Relay
from devices.simulator import plan
from devices.simulator.links import ImpairedLink, LinkError, PollRefused, Reply
from devices.simulator.memory import Memory
from devices.simulator.monitor import Monitor
from devices.simulator.world import World

_LOG = logging.getLogger("neighbourhood")
_BATCH_FRAMES = 16
_ANSWER_S = 2.0
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 5.0
_REFUSED_PAUSE_S = 0.2
_SETTLING_PAUSE_S = 0.05
_LEAST_WAIT_S = 1.0
_BEFORE_SLOT_END_S = 0.4


class Heartbeat:
    """The world's steps, for whoever waits for the next one.

    Attributes:
        rtc_ms: the wall clock at the last step, the same for all who look.
    """

    def __init__(self) -> None:
        self.rtc_ms = _rtc_ms()
        self._next = asyncio.Event()

    def beat(self) -> None:
        """The world has moved: wakes all who wait, before it can move again."""
        self.rtc_ms = _rtc_ms()
        self._next.set()
        self._next = asyncio.Event()

    async def next(self) -> None:
        """Returns after the next step."""
        await self._next.wait()


@dataclass(frozen=True, slots=True)
class Timing:
    """When a node does what, in seconds of the wall clock.

    Attributes:
        slot_s: length of the community's slots: besides every `reading_s` all nodes read at the
            same moment just before a slot ends, as meters with interval registers do, so that a
            slot's registers belong together and its balance is that of the slot.
    """

    slot_s: float
    reading_s: float
    poll_wait_s: int


class Meter:
    """One node, running until cancelled.

    Args:
        node: what the plan says of it.
        firmware: its core, with key and memory.
        world: what its sensors see and its contacts switch.
        heartbeat: when the world has moved and it is time to sample.
        link: its way to the gateway.
        memory: where its core's state goes before anything is sent.
        behind: firmware of the metering point behind each relay, by pin; itself for a contactor.
        timing: see there.
        monitor: of a battery's node, what it knows of its bank.
    """

    def __init__(
        self,
        node: plan.Node,
        firmware: Firmware,
        world: World,
        heartbeat: Heartbeat,
        link: ImpairedLink,
        memory: Memory,
        behind: Mapping[int, Firmware],
        timing: Timing,
        monitor: Monitor | None = None,
    ) -> None:
        self.node = node
        self.monitor = monitor
        self.firmware = firmware
        self.link = link
        self.link_up = False
        self._world = world
        self._heartbeat = heartbeat
        self._memory = memory
        self._behind = behind
        self._timing = timing
        self._started = time.monotonic()
        self._counted = list(world.energy_wms[node.id])
        self._next_reading = self._started
        self._slot = -1
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        self._uplink = asyncio.Lock()
        self._lost_at: float | None = None
        self._refusals: set[str] = set()
        self._move_contacts()

    async def run(self) -> None:
        """Samples, delivers and listens."""
        await self._remember()  # the boot counts before its first frame
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._sample_for_ever())
            tasks.create_task(self._deliver_for_ever())
            if self.firmware.relays or self.link.answers_come_later:
                tasks.create_task(self._listen_for_ever())

    def save(self) -> None:
        """Writes the memory now; for the end, when no task runs any more."""
        if draft := self._memory.changed(self._state()):
            self._memory.write(draft)

    def _state(self) -> dict[str, Any]:
        """As a board's program keeps it (devices/esp32/app.py)."""
        kept = self.firmware.state()
        return {**kept, "battery": self.monitor.state()} if self.monitor else kept

    def tamper(self) -> None:
        """Somebody opens the lid."""
        self.firmware.tamper(_rtc_ms())
        self._wake.set()

    # ---- sensors and contacts --------------------------------------------------------------------

    def _uptime_ms(self) -> int:
        return int((time.monotonic() - self._started) * 1000)

    def _registers(self) -> dict[int, int]:
        return {pin: f.register_wh(frame.IMPORTED_WH) for pin, f in self._behind.items()}

    async def _sample_for_ever(self) -> None:
        while True:
            self.sample()
            await self._heartbeat.next()

    def sample(self) -> None:
        """What the firmware does with its sensors each moment."""
        self._count()
        rtc_ms, uptime_ms = self._heartbeat.rtc_ms, self._uptime_ms()
        world, node_id = self._world, self.node.id
        if self.node.kind != "board":
            temperature_dc, charge_bp = world.temperature_dc(node_id), frame.NO_BATTERY
            voltage_dv, current_ma = world.voltage_dv(node_id), world.current_ma(node_id)
            is_battery = node_id in world.banks
            if self.monitor is not None:
                charge_bp = self.monitor.look(world.lived_ms, temperature_dc)
                voltage_dv = self.monitor.voltage_mv // 100
                current_ma = abs(self.monitor.current_ma)
            elif is_battery:  # the demonstration's straight line
                charge_bp = world.soc_bp_of(node_id)
            values = (
                voltage_dv, current_ma, world.flows[node_id].into_node_w,
                world.power_factor_pm(node_id), temperature_dc, charge_bp,
            )  # fmt: skip
            grid_seen = world.grid_present or node_id != world.plan.grid.node
            self.firmware.sense(values, grid_seen, not is_battery, rtc_ms)
        self._watch_relays(uptime_ms, rtc_ms)
        if self.firmware.tick(uptime_ms, rtc_ms, self._registers()):
            _LOG.info("%s: gateway silent, relays in their fail-safe state", self._name)
            self._move_contacts()
        if self.node.kind != "board":
            slot = self._slot
            if self._reading_is_due(rtc_ms):
                self.firmware.read(rtc_ms, sealed=self._slot != slot)  # just before a slot ends
        if len(self.firmware.outbox) > self.firmware.outbox.in_flight:
            self._wake.set()

    def _reading_is_due(self, rtc_ms: int) -> bool:
        """True just before a slot ends, and in between, then with a phase of the node's own, so
        that nodes do not always speak together."""
        now, clock_s = time.monotonic(), (rtc_ms + self.firmware.clock_offset_ms) / 1000
        slot = int((clock_s + _BEFORE_SLOT_END_S) // self._timing.slot_s)
        if slot != self._slot:
            self._slot = slot
            phase = self.node.id * 382 % 1000 / 1000
            pause_s = self._timing.reading_s * (0.5 + phase)
            self._next_reading = now + max(pause_s, _BEFORE_SLOT_END_S)  # none before the end
            return True
        if now < self._next_reading:
            return False
        self._next_reading = now + self._timing.reading_s
        return True

    def _count(self) -> None:
        total = self._world.energy_wms[self.node.id]
        self.firmware.count([new - old for new, old in zip(total, self._counted, strict=True)])
        self._counted = list(total)

    def _watch_relays(self, uptime_ms: int, rtc_ms: int) -> None:
        for relay in self.firmware.relays:
            behind = self._behind[relay.pin]
            register_wh = behind.register_wh(frame.IMPORTED_WH)
            current_ma = self._world.current_ma(behind.node_id)
            if self.firmware.watch_relay(relay, register_wh, current_ma, uptime_ms, rtc_ms):
                why = "over-current" if relay.tripped else f"cut-off at {relay.cutoff_wh} Wh"
                _LOG.info("%s: %s opened by itself, %s", self._name, self._contact(relay), why)
                self._move_contacts()

    def _move_contacts(self) -> None:
        for relay in self.firmware.relays:
            self._world.closed[self._behind[relay.pin].node_id] = bool(relay.closed)

    @property
    def _name(self) -> str:
        return f"node {self.node.id} {self.node.label}"

    def _contact(self, relay: Relay) -> str:
        behind = self._world.plan.node(self._behind[relay.pin].node_id)
        return f"V{relay.pin}" + ("" if behind.id == self.node.id else f" ({behind.label})")

    # ---- uplink ----------------------------------------------------------------------------------

    async def _deliver_for_ever(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            await self._wake.wait()
            self._wake.clear()
            while len(self.firmware.outbox):
                if await self._deliver_some():
                    pause_s = _FIRST_PAUSE_S
                else:
                    await asyncio.sleep(pause_s)
                    pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _deliver_some(self) -> bool:
        """One batch; False if it must be repeated after a pause."""
        outbox = self.firmware.outbox
        async with self._uplink:
            await self._remember()
            frames = outbox.batch(_BATCH_FRAMES)
            try:
                reply = await self.link.deliver(frames)
                self._take(reply)
                if self.link.answers_come_later:
                    await self._later_answers()
            except LinkError as error:
                self._lost(str(error))
                return False
            return outbox.in_flight == 0

    async def _later_answers(self) -> None:
        deadline = time.monotonic() + _ANSWER_S
        while self.firmware.outbox.in_flight:
            self._settled.clear()
            try:
                await asyncio.wait_for(self._settled.wait(), deadline - time.monotonic())
            except TimeoutError:
                raise LinkError("no results came") from None

    def _take(self, reply: Reply) -> None:
        if not self.link.answers_come_later:
            self._heard()
        for answer in reply.answers:
            self._note_refusal(answer.result)
            self.firmware.answered(*answer)
        for data in reply.downlink:
            self._receive(data)

    def _note_refusal(self, result: str) -> None:
        """Says once what the gateway does not take; a person must look at it."""
        if result in ("accepted", "duplicate", "reordered", "busy", "missing_keyframe"):
            self._refusals.discard(result)
        elif result not in self._refusals:
            self._refusals.add(result)
            _LOG.warning("%s: the gateway answers %s", self._name, result)

    async def _remember(self) -> None:
        """Returns when the disk has the state, and so the key, with which frames are made next."""
        epoch = -1
        while epoch != self.firmware.epoch:
            epoch = self.firmware.epoch
            if draft := self._memory.changed(self._state()):
                await asyncio.to_thread(self._memory.write, draft)

    # ---- downlink --------------------------------------------------------------------------------

    async def _listen_for_ever(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                await self._listen_once()
                pause_s = _FIRST_PAUSE_S
            except PollRefused as refusal:
                # Overtaken by a newer frame: ask again. Anything else needs a person.
                self._note_refusal(str(refusal))
                overtaken = refusal.args[0] in ("reordered", "duplicate")
                await asyncio.sleep(_REFUSED_PAUSE_S if overtaken else _LONGEST_PAUSE_S)
            except LinkError as error:
                self._lost(str(error))
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _listen_once(self) -> None:
        poll = await self._poll()
        began = time.monotonic()
        downlink = await self.link.downlink(poll, self._timing.poll_wait_s)
        for data in downlink:
            self._receive(data)
        if self.link.answers_come_later:
            return
        self._heard()
        waited_s = time.monotonic() - began
        if not downlink and waited_s < _LEAST_WAIT_S:  # the gateway lets nobody else wait
            await asyncio.sleep(_LEAST_WAIT_S - waited_s)

    async def _poll(self) -> bytes:
        """A POLL, made while nothing else is unanswered: it is newer than all that was sent."""
        if self.link.answers_come_later:
            return b""
        while True:
            async with self._uplink:
                if not self.firmware.outbox.unsettled:
                    await self._remember()  # a new key, before it is used
                    return self.firmware.poll(self._timing.poll_wait_s, _rtc_ms())
            await asyncio.sleep(_SETTLING_PAUSE_S)

    def _receive(self, data: bytes) -> None:
        before = {relay.pin: relay.closed for relay in self.firmware.relays}
        what = self.firmware.receive(data, self._uptime_ms(), _rtc_ms(), self._registers())
        if what == "results":
            self._settled.set()
        if what in ("unknown_node", "bad_tag"):
            return  # not from our gateway
        if self.firmware.news:  # an old frame said again does not show that anybody is there
            self._heard()
        self._move_contacts()
        for relay in self.firmware.relays:
            if relay.closed != before[relay.pin]:
                done = "closed" if relay.closed else "opened"
                _LOG.info("%s: %s %s by command", self._name, self._contact(relay), done)
        self._wake.set()

    # ---- link ------------------------------------------------------------------------------------

    def _heard(self) -> None:
        if self._lost_at is not None:
            silent_s = time.monotonic() - self._lost_at
            waiting = len(self.firmware.outbox)
            _LOG.info("%s: link back after %.0f s, %d waiting", self._name, silent_s, waiting)
        self._lost_at, self.link_up = None, True
        if self.firmware.heard(self._uptime_ms(), _rtc_ms(), self._registers()):
            _LOG.info("%s: relays back in their commanded state", self._name)
            self._move_contacts()
            self._wake.set()

    def _lost(self, reason: str) -> None:
        self.link_up = False
        if self._lost_at is None:
            self._lost_at = time.monotonic()
            _LOG.info("%s: link lost: %s", self._name, reason)


def _rtc_ms() -> int:
    return int(time.time() * 1000)
