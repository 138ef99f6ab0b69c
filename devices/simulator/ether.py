"""One simulated medium that all nodes share: radio or power line. Simulated, and nothing but.

What is assumed, with the figures of each medium in its `Medium` (their sources: docs/mesh-link.md):

- A packet is on air for preamble + bytes / rate. A station sends one at a time, waits until it
  hears the channel silent, then for a random back-off; two who cannot hear each other collide at a
  third. On a medium without `silent_dbm` nobody listens before it sends (ALOHA, as LoRaWAN).
- Strength falls with the distance by a power law, plus what walls do to this pair (normal, fixed by
  the seed, the same both ways), plus fading of each packet. At `floor_dbm` half of them are lost.
- Of packets that overlap at a receiver one survives that is stronger by `capture_db`, or none.
- A receiver hears only the channel it is tuned to (a concentrator: all), and nothing while it sends
  itself.
- There are no repetitions below the link: ESP-NOW's hardware repeats unicasts, this one does not.
- Everything random comes from one seeded generator, in the order of events: the same run again.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from devices.simulator.virtual_time import VirtualTime

BROADCAST = b"\xff" * 6
Receiver = Callable[[bytes, bytes, int, int], object]
"""Called with source address, data, dBm and now in ms."""

ALL_CHANNELS, DEAF = -1, -2
"""Channels of a receiver that hears every one, and of one that sleeps."""

_FADES = 3
"""Fading beyond this many standard deviations is left out."""


@dataclass(frozen=True, slots=True)
class Medium:
    """The assumptions about one kind of link.

    Attributes:
        rate_bps: bits a second on air.
        preamble_us: of each packet, before its bytes.
        overhead_bytes: the medium's own header and checksum.
        largest: most bytes of a packet.
        sent_dbm: power sent, antennas included.
        loss_1m_db, loss_per_decade_db: path loss at one metre, and for each tenfold distance.
        walls_db: standard deviation of what is between two places.
        fading_db: standard deviation from packet to packet.
        floor_dbm: strength at which half of the packets are lost.
        slope_db: that much stronger, 12 % are lost; weaker, 88 %.
        silent_dbm: weaker than this the channel counts as free; None: nobody listens.
        capture_db: see above.
        backoff_us, backoff_steps: a back-off is a random number of steps of that length.
        latency_us: in chips and drivers, each way.
    """

    rate_bps: int
    preamble_us: int
    overhead_bytes: int
    largest: int
    sent_dbm: float
    loss_1m_db: float
    loss_per_decade_db: float
    walls_db: float
    fading_db: float
    floor_dbm: float
    slope_db: float
    silent_dbm: float | None
    capture_db: float
    backoff_us: int
    backoff_steps: int
    latency_us: int = 0

    def airtime_us(self, size: int) -> int:
        """How long a packet of `size` bytes is on air, rounded up."""
        return self.preamble_us + -(-(size + self.overhead_bytes) * 8_000_000 // self.rate_bps)


ESP_NOW = Medium(
    rate_bps=1_000_000, preamble_us=192, overhead_bytes=43, largest=250, sent_dbm=19.0,
    loss_1m_db=40.0, loss_per_decade_db=30.0, walls_db=4.0, fading_db=2.0, floor_dbm=-92.0,
    slope_db=1.5, silent_dbm=-91.0, capture_db=6.0, backoff_us=20, backoff_steps=32, latency_us=300,
)  # fmt: skip
LORAWAN = Medium(
    rate_bps=5_469, preamble_us=12_544, overhead_bytes=5, largest=235, sent_dbm=14.0,
    loss_1m_db=31.0, loss_per_decade_db=30.0, walls_db=6.0, fading_db=2.0, floor_dbm=-123.0,
    slope_db=1.0, silent_dbm=None, capture_db=6.0, backoff_us=0, backoff_steps=1, latency_us=2_000,
)  # fmt: skip
"""At data rate 5, the fastest; `lora_air` has the others, and who keeps the share of time."""
POWER_LINE = Medium(
    rate_bps=1_200, preamble_us=20_000, overhead_bytes=16, largest=250, sent_dbm=0.0,
    loss_1m_db=0.0, loss_per_decade_db=25.0, walls_db=4.0, fading_db=3.0, floor_dbm=-75.0,
    slope_db=2.0, silent_dbm=-78.0, capture_db=6.0, backoff_us=50_000, backoff_steps=16,
    latency_us=1_000,
)  # fmt: skip


@dataclass(slots=True, eq=False)
class _Packet:
    """One on air."""

    sender: Station
    source: bytes
    target: bytes
    data: bytes
    channel: int
    medium: Medium
    begins_us: int
    ends_us: int


@dataclass(slots=True)
class Tally:
    """What became of packets, each once for every station that could have heard it."""

    sent: int = 0
    delivered: int = 0
    weak: int = 0
    collided: int = 0
    jammed: int = 0
    elsewhere: int = 0
    dropped: int = 0
    lost_at_random: int = 0


@dataclass(slots=True)
class Faults:
    """What is wrong with the whole medium, per mille of receptions; changed while it runs."""

    loss_pm: int = 0
    duplicate_pm: int = 0
    delay_ms: int = 0
    """Some receptions come later, by up to this: they overtake one another."""
    jammed: dict[int, int] = field(default_factory=dict)
    """By channel: per mille of receptions that somebody else's traffic destroys."""


