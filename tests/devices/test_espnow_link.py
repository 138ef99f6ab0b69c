"""The firmware's ESP-NOW link on the simulated ether, in virtual time."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.esp32 import link as links
from devices.esp32.hopping import CHANNELS, SLOTS, Schedule
from devices.esp32.link import BROADCAST, EMERGENCY, mac_of, node_of, priority_of
from devices.esp32.send_queue import SendQueue
from devices.simulator.ether import ESP_NOW, Ether
from devices.simulator.motes import Mote
from devices.simulator.virtual_time import VirtualTime

TELEMETRY = priority_of(1, 2, 0)


class Field:
    """Motes in a row, so far apart that only the next ones hear each other well."""

    def __init__(self, places: list[tuple[float, float]], seed: int = 1) -> None:
        self.time = VirtualTime()
        self.ether = Ether(self.time, ESP_NOW, seed)
        self.got: dict[int, list[tuple[int, bytes]]] = {}
        self.done: dict[int, dict[int, bool]] = {}
        self.motes = {
            number: self.add(number, place) for number, place in enumerate(places, start=1)
        }

    def add(self, number: int, place: tuple[float, float], boot: int = 1) -> Mote:
        mote = Mote(self.ether, number, place, is_root=number == 1, boot=boot)
        got = self.got.setdefault(number, [])
        done = self.done.setdefault(number, {})
        mote.link.receiver = lambda src, payload, rssi, now: got.append((node_of(src), payload))
        mote.link.on_done = lambda ticket, ok, now: done.__setitem__(ticket, ok)
        return mote


@pytest.fixture
def pair() -> Field:
    field = Field([(0, 0), (40, 0)])
    field.time.run_for_ms(5_000)
    return field


def test_an_address_names_its_node() -> None:
    assert node_of(mac_of(0xFEDC_BA98)) == 0xFEDC_BA98
    assert node_of(b"\x24\x6f\x28\0\0\1") == 0


def test_the_weights_are_the_reports() -> None:
    assert priority_of(10, 0, 0) == 60
    assert priority_of(0, 10, 0) == 30
    assert priority_of(0, 0, 10) == 10
    assert priority_of(99, 99, 99) == 100


@pytest.mark.parametrize("size", [1, 232, 233, 250, 700])
def test_a_payload_of_any_size_arrives_whole_and_once(pair: Field, size: int) -> None:
    payload = bytes(i % 251 for i in range(size))
    ticket = pair.motes[1].send(mac_of(2), payload, TELEMETRY)
    pair.time.run_for_ms(2_000)
    assert pair.got[2] == [(1, payload)]
    assert pair.done[1] == {ticket: True}


@pytest.mark.parametrize("size", [0, 701])
def test_a_payload_of_no_size_is_refused(pair: Field, size: int) -> None:
    with pytest.raises(ValueError, match=r"1\.\.700"):
        pair.motes[1].send(mac_of(2), bytes(size), TELEMETRY)


def test_a_broadcast_reaches_all_in_range_once() -> None:
    field = Field([(0, 0), (40, 0), (0, 40), (9_000, 0)])
    field.time.run_for_ms(5_000)
    field.motes[1].send(BROADCAST, b"to all", TELEMETRY)
    field.time.run_for_ms(1_000)
    assert [field.got[n] for n in (2, 3, 4)] == [[(1, b"to all")], [(1, b"to all")], []]


def test_what_cannot_arrive_is_given_up_and_told(pair: Field) -> None:
    pair.ether.cut(mac_of(1), mac_of(2))
    ticket = pair.motes[1].send(mac_of(2), b"x", TELEMETRY)
    pair.time.run_for_ms(3_000)
    assert pair.done[1] == {ticket: False}
    assert pair.motes[1].link.repeated == links.RETRIES


@settings(max_examples=12, deadline=None)
@given(
    loss_pm=st.integers(0, 300),
    duplicate_pm=st.integers(0, 500),
    seed=st.integers(0, 1_000),
)
def test_over_a_bad_radio_nothing_comes_twice_and_what_is_confirmed_came(
    loss_pm: int, duplicate_pm: int, seed: int
) -> None:
    field = Field([(0, 0), (40, 0)], seed)
    field.ether.faults.loss_pm, field.ether.faults.duplicate_pm = loss_pm, duplicate_pm
    field.time.run_for_ms(5_000)
    sent = {}
    for i in range(20):
        payload = bytes([i]) * (1 + 15 * i)
        sent[field.motes[1].send(mac_of(2), payload, 90 if i % 5 == 0 else TELEMETRY)] = payload
        field.time.run_for_ms(100)
    field.time.run_for_ms(20_000)
    came = Counter(payload for _src, payload in field.got[2])
    assert max(came.values()) == 1
    assert set(field.done[1]) == set(sent)
    assert all(came[sent[ticket]] for ticket, ok in field.done[1].items() if ok)
    if loss_pm <= 100:
        assert all(field.done[1].values())


def test_packets_of_an_earlier_boot_and_repeated_ones_are_refused(pair: Field) -> None:
    heard: list[bytes] = []
    pair.ether.listeners.append(
        lambda source, target, data: heard.append(data) if source == mac_of(1) else None
    )
    pair.motes[1].send(mac_of(2), b"once", TELEMETRY)
    pair.time.run_for_ms(1_000)
    pair.motes[1].power_off()
    pair.motes[1] = pair.add(1, (0, 0), boot=2)
    pair.motes[1].send(mac_of(2), b"again", TELEMETRY)
    pair.time.run_for_ms(1_000)
    rogue = pair.ether.join(b"rogue!", (20, 0), lambda *packet: None)
    for data in list(heard):
        rogue.channel = pair.motes[2].station.channel
        rogue.send(mac_of(2), data, source=mac_of(1))
        pair.time.run_for_ms(20)
    assert pair.got[2] == [(1, b"once"), (1, b"again")]


# ---- time and channels ---------------------------------------------------------------------------


def test_every_round_visits_each_channel_once_and_rounds_differ() -> None:
    schedule = Schedule(7, 8, hop=True)
    rounds = [
        tuple(schedule.channel((r * 8 + i) * schedule.dwell_ms) for i in range(8))
        for r in range(50)
    ]
    assert all(sorted(order) == sorted(CHANNELS) for order in rounds)
    assert len(set(rounds)) > 40


def test_networks_of_different_seeds_meet_on_an_eighth_of_their_dwells() -> None:
    a, b = Schedule(1, 8, hop=True), Schedule(2, 8, hop=True)
    same = sum(a.channel(t * 128) == b.channel(t * 128) for t in range(8_000))
    assert 800 < same < 1_200


@given(node=st.integers(0, 0xFFFFFFFF), time_ms=st.integers(0, 1 << 40))
def test_a_nodes_slot_comes_once_a_dwell_and_is_never_the_urgent_one(
    node: int, time_ms: int
) -> None:
    schedule = Schedule(1, 8, hop=True)
    wait = schedule.until_slot(time_ms, node)
    at = (time_ms + wait) % schedule.dwell_ms
    assert 0 <= wait < schedule.dwell_ms
    assert at // 8 == schedule.own_slot(node)
    assert 1 <= schedule.own_slot(node) < SLOTS


def test_a_row_of_nodes_agrees_on_the_time_whatever_their_clocks_say() -> None:
    field = Field([(i * 120.0, 0) for i in range(5)])
    field.time.run_for_ms(20_000)
    times = [mote.link.time.now(field.time.now_ms) for mote in field.motes.values()]
    assert max(times) - min(times) <= 4
    assert field.motes[5].link.time.stratum >= 2


def test_without_the_gateway_the_others_keep_together_and_take_its_time_again() -> None:
    field = Field([(0, 0), (40, 0), (80, 0)])
    field.time.run_for_ms(5_000)
    field.motes[1].power_off()
    field.time.run_for_ms(40_000)
    field.motes[2].send(mac_of(3), b"still here", TELEMETRY)
    field.time.run_for_ms(2_000)
    assert field.got[3] == [(2, b"still here")]
    assert field.motes[2].link.time.source == field.motes[3].link.time.source
    field.motes[1] = field.add(1, (0, 0), boot=2)
    field.time.run_for_ms(15_000)
    assert field.motes[3].link.time.source == (0, mac_of(1))


# ---- what goes first -----------------------------------------------------------------------------

ITEMS = st.lists(st.integers(0, 100), min_size=1, max_size=60)


@given(ITEMS)
def test_an_emergency_waits_for_one_other_at_most(priorities: list[int]) -> None:
    queue = SendQueue(100)
    for i, priority in enumerate(priorities):
        queue.put(priority, (priority, i))
    order = [queue.pop() for _ in priorities]
    emergencies = [i for i, item in enumerate(order) if item[0] >= EMERGENCY]
    for n, place in enumerate(emergencies):
        assert place <= n + (n + 3) // 3


@given(ITEMS, st.integers(0, 100))
def test_telemetry_never_starves(priorities: list[int], flood: int) -> None:
    queue = SendQueue(200)
    for i, priority in enumerate(priorities):
        queue.put(priority, i)
    left = set(range(len(priorities)))
    for turn in range(4 * len(priorities)):
        queue.put(flood, ("flood", turn))
        left.discard(queue.pop())
    assert not left


@given(ITEMS, st.integers(1, 10))
def test_a_full_queue_gives_up_what_is_least_urgent(priorities: list[int], capacity: int) -> None:
    queue = SendQueue(capacity)
    gone = [queue.put(priority, priority) for priority in priorities]
    kept = sorted(queue.pop() for _ in range(len(queue)))
    assert kept == sorted(priorities)[-capacity:]
    assert sum(item is not None for item in gone) == max(0, len(priorities) - capacity)


def test_a_broadcast_is_said_on_two_channels_and_heard_once(pair: Field) -> None:
    pair.ether.faults.jammed = {1: 1000, 2: 1000, 4: 1000, 5: 1000}  # half of them
    for i in range(60):
        pair.motes[1].send(BROADCAST, bytes([i]), TELEMETRY)
        pair.time.run_for_ms(300)
    pair.time.run_for_ms(1_000)
    heard = [payload[0] for _, payload in pair.got[2]]
    assert len(heard) == len(set(heard))
    assert len(heard) > 38  # of 60; said once, 30 would be


def test_an_emergency_overtakes_a_full_queue_on_air() -> None:
    field = Field([(0, 0), (40, 0)])
    field.time.run_for_ms(5_000)
    for i in range(30):
        field.motes[1].send(mac_of(2), bytes([i]) * 80, TELEMETRY)
    field.motes[1].send(mac_of(2), b"fire", priority_of(10, 10, 0))
    field.time.run_for_ms(60)
    assert (1, b"fire") in field.got[2]
    assert len(field.got[2]) < 20
    field.time.run_for_ms(5_000)
    assert len(field.got[2]) == 31


def test_a_jammed_channel_costs_time_not_messages() -> None:
    field = Field([(0, 0), (40, 0)])
    field.ether.faults.jammed = {1: 1000, 5: 1000, 10: 1000}
    field.time.run_for_ms(10_000)
    for i in range(40):
        field.motes[1].send(mac_of(2), bytes([i]), TELEMETRY)
        field.time.run_for_ms(200)
    field.time.run_for_ms(5_000)
    assert len(field.got[2]) == 40
