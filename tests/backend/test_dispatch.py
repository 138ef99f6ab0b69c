"""Commands to boards and answers to the chain; battery reports and when they are made."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from local_chain import AUTHORITY, Anvil, add_switch, register_meter, send
from oracle_kit import Oracle, SetClock, key_of

from backend import signals
from backend.chain.context import ChainContext
from backend.chain.contracts import Contract
from backend.chain.follower import EventFollower
from backend.chain.projections import projections
from backend.chain.sender import Sender
from backend.ingest.frame import decode, encode, verify
from backend.ingest.frame_values import Ack, AckResult, Command
from backend.oracle.battery import (
    BatteryReporter,
    Charge,
    Reported,
    crosses,
    deciding_levels,
    report_reason,
)
from backend.oracle.dispatch import RelayDispatcher
from backend.resilience.shedding import default_thresholds_down_bp, shed_count
from backend.telemetry import commands, events, nodes, outbox
from backend.telemetry.events import ChainEvent
from backend.telemetry.outbox import OutboxState
from backend.telemetry.store import Store

pytest_plugins = ["oracle_fixtures"]

BOARD = 20


def issue(store: Store, switch: int, sequence: int, **changes: Any) -> int:
    identifier = commands.command_id(switch, sequence)
    row = {
        "command_id": identifier,
        "switch_id": switch,
        "board": BOARD,
        "pin": switch - 1,
        "closed": True,
        "cutoff_wh": 0,
        "reason": "installed",
        "block": 1,
        "issued_ms": 0,
        "offered": 0,
        "reported": False,
        **changes,
    }
    with store.write() as connection:
        commands.issue(connection, row)
    return identifier


def answer(store: Store, identifier: int, pin: int, closed: bool, result: int = 0) -> Any:
    with store.write() as connection:
        return commands.record_ack(
            connection, commands.Ack(BOARD, identifier, pin, closed, result, 0), 1_000
        )


@pytest.fixture
def dispatcher(store: Store, chain: ChainContext) -> RelayDispatcher:
    return RelayDispatcher(store, chain, key_of, wake_sender=lambda: None)


def offered(dispatcher: RelayDispatcher, board: int = BOARD) -> list[Command]:
    bodies = []
    for data in dispatcher.pending_frames(board):
        frame = decode(data, downlink=True)
        verify(frame, key_of(board) or b"")
        assert isinstance(frame.body, Command)
        bodies.append(frame.body)
    return bodies


# ---- to the boards -----------------------------------------------------------------------------


def test_a_command_is_offered_until_it_is_answered(
    dispatcher: RelayDispatcher, store: Store
) -> None:
    identifier = issue(store, 1, 1, closed=False, cutoff_wh=77)
    for _ in range(3):
        assert offered(dispatcher) == [Command(identifier, 0, False, 77, 0)]
    answer(store, identifier, 0, False)
    assert offered(dispatcher) == []
    with store.read() as connection:
        command = commands.get(connection, identifier)
    assert command is not None
    assert command.offered == 3


def test_a_cutoff_is_told_as_the_replaced_device_counts(
    dispatcher: RelayDispatcher, store: Store
) -> None:
    """The chain's register stands at 1 000 Wh, the new device began at 200: 300 Wh are bought."""
    added = {"switchId": 1, "config": {"meter": 53, "board": BOARD}}
    with store.write() as connection:
        events.store(
            connection,
            [ChainEvent(1, 0, "0x", "0x", "PriorityRegistry", "SwitchAdded", added, 0)],
        )
        nodes.apply_rebase(
            connection,
            53,
            before=(0, 0, 0, 1_000, 0, 0),
            after_reset=(0, 0, 0, 200, 0, 0),
            block=2,
            log_index=0,
        )
    issue(store, 1, 1, cutoff_wh=1_300)
    issue(store, 2, 1, cutoff_wh=1_300)  # another meter
    assert [command.cutoff_wh for command in offered(dispatcher)] == [500, 1_300]
    issue(store, 1, 2, cutoff_wh=700)  # was reached before the replacement
    assert offered(dispatcher)[0].cutoff_wh == 1


