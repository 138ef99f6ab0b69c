"""The markets on a real chain: from order to statement, by the jobs that anybody could do."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from books import Books
from local_chain import (
    OPERATOR,
    RESIDENT,
    SLOT_SECONDS,
    STRANGER,
    Anvil,
    development_account,
    send,
)
from oracle_kit import Device, SetClock

from backend.api.errors import ApiError
from backend.api.market_reader import MarketReader
from backend.api.market_routes import SignedOrders, queue_orders
from backend.chain.context import ChainContext
from backend.chain.market_clients import MarketClients, Placement, Side
from backend.chain.types import BillingMode
from backend.market.money import cost_up, proceeds_down
from backend.market.real_time_pool import GridTerms, Imbalance, settle_pool
from backend.oracle.closer import SlotCloser
from backend.oracle.markets import MarketUpkeep
from backend.telemetry import markets
from backend.telemetry.store import Store

pytest_plugins = ["oracle_fixtures"]

HOUSE, ROOF = 4, 7
DEPOSIT_WEI = 10**16
DEPOSIT = 2_500_000_000
GRID = GridTerms(3_000_000, 7_000_000)
TICK = 50_000


class Traders(Books):
    """Two households in Market terms: one that draws, one with a roof."""

    def __init__(
        self,
        store: Store,
        chain: ChainContext,
        anvil: Anvil,
        closer: SlotCloser,
        devices: Mapping[int, Device],
        clock: SetClock,
    ) -> None:
        super().__init__(store, chain, anvil, closer, devices, clock)
        self.markets = MarketUpkeep(store, chain, wake_sender=lambda: None, now=clock)
        self.follower.catch_up()
        self.holder = {
            HOUSE: self.hold(HOUSE, RESIDENT, BillingMode.MARKET),
            ROOF: self.hold(ROOF, STRANGER, BillingMode.MARKET),
        }
        self.drawn, self.given = 0, 0
        for account in (OPERATOR, RESIDENT, STRANGER):
            send(anvil.rpc, account, self.clients.house.deposit(0), DEPOSIT_WEI)
        self.count(0, 0)
        self.run_slot()
        self.work()

    @property
    def clients(self) -> MarketClients:
        return self.chain.clients.markets

    def count(self, drawn_wh: int, given_wh: int) -> None:
        """The devices count on and report."""
        self.drawn += drawn_wh
        self.given += given_wh
        self.read(HOUSE, 0, 0, 0, self.drawn, 0, 0)
        self.read(ROOF, 0, 0, self.given, 0, 0, 0)

    def work(self) -> int:
        """Sweeps until nothing is due; how many calls that took."""
        total = 0
        for _ in range(12):
            self.follower.catch_up()
            written = self.markets.sweep()
            self.to_chain()
            if not written:
                return total
            total += written
        raise AssertionError("the markets' upkeep does not come to rest")

    def place(self, meter: int, *orders: Placement) -> None:
        account = RESIDENT if meter == HOUSE else STRANGER
        send(self.anvil.rpc, account, self.clients.day_ahead.place(meter, orders))

    def wealth(self, account: str) -> int:
        house = self.clients.house
        return sum(self.chain.views.ask_many([house.balance_of(account), house.locked_of(account)]))

    def slot_now(self) -> int:
        return int(self.clock.time // SLOT_SECONDS)


@pytest.fixture
def traders(
    store: Store,
    chain: ChainContext,
    anvil: Anvil,
    closer: SlotCloser,
    community: Mapping[int, Device],
    slot_clock: SetClock,
) -> Traders:
    return Traders(store, chain, anvil, closer, community, slot_clock)


def test_members_join_when_their_terms_have_begun(traders: Traders) -> None:
    with traders.store.read() as connection:
        assert markets.member_meters(connection) == [HOUSE, ROOF]
    trader = traders.chain.views.ask(traders.clients.pool.trader_of(HOUSE))
    assert trader == traders.holder[HOUSE]


def test_delivery_falls_short_and_both_accounts_add_up(traders: Traders) -> None:
    slot = traders.slot_now() + 4
    traders.place(ROOF, Placement(slot, Side.OFFER, 80, 2_000))  # Rs 4
    traders.place(HOUSE, Placement(slot, Side.BID, 100, 1_500))  # Rs 5
    while traders.slot_now() < slot:
        traders.run_slot()
        traders.work()
    traders.count(1_500, 1_100)  # the cloud took 400 Wh of what was sold
    traders.run_slot()
    traders.work()

    with traders.store.read() as connection:
        clearing = markets.clearing(connection, slot)
        closed = markets.pool_slot(connection, slot)
        (bid,) = markets.orders_between(
            connection, HOUSE, traders.holder[HOUSE].lower(), slot, slot
        )
        (offer,) = markets.orders_between(
            connection, ROOF, traders.holder[ROOF].lower(), slot, slot
        )
        (house,) = markets.lines_between(
            connection, HOUSE, traders.holder[HOUSE].lower(), slot, slot
        )
        (roof,) = markets.lines_between(connection, ROOF, traders.holder[ROOF].lower(), slot, slot)
    assert clearing is not None
    assert closed is not None
    price = clearing.price_micro_inr_per_kwh
    assert (bid.filled_wh, offer.filled_wh) == (1_500, 1_500)
    assert bid.paid_micro_inr == cost_up(1_500, price)
    assert offer.earned_micro_inr == proceeds_down(1_500, price)
    assert (house.delivered_wh, house.position_wh, house.imbalance_wh) == (-1_500, -1_500, 0)
    assert (roof.delivered_wh, roof.position_wh, roof.imbalance_wh) == (1_100, 1_500, -400)
    expected = settle_pool([Imbalance(HOUSE, 0), Imbalance(ROOF, -400)], GRID)
    received = [payment.received_micro_inr for payment in expected.payments]
    assert [house.received_micro_inr, roof.received_micro_inr] == received
    assert closed.grid_micro_inr == expected.grid_received_micro_inr

    reader = MarketReader(traders.store, traders.chain, traders.clients)
    for meter, order, line in ((HOUSE, bid, house), (ROOF, offer, roof)):
        statement = reader.statement(meter, traders.holder[meter], 0, slot)
        (shown,) = [shown for shown in statement.lines if shown.slot == slot]
        traded = order.earned_micro_inr - order.paid_micro_inr
        assert shown.day_ahead_micro_inr == traded
        assert shown.total_micro_inr == traded + (line.received_micro_inr or 0)
        assert statement.total_micro_inr == sum(x.total_micro_inr for x in statement.lines)
        assert statement.total_micro_inr == traders.wealth(traders.holder[meter]) - DEPOSIT
        assert statement.unsettled_slots == 0
    shown_book = reader.day_ahead(slot, traders.clock())
    assert shown_book.state == "cleared"
    assert [(tick.tick, tick.bid_wh, tick.offer_wh) for tick in shown_book.book] == [
        (80, 0, 2_000),
        (100, 1_500, 0),
    ]

    wealth = {meter: traders.wealth(holder) for meter, holder in traders.holder.items()}
    assert wealth[HOUSE] == DEPOSIT - bid.paid_micro_inr + received[0]
    assert wealth[ROOF] == DEPOSIT + offer.earned_micro_inr + received[1]
    operator = development_account(OPERATOR).address
    rounding = bid.paid_micro_inr - offer.earned_micro_inr
    assert sum(wealth.values()) + traders.wealth(operator) + rounding == 3 * DEPOSIT
    assert traders.work() == 0, "nothing is due any more"


def signed(traders: Traders, slot: int, energy_wh: int = 1_000) -> SignedOrders:
    """The roof's robot offers energy."""
    market = traders.clients.day_ahead
    deadline = traders.anvil.now() + 600
    nonce = traders.chain.views.ask(market.nonces(traders.holder[ROOF]), max_age_s=0.0)
    orders = [Placement(slot, Side.OFFER, 80, energy_wh)]
    digest = traders.chain.views.ask(market.order_digest(ROOF, orders, nonce, deadline))
    signature = development_account(STRANGER).unsafe_sign_hash(digest).signature
    return SignedOrders.model_validate(
        {
            "meter_id": ROOF,
            "orders": [{"slot": slot, "side": "offer", "tick": 80, "energy_wh": energy_wh}],
            "deadline": deadline,
            "signature": "0x" + signature.hex(),
        }
    )


