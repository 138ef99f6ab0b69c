"""LoRaWAN: the protocol to the bit, the simulated module and network, the firmware's link."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.esp32 import lora_link, pieces
from devices.esp32.link import BROADCAST, mac_of, priority_of
from devices.esp32.lora_link import LoraLink, application_key, device_eui
from devices.simulator import lora_air
from devices.simulator import lora_mac as mac
from devices.simulator.ether import LORAWAN, Ether
from devices.simulator.lora_module import LoraModule
from devices.simulator.lora_network import LoraNetwork
from devices.simulator.virtual_time import VirtualTime

SECRET = bytes(range(16))
NODE = 7
TELEMETRY = priority_of(2, 0, 0)
HOUR_MS = 3_600_000


class Uart:
    """Between the firmware's link and the simulated module, a millisecond each way."""

    def __init__(self, time: VirtualTime, module: LoraModule) -> None:
        self.said: list[str] = []
        self._time, self._module = time, module
        self._heard = b""
        module.on_bytes = self._hear

    def _hear(self, data: bytes) -> None:
        self._heard += data
        self.said.append(data.decode().strip())

    def write(self, data: bytes) -> None:
        self._time.after(1_000, lambda: self._module.write(data))

    def read(self) -> bytes | None:
        heard, self._heard = self._heard, b""
        return heard or None