def test_only_the_newest_of_each_relay(dispatcher: RelayDispatcher, store: Store) -> None:
    for sequence in (1, 2, 3):
        issue(store, 1, sequence, closed=sequence % 2 == 0)
    last = issue(store, 2, 1)
    found = offered(dispatcher)
    assert [(c.command_id, c.closed) for c in found] == [
        (commands.command_id(1, 3), False),
        (last, True),
    ]
    answer(store, commands.command_id(1, 2), 0, True)  # an old answer is none to the newest
    assert len(offered(dispatcher)) == 2


def test_each_offer_is_a_new_frame_and_the_order_outlives_the_service(
    dispatcher: RelayDispatcher, store: Store, chain: ChainContext
) -> None:
    issue(store, 1, 1)
    issue(store, 2, 1)
    orders = []
    for _ in range(3):
        again = RelayDispatcher(store, chain, key_of, wake_sender=lambda: None)
        orders += [decode(f, downlink=True).order for f in again.pending_frames(BOARD)]
    assert orders == sorted(set(orders))
    assert len(orders) == 6


def test_other_boards_and_boards_without_a_key_get_nothing(
    dispatcher: RelayDispatcher, store: Store
) -> None:
    issue(store, 1, 1)
    issue(store, 2, 1, board=5_000)
    assert offered(dispatcher, board=21) == []
    assert dispatcher.pending_frames(5_000) == []


# ---- from the boards ---------------------------------------------------------------------------


def test_a_cut_off_answers_its_command_again(store: Store) -> None:
    identifier = issue(store, 1, 1)
    first = answer(store, identifier, 0, True)
    assert (first.ack_closed, first.reported) == (True, False)
    with store.write() as connection:
        commands.mark_reported(connection, identifier, True)
    repeated = answer(store, identifier, 0, True)
    assert repeated.reported  # nothing new to tell
    cut = answer(store, identifier, 0, False, result=3)
    assert (cut.ack_closed, cut.ack_result, cut.reported) == (False, 3, False)


def test_an_unsolicited_answer_speaks_of_the_newest_answered_command(store: Store) -> None:
    assert answer(store, 0, 0, False, result=4) is None  # nothing was ever commanded
    old = issue(store, 1, 1)
    answer(store, old, 0, True)
    issue(store, 1, 2)  # not answered yet: the board does not know it
    fell = answer(store, 0, 0, False, result=4)
    assert (fell.command_id, fell.ack_closed, fell.ack_result) == (old, False, 4)


def test_an_answer_from_another_board_changes_nothing(store: Store) -> None:
    identifier = issue(store, 1, 1)
    with store.write() as connection:
        ack = commands.Ack(BOARD + 1, identifier, 0, True, 0, 0)
        assert commands.record_ack(connection, ack, 0) is None
        wrong_pin = commands.Ack(BOARD, identifier, 5, True, 0, 0)
        assert commands.record_ack(connection, wrong_pin, 0) is None
        command = commands.get(connection, identifier)
    assert command is not None
    assert command.acked_ms is None


def test_on_ack_stores_and_tells(dispatcher: RelayDispatcher, store: Store) -> None:
    identifier = issue(store, 1, 1)
    told: list[tuple[int, bool]] = []

    def hear(_sender: object, command_id: int, closed: bool) -> None:
        told.append((command_id, closed))

    signals.command_acknowledged.connect(hear)
    try:
        body = Ack(identifier, 0, True, AckResult.APPLIED, 5)
        frame = decode(encode(BOARD, 1, 1, 0, body, key_of(BOARD) or b""))
        dispatcher.on_ack(frame)
    finally:
        signals.command_acknowledged.disconnect(hear)
    assert told == [(identifier, True)]
    with pytest.raises(ValueError, match="no ACK"):
        dispatcher.on_ack(frame._replace(body=Command(1, 0, True, 0, 0)))


# ---- to the chain ------------------------------------------------------------------------------


