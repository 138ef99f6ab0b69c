"""The mesh's books: receipts checked, sessions judged, trust that a minority cannot bend."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Sequence
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.mesh import receipts
from backend.mesh.announcement import announcements
from backend.mesh.judging import NOT_BROKEN, judge
from backend.mesh.receipts import MAINS, Held, ReceiptError
from backend.mesh.trust import (
    EXCLUDED_BELOW,
    FULL,
    MIN_COUNTERPARTS,
    Cleared,
    Hop,
    energy_honesty,
    hops_of,
    trust_of,
    trust_table,
)
from devices.esp32 import receipts as firmware
from devices.esp32.estar_trust import Trust
from devices.simulator.mesh_field import MeshField

START = 1_790_000_000


def key_of(node: int) -> bytes | None:
    return hashlib.sha256(b"test key %d" % node).digest() if node < 100 else None


def made(
    route: tuple[int, ...] = (4, 3, 2, 1), sent: int = 5, delivered: int = 5, started: int = START
) -> firmware.Receipt:
    """A session as its nodes would have it."""
    seeds = random.Random(f"{route} {started}")
    s_chain = firmware.chain(seeds.randbytes(16), route[0], started, firmware.SOURCE)
    h_chain = firmware.chain(seeds.randbytes(16), route[0], started, firmware.DESTINATION)
    energies = (MAINS,) * len(route)
    agreed = firmware.agreement(started, route, energies, s_chain[0], h_chain[0])
    tags = firmware.NOTHING
    for node in route:
        tags = firmware.together(tags, firmware.agree(key_of(node) or b"", agreed))
    receipt = firmware.Receipt(started, route, energies, s_chain[0], h_chain[0], tags)
    for i in range(1, sent + 1):
        digest = firmware.digest(b"message %d" % i)
        tag = firmware.sigma(key_of(route[0]) or b"", digest, started, route, i)
        assert receipt.saw_message(i, s_chain[i], digest, tag)
        if i <= delivered:
            assert receipt.saw_delivery(i, h_chain[i])
    return receipt


def held(*args: object, **given_: object) -> Held:
    return receipts.read(made(*args, **given_).pack())  # type: ignore[arg-type]


# ---- receipts ------------------------------------------------------------------------------------


@given(
    st.lists(st.integers(1, 99), min_size=2, max_size=8, unique=True),
    st.integers(1, 64),
    st.integers(0, 64),
)
@settings(max_examples=30)
def test_what_the_firmware_holds_is_read_and_proves_itself(
    route: list[int], sent: int, delivered: int
) -> None:
    found = held(tuple(route), sent, min(sent, delivered))
    receipts.check(found, key_of)
    assert found.session.route == tuple(route)
    assert (found.sent, found.delivered) == (sent, min(sent, delivered))


def test_every_flipped_bit_is_noticed() -> None:
    good = made().pack()
    for at in range(8 * len(good)):
        raw = bytearray(good)
        raw[at // 8] ^= 1 << at % 8
        with pytest.raises(ReceiptError):
            receipts.check(receipts.read(bytes(raw)), key_of)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_with_a_reason(raw: bytes) -> None:
    with pytest.raises(ReceiptError):
        receipts.check(receipts.read(raw), key_of)


def test_a_node_without_a_key_agrees_to_nothing() -> None:
    receipt = made()
    receipt.route = (4, 300, 2, 1)
    with pytest.raises(ReceiptError, match="unknown_node"):
        receipts.check(receipts.read(receipt.pack()), key_of)


def test_a_node_put_on_the_route_without_its_tag_is_noticed() -> None:
    """Colluders who hold all other keys cannot put an honest node on a route of theirs."""
    route = (4, 50, 2, 1)
    good = made(route)
    agreed = firmware.agreement(START, route, good.energies, good.s_root, good.h_root)
    tags = firmware.NOTHING
    for node in (4, 2, 1):
        tags = firmware.together(tags, firmware.agree(key_of(node) or b"", agreed))
    good.agreed = tags
    with pytest.raises(ReceiptError, match="bad_agreement"):
        receipts.check(receipts.read(good.pack()), key_of)


# ---- judging -------------------------------------------------------------------------------------


def test_all_delivered_is_not_broken_whoever_tells() -> None:
    for tellers in ((1,), (2, 3), (1, 2, 3, 4)):
        receipt = judge(dict.fromkeys(tellers, held()))
        assert (receipt.sent, receipt.delivered, receipt.broken_hop) == (5, 5, NOT_BROKEN)
        assert receipt.reporters == sum(1 << (4 - node) for node in tellers)


@pytest.mark.parametrize("dropper", [1, 2, 3])
def test_the_hop_behind_the_last_who_saw_it_is_broken(dropper: int) -> None:
    """Places 0..dropper saw message 6, nobody behind did: whoever stands there, hop `dropper`."""
    route = (5, 4, 3, 2, 1)
    saw, missed = held(route, 6, 5), held(route, 5, 5)
    words = {route[place]: saw if place <= dropper else missed for place in range(5)}
    assert judge(words).broken_hop == dropper
    denied = {**words, route[dropper]: missed}  # it denies to have seen it
    assert judge(denied).broken_hop == dropper - 1


def test_a_destination_that_keeps_its_answer_back_answers_for_the_last_hop() -> None:
    assert judge({1: held(sent=6, delivered=5)}).broken_hop == 2


def test_words_about_different_sessions_are_not_mixed() -> None:
    with pytest.raises(ReceiptError, match="other_session"):
        judge({1: held(), 2: held(started=START + 1)})
    with pytest.raises(ReceiptError, match="not_on_route"):
        judge({9: held()})


# ---- trust ---------------------------------------------------------------------------------------


def cleared(
    route: Iterable[int], sent: int, delivered: int, broken: int = NOT_BROKEN, started: int = START
) -> Cleared:
    nodes = tuple(route)
    return Cleared(
        started, nodes, (MAINS,) * len(nodes), sent, delivered, broken, (1 << len(nodes)) - 1
    )


def test_a_broken_route_lowers_the_two_nodes_at_the_hop_and_nobody_else() -> None:
    whole = [cleared((n, 2, 3, 4, 1), 10, 10, started=START + n) for n in range(5, 9)]
    around = [cleared((2, n, 1), 10, 10, started=START + n) for n in range(9, 13)]
    around += [cleared((3, n, 1), 10, 10, started=START + n) for n in range(9, 13)]
    broken = [
        cleared((n, 2, 3, 4, 1), 1, 0, 1, START + 100 * i + n) for n in range(5, 9) for i in (1, 2)
    ]
    before = trust_table(whole + around, range(1, 13))
    after = trust_table(whole + around + broken, range(1, 13))
    assert (2, 3) in after.avoided
    changed = {n for n in range(1, 13) if after.nodes[n].breaks > before.nodes[n].breaks}
    assert changed == {2, 3}
    assert after.nodes[2].trust == before.nodes[2].trust  # one counterpart of many says so


@given(
    honest=st.lists(st.integers(EXCLUDED_BELOW, FULL), min_size=2, max_size=12),
    liars=st.integers(0, 12),
    tried=st.integers(1, 10_000),
)
def test_a_lying_minority_never_excludes_an_honest_node(
    honest: list[int], liars: int, tried: int
) -> None:
    """Of n >= 3 counterparts at most n // 2 lie, as often as they like: the node's trust is at
    least what some honest counterpart saw of it, so it stays above exclusion if all of them did."""
    liars = min(liars, len(honest))  # then liars <= n // 2
    hops = [Hop(1000, share, 100, 0) for share in honest]
    hops += [Hop(tried, 0, tried, tried) for _ in range(liars)]
    found = trust_of(hops)
    lowest = min(hop.trust_pm for hop in hops[: len(honest)])
    assert found >= (lowest if len(hops) >= MIN_COUNTERPARTS else FULL)
    assert found >= EXCLUDED_BELOW


def test_the_bound_is_tight() -> None:
    good, lie = Hop(1000, 1000, 100, 0), Hop(1000, 0, 1000, 1000)
    assert trust_of([good, good, lie, lie]) >= EXCLUDED_BELOW
    assert trust_of([good, good, lie, lie, lie]) < EXCLUDED_BELOW


@given(st.data())
@settings(max_examples=60)
def test_liars_who_clear_what_they_like_exclude_no_honest_node_within_the_bound(
    data: st.DataObject,
) -> None:
    """Whole tables: honest hops work, liars break sessions that they are on, at their hops."""
    honest, bad = range(1, 11), range(11, 15)
    draw = data.draw
    sessions = [
        cleared((a, b, c), 20, 20, started=START + i)
        for i, (a, b, c) in enumerate(
            draw(st.lists(st.permutations(list(honest)).map(lambda p: p[:3]), min_size=10))
        )
    ]
    for i in range(draw(st.integers(0, 60))):
        liar, victim = draw(st.sampled_from(list(bad))), draw(st.sampled_from(list(honest)))
        other = draw(st.sampled_from([n for n in honest if n != victim]))
        route, hop = draw(
            st.sampled_from(
                [((liar, victim, other), 0), ((other, victim, liar), 1), ((other, liar, victim), 1)]
            )
        )
        sessions.append(cleared(route, 1, 0, hop, START + 1000 + i))
    table = trust_table(sessions, (*honest, *bad))
    partners: dict[int, set[int]] = {n: set() for n in honest}
    for session in sessions:
        for one, two in zip(session.route, session.route[1:], strict=False):
            if session.sent and (
                session.delivered or session.route.index(one) <= session.broken_hop
            ):
                for a, b in ((one, two), (two, one)):
                    if a in partners:
                        partners[a].add(b)
    for node in honest:
        liars = len(partners[node] & set(bad))
        if len(partners[node]) >= MIN_COUNTERPARTS and liars > len(partners[node]) // 2:
            continue  # beyond the bound
        assert not table.nodes[node].excluded, node


def test_who_drops_everything_is_excluded() -> None:
    sessions = [
        cleared((n, 2, 1), 1, 0, n % 2, START + 10 * i + n) for n in range(3, 9) for i in range(8)
    ]
    sessions += [cleared((n, 9, 1), 20, 20, started=START + 500 + n) for n in range(3, 9)]
    table = trust_table(sessions, range(1, 10))
    assert table.nodes[2].excluded
    assert not any(table.nodes[n].excluded for n in (3, 4, 5, 6, 7, 8, 9))


def framed(victims: Sequence[int], forgers: Sequence[int], helpers: Sequence[int]) -> list[Cleared]:
    """Forgers that break every route which they open over a victim; helpers' work is done."""
    sessions = [
        cleared((forger, victim, 1), 2, 1, 0, START + 100 * i + 10 * j + k)
        for i, forger in enumerate(forgers)
        for j, victim in enumerate(victims)
        for k in range(8)
    ]
    return sessions + [
        cleared((helper, victim, 1), 20, 20, started=START + 5_000 + 10 * i + j)
        for i, helper in enumerate(helpers)
        for j, victim in enumerate(victims)
    ]


