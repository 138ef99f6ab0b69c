"""The link of `link.py` over ESP-NOW: slots, hopping, acknowledgement, repetition, time, one secret.

Without slots and hopping the same goes over any medium that carries packets to addresses: `plc_link.py`.

A packet, at most 250 bytes: u8 kind, u8 piece (index << 4 | count), u32 boot, u32 counter, then the body, then
the tag of the cipher if the network has one. Counters grow with each packet of a boot, and make the nonce.

DATA     a payload, or a piece of one that is longer than a packet; to one neighbour or to all
ACK      u32 boot, u32 counter of the packet it answers
BEACON   u8 kind and 6 bytes of the root, its u16 boot and u32 number, u8 stratum, u48 time, what the mesh adds
SOLICIT  nothing: who has the network's time, say it
"""

import struct

from devices.esp32 import link
from devices.esp32.hopping import BEACON_EVERY, Schedule
from devices.esp32.neighbours import Neighbours
from devices.esp32.network_time import NetworkTime

DATA = 1
ACK = 2
BEACON = 3
SOLICIT = 4
_TO_ALL = 0x80  # in the kind's byte: the chip does not tell whom a packet was for

MAX_PACKET = 250
_HEAD = ">BBII"
_HEAD_SIZE = 10
TAG_SIZE = 8
PIECE = MAX_PACKET - _HEAD_SIZE - TAG_SIZE
MAX_EXTRA = 64

_QUEUE = 48
_OPEN = 8  # packets that may wait for their repetition at a time
_PARTIAL_MS = 10000
_BROADCASTS = 2
_HOP_DWELLS = 4  # there, back and a repetition
_WEAK_DBM = -84
_FEW_TRIES = 4
_AIR_MS = 1  # between the stamp of a beacon and its arrival, at the least


class _Sending:
    """One packet under way: of which ticket, how often tried, when to try again."""

    def __init__(
        self, ticket: int, dst: bytes, packet: bytes, counter: int, priority: int, due_ms: int
    ) -> None:
        self.ticket = ticket
        self.dst = dst
        self.packet = packet
        self.counter = counter
        self.priority = priority
        self.tries = 0
        self.due_ms = due_ms


