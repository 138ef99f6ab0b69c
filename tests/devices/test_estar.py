"""The node's side of E-STAR: routes, messages, receipts, broken hops; on a simulated radio."""

from __future__ import annotations

import hashlib
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.esp32 import estar_packets as packets
from devices.esp32 import frame, receipts
from devices.esp32 import link as links
from devices.esp32.estar import ATTEMPTS, Router
from devices.esp32.receipts import CHAIN, DESTINATION, SOURCE
from devices.simulator.mesh_field import MeshField

GATEWAY = 1


def key_of(node: int) -> bytes:
    return hashlib.sha256(b"test key %d" % node).digest()


class Kept:
    """A router with what it gave its owner."""

    def __init__(self, router: Router) -> None:
        self.router = router
        self.messages: list[tuple[int, bytes]] = []
        self.receipts: list[Any] = []
        self.lost: list[bytes] = []
        router.on_message = lambda source, message, _now: self.messages.append((source, message))
        router.on_receipt = self.receipts.append
        router.on_lost = lambda message, _now: self.lost.append(message)


def line(count: int, **given: Any) -> tuple[MeshField, dict[int, Kept]]:
    """Nodes 1..count, each in reach of the next only."""
    field = MeshField({n: (80.0 * n, 0.0) for n in range(1, count + 1)}, **given)
    return field, {n: Kept(field.join(n, key_of(n))) for n in range(1, count + 1)}


def diamond(**settings: Any) -> tuple[MeshField, dict[int, Kept]]:
    """1 and 4 are joined by 2 and by 3, which do not hear each other."""
    places = {1: (0.0, 0.0), 2: (70.0, 60.0), 3: (70.0, -60.0), 4: (140.0, 0.0)}
    field = MeshField(places, loss_pm=0)
    return field, {n: Kept(field.join(n, key_of(n), **settings)) for n in places}


def table(trust: dict[int, int], avoided: tuple[tuple[int, int], ...] = (), at: int = 1) -> bytes:
    out = struct.pack(">IBBB", at, 0, 1, len(trust))
    out += b"".join(struct.pack(">IH", node, value) for node, value in trust.items())
    return out + b"".join(struct.pack(">II", *pair) for pair in avoided)


# ---- chains --------------------------------------------------------------------------------------


@given(st.binary(min_size=16, max_size=16), st.integers(0, CHAIN), st.integers(0, CHAIN))
def test_a_chain_climbs_from_every_element_to_every_higher_one(
    seed: bytes, one: int, other: int
) -> None:
    chain = receipts.chain(seed, 7, 1_790_000_000, SOURCE)
    assert len(chain) == CHAIN + 1
    climbs = receipts.climbs(chain[other], other, chain[one], one, 7, 1_790_000_000, SOURCE)
    assert climbs == (other >= one)
    if other > one:
        foreign = receipts.climbs(chain[other], other, chain[one], one, 7, 1_790_000_001, SOURCE)
        assert not foreign
        assert not receipts.climbs(
            chain[other], other, chain[one], one, 7, 1_790_000_000, DESTINATION
        )


def test_sigma_covers_message_time_route_and_number() -> None:
    digest = receipts.digest(b"a reading")
    made = receipts.sigma(key_of(4), digest, 100, (4, 2, 1), 5)
    named = digest + struct.pack(">I3IH", 100, 4, 2, 1, 5)
    body = b"ohmstead sent 1" + hashlib.sha256(named).digest()
    assert made == frame.tag(key_of(4), body)
    others = [
        receipts.sigma(key_of(5), digest, 100, (4, 2, 1), 5),
        receipts.sigma(key_of(4), receipts.digest(b"another"), 100, (4, 2, 1), 5),
        receipts.sigma(key_of(4), digest, 101, (4, 2, 1), 5),
        receipts.sigma(key_of(4), digest, 100, (4, 3, 1), 5),
        receipts.sigma(key_of(4), digest, 100, (4, 2, 1), 6),
    ]
    assert made not in others


