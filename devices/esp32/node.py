"""The core of a node's firmware: counts energy, reports it, obeys commands. No input or output.

The caller samples sensors, moves contacts, keeps the memory and carries frames; it asks `state` and
stores it before it sends what `outbox.batch` returns, so that a restart never goes back. Times are
milliseconds: `uptime_ms` since the start, `rtc_ms` of the hardware's clock, which TIME corrects.
"""

from devices.esp32 import frame, rekey
from devices.esp32.outbox import Outbox
from devices.esp32.relay import Relay

TYPE_CHECKING = False
if TYPE_CHECKING:  # a node without a secure element has no room for its driver
    from devices.esp32.element import Sealer

_WMS_PER_WH = 3600000
_HELLO_EVERY_MS = 60000
_LOWEST_DV = 2070
_HIGHEST_DV = 2530
_U32 = 0xFFFFFFFF


class Node:
    """One metering point or relay board."""

    def __init__(
        self,
        node_id: int,
        key: bytes,
        memory: dict | None,  # type: ignore[type-arg]
        relays: list[Relay],
        capabilities: int,
        version: tuple[int, int, int],
        hardware: int,
        fail_safe_ms: int,
        spool: int,
    ) -> None:
        """`key`: as provisioned; one that came over the air since is in the memory, until another is provisioned.
        `memory` is what `state` returned last time, None at the first start.

        `fail_safe_ms`: silence of the gateway after which relays fall to their fail-safe state.
        """
        memory = memory or {}
        self.node_id = node_id
        self._provisioned = rekey.fingerprint(key)
        self.epoch = 0  # of the key; 0: as provisioned
        told = memory.get("key")
        if told and told[0] == self._provisioned:
            self.epoch, key = told[1], bytes.fromhex(told[2])
        self.key = key
        self.relays = relays
        self.boot = memory.get("boot", 0) + 1
        self.energy_wms = list(memory.get("energy_wms", (0, 0, 0, 0, 0, 0)))
        self.downlink = list(memory.get("downlink", (0, 0)))
        self.tampered = memory.get("tampered", 0)
        self.last_command_id = memory.get("last_command_id", 0)
        states = memory.get("relays", {})
        for relay in relays:
            if str(relay.pin) in states:
                relay.restore(states[str(relay.pin)])
        self.outbox = Outbox(node_id, key, self.boot, spool)
        self.capabilities = capabilities
        self.version = version
        self.hardware = hardware
        self.reset_cause = 0  # as HELLO tells it
        self.fail_safe_ms = fail_safe_ms
        self.clock_offset_ms = 0
        self.clock_set = True
        self.fail_safe = False
        self.grid_present = True
        self.price: tuple[int, ...] = ()
        self.rejected = 0
        self.news = False  # the last downlink frame was no repetition of an older one
        self.element_failures = 0
        self.sealer: Sealer | None = None  # set by who runs it, if the node has a secure element
        self._heard_ms = 0
        self._hello_ms = -_HELLO_EVERY_MS
        self._voltage_ok = True
        self._values: tuple[int, ...] = (0, 0, 0, 1000, 0, frame.NO_BATTERY)
        self._reassembler = frame.Reassembler()
        self.on_mesh = None  # called with (kind, content) of what the gateway says of the mesh
        self.on_key = None  # called with the new key when the gateway gave one, for who makes tags besides

    def state(self) -> dict:  # type: ignore[type-arg]
        """What must survive a restart."""
        state = {
            "boot": self.boot,
            "energy_wms": self.energy_wms,
            "downlink": self.downlink,
            "tampered": self.tampered,
            "last_command_id": self.last_command_id,
            "relays": {str(relay.pin): relay.state() for relay in self.relays},
        }
        if self.epoch:
            state["key"] = [self._provisioned, self.epoch, self.key.hex()]
        return state

    # ---- time ----------------------------------------------------------------------------------------

    def now_s(self, rtc_ms: int) -> int:
        """Unix time, 0 while the clock is not set."""
        return (rtc_ms + self.clock_offset_ms) // 1000 if self.clock_set else 0

    # ---- measuring -----------------------------------------------------------------------------------

    def register_wh(self, i: int) -> int:
        """Cumulative register `i` in whole Wh; the rest is kept for the next one."""
        counted: int = self.energy_wms[i] // _WMS_PER_WH
        return min(counted, 0xFFFFFFFFFF)

    def count(self, energy_wms: list[int]) -> None:
        """Adds what the metering chip counted since last time, watt-milliseconds >= 0, six lanes."""
        for i in range(6):
            self.energy_wms[i] += energy_wms[i]

    def sense(
        self, values: tuple[int, ...], grid_present: bool, mains: bool, rtc_ms: int
    ) -> None:
        """Takes the instant's (0.1 V, mA, W, power factor, 0.1 degree C, charge) and reports what is wrong.

        `mains`: the voltage is that of the feeder, so its limits hold.
        """
        self._values = values
        ok = not mains or _LOWEST_DV <= values[0] <= _HIGHEST_DV
        if self._voltage_ok and not ok:
            low = values[0] < _LOWEST_DV
            kind = frame.EVENT_UNDER_VOLTAGE if low else frame.EVENT_OVER_VOLTAGE
            self._event(kind, frame.NO_PIN, values[0], rtc_ms)
        self._voltage_ok = ok
        if grid_present != self.grid_present:
            self.grid_present = grid_present
            kind = frame.EVENT_GRID_BACK if grid_present else frame.EVENT_GRID_LOST
            self._event(kind, frame.NO_PIN, 0, rtc_ms)

    def tamper(self, rtc_ms: int) -> None:
        """The lid was opened: told once, and in every reading from now on."""
        if not self.tampered:
            self.tampered = 1
            self._event(frame.EVENT_TAMPER, frame.NO_PIN, 0, rtc_ms)

    def watch_relay(
        self, relay: Relay, imported_wh: int, current_ma: int, uptime_ms: int, rtc_ms: int
    ) -> bool:
        """Cut-off and local protection of one relay; True if its contact moved."""
        ack = relay.check(imported_wh, current_ma, uptime_ms)
        if ack is None:
            return False
        if relay.tripped:
            self._event(frame.EVENT_OVER_CURRENT, relay.pin, current_ma, rtc_ms)
        self._ack(ack, rtc_ms)
        return True

    def read(self, rtc_ms: int, sealed: bool = False) -> None:
        """Puts a reading of this moment into the outbox; `sealed`: signed by the secure element, if the
        node has one and its clock is set. An element that fails costs the seal, not the reading."""
        time = self.now_s(rtc_ms)
        registers = tuple([self.register_wh(i) for i in range(6)])
        relays = 0
        for relay in self.relays:
            relays |= relay.closed << relay.pin
        values = registers + self._values + (relays, self.status())
        if sealed and time and self.sealer is not None:
            try:
                seal = frame.put_seal(*self.sealer.seal(time, registers))
                self.outbox.put_sealed(time, values, seal)
                return
            except OSError:
                self.element_failures += 1
        self.outbox.put_reading(time, values)

    def status(self) -> int:
        """The status byte of a reading."""
        status = frame.STATUS_GRID_PRESENT if self.grid_present else 0
        for relay in self.relays:
            status |= frame.STATUS_TRIPPED if relay.tripped else 0
        status |= frame.STATUS_TAMPER if self.tampered else 0
        status |= 0 if self.clock_set else frame.STATUS_CLOCK_NOT_SET
        status |= frame.STATUS_SPOOL_OVERFLOWED if self.outbox.overflowed else 0
        return status | (frame.STATUS_FAIL_SAFE if self.fail_safe else 0)

    # ---- link ----------------------------------------------------------------------------------------

    def tick(self, uptime_ms: int, rtc_ms: int, registers: dict[int, int]) -> bool:
        """What time brings: HELLO, and fail-safe after silence. True if a contact may have moved.

        `registers`: imported Wh of each relay, by pin.
        """
        if uptime_ms - self._hello_ms >= _HELLO_EVERY_MS:
            self._hello_ms = uptime_ms
            hello = frame.put_hello(
                self.hardware, self.version, self.capabilities, self.reset_cause,
                uptime_ms // 1000 & _U32, len(self.outbox),
            )  # fmt: skip
            self.outbox.put(frame.HELLO, self.now_s(rtc_ms), hello)
        if self.fail_safe or uptime_ms - self._heard_ms < self.fail_safe_ms:
            return False
        self.fail_safe = True
        for relay in self.relays:
            self._ack(relay.link_lost(registers[relay.pin]), rtc_ms)
        return True

    def heard(self, uptime_ms: int, rtc_ms: int, registers: dict[int, int]) -> bool:
        """The gateway answered; True if contacts may have left their fail-safe state."""
        self._heard_ms = uptime_ms
        if not self.fail_safe:
            return False
        self.fail_safe = False
        for relay in self.relays:
            self._ack(relay.link_back(registers[relay.pin]), rtc_ms)
        return True

    def poll(self, wait_s: int, rtc_ms: int) -> bytes:
        """A POLL frame; sent only while no other frame is unanswered, as it is newer than they."""
        payload = frame.put_poll(self.last_command_id, wait_s)
        return self.outbox.next_frame(frame.POLL, self.now_s(rtc_ms), payload)

    def answered(self, boot: int, sequence: int, result: str) -> None:
        """The gateway's result for one of our frames."""
        if self.outbox.answered(boot, sequence, result):
            self.clock_set = False

    def receive(
        self, data: bytes, uptime_ms: int, rtc_ms: int, registers: dict[int, int]
    ) -> str:
        """Takes a downlink frame; returns what it was, or the name of what is wrong with it.

        `news` tells whether it shows that the gateway is there: whoever records its frames can
        repeat them, and must not keep a node from its fail-safe state by that.
        """
        self.news = False
        try:
            kind, node_id, boot, sequence, _time, fields = frame.decode(data)
            if node_id != self.node_id:
                return self._reject("unknown_node")
            frame.check_tag(data, self.key)
            if kind == frame.FRAGMENT_DOWN:
                whole = self._reassembler.add(fields)
                if whole is None:
                    return "fragment"
                kind, fields = whole
        except frame.FrameError as error:
            return self._reject(error.args[0])
        if kind == frame.RESULTS:
            waited = self.outbox.in_flight
            for entry in fields:
                self.answered(entry[0], entry[1], frame.RESULT_NAMES[entry[2]])
            self.news = self.outbox.in_flight < waited
            return "results"
        if kind == frame.COMMAND:
            return self._command(fields, uptime_ms, rtc_ms, registers)
        if [boot, sequence] <= self.downlink:
            return self._reject("reordered")
        self.downlink = [boot, sequence]
        self.news = True
        if kind == frame.MESH_DOWN:
            if self.on_mesh is not None:
                self.on_mesh(*fields)
            return "mesh"
        if kind == frame.TIME:
            self.clock_offset_ms = fields[0] * 1000 + fields[1] - rtc_ms
            self.clock_set = True
            return "time"
        if kind == frame.KEY:
            return self._change_key(boot, sequence, fields, uptime_ms)
        self.price = fields
        return "price"

    def _change_key(self, boot: int, sequence: int, fields: tuple, uptime_ms: int) -> str:  # type: ignore[type-arg]
        """From now on the node speaks with the new key, at once: with its first frame the old one ends. The caller
        stores `state` before that frame is sent, so that a node that loses power speaks with one or the other."""
        if fields[1] <= self.epoch:
            return self._reject("old_epoch")
        key = rekey.next_key(self, boot, sequence, fields)
        if not key:
            return self._reject("no_element")
        self.key, self.epoch = key, fields[1]
        self.outbox.rekey(key)
        self._reassembler = frame.Reassembler()
        self._hello_ms = uptime_ms - _HELLO_EVERY_MS
        if self.on_key is not None:
            self.on_key(key)
        return "key"

    def _command(
        self,
        fields: tuple[int, int, int, int, int],
        uptime_ms: int,
        rtc_ms: int,
        registers: dict[int, int],
    ) -> str:
        for relay in self.relays:
            if relay.pin == fields[1]:
                now_s = self.now_s(rtc_ms)
                self.news = fields[0] > relay.last_id
                self._ack(relay.command(fields, now_s, uptime_ms, registers[relay.pin]), rtc_ms)
                self.last_command_id = fields[0]
                return "command"
        return self._reject("no_such_pin")

    def _reject(self, reason: str) -> str:
        self.rejected += 1
        return reason

    def _ack(self, ack: tuple[int, int, int, int, int] | None, rtc_ms: int) -> None:
        if ack is not None:
            self.outbox.put(frame.ACK, self.now_s(rtc_ms), frame.put_ack(*ack))

    def _event(self, kind: int, pin: int, value: int, rtc_ms: int) -> None:
        value = min(value, 0x7FFFFFFF)
        self.outbox.put(frame.EVENT, self.now_s(rtc_ms), frame.put_event(kind, pin, value))
