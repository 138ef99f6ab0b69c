"""A price round among nodes: agreement, the honest range, and an end, whatever f nodes and the
network do."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from price_network import (
    EPOCH_S,
    RUPEE,
    Net,
    Run,
    ToySigning,
    equivocating,
    lying,
    median,
    rules,
    silent,
)
from unhurried import examples

from backend.oracle.price_messages import (
    Decided,
    MessageError,
    Observed,
    Proposed,
    Step,
    ViewChanged,
    Voted,
    content_of,
    from_document,
    to_document,
)
from backend.oracle.price_round import LEADER_ROUNDS, PriceRound

LIARS = {"silent": silent, "lying": lying, "equivocating": equivocating}
NEAR = st.integers(5_700_000, 6_300_000)


def assert_sound(run: Run) -> None:
    """Agreement, and the median within what honest nodes stated."""
    decisions = run.decisions()
    assert len(set(decisions.values())) <= 1
    honest = [seen.price_micro_inr_per_kwh for seen in run.stated.values()]
    for observations in decisions.values():
        assert min(honest) <= median(observations) <= max(honest)
        assert len(observations) >= run.rules.observers


@settings(max_examples=examples(120), deadline=None)
@given(st.data(), st.sampled_from([1, 2]))
def test_agrees_within_the_honest_range_and_ends_once_healed(
    data: st.DataObject, faults: int
) -> None:
    made = rules(faults)
    nodes = list(range(made.nodes))
    bad = data.draw(st.permutations(nodes))[: data.draw(st.integers(0, faults))]
    kinds = [data.draw(st.sampled_from([*LIARS, "dead"])) for _ in bad]
    liars = {i: LIARS[kind] for i, kind in zip(bad, kinds, strict=True) if kind in LIARS}
    dead = frozenset(i for i, kind in zip(bad, kinds, strict=True) if kind == "dead")
    split = data.draw(st.sets(st.sampled_from(nodes)))
    groups = (frozenset(split), frozenset(nodes) - split) if data.draw(st.booleans()) else ()
    net = Net(
        delay_s=(0.001, data.draw(st.sampled_from([0.02, 0.3, 1.5]))),
        loss=data.draw(st.sampled_from([0.0, 0.2, 0.6])),
        groups=groups,
        heals_at=data.draw(st.sampled_from([0.0, 2.0, 9.0])),
    )
    run = Run(
        made, {i: data.draw(NEAR) for i in nodes}, net, liars, dead,
        round_id=data.draw(st.integers(0, 1300)), seed=data.draw(st.integers(0, 2**32)),
    ).run(until_s=55.0)  # fmt: skip
    assert_sound(run)
    assert set(run.decided_at) == set(run.honest)


@pytest.mark.parametrize("faults", [1, 2])
def test_an_undisturbed_round_takes_one_view_and_few_messages(faults: int) -> None:
    run = Run(rules(faults), {i: 6 * RUPEE + i for i in range(3 * faults + 1)}).run()
    assert_sound(run)
    assert all(machine.view == 0 for machine in run.machines.values())
    n = run.rules.nodes
    # Each states, the leader proposes, each accepts and commits, to all others.
    assert run.messages <= (3 * n + 1) * (n - 1)
    assert len(run.median().to_bytes(8, "big")) == 8
    assert {o.sender for o in next(iter(run.decisions().values()))} == set(range(n))


def test_the_leader_changes_every_hundred_heights() -> None:
    made = rules()
    leaders = [made.leader(height, 0) for height in range(0, 5 * LEADER_ROUNDS, LEADER_ROUNDS)]
    assert leaders == [0, 1, 2, 3, 0]
    assert made.leader(99, 0) == 0
    assert made.leader(99, 1) == 1


@pytest.mark.parametrize("kind", ["dead", *LIARS])
def test_a_leader_that_fails_is_replaced(kind: str) -> None:
    liars = {0: LIARS[kind]} if kind in LIARS else {}
    dead = frozenset({0}) if kind == "dead" else frozenset()
    run = Run(rules(), dict.fromkeys(range(4), 6 * RUPEE), liars=liars, dead=dead).run()
    assert_sound(run)
    assert set(run.decided_at) == {1, 2, 3}
    if kind in ("dead", "silent"):
        assert all(run.machines[i].view == 1 for i in (1, 2, 3))
        # Nobody heard of it: a quarter of the patience, not all of it.
        assert max(run.decided_at.values()) < 0.75 * run.rules.patience_s


def test_leaders_that_fail_one_after_the_other_are_replaced() -> None:
    made = rules(4)
    dead = frozenset({3, 4, 5, 6})
    prices: dict[int, int | None] = dict.fromkeys(range(13), 6 * RUPEE)
    run = Run(made, prices, dead=dead, round_id=300).run()
    assert_sound(run)
    assert set(run.decided_at) == set(run.honest)


def test_a_median_far_from_the_nodes_own_prices_brings_the_next_leader() -> None:
    """Three see 6 rupees and one, the leader, 9; it leaves out those who would outvote it."""
    made = rules(tolerance_ppm=50_000)
    prices: dict[int, int | None] = {0: 9 * RUPEE, 1: 9 * RUPEE, 2: 6 * RUPEE, 3: 6 * RUPEE}
    signing = {i: ToySigning(i) for i in range(4)}
    stated = [signing[i].observe(0, price or 0, int(EPOCH_S)) for i, price in prices.items()]
    chosen = (stated[0], stated[1], stated[2])
    content = content_of(0, chosen)
    proposal = Proposed(0, 0, 0, chosen, (), signing[0].sign("propose", 0, 0, content))
    node = PriceRound(3, 0, made, signing[3], stated[3])
    node.begin(EPOCH_S)
    (asked,) = [send.message for send in node.receive(proposal, EPOCH_S)]
    assert isinstance(asked, ViewChanged)
    assert (asked.view, asked.prepared) == (1, None)
    own_none = PriceRound(3, 0, made, signing[3], None)  # one without a price of its own votes
    own_none.begin(EPOCH_S)
    (voted,) = [send.message for send in own_none.receive(proposal, EPOCH_S)]
    assert isinstance(voted, Voted)
    assert voted.content == content


def test_what_one_node_decided_before_it_died_is_what_the_others_decide() -> None:
    """The commits reach only node 3, which dies; the next leader must propose the same again."""
    made = rules()
    signing = {i: ToySigning(i) for i in range(4)}
    machines = {
        i: PriceRound(
            i, 0, made, signing[i], signing[i].observe(0, 6 * RUPEE + 100 * i, int(EPOCH_S))
        )
        for i in range(4)
    }
    now = EPOCH_S
    waiting = [(i, send) for i, m in machines.items() for send in m.begin(now)]

    def deliver() -> None:
        """Everything said, but the first view's commits reach node 3 alone."""
        while waiting:
            sender, send = waiting.pop(0)
            message = send.message
            commits = isinstance(message, Voted) and message.step is Step.COMMIT
            held = commits and message.view == 0
            for to, machine in machines.items():
                if to == sender or send.to not in (None, to) or (held and to != 3):
                    continue
                waiting.extend((to, answer) for answer in machine.receive(message, now))

    deliver()
    decided = machines.pop(3).decided
    assert decided is not None
    assert all(machine.decided is None for machine in machines.values())
    for _ in range(200):
        now += 0.1
        waiting.extend((i, send) for i, m in machines.items() for send in m.tick(now))
        deliver()
    for machine in machines.values():
        assert machine.decided is not None
        assert machine.view > 0
        assert machine.decided.observations == decided.observations