# ---- the way there -------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [packets.SHORTEST_RELIABLE, packets.BEST_AVAILABLE])
def test_messages_cross_six_relays_in_order_and_prove_it(mode: int) -> None:
    field, nodes = line(8)
    nodes[8].router.mode = mode
    sent = [b"message %d" % i for i in range(12)]
    for message in sent:
        assert nodes[8].router.send(GATEWAY, message, 20, field.time.now_ms)
    field.run_for_ms(20_000)
    assert nodes[GATEWAY].messages == [(8, message) for message in sent]
    for kept in nodes.values():
        kept.router.end_sessions()
    for node in range(1, 9):
        (receipt,) = nodes[node].receipts
        assert receipt.route == (8, 7, 6, 5, 4, 3, 2, 1)
        assert (receipt.sent, receipt.delivered) == (12, 12)
        assert receipt.message_digest == hashlib.sha256(sent[-1]).digest()
        agreed = receipts.agreement(
            receipt.started_at, receipt.route, receipt.energies, receipt.s_root, receipt.h_root
        )
        tags = receipts.NOTHING
        for owner in receipt.route:
            tags = receipts.together(tags, receipts.agree(key_of(owner), agreed))
        assert receipt.agreed == tags
        assert len(receipt.pack()) <= 215 - 1


def test_a_ninth_node_is_out_of_the_length_bound() -> None:
    field, nodes = line(9)
    nodes[9].router.send(GATEWAY, b"too far", 20, 0)
    field.run_for_ms(15_000)
    assert nodes[GATEWAY].messages == []
    assert nodes[9].lost == [b"too far"]


def test_a_session_ends_with_its_chain_and_another_follows() -> None:
    field, nodes = line(3, loss_pm=0)
    for i in range(CHAIN + 5):
        nodes[3].router.send(GATEWAY, b"%d" % i, 20, field.time.now_ms)
        field.run_for_ms(200)
    field.run_for_ms(5_000)
    assert [m for _, m in nodes[1].messages] == [b"%d" % i for i in range(CHAIN + 5)]
    assert nodes[3].router.counts["requests"] == 2
    field.run_for_ms(61_000)
    assert sorted(r.delivered for r in nodes[2].receipts) == [5, CHAIN]


def test_relays_tell_of_a_session_when_its_source_asks_for_another() -> None:
    """Not a minute later, when they notice that nothing comes; and nothing twice."""
    field, nodes = line(3, loss_pm=0)
    nodes[3].router.session_messages = 4
    for i in range(6):
        nodes[3].router.send(GATEWAY, b"%d" % i, 20, field.time.now_ms)
        field.run_for_ms(300)
    assert [kept.receipts[0].delivered for kept in nodes.values()] == [4, 4, 4]
    field.run_for_ms(65_000)
    assert [[r.delivered for r in kept.receipts] for kept in nodes.values()] == [[4, 2]] * 3


def test_what_is_urgent_is_so_on_every_hop_and_its_answer() -> None:
    field, nodes = line(4, loss_pm=0)
    sent: list[tuple[int, int]] = []
    for node, one in field.links.items():
        send = one.send
        one.send = lambda dst, payload, priority, node=node, send=send: (  # type: ignore[method-assign]
            sent.append((node, priority)) or send(dst, payload, priority)
        )
    nodes[4].router.send(GATEWAY, b"calm", 20, 0)
    field.run_for_ms(2_000)
    sent.clear()
    nodes[4].router.send(GATEWAY, b"fire", links.EMERGENCY, field.time.now_ms)
    field.run_for_ms(1_000)
    assert [node for node, _ in sent] == [4, 3, 2, 1, 2, 3]
    assert all(priority >= links.EMERGENCY for _, priority in sent)
    assert nodes[GATEWAY].messages[-1] == (4, b"fire")


