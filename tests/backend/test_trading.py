"""Auctions and ties on a real chain: the relayer finalises, delivers, shows; the store follows."""

from __future__ import annotations

import time

import pytest
from books import Books
from local_chain import (
    DEPLOYER,
    FIRST_SIGNER,
    OPERATOR,
    RESIDENT,
    SLOT_SECONDS,
    STRANGER,
    deploy,
    development_account,
    register_meter,
    send,
)

from backend.api.trade_reader import TradeReader
from backend.chain.contracts import Contract
from backend.chain.trade_projections import projections
from backend.chain.trading import End, Terms, signable_terms, signable_verdict
from backend.oracle.registers import EntityKind, Registers
from backend.oracle.sum_tree import Leaf, SumTree, pack_registers
from backend.oracle.trading import TradeKeeper
from backend.telemetry import trades

pytest_plugins = ["oracle_fixtures"]

RUPEE = 1_000_000
GRID_METER, TIE_B = 1, 9
PRICE = 5 * RUPEE
OPERATOR_ROLE = 1


@pytest.fixture
def keeper(books: Books) -> TradeKeeper:
    return TradeKeeper(books.store, books.chain, wake_sender=lambda: None, now=books.clock)


def keep(books: Books, keeper: TradeKeeper) -> int:
    """Sweeps until nothing is due; how many calls were sent."""
    sent = 0
    for _ in range(8):
        found = keeper.sweep()
        sent += found
        books.to_chain()
        if not found:
            break
    return sent


class Neighbour:
    """A second microgrid on the chain, with one oracle node and the tie as its only meter."""

    def __init__(self, books: Books) -> None:
        self.books = books
        signer = development_account(FIRST_SIGNER + 4)
        self.signer = signer
        self.deployment = deploy(books.anvil.rpc, SLOT_SECONDS, [signer.address], 1)
        self.operator = development_account(STRANGER)
        manager = Contract(self.deployment["AccessManager"])
        send(
            books.anvil.rpc,
            DEPLOYER,
            manager.call("grantRole", OPERATOR_ROLE, self.operator.address, 0),
        )
        register_meter(books.anvil.rpc, self.deployment, TIE_B, int(EntityKind.GRID))
        self.ledger = Contract(self.deployment["MeterLedger"])
        self.at: dict[int, SumTree] = {}
        self.registers = Registers()

    def commit(self, slot: int) -> None:
        leaf = Leaf(TIE_B, EntityKind.GRID, self.registers, b"\x07" * 32)
        tree = self.at[slot] = SumTree.build([leaf])
        views = self.books.chain.views
        latest = views.ask(self.ledger.call("latestSlot"), 0.0)
        commitment = (slot, latest, tree.root, (tree.totals.lo, tree.totals.hi), 1)
        digest = views.ask(self.ledger.call("commitmentDigest", commitment), 0.0)
        signature = bytes(self.signer.unsafe_sign_hash(digest).signature)
        send(
            self.books.anvil.rpc,
            OPERATOR,
            self.ledger.call("commitSlot", commitment, [signature]),
        )

    def show(self, agreement: int, slot: int) -> None:
        proof = self.at[slot].proof(TIE_B)
        leaf = (TIE_B, pack_registers(self.registers), b"\x07" * 32)
        call = self.books.chain.clients.tie.show(
            agreement, slot, End.B, leaf, [node.words() for node in proof.siblings], proof.path
        )
        send(self.books.anvil.rpc, STRANGER, call)


def deposit(books: Books, account: int, wei: int = 10**16) -> None:
    house = Contract(books.chain.deployment["ClearingHouse"])
    send(books.anvil.rpc, account, house.call("deposit", 0), wei)


