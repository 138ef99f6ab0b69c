"""Settlement on a real chain: everything that flowed, once; one meter's trouble is its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from books import Books
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from local_chain import (
    RESIDENT,
    STRANGER,
    Anvil,
    add_tariff,
    development_account,
    send,
)
from oracle_kit import METERS, Device, SetClock, make_closer

from backend.chain.context import ChainContext
from backend.chain.contracts import Call, Contract
from backend.chain.types import BillingMode
from backend.oracle.closer import SlotCloser
from backend.oracle.due import Due, DueCalls
from backend.oracle.registers import Registers, flows_of, unpack_registers
from backend.telemetry import slots
from backend.telemetry.outbox import OutboxState
from backend.telemetry.store import Store

pytest_plugins = ["oracle_fixtures"]


def test_a_committed_slot_is_settled_in_one_transaction(books: Books) -> None:
    for meter in METERS:
        books.read(meter, *(100 * meter + lane for lane in range(6)))
    slot = books.run_slot()
    for meter in METERS:
        assert books.settled(meter) == tuple(100 * meter + lane for lane in range(6))
    assert len(books.transactions("settle")) == 1
    with books.store.read() as connection:
        stored = slots.get(connection, slot)
    assert stored is not None
    assert stored.settled_at is not None


def test_meters_that_did_not_move_are_left_alone(books: Books) -> None:
    books.read(4, 0, 0, 0, 5, 0, 0)
    books.read(7, 0, 0, 9, 0, 0, 0)
    books.run_slot()
    books.read(4, 0, 0, 0, 6, 0, 0)
    books.run_slot()
    (_, second) = books.transactions("settle")
    _, arguments = books.chain.clients.ledger.contract.decode_input(second.data)
    assert [leaf["meter"] for leaf in arguments["leaves"]] == [4]
    quiet = books.run_slot()
    assert len(books.transactions("settle")) == 2
    with books.store.read() as connection:
        stored = slots.get(connection, quiet)
    assert stored is not None
    assert stored.settled_at is not None  # there was nothing to settle


def test_every_nth_slot(
    store: Store,
    chain: ChainContext,
    anvil: Anvil,
    closer: SlotCloser,
    community: Mapping[int, Device],
    slot_clock: SetClock,
) -> None:
    books = Books(store, chain, anvil, closer, community, slot_clock, every_slots=3)
    books.follower.catch_up()
    for step in range(1, 8):
        books.read(4, 0, 0, 0, step, 0, 0)
        books.run_slot()
        assert books.settled(4)[3] == step // 3 * 3


def test_batches_hold_no_more_than_allowed(
    store: Store,
    chain: ChainContext,
    anvil: Anvil,
    closer: SlotCloser,
    community: Mapping[int, Device],
    slot_clock: SetClock,
) -> None:
    books = Books(store, chain, anvil, closer, community, slot_clock, batch=2)
    books.follower.catch_up()
    for meter in METERS:
        books.read(meter, 0, 0, 1, 1, 0, 0)
    books.run_slot()
    assert len(books.transactions("settle", OutboxState.CONFIRMED)) == 3
    assert all(books.settled(meter)[3] == 1 for meter in METERS)


def test_one_meter_cannot_block_the_others(books: Books) -> None:
    """A meter that a stranger settled at a newer slot in one lane only: its proof is refused."""
    for meter in METERS:
        books.read(meter, 0, 0, 1, 1, 0, 0)
    books.pass_slot()
    # Whatever makes settling meter 4 fail: here its settled registers are set higher in one lane.
    ledger = books.chain.deployment["MeterLedger"].address
    _force_settled(books, ledger, 4, 5 << 80)
    books.settle()
    assert [books.settled(meter)[3] for meter in METERS if meter != 4] == [1, 1, 1, 1]
    assert books.settled(4)[3] == 0
    assert books.transactions("settle", OutboxState.FAILED) == []
    # It is left alone for a while, and settled as soon as it can be.
    sent = len(books.transactions("settle"))
    books.read(7, 0, 0, 2, 2, 0, 0)
    books.run_slot()
    assert books.settled(7)[3] == 2
    assert len(books.transactions("settle")) == sent + 1
    books.read(4, 0, 0, 5, 9, 0, 0)
    for _ in range(3):
        books.run_slot()
    assert books.settled(4)[3] == 9


def _force_settled(books: Books, ledger: str, meter: int, word: int) -> None:
    """Finds the storage slot of a settled word by trying, and sets it."""
    for position in range(30):
        place = "0x" + keccak(encode(["uint256", "uint256"], [meter, position])).hex()
        before = books.anvil.rpc.call("eth_getStorageAt", ledger, place, "latest")
        books.anvil.rpc.call(
            "anvil_setStorageAt", ledger, place, "0x" + word.to_bytes(32, "big").hex()
        )
        if books.chain.views.settled_registers(meter) == word:
            return
        books.anvil.rpc.call("anvil_setStorageAt", ledger, place, before)
    raise AssertionError("the ledger keeps its settled words elsewhere now")


def test_somebody_elses_settlement_is_no_trouble(books: Books) -> None:
    for meter in METERS:
        books.read(meter, 0, 0, 1, 1, 0, 0)
    slot = books.pass_slot()
    with books.store.read() as connection:
        tree, leaves = books.settler._tree_of(connection, slot)
    proof = tree.multiproof([7])
    leaf = (7, int.from_bytes(leaves[7].registers, "big"), leaves[7].salt)
    nodes = [node.words() for node in proof.siblings]
    call = books.chain.clients.ledger.settle_many(slot, [leaf], nodes, proof.flags)
    send(books.anvil.rpc, STRANGER, call)
    books.settle()
    assert all(books.settled(meter)[3] == 1 for meter in METERS)


def test_new_terms_begin_even_if_nothing_flows(books: Books) -> None:
    books.read(4, 0, 0, 0, 40, 0, 0)
    books.run_slot()
    holder = books.hold(4, RESIDENT)
    books.follower.catch_up()
    books.run_slot()
    meter = books.chain.views.meter(4)
    assert (meter.holder, meter.changing) == (holder, False)
    terms = books.chain.views.ask(
        Contract(books.chain.deployment["MeterRegistry"]).call("termsAt", 4, 0)
    )
    assert unpack_registers(terms["startRegisters"]).imported_wh == 40


def test_an_older_chain_is_settled_again(books: Books) -> None:
    snapshot = books.anvil.snapshot()
    for step in (1, 2):
        for meter in METERS:
            books.read(meter, 0, 0, step, step, 0, 0)
        books.run_slot()
    books.anvil.revert(snapshot)
    books.anvil.rpc.call("anvil_setTime", hex(int(books.clock.time)))
    books.anvil.mine()
    books.follower.catch_up()
    for _ in range(6):
        books.closer.step()
        books.to_chain()
    books.settle()
    assert all(books.settled(meter)[3] == 2 for meter in METERS)


@settings(
    max_examples=5,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking would take minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(sorted(METERS)),
            st.tuples(*[st.integers(0, 5_000)] * 6),
            min_size=1,
        ),
        min_size=1,
        max_size=4,
    )
)
def test_whatever_flows_is_booked_to_the_wh(
    books: Books, steps: list[dict[int, tuple[int, ...]]]
) -> None:
    """Random flows: inventory, households and debts add up to what the meters counted."""
    if not books.chain.views.meter(7).claimed:
        books.hold(7, RESIDENT)
        books.follower.catch_up()
        books.run_slot()
    counted = {meter: list(books.settled(meter)) for meter in METERS}
    for step in steps:
        for meter, flows in step.items():
            counted[meter] = [a + b for a, b in zip(counted[meter], flows, strict=True)]
            books.read(meter, *counted[meter])
        books.run_slot()
    for meter in METERS:
        assert list(books.settled(meter)) == counted[meter]
    market = books.chain.deployment["EnergyMarket"].address
    ledger = Contract(books.chain.deployment["MeterLedger"])
    held = books.energy_wh(market) + books.energy_wh(development_account(RESIDENT).address)
    debts = books.chain.views.ask(ledger.call("inventoryDebtWh")) + books.chain.views.debt_wh(7)
    assert held - debts == sum(_supply(meter, counted[meter]) for meter in METERS)


def _supply(meter: int, registers: list[int]) -> int:
    """What a meter gave to the pool less what it drew, Wh, by its kind."""
    flows = flows_of(METERS[meter], Registers(*registers))
    given = flows.prosumer_export_wh + flows.der_generation_wh + flows.discharged_wh
    drawn = flows.consumption_wh + flows.charged_wh
    return given + flows.grid_import_wh - drawn - flows.grid_export_wh


# ---- upkeep ------------------------------------------------------------------------------------


def test_nothing_is_sent_that_would_change_nothing(books: Books) -> None:
    for meter in METERS:
        books.read(meter, 0, 0, 1, 1, 0, 0)
    books.hold(7, RESIDENT)
    books.run_slot()
    assert books.upkeep.sweep() == 0


def test_a_debtor_is_suspended_and_resumed(books: Books) -> None:
    books.read(4, 0, 0, 0, 0, 0, 0)
    books.read(2, 0, 0, 50_000, 0, 0, 0)
    books.run_slot()
    books.hold(4, RESIDENT)
    books.follower.catch_up()
    books.run_slot()
    books.read(4, 0, 0, 0, 900, 0, 0)  # within the emergency credit
    books.run_slot()
    assert books.upkeep.sweep() == 0
    books.read(4, 0, 0, 0, 2_000, 0, 0)
    books.run_slot()
    assert books.upkeep.sweep() == 1
    assert books.upkeep.sweep() == 0  # it is on its way
    books.to_chain()
    assert books.chain.views.is_suspended(4)
    assert books.upkeep.sweep() == 0
    # The household gets energy by other means than topUp; upkeep notices.
    market = Contract(books.chain.deployment["EnergyMarket"])
    send(books.anvil.rpc, RESIDENT, market.call("buyEnergy", 9_000, 10**12), value=10**18)
    books.clock.time += 1
    assert books.upkeep.sweep() == 1
    books.to_chain()
    assert not books.chain.views.is_suspended(4)
    assert books.chain.views.debt_wh(4) == 0


def test_a_call_that_becomes_final_while_the_next_sweep_looks_is_not_sent_again(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fault: the sweep asked before the call was in a block, and wrote after it was final."""
    add_tariff(books.anvil.rpc, books.chain.deployment, period_s=60)
    books.read(4, 0, 0, 0, 0, 0, 0)
    books.run_slot()
    books.hold(4, RESIDENT, BillingMode.BILLED)
    for step in range(1, 8):
        books.read(4, 0, 0, 0, 1_000 * step, 0, 0)
        books.run_slot()
    assert books.upkeep.sweep() == 1
    try_many = books.chain.views.try_many

    def asked_too_early(calls: Sequence[Call[Any]], *how: Any, **options: Any) -> list[Any]:
        answers = try_many(calls, *how, **options)
        if any(call.name == "TariffBook.issueBill" for call in calls):
            books.to_chain()
        return answers

    monkeypatch.setattr(books.chain.views, "try_many", asked_too_early)
    books.clock.time += 1
    assert books.upkeep.sweep() == 0
    books.to_chain()
    assert [row.state for row in books.transactions("bill")] == [OutboxState.CONFIRMED]