class Station:
    """One node's transceiver; `Ether.join` makes it.

    Attributes:
        channel: the one it hears and sends on.
        medium: what its own packets are sent as; the ether's, where that has one kind only.
        heard_on: channel of the packet that was received last.
        on_air: called with each packet that begins to be sent, and when it ends.
    """

    def __init__(
        self, ether: Ether, address: bytes, place: tuple[float, float], receiver: Receiver
    ) -> None:
        self.address = address
        self.place = place
        self.receiver = receiver
        self.channel = 0
        self.medium = ether.medium
        self.heard_on = 0
        self.on_air: Callable[[bytes, int], object] = lambda data, ends_us: None
        self.sending_until_us = 0
        self.sent = 0
        self._ether = ether
        self._waiting: list[tuple[bytes, bytes, bytes]] = []

    def send(
        self, target: bytes, data: bytes, source: bytes | None = None, at_once: bool = False
    ) -> bool:
        """Sends as soon as the channel is free; False if the chip's queue is full.

        `source`: an address that is not its own, as a rogue node would give. `at_once`: before what
        waits, and without a back-off: an acknowledgement.
        """
        if len(data) > self._ether.medium.largest:
            largest = self._ether.medium.largest
            raise ValueError(f"{len(data)} bytes; a packet has at most {largest}")
        if len(self._waiting) >= 8:
            return False
        packet = (target, data, source or self.address)
        self._waiting.insert(0 if at_once else len(self._waiting), packet)
        if at_once or len(self._waiting) == 1:
            self._ether.contend(self, at_once)
        return True

    def tune(self, channel: int, medium: Medium) -> None:
        """Another channel, and another manner of sending."""
        self.channel = channel
        if medium is not self.medium:
            self.medium = medium
            self._ether.forget(self)

    def hears_until_us(self) -> int:
        """When what is on air on its channel, strong enough to be heard, ends; 0 if nothing is."""
        return self._ether.under_way(self)

    def leave(self) -> None:
        """Power off: it hears and sends no more."""
        self._ether.leave(self)
        self._waiting.clear()


