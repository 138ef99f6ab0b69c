"""A board's program: senses, switches, reports and forwards, in the role it was provisioned for.

`board.py` is the hardware; everything else is here and below. `step` does what is due and says for how long
nothing will be, unless something is received; it never waits.
"""

import json

from devices.esp32 import cell, chips, cobs, frame, link, settings
from devices.esp32.charge import Charge
from devices.esp32.console import Console
from devices.esp32.espnow_link import EspNowLink
from devices.esp32.hopping import Schedule
from devices.esp32.mesh import Mesh
from devices.esp32.node import Node
from devices.esp32.relay import Relay
from devices.esp32.sensing import Bus

VERSION = (1, 1, 0)
_ESP32 = 1
_BATCH = 4
_AGAIN_MS = 3000
_LONGEST_AGAIN_MS = 30000
_BEFORE_SLOT_END_MS = 400
_WMS_PER_WH = 3600000
_LONGEST_PACKET = 300
_COUNT_MS = 1000
_ESPNOW = 0
_CHIPS_SILENT_MS = 10000  # a chip that has not answered by then does not keep the others' readings back


class App:
    """`board`: see board.py."""

    def __init__(self, board) -> None:
        self.board = board
        config = board.load()
        self.console = None
        if not config["key"] or board.jumper():
            self.console = Console(board)
            board.usb_write(b"Ohmstead %d.%d.%d, not provisioned or jumper set\n" % VERSION)
            return
        self.config = config
        self._secret = bytes.fromhex(config["secret"])
        self._begin()

    # ---- start -------------------------------------------------------------------------------------

    def _begin(self) -> None:
        config = self.config
        memory = self.board.load_memory()
        self.role = config["role"]
        relays = [self._relay(pin) for pin in range(config["relays"])]
        can = 0
        can |= frame.CAN_METER if self.role in (settings.METER, settings.BATTERY) else 0
        can |= frame.CAN_SWITCH if relays else 0
        can |= frame.CAN_STORE if self.role == settings.BATTERY else 0
        can |= frame.CAN_FORWARD if self._secret else 0
        self.node = Node(
            config["node"], bytes.fromhex(config["key"]), memory, relays, can, VERSION, _ESP32,
            config["fail_safe_s"] * 1000, config["spool"],
        )  # fmt: skip
        self.node.clock_set = False
        self.node.reset_cause = self.board.reset_cause()
        self._battery = self._make_battery((memory or {}).get("battery"))
        self._counted_ms = 0
        shown = (memory or {}).get("chips", [])
        self._counters = [
            chips.Counter(shown[i] if i < len(shown) else -1) for i in range(2 * config["chips"])
        ]
        self._rebase()
        self._current_ma = [0] * 8
        self._instant = (0, 0, 0, 1000)
        self._owed_wh = 0
        self._looked: dict = {}
        self._partial = b""
        self._sent: dict = {}  # by frame: when to send it again, how often it was sent
        self._told = 0
        self._slot = -1
        self._next_reading_ms = 0
        self._next_sample_ms = 0
        self._next_status_ms = 2000
        self._kept = ""
        self._remember()  # the boot counts before its first frame
        self._bus = Bus(
            self.board.meter_uart(config["chip"], self.role), config["chip"], config["chips"],
            config["sample_ms"], self._measured,
        )  # fmt: skip
        self._move_contacts()
        self.mesh = self._make_mesh()

    def _relay(self, pin: int) -> Relay:
        config = self.config
        return Relay(
            pin, config["closed"] >> pin & 1, config["fail_safe_closed"] >> pin & 1,
            config["limit_ma"], config["hold_s"] * 1000,
        )  # fmt: skip

    def _make_battery(self, kept) -> Charge | None:
        config = self.config
        if self.role != settings.BATTERY or not config["capacity_mah"]:
            return None
        return Charge(
            config["capacity_mah"], config["cells"], config["chemistry"], config["resistance_uohm"], kept
        )

    def _rebase(self) -> None:
        """A chip that was replaced: its register is taken as it is, and nothing booked."""
        which = self.config.pop("rebase", 0)
        if 1 <= which <= self.config["chips"]:
            self._counters[2 * which - 2] = chips.Counter(-1)
            self._counters[2 * which - 1] = chips.Counter(-1)
            self.board.save(self.config)

    def _make_mesh(self) -> Mesh | None:
        if not self._secret:
            return None
        config = self.config
        is_gateway = self.role == settings.GATEWAY
        address = link.mac_of(config["node"])
        radio = self.board.radio(address)
        schedule = Schedule(config["network"], config["slot_ms"], config["hop"] == 1)
        cipher = self.board.cipher(self._secret)
        carrier = EspNowLink(
            address, self.node.boot, radio, schedule, is_gateway, cipher, 3 * config["slot_ms"]
        )
        return Mesh(config["node"], carrier, is_gateway, self._from_mesh)

    # ---- the loop ----------------------------------------------------------------------------------

    def step(self) -> int:
        """What is due now; how many ms nothing more will be."""
        self.board.feed()
        if self.console is not None:
            self.board.usb_write(self.console.feed(self.board.usb_read()))
            if self.console.restart:
                self.board.restart()
            return 20
        now_ms = self.board.ticks()
        self._from_usb(self.board.usb_read(), now_ms)
        if self.mesh is not None:
            received = self.board.radio_receive()
            while received is not None:
                src, packet, rssi_dbm, age_ms = received
                self.mesh.link.on_packet(src, packet, rssi_dbm, self.board.ticks(), age_ms)
                received = self.board.radio_receive()
        wait = self._bus.poll(now_ms)
        if now_ms >= self._next_sample_ms:
            self._next_sample_ms = now_ms + self.config["sample_ms"]
            self._sample(now_ms)
        self._deliver(now_ms)
        if self.mesh is not None:
            wait = min(wait, self.mesh.tick(self.board.ticks()))
        return max(1, min(wait, self._next_sample_ms - now_ms))

    # ---- sensing -----------------------------------------------------------------------------------

    def _measured(self, i: int, measured: chips.Measured) -> None:
        """A chip has answered."""
        self._looked[i] = True
        gained_wh = self._counters[2 * i].advance(measured.imported_wh)
        given_wh = self._counters[2 * i + 1].advance(measured.exported_wh)
        if self.role == settings.RELAY:
            self._current_ma[i] = measured.instant[1]
            return
        lanes = [0, 0, 0, 0, 0, 0]
        if self.role == settings.BATTERY:
            lanes[frame.CHARGED_WH], lanes[frame.DISCHARGED_WH] = gained_wh, given_wh
        elif i == self.config["chips"] - 1 and self.config["generates"]:
            lanes[frame.GENERATED_WH] = gained_wh
            if i == 0:
                lanes[frame.EXPORTED_WH] = gained_wh
            else:
                lanes[frame.CONSUMED_WH] = self._consumed(gained_wh)
        else:
            lanes[frame.IMPORTED_WH], lanes[frame.EXPORTED_WH] = gained_wh, given_wh
            lanes[frame.CONSUMED_WH] = self._consumed(gained_wh - given_wh)
        if i == 0:
            self._instant = measured.instant
            self._current_ma[0] = measured.instant[1]
        self.node.count([wh * _WMS_PER_WH for wh in lanes])

    def _consumed(self, wh: int) -> int:
        """Generated + imported - exported, of which the parts come one after the other."""
        if not self.config["generates"]:
            return max(0, wh)
        self._owed_wh += wh
        taken = max(0, self._owed_wh)
        self._owed_wh -= taken
        return taken

    def _sample(self, now_ms: int) -> None:
        node = self.node
        registers = self._registers()
        if self.role in (settings.METER, settings.BATTERY):
            self._sense(now_ms)
        for relay in node.relays:
            current_ma = self._current_ma[relay.pin]
            node.watch_relay(relay, registers[relay.pin], current_ma, now_ms, now_ms)
        node.tick(now_ms, now_ms, registers)
        self._move_contacts()
        if self.role in (settings.METER, settings.BATTERY) and self._reading_is_due(now_ms):
            node.read(now_ms)
        mesh = self.mesh
        if mesh is not None and mesh.connected and now_ms >= self._next_status_ms:
            self._next_status_ms = now_ms + self.config["status_s"] * 1000
            if len(node.outbox) < _BATCH:  # what waits for the link is worth more than this
                content = mesh.status(self.board.supply_bp(), _ESPNOW, now_ms)
                node.outbox.put(frame.MESH, node.now_s(now_ms), frame.put_mesh(2, content))

    def _sense(self, now_ms: int) -> None:
        charge_bp, instant = frame.NO_BATTERY, self._instant
        mains = self.config["chip"] != 0 and self._counters[0].last_wh >= 0
        if self.role == settings.BATTERY:
            config = self.config
            battery_mv = cell.millivolts(self.board.adc_counts(), config["adc_mv"], config["divider"])
            charge_bp = self._charge(battery_mv, now_ms)
            instant = (battery_mv // 100,) + instant[1:]
            mains = False
        values = instant + (self.board.temperature_dc(), charge_bp)
        self.node.sense(values, True, mains, now_ms)

    def _charge(self, battery_mv: int, now_ms: int) -> int:
        """State of charge, 0.01 %: counted, or for the demonstration's cell a straight line over its voltage."""
        if self._battery is None:
            return cell.charge_bp(battery_mv)
        passed_ms = now_ms - self._counted_ms
        if self._battery.charge < 0 or passed_ms >= _COUNT_MS:
            self._counted_ms = now_ms
            current_ma = cell.current_ma(self._instant[2], battery_mv, self.config["inverter_pm"])
            self._battery.step(battery_mv, current_ma, self.board.temperature_dc(), passed_ms)
        return self._battery.bp

    def _registers(self) -> dict:
        """Imported Wh of each relay: what the chip behind it shows, or the node's own."""
        registers = {}
        for relay in self.node.relays:
            if self.role == settings.RELAY and relay.pin < self.config["chips"]:
                registers[relay.pin] = max(0, self._counters[2 * relay.pin].last_wh)
            else:
                registers[relay.pin] = self.node.register_wh(frame.IMPORTED_WH)
        return registers

    def _reading_is_due(self, now_ms: int) -> bool:
        """Just before a slot's end, and in between; more often while the link takes nothing. None before
        every chip was looked at: registers would be those before the start, at a time after it."""
        node, config = self.node, self.config
        chips_known = not config["chip"] or len(self._looked) >= config["chips"]
        if not chips_known and now_ms < _CHIPS_SILENT_MS:
            return False
        if node.clock_set and config["slot_s"]:
            clock_ms = now_ms + node.clock_offset_ms + _BEFORE_SLOT_END_MS
            slot = clock_ms // (config["slot_s"] * 1000)
            if slot != self._slot:
                self._slot = slot
                self._next_reading_ms = now_ms + max(_BEFORE_SLOT_END_MS, config["reading_s"] * 700)
                return True
        if now_ms < self._next_reading_ms:
            return False
        pause_s = config["reading_s"]
        if len(node.outbox) > _BATCH:
            pause_s = min(pause_s, config["critical_s"])
        self._next_reading_ms = now_ms + pause_s * 1000
        return True

    def _move_contacts(self) -> None:
        for relay in self.node.relays:
            self.board.set_relay(relay.pin, relay.closed, self.config["active_low"])

    # ---- delivering --------------------------------------------------------------------------------

    def _deliver(self, now_ms: int) -> None:
        outbox = self.node.outbox
        by_air = None if self.role == settings.GATEWAY else self.mesh
        if not len(outbox) or (by_air is not None and not by_air.connected):
            return
        frames = outbox.batch(_BATCH)
        if outbox.sequence != self._told:
            self._told = outbox.sequence
            self._remember()  # before anything is told
            self._sent = {data: sent for data, sent in self._sent.items() if data in frames}
        hops = 0 if by_air is None else min(by_air.hops, 12)
        for data in frames:
            due_ms, tries = self._sent.get(data, (0, 0))
            if now_ms < due_ms:
                continue
            if by_air is None:
                self.board.usb_write(cobs.encode(data) + b"\0")
            elif not by_air.send_up(data):
                return
            pause = min(_LONGEST_AGAIN_MS, (_AGAIN_MS + 500 * hops) << min(tries, 4))
            self._sent[data] = (now_ms + pause, tries + 1)

    def _remember(self) -> None:
        state = self.node.state()
        state["chips"] = [counter.last_wh for counter in self._counters]
        if self._battery is not None:
            state["battery"] = self._battery.state()
        text = json.dumps(state)
        if text != self._kept:
            self.board.save_memory(text)
            self._kept = text

    # ---- receiving ---------------------------------------------------------------------------------

    def _from_mesh(self, data: bytes) -> None:
        if self.role == settings.GATEWAY:
            self.board.usb_write(cobs.encode(data) + b"\0")
        else:
            self._receive(data)

    def _from_usb(self, data: bytes, now_ms: int) -> None:
        if not data or (self.role != settings.GATEWAY and self.mesh is not None):
            return
        packets = (self._partial + data).split(b"\0")
        self._partial = packets.pop()[-_LONGEST_PACKET:]
        for packet in packets:
            try:
                found = cobs.decode(packet) if packet else b""
            except ValueError:
                continue
            if len(found) < 34:
                continue
            if int.from_bytes(found[2:6], "big") == self.node.node_id:
                self._receive(found)
            elif self.mesh is not None:
                self.mesh.send_down(found)

    def _receive(self, data: bytes) -> None:
        now_ms = self.board.ticks()
        node = self.node
        node.receive(data, now_ms, now_ms, self._registers())
        if node.news:
            node.heard(now_ms, now_ms, self._registers())
            self._next_sample_ms = now_ms  # acknowledgements go out at once
        self._move_contacts()