def test_gas_of_a_due_call_pays_for_its_data(books: Books) -> None:
    """EIP-7623: below 10 gas a zero byte and 40 another one no block holds the call."""
    ledger = books.chain.contracts["MeterLedger"]
    long = Call(ledger.address, b"\xff" * 20_000, bytes, "long")
    due = DueCalls(books.store, books.chain, wake_sender=lambda: None)
    assert due.write([Due("long:1", long, 250_000, 1)]) == 1
    (row,) = books.transactions("long")
    assert row.gas >= 21_000 + 40 * 20_000


def test_bills_are_issued_when_a_period_is_over(books: Books) -> None:
    add_tariff(books.anvil.rpc, books.chain.deployment, period_s=60)
    books.read(4, 0, 0, 0, 0, 0, 0)
    books.run_slot()
    books.hold(4, RESIDENT, BillingMode.BILLED)
    books.follower.catch_up()
    books.run_slot()
    assert books.upkeep.sweep() == 0
    for step in range(1, 7):
        books.read(4, 0, 0, 0, 1_000 * step, 0, 0)
        books.run_slot()
    assert books.upkeep.sweep() == 1
    books.to_chain()
    (bill_id, *_) = books.chain.views.ask(books.chain.clients.tariff.bills_of(4))
    bill = books.chain.views.ask(books.chain.clients.tariff.bill(bill_id))
    assert bill.consumed_wh > 0
    assert books.upkeep.sweep() == 0


def test_closer_and_settler_share_the_tree(
    books: Books, store: Store, chain: ChainContext, slot_clock: SetClock
) -> None:
    """The proofs that the settler makes are of the very root that was committed."""
    books.read(4, 0, 0, 0, 5, 0, 0)
    slot = books.pass_slot()
    with store.read() as connection:
        tree, _ = books.settler._tree_of(connection, slot)
    assert tree.root == chain.views.slot_record(slot).root
    assert make_closer(store, chain, books.closer._quorum, slot_clock).close_due() is None
