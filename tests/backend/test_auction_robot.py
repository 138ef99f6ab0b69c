"""The demo's households at the surplus auction: by rule, and on a real chain to the delivery."""

from __future__ import annotations

import pytest
from books import Books
from eth_account.signers.local import LocalAccount
from hypothesis import given
from hypothesis import strategies as st
from local_chain import RESIDENT, SLOT_SECONDS, STRANGER, development_account, send

from backend.api.trade_reader import TradeReader
from backend.chain.contracts import Contract
from backend.oracle.trading import TradeKeeper
from scripts.auction_players import AuctionPlayers
from scripts.auction_robot import (
    COMMIT_SLOTS,
    KEEP_WH,
    LEAST_WH,
    MOST_WH,
    SLOTS_A_DAY,
    Invitation,
    MarketPrices,
    bid_for,
    invitation_for,
    is_new_day,
    is_worth_it,
)
from scripts.transactions import Wallet

pytest_plugins = ["oracle_fixtures"]

RUPEE = 1_000_000
PRICES = MarketPrices(6 * RUPEE, 5 * RUPEE)
ROOF, HOUSE, SUN = 7, 4, 2


def invited(units_wh: int, lots_before: int = 0) -> Invitation | None:
    return invitation_for(
        ROOF, units_wh, PRICES, lots_before=lots_before, bond_micro_inr=RUPEE, now=1_000_007,
        slot_seconds=15,
    )  # fmt: skip


@given(st.integers(0, 50_000))
def test_a_seller_offers_what_it_has_beyond_its_own_evening(units_wh: int) -> None:
    lot = invited(units_wh)
    if lot is None:
        assert units_wh < KEEP_WH + LEAST_WH
        return
    assert lot.energy_wh == min(units_wh - KEEP_WH, MOST_WH)
    assert lot.reserve_micro_inr_per_kwh == 4_500_000
    assert lot.first_slot * 15 > 1_000_007 + lot.commit_seconds + lot.reveal_seconds


def test_first_and_second_price_take_turns() -> None:
    lots = [invited(9_000, before) for before in range(3)]
    assert [lot is not None and lot.second_price for lot in lots] == [False, True, False]


def test_a_lot_a_simulated_day() -> None:
    assert is_new_day(None, 0, 15)
    assert not is_new_day(1_000, 1_000 + SLOTS_A_DAY * 15 - 1, 15)
    assert is_new_day(1_000, 1_000 + SLOTS_A_DAY * 15, 15)


@given(st.binary(min_size=32, max_size=32), st.integers(1, 20), st.integers(1, 2**32))
def test_who_needs_energy_bids_more_than_who_sells_it_again(
    secret: bytes, meter: int, lot: int
) -> None:
    terms = {"energy_wh": 2_000, "reserve": 4_500_000}
    needs = bid_for(secret, meter, lot, **terms, needs_energy=True)
    sells = bid_for(secret, meter, lot, **terms, needs_energy=False)
    assert 4_500_000 <= sells.price_micro_inr_per_kwh < PRICES.sell
    assert PRICES.sell < needs.price_micro_inr_per_kwh < PRICES.buy
    assert is_worth_it(sells, PRICES, needs_energy=False)
    assert is_worth_it(needs, PRICES, needs_energy=True)
    assert not is_worth_it(needs, MarketPrices(5 * RUPEE, 4 * RUPEE), needs_energy=True)
    assert 2_000 * 40 // 100 <= needs.energy_wh <= 2_000 * 60 // 100
    assert needs == bid_for(secret, meter, lot, **terms, needs_energy=True), "after a restart too"
    assert needs.salt != bid_for(secret, meter, lot + 1, **terms, needs_energy=True).salt


class Robots:
    """The seller and a bidder with what they need to act."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.accounts: dict[int, LocalAccount] = {
            ROOF: development_account(RESIDENT),
            HOUSE: development_account(STRANGER),
        }

    def act(self) -> None:
        """Each household's turn, by players that remember nothing."""
        chain = self.books.chain
        players = AuctionPlayers(
            chain.views, chain.contracts, chain.clients, SLOT_SECONDS, self._approve,
            seller=ROOF, bidders={HOUSE: False},
        )  # fmt: skip
        for meter, account in self.accounts.items():
            wallet = Wallet(chain.rpc, chain.chain_id, chain.contracts, account)
            players.act(meter, account, wallet, self.books.anvil.now())
        self.books.follower.catch_up()

    def _approve(self, wallet: Wallet, spender: str) -> None:
        chain = self.books.chain
        address = chain.contracts[spender].address
        wallet.send(chain.contracts["GridToken"].call("setApprovalForAll", address, True))


@pytest.fixture
def robots(books: Books) -> Robots:
    """The roof has earned 6 kWh, and a solar plant has filled the market's stock."""
    for meter in (SUN, HOUSE, ROOF):
        books.read(meter, 0, 0, 0, 0, 0, 0)
    books.run_slot()
    books.hold(ROOF, RESIDENT)
    books.hold(HOUSE, STRANGER)
    books.follower.catch_up()
    books.run_slot()
    books.read(SUN, 50_000, 0, 50_000, 0, 0, 0)
    books.read(ROOF, 0, 0, 6_000, 0, 0, 0)
    books.run_slot()
    return Robots(books)


def test_a_noons_surplus_finds_its_buyer(books: Books, robots: Robots) -> None:
    keeper = TradeKeeper(books.store, books.chain, wake_sender=lambda: None, now=books.clock)
    reader = TradeReader(books.store, books.chain)
    robots.act()
    lots = reader.lots(10, None, books.clock.time).lots
    assert [(lot.meter_id, lot.energy_wh, lot.phase) for lot in lots] == [(ROOF, 2_500, "commit")]
    robots.act()
    assert len(reader.lots(10, None, books.clock.time).lots) == 1, "one a day"
    sealed = reader.lot(1, books.clock.time)
    assert sealed is not None
    assert [bid.price_micro_inr_per_kwh for bid in sealed.bids] == [None]

    for _ in range(COMMIT_SLOTS):
        books.pass_slot()
    robots.act()
    revealed = reader.lot(1, books.clock.time)
    assert revealed is not None
    assert (revealed.phase, revealed.bids[0].state) == ("reveal", "revealed")

    for _ in range(10):
        books.pass_slot()
        keeper.sweep()
        books.to_chain()
    over = reader.lot(1, books.clock.time)
    assert over is not None
    assert over.state == "finalised"
    assert over.bids[0].won_wh == over.bids[0].taken_wh == over.sold_wh > 0
    bidder = robots.accounts[HOUSE].address
    assert books.energy_wh(bidder) == over.sold_wh

    desk = Contract(books.chain.deployment["EnergyMarket"])
    assert books.chain.views.ask(desk.call("takingsMicroInr")) == 0
    robots.act()
    assert books.energy_wh(bidder) == over.sold_wh, "the energy market has nothing to pay with"
    send(books.anvil.rpc, RESIDENT, desk.call("buyEnergy", 3_000, 10**12), value=10**18)
    robots.act()
    assert books.energy_wh(bidder) == 0, "sold again once it had"
