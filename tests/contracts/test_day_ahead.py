"""DayAheadMarket through Ape, as it is deployed: what the engine says of the same book."""

from __future__ import annotations

from typing import Any

from eth_account.messages import encode_typed_data
from fixtures_members import BID, DEPOSIT, OFFER, PLAN, TICKS, Members
from fixtures_money import HOUSE, ROOF, SLOT_SECONDS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from refusals import reverts

from backend.market.book import OrderBook
from backend.market.money import cost_up, proceeds_down
from backend.market.orders import Order, Side
from backend.market.uniform_price import clear_call_auction

bids = st.lists(st.tuples(st.integers(90, 110), st.integers(10, 5_000)), min_size=1, max_size=8)
offers = st.lists(st.tuples(st.integers(90, 110), st.integers(10, 5_000)), min_size=1, max_size=8)


@settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(bids=bids, offers=offers)
def test_the_contract_clears_as_the_engine(
    members: Members,
    chain: Any,
    bids: list[tuple[int, int]],
    offers: list[tuple[int, int]],
) -> None:
    with chain.isolate():
        slot = members.open_slot()
        ids = members.place(HOUSE, *((slot, BID, tick, wh) for tick, wh in bids))
        ids += members.place(ROOF, *((slot, OFFER, tick, wh) for tick, wh in offers))
        book = OrderBook.from_orders(
            [
                Order(number, HOUSE, Side.BID, TICKS.price(tick - 1), wh, 0)
                for number, (tick, wh) in zip(ids, bids, strict=False)
            ]
            + [
                Order(number, ROOF, Side.OFFER, TICKS.price(tick - 1), wh, 0)
                for number, (tick, wh) in zip(ids[len(bids) :], offers, strict=True)
            ]
        )
        engine = clear_call_auction(book, TICKS)
        members.clear(slot)
        members.day_ahead.claim(ids, sender=members.grid.stranger)
        assert [members.day_ahead.order(number).filledWh for number in ids] == (
            engine.filled_wh.tolist()
        )
        price = engine.price_micro_inr_per_kwh or 0
        filled = engine.filled_wh.tolist()
        paid = sum(cost_up(wh, price) for wh in filled[: len(bids)])
        earned = sum(proceeds_down(wh, price) for wh in filled[len(bids) :])
        assert members.wealth(members.grid.alice) == DEPOSIT - paid
        assert members.wealth(members.grid.bob) == DEPOSIT + earned
        assert members.day_ahead.clearing(slot).volumeWh == engine.volume_wh


def test_the_plans_tick_leaves_no_dust(members: Members) -> None:
    """Rs 0.05 is a whole number of micro-rupees for every Wh."""
    slot = members.open_slot()
    ids = members.place(HOUSE, (slot, BID, 100, 333))
    ids += members.place(ROOF, (slot, OFFER, 99, 111))
    members.clear(slot)
    members.day_ahead.claim(ids, sender=members.grid.stranger)
    assert members.day_ahead.dustMicroInr() == 0
    with reverts(members.day_ahead.DayAheadMarket_NoDust):
        members.day_ahead.sweepDust(sender=members.grid.stranger)


def test_a_robots_signature_is_eip_712(members: Members) -> None:
    """Typed data as any wallet signs it, without asking the contract for the digest."""
    grid, market = members.grid, members.day_ahead
    slot, deadline = members.open_slot(), grid.chain.pending_timestamp + 600
    placement = {"slot": slot, "side": OFFER, "tick": 80, "energyWh": 700}
    message = encode_typed_data(
        {
            "name": "Ohmstead DayAheadMarket",
            "version": "1",
            "chainId": grid.chain.chain_id,
            "verifyingContract": market.address,
        },
        {
            "OrderBatch": [
                {"name": "meter", "type": "uint32"},
                {"name": "orders", "type": "Placement[]"},
                {"name": "nonce", "type": "uint256"},
                {"name": "deadline", "type": "uint256"},
            ],
            "Placement": [
                {"name": "slot", "type": "uint64"},
                {"name": "side", "type": "uint8"},
                {"name": "tick", "type": "uint16"},
                {"name": "energyWh", "type": "uint32"},
            ],
        },
        {"meter": ROOF, "orders": [placement], "nonce": 0, "deadline": deadline},
    )
    signature = grid.bob.sign_message(message).encode_rsv()
    orders = [(slot, OFFER, 80, 700)]
    receipt = market.placeSigned(ROOF, orders, deadline, signature, sender=grid.stranger)
    (event,) = market.OrderPlaced.from_receipt(receipt)
    assert (event.meter, event.holder, event.energyWh) == (ROOF, grid.bob, 700)
    with reverts(market.DayAheadMarket_BadSignature, trader=grid.bob):
        market.placeSigned(ROOF, orders, deadline, signature, sender=grid.stranger)


def test_the_rules_are_the_plans(members: Members) -> None:
    market = members.day_ahead
    assert market.tickSizeMicroInrPerKwh() == PLAN.tick_micro_inr_per_kwh
    assert market.tickCount() == PLAN.tick_count
    assert market.gateClosesAt(100) == 100 * SLOT_SECONDS - PLAN.gate_seconds
    assert members.pool.dayAhead() == market.address
    assert members.house.backer() == members.grid.operator
