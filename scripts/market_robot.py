"""What a demo household in Market terms orders: what it expects of coming slots, at its own limits.

It expects of a slot what the same slot of the day before brought; on its first day, what the newest
slot did. That is a simple forecast, and it misses: the real-time pool settles the difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backend.chain.market_clients import Placement, Side
from backend.oracle.registers import Registers

SLOTS_A_DAY = 96
"""Of the simulated day, however long a slot lasts on the wall clock."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a household pays and takes at most and at least, micro-rupees per kWh."""

    bid: int
    offer: int


def limits_of(meter: int, buyback: int, retail: int) -> Limits:
    """A household's limits: inside the main grid's prices, by up to a quarter of their distance."""
    room = (retail - buyback) // 4
    return Limits(retail - room * (meter % 4) // 4, buyback + room * (meter % 3) // 3)


class NetHistory:
    """A meter's net supply by slot, Wh, from the registers it is settled up to."""

    def __init__(self) -> None:
        self._net: dict[int, int] = {}
        self._at: tuple[int, int] | None = None

    def note(self, slot: int, registers: Registers) -> None:
        """The meter is settled up to these registers, at this committed slot or before it."""
        total = registers.exported_wh - registers.imported_wh
        if self._at is not None and slot > self._at[0]:
            passed = slot - self._at[0]
            for later in range(self._at[0] + 1, slot + 1):
                self._net[later] = (total - self._at[1]) // passed
            for old in [kept for kept in self._net if kept <= slot - 2 * SLOTS_A_DAY]:
                del self._net[old]
        if self._at is None or slot > self._at[0]:
            self._at = (slot, total)

    def expected(self, slot: int) -> int | None:
        """Net supply to expect of a slot, Wh; None before anything is known."""
        if slot - SLOTS_A_DAY in self._net:
            return self._net[slot - SLOTS_A_DAY]
        return self._net[max(self._net)] if self._net else None


def orders_for(
    open_slots: Sequence[int],
    expected: Mapping[int, int | None],
    limits: Limits,
    *,
    tick: int,
    min_order_wh: int,
) -> list[Placement]:
    """One order for each slot in which energy is expected to be lacking or left over."""
    orders = []
    for slot in open_slots:
        net = expected.get(slot) or 0
        if abs(net) < min_order_wh:
            continue
        if net < 0:
            orders.append(Placement(slot, Side.BID, limits.bid // tick, -net))
        else:
            orders.append(Placement(slot, Side.OFFER, -(-limits.offer // tick), net))
    return orders
