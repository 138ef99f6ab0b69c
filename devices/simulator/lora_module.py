"""A simulated LoRaWAN module on a UART: the RN2483's text commands, and its class A radio.

Of the module's commands (Microchip DS40001784) those that the firmware gives are understood: sys
reset; mac set deveui, appeui, appkey, adr, dr; mac join otaa; mac tx uncnf. Everything else is
answered `invalid_param`, as the module does. Counters and keys are in RAM: a board that starts
joins anew.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from devices.simulator import lora_mac as mac
from devices.simulator.ether import DEAF, Ether
from devices.simulator.lora_air import (
    BETWEEN_WINDOWS_US,
    DATA_RATES,
    FASTEST,
    JOIN_DELAY_US,
    MAX_PAYLOAD,
    RX1_DELAY_US,
    RX2_CHANNEL,
    RX2_DATA_RATE,
    UPLINK_CHANNELS,
    UPLINK_DUTY_PM,
    Share,
    air_channel,
)

_BANNER = "RN2483 1.0.5 (simulated)"
_WINDOW_US = 60_000
"""How long a window stays open in which nothing begins."""
NETWORK = b"LoRaWN"


class LoraModule:
    """One module at a place.

    Attributes:
        on_bytes: called with what it writes to its UART.
        sent: transmissions so far.
    """

    def __init__(self, ether: Ether, address: bytes, place: tuple[float, float], seed: int) -> None:
        self.on_bytes: Callable[[bytes], object] = lambda text: None
        self.sent = 0
        self._time = ether.time
        self._chance = random.Random(seed)
        self._station = ether.join(address, place, self._on_packet)
        self._station.channel = DEAF
        # A third of the sub-band's share each, so that the three together keep it.
        self._shares = {n: Share(self._time, UPLINK_DUTY_PM) for n in UPLINK_CHANNELS}
        self._nonce = 0  # outlives resets: a server takes none twice
        self._heard = b""
        self._reset()

    def _reset(self) -> None:
        self._identity = {"deveui": bytes(8), "appeui": bytes(8), "appkey": bytes(16)}
        self._data_rate = FASTEST
        self._rx2_data_rate = RX2_DATA_RATE
        self._session: mac.Session | None = None
        self._up, self._down = 0, -1
        self._exchange = 0
        self._joining = self._busy = False
        self._uplink_channel = 0

    def leave(self) -> None:
        """Its board has lost power."""
        self._exchange += 1
        self._station.leave()

    # ---- commands --------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """What the board sends on the UART."""
        *lines, self._heard = (self._heard + data).split(b"\r\n")
        for line in lines:
            self._say(self._obey(line.decode("ascii", "replace").split()))

    def _say(self, text: str) -> None:
        self.on_bytes(text.encode() + b"\r\n")

    def _obey(self, words: list[str]) -> str:
        if words == ["sys", "reset"]:
            exchange = self._exchange
            self._reset()
            self._exchange = exchange + 1
            return _BANNER
        if words[:2] == ["mac", "set"] and len(words) == 4:
            return self._set(words[2], words[3])
        if words == ["mac", "join", "otaa"]:
            return self._join()
        if words[:3] == ["mac", "tx", "uncnf"] and len(words) == 5:
            return self._send(words[3], words[4])
        return "invalid_param"

    def _set(self, name: str, value: str) -> str:
        if name == "adr":
            return "ok" if value in ("on", "off") else "invalid_param"
        if name == "dr":
            if value not in map(str, range(FASTEST + 1)):
                return "invalid_param"
            self._data_rate = int(value)
            return "ok"
        try:
            given = bytes.fromhex(value)
        except ValueError:
            given = b""
        if name not in self._identity or len(given) != len(self._identity[name]):
            return "invalid_param"
        self._identity[name] = given
        return "ok"

    def _join(self) -> str:
        if self._busy:
            return "busy"
        if not any(self._identity["appkey"]):
            return "keys_not_init"
        channel = self._free_channel()
        if channel is None:
            return "no_free_ch"
        self._nonce += 1
        identity = self._identity
        join = mac.Join(identity["appeui"], identity["deveui"], self._nonce)
        self._joining = True
        self._transmit(channel, mac.join_request(identity["appkey"], join), JOIN_DELAY_US)
        return "ok"

    def _send(self, port: str, text: str) -> str:
        try:
            number, payload = int(port), bytes.fromhex(text)
        except ValueError:
            return "invalid_param"
        if not 1 <= number <= 223:
            return "invalid_param"
        if self._busy:
            return "busy"
        if self._session is None:
            return "not_joined"
        if len(payload) > MAX_PAYLOAD[self._data_rate]:
            return "invalid_data_len"
        channel = self._free_channel()
        if channel is None:
            return "no_free_ch"
        message = mac.uplink(self._session, mac.Data(self._up, number, payload))
        self._up += 1
        self._transmit(channel, message, RX1_DELAY_US)
        return "ok"

    def _free_channel(self) -> int | None:
        free = [n for n, share in self._shares.items() if share.free]
        return self._chance.choice(free) if free else None

    # ---- air -------------------------------------------------------------------------------------

    def _transmit(self, channel: int, message: bytes, until_window_us: int) -> None:
        self._busy = True
        self._exchange += 1
        self.sent += 1
        rate = DATA_RATES[self._data_rate]
        airtime_us = rate.airtime_us(len(message))
        self._shares[channel].use(airtime_us * len(self._shares), self._time.now_us)
        self._uplink_channel = channel
        self._station.tune(air_channel(channel, self._data_rate), rate)
        self._station.send(NETWORK, message)
        exchange = self._exchange
        ended_us = self._time.now_us + airtime_us
        self._time.at(ended_us, lambda: self._sleep(exchange))
        first = air_channel(channel, self._data_rate)
        second = air_channel(RX2_CHANNEL, self._rx2_data_rate)
        opens_us = ended_us + until_window_us
        self._time.at(opens_us, lambda: self._open(exchange, first, last=False))
        opens_us += BETWEEN_WINDOWS_US
        self._time.at(opens_us, lambda: self._open(exchange, second, last=True))

    def _sleep(self, exchange: int) -> None:
        if exchange == self._exchange:
            self._station.channel = DEAF

    def _open(self, exchange: int, channel: int, last: bool) -> None:
        if exchange != self._exchange or not self._busy:
            return
        if self._station.hears_until_us() > self._time.now_us:
            return  # what began in the first window is still coming
        self._station.channel = channel
        self._time.after(_WINDOW_US, lambda: self._close(exchange, last))

    def _close(self, exchange: int, last: bool) -> None:
        """The window's end: with nothing on air it closes, else when that is over."""
        if exchange != self._exchange or not self._busy:
            return
        until_us = self._station.hears_until_us()
        if until_us > self._time.now_us:
            # Twice the chip's latency, and what came has been handed over.
            self._time.at(until_us + 5_000, lambda: self._close(exchange, last=True))
            return
        self._station.channel = DEAF
        if last:
            self._finish("denied" if self._joining else "mac_tx_ok")

    def _finish(self, text: str) -> None:
        self._busy = self._joining = False
        self._station.channel = DEAF
        self._say(text)

    def _on_packet(self, _source: bytes, data: bytes, _rssi: int, _now_ms: int) -> None:
        if not self._busy:
            return
        try:
            if self._joining:
                key = self._identity["appkey"]
                self._session, self._rx2_data_rate = mac.open_join_accept(key, self._nonce, data)
                self._up, self._down = 0, -1
                self._finish("accepted")
            elif self._session is not None:
                message = mac.open_downlink(self._session, self._down, data)
                self._down = message.counter
                self._finish(f"mac_rx {message.port} {message.payload.hex().upper()}")
        except mac.MacError:
            return  # for somebody else, or of nobody: the window stays open