class Relays:
    """Two switches on chain, their commands followed into the store."""

    def __init__(self, store: Store, chain: ChainContext, anvil: Anvil) -> None:
        self.store, self.chain, self.anvil = store, chain, anvil
        register_meter(anvil.rpc, chain.deployment, 4, 1)
        for switch in (1, 2):
            add_switch(anvil.rpc, chain.deployment, switch, board=BOARD, pin=switch - 1, battery=1)
        self.dispatcher = RelayDispatcher(store, chain, key_of, wake_sender=lambda: None)
        self.sender = Sender(store, chain.rpc, chain.contracts, chain.relayer)
        self.follower = EventFollower(store, chain.rpc, chain.contracts, projections)
        self.follower.catch_up()

    def force(self, switch: int, override: int) -> None:
        priority = Contract(self.chain.deployment["PriorityRegistry"])
        call = priority.call("setOverride", switch, override, self.anvil.now() + 900)
        send(self.anvil.rpc, AUTHORITY, call)
        self.follower.catch_up()

    def to_chain(self) -> None:
        for _ in range(4):
            self.sender.step()
        self.follower.catch_up()

    def acknowledged(self, switch: int) -> tuple[int, bool]:
        state = self.chain.views.ask(self.chain.clients.priority.switch_state(switch))
        return state.acknowledged_sequence, state.acknowledged_closed

    def transactions(self) -> int:
        with self.store.read() as connection:
            return len(outbox.in_states(connection, list(OutboxState), kind="ack"))


@pytest.fixture
def relays(store: Store, chain: ChainContext, anvil: Anvil) -> Relays:
    return Relays(store, chain, anvil)


def test_answers_are_reported_together_and_once(relays: Relays) -> None:
    for switch in (1, 2):
        answer(relays.store, commands.command_id(switch, 1), switch - 1, True)
    assert relays.dispatcher.report() == 2
    assert relays.dispatcher.report() == 0
    relays.to_chain()
    assert relays.acknowledged(1) == (1, True)
    assert relays.acknowledged(2) == (1, True)
    with relays.store.read() as connection:
        assert all(command.reported for command in commands.newest(connection).values())
    assert relays.dispatcher.report() == 0
    assert relays.transactions() == 1


def test_a_newer_answer_overtakes_an_unreported_one(relays: Relays) -> None:
    relays.force(1, 1)
    answer(relays.store, commands.command_id(1, 1), 0, True)
    assert relays.dispatcher.report() == 1  # true, even though a newer command is out
    answer(relays.store, commands.command_id(1, 2), 0, False)
    assert relays.dispatcher.report() == 1
    relays.to_chain()
    assert relays.acknowledged(1) == (2, False)


def test_what_the_chain_knows_is_not_sent_again(relays: Relays) -> None:
    answer(relays.store, commands.command_id(1, 1), 0, True)
    relays.dispatcher.report()
    relays.to_chain()
    with relays.store.write() as connection:  # as after the store was lost
        commands.unreport_after(connection)
    assert relays.dispatcher.report() == 0
    assert relays.transactions() == 1


def test_a_report_that_fails_is_made_again_but_not_at_once(
    store: Store, chain: ChainContext, anvil: Anvil
) -> None:
    clock = SetClock()
    relays = Relays(store, chain, anvil)
    relays.dispatcher = RelayDispatcher(store, chain, key_of, wake_sender=lambda: None, now=clock)
    answer(store, commands.command_id(1, 1), 0, True)
    relays.dispatcher.report()
    with store.write() as connection:
        (row,) = outbox.in_states(connection, (OutboxState.PENDING,), kind="ack")
        outbox.update(connection, row.id, state="failed", error="lacks the role")
    assert relays.dispatcher.report() == 0
    clock.time += 3
    assert relays.dispatcher.report() == 1
    relays.to_chain()
    assert relays.acknowledged(1) == (1, True)


def test_a_chain_that_forgot_is_told_again(relays: Relays, anvil: Anvil) -> None:
    snapshot = anvil.snapshot()
    answer(relays.store, commands.command_id(1, 1), 0, True)
    relays.dispatcher.report()
    relays.to_chain()
    anvil.revert(snapshot)
    relays.follower.catch_up()
    relays.dispatcher.report()
    relays.to_chain()
    assert relays.acknowledged(1) == (1, True)