def test_forgers_who_are_found_out_take_no_honest_node_with_them() -> None:
    """Three of a node's five counterparts frame it, beyond the bound of the median: but each of
    them is at odds with all of its own, so their word goes before the node does."""
    victims, forgers, helpers = (2, 3, 4, 5), (6, 7, 8), (9,)
    table = trust_table(framed(victims, forgers, helpers), range(1, 10))
    plain = [Hop(16, 8, 8, 8)] * 3 + [Hop(20, 20, 1, 0)] * 2
    assert trust_of(plain) < EXCLUDED_BELOW
    assert {n for n, found in table.nodes.items() if found.excluded} == set(forgers)
    assert all(pair in table.avoided for pair in product(victims, forgers))


def test_who_drops_everything_stays_excluded_however_few_speak_in_the_end() -> None:
    """Its accusers are excluded by forgers; the hops that are left are all bad."""
    dropped = [
        cleared((n, 2, 1), 1, 0, 0, START + 10 * i + n) for n in range(3, 6) for i in range(8)
    ]
    accused = framed((3, 4, 5), (6, 7, 8, 9), ())
    table = trust_table(dropped + accused, range(1, 10))
    assert table.nodes[2].excluded


@given(st.data())
@settings(max_examples=60)
def test_the_second_look_only_takes_exclusions_back(data: st.DataObject) -> None:
    nodes = list(range(1, 13))
    sessions = []
    for i in range(data.draw(st.integers(0, 80))):
        route = tuple(data.draw(st.permutations(nodes))[: data.draw(st.integers(2, 5))])
        broken = data.draw(st.sampled_from([NOT_BROKEN, *range(len(route) - 1)]))
        sessions.append(cleared(route, 8, 8 if broken == NOT_BROKEN else 0, broken, START + i))
    table = trust_table(sessions, nodes)
    mine: dict[int, list[Hop]] = {n: [] for n in nodes}
    for pair, hop in hops_of(sessions).items():
        for node in pair:
            mine[node].append(hop)
    for node in nodes:
        plain = trust_of(mine[node])
        assert table.nodes[node].trust >= min(plain, EXCLUDED_BELOW)
        if plain >= EXCLUDED_BELOW:
            assert table.nodes[node].trust == plain


