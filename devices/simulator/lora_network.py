"""A simulated LoRaWAN gateway with its network server, and the bridge to the community's gateway.

The gateway is a concentrator: it hears all channels and data rates at once, and nothing while it
sends. The server knows modules by their keys, takes each message once, and answers in the receive
windows as far as its share of time goes. The bridge joins frames from their pieces and cuts those
that go down (`devices/esp32/pieces.py`). A real network has a server of its own (ChirpStack, The
Things Network).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from devices.esp32 import frame
from devices.esp32.pieces import MORE, PORT, Joiner, cut
from devices.simulator import lora_mac as mac
from devices.simulator.ether import ALL_CHANNELS, LORAWAN, Ether
from devices.simulator.lora_air import (
    BETWEEN_WINDOWS_US,
    DATA_RATES,
    JOIN_DELAY_US,
    MAX_PAYLOAD,
    RX1_DELAY_US,
    RX2_CHANNEL,
    RX2_DATA_RATE,
    RX2_DUTY_PM,
    UPLINK_DUTY_PM,
    Share,
    air_channel,
)
from devices.simulator.lora_module import NETWORK

_MOST_WAITING = 24
_URGENT = {frame.COMMAND: 0, frame.RESULTS: 1}


@dataclass(slots=True)
class _Module:
    """What the server knows of one."""

    key: bytes
    address: bytes
    nonces: set[int] = field(default_factory=set)
    session: mac.Session | None = None
    up: int = -1
    down: int = 0
    joiner: Joiner = field(default_factory=Joiner)
    frames: list[bytes] = field(default_factory=list)
    pieces: list[bytes] = field(default_factory=list)
    going: bytes = b""
    messages: int = 0

    def begin(self, session: mac.Session) -> None:
        """It has joined: counters start anew."""
        self.session, self.up, self.down = session, -1, 0
        self.joiner, self.pieces = Joiner(), []

    def next_message(self, data_rate: int) -> bytes | None:
        """What goes down now, None if nothing waits; a frame cut for a faster rate is cut anew."""
        assert self.session is not None
        most = MAX_PAYLOAD[data_rate]
        if self.pieces and len(self.pieces[0]) > most:
            self.frames.insert(0, self.going)
            self.pieces = []
        if not self.pieces:
            if not self.frames:
                return None
            self.messages += 1
            self.going = self.frames.pop(0)
            self.pieces = cut(self.going, self.messages, most)
        piece = self.pieces.pop(0)
        more = MORE if self.pieces or self.frames else 0
        payload = bytes([piece[0] | more]) + piece[1:]
        self.down += 1
        return mac.downlink(self.session, mac.Data(self.down - 1, PORT, payload))


class LoraNetwork:
    """The far end of all modules. `on_frame` is called with each frame that came whole.

    Attributes:
        refused: messages that no module with a known key sent, or that came before.
        skipped: answers that had to wait for the next message, as the share of time was used up.
        silent: it hears and says nothing.
    """

    def __init__(
        self, ether: Ether, place: tuple[float, float], on_frame: Callable[[bytes], object]
    ) -> None:
        self.on_frame = on_frame
        self.refused = 0
        self.skipped = 0
        self.silent = False
        self._time = ether.time
        self._station = ether.join(NETWORK, place, self._on_packet)
        self._station.channel = ALL_CHANNELS
        self._first = Share(self._time, UPLINK_DUTY_PM)
        self._second = Share(self._time, RX2_DUTY_PM)
        self._modules: dict[bytes, _Module] = {}
        self._of_node: dict[int, _Module] = {}
        self._by_address: dict[bytes, _Module] = {}
        self._joins = 0

    def know(self, node_id: int, device_eui: bytes, key: bytes, address: bytes) -> None:
        """A module that may join; `address`: of its simulated radio."""
        self._modules[device_eui] = self._of_node[node_id] = _Module(key, address)

    def send(self, data: bytes) -> bool:
        """A frame for the node it names; False if no such module has joined. What waits goes out
        after the module's next messages: commands first, then results."""
        module = self._of_node.get(int.from_bytes(data[2:6], "big"))
        if module is None or module.session is None:
            return False
        if data not in module.frames:
            module.frames.append(data)
            module.frames.sort(key=lambda waiting: _URGENT.get(waiting[1] & 15, 2))
            del module.frames[_MOST_WAITING:]
        return True

    # ---- upward ----------------------------------------------------------------------------------

    def _on_packet(self, _source: bytes, data: bytes, _rssi: int, _now_ms: int) -> None:
        if self.silent:
            return
        try:
            if (address := mac.sender_of(data)) is not None:
                self._take(address, data)
            else:
                self._admit(data)
        except mac.MacError:
            self.refused += 1

    def _admit(self, data: bytes) -> None:
        join = mac.open_join_request(data)
        module = self._modules.get(join.device_eui)
        known = module is not None and mac.join_is_of(module.key, data)
        if module is None or not known or join.nonce in module.nonces:
            raise mac.MacError("nobody who may join")
        module.nonces.add(join.nonce)
        self._joins += 1
        address = (0x26000000 + self._joins).to_bytes(4, "big")
        answer, session = mac.join_accept(
            module.key, join.nonce, self._joins, address, RX2_DATA_RATE
        )
        self._by_address = {a: m for a, m in self._by_address.items() if m is not module}
        self._by_address[address] = module
        module.begin(session)
        self._answer(module, JOIN_DELAY_US, lambda _rate: answer)

    def _take(self, address: bytes, data: bytes) -> None:
        module = self._by_address.get(address)
        if module is None or module.session is None:
            raise mac.MacError("no such session")
        message = mac.open_uplink(module.session, module.up, data)
        module.up = message.counter
        self._answer(module, RX1_DELAY_US, module.next_message)
        if message.port == PORT:
            whole = module.joiner.add(message.payload)
            if whole:
                self.on_frame(whole)

    # ---- downward --------------------------------------------------------------------------------

    def _answer(self, module: _Module, delay_us: int, make: Callable[[int], bytes | None]) -> None:
        """In the first window on the channel just heard, or in the second, as shares of time go."""
        heard_on = self._station.heard_on
        ended_us = self._time.now_us - LORAWAN.latency_us

        def first() -> None:
            if self._first.free:
                self._transmit(module, heard_on, heard_on % 8, self._first, make)
            else:
                self._time.at(ended_us + delay_us + BETWEEN_WINDOWS_US, second)

        def second() -> None:
            if self._second.free:
                channel = air_channel(RX2_CHANNEL, RX2_DATA_RATE)
                self._transmit(module, channel, RX2_DATA_RATE, self._second, make)
            else:
                self.skipped += 1

        self._time.at(ended_us + delay_us, first)

    def _transmit(
        self, module: _Module, channel: int, data_rate: int, share: Share,
        make: Callable[[int], bytes | None],
    ) -> None:  # fmt: skip
        message = make(data_rate)
        if message is None:
            return
        rate = DATA_RATES[data_rate]
        airtime_us = rate.airtime_us(len(message))
        share.use(airtime_us, self._time.now_us)
        self._station.tune(channel, rate)
        self._station.send(module.address, message)
        self._time.after(airtime_us, lambda: self._station.tune(ALL_CHANNELS, rate))
