"""The link of `link.py` over LoRaWAN: a module on a UART that speaks the RN2483's text commands.

The module does LoRaWAN itself: joining, counters, ciphers, MICs, its share of time, receive windows (class A: it
hears only after it has sent). This cuts frames into pieces as its data rate allows and picks the rate: slower when
nobody answers, faster when all do. There is one neighbour, the network, whomever a payload is for; what it delivered
its server does not tell, the gateway's results do.
"""

import hashlib

from devices.esp32 import link, pieces

BAUD = 57600
NETWORK = b"LoRaWN"  # stands for the network's address
MAX_PAYLOAD = (51, 51, 51, 115, 222, 222)  # by data rate, EU868

_FASTEST = 5
_QUEUE = 12
_SLOWER_AFTER = 3  # messages that nobody answered
_FASTER_AFTER = 12  # that all were answered
_ANSWER_MS = 4000  # to a command that needs no air
_AIR_MS = 20000  # to one that does: six seconds of windows after three of sending
_AGAIN_MS = 2000  # no channel has time left
_JOIN_AGAIN_MS = 15000
_POLL_MS = 6000  # after a message that nobody answered: windows are opened again, which costs less than repeating it
_POLLS = 3
_SPREAD_MS = 3000  # nobody listens before he sends: who met once must not meet again
_FRESH_MS = 600000
_LONGEST_LINE = 600
_LOOK_MS = 1000
_NOT_NOW = ("no_free_ch", "busy", "mac_paused", "silent")
_START_ANEW = ("not_joined", "keys_not_init", "frame_counter_err_rejoin_needed", "invalid_param")

_OFF, _SETTING, _JOINING, _READY, _SENDING = 0, 1, 2, 3, 4


def device_eui(node_id: int) -> bytes:
    """What the network knows the node's module by."""
    return b"\x02\x4f\xff\xfe" + node_id.to_bytes(4, "big")


def application_key(secret: bytes, node_id: int) -> bytes:
    """The AppKey that the node's module joins with, from what the radios of its network share."""
    return hashlib.sha256(b"lorawan" + secret + node_id.to_bytes(4, "big")).digest()[:16]