# ---- energy --------------------------------------------------------------------------------------


def battery_sessions(stated: list[int], reporters: int = 0b111) -> list[Cleared]:
    """Node 2 relays 20 messages every ten minutes for node 3 to node 1, stating this energy."""
    return [
        Cleared(START + 600 * i, (3, 2, 1), (MAINS, energy, MAINS), 20, 20, NOT_BROKEN, reporters)
        for i, energy in enumerate(stated)
    ]


def test_true_energy_is_honest_and_an_everlasting_one_is_not() -> None:
    true = [500 - 20 * i for i in range(20)]
    assert energy_honesty(battery_sessions(true), {2: 0}) == {2: FULL}
    assert (
        energy_honesty(battery_sessions([n + 6 * i for i, n in enumerate(true)]), {2: 36})[2]
        == FULL
    )
    assert energy_honesty(battery_sessions([500] * 20), {2: 0})[2] < 300
    assert energy_honesty(battery_sessions([MAINS] * 20), {2: 0})[2] < 300


def test_nobody_else_can_make_a_node_a_liar_about_energy() -> None:
    """Forgers clear sessions over it which it never carried: it has not told of them."""
    sessions = battery_sessions([500] * 20, reporters=0b101)
    assert energy_honesty(sessions, {2: 0}) == {2: FULL}