def test_the_same_message_does_not_wait_twice() -> None:
    field, nodes = line(2, loss_pm=0)
    for _ in range(3):
        assert nodes[2].router.send(GATEWAY, b"once", 20, 0)
    field.run_for_ms(2_000)
    assert nodes[GATEWAY].messages == [(2, b"once")]


def test_after_a_change_of_key_sessions_begin_anew() -> None:
    field, nodes = line(3, loss_pm=0)
    nodes[3].router.send(GATEWAY, b"before", 20, 0)
    field.run_for_ms(1_000)
    nodes[3].router.rekey(key_of(99))
    nodes[3].router.send(GATEWAY, b"after", 20, field.time.now_ms)
    field.run_for_ms(1_000)
    assert [m for _, m in nodes[GATEWAY].messages] == [b"before", b"after"]
    nodes[3].router.end_sessions()
    _, later = nodes[3].receipts
    agreed = receipts.agreement(
        later.started_at, later.route, later.energies, later.s_root, later.h_root
    )
    tags = receipts.NOTHING
    for key in (key_of(99), key_of(2), key_of(1)):
        tags = receipts.together(tags, receipts.agree(key, agreed))
    assert later.agreed == tags


def test_urgent_messages_overtake_and_the_queue_is_bounded() -> None:
    field, nodes = line(3, loss_pm=0)
    router = nodes[3].router
    assert all(router.send(GATEWAY, b"telemetry %d" % i, 10, 0) for i in range(15))
    assert router.send(GATEWAY, b"emergency", links.EMERGENCY, 0)
    assert not router.send(GATEWAY, b"one too many", 10, 0)
    field.run_for_ms(10_000)
    assert nodes[1].messages[0] == (3, b"emergency")
    assert len(nodes[1].messages) == 16


# ---- which way -----------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [packets.SHORTEST_RELIABLE, packets.BEST_AVAILABLE])
def test_routes_avoid_whom_the_table_distrusts(mode: int) -> None:
    for bad, good in ((2, 3), (3, 2)):
        field, nodes = diamond(mode=mode, min_trust=600)
        for kept in nodes.values():
            assert kept.router.trust.take(table({1: 1000, 4: 1000, good: 900, bad: 400}))
        nodes[4].router.send(GATEWAY, b"hello", 20, 0)
        field.run_for_ms(3_000)
        assert nodes[GATEWAY].messages == [(4, b"hello")]
        assert nodes[bad].router.counts["relayed"] == 0


def test_best_available_takes_the_better_of_two_that_both_would_do() -> None:
    for better, worse in ((2, 3), (3, 2)):
        field, nodes = diamond(mode=packets.BEST_AVAILABLE)
        for kept in nodes.values():
            kept.router.trust.take(table({1: 1000, 4: 1000, better: 950, worse: 900}))
        nodes[4].router.send(GATEWAY, b"hello", 20, 0)
        field.run_for_ms(3_000)
        assert nodes[better].router.counts["relayed"] == 1


def test_who_is_not_in_the_table_relays_nothing() -> None:
    field, nodes = line(3, loss_pm=0)
    for kept in nodes.values():
        kept.router.min_trust = 1
        kept.router.trust.take(table({1: 1000, 3: 1000}))
    nodes[3].router.send(GATEWAY, b"hello", 20, 0)
    field.run_for_ms(15_000)
    assert nodes[GATEWAY].messages == []


def test_who_cannot_pay_is_carried_by_nobody_but_carries() -> None:
    field, nodes = line(3, loss_pm=0)
    for kept in nodes.values():
        kept.router.min_trust = 500
        kept.router.trust.take(table({1: 1000, 2: 1000 | 0x8000, 3: 1000}))
    nodes[3].router.send(GATEWAY, b"hello", 20, 0)
    field.run_for_ms(3_000)
    assert nodes[GATEWAY].messages == [(3, b"hello")]
    for kept in nodes.values():
        kept.router.trust.take(table({1: 1000, 2: 1000, 3: 1000 | 0x8000}, at=2))
    nodes[3].router.end_sessions()
    nodes[3].router.send(GATEWAY, b"again", 20, field.time.now_ms)
    field.run_for_ms(15_000)
    assert nodes[GATEWAY].messages == [(3, b"hello")]