def test_an_answer_to_a_command_that_the_chain_lost_waits(relays: Relays, anvil: Anvil) -> None:
    snapshot = anvil.snapshot()
    relays.force(1, 1)
    answer(relays.store, commands.command_id(1, 2), 0, False)
    anvil.revert(snapshot)
    assert relays.dispatcher.report() == 0


# ---- when a charge is reported -----------------------------------------------------------------

THRESHOLDS = st.lists(st.integers(0, 9_999), min_size=1, max_size=6).map(sorted)
CHARGES = st.integers(0, 10_000)


@given(THRESHOLDS, st.integers(0, 5_000), CHARGES, CHARGES, st.integers(0, 6))
def test_whenever_a_relay_would_move_the_charge_is_reported(
    thresholds: list[int], margin: int, before: int, now: int, shed: int
) -> None:
    """The reporter may report too much, but never keeps quiet about a shed or a return."""
    shed = shed_count(before, thresholds, margin, min(shed, len(thresholds)))
    moves = shed_count(now, thresholds, margin, shed) != shed
    if moves:
        assert crosses(before, now, deciding_levels(thresholds, margin))


@given(CHARGES, st.integers(0, 99))
def test_small_changes_within_a_band_are_not_reported(charge: int, change: int) -> None:
    now = min(10_000, charge + change)
    levels = deciding_levels(default_thresholds_down_bp(4), 500)
    last = Reported(charge, 100, 1_000.0)
    reason = report_reason(last, Charge(1, 3, now, 101, ()), levels, 1_001.0, 60.0)
    assert reason == ("crossing" if crosses(charge, now, levels) else None)


def test_reasons_to_report() -> None:
    levels = deciding_levels([2_500, 7_500], 500)

    def reason(soc: int, at: int, now: float, last: Reported) -> str | None:
        return report_reason(last, Charge(1, 3, soc, at, ()), levels, now, 60.0)

    assert reason(8_000, 5, 0.0, Reported()) == "first"
    last = Reported(8_010, 100, 1_000.0)
    assert reason(7_500, 101, 1_001, last) == "crossing"
    assert reason(8_110, 101, 1_001, last) == "change"
    assert reason(8_020, 101, 1_061, last) == "heartbeat"
    assert reason(1_000, 100, 1_061, last) is None  # not newer


def test_exactly_at_a_threshold_is_below_it() -> None:
    levels = deciding_levels([7_500], 500)
    assert crosses(7_501, 7_500, levels)
    assert not crosses(7_500, 7_499, levels)
    assert crosses(7_999, 8_000, levels)
    assert not crosses(8_000, 8_001, levels)


# ---- poke --------------------------------------------------------------------------------------


def test_time_alone_moves_a_relay(
    store: Store,
    chain: ChainContext,
    anvil: Anvil,
    oracle: Oracle,
    community: object,
) -> None:
    """An override expires: nobody reports anything, and the relay comes back all the same."""
    add_switch(anvil.rpc, chain.deployment, 1, board=BOARD, pin=0, battery=1)
    reporter = BatteryReporter(
        store, chain, oracle.client, wake_sender=lambda: None, poke_every_s=0.0
    )
    sender = Sender(store, chain.rpc, chain.contracts, chain.relayer)
    priority = Contract(chain.deployment["PriorityRegistry"])
    send(anvil.rpc, AUTHORITY, priority.call("setOverride", 1, 1, anvil.now() + 2))
    reporter.step()
    assert _pokes(store) == 0
    deadline = time.monotonic() + 10
    while _pokes(store) == 0:
        assert time.monotonic() < deadline
        time.sleep(0.1)
        reporter.step()
    reporter.step()
    assert _pokes(store) == 1  # not again while it is on its way
    for _ in range(4):
        sender.step()
    state = chain.views.ask(chain.clients.priority.switch_state(1))
    assert (state.closed, state.sequence) == (True, 3)
    reporter.step()
    assert _pokes(store) == 1


def _pokes(store: Store) -> int:
    with store.read() as connection:
        return len(outbox.in_states(connection, list(OutboxState), kind="poke"))
