"""The firmware's power-line link over simulated modems: a slow line that all share, and marks."""

from __future__ import annotations

import pytest
from Crypto.Cipher import AES

from devices.esp32 import ccm
from devices.esp32.link import BROADCAST, mac_of, node_of, priority_of
from devices.esp32.plc_link import PlcLink
from devices.simulator.ether import POWER_LINE, Ether
from devices.simulator.plc_modem import PlcModem, Wave, mark_percent, noise_of, secret_of
from devices.simulator.virtual_time import VirtualTime

TELEMETRY = priority_of(2, 0, 0)
SECRET = bytes(16)


class Uart:
    def __init__(self, time: VirtualTime, modem: PlcModem) -> None:
        self._time, self._modem = time, modem
        self._heard = b""
        modem.on_bytes = self._hear

    def _hear(self, data: bytes) -> None:
        self._heard += data

    def write(self, data: bytes) -> None:
        self._time.after(1_000, lambda: self._modem.write(data))

    def read(self) -> bytes | None:
        heard, self._heard = self._heard, b""
        return heard or None


class Line:
    """Nodes 1 (the gateway), 2, 3 on one feeder."""

    def __init__(self, places: tuple[float, ...] = (0, 60, 150), seed: int = 1) -> None:
        self.time = VirtualTime()
        self.ether = Ether(self.time, POWER_LINE, seed)
        self.links: dict[int, PlcLink] = {}
        self.got: dict[int, list[tuple[int, bytes]]] = {}
        self.on_line: list[bytes] = []
        for number, metres in enumerate(places, start=1):
            address = mac_of(number)
            uart = Uart(self.time, PlcModem(self.ether, address, (metres, 0)))
            cipher = ccm.Ccm(SECRET, AES.new(SECRET, AES.MODE_ECB).encrypt)
            made = PlcLink(address, 1, uart, SECRET, number == 1, cipher)
            got = self.got.setdefault(number, [])
            made.receiver = lambda src, data, db, now, got=got: got.append((node_of(src), data))
            self.links[number] = made
        self.ether.listeners.append(lambda source, target, data: self.on_line.append(data))
        self.run(5_000)

    def run(self, ms: int) -> None:
        for _ in range(ms // 20):
            for made in self.links.values():
                made.tick(self.time.now_ms)
            self.time.run_for_ms(20)


@pytest.mark.parametrize("size", [1, 82, 250, 700])
def test_a_payload_arrives_whole_and_once_at_the_line_s_rate(size: int) -> None:
    line = Line()
    payload = bytes(i % 251 for i in range(size))
    line.links[2].send(mac_of(1), payload, TELEMETRY)
    began = line.time.now_ms
    while not line.got[1]:
        line.run(20)
        assert line.time.now_ms - began < 30_000
    assert line.time.now_ms - began >= size * 8 * 1000 // 1200
    line.run(20_000)
    assert line.got[1] == [(2, payload)]
    assert not line.got[3]


def test_on_a_bad_line_nothing_comes_twice_and_most_comes() -> None:
    line = Line(seed=2)
    line.ether.faults.loss_pm, line.ether.faults.duplicate_pm = 200, 200
    done: dict[int, bool] = {}
    line.links[3].on_done = lambda ticket, ok, now: done.__setitem__(ticket, ok)
    sent = {
        line.links[3].send(mac_of(1), bytes([i]) * (10 + 20 * i), TELEMETRY): i for i in range(10)
    }
    line.run(200_000)
    came = [payload[0] for _src, payload in line.got[1]]
    assert len(came) == len(set(came))
    assert set(done) == set(sent)
    assert all(sent[ticket] in came for ticket, ok in done.items() if ok)
    assert sum(done.values()) >= 9


def test_an_emergency_waits_for_one_packet_at_most() -> None:
    line = Line()
    for i in range(10):
        line.links[2].send(mac_of(1), bytes([i]) * 200, TELEMETRY)
    line.run(1_000)
    line.links[2].send(mac_of(1), b"fire", priority_of(10, 10, 0))
    line.run(5_000)
    assert (2, b"fire") in line.got[1][:2]


def test_two_who_speak_at_once_both_get_through() -> None:
    line = Line()
    for i in range(5):
        line.links[2].send(mac_of(1), bytes([i]) * 60, TELEMETRY)
        line.links[3].send(mac_of(1), bytes([i]) * 60, TELEMETRY)
    line.run(60_000)
    assert len(line.got[1]) == 10


# ---- the watermark -------------------------------------------------------------------------------


def test_a_mark_is_found_and_none_and_another_s_are_not() -> None:
    key, address = bytes(16), mac_of(2)
    packet = Wave(bytes(range(60)))
    packet.secret = secret_of(key, address)
    copied = Wave(bytes([0, 0]) + bytes(8) + packet[10:])  # another number: another sequence
    copied.secret = packet.secret
    quiet = noise_of(-50)
    assert mark_percent(packet, address, key, quiet, 1) > 90
    assert abs(mark_percent(bytes(packet), address, key, quiet, 1)) < 20
    assert abs(mark_percent(packet, mac_of(3), key, quiet, 1)) < 20
    assert abs(mark_percent(packet, address, bytes(15) + b"\1", quiet, 1)) < 20


def test_who_copies_packets_without_their_mark_is_not_heard() -> None:
    """A rogue modem that knows bits, address, even the cipher, and not the mark."""
    line = Line()
    line.links[2].send(mac_of(1), b"good", TELEMETRY)
    line.run(10_000)
    rogue = line.ether.join(b"rogue!", (30, 0), lambda *packet: None)
    before = line.links[1].modem.unmarked
    refused = line.links[1].refused
    for data in list(line.on_line):
        rogue.send(mac_of(1), bytes(data), source=mac_of(2))  # no mark
        line.run(3_000)
    assert line.links[1].modem.unmarked > before
    assert line.links[1].refused == refused  # it did not come as far as the cipher
    assert line.got[1] == [(2, b"good")]


def test_a_signal_recorded_whole_has_its_mark_and_is_refused_for_its_number() -> None:
    line = Line()
    line.links[2].send(mac_of(1), b"good", TELEMETRY)
    line.run(10_000)
    rogue = line.ether.join(b"rogue!", (30, 0), lambda *packet: None)
    unmarked = line.links[1].modem.unmarked
    for data in list(line.on_line):
        rogue.send(mac_of(1), data, source=mac_of(2))  # a `Wave`: its mark is in it
        line.run(3_000)
    assert line.links[1].modem.unmarked - unmarked < len(line.on_line)
    assert line.got[1] == [(2, b"good")]


def test_a_broadcast_reaches_all() -> None:
    line = Line()
    line.links[1].send(BROADCAST, b"to all", TELEMETRY)
    line.run(5_000)
    assert line.got[2] == line.got[3] == [(1, b"to all")]
