"""A board's program: senses, switches, reports and forwards, in the role it was provisioned for.

`board.py` is the hardware; everything else is here and below. `step` does what is due and says for how long
nothing will be, unless something is received; it never waits.
"""

import json

from devices.esp32 import cell, chips, cobs, estar, frame, link, receipts, settings, ways
from devices.esp32.espnow_link import EspNowLink
from devices.esp32.hopping import Schedule
from devices.esp32.mesh import RECEIPT, STATUS, TRUST, Mesh
from devices.esp32.node import Node
from devices.esp32.relay import Relay
from devices.esp32.sensing import Bus

VERSION = (1, 1, 0)
_ESP32 = 1
_BATCH = 4
_LONGEST_AGAIN_MS = 30000
_BEFORE_SLOT_END_MS = 400
_WMS_PER_WH = 3600000
_COUNT_MS = 1000
_STATUS_PAUSES = 8  # what a node says of its radio, in pauses between readings on a slow way
_SESSION_BYTES = 900
_MOST_SESSIONS = 256
_FULL_BP = 10000  # of a battery that feeds the board; each 0.01 % is taken for the energy of a relayed message
_WAY_SETTLES_MS = 1000
_CHIPS_SILENT_MS = 10000  # a chip that has not answered by then does not keep the others' readings back