def test_a_node_that_comes_late_is_shown_the_decision() -> None:
    run = Run(rules(), dict.fromkeys(range(4), 6 * RUPEE), late_s={2: 8.0}).run()
    assert_sound(run)
    assert run.decided_at[2] > 8.0
    assert max(run.decided_at[i] for i in (0, 1, 3)) < 1.0


def test_without_a_quorum_nothing_is_decided_and_nothing_grows() -> None:
    run = Run(rules(), dict.fromkeys(range(4), 6 * RUPEE), dead=frozenset({1, 2})).run(30.0)
    assert not run.decided_at
    assert all(len(machine._views) <= 4 for machine in run.machines.values())


def test_nodes_without_a_price_do_not_stop_the_others() -> None:
    prices: dict[int, int | None] = {0: None, 1: 6 * RUPEE, 2: 6 * RUPEE, 3: 6 * RUPEE}
    run = Run(rules(), prices).run()
    assert_sound(run)
    assert set(run.decided_at) == {0, 1, 2, 3}


def test_too_few_prices_are_no_round() -> None:
    prices: dict[int, int | None] = {0: None, 1: None, 2: 6 * RUPEE, 3: 6 * RUPEE}
    assert not Run(rules(), prices).run(20.0).decided_at


# ---- what is not signed changes nothing ----------------------------------------------------------


def _messages() -> list[Any]:
    """One of each kind, from a real round with a view change."""
    found: dict[str, Any] = {}
    run = Run(rules(), dict.fromkeys(range(4), 6 * RUPEE), dead=frozenset({0}))
    deliver = run._deliver

    def note(sender: int, send: Any, now: float) -> None:
        message = send.message
        key = type(message).__name__ + str(getattr(message, "step", ""))
        if key != "Proposed" or message.because:
            found[key] = message
        deliver(sender, send, now)

    run._deliver = note  # type: ignore[method-assign]
    run.run()
    decided = run.machines[1].decided
    return [*found.values(), decided]


def test_messages_survive_the_wire() -> None:
    messages = _messages()
    assert {type(m) for m in messages} == {Observed, Proposed, Voted, ViewChanged, Decided}
    for message in messages:
        assert from_document(to_document(message)) == message