class Ether:
    """The medium, its stations, and what is on air."""

    def __init__(self, time: VirtualTime, medium: Medium = ESP_NOW, seed: int = 1) -> None:
        self.time = time
        self.medium = medium
        self.faults = Faults()
        self.tally = Tally()
        self.listeners: list[Callable[[bytes, bytes, bytes], object]] = []
        """Called with source, target and data of every packet sent: a sniffer, or a rogue node."""
        self.stations: dict[bytes, Station] = {}
        self._seed = seed
        self._random = random.Random(seed)
        self._on_air: list[_Packet] = []
        self._cut: set[frozenset[bytes]] = set()
        self._side: dict[bytes, int] = {}
        self._near: dict[Station, dict[Station, float]] = {}

    # ---- who is where ----------------------------------------------------------------------------

    def join(self, address: bytes, place: tuple[float, float], receiver: Receiver) -> Station:
        """A station at `place` (metres). One of the same address, which was there, is replaced."""
        if address in self.stations:
            self.stations[address].leave()
        station = Station(self, address, place, receiver)
        self.stations[address] = station
        self._near.clear()
        return station

    def leave(self, station: Station) -> None:
        """Takes it away."""
        if self.stations.get(station.address) is station:
            del self.stations[station.address]
            self._near.clear()

    def move(self, address: bytes, place: tuple[float, float]) -> None:
        """Puts a station elsewhere."""
        self.stations[address].place = place
        self._near.clear()

    def cut(self, a: bytes, b: bytes, is_cut: bool = True) -> None:
        """Nothing passes between two stations any more, or again."""
        (self._cut.add if is_cut else self._cut.discard)(frozenset((a, b)))
        self._near.clear()

    def is_cut(self, a: bytes, b: bytes) -> bool:
        """True if nothing passes between them because it was cut, or partitioned."""
        apart = self._side.get(a, 0) != self._side.get(b, 0)
        return apart or frozenset((a, b)) in self._cut

    def partition(self, *sides: Iterable[bytes]) -> None:
        """Only stations of one side hear each other; those unnamed are one more. None: all do."""
        self._side = {address: i + 1 for i, side in enumerate(sides) for address in side}
        self._near.clear()

    def forget(self, station: Station) -> None:
        """Who hears it is to be found anew."""
        self._near.pop(station, None)

    def strength_dbm(self, a: Station, b: Station) -> float:
        """Mean strength of one at the other."""
        metres = max(1.0, math.dist(a.place, b.place))
        walls = random.Random(repr((self._seed, sorted((a.address, b.address))))).gauss(0, 1)
        medium = self.medium
        loss_db = medium.loss_1m_db + medium.loss_per_decade_db * math.log10(metres)
        return medium.sent_dbm - loss_db + walls * medium.walls_db

    def _heard_by(self, station: Station) -> dict[Station, float]:
        """Who may hear it, and how strongly on average."""
        near = self._near.get(station)
        if near is None:
            medium = self.medium
            weakest_dbm = min(medium.floor_dbm, station.medium.floor_dbm)
            least = weakest_dbm - _FADES * (medium.fading_db + medium.slope_db)
            near = {}
            for other in self.stations.values():
                if other is station or self.is_cut(station.address, other.address):
                    continue
                strength = self.strength_dbm(station, other)
                if strength >= least:
                    near[other] = strength
            self._near[station] = near
        return near

    # ---- sending ---------------------------------------------------------------------------------

    def contend(self, station: Station, at_once: bool = False) -> None:
        """Waits for the channel to be free, and for a random back-off."""
        step = 0 if at_once else self._random.randrange(self.medium.backoff_steps)
        self.time.after(step * self.medium.backoff_us, lambda: self._attempt(station))

    def _attempt(self, station: Station) -> None:
        if not station._waiting or self.stations.get(station.address) is not station:
            return
        now = self.time.now_us
        busy_until = self._busy_until(station)
        if busy_until > now:
            step = 1 + self._random.randrange(self.medium.backoff_steps)
            self.time.at(busy_until + step * self.medium.backoff_us, lambda: self._attempt(station))
            return
        target, data, source = station._waiting.pop(0)
        ends_us = now + station.medium.airtime_us(len(data))
        channel, medium = station.channel, station.medium
        packet = _Packet(station, source, target, data, channel, medium, now, ends_us)
        self._on_air.append(packet)
        station.sending_until_us = packet.ends_us
        station.sent += 1
        station.on_air(data, ends_us)
        self.tally.sent += 1
        for listener in self.listeners:
            listener(source, target, data)
        self.time.at(packet.ends_us, lambda: self._arrive(packet))
        if station._waiting:
            self.time.at(packet.ends_us, lambda: self.contend(station))

    def _busy_until(self, station: Station) -> int:
        until, silent_dbm = station.sending_until_us, self.medium.silent_dbm
        if silent_dbm is None:
            return until
        for packet in self._on_air:
            if packet.channel != station.channel or packet.ends_us <= until:
                continue
            if self._mean_at(packet.sender, station) >= silent_dbm:
                until = packet.ends_us
        return until

    def under_way(self, station: Station) -> int:
        """See `Station.hears_until_us`."""
        return max(
            (
                packet.ends_us
                for packet in self._on_air
                if packet.channel == station.channel
                and packet.ends_us > self.time.now_us
                and self._mean_at(packet.sender, station) >= packet.medium.floor_dbm
            ),
            default=0,
        )

    def _mean_at(self, sender: Station, station: Station) -> float:
        return self._heard_by(sender).get(station, -math.inf)

    # ---- receiving -------------------------------------------------------------------------------

    def _arrive(self, packet: _Packet) -> None:
        under_way = [p.begins_us for p in self._on_air if p.ends_us >= packet.ends_us]
        oldest_us = min(under_way)  # what ended before can overlap nothing any more
        self._on_air = [p for p in self._on_air if p.ends_us > oldest_us]
        overlapping = [
            other
            for other in self._on_air
            if other is not packet
            and other.channel == packet.channel
            and other.begins_us < packet.ends_us
            and other.ends_us > packet.begins_us
        ]
        for station, mean in list(self._heard_by(packet.sender).items()):
            self._receive(packet, station, mean, overlapping)

    def _receive(
        self, packet: _Packet, station: Station, mean: float, overlapping: list[_Packet]
    ) -> None:
        medium, tally, chance = packet.medium, self.tally, self._random
        tuned = station.channel in (packet.channel, ALL_CHANNELS)
        if not tuned or station.sending_until_us > packet.begins_us:
            tally.elsewhere += 1
            return
        strength = mean + max(-_FADES, min(_FADES, chance.gauss(0, 1))) * medium.fading_db
        below = 2 * (medium.floor_dbm - strength) / medium.slope_db
        if chance.random() >= 1 / (1 + math.exp(below)):
            tally.weak += 1
            return
        if any(
            self._mean_at(other.sender, station) > strength - medium.capture_db
            for other in overlapping
        ):
            tally.collided += 1
            return
        if self._happens(self.faults.jammed.get(packet.channel, 0)):
            tally.jammed += 1
            return
        if self._happens(self.faults.loss_pm):
            tally.lost_at_random += 1
            return
        self._deliver(packet, station, round(strength))
        if self._happens(self.faults.duplicate_pm):
            self._deliver(packet, station, round(strength))

    def _deliver(self, packet: _Packet, station: Station, strength: int) -> None:
        if packet.target not in (station.address, BROADCAST):
            return
        late_us = self.medium.latency_us
        if self.faults.delay_ms:
            late_us += self._random.randrange(self.faults.delay_ms * 1000)
        self.time.after(late_us, lambda: self._hand_over(packet, station, strength))

    def _hand_over(self, packet: _Packet, station: Station, strength: int) -> None:
        if self.stations.get(station.address) is not station:
            self.tally.dropped += 1
            return
        self.tally.delivered += 1
        station.heard_on = packet.channel
        station.receiver(packet.source, packet.data, strength, self.time.now_ms)

    def _happens(self, per_mille: int) -> bool:
        return per_mille > 0 and self._random.randrange(1000) < per_mille
