"""Closing, signing and committing slots, on real nodes and a real chain."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local_chain import DEPLOYER, FIRST_SIGNER, SLOT_SECONDS, Anvil, development_account, send
from oracle_kit import METERS, SALT_KEY, Device, Oracle, SetClock, make_closer

from backend.chain.context import ChainContext
from backend.chain.contracts import Contract
from backend.chain.follower import EventFollower
from backend.chain.projections import projections
from backend.chain.sender import Sender
from backend.oracle.closer import SlotCloser, commitment_of
from backend.oracle.digests import BatteryReport, battery_digest, sign, slot_digest
from backend.oracle.domains import read_domains
from backend.oracle.quorum import QuorumClient
from backend.oracle.salts import salt_of
from backend.telemetry import outbox, slots
from backend.telemetry.slots import SlotState, unpack
from backend.telemetry.store import Store, open_store

pytest_plugins = ["oracle_fixtures"]

Community = Mapping[int, Device]


def make_sender(store: Store, chain: ChainContext) -> Sender:
    return Sender(store, chain.rpc, chain.contracts, chain.relayer)


def make_follower(store: Store, chain: ChainContext) -> EventFollower:
    return EventFollower(
        store, chain.rpc, chain.contracts, projections, on_moved=chain.views.invalidate
    )


def to_chain(store: Store, chain: ChainContext) -> None:
    sender = make_sender(store, chain)
    for _ in range(6):
        sender.step()
    make_follower(store, chain).catch_up()


def pass_slots(slot_clock: SetClock, anvil: Anvil, count: int = 1) -> int:
    """Moves clock and chain just behind the grace of the next slot's end; the slot's number."""
    slot = int(slot_clock.time // SLOT_SECONDS) + count - 1
    slot_clock.time = (slot + 1) * SLOT_SECONDS + 2.5
    anvil.rpc.call("anvil_setTime", hex(int(slot_clock.time)))
    anvil.mine()
    return slot


def read_all(community: Community, at: float, step: int = 0) -> None:
    for meter, device in community.items():
        registers = tuple(100 * meter + lane + step for lane in range(6))
        device.read(int(at), *registers)


def stored(store: Store, slot: int) -> slots.Slot:
    with store.read() as connection:
        found = slots.get(connection, slot)
    assert found is not None
    return found


def test_a_slot_goes_from_readings_to_the_chain(
    closer: SlotCloser,
    community: Community,
    store: Store,
    chain: ChainContext,
    slot_clock: SetClock,
    anvil: Anvil,
) -> None:
    read_all(community, slot_clock.time)
    slot = pass_slots(slot_clock, anvil)
    closer.step()
    assert stored(store, slot).state is SlotState.SIGNED
    to_chain(store, chain)
    row = stored(store, slot)
    assert row.state is SlotState.COMMITTED
    assert row.tx_hash is not None
    record = chain.views.slot_record(slot)
    assert (record.root, record.leaf_count) == (row.root, len(METERS))
    assert (record.totals_lo, record.totals_hi) == (row.totals_lo, row.totals_hi)
    balance, condition = chain.views.ask(chain.clients.ledger.contract.call("balance", slot))
    assert (balance, ["balanced", "surplus", "deficit"][condition]) == (
        row.balance_wh,
        row.condition,
    )


def test_nothing_is_closed_before_its_time_nor_twice(
    closer: SlotCloser, community: Community, slot_clock: SetClock, anvil: Anvil
) -> None:
    slot = pass_slots(slot_clock, anvil)
    read_all(community, slot * SLOT_SECONDS + 3)
    assert closer.close_due() == slot
    assert closer.close_due() is None
    slot_clock.time = (slot + 2) * SLOT_SECONDS + 1.9
    assert closer.close_due() is None
    slot_clock.time += 0.2
    assert closer.close_due() == slot + 1


def test_without_readings_there_is_no_slot(
    closer: SlotCloser, slot_clock: SetClock, anvil: Anvil
) -> None:
    pass_slots(slot_clock, anvil)
    assert closer.close_due() is None


def test_a_line_is_the_newest_reading_from_before_the_end(
    closer: SlotCloser, community: Community, store: Store, slot_clock: SetClock, anvil: Anvil
) -> None:
    slot = pass_slots(slot_clock, anvil)
    end = (slot + 1) * SLOT_SECONDS
    community[4].read(end - 9, 0, 0, 0, 5, 0, 0)
    community[4].read(end - 1, 0, 0, 0, 6, 0, 0)
    community[4].read(end, 0, 0, 0, 7, 0, 0)  # belongs to the next
    closer.close_due()
    with store.read() as connection:
        (leaf,) = slots.leaves_of(connection, slot)
    assert unpack(leaf.registers)[3] == 6
    assert leaf.salt == salt_of(SALT_KEY, slot, 4)
    assert not leaf.stale


def test_late_and_silent_meters(
    closer: SlotCloser, community: Community, store: Store, slot_clock: SetClock, anvil: Anvil
) -> None:
    """A silent meter keeps its line and is stale; what arrives late is in the next slot."""
    slot = pass_slots(slot_clock, anvil)
    end = (slot + 1) * SLOT_SECONDS
    community[4].read(end - 9, 0, 0, 0, 5, 0, 0)
    community[7].read(end - 9, 9, 9, 9, 9, 0, 0)
    closer.step()
    community[4].read(end - 5, 0, 0, 0, 8, 0, 0)  # measured in time, arrives too late
    following = pass_slots(slot_clock, anvil)
    closer.step()
    with store.read() as connection:
        leaves = {leaf.meter_id: leaf for leaf in slots.leaves_of(connection, following)}
    assert unpack(leaves[4].registers)[3] == 8
    assert (leaves[4].stale, leaves[7].stale) == (False, True)
    assert stored(store, following).previous_slot == slot
    assert stored(store, following).state is SlotState.SIGNED


def test_unregistered_nodes_have_no_line(
    closer: SlotCloser, community: Community, store: Store, slot_clock: SetClock, anvil: Anvil
) -> None:
    slot = pass_slots(slot_clock, anvil)
    community[4].read(slot * SLOT_SECONDS, 0, 0, 0, 5, 0, 0)
    Device(store, 99).read(slot * SLOT_SECONDS, 1, 1, 1, 1, 1, 1)
    closer.close_due()
    assert stored(store, slot).leaf_count == 1


def test_deltas_prove_themselves_with_their_keyframe(
    closer: SlotCloser, community: Community, store: Store, slot_clock: SetClock, anvil: Anvil
) -> None:
    slot = pass_slots(slot_clock, anvil)
    begin = slot * SLOT_SECONDS
    community[4].read(begin, 0, 0, 0, 5, 0, 0)
    community[4].read(begin + 1, 0, 0, 0, 6, 0, 0, delta=True)
    community[4].read(begin + 2, 0, 0, 0, 9, 0, 0, delta=True)
    closer.step()
    assert stored(store, slot).state is SlotState.SIGNED


def test_after_a_long_outage_one_slot_holds_everything(
    closer: SlotCloser,
    community: Community,
    store: Store,
    chain: ChainContext,
    slot_clock: SetClock,
    anvil: Anvil,
) -> None:
    read_all(community, slot_clock.time)
    first = pass_slots(slot_clock, anvil)
    closer.step()
    to_chain(store, chain)
    read_all(community, slot_clock.time, step=500)
    last = pass_slots(slot_clock, anvil, count=40)
    closer.step()
    to_chain(store, chain)
    assert stored(store, last).previous_slot == first
    assert chain.views.latest_slot() == last
    with store.read() as connection:
        assert slots.count_committed(connection) == 2


def test_two_of_three_nodes_suffice_and_one_does_not(
    closer: SlotCloser,
    community: Community,
    store: Store,
    oracle: Oracle,
    slot_clock: SetClock,
    anvil: Anvil,
) -> None:
    oracle.servers[1].shutdown()
    oracle.servers[1].server_close()
    read_all(community, slot_clock.time)
    slot = pass_slots(slot_clock, anvil)
    closer.step()
    assert stored(store, slot).state is SlotState.SIGNED
    oracle.servers[0].shutdown()
    oracle.servers[0].server_close()
    read_all(community, slot_clock.time, step=5)
    slot = pass_slots(slot_clock, anvil)
    closer.step()
    assert stored(store, slot).state is SlotState.CLOSED
    assert "1 of 2 signatures" in (closer.last_error or "")


def test_slots_closed_while_nodes_were_down_are_signed_in_order(
    closer: SlotCloser,
    community: Community,
    store: Store,
    chain: ChainContext,
    oracle: Oracle,
    slot_clock: SetClock,
    anvil: Anvil,
) -> None:
    absent = QuorumClient(["http://127.0.0.1:9"], chain.relayer, timeout_s=0.2, slot_timeout_s=0.2)
    alone = make_closer(store, chain, absent, slot_clock)
    waiting = []
    for step in range(3):
        read_all(community, slot_clock.time, step=step)
        waiting.append(pass_slots(slot_clock, anvil))
        alone.step()
    assert [stored(store, slot).state for slot in waiting] == [SlotState.CLOSED] * 3
    closer.step()
    to_chain(store, chain)
    assert [stored(store, slot).state for slot in waiting] == [SlotState.COMMITTED] * 3
    absent.close()


def test_a_restart_between_closing_and_signing_changes_nothing(
    closer: SlotCloser,
    community: Community,
    store: Store,
    chain: ChainContext,
    oracle: Oracle,
    slot_clock: SetClock,
    anvil: Anvil,
) -> None:
    read_all(community, slot_clock.time)
    slot = pass_slots(slot_clock, anvil)
    closer.close_due()
    root = stored(store, slot).root
    read_all(community, slot_clock.time - 5, step=9)  # late: must not enter the closed slot
    again = make_closer(store, chain, oracle.client, slot_clock)
    again.step()
    assert stored(store, slot).root == root
    to_chain(store, chain)
    assert chain.views.slot_record(slot).root == root


def test_a_refused_line_does_not_stop_the_others(
    closer: SlotCloser,
    community: Community,
    store: Store,
    chain: ChainContext,
    slot_clock: SetClock,
    anvil: Anvil,
) -> None:
    """A reading without a genuine frame: its slot is left behind, the next goes without it."""
    read_all(community, slot_clock.time)
    pass_slots(slot_clock, anvil)
    closer.step()
    read_all(community, slot_clock.time, step=5)
    forged = bytearray(community[4].frame(int(slot_clock.time) + 1, 0, 0, 0, 99_999, 0, 0))
    forged[-1] ^= 1
    community[4].book(bytes(forged))
    refused = pass_slots(slot_clock, anvil)
    closer.step()
    assert stored(store, refused).state is SlotState.REFUSED
    following = pass_slots(slot_clock, anvil)
    closer.step()
    assert stored(store, following).state is SlotState.SIGNED
    with store.read() as connection:
        leaves = {leaf.meter_id: leaf for leaf in slots.leaves_of(connection, following)}
    assert unpack(leaves[4].registers)[3] == 403  # its last good line
    assert unpack(leaves[7].registers)[3] == 708  # the others' newest
    community[4].read(int(slot_clock.time), 400, 401, 402, 500, 404, 405)
    for _ in range(4):  # and a good reading is taken again
        last = pass_slots(slot_clock, anvil)
        closer.step()
    with store.read() as connection:
        leaves = {leaf.meter_id: leaf for leaf in slots.leaves_of(connection, last)}
    assert unpack(leaves[4].registers)[3] == 500
    to_chain(store, chain)
    assert chain.views.latest_slot() == last


def test_an_empty_store_on_an_old_chain_asks_the_oracle_nodes(
    closer: SlotCloser,
    community: Community,
    store: Store,
    chain: ChainContext,
    oracle: Oracle,
    slot_clock: SetClock,
    anvil: Anvil,
    tmp_path: Any,
) -> None:
    """Deleting the store loses no energy, not even of a meter that never speaks again."""
    read_all(community, slot_clock.time)
    first = pass_slots(slot_clock, anvil)
    closer.step()
    to_chain(store, chain)
    fresh = open_store(f"sqlite:///{tmp_path / 'fresh.sqlite'}")
    with store.read() as old, fresh.write() as new:
        from backend.telemetry import nodes

        nodes.provision(new, nodes.all_nodes(old).values())
    community[4].store = fresh
    community[4].read(int(slot_clock.time), 400, 401, 402, 450, 404, 405)
    again = make_closer(fresh, chain, oracle.client, slot_clock)
    slot = pass_slots(slot_clock, anvil)
    again.step()
    to_chain(fresh, chain)
    assert stored(fresh, slot).previous_slot == first
    assert stored(fresh, slot).leaf_count == len(METERS)
    assert chain.views.latest_slot() == slot
    fresh.close()


def test_a_new_signer_set_signs_what_waits(
    closer: SlotCloser,
    community: Community,
    store: Store,
    chain: ChainContext,
    slot_clock: SetClock,
    anvil: Anvil,
) -> None:
    read_all(community, slot_clock.time)
    slot = pass_slots(slot_clock, anvil)
    closer.step()
    quorum = Contract(chain.deployment["OracleQuorum"])
    signers = sorted(
        (development_account(FIRST_SIGNER + i).address for i in range(3)),
        key=lambda address: int(address, 16),
    )
    send(anvil.rpc, DEPLOYER, quorum.call("setSigners", signers, 2))  # the same, a new epoch
    sender = make_sender(store, chain)
    error = None
    for _ in range(100):
        sender.step()
        with store.read() as connection:
            row = outbox.get(connection, f"commit:{slot}")
        assert row is not None
        if error := row.error:
            break
        time.sleep(0.02)  # the node has not run it yet
    assert error is not None
    assert "OracleQuorum" in error
    slot_clock.time = time.time() + 60
    closer.watch()
    to_chain(store, chain)
    assert stored(store, slot).state is SlotState.COMMITTED


def test_a_chain_rolled_back_gets_its_slots_again(
    closer: SlotCloser,
    community: Community,
    store: Store,
    chain: ChainContext,
    slot_clock: SetClock,
    anvil: Anvil,
) -> None:
    snapshot = anvil.snapshot()
    made = []
    for step in range(3):
        read_all(community, slot_clock.time, step=step)
        made.append(pass_slots(slot_clock, anvil))
        closer.step()
        to_chain(store, chain)
    assert [stored(store, slot).state for slot in made] == [SlotState.COMMITTED] * 3
    anvil.revert(snapshot)
    anvil.rpc.call("anvil_setTime", hex(int(slot_clock.time)))
    anvil.mine()
    make_follower(store, chain).catch_up()
    assert SlotState.COMMITTED not in [stored(store, slot).state for slot in made]
    to_chain(store, chain)
    assert [stored(store, slot).state for slot in made] == [SlotState.COMMITTED] * 3
    assert chain.views.latest_slot() == made[-1]


def test_digests_are_the_contracts_own(
    closer: SlotCloser,
    community: Community,
    store: Store,
    chain: ChainContext,
    slot_clock: SetClock,
    anvil: Anvil,
) -> None:
    read_all(community, slot_clock.time)
    slot = pass_slots(slot_clock, anvil)
    closer.close_due()
    commitment = commitment_of(stored(store, slot))
    domains = read_domains(chain.rpc, chain.contracts)
    epoch = chain.views.quorum().epoch
    asked = chain.views.ask(chain.clients.ledger.commitment_digest(commitment))
    assert slot_digest(domains.ledger, commitment, epoch) == asked
    report = BatteryReport(1, 7_499, int(slot_clock.time))
    asked = chain.views.ask(
        chain.clients.priority.report_digest(report.battery, report.soc_bps, report.observed_at)
    )
    assert battery_digest(domains.priority, report, epoch) == asked


def test_a_rollback_that_is_not_followed_yet_makes_nobody_give_up(
    closer: SlotCloser,
    community: Community,
    store: Store,
    chain: ChainContext,
    slot_clock: SetClock,
    anvil: Anvil,
) -> None:
    """Between the chain's change of mind and the follower's, nothing is closed nor abandoned."""
    made = []
    for step in range(3):
        if step == 1:
            snapshot = anvil.snapshot()
        read_all(community, slot_clock.time, step=step)
        made.append(pass_slots(slot_clock, anvil))
        closer.step()
        if step < 2:
            to_chain(store, chain)
    anvil.revert(snapshot)
    sender = make_sender(store, chain)
    sender.step()
    with store.write() as connection:  # the newest was refused, as its predecessor is gone
        row = outbox.get(connection, f"commit:{made[-1]}")
        assert row is not None
        outbox.update(connection, row.id, state="failed", error="WrongPrevious")
    read_all(community, slot_clock.time, step=5)
    pass_slots(slot_clock, anvil)
    closer.step()
    assert SlotState.SUPERSEDED not in [stored(store, slot).state for slot in made]
    make_follower(store, chain).catch_up()
    slot_clock.time = time.time() + 60
    for _ in range(4):
        closer.step()
        to_chain(store, chain)
    assert [stored(store, slot).state for slot in made] == [SlotState.COMMITTED] * 3


def test_a_slot_that_the_chain_went_past_is_left_behind(
    closer: SlotCloser,
    community: Community,
    store: Store,
    chain: ChainContext,
    slot_clock: SetClock,
    anvil: Anvil,
    oracle: Oracle,
    tmp_path: Path,
) -> None:
    """Another gateway committed meanwhile: ours gives way and counts from the chain."""
    read_all(community, slot_clock.time)
    ours = pass_slots(slot_clock, anvil)
    closer.step()
    pass_slots(slot_clock, anvil)
    commitment = dataclasses.replace(commitment_of(stored(store, ours)), slot=ours + 1)
    domain = read_domains(chain.rpc, chain.contracts).ledger
    digest = slot_digest(domain, commitment, chain.views.quorum().epoch)
    signers = sorted(
        (development_account(FIRST_SIGNER + i) for i in range(2)),
        key=lambda account: int(account.address, 16),
    )
    call = chain.clients.ledger.commit_slot(commitment, [sign(s, digest) for s in signers])
    send(anvil.rpc, DEPLOYER, call)
    to_chain(store, chain)
    closer.step()
    assert stored(store, ours).state is SlotState.SUPERSEDED
    read_all(community, slot_clock.time, step=5)
    following = pass_slots(slot_clock, anvil)
    closer.step()
    to_chain(store, chain)
    assert stored(store, following).previous_slot == ours + 1
    assert stored(store, following).state is SlotState.COMMITTED
    with store.read() as connection:
        assert outbox.in_states(connection, (outbox.OutboxState.FAILED,)) == []