class App:
    """`board`: see board.py."""

    def __init__(self, board) -> None:
        self.board = board
        config = board.load()
        self.console = None
        if not config["key"] or board.jumper():
            from devices.esp32.console import Console  # a board that works has no room for it

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
        is_uno = config["chip"] == settings.UNO
        self._meters = self.role in (settings.METER, settings.BATTERY) and not is_uno
        can |= frame.CAN_METER if self._meters else 0
        can |= frame.CAN_SWITCH if relays else 0
        can |= frame.CAN_STORE if self.role == settings.BATTERY else 0
        can |= frame.CAN_FORWARD if self._secret else 0
        self.node = Node(
            config["node"], bytes.fromhex(config["key"]), memory, relays, can, VERSION, _ESP32,
            config["fail_safe_s"] * 1000, config["spool"],
        )  # fmt: skip
        self.node.clock_set = False
        self.node.reset_cause = self.board.reset_cause()
        told_bp = config.pop("charge", -1)
        self._battery = self._make_battery((memory or {}).get("battery") if told_bp < 0 else [told_bp, 0])
        if told_bp >= 0:
            self.board.save(config)
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
        self._packets = cobs.Packets()
        self._sent: dict = {}  # by frame: when to send it again, how often it was sent
        self._told = 0
        self._slot = -1
        self._next_reading_ms = 0
        self._next_sample_ms = 0
        self._next_status_ms = 2000
        self._kept = ""
        self._remember()  # the boot counts before its first frame
        uart = self.board.meter_uart(config["chip"], self.role)
        self._uno = None
        if is_uno:
            from devices.esp32.bridge import Bridge

            self._uno = Bridge(uart)
        self._bus = Bus(
            uart, 0 if is_uno else config["chip"], config["chips"], config["sample_ms"], self._measured
        )
        self._move_contacts()
        self.mesh = self._make_mesh()
        self.ways = self._make_ways()
        self._way: ways.Way | None = None
        self._told_way: tuple = ()

    def _relay(self, pin: int) -> Relay:
        config = self.config
        return Relay(
            pin, config["closed"] >> pin & 1, config["fail_safe_closed"] >> pin & 1,
            config["limit_ma"], config["hold_s"] * 1000,
        )  # fmt: skip

    def commission(self, charge_bp: int) -> None:
        """Somebody says what the counted battery holds, 0.01 %: its bank was replaced."""
        self._battery = self._make_battery([charge_bp, 0])

    def _make_battery(self, kept: list | None):  # type: ignore[no-untyped-def, type-arg]
        config = self.config
        if self.role != settings.BATTERY or not config["capacity_mah"]:
            return None
        from devices.esp32.charge import Charge

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
        mesh = Mesh(
            config["node"], self.node.key, carrier, is_gateway, lambda data: self._from_air(data, 0),
            self.board.random,
        )  # fmt: skip
        mesh.router.mode = config["route"]
        mesh.router.min_trust = config["min_trust"]
        fitting = self.board.room() // 2 // _SESSION_BYTES  # a hub with PSRAM carries a large community
        mesh.router.most_sessions = max(estar.MOST_SESSIONS, min(_MOST_SESSIONS, fitting))
        mesh.router.session_messages = config["session"]
        mesh.told = self._tell_receipt  # type: ignore[assignment]
        self.node.on_key = mesh.router.rekey  # type: ignore[assignment]
        self.node.on_mesh = self._told_of_mesh  # type: ignore[assignment]
        return mesh

    def _make_ways(self) -> ways.Ways | None:
        """ESP-NOW first, then the modem, if the board has one; its modules are loaded only then."""
        if self.mesh is None:
            return None
        config, node_id = self.config, self.config["node"]
        found = [ways.by_esp_now(self.mesh)]
        is_gateway = self.role == settings.GATEWAY
        address = link.mac_of(node_id)
        if config["modem"] == settings.POWER_LINE:
            from devices.esp32.plc_link import BAUD, PlcLink
            from devices.esp32.star import Star

            uart, cipher = self.board.modem_uart(BAUD), self.board.cipher(self._secret)
            line = PlcLink(address, self.node.boot, uart, self._secret, is_gateway, cipher)
            star = Star(line, is_gateway, lambda data: self._from_air(data, 1))
            found.append(ways.by_power_line(star))
        elif config["modem"] == settings.LORAWAN and not is_gateway:
            from devices.esp32 import lora_link
            from devices.esp32.star import Star

            key = lora_link.application_key(self._secret, node_id)
            uart = self.board.modem_uart(lora_link.BAUD)
            air = lora_link.LoraLink(address, uart, lora_link.device_eui(node_id), key)
            star = Star(air, False, lambda data: self._from_air(data, 1))
            found.append(ways.by_lorawan(star))
        return ways.Ways(found)

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
        if self._uno is not None:
            self._from_uno(self._uno, now_ms)
        if now_ms >= self._next_sample_ms:
            self._next_sample_ms = now_ms + self.config["sample_ms"]
            self._sample(now_ms)
        self._deliver(now_ms)
        if self.ways is not None:
            tick_ms = self.board.ticks()
            wait = min(wait, self.ways.tick(tick_ms, self.node.now_s(tick_ms)))
            self._follow_way(self.ways.current)
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
        if self._meters:
            self._sense(now_ms)
        for relay in node.relays:
            current_ma = self._current_ma[relay.pin]
            node.watch_relay(relay, registers[relay.pin], current_ma, now_ms, now_ms)
        node.tick(now_ms, now_ms, registers)
        self._move_contacts()
        if self._meters and self._reading_is_due(now_ms):
            node.read(now_ms)
        mesh, by_air = self.mesh, self.ways
        if mesh is None or by_air is None:
            return
        way = (by_air.current, mesh.way(now_ms))
        if way != self._told_way:  # the gateway hears of it soon
            self._next_status_ms = min(self._next_status_ms, now_ms + _WAY_SETTLES_MS)
        is_reached = by_air.connected and by_air.current.carrier.hops < 255  # what nobody hears is not said
        if is_reached and now_ms >= self._next_status_ms:
            status_s = max(self.config["status_s"], _STATUS_PAUSES * by_air.current.pause_s)
            self._next_status_ms = now_ms + status_s * 1000
            is_news = way != self._told_way
            if is_news or len(node.outbox) < _BATCH:  # else what waits for the link is worth more
                self._told_way = way
                supply_bp = self.board.supply_bp()
                mesh.router.energy = receipts.MAINS if supply_bp > _FULL_BP else supply_bp
                content = by_air.status(supply_bp, now_ms)
                told = frame.put_mesh(STATUS, content)
                node.outbox.put(frame.MESH, node.now_s(now_ms), told, is_news)

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
            passed_ms *= self.config["pace"]
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
        pause_s = config["reading_s"] if self.ways is None else max(config["reading_s"], self.ways.current.pause_s)
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
        by_air = None if self.role == settings.GATEWAY else self.ways
        if not len(outbox) or (by_air is not None and not by_air.connected):
            return
        frames = outbox.batch(_BATCH if by_air is None else by_air.current.batch)
        if outbox.sequence != self._told:
            self._told = outbox.sequence
            self._remember()  # before anything is told
            self._sent = {data: sent for data, sent in self._sent.items() if data in frames}
        again_ms = ways.WIRE_AGAIN_MS if by_air is None else by_air.again_ms
        for data in frames:
            due_ms, tries = self._sent.get(data, (0, 0))
            if now_ms < due_ms:
                continue
            if by_air is None:
                self.board.usb_write(cobs.encode(data) + b"\0")
            elif not by_air.send_up(data, now_ms):
                return
            pause = min(max(_LONGEST_AGAIN_MS, again_ms), again_ms << min(tries, 4))
            self._sent[data] = (now_ms + pause, tries + 1)

    def _follow_way(self, way: ways.Way) -> None:
        """What waits goes at once on the way just taken, and no more of it is kept than that can bear."""
        if way is self._way:
            return
        self._way = way
        self._sent = {}
        self.node.outbox.capacity = min(self.config["spool"], way.room)
        self._next_status_ms = min(self._next_status_ms, self.board.ticks() + 2000)

    def _from_uno(self, uno, now_ms: int) -> None:  # type: ignore[no-untyped-def]
        """The Uno's frames go on as they are."""
        by_air = self.ways
        for data in uno.read():
            if by_air is None:
                self.board.usb_write(cobs.encode(data) + b"\0")
                continue
            by_air.carry_for(uno.node_id)
            if not by_air.connected or not uno.is_due(data, by_air.again_ms, now_ms):
                continue
            if by_air.send_up(data, now_ms):
                uno.went(data, now_ms)

    def _remember(self) -> None:
        state = self.node.state()
        state["chips"] = [counter.last_wh for counter in self._counters]
        if self._battery is not None:
            state["battery"] = self._battery.state()
        text = json.dumps(state)
        if text != self._kept:
            self.board.save_memory(text)
            self._kept = text

    # ---- routing -----------------------------------------------------------------------------------

    def _tell_receipt(self, content: bytes) -> None:
        now_s = self.node.now_s(self.board.ticks())
        self.node.outbox.put(frame.MESH, now_s, frame.put_mesh(RECEIPT, content))

    def _told_of_mesh(self, kind: int, content: bytes) -> None:
        if kind == TRUST and self.mesh is not None:
            self.mesh.router.trust.take(content)

    # ---- receiving ---------------------------------------------------------------------------------

    def _from_air(self, data: bytes, way: int) -> None:
        node_id, by_air = int.from_bytes(data[2:6], "big"), self.ways
        if by_air is None:
            return
        if self.role == settings.GATEWAY:
            by_air.heard_on(node_id, by_air.ways[way])
            self.board.usb_write(cobs.encode(data) + b"\0")
        elif self._uno is not None and node_id == self._uno.node_id:
            self._uno.write(data)
            by_air.answered()
        else:
            self._receive(data)

    def _from_usb(self, data: bytes, now_ms: int) -> None:
        if self.role != settings.GATEWAY and self.mesh is not None:
            return
        for found in self._packets.feed(data):
            if len(found) < 34:
                continue
            node_id = int.from_bytes(found[2:6], "big")
            if node_id == self.node.node_id:
                self._receive(found)
            elif self._uno is not None and node_id == self._uno.node_id:
                self._uno.write(found)
            elif self.ways is not None:
                self.ways.send_down(found, now_ms)

    def _receive(self, data: bytes) -> None:
        now_ms = self.board.ticks()
        node = self.node
        if node.receive(data, now_ms, now_ms, self._registers()) == "key":
            self._remember()  # before a frame is made with it
            self._sent = {}
        if node.news:
            if self.ways is not None:
                self.ways.answered()
            node.heard(now_ms, now_ms, self._registers())
            self._next_sample_ms = now_ms  # acknowledgements go out at once
        self._move_contacts()
