"""What a demo household orders: yesterday's slot, at limits inside the main grid's prices."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backend.chain.market_clients import Placement, Side
from backend.oracle.registers import Registers
from scripts.market_robot import SLOTS_A_DAY, Limits, NetHistory, limits_of, orders_for

LIMITS = Limits(bid=6_020_000, offer=3_010_000)


def registers(exported_wh: int, imported_wh: int) -> Registers:
    return Registers(0, 0, exported_wh, imported_wh, 0, 0)


def test_it_expects_what_the_slot_of_the_day_before_brought() -> None:
    history = NetHistory()
    assert history.expected(5) is None
    for slot in range(200):
        history.note(slot, registers(0, slot * (slot + 1) // 2))
    assert history.expected(200) == -(200 - SLOTS_A_DAY)
    assert history.expected(9_000) == -199, "nothing of the day before: as the newest"


def test_slots_that_were_missed_share_what_flowed() -> None:
    history = NetHistory()
    history.note(10, registers(0, 0))
    history.note(13, registers(900, 0))
    history.note(13, registers(900, 0))
    assert [history.expected(slot + SLOTS_A_DAY) for slot in (11, 12, 13)] == [300, 300, 300]


def test_orders_are_on_ticks_inside_the_limits() -> None:
    expected = {7: -500, 8: 700, 9: 5, 10: None}
    assert orders_for([7, 8, 9, 10], expected, LIMITS, tick=50_000, min_order_wh=10) == [
        Placement(7, Side.BID, 120, 500),
        Placement(8, Side.OFFER, 61, 700),
    ]


@given(st.integers(1, 2**32 - 1), st.integers(0, 10**7), st.integers(0, 10**7))
def test_any_two_households_would_trade(meter: int, buyback: int, above: int) -> None:
    one = limits_of(meter, buyback, buyback + above)
    other = limits_of(meter // 2 + 1, buyback, buyback + above)
    assert buyback <= one.offer <= other.bid <= buyback + above
