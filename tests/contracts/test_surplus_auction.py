"""SurplusAuction beside the engine: random books through the whole contract, the same result."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from eth_account import Account
from fixtures_money import BILLED, ENERGY, PREPAID, ROOF, RUPEE, SLOT_SECONDS, Microgrid
from refusals import reverts

from backend.market import Lot, PaymentRule, SealedBid, determine_winners

FIRST_METER = 700
BIDDERS = 5
BOND = 5 * RUPEE
COMMITTED, REVEALED, FORFEITED = 1, 2, 3


class Auction:
    """A seller with energy, and bidders with meters and money."""

    def __init__(self, grid: Microgrid, accounts: Any, project: Any, contracts: dict[str, str]):
        self.grid = grid
        self.contract = project.SurplusAuction.at(contracts["SurplusAuction"])
        self.house = project.ClearingHouse.at(contracts["ClearingHouse"])
        self.seller = grid.bob
        self.bidders = list(accounts[12 : 12 + BIDDERS])
        grid.claim(ROOF, self.seller, PREPAID)
        grid.count(ROOF, exported_wh=100_000)
        grid.close_slot()
        grid.approve(self.seller, self.contract)
        for index, bidder in enumerate(self.bidders):
            self._move_in(FIRST_METER + index, bidder)
            self.house.deposit(0, value=10**17, sender=bidder)

    def _move_in(self, meter: int, holder: Any) -> None:
        registry, code = self.grid.registry, Account.from_key(b"\x07" * 32)
        registry.register(meter, 1, 1, 5_000, b"\0" * 32, sender=self.grid.operator)
        registry.issueClaimCode(meter, code.address, sender=self.grid.operator)
        signed = code.unsafe_sign_hash(registry.claimDigest(meter, holder))
        registry.claim(meter, BILLED, bytes(signed.signature), sender=holder)

    def open(self, lot: Lot, rule: PaymentRule) -> int:
        slot = (self.grid.chain.pending_timestamp + 200) // SLOT_SECONDS + 1
        number = 0 if rule is PaymentRule.FIRST_PRICE else 1
        invitation = (
            ROOF, lot.energy_wh, lot.reserve_micro_inr_per_kwh, BOND, number, 100, 100, slot, 1,
        )  # fmt: skip
        self.contract.openLot(invitation, sender=self.seller)
        return int(self.contract.lotCount())

    def commit(self, lot_id: int, bid: SealedBid) -> SealedBid:
        bidder = self.bidders[bid.bidder_id]
        sealed = self.contract.commitmentOf(
            lot_id, bidder, bid.price_micro_inr_per_kwh, bid.energy_wh, _salt(bid)
        )
        self.contract.commitBid(lot_id, FIRST_METER + bid.bidder_id, sealed, sender=bidder)
        number = self.contract.bidBy(lot_id, bidder)
        return replace(bid, bid_id=number, node_priority=self.contract.UNRANKED())

    def reveal(self, bid: SealedBid) -> None:
        self.contract.revealBid(
            bid.bid_id,
            bid.price_micro_inr_per_kwh,
            bid.energy_wh,
            _salt(bid),
            sender=self.bidders[bid.bidder_id],
        )


def _salt(bid: SealedBid) -> bytes:
    return (bid.bidder_id + 1).to_bytes(32, "big")


@pytest.fixture
def auction(grid: Microgrid, accounts: Any, project: Any) -> Auction:
    contracts = {"ClearingHouse": grid.addresses["ClearingHouse"]}
    contracts["SurplusAuction"] = grid.addresses["SurplusAuction"]
    return Auction(grid, accounts, project, contracts)


def random_book(random: Random) -> tuple[Lot, list[SealedBid]]:
    """A lot, and one bid of each bidder, in random order; prices meet often."""
    lot = Lot(1, 99, random.randrange(64, 5_000), random.choice((0, 2 * RUPEE, 2_500_001)))
    least = -(-lot.energy_wh // 64)
    bids = [
        SealedBid(
            number + 1, 1, number, random.choice((2_500_001, 3 * RUPEE, 3_333_333, 7 * RUPEE)),
            random.randrange(least, 2 * lot.energy_wh), 0, 0,
        )
        for number in range(random.randrange(1, BIDDERS + 1))
    ]  # fmt: skip
    random.shuffle(bids)
    return lot, bids


@pytest.mark.parametrize("rule", list(PaymentRule))
@pytest.mark.parametrize("seed", range(4))
def test_same_winners_and_payments_as_the_engine(
    auction: Auction, rule: PaymentRule, seed: int
) -> None:
    random = Random(seed)
    lot, planned = random_book(random)
    lot_id = auction.open(lot, rule)
    sealed = [auction.commit(lot_id, bid) for bid in planned]
    auction.grid.wait(100)
    for bid in random.sample(sealed, len(sealed)):
        auction.reveal(bid)
    auction.grid.wait(100)
    before = auction.house.balanceOf(auction.seller)
    auction.contract.finalise(lot_id, sender=auction.grid.stranger)

    (expected,) = determine_winners([lot], sealed, rule).lots
    won = {
        award.bid.bid_id: (award.energy_wh, award.payment_micro_inr) for award in expected.awards
    }
    for bid in sealed:
        found = auction.contract.bid(bid.bid_id)
        assert (found.wonWh, found.paymentMicroInr) == won.get(bid.bid_id, (0, 0))
        assert auction.house.lockedOf(auction.bidders[bid.bidder_id]) == 0
    assert auction.contract.lot(lot_id).unsoldWh == expected.unsold_wh
    paid = sum(award.payment_micro_inr for award in expected.awards)
    assert auction.house.balanceOf(auction.seller) - before == paid


def test_a_bid_that_nobody_opens_pays_its_bond(auction: Auction) -> None:
    lot = Lot(1, 99, 1_000, 2 * RUPEE)
    lot_id = auction.open(lot, PaymentRule.SECOND_PRICE)
    silent, winner = (
        auction.commit(lot_id, SealedBid(i + 1, 1, i, 3 * RUPEE, 1_000, 0, 0)) for i in range(2)
    )
    with reverts(auction.contract.SurplusAuction_NotRevealTime):
        auction.reveal(winner)
    auction.grid.wait(100)
    auction.reveal(winner)
    with reverts(auction.contract.SurplusAuction_RevealNotOver):
        auction.contract.finalise(lot_id, sender=auction.grid.stranger)
    auction.grid.wait(100)
    before = auction.house.balanceOf(auction.seller)
    auction.contract.finalise(lot_id, sender=auction.grid.stranger)
    assert auction.house.balanceOf(auction.seller) - before == BOND + 2 * RUPEE
    assert auction.contract.bid(silent.bid_id).state == FORFEITED
    auction.grid.wait(3 * SLOT_SECONDS)
    bidder = auction.bidders[1]
    auction.contract.takeEnergy(winner.bid_id, bidder, sender=auction.grid.stranger)
    assert auction.grid.token.balanceOf(bidder, ENERGY) == 1_000
