"""Shedding: the golden depletion, and what holds for every history of reports and decisions."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unhurried import examples

from backend.resilience.shedding import (
    Battery,
    Override,
    Reason,
    Relay,
    RelayCommand,
    SheddingError,
    SwitchRule,
    critical_below_ordinary,
    default_thresholds_down_bp,
    next_state,
    shed_count,
)


def battery(count: int = 4, **rules: SwitchRule) -> Battery:
    """Switches 1..count in this order of importance; `s2=SwitchRule(...)` gives one a rule."""
    made = Battery()
    for switch in range(1, count + 1):
        made, _ = made.add_switch(switch, rules.get(f"s{switch}", SwitchRule()), True, now=0)
    return made


def closed(b: Battery) -> set[int]:
    return {switch for switch, relay in b.relays.items() if relay.closed}


# ---- golden --------------------------------------------------------------------------------------


def test_the_depletion_sheds_at_7_15_27_and_51_seconds() -> None:
    """4, 3, 2, 1 % a second with 4, 3, 2, 1 appliances on, from 100 %."""
    society, percent, shed = battery(), 100, {}
    for second in range(1, 61):
        percent -= len(closed(society))
        society, commands = society.report(percent * 100, second)
        for command in commands:
            assert not command.closed
            assert command.reason is Reason.SHED
            shed[command.switch] = (second, percent)
    assert shed == {4: (7, 72), 3: (15, 48), 2: (27, 24), 1: (51, 0)}


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (1, (0,)),
        (2, (0, 5000)),
        (3, (0, 3333, 6666)),
        (4, (0, 2500, 5000, 7500)),
        (7, (0, 1428, 2857, 4285, 5714, 7142, 8571)),
    ],
)
def test_default_thresholds_are_rounded_down(count: int, expected: tuple[int, ...]) -> None:
    assert default_thresholds_down_bp(count) == expected


@pytest.mark.parametrize(
    ("soc_bp", "previous", "expected"),
    [
        (7501, 0, 0), (7500, 0, 1), (7499, 1, 1), (7999, 1, 1), (8000, 1, 0), (7999, 0, 0),
        (5000, 1, 2), (5499, 2, 2), (5500, 2, 1), (0, 0, 4), (499, 4, 4), (500, 4, 3),
        (10_000, 4, 0), (2500, 0, 3), (9000, 4, 0),
    ],
)  # fmt: skip
def test_a_switch_returns_500_bp_above_its_threshold(
    soc_bp: int, previous: int, expected: int
) -> None:
    assert shed_count(soc_bp, (0, 2500, 5000, 7500), 500, previous) == expected


def test_at_100_percent_everything_is_served_whatever_the_margin() -> None:
    assert shed_count(9_999, (9_900,), 500, 1) == 1
    assert shed_count(10_000, (9_900,), 500, 1) == 0


# ---- minimum times, overrides, supply ------------------------------------------------------------


def test_minimum_times_defer_and_poke_applies() -> None:
    society = battery(1, s1=SwitchRule(min_on_s=30, min_off_s=60))
    society, commands = society.report(0, 10)
    assert commands == []
    assert society.relays[1].shed
    assert closed(society) == {1}
    assert society.poke(29) == (society, [])
    society, commands = society.poke(30)
    assert commands == [RelayCommand(1, False, 2, 0, Reason.SHED)]
    society, commands = society.report(9000, 40)
    assert commands == []
    society, commands = society.poke(90)
    assert commands == [RelayCommand(1, True, 3, 0, Reason.RESTORED)]


def test_a_move_that_is_no_longer_due_is_not_made() -> None:
    society = battery(1, s1=SwitchRule(min_on_s=30))
    society, _ = society.report(0, 10)
    society, _ = society.report(9000, 20)
    assert society.poke(100)[1] == []
    assert closed(society) == {1}


def test_an_override_acts_at_once_and_ends_by_itself() -> None:
    society = battery(1, s1=SwitchRule(min_on_s=1000, min_off_s=1000))
    society, commands = society.set_override(1, Override.FORCE_OPEN, until=100, now=10)
    assert commands == [RelayCommand(1, False, 2, 0, Reason.OVERRIDE)]
    society, commands = society.poke(99)
    assert commands == []
    society, commands = society.poke(100)
    assert commands == []  # over, but 1000 s off are not
    assert society.relays[1].overridden is Override.NONE
    society, commands = society.poke(1010)
    assert commands == [RelayCommand(1, True, 3, 0, Reason.OVERRIDE_ENDED)]


def test_a_forced_relay_ignores_the_battery_until_the_override_is_withdrawn() -> None:
    society, _ = battery(1).set_override(1, Override.FORCE_CLOSED, until=1000, now=10)
    society, commands = society.report(0, 20)
    assert commands == []
    society, commands = society.set_override(1, Override.NONE, until=0, now=30)
    assert commands == [RelayCommand(1, False, 2, 0, Reason.OVERRIDE_ENDED)]


def test_supply_carries_its_cutoff_and_loses_it_when_over() -> None:
    society, _ = Battery().add_switch(1, SwitchRule(), False, now=0)
    society, commands = society.set_supply(1, True, 5_000, 1)
    assert commands == [RelayCommand(1, True, 2, 5_000, Reason.SUPPLY_STARTED)]
    society, commands = society.set_supply(1, True, 7_000, 2)
    assert commands == [RelayCommand(1, True, 3, 7_000, Reason.SUPPLY_STARTED)]
    society, commands = society.set_supply(1, False, 0, 3)
    assert commands == [RelayCommand(1, False, 4, 0, Reason.SUPPLY_ENDED)]
    assert society.relays[1].cutoff_wh == 0


def test_a_minimum_on_time_does_not_lift_the_cutoff() -> None:
    society, _ = Battery().add_switch(1, SwitchRule(min_on_s=60), False, now=0)
    society, _ = society.set_supply(1, True, 5_000, 100)
    society, commands = society.set_supply(1, False, 0, 110)
    assert commands == []
    assert society.relays[1].commanded_cutoff_wh == 5_000
    _, commands = society.poke(160)
    assert commands == [RelayCommand(1, False, 3, 0, Reason.SUPPLY_ENDED)]


def test_a_shed_supply_returns_with_its_cutoff() -> None:
    society, _ = Battery().add_switch(1, SwitchRule(), False, now=0)
    society, _ = society.set_supply(1, True, 5_000, 1)
    society, commands = society.report(0, 2)
    assert commands == [RelayCommand(1, False, 3, 0, Reason.SHED)]
    _, commands = society.report(9000, 3)
    assert commands == [RelayCommand(1, True, 4, 5_000, Reason.RESTORED)]


def test_an_override_of_open_supply_lifts_the_cutoff_only_while_it_lasts() -> None:
    relay = Relay(closed=True, cutoff_wh=5_000)
    forced, reason = next_state(
        relay, replace(relay, overridden=Override.FORCE_CLOSED, override_until=50),
        SwitchRule(), 10, Reason.OVERRIDE,
    )  # fmt: skip
    assert (reason, forced.commanded_cutoff_wh) == (Reason.OVERRIDE, 0)
    after, reason = next_state(forced, forced, SwitchRule(), 50, forced.deferred)
    assert (reason, after.commanded_cutoff_wh) == (Reason.OVERRIDE_ENDED, 5_000)


# ---- orders --------------------------------------------------------------------------------------


def test_a_new_order_opens_before_it_closes() -> None:
    society, _ = battery().report(7500, 1)
    society, commands = society.set_order([4, 1, 2, 3], 2)
    assert [(c.switch, c.closed) for c in commands] == [(3, False), (4, True)]
    assert closed(society) == {1, 2, 4}


def test_critical_switches_are_installed_above_ordinary_ones() -> None:
    society = battery(4, s2=SwitchRule(critical=True), s4=SwitchRule(critical=True))
    assert society.order == (2, 4, 1, 3)


def test_an_order_that_sheds_a_critical_switch_early_needs_a_second_authority() -> None:
    society = battery(3, s1=SwitchRule(critical=True))
    with pytest.raises(SheddingError, match="critical switch 1 is below an ordinary one"):
        society.set_order([2, 1, 3], 1)
    approved, _ = society.set_order([2, 1, 3], 1, second_authority=True)
    assert approved.order == (2, 1, 3)
    assert critical_below_ordinary([1, 2, 3], society.rules) is None


@pytest.mark.parametrize("order", [[1, 2, 3], [1, 2, 3, 3], [1, 2, 3, 5], [1, 2, 3, 4, 4]])
def test_an_order_names_each_switch_once(order: list[int]) -> None:
    with pytest.raises(SheddingError, match="exactly once"):
        battery().set_order(order, 1)


@pytest.mark.parametrize(
    "thresholds", [[0, 1, 2], [0, 2, 1, 3], [0, 0, 0, 10_000], [-1, 0, 0, 0], [0, 0, 0, 0, 0]]
)
def test_thresholds_that_make_no_order_are_refused(thresholds: list[int]) -> None:
    with pytest.raises(SheddingError, match="thresholds_bp"):
        battery().set_thresholds(thresholds, 1)


def test_own_thresholds_act_at_once_and_can_be_withdrawn() -> None:
    society, _ = battery().report(7000, 1)
    society, commands = society.set_thresholds([1000, 2000, 3000, 4000], 2)
    assert [(c.switch, c.closed) for c in commands] == [(4, True)]
    society, commands = society.set_thresholds([], 3)
    assert [(c.switch, c.closed) for c in commands] == [(4, False)]


@pytest.mark.parametrize("until", [10, 9, 10 + 86_401])
def test_an_override_ends_within_a_day(until: int) -> None:
    with pytest.raises(SheddingError, match="until"):
        battery().set_override(1, Override.FORCE_OPEN, until, now=10)


def test_unknown_switches_and_charges_are_refused() -> None:
    with pytest.raises(SheddingError, match="switch 9 is unknown"):
        battery().set_supply(9, True, 0, 1)
    with pytest.raises(SheddingError, match="switch 9 is unknown"):
        battery().set_override(9, Override.NONE, 0, 1)
    with pytest.raises(SheddingError, match="switch 4 is there already"):
        battery().add_switch(4, SwitchRule(), True, 1)
    with pytest.raises(SheddingError, match="soc_bp 10001"):
        battery().report(10_001, 1)


# ---- every history -------------------------------------------------------------------------------

switches = st.integers(1, 5)
actions = st.one_of(
    st.tuples(st.just("report"), st.integers(0, 10_000)),
    st.tuples(st.just("supply"), switches, st.booleans(), st.integers(0, 3)),
    st.tuples(
        st.just("override"), switches, st.sampled_from(Override), st.integers(1, 300)
    ),
    st.tuples(st.just("order"), st.permutations([1, 2, 3, 4, 5])),
    st.tuples(st.just("thresholds"), st.lists(st.integers(0, 9_999), min_size=5, max_size=5)),
    st.tuples(st.just("poke")),
)  # fmt: skip
rules = st.fixed_dictionaries(
    {}, optional={
        f"s{i}": st.builds(SwitchRule, st.booleans(), st.integers(0, 90), st.integers(0, 90))
        for i in range(1, 6)
    },
)  # fmt: skip


def apply(b: Battery, action: tuple[object, ...], now: int) -> tuple[Battery, list[RelayCommand]]:
    match action:
        case ("report", int(soc_bp)):
            return b.report(soc_bp, now)
        case ("supply", int(switch), bool(supplied), int(cutoff)):
            return b.set_supply(switch, supplied, cutoff, now)
        case ("override", int(switch), Override() as override, int(seconds)):
            return b.set_override(switch, override, now + seconds, now)
        case ("order", list(order)):
            return b.set_order(order, now, second_authority=True)
        case ("thresholds", list(thresholds)):
            return b.set_thresholds(sorted(thresholds), now)
        case _:
            return b.poke(now)


@settings(max_examples=examples(200))
@given(rules, st.lists(st.tuples(st.integers(0, 120), actions), max_size=40))
def test_relays_follow_from_order_charge_supply_and_override(
    own: dict[str, SwitchRule], history: list[tuple[int, tuple[object, ...]]]
) -> None:
    b, now = battery(5, **own), 0
    boards = {switch: (relay.closed, relay.sequence) for switch, relay in b.relays.items()}
    for seconds, action in history:
        now += seconds
        before = b
        b, commands = apply(b, action, now)
        for command in commands:
            assert command.sequence == boards[command.switch][1] + 1
            boards[command.switch] = (command.closed, command.sequence)
        # What boards were told is what the state says.
        assert boards == {s: (r.closed, r.sequence) for s, r in b.relays.items()}
        # The shed ones are the end of the order.
        assert {s for s, r in b.relays.items() if r.shed} == set(b.order[5 - b.shed :])
        for switch, relay in b.relays.items():
            old, rule = before.relays[switch], b.rules[switch]
            if relay.closed != old.closed and relay.overridden is Override.NONE:
                assert now >= old.changed_at + (rule.min_on_s if old.closed else rule.min_off_s)
        settled, _ = b.poke(now)
        assert settled.poke(now) == (settled, [])
        # Long after, nothing holds a relay back: it is where order, charge and supply put it.
        later, _ = b.poke(now + 1_000)
        for switch, relay in later.relays.items():
            assert relay.closed == (relay.supplied and not relay.shed), switch
            assert relay.overridden is Override.NONE


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=40))
def test_a_more_important_switch_is_never_shed_before_a_less_important_one(
    charges: list[int],
) -> None:
    society = battery(6)
    for now, soc_bp in enumerate(charges, start=1):
        society, _ = society.report(soc_bp, now)
        states = [society.relays[switch].closed for switch in society.order]
        assert states == sorted(states, reverse=True)


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 5_000), st.integers(0, 4))
def test_more_charge_never_sheds_more(low: int, high: int, margin: int, previous: int) -> None:
    thresholds = default_thresholds_down_bp(4)
    low, high = sorted((low, high))
    assert shed_count(low, thresholds, margin, previous) >= shed_count(
        high, thresholds, margin, previous
    )