@pytest.mark.parametrize("message", _messages(), ids=lambda m: type(m).__name__)
def test_a_message_that_was_changed_on_the_way_is_ignored(message: Any) -> None:
    fresh = {i: ToySigning(i) for i in range(4)}
    own = fresh[3].observe(0, 6 * RUPEE, int(EPOCH_S))
    document = to_document(message)
    for field in ("round", "sender", "view", "price", "observed_at", "content"):
        if field not in document:
            continue
        value = document[field]
        changed = value[::-1] if field == "content" else value + 1
        node = PriceRound(3, 0, rules(), fresh[3], own)
        node.begin(EPOCH_S)
        before = (node.view, node.decided, dict(node.observed))
        if field == "sender" and isinstance(message, Decided):
            continue  # who passes a decision on does not matter
        sends = node.receive(from_document(document | {field: changed}), EPOCH_S)
        assert not sends
        assert (node.view, node.decided, dict(node.observed)) == before


@settings(max_examples=examples(200), deadline=None)
@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["kind", "round", "sender", "view", "signature", "observations"]),
        inner | st.sampled_from(["observed", "proposed", "decided", "view_changed", "accept"]),
        max_size=6,
    ),
    max_leaves=8,
))  # fmt: skip
def test_whatever_is_no_message_is_named_so(document: Any) -> None:
    with pytest.raises(MessageError):
        from_document(document)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "rumour"}, "kind"),
        ({"round": -1}, "round"),
        ({"round": True}, "round"),
        ({"sender": 32}, "sender"),
        ({"price": 2**128}, "price"),
        ({"signature": "00"}, "signature"),
        ({"signature": "zz" * 65}, "signature"),
    ],
)
def test_a_malformed_message_names_its_field(change: dict[str, Any], field: str) -> None:
    seen = ToySigning(1).observe(7, 6 * RUPEE, 5)
    with pytest.raises(MessageError, match=f"^{field}: "):
        from_document(to_document(seen) | change)


def test_a_hundred_rounds_with_liars_of_every_kind() -> None:
    """More of the first property's runs, by plain seeds: cheap, and the same on every machine."""
    dice = random.Random(3)
    for seed in range(100):
        faults = 1 + seed % 2
        made = rules(faults)
        bad = dice.sample(range(made.nodes), faults)
        liars = {i: dice.choice(list(LIARS.values())) for i in bad}
        prices: dict[int, int | None] = {
            i: dice.randint(5_700_000, 6_300_000) for i in range(made.nodes)
        }
        net = Net(delay_s=(0.001, dice.choice((0.01, 0.4))), loss=0.3, heals_at=3.0)
        run = Run(made, prices, net, liars, round_id=dice.randint(0, 900), seed=seed).run(55.0)
        assert_sound(run)
        assert set(run.decided_at) == set(run.honest), seed


# ---- nodes with different policies


def mixed(agents: int, agents_price: int, closed_price: int, seed: int = 0) -> Run:
    """Four honest nodes; the first few go by the learned agent and know the closed form's price."""
    prices: dict[int, int | None] = {
        i: agents_price if i < agents else closed_price for i in range(4)
    }
    also = dict.fromkeys(range(agents), closed_price)
    made = rules(tolerance_ppm=100_000)
    return Run(made, prices, also_right=also, seed=seed, round_id=seed * LEADER_ROUNDS).run(30.0)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 4), NEAR, st.integers(-8, 8), st.integers(0, 7))
def test_policies_within_the_tolerance_agree_in_any_mixture(
    agents: int, closed: int, percent: int, seed: int
) -> None:
    run = mixed(agents, closed * (100 + percent) // 100, closed, seed)
    assert len(run.decided_at) == 4
    assert_sound(run)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("agents", "agents_price", "closed_price"),
    [
        (1, 9 * RUPEE, 6 * RUPEE),
        (1, 4 * RUPEE, 6 * RUPEE),
        (2, 4 * RUPEE, 6 * RUPEE),  # the upper median is the closed form's, right for all
        (3, 9 * RUPEE, 6 * RUPEE),
        (3, 4 * RUPEE, 6 * RUPEE),
    ],
)
def test_an_agents_node_accepts_the_closed_form_that_it_computes_too(
    agents: int, agents_price: int, closed_price: int, seed: int
) -> None:
    run = mixed(agents, agents_price, closed_price, seed)
    assert len(run.decided_at) >= 3
    assert_sound(run)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("agents_price", [4 * RUPEE, 9 * RUPEE])
def test_half_and_half_agree_once_a_node_leads_that_the_others_can_follow(
    agents_price: int, seed: int
) -> None:
    """A closed-form node accepts no price far from its own, but as the leader it proposes what was
    stated: with the two others whose median that is, three bind."""
    run = mixed(2, agents_price, 6 * RUPEE, seed)
    assert len(run.decided_at) == 4
    assert run.median() in (agents_price, 6 * RUPEE)
    assert max(run.machines[i].view for i in range(4)) <= 3
