"""RealTimePool through Ape, as it is deployed: what the engine says of the same imbalances."""

from __future__ import annotations

from typing import Any

from fixtures_members import BID, DEPOSIT, OFFER, PLAN, Members
from fixtures_money import HOUSE, ROOF
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.market.real_time_pool import GridTerms, Imbalance, imbalance, settle_pool

GRID = GridTerms(PLAN.buyback_micro_inr_per_kwh, PLAN.retail_micro_inr_per_kwh)
energy = st.integers(0, 20_000)


@settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(sold=st.integers(10, 5_000), drawn=energy, taken=energy, given_wh=energy)
def test_delivery_is_settled_as_by_the_engine(
    members: Members, chain: Any, sold: int, drawn: int, taken: int, given_wh: int
) -> None:
    grid = members.grid
    counted = dict(grid.counted)
    with chain.isolate():
        slot = members.open_slot()
        members.place(HOUSE, (slot, BID, 100, sold))
        members.place(ROOF, (slot, OFFER, 100, sold))
        members.clear(slot)
        members.day_ahead.claim([1, 2], sender=grid.stranger)
        before = {meter: members.wealth(who) for meter, who in members.holders.items()}
        grid.count(HOUSE, imported_wh=drawn)
        grid.count(ROOF, imported_wh=taken, exported_wh=given_wh)
        members.finish(slot)
        parties: list[Imbalance] = [
            imbalance(HOUSE, exported_wh=0, imported_wh=drawn, sold_wh=0, bought_wh=sold),
            imbalance(ROOF, exported_wh=given_wh, imported_wh=taken, sold_wh=sold, bought_wh=0),
        ]
        expected = settle_pool(parties, GRID)
        for payment in expected.payments:
            holder = members.holders[payment.party_id]
            got = members.wealth(holder) - before[payment.party_id]
            assert got == payment.received_micro_inr
        assert members.wealth(grid.operator) == DEPOSIT + expected.grid_received_micro_inr
    grid.counted = counted