def test_energy_below_the_bound_relays_nothing_and_relaying_uses_it_up() -> None:
    field, nodes = diamond(mode=packets.SHORTEST_RELIABLE)
    nodes[2].router.energy, nodes[3].router.energy = 9, 200
    nodes[4].router.min_energy = 64
    for i in range(10):
        nodes[4].router.send(GATEWAY, b"%d" % i, 20, 0)
    field.run_for_ms(5_000)
    assert len(nodes[GATEWAY].messages) == 10
    assert (nodes[2].router.energy, nodes[3].router.energy) == (9, 190)


def test_a_table_in_parts_counts_when_it_is_whole_and_an_older_one_never() -> None:
    trust = Router(1, key_of(1), links.Link(b""), bytes, 0, 0).trust
    part = struct.pack(">IBBB", 10, 0, 2, 1) + struct.pack(">IH", 5, 700)
    other = struct.pack(">IBBB", 10, 1, 2, 0) + struct.pack(">II", 6, 5)
    assert not trust.take(part)
    assert trust.of(9) == 1000
    assert trust.take(other)
    assert (trust.of(5), trust.of(9), trust.avoids(5, 6, 0)) == (700, 0, True)
    assert not trust.take(table({5: 1}, at=9))
    assert not trust.take(table({5: 1}, at=10))
    assert not trust.take(part[:-1])
    assert trust.of(5) == 700


def test_where_there_is_no_other_way_a_hop_to_avoid_is_taken_at_last() -> None:
    field, nodes = line(3, loss_pm=0)
    for kept in nodes.values():
        kept.router.min_trust = 500
        kept.router.trust.take(table({1: 1000, 2: 1000, 3: 1000}, ((1, 2),)))
    nodes[3].router.send(GATEWAY, b"cut off otherwise", 20, 0)
    field.run_for_ms(1_900 * (ATTEMPTS - 1))
    assert nodes[GATEWAY].messages == []
    field.run_for_ms(2_000)
    assert nodes[GATEWAY].messages == [(3, b"cut off otherwise")]


@pytest.mark.parametrize("mode", [packets.SHORTEST_RELIABLE, packets.BEST_AVAILABLE])
def test_two_good_hops_are_shorter_than_one_on_which_most_is_lost(mode: int) -> None:
    """Node 3 hears the gateway itself, but badly."""
    field = MeshField({1: (0.0, 0.0), 2: (45.0, 0.0), 3: (90.0, 0.0)}, loss_pm=0)
    nodes = {n: Kept(field.join(n, key_of(n), mode=mode)) for n in (1, 2, 3)}
    for node, other in ((1, 3), (3, 1)):
        costs = {links.mac_of(other): 3 * links.COST_ONE}
        field.links[node].cost = lambda address, costs=costs: costs.get(address, links.COST_ONE)  # type: ignore[method-assign]
    nodes[3].router.send(GATEWAY, b"hello", 20, 0)
    field.run_for_ms(3_000)
    nodes[3].router.end_sessions()
    assert [receipt.route for receipt in nodes[3].receipts] == [(3, 2, 1)]


def test_a_name_of_the_future_uses_nothing_up() -> None:
    field, nodes = line(3, loss_pm=0)
    far = field.start_s + 301
    request = packets.put_request(far, GATEWAY, 0, 0, 0, 8, bytes(16), (3,), (receipts.MAINS,))
    assert nodes[2].router.on_receive(links.mac_of(3), request, -60, 0) is None
    field.run_for_ms(100)
    assert field.packets == 0
    nodes[3].router.send(GATEWAY, b"now", 20, field.time.now_ms)
    field.run_for_ms(1_000)
    assert nodes[GATEWAY].messages == [(3, b"now")]