class EspNowLink(link.QueuedLink):
    """`radio` has send(dst, packet) and set_channel(number); received packets go to `on_packet`.

    Attributes:
        extra: what the mesh wants every beacon to say, at most MAX_EXTRA bytes.
        news: what it says has changed, and should be said in the next slot.
        on_beacon: called with (src, extra, rssi_dbm, now_ms).
        sent, repeated, failed, refused: packets so far; refused were replayed or not of this network.
        fresh_ms: a neighbour not heard for so long may be gone.
    """

    fresh_ms = 30000

    def __init__(
        self,
        address: bytes,
        boot: int,
        radio,
        schedule: Schedule,
        is_root: bool,
        cipher=None,
        ack_ms: int = 24,
    ) -> None:
        """`boot`: the node's boot counter. `cipher`: see ccm.py; None leaves packets as they are."""
        super().__init__(address, _QUEUE)
        self.boot = boot
        self.schedule = schedule
        silent_ms = 8 * BEACON_EVERY * schedule.dwell_ms
        self.time = NetworkTime(address, is_root, boot, silent_ms)
        self.time.synced = self.time.synced or not schedule.hop
        self.neighbours = Neighbours()
        self.hop_ms = _HOP_DWELLS * schedule.dwell_ms if schedule.hop else _HOP_DWELLS * ack_ms
        self.extra = b""
        self.news = False
        self.on_beacon = None
        self.sent = 0
        self.repeated = 0
        self.failed = 0
        self.refused = 0
        self._radio = radio
        self._cipher = cipher
        self._ack_ms = ack_ms
        self._number = link.node_of(address) or address[5]
        self._packets: list = []
        self._in_air: _Sending | None = None
        self._counter = 0
        self._missing: dict = {}  # by ticket: how many of its packets are not acknowledged
        self._partial: dict = {}
        self._channel = 0
        self._last_ms = 0
        self._had_waiting = False
        self._beacon_dwell = -1
        self._solicit_ms = 0
        self._heard_ms = -self.fresh_ms
        self._random = (self._number * 2654435761 + boot * 40503) & 0x7FFFFFFF

    # ---- what is above -----------------------------------------------------------------------------

    def waiting(self) -> int:
        """Payloads that were not sent yet."""
        return len(self._queue) + len(self._packets)

    def available(self, now_ms: int) -> bool:
        """See link.py."""
        return now_ms - self._heard_ms < self.fresh_ms

    def cost(self, neighbour: bytes) -> int:
        """See link.py: from what became of packets to it, and how strongly it is heard."""
        known = self.neighbours.get(neighbour)
        if known is None:
            return 8 * link.COST_ONE
        weak = 2 * max(0, _WEAK_DBM - known.rssi_dbm)
        quality = known.quality if known.tries >= _FEW_TRIES else 256
        return link.COST_ONE * 256 // max(16, quality) + weak

    @property
    def gateway(self) -> int:
        """Node number of the gateway whose time we have, 0 if there is none."""
        kind, root = self.time.source
        return link.node_of(root) if kind == 0 and self.time.synced else 0

    # ---- time --------------------------------------------------------------------------------------

    def tick(self, now_ms: int) -> int:
        """See link.py."""
        if self.schedule.hop:
            self.time.tick(now_ms)
        self._tune(now_ms)
        if not self.time.synced:
            return self._look_for_network(now_ms)
        in_slot = self._in_slot(now_ms)
        if in_slot:
            self._beacon_if_due(now_ms)
        self._send_due(now_ms, in_slot)
        self._last_ms = now_ms
        self._had_waiting = self.waiting() > 0
        return self._next_wait(now_ms)

    def _in_slot(self, now_ms: int) -> bool:
        """True in our slot, or right after it if nobody called in time; then others are asked to be
        patient by the radio itself, which listens before it sends."""
        if not self.schedule.hop:
            return True
        slot_ms = self.schedule.slot_ms
        at = self.time.now(now_ms) % self.schedule.dwell_ms
        since = at - self.schedule.own_slot(self._number) * slot_ms
        missed = self._had_waiting and slot_ms <= since < now_ms - self._last_ms
        return 0 <= since < slot_ms or missed

    def _tune(self, now_ms: int) -> None:
        if self.time.synced:
            channel = self.schedule.channel(self.time.now(now_ms))
        else:  # another channel than the others' most of the time: they hop, so we meet
            channel = self.schedule.channel(now_ms // 4)
        if channel != self._channel:
            self._channel = channel
            self._radio.set_channel(channel)

    def _look_for_network(self, now_ms: int) -> int:
        if now_ms >= self._solicit_ms:
            self._solicit_ms = now_ms + self.schedule.dwell_ms // 2 + self._chance(16)
            self.ask()
        return max(1, self._solicit_ms - now_ms)

    def ask(self) -> None:
        """Asks who is there to say so."""
        self._radio.send(link.BROADCAST, self._packet(SOLICIT, 0, b""))

    def _beacon_if_due(self, now_ms: int) -> None:
        network_ms = self.time.now(now_ms)
        dwell = network_ms // self.schedule.dwell_ms
        due = self.news or self.schedule.beacons_in(network_ms, self._number)
        if dwell != self._beacon_dwell and due:
            self._beacon_dwell = dwell
            self.news = False
            self._send_beacon(now_ms)

    def _send_beacon(self, now_ms: int) -> None:
        kind, root, number, stratum = self.time.beacon()
        body = struct.pack(">B6sHIB", kind, root, number[0], number[1], min(stratum, 255))
        body += self.time.now(now_ms).to_bytes(6, "big") + self.extra[:MAX_EXTRA]
        self._radio.send(link.BROADCAST, self._packet(BEACON, 0, body))

    def _next_wait(self, now_ms: int) -> int:
        network_ms = self.time.now(now_ms)
        wait = self.schedule.until_hop(network_ms)
        due = self.news or self.schedule.beacons_in(network_ms, self._number)
        if due or self.waiting():
            wait = min(wait, self.schedule.until_slot(network_ms, self._number) or wait)
        if self._in_air is not None:
            wait = min(wait, self._in_air.due_ms - now_ms)
        else:
            for sending in self._packets:
                if sending.priority >= link.EMERGENCY or not self.schedule.hop:
                    wait = min(wait, sending.due_ms - now_ms)
        return max(1, wait)

    # ---- sending -----------------------------------------------------------------------------------

    def _send_due(self, now_ms: int, in_slot: bool) -> None:
        """One packet after the other, each when the one before was acknowledged or given up."""
        while self._in_air is None or now_ms >= self._in_air.due_ms:
            if self._in_air is not None:
                self._unanswered(self._in_air, now_ms)
            self._in_air = self._choose(now_ms, in_slot)
            if self._in_air is None:
                return
            self._transmit(self._in_air, now_ms)
            if self._in_air.dst == link.BROADCAST:
                self._said_to_all(self._in_air, now_ms)
                self._in_air = None

    def _choose(self, now_ms: int, in_slot: bool) -> _Sending | None:
        """The packet whose turn it is: what is urgent at any time, the rest in our slot."""
        least = 0 if in_slot else link.EMERGENCY
        ready = None
        for sending in self._packets:
            fits = sending.priority >= least and now_ms >= sending.due_ms
            if fits and (ready is None or sending.priority > ready.priority):
                ready = sending
        urgency = self._queue.urgency()
        if urgency >= least and len(self._packets) < _OPEN:
            if ready is None or urgency >= link.EMERGENCY > ready.priority:
                return self._begin(self._queue.pop(least), now_ms)
        return ready

    def _begin(self, item: tuple, now_ms: int) -> _Sending:
        """Makes a payload's packets; the first of them."""
        ticket, dst, payload, priority = item
        count = (len(payload) + PIECE - 1) // PIECE
        made = []
        for i in range(count):
            piece = payload[i * PIECE : (i + 1) * PIECE]
            packet = self._packet(DATA, i << 4 | count, piece, dst)
            made.append(_Sending(ticket, dst, packet, self._counter, priority, now_ms))
        self._packets += made
        self._missing[ticket] = count
        return made[0]

    def _transmit(self, sending: _Sending, now_ms: int) -> None:
        self.sent += 1
        self.repeated += 1 if sending.tries else 0
        sending.tries += 1
        sending.due_ms = now_ms + self._answer_ms(sending.packet)
        self._radio.send(sending.dst, sending.packet)

    def _answer_ms(self, packet: bytes) -> int:
        """How long after handing a packet over its acknowledgement may take."""
        return self._ack_ms

    def _said_to_all(self, sending: _Sending, now_ms: int) -> None:
        """Nobody acknowledges a broadcast: it is said again on the next channel, the same packet, and that is all."""
        if sending.tries < _BROADCASTS and self.schedule.hop:
            sending.due_ms = now_ms + self.schedule.until_hop(self.time.now(now_ms))
        else:
            self._settle(sending, True, now_ms)

    def _unanswered(self, sending: _Sending, now_ms: int) -> None:
        """No acknowledgement came: again on another channel, or soon if it is urgent, or never."""
        self._note_try(sending.dst, False)
        if sending.tries > link.RETRIES:
            self.failed += 1
            self._settle(sending, False, now_ms)
        elif sending.priority >= link.EMERGENCY or not self.schedule.hop:
            sending.due_ms = now_ms + self._chance(self._ack_ms << min(sending.tries, 4))
        else:
            sending.due_ms = now_ms + self.schedule.until_hop(self.time.now(now_ms))

    def _settle(self, sending: _Sending, ok: bool, now_ms: int) -> None:
        """One packet is done with; after the last of its payload, or one that failed, all are."""
        ticket = sending.ticket
        self._packets.remove(sending)
        self._missing[ticket] -= 1
        if not ok:
            self._packets = [other for other in self._packets if other.ticket != ticket]
        elif self._missing[ticket]:
            return
        del self._missing[ticket]
        if self.on_done:
            self.on_done(ticket, ok, now_ms)

    def _note_try(self, dst: bytes, arrived: bool) -> None:
        neighbour = self.neighbours.get(dst)
        if neighbour is not None:
            neighbour.tried(arrived)

    def _packet(self, kind: int, piece: int, body: bytes, dst: bytes = link.BROADCAST) -> bytes:
        self._counter += 1
        to_all = _TO_ALL if dst == link.BROADCAST else 0
        head = struct.pack(_HEAD, kind | to_all, piece, self.boot, self._counter)
        if self._cipher is None:
            return head + body
        return head + self._cipher.seal(_nonce(self.address, head), dst + head, body)

    # ---- receiving ---------------------------------------------------------------------------------

    def on_packet(
        self, src: bytes, packet: bytes, rssi_dbm: int, now_ms: int, age_ms: int = 0
    ) -> None:
        """What the radio has received, `age_ms` ago."""
        opened = self._opened(src, packet)
        if opened is None:
            self.refused += 1
            return
        neighbour = self.neighbours.heard(src, rssi_dbm, now_ms)
        self._heard_ms = now_ms
        kind, body = opened[0], opened[5]
        fresh = neighbour.is_new(opened[3], opened[4])
        if kind == DATA:
            self._on_data(src, opened, rssi_dbm, now_ms, fresh)
        elif not fresh:
            self.refused += 1
        elif kind == ACK and len(body) == 8:
            self._on_ack(src, body, now_ms)
        elif kind == BEACON and len(body) >= 20:
            self._on_beacon(src, body, rssi_dbm, now_ms, age_ms)
        elif kind == SOLICIT and (self.time.synced if self.schedule.hop else self.time.is_root):
            self._send_beacon(now_ms)  # without slots the gateway alone, or all would speak at once

    def _opened(self, src: bytes, packet: bytes) -> tuple | None:
        """(kind, to all, piece, boot, counter, body) of a packet of this network, else None."""
        if not _HEAD_SIZE <= len(packet) <= MAX_PACKET:
            return None
        kind, piece, boot, counter = struct.unpack_from(_HEAD, packet, 0)
        body = packet[_HEAD_SIZE:]
        to_all = bool(kind & _TO_ALL)
        if self._cipher is not None:
            head = packet[:_HEAD_SIZE]
            dst = link.BROADCAST if to_all else self.address
            body = self._cipher.open(_nonce(src, head), dst + head, body)
            if body is None:
                return None
        return kind & 15, to_all, piece, boot, counter, body

    def _on_data(self, src: bytes, opened: tuple, rssi_dbm: int, now_ms: int, fresh: bool) -> None:
        _kind, to_all, piece, boot, counter, body = opened
        if not to_all:  # a repetition means that our first acknowledgement was lost
            answer = self._packet(ACK, 0, struct.pack(">II", boot, counter), src)
            self._radio.send(src, answer)
        if not fresh:
            return
        payload = self._whole(src, piece, counter, body, now_ms)
        if payload is not None and self.receiver:
            self.receiver(src, payload, rssi_dbm, now_ms)

    def _whole(
        self, src: bytes, piece: int, counter: int, body: bytes, now_ms: int
    ) -> bytes | None:
        index, count = piece >> 4, piece & 15
        if index >= count:
            return None
        if count == 1:
            return body
        first = counter - index
        held = self._partial.get(src)
        if held is None or held[0] != first or now_ms - held[1] > _PARTIAL_MS:
            pieces: dict = {}
            held = (first, now_ms, pieces)
            self._partial[src] = held
        held[2][index] = body
        if len(held[2]) < count:
            return None
        del self._partial[src]
        return b"".join([held[2][i] for i in range(count)])

    def _on_ack(self, src: bytes, body: bytes, now_ms: int) -> None:
        boot, counter = struct.unpack(">II", body)
        for sending in self._packets:
            if boot == self.boot and sending.counter == counter and sending.dst == src:
                self._note_try(src, True)
                if sending is self._in_air:
                    self._in_air = None
                self._settle(sending, True, now_ms)
                return

    def _on_beacon(
        self, src: bytes, body: bytes, rssi_dbm: int, now_ms: int, age_ms: int
    ) -> None:
        kind, root, boot, number, stratum = struct.unpack_from(">B6sHIB", body, 0)
        time_ms = int.from_bytes(body[14:20], "big") + _AIR_MS + age_ms
        of_root = (boot, number)
        if self.time.hear(kind, root, of_root, stratum, time_ms, now_ms) and self.schedule.hop:
            self._tune(now_ms)
        if self.on_beacon:
            self.on_beacon(src, body[20:], rssi_dbm, now_ms)

    def _chance(self, below: int) -> int:
        self._random = (self._random * 1103515245 + 12345) & 0x7FFFFFFF
        return (self._random >> 8) % below


def _nonce(src: bytes, head: bytes) -> bytes:
    """13 bytes that no two packets share: the first after the kind decides nothing else."""
    return src[1:6] + head[2:10]
