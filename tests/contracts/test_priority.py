"""PriorityRegistry through Ape: as it is deployed, and one beside the backend's mirror."""

from __future__ import annotations

import random
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from fixtures_money import HALL_SWITCH, HOUSE, HOUSE_SWITCH, Microgrid
from refusals import reverts

from backend.resilience.shedding import Battery, Override, Reason, RelayCommand, SwitchRule
from scripts import development

BANK = 3
SIGNER = Account.from_key(b"\x62" * 32)
NONE, FORCE_OPEN, FORCE_CLOSED = Override


class Society:
    """A registry of its own, whose owner may do everything, with switches 1.. of battery 3."""

    def __init__(self, project: Any, owner: Any, chain: Any) -> None:
        self.owner = owner
        self.chain = chain
        self.manager = owner.deploy(project.AccessManager, owner)
        self.quorum = owner.deploy(project.OracleQuorum, self.manager)
        self.quorum.setSigners([SIGNER.address], 1, sender=owner)
        self.registry = owner.deploy(project.PriorityRegistry, self.manager, self.quorum)

    def add(
        self,
        switch: int,
        rule: SwitchRule | None = None,
        supplied: bool = True,
        battery: int = BANK,
    ) -> Any:
        rule = rule or SwitchRule()
        times = (rule.min_on_s, rule.min_off_s)
        config = (100 + switch, 5 + switch // 8, switch % 8, battery, rule.critical, False, *times)
        return self.registry.addSwitch(switch, config, supplied, sender=self.owner)

    def at(self, time: int) -> None:
        """The next transaction's second."""
        self.chain.pending_timestamp = time

    def report(self, soc_bp: int, time: int, battery: int = BANK) -> Any:
        digest = self.registry.reportDigest(battery, soc_bp, time)
        signature = bytes(SIGNER.unsafe_sign_hash(digest).signature)
        self.at(time)
        return self.registry.reportBattery(battery, soc_bp, time, [signature], sender=self.owner)

    def commands(self, receipt: Any) -> list[RelayCommand]:
        events = self.registry.RelayCommand.from_receipt(receipt)
        return [
            RelayCommand(e.switchId, e.closed, e.sequence, e.cutoffWh, Reason(e.reason))
            for e in events
        ]

    def now(self) -> int:
        return int(self.chain.blocks.head.timestamp)


@pytest.fixture
def society(project: Any, accounts: Any, chain: Any) -> Society:
    return Society(project, accounts[0], chain)


# ---- the published run, and the mirror


def test_golden_depletion(society: Society) -> None:
    """4, 3, 2, 1 % a second with 4, 3, 2, 1 devices on sheds at 7, 15, 27 and 51 s."""
    for switch in (1, 2, 3, 4):
        society.add(switch)
    start = society.now() + 1
    society.report(10_000, start)
    on, soc = 4, 100
    shed: dict[int, tuple[int, int]] = {}
    for second in range(1, 52):
        soc -= on
        for command in society.commands(society.report(100 * soc, start + second)):
            assert not command.closed
            shed[command.switch] = (second, soc)
            on -= 1
    assert shed == {4: (7, 72), 3: (15, 48), 2: (27, 24), 1: (51, 0)}


def test_two_batteries_of_one_society_shed_each_their_own(society: Society) -> None:
    """Each inverter battery has its switches, order and charge; what one does is the mirror's of
    that one, and moves nothing behind the other."""
    chance = random.Random(7)
    homes = {BANK: (1, 2, 3, 4), BANK + 1: (5, 6, 7)}
    start = society.now() + 10
    mirrors = {}
    for battery, switches in homes.items():
        mirror = Battery()
        for switch in switches:
            society.at(start + switch)
            society.add(switch, battery=battery)
            mirror, _ = mirror.add_switch(switch, SwitchRule(), True, start + switch)
        mirrors[battery] = mirror
    time = start + 20
    for _ in range(16):
        time += 5
        battery = chance.choice(list(homes))
        other = next(key for key in homes if key != battery)
        if chance.random() < 0.8:
            soc_bp = chance.randrange(10_001)
            receipt = society.report(soc_bp, time, battery)
            mirrors[battery], expected = mirrors[battery].report(soc_bp, time)
        else:
            order = chance.sample(homes[battery], len(homes[battery]))
            society.at(time)
            receipt = society.registry.setOrder(battery, order, sender=society.owner)
            mirrors[battery], expected = mirrors[battery].set_order(order, time)
        assert society.commands(receipt) == expected
        for switch in homes[other]:
            relay, state = mirrors[other].relays[switch], society.registry.switchState(switch)
            assert (state.closed, state.sequence) == (relay.closed, relay.sequence)
    with reverts(society.registry.PriorityRegistry_NotAPermutation):
        society.registry.setOrder(BANK, [1, 2, 3, 5], sender=society.owner)  # 5 is the other's


@pytest.mark.parametrize("seed", range(4))
def test_any_course_of_events_is_the_mirrors(society: Society, seed: int) -> None:
    """What the backend predicts is what the contract commands, word for word."""
    chance = random.Random(seed)
    mirror = Battery()
    time = society.now() + 10
    for switch in range(1, 6):
        rule = SwitchRule(
            critical=switch == 2,
            min_on_s=chance.choice([0, 0, 90]),
            min_off_s=chance.choice([0, 0, 60]),
        )
        supplied = chance.random() < 0.8
        time += 5
        society.at(time)
        receipt = society.add(switch, rule, supplied)
        mirror, expected = mirror.add_switch(switch, rule, supplied, time)
        assert society.commands(receipt) == expected
    for _ in range(30):
        time += chance.choice([1, 1, 2, 30, 70, 400])
        mirror, expected, receipt = any_event(society, mirror, time, chance)
        assert society.commands(receipt) == expected
        assert_same(society, mirror)


def any_event(
    society: Society, mirror: Battery, time: int, chance: random.Random
) -> tuple[Battery, list[RelayCommand], Any]:
    """Something happens, in the contract and in the mirror."""
    registry, owner = society.registry, society.owner
    switch = chance.choice(mirror.order)
    what = chance.choice(["report"] * 4 + ["order", "thresholds", "override", "supply", "poke"])
    society.at(time)
    if what == "report":
        near = chance.randint(-700, 700) + (mirror.soc_bp or 5_000)
        soc_bp = chance.choice([near, chance.randint(0, 10_000), chance.choice([0, 10_000])])
        soc_bp = min(10_000, max(0, soc_bp))
        return *mirror.report(soc_bp, time), society.report(soc_bp, time)
    if what == "order":
        critical = [s for s in mirror.order if mirror.rules[s].critical]
        ordinary = [s for s in mirror.order if not mirror.rules[s].critical]
        order = [*critical, *chance.sample(ordinary, len(ordinary))]
        return *mirror.set_order(order, time), registry.setOrder(BANK, order, sender=owner)
    if what == "thresholds":
        bps = sorted(chance.randint(0, 9_999) for _ in mirror.order)
        bps = bps if chance.random() < 0.5 else []
        receipt = registry.setThresholds(BANK, bps, sender=owner)
        return *mirror.set_thresholds(bps, time), receipt
    if what == "override":
        forced, until = chance.choice(list(Override)), time + chance.choice([1, 50, 500])
        receipt = registry.setOverride(switch, forced, until, sender=owner)
        return *mirror.set_override(switch, forced, until, time), receipt
    if what == "supply":
        supplied, cutoff_wh = chance.random() < 0.6, chance.choice([0, 500, 9_000])
        receipt = registry.setSupply(switch, supplied, cutoff_wh, sender=owner)
        return *mirror.set_supply(switch, supplied, cutoff_wh, time), receipt
    return *mirror.poke(time), registry.poke(BANK, sender=owner)


def assert_same(society: Society, mirror: Battery) -> None:
    assert list(society.registry.order(BANK)) == list(mirror.order)
    assert list(society.registry.thresholds(BANK)) == list(mirror.thresholds_bp)
    assert society.registry.shedCount(BANK) == mirror.shed
    for switch, relay in mirror.relays.items():
        state = society.registry.switchState(switch)
        assert (state.closed, state.shed, state.supplied) == (
            relay.closed,
            relay.shed,
            relay.supplied,
        )
        assert (state.overridden, state.changedAt, state.sequence, state.cutoffWh) == (
            relay.overridden,
            relay.changed_at,
            relay.sequence,
            relay.cutoff_wh,
        )


# ---- the deployed one: roles, reports, refusals


def report(grid: Microgrid, soc_bp: int, time: int) -> Any:
    """Signed by two nodes, by the published EIP-712 type."""
    message = encode_typed_data(
        domain_data={
            "name": "Ohmstead PriorityRegistry",
            "version": "1",
            "chainId": grid.chain.chain_id,
            "verifyingContract": grid.priorities.address,
        },
        message_types={
            "BatteryReport": [
                {"name": "battery", "type": "uint16"},
                {"name": "socBps", "type": "uint16"},
                {"name": "observedAt", "type": "uint40"},
                {"name": "epoch", "type": "uint64"},
            ]
        },
        message_data={"battery": 1, "socBps": soc_bp, "observedAt": time, "epoch": 1},
    )
    signatures = [bytes(s.sign_message(message).signature) for s in grid.signers[:2]]
    return grid.priorities.reportBattery(1, soc_bp, time, signatures, sender=grid.stranger)


def test_reports(grid: Microgrid) -> None:
    grid.wait(10)
    now = int(grid.chain.blocks.head.timestamp)
    receipt = report(grid, 4_000, now)
    (event,) = grid.priorities.BatteryReported.from_receipt(receipt)
    assert (event.battery, event.socBps, event.observedAt) == (1, 4_000, now)
    (command,) = grid.priorities.RelayCommand.from_receipt(receipt)
    assert (command.switchId, command.board, command.pin) == (HOUSE_SWITCH, 5, 2)
    assert (command.closed, command.reason) == (False, Reason.SHED)
    assert grid.priorities.batteryState(1).socBps == 4_000
    with reverts(grid.priorities.PriorityRegistry_StaleReport, observedAt=now, last=now):
        report(grid, 9_000, now)
    with reverts(grid.priorities.PriorityRegistry_FutureReport):
        report(grid, 9_000, now + 10_000)
    grid.wait(2)  # so that now + 1 is not ahead of the next block
    with reverts(grid.priorities.PriorityRegistry_BadCharge, socBps=10_001):
        report(grid, 10_001, now + 1)
    with reverts(grid.quorum.OracleQuorum_TooFewSignatures):
        grid.priorities.reportBattery(1, 1, now + 1, [], sender=grid.stranger)
    with reverts(grid.priorities.PriorityRegistry_ZeroId):
        grid.priorities.reportBattery(0, 1, now + 1, [], sender=grid.stranger)


def test_the_authority_orders(grid: Microgrid) -> None:
    order = [HOUSE_SWITCH, HALL_SWITCH]
    receipt = grid.priorities.setOrder(1, order, sender=grid.authority)
    (event,) = grid.priorities.OrderChanged.from_receipt(receipt)
    assert (event.oldOrder, event.newOrder) == ([HALL_SWITCH, HOUSE_SWITCH], order)
    assert event.authority == grid.authority
    with reverts(grid.priorities.PriorityRegistry_NotAPermutation):
        grid.priorities.setOrder(1, [HALL_SWITCH, HALL_SWITCH], sender=grid.authority)
    receipt = grid.priorities.setThresholds(1, [1_000, 2_000], sender=grid.authority)
    (event,) = grid.priorities.ThresholdsChanged.from_receipt(receipt)
    assert (event.oldThresholdsBps, event.newThresholdsBps) == ([], [1_000, 2_000])
    with reverts(grid.priorities.PriorityRegistry_BadThresholds):
        grid.priorities.setThresholds(1, [2_000, 1_000], sender=grid.authority)
    receipt = grid.priorities.setRestoreMargin(700, sender=grid.authority)
    (event,) = grid.priorities.RestoreMarginChanged.from_receipt(receipt)
    assert (event.oldBps, event.newBps) == (500, 700)
    with reverts(grid.priorities.PriorityRegistry_BadMargin, bps=5_001):
        grid.priorities.setRestoreMargin(5_001, sender=grid.authority)


def test_critical_switches_need_two_authorities(grid: Microgrid, accounts: Any) -> None:
    lift = (0, 5, 5, 1, True, True, 0, 0)
    grid.priorities.addSwitch(9, lift, True, sender=grid.operator)
    assert grid.priorities.order(1) == [9, HALL_SWITCH, HOUSE_SWITCH]
    order = [HALL_SWITCH, 9, HOUSE_SWITCH]
    with reverts(grid.priorities.PriorityRegistry_CriticalBelowOrdinary, critical=9):
        grid.priorities.setOrder(1, order, sender=grid.authority)
    second = accounts[development.SECOND_AUTHORITY]
    with reverts(grid.priorities.PriorityRegistry_NoSuchProposal):
        grid.priorities.approveOrder(1, order, sender=second)
    receipt = grid.priorities.proposeOrder(1, order, sender=grid.authority)
    (event,) = grid.priorities.OrderProposed.from_receipt(receipt)
    assert (event.authority, event.order) == (grid.authority, order)
    assert grid.priorities.proposal(1).proposer == grid.authority
    with reverts(grid.priorities.PriorityRegistry_SameAuthority):
        grid.priorities.approveOrder(1, order, sender=grid.authority)
    grid.wait(24 * 3600)
    with reverts(grid.priorities.PriorityRegistry_ProposalExpired):
        grid.priorities.approveOrder(1, order, sender=second)
    grid.priorities.proposeOrder(1, order, sender=grid.authority)
    grid.priorities.approveOrder(1, order, sender=second)
    assert grid.priorities.order(1) == order


def test_an_override_ends_by_itself(grid: Microgrid) -> None:
    until = int(grid.chain.pending_timestamp) + 100
    receipt = grid.priorities.setOverride(HOUSE_SWITCH, FORCE_OPEN, until, sender=grid.authority)
    (event,) = grid.priorities.OverrideSet.from_receipt(receipt)
    assert (event.switchId, event.overridden, event.until) == (HOUSE_SWITCH, FORCE_OPEN, until)
    assert not grid.priorities.switchState(HOUSE_SWITCH).closed
    assert not grid.priorities.pokeDue(1)
    grid.wait(200)
    assert grid.priorities.pokeDue(1)
    receipt = grid.priorities.poke(1, sender=grid.stranger)
    (command,) = grid.priorities.RelayCommand.from_receipt(receipt)
    assert (command.closed, command.reason) == (True, Reason.OVERRIDE_ENDED)
    with reverts(grid.priorities.PriorityRegistry_BadOverride):
        grid.priorities.setOverride(HOUSE_SWITCH, FORCE_OPEN, until, sender=grid.authority)


def test_acknowledgements(grid: Microgrid) -> None:
    sequence = grid.priorities.switchState(HOUSE_SWITCH).sequence
    receipt = grid.priorities.acknowledge([HOUSE_SWITCH], [sequence], [True], sender=grid.relayer)
    (event,) = grid.priorities.RelayAcknowledged.from_receipt(receipt)
    assert (event.switchId, event.sequence, event.closed) == (HOUSE_SWITCH, sequence, True)
    state = grid.priorities.switchState(HOUSE_SWITCH)
    assert (state.acknowledgedClosed, state.acknowledgedSequence) == (True, sequence)
    assert state.acknowledgedAt == grid.chain.blocks.head.timestamp
    with reverts(grid.priorities.PriorityRegistry_FutureAcknowledgement, sequence=99):
        grid.priorities.acknowledge([HOUSE_SWITCH], [99], [True], sender=grid.relayer)
    with reverts(grid.priorities.PriorityRegistry_LengthMismatch):
        grid.priorities.acknowledge([HOUSE_SWITCH], [], [True], sender=grid.relayer)


@pytest.mark.parametrize(
    ("switch", "config", "error"),
    [
        (0, (0, 5, 6, 1, False, False, 0, 0), "PriorityRegistry_ZeroId"),
        (HALL_SWITCH, (0, 5, 6, 1, False, False, 0, 0), "PriorityRegistry_SwitchExists"),
        (9, (0, 5, 0, 1, False, False, 0, 0), "PriorityRegistry_PinTaken"),
        (9, (0, 5, 8, 1, False, False, 0, 0), "PriorityRegistry_BadPin"),
        (9, (HOUSE, 5, 6, 1, False, False, 0, 0), "PriorityRegistry_MeterTaken"),
    ],
)
def test_switches_that_cannot_be(
    grid: Microgrid, switch: int, config: tuple[Any, ...], error: str
) -> None:
    with reverts(getattr(grid.priorities, error)):
        grid.priorities.addSwitch(switch, config, True, sender=grid.operator)


def test_switches_are_readable(grid: Microgrid) -> None:
    assert grid.priorities.switches() == [HALL_SWITCH, HOUSE_SWITCH]
    assert grid.priorities.switchOf(HOUSE) == HOUSE_SWITCH
    config = grid.priorities.switchConfig(HOUSE_SWITCH)
    assert (config.meter, config.board, config.pin, config.battery) == (HOUSE, 5, 2, 1)
    for view in ("switchConfig", "switchState"):
        with reverts(grid.priorities.PriorityRegistry_UnknownSwitch, switchId=7):
            getattr(grid.priorities, view)(7)


@pytest.mark.parametrize(
    ("function", "arguments", "allowed"),
    [
        ("addSwitch", (9, (0, 5, 6, 1, False, False, 0, 0), True), "operator"),
        ("setOrder", (1, [HOUSE_SWITCH, HALL_SWITCH]), "authority"),
        ("proposeOrder", (1, [HOUSE_SWITCH, HALL_SWITCH]), "authority"),
        ("approveOrder", (1, [HOUSE_SWITCH, HALL_SWITCH]), "authority"),
        ("setThresholds", (1, []), "authority"),
        ("setRestoreMargin", (1,), "authority"),
        ("setOverride", (HOUSE_SWITCH, NONE, 0), "authority"),
        ("setSupply", (HOUSE_SWITCH, True, 0), "nobody but the market"),
        ("acknowledge", ([], [], []), "relayer"),
    ],
)
def test_roles(grid: Microgrid, function: str, arguments: tuple[Any, ...], allowed: str) -> None:
    for who in ("admin", "operator", "authority", "relayer", "stranger"):
        if who == allowed:
            continue
        caller = getattr(grid, who)
        with reverts(grid.priorities.AccessManagedUnauthorized, caller=caller.address):
            getattr(grid.priorities, function)(*arguments, sender=caller)