# ---- what breaks ---------------------------------------------------------------------------------


class Dropper(Router):
    """Answers everything and relays no message."""

    def relay(self, session: Any, payload: bytes, now_ms: int) -> None:
        session.used_ms = now_ms


def test_a_dropper_is_found_at_its_hop_and_gone_round() -> None:
    places = {1: (0.0, 0.0), 2: (70.0, 60.0), 3: (70.0, -60.0), 4: (140.0, 0.0), 5: (220.0, 0.0)}
    field = MeshField(places, loss_pm=0)
    nodes = {n: Kept(field.join(n, key_of(n), Dropper if n == 2 else Router)) for n in places}
    for i in range(20):
        nodes[5].router.send(GATEWAY, b"%d" % i, 20, field.time.now_ms)
        field.run_for_ms(2_000)
    assert [m for _, m in nodes[GATEWAY].messages] == [b"%d" % i for i in range(20)]
    field.run_for_ms(70_000)
    ended = {n: [(r.route, r.sent, r.delivered) for r in nodes[n].receipts] for n in (4, 2)}
    dropped = [entry for entry in ended[4] if 2 in entry[0]]
    if dropped:  # node 2 was on the first route
        assert dropped == [((5, 4, 2, 1), 1, 0)]
        assert ended[2] == dropped


def test_a_cut_link_is_noticed_at_once_and_no_message_is_lost() -> None:
    field, nodes = diamond()
    for i in range(40):
        if i == 10:
            used = next(n for n in (2, 3) if nodes[n].router.counts["relayed"])
            field.cut.add(frozenset((used, 1)))
        nodes[4].router.send(GATEWAY, b"%d" % i, 20, field.time.now_ms)
        field.run_for_ms(500)
    field.run_for_ms(5_000)
    assert {m for _, m in nodes[GATEWAY].messages} == {b"%d" % i for i in range(40)}


def test_a_node_cut_off_gives_its_messages_up_one_by_one() -> None:
    field, nodes = line(3)
    field.off.add(2)
    for i in range(3):
        nodes[3].router.send(GATEWAY, b"%d" % i, 20, 0)
    field.run_for_ms(40_000)
    assert nodes[3].lost == [b"0", b"1", b"2"]
    assert nodes[3].router.counts["requests"] == 3 * ATTEMPTS


def test_heavy_loss_costs_time_and_no_message() -> None:
    field, nodes = line(5, loss_pm=300, seed=3)
    for i in range(30):
        nodes[5].router.send(GATEWAY, b"%d" % i, 20, field.time.now_ms)
        field.run_for_ms(1_500)
    field.run_for_ms(20_000)
    arrived = [m for _, m in nodes[GATEWAY].messages]
    assert set(arrived) | set(nodes[5].lost) == {b"%d" % i for i in range(30)}
    assert len(set(arrived)) >= 28


def test_sessions_and_memory_are_bounded_under_a_flood() -> None:
    field, nodes = line(3, loss_pm=0)
    nodes[3].router.send(GATEWAY, b"before", 20, 0)
    field.run_for_ms(1_000)
    for i in range(500):
        request = packets.put_request(
            i + 1, GATEWAY, 0, 0, 0, 8, bytes(16), (9, 3), (receipts.MAINS,) * 2
        )
        nodes[2].router.on_receive(links.mac_of(3), request, -60, field.time.now_ms)
        nodes[1].router.on_receive(links.mac_of(3), request, -60, field.time.now_ms)
    field.run_for_ms(1_000)
    assert all(len(kept.router.sessions) <= 48 for kept in nodes.values())
    nodes[3].router.send(GATEWAY, b"after", 20, field.time.now_ms)
    field.run_for_ms(15_000)
    assert [m for _, m in nodes[GATEWAY].messages] == [b"before", b"after"]