@given(st.lists(st.tuples(st.integers(0, 3600), st.integers(0, 64)), min_size=2, max_size=30))
def test_an_honest_battery_is_never_called_a_liar(steps: list[tuple[int, int]]) -> None:
    energy, sessions, now, recharge = 5_000, [], START, 60
    for wait, relayed in steps:
        now += wait + 1
        energy += recharge * wait // 3600
        sessions.append(
            Cleared(now, (3, 2, 1), (MAINS, energy, MAINS), 64, relayed, NOT_BROKEN, 0b111)
        )
        energy -= relayed
    assert energy_honesty(sessions, {2: recharge}) == {2: FULL}


# ---- the table that nodes are told ---------------------------------------------------------------


@given(st.integers(0, 120), st.integers(0, 60))
@settings(max_examples=25)
def test_nodes_read_the_table_that_is_announced(count: int, breaks: int) -> None:
    chance = random.Random(count * 1000 + breaks)
    sessions = [
        cleared((n, n + 1000, 1), 1, 0, 0, START + i)
        for n in range(2, breaks + 2)
        for i in range(4)
    ]
    known = [1, *range(2, count + 2)]
    table = trust_table(sessions, known)
    unfunded = set(chance.sample(known, len(known) // 3))
    parts = announcements(table, START, unfunded)
    chance.shuffle(parts)
    assert all(len(part) <= 215 for part in parts)
    trust = Trust()
    assert [trust.take(part) for part in parts] == [False] * (len(parts) - 1) + [True]
    for node in known:
        assert trust.of(node) == table.nodes[node].trust
        assert trust.pays(node) == (node not in unfunded)
    for one, other in table.avoided:
        assert trust.avoids(other, one, 0)


def test_from_the_air_to_the_verdict() -> None:
    """Sessions that really ran over a simulated radio check, judge and clear as what happened."""
    field = MeshField({n: (80.0 * n, 0.0) for n in range(1, 6)}, loss_pm=50)
    words: dict[int, Held] = {}
    for node in range(1, 6):
        router = field.join(node, key_of(node) or b"")

        def keep(receipt: firmware.Receipt, node: int = node) -> None:
            words[node] = receipts.read(receipt.pack())

        router.on_receipt = keep
    for i in range(9):
        field.routers[5].send(1, b"%d" % i, 20, field.time.now_ms)
        field.run_for_ms(400)
    for router in field.routers.values():
        router.end_sessions()
    for one in words.values():
        receipts.check(one, key_of)
    receipt = judge(words)
    assert (receipt.counts, receipt.broken_hop, receipt.reporters) == ((9, 9), NOT_BROKEN, 0b11111)