def begin(books: Books, neighbour: Neighbour | None, **changes: int) -> int:
    """An agreement between the operators, or with the utility if there is no neighbour."""
    chain = books.chain
    slot = int(books.clock.time // SLOT_SECONDS)
    party_b = development_account(STRANGER)
    terms = Terms(
        ledger_a=chain.deployment["MeterLedger"].address,
        ledger_b=neighbour.deployment["MeterLedger"].address if neighbour else "0x" + "0" * 40,
        meter_a=GRID_METER,
        meter_b=TIE_B if neighbour else 0,
        party_a=development_account(OPERATOR).address,
        party_b=party_b.address,
        arbiter=development_account(RESIDENT).address,
        first_slot=slot,
        last_slot=slot + 1000,
        limit_wh_per_slot=10_000,
        max_power_w=10_000,
        price_a_to_b=PRICE,
        price_b_to_a=PRICE,
        tolerance_bps=200,
        tolerance_wh=5,
        guarantee_micro_inr=changes.get("guarantee", 100 * RUPEE),
        silence_seconds=60,
        resolve_seconds=60,
        notice_slots=4,
        salt=b"\x01" * 32,
    )
    deposit(books, OPERATOR)
    deposit(books, STRANGER)
    tie = chain.clients.tie
    message = signable_terms(terms, tie.contract.address, chain.chain_id)
    a = bytes(development_account(OPERATOR).sign_message(message).signature)
    b = bytes(party_b.sign_message(message).signature)
    send(books.anvil.rpc, STRANGER, tie.begin(terms, a, b))
    books.follower.catch_up()
    return 1


def flow(books: Books, neighbour: Neighbour, agreement: int, out_wh: int, in_wh: int) -> int:
    """A slot in which A's meter has counted `out_wh` out and B's `in_wh` in, since the beginning;
    B has shown its reading."""
    books.read(GRID_METER, 0, 0, out_wh, 0, 0, 0)
    neighbour.registers = Registers(imported_wh=in_wh)
    slot = books.pass_slot()
    neighbour.commit(slot)
    neighbour.show(agreement, slot)
    books.follower.catch_up()
    return slot


# ---- ties --------------------------------------------------------------------------------------


def test_a_tie_is_settled_on_the_lower_reading(books: Books, keeper: TradeKeeper) -> None:
    neighbour = Neighbour(books)
    agreement = begin(books, neighbour)
    flow(books, neighbour, agreement, 0, 0)
    keep(books, keeper)
    slot = flow(books, neighbour, agreement, 1_000, 990)
    assert keep(books, keeper) == 1
    assert keep(books, keeper) == 0  # nothing is shown twice
    with books.store.read() as connection:
        newest, opening = trades.tie_flows(connection, agreement, 10)
    assert (newest["slot"], newest["state"]) == (slot, "settled")
    assert (newest["reading_a_wh"], newest["reading_b_wh"]) == (1_000, 990)
    assert (newest["settled_wh"], newest["micro_inr"]) == (990, 990 * 5_000)
    assert opening["settled_wh"] == 0
    (shown,) = TradeReader(books.store, books.chain).interconnection(5).agreements
    assert (shown.a_to_b_wh, shown.paid_by_b_micro_inr) == (990, 990 * 5_000)
    assert (shown.a.here, shown.b.here, shown.metering) == (True, False, "both_ends")
    assert shown.b.guarantee_micro_inr == 100 * RUPEE  # its free money paid


def test_a_slot_that_the_neighbour_lacks_is_not_shown(books: Books, keeper: TradeKeeper) -> None:
    neighbour = Neighbour(books)
    begin(books, neighbour)
    books.read(GRID_METER, 0, 0, 500, 0, 0, 0)
    books.pass_slot()
    assert keep(books, keeper) == 0


def test_a_neighbour_that_stays_silent_has_accepted(books: Books, keeper: TradeKeeper) -> None:
    neighbour = Neighbour(books)
    agreement = begin(books, neighbour)
    flow(books, neighbour, agreement, 0, 0)
    keep(books, keeper)
    for wh in (800, 1_600, 2_400, 3_200, 4_000):
        books.read(GRID_METER, 0, 0, wh, 0, 0, 0)
        books.pass_slot()
        keep(books, keeper)
    (shown,) = TradeReader(books.store, books.chain).interconnection(5).agreements
    (reading,) = shown.waiting
    assert reading.end == "a"
    assert reading.net_wh >= 1_600
    until(books, int(books.clock.time) + 60)
    keep(books, keeper)
    (shown,) = TradeReader(books.store, books.chain).interconnection(5).agreements
    assert reading not in shown.waiting
    with books.store.read() as connection:
        newest = trades.tie_flows(connection, agreement, 1)[0]
    assert newest["basis"] == 3
    assert newest["settled_wh"] >= 1_600


def test_a_dispute_ends_by_itself(books: Books, keeper: TradeKeeper) -> None:
    neighbour = Neighbour(books)
    agreement = begin(books, neighbour)
    flow(books, neighbour, agreement, 0, 0)
    keep(books, keeper)
    slot = flow(books, neighbour, agreement, 1_000, 400)
    keep(books, keeper)
    with books.store.read() as connection:
        disputed = trades.tie_flows(connection, agreement, 1)[0]
        assert trades.open_disputes(connection) == [(agreement, slot)]
    assert disputed["frozen_b_micro_inr"] == 1_000 * 5_000
    (shown,) = TradeReader(books.store, books.chain).interconnection(1).agreements
    assert [flow.slot for flow in shown.disputes] == [slot]
    until(books, int(books.clock.time) + 125)
    keep(books, keeper)
    with books.store.read() as connection:
        ended = trades.tie_flows(connection, agreement, 1)[0]
    assert (ended["state"], ended["verdict"], ended["settled_wh"]) == ("resolved", 2, 400)


def test_both_operators_end_a_dispute(books: Books, keeper: TradeKeeper) -> None:
    neighbour = Neighbour(books)
    agreement = begin(books, neighbour)
    flow(books, neighbour, agreement, 0, 0)
    keep(books, keeper)
    slot = flow(books, neighbour, agreement, 1_000, 400)
    keep(books, keeper)
    tie = books.chain.clients.tie
    message = signable_verdict(agreement, slot, 700, tie.contract.address, books.chain.chain_id)
    a = bytes(development_account(OPERATOR).sign_message(message).signature)
    b = bytes(neighbour.operator.sign_message(message).signature)
    send(books.anvil.rpc, RESIDENT, tie.contract.call("agree", agreement, slot, 700, a, b))
    books.follower.catch_up()
    with books.store.read() as connection:
        ended = trades.tie_flows(connection, agreement, 1)[0]
    assert (ended["verdict"], ended["settled_wh"]) == (0, 700)


def test_the_main_grid_is_metered_at_one_end(books: Books, keeper: TradeKeeper) -> None:
    agreement = begin(books, None)
    for wh in (0, 600):
        books.read(GRID_METER, 0, 0, 0, wh, 0, 0)
        books.pass_slot()
        keep(books, keeper)
    (shown,) = TradeReader(books.store, books.chain).interconnection(5).agreements
    assert shown.metering == "one_end"
    assert (shown.b.ledger, shown.b_to_a_wh) == (None, 600)
    assert shown.flows[0].basis == "one_end"
    assert agreement == shown.agreement_id


def test_what_is_owed_is_paid_when_there_is_money(books: Books, keeper: TradeKeeper) -> None:
    neighbour = Neighbour(books)
    agreement = begin(books, neighbour, guarantee=0)
    house = Contract(books.chain.deployment["ClearingHouse"])
    free = books.chain.views.ask(house.call("balanceOf", neighbour.operator.address), 0.0)
    send(books.anvil.rpc, STRANGER, house.call("withdraw", free))
    flow(books, neighbour, agreement, 0, 0)
    keep(books, keeper)
    flow(books, neighbour, agreement, 1_000, 1_000)
    keep(books, keeper)
    tie = books.chain.clients.tie
    assert books.chain.views.ask(tie.owed(agreement, End.B), 0.0) == (0, 5 * RUPEE)
    deposit(books, STRANGER)
    assert keep(books, keeper) == 1
    assert books.chain.views.ask(tie.owed(agreement, End.B), 0.0) == (0, 0)


# ---- auctions ----------------------------------------------------------------------------------


def test_a_lot_is_finalised_and_delivered(books: Books, keeper: TradeKeeper) -> None:
    rpc, clients = books.anvil.rpc, books.chain.clients
    auction = clients.auction.contract
    seller, bidder = sell_and_bid(books)
    deposit(books, STRANGER)
    slot = int(books.clock.time // SLOT_SECONDS)
    invitation = (7, 2_000, 2 * RUPEE, 5 * RUPEE, 0, 20, 20, slot + 5, 2)
    send(rpc, RESIDENT, auction.call("openLot", invitation))
    salt = b"\x05" * 32
    sealed = books.chain.views.ask(
        clients.auction.commitment_of(1, bidder, 3 * RUPEE, 1_500, salt), 0.0
    )
    send(rpc, STRANGER, auction.call("commitBid", 1, 4, sealed))
    books.follower.catch_up()
    reader = TradeReader(books.store, books.chain)
    opened = reader.lot(1, books.clock.time)
    assert opened is not None
    assert (opened.phase, opened.bids[0].price_micro_inr_per_kwh) == ("commit", None)

    until(books, opened.commit_until)
    send(rpc, STRANGER, auction.call("revealBid", 1, 3 * RUPEE, 1_500, salt))
    books.follower.catch_up()
    assert keep(books, keeper) == 0
    until(books, opened.reveal_until)
    assert keep(books, keeper) == 2  # finalised; what was not sold goes back
    until(books, (slot + 6) * SLOT_SECONDS)
    assert keep(books, keeper) == 1
    assert books.energy_wh(bidder) == 1_500
    assert books.energy_wh(seller) == 3_500
    over = reader.lot(1, books.clock.time)
    assert over is not None
    assert (over.state, over.sold_wh, over.unsold_wh) == ("finalised", 1_500, 500)
    assert (over.bids[0].won_wh, over.bids[0].taken_wh) == (1_500, 1_500)
    assert over.proceeds_micro_inr == over.bids[0].payment_micro_inr == 4_500_000
    assert reader.lots(10, None, time.time()).lots[0].lot_id == 1
    assert reader.lots(10, 1, time.time()).lots == []

    with books.store.write() as connection:  # told again, all is as it was
        projections.roll_back(connection, books.chain.block_number())
    assert reader.lot(1, books.clock.time) == over


def test_a_cancelled_lot_goes_back(books: Books, keeper: TradeKeeper) -> None:
    rpc, auction = books.anvil.rpc, books.chain.clients.auction.contract
    seller, _ = sell_and_bid(books)
    slot = int(books.clock.time // SLOT_SECONDS)
    send(
        rpc,
        RESIDENT,
        auction.call("openLot", (7, 2_000, 2 * RUPEE, 5 * RUPEE, 1, 20, 20, slot + 5, 2)),
    )
    send(rpc, RESIDENT, auction.call("cancelLot", 1))
    books.follower.catch_up()
    assert keep(books, keeper) == 1
    assert books.energy_wh(seller) == 5_000
    found = TradeReader(books.store, books.chain).lot(1, books.clock.time)
    assert found is not None
    assert (found.state, found.phase, found.taken_back_wh) == ("cancelled", "over", 2_000)


def sell_and_bid(books: Books) -> tuple[str, str]:
    """A seller whose roof has earned 5 kWh and who trusts the auction, and one who bids."""
    for meter in (4, 7):
        books.read(meter, 0, 0, 0, 0, 0, 0)
    books.run_slot()
    seller, bidder = books.hold(7, RESIDENT), books.hold(4, STRANGER)
    books.follower.catch_up()
    books.run_slot()
    books.read(7, 0, 0, 5_000, 0, 0, 0)
    books.run_slot()
    token, auction = (Contract(books.chain.deployment[n]) for n in ("GridToken", "SurplusAuction"))
    send(books.anvil.rpc, RESIDENT, token.call("setApprovalForAll", auction.address, True))
    return seller, bidder


def until(books: Books, at: int) -> None:
    """Both clocks go on to that second."""
    books.clock.time = max(books.clock.time, at + 1)
    books.anvil.rpc.call("anvil_setTime", hex(int(books.clock.time)))
    books.anvil.mine()