def test_a_robots_signed_orders_are_relayed_once(traders: Traders) -> None:
    slot = traders.slot_now() + 6
    services: Any = SimpleNamespace(store=traders.store, chain=traders.chain, clock=traders.clock)
    body = signed(traders, slot)
    queued = queue_orders(services, traders.clients, body)
    assert queue_orders(services, traders.clients, body) == queued
    traders.to_chain()
    with traders.store.read() as connection:
        (order,) = markets.orders_between(
            connection, ROOF, traders.holder[ROOF].lower(), slot, slot
        )
    assert (order.energy_wh, order.tick, order.side) == (1_000, 80, Side.OFFER)
    with pytest.raises(ApiError, match="signature of these orders with its next nonce"):
        queue_orders(services, traders.clients, body)
    with pytest.raises(ApiError, match="an order of 9 Wh is outside 10"):
        queue_orders(services, traders.clients, signed(traders, slot, 9))


def test_slots_are_caught_up_with_one_by_one(traders: Traders) -> None:
    first = traders.slot_now()
    for step in range(4):
        traders.count(100 + step, 50)
        traders.run_slot()
    traders.work()
    with traders.store.read() as connection:
        lines = markets.lines_between(
            connection, HOUSE, traders.holder[HOUSE].lower(), first, first + 9
        )
    assert [line.delivered_wh for line in lines] == [-100, -101, -102, -103]
    assert all(line.received_micro_inr is not None for line in lines)


def test_who_changes_terms_is_settled_first_and_leaves(traders: Traders) -> None:
    registry = traders.chain.contracts["MeterRegistry"]
    change = registry.call("setBillingMode", HOUSE, int(BillingMode.BILLED))
    send(traders.anvil.rpc, RESIDENT, change)
    traders.count(300, 0)
    slot = traders.pass_slot()
    traders.work()
    with traders.store.read() as connection:
        counted = markets.line_counts(connection, slot)
    assert counted == (1, 0), "the roof alone: the house waits for its settlement"
    traders.settle()
    traders.work()
    with traders.store.read() as connection:
        assert markets.line_counts(connection, slot) == (2, 2)
        assert markets.member_meters(connection) == [ROOF]


def test_what_a_reorganisation_undoes_is_done_again(traders: Traders) -> None:
    traders.count(200, 0)
    snapshot = traders.anvil.snapshot()
    slot = traders.run_slot()
    traders.work()
    with traders.store.read() as connection:
        assert markets.pool_slot(connection, slot) is not None
    traders.anvil.revert(snapshot)
    traders.anvil.mine(200)
    traders.follower.catch_up()
    with traders.store.read() as connection:
        assert markets.pool_slot(connection, slot) is None
        assert markets.line_counts(connection, slot) == (0, 0)
        assert markets.member_meters(connection) == [HOUSE, ROOF]