class Air:
    """One node's link, its module, and the network; `up` is what came."""

    def __init__(self, metres: float = 500, seed: int = 1) -> None:
        self.time = VirtualTime()
        self.ether = Ether(self.time, LORAWAN, seed)
        self.up: list[bytes] = []
        self.down: list[bytes] = []
        self.network = LoraNetwork(self.ether, (0, 0), self.up.append)
        self.module = LoraModule(self.ether, mac_of(NODE), (metres, 0), seed)
        self.uart = Uart(self.time, self.module)
        key = application_key(SECRET, NODE)
        self.link = LoraLink(mac_of(NODE), self.uart, device_eui(NODE), key)
        self.link.receiver = lambda src, data, rssi, now: self.down.append(data)
        self.network.know(NODE, device_eui(NODE), key, mac_of(NODE))
        self.heard: list[bytes] = []
        self.ether.listeners.append(lambda source, target, data: self.heard.append(data))

    def run(self, ms: int, until: object = None) -> None:
        for _ in range(ms // 50):
            self.link.tick(self.time.now_ms)
            self.time.run_for_ms(50)
            if callable(until) and until():
                return

    def answering(self) -> Air:
        """The gateway answers every frame, as it does with results."""

        def answer(frame: bytes) -> None:
            self.up.append(frame)
            self.network.send(b"\x4f\x1c" + NODE.to_bytes(4, "big") + bytes(21) + frame[:16])

        self.network.on_frame = answer
        return self

    def joined(self) -> Air:
        self.run(60_000, lambda: self.link.available(self.time.now_ms))
        assert self.link.available(self.time.now_ms)
        return self


# ---- the protocol --------------------------------------------------------------------------------


def test_a_published_packet_is_reproduced() -> None:
    """The example of the lora-packet project: unconfirmed data up, counter 2, port 1, "test"."""
    session = mac.Session(
        bytes.fromhex("49be7df1"),
        bytes.fromhex("44024241ed4ce9a68c6a8bc055233fd3"),
        bytes.fromhex("ec925802ae430ca77fd3dd73cb2cc588"),
    )
    packet = bytes.fromhex("40F17DBE4900020001954378762B11FF0D")
    assert mac.uplink(session, mac.Data(2, 1, b"test")) == packet
    assert mac.open_uplink(session, 1, packet) == mac.Data(2, 1, b"test")
    with pytest.raises(mac.MacError):
        mac.open_uplink(session, 2, packet)  # it came before


@given(st.binary(max_size=222), st.integers(0, 1 << 20), st.integers(0, 1 << 10))
def test_both_ends_agree_on_session_and_counters(payload: bytes, counter: int, lost: int) -> None:
    key = application_key(SECRET, NODE)
    answer, server = mac.join_accept(key, 3, 9, b"\x26\0\0\1", 3)
    module, rx2 = mac.open_join_accept(key, 3, answer)
    assert (module, rx2) == (server, 3)
    message = mac.Data(counter + lost, 1, payload)
    assert mac.open_uplink(server, counter - 1, mac.uplink(module, message)) == message
    assert mac.open_downlink(module, counter - 1, mac.downlink(server, message)) == message
    with pytest.raises(mac.MacError):
        mac.open_downlink(module, counter - 1, mac.uplink(module, message))


@given(st.binary(min_size=1, max_size=250), st.sampled_from(lora_air.MAX_PAYLOAD))
def test_pieces_fit_and_join(data: bytes, most: int) -> None:
    made = pieces.cut(data, 5, most)
    assert all(len(piece) <= most for piece in made)
    joiner = pieces.Joiner()
    assert [joiner.add(piece) for piece in made] == [None] * (len(made) - 1) + [data]
    if len(made) > 1:
        assert [joiner.add(piece) for piece in made[1:]] == [None] * (len(made) - 1)
        joiner.add(made[0])
        assert joiner.add(made[0]) is None  # begun anew


@given(st.binary(max_size=40))
def test_nothing_foreign_disturbs_the_network(data: bytes) -> None:
    air = Air()
    air.network._on_packet(b"rogue!", data, -100, 0)
    assert not air.up


# ---- the link ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 82, 222, 250])
def test_a_frame_arrives_whole_and_once(size: int) -> None:
    air = Air().joined()
    frame = bytes(i % 251 for i in range(size))
    ticket = air.link.send(BROADCAST, frame, TELEMETRY)
    done: list[tuple[int, bool]] = []
    air.link.on_done = lambda ticket, ok, now: done.append((ticket, ok))
    air.run(60_000)
    assert air.up == [frame]
    assert done == [(ticket, True)]


def test_an_answer_comes_in_the_receive_windows_only() -> None:
    air = Air().joined()
    downlink = b"\x4f\x1c" + NODE.to_bytes(4, "big") + bytes(80)
    assert air.network.send(downlink)
    air.run(120_000)
    assert not air.down  # it has sent nothing, so it hears nothing
    air.link.send(BROADCAST, b"here I am", TELEMETRY)
    began = air.time.now_ms
    air.run(10_000, lambda: air.down)
    assert air.down == [downlink]
    assert 1_000 < air.time.now_ms - began < 6_000


def test_what_comes_too_late_for_the_windows_is_fetched() -> None:
    """The gateway takes three seconds to answer: the module asks again before it repeats."""
    air = Air().joined()
    downlink = b"\x4f\x1c" + NODE.to_bytes(4, "big") + bytes(30)

    def answer(_frame: bytes) -> None:
        air.time.after(3_000_000, lambda: air.network.send(downlink))

    air.network.on_frame = answer
    air.link.send(BROADCAST, b"x" * 40, TELEMETRY)
    air.run(30_000)
    assert air.down == [downlink]


def test_nobody_is_on_air_for_more_than_his_share() -> None:
    air = Air().joined()
    used: dict[bytes, int] = defaultdict(int)

    def note(source: bytes, _target: bytes, data: bytes) -> None:
        station = air.ether.stations[source]
        used[source] += station.medium.airtime_us(len(data))

    air.ether.listeners.append(note)
    for i in range(180):
        air.link.send(BROADCAST, bytes([i]) * 200, TELEMETRY)
        air.network.send(b"\x4f\x1c" + NODE.to_bytes(4, "big") + bytes([i]) * 60)
        air.run(20_000)
    assert 0.4 < used[mac_of(NODE)] / (HOUR_MS * 1000 / 100) <= 1.02
    assert used[lora_link.NETWORK] <= 0.11 * HOUR_MS * 1000
    assert "no_free_ch" in air.uart.said


def test_a_far_node_speaks_more_slowly() -> None:
    near, far = Air(500).joined().answering(), Air(6_000, seed=3).joined().answering()
    for air in (near, far):
        for i in range(12):
            air.link.send(BROADCAST, bytes([i]) * 60, TELEMETRY)
            air.run(300_000)
    assert near.link.data_rate == 5
    assert far.link.data_rate < 3
    assert len(near.up) == 12
    assert len(far.up) >= 6


def test_an_emergency_overtakes_what_waits_for_air_time() -> None:
    air = Air().joined().answering()
    for i in range(8):
        air.link.send(BROADCAST, bytes([i]) * 200, TELEMETRY)
    air.run(5_000)
    air.link.send(BROADCAST, b"fire", priority_of(10, 10, 0))
    air.run(90_000)
    assert b"fire" in air.up[:4]
    air.run(600_000)
    assert len(air.up) == 9


def test_recorded_messages_and_joins_are_refused() -> None:
    air = Air().joined()
    air.link.send(BROADCAST, b"once", TELEMETRY)
    air.run(20_000)
    recorded = list(air.heard)
    assert len(recorded) >= 3
    rogue = air.ether.join(b"rogue!", (100, 0), lambda *packet: None)
    before = air.network.refused
    for data in recorded:
        rogue.tune(lora_air.air_channel(0, 5), lora_air.DATA_RATES[5])
        rogue.send(lora_link.NETWORK, data)
        air.run(2_000)
    assert air.up == [b"once"]
    assert air.network.refused == before + len(recorded)
    air.link.send(BROADCAST, b"and the session goes on", TELEMETRY)
    air.run(20_000)
    assert air.up == [b"once", b"and the session goes on"]


def test_a_module_with_another_key_does_not_join() -> None:
    air = Air()
    air.network.know(NODE, device_eui(NODE), bytes(16), mac_of(NODE))
    air.run(120_000)
    assert not air.link.available(air.time.now_ms)
    assert "denied" in air.uart.said
    air.network.know(NODE, device_eui(NODE), application_key(SECRET, NODE), mac_of(NODE))
    air.joined()


def test_a_module_that_restarts_joins_again_and_a_silent_one_is_started_anew() -> None:
    air = Air().joined()
    air.module.write(b"sys reset\r\n")  # brown-out of the module alone
    air.uart.read()
    air.link.send(BROADCAST, b"lost", TELEMETRY)
    air.run(60_000)
    assert air.uart.said.count("accepted") == 2
    air.link.send(BROADCAST, b"after", TELEMETRY)
    air.run(60_000)
    assert air.up[-1] == b"after"