class LoraLink(link.QueuedLink):
    """Attributes:
    sent, failed: messages so far; failed, the module did not take or send.
    refused: what the module said to a setting that it did not take.
    data_rate: 5, the fastest, to 0.
    """

    def __init__(self, address: bytes, uart, eui: bytes, key: bytes) -> None:
        super().__init__(address, _QUEUE)
        self.gateway = link.BY_NETWORK
        self.sent = 0
        self.failed = 0
        self.refused = ""
        self.data_rate = _FASTEST
        self._uart = uart
        self._start = ["mac set deveui " + eui.hex(), "mac set appeui " + "00" * 8, "mac set appkey " + key.hex()]
        self._joiner = pieces.Joiner()
        self._state = _OFF
        self._todo: list = []
        self._command = ""
        self._due_ms = 0  # when to act, or to give up waiting for the module
        self._partial = b""
        self._random = link.node_of(address) * 40503 & 0x7FFFFFFF
        self._message: tuple = ()  # (ticket, dst, payload, priority) under way
        self._pieces: list = []
        self._number = 0
        self._more = False
        self._polls = 0  # left to send
        self._poll_ms = 0
        self._silent_ups = 0
        self._answered_ups = 0
        self._heard_ms = -_FRESH_MS

    # ---- what is above -----------------------------------------------------------------------------

    def waiting(self) -> int:
        """Payloads that were not sent yet."""
        return len(self._queue) + (1 if self._message else 0)

    def available(self, now_ms: int) -> bool:
        """See link.py."""
        return self._state >= _READY and now_ms - self._heard_ms < _FRESH_MS

    def tick(self, now_ms: int) -> int:
        """See link.py."""
        for line in self._lines():
            self._take(line, now_ms)
        if self._state == _READY:
            self._send_next(now_ms)
        elif now_ms >= self._due_ms:
            self._late(now_ms)
        left = self._due_ms - now_ms
        return min(left, _LOOK_MS) if left > 0 else _LOOK_MS

    # ---- the module --------------------------------------------------------------------------------

    def _lines(self) -> list:
        data = self._uart.read()
        if not data:
            return []
        lines = (self._partial + data).split(b"\r\n")
        self._partial = lines.pop()[-_LONGEST_LINE:]
        return [str(line, "ascii") for line in lines if _is_text(line)]

    def _ask(self, command: str, answer_ms: int, now_ms: int) -> None:
        self._command = command
        self._due_ms = now_ms + answer_ms
        self._uart.write(command.encode() + b"\r\n")

    def _late(self, now_ms: int) -> None:
        """The module has not answered, or it is time to join again."""
        if self._state == _JOINING and not self._command:
            self._ask("mac join otaa", _AIR_MS, now_ms)
        else:
            self._begin(now_ms)

    def _begin(self, now_ms: int) -> None:
        """Starts the module, tells it who it is, joins. What was under way is lost."""
        self._done(False, now_ms)
        self._state = _SETTING
        self._todo = self._start + ["mac set adr off", "mac set dr %d" % self.data_rate]
        self._ask("sys reset", _ANSWER_MS, now_ms)

    def _take(self, line: str, now_ms: int) -> None:
        if self._state == _SETTING:
            if line == "ok" or line.startswith("RN2483"):
                self._next_setting(now_ms)
            else:
                self.refused = line
        elif self._state == _JOINING:
            self._take_joining(line, now_ms)
        elif self._state == _SENDING:
            self._take_sending(line, now_ms)

    def _next_setting(self, now_ms: int) -> None:
        if self._todo:
            self._ask(self._todo.pop(0), _ANSWER_MS, now_ms)
        else:
            self._state = _JOINING
            self._ask("mac join otaa", _AIR_MS, now_ms)

    def _take_joining(self, line: str, now_ms: int) -> None:
        if line == "accepted":
            self._state = _READY
            self._due_ms = 0
            self._heard_ms = now_ms
            self._silent_ups = self._answered_ups = 0
        elif line == "denied":  # a slower rate reaches farther; it is set before the next attempt
            self.data_rate = (self.data_rate - 1) % (_FASTEST + 1)
            self._state = _SETTING
            self._todo = []
            self._ask("mac set dr %d" % self.data_rate, _ANSWER_MS, now_ms)
        elif line in _START_ANEW:
            self._begin(now_ms)
        elif line != "ok":
            self._command = ""
            self._due_ms = now_ms + (_AGAIN_MS if line in _NOT_NOW else _JOIN_AGAIN_MS)

    # ---- sending -----------------------------------------------------------------------------------

    def _send_next(self, now_ms: int) -> None:
        if now_ms < self._due_ms:
            return
        most = MAX_PAYLOAD[self.data_rate]
        if self._message and not self._pieces:
            self._done(True, now_ms)
        urgent = self._message and self._queue.urgency() >= link.EMERGENCY > self._message[3]
        if urgent:  # an emergency does not wait for a long message: that begins anew after it
            self._queue.put(self._message[3], self._message)
            self._message, self._pieces = (), []
        if not self._message and len(self._queue):
            self._message = self._queue.pop()
            self._number = (self._number + 1) & 0x7F
            self._pieces = pieces.cut(self._message[2], self._number, most)
            self._due_ms = now_ms + self._chance(_SPREAD_MS)
            if self._message[3] < link.EMERGENCY:
                return
        if self._pieces:
            self._transmit(self._pieces[0], now_ms)
        elif self._more or (self._polls and now_ms >= self._poll_ms):
            self._polls = max(0, self._polls - 1)
            self._transmit(pieces.POLL, now_ms)
        else:
            self._due_ms = 0

    def _transmit(self, piece: bytes, now_ms: int) -> None:
        self._state = _SENDING
        self._ask("mac tx uncnf %d %s" % (pieces.PORT, piece.hex()), _AIR_MS, now_ms)

    def _take_sending(self, line: str, now_ms: int) -> None:
        if line == "ok" and self._command.startswith("mac tx"):
            return  # it is on its way
        self._state = _READY
        self._due_ms = 0
        if line == "ok":  # the data rate is set
            self._recut(now_ms)
        elif line in _NOT_NOW:
            self._due_ms = now_ms + _AGAIN_MS
        elif line == "mac_tx_ok" or line.startswith("mac_rx "):
            self._sent_one(line, now_ms)
        elif line in _START_ANEW:
            self._begin(now_ms)
        else:  # mac_err, invalid_data_len, ..
            self._done(False, now_ms)

    def _sent_one(self, line: str, now_ms: int) -> None:
        self.sent += 1
        if self._pieces:
            self._pieces.pop(0)
            self._polls = _POLLS
        pause_ms = _POLL_MS << (_POLLS - self._polls)
        self._poll_ms = now_ms + pause_ms + self._chance(pause_ms)
        self._more = False
        words = line.split()
        if words[0] == "mac_rx":
            self._heard_ms = now_ms
            self._polls = 0
            self._silent_ups = 0
            self._answered_ups += 1
            if len(words) == 3 and words[1] == str(pieces.PORT):
                self._take_piece(bytes.fromhex(words[2]), now_ms)
        else:
            self._silent_ups += 1
            self._answered_ups = 0
        if not self._pieces and self._message:
            self._done(True, now_ms)
        self._choose_rate(now_ms)

    def _take_piece(self, piece: bytes, now_ms: int) -> None:
        self._more = bool(piece and piece[0] & pieces.MORE)
        whole = self._joiner.add(piece)
        if whole is not None and self.receiver:
            self.receiver(NETWORK, whole, -100, now_ms)

    def _choose_rate(self, now_ms: int) -> None:
        wanted = self.data_rate
        if self._silent_ups >= _SLOWER_AFTER:
            wanted = max(0, wanted - 1)
        elif self._answered_ups >= _FASTER_AFTER:
            wanted = min(_FASTEST, wanted + 1)
        else:
            return
        self._silent_ups = self._answered_ups = 0
        if wanted != self.data_rate:
            self.data_rate = wanted
            self._state = _SENDING
            self._ask("mac set dr %d" % wanted, _ANSWER_MS, now_ms)

    def _recut(self, now_ms: int) -> None:
        """The data rate has changed while a message was under way: it begins anew."""
        if self._message:
            self._number = (self._number + 1) & 0x7F
            self._pieces = pieces.cut(self._message[2], self._number, MAX_PAYLOAD[self.data_rate])

    def _chance(self, below: int) -> int:
        self._random = (self._random * 1103515245 + 12345) & 0x7FFFFFFF
        return (self._random >> 8) % below

    def _done(self, ok: bool, now_ms: int) -> None:
        if not self._message:
            return
        ticket = self._message[0]
        self._message, self._pieces = (), []
        self.failed += 0 if ok else 1
        if self.on_done:
            self.on_done(ticket, ok, now_ms)


def _is_text(line: bytes) -> bool:
    return all([32 <= byte < 127 for byte in line])
