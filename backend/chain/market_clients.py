"""Typed clients of the markets: clearing house, day-ahead market, real-time pool.

As in `clients.py`, every method builds a `Call` and does nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from backend.chain.contracts import Call, Client

ProofNode = tuple[bytes, bytes, bytes]
"""A sibling: hash, lo, hi, 32 bytes each."""


class Side(IntEnum):
    """Of an order."""

    BID = 0
    OFFER = 1


@dataclass(frozen=True, slots=True)
class Placement:
    """An order as it is asked for: limit price in ticks, energy in Wh."""

    slot: int
    side: Side
    tick: int
    energy_wh: int

    def as_tuple(self) -> tuple[int, int, int, int]:
        """As the ABI's struct."""
        return (self.slot, int(self.side), self.tick, self.energy_wh)


class ClearingHouseClient(Client):
    """IClearingHouse."""

    def deposit(self, micro_inr: int) -> Call[int]:
        """Credits the caller with INR units, or with at least so much for the ether sent."""
        return self.contract.call("deposit", micro_inr)

    def balance_of(self, account: str) -> Call[int]:
        """Free INR of an account, micro-rupees."""
        return self.contract.call("balanceOf", account)

    def locked_of(self, account: str) -> Call[int]:
        """INR that secures what an account has promised, micro-rupees."""
        return self.contract.call("lockedOf", account)

    def arrears_of(self, account: str) -> Call[int]:
        """What an account owes the backer, micro-rupees."""
        return self.contract.call("arrearsOf", account)

    def backer(self) -> Call[str]:
        """Whose account stands for the main grid and for those who cannot pay."""
        return self.contract.call("backer")


class DayAheadClient(Client):
    """IDayAheadMarket."""

    def place(self, meter: int, orders: Sequence[Placement]) -> Call[int]:
        """Places orders of the caller's meter."""
        return self.contract.call("place", meter, [order.as_tuple() for order in orders])

    def place_signed(
        self, meter: int, orders: Sequence[Placement], deadline: int, signature: bytes
    ) -> Call[int]:
        """Places orders that the meter's holder has signed."""
        placed = [order.as_tuple() for order in orders]
        return self.contract.call("placeSigned", meter, placed, deadline, signature)

    def clear(self, slot: int, max_ticks: int) -> Call[bool]:
        """Clears a slot whose gate has closed; False if a part is left."""
        return self.contract.call("clear", slot, max_ticks)

    def claim(self, order_ids: Sequence[int]) -> Call[None]:
        """Fills and pays orders of cleared slots."""
        return self.contract.call("claim", list(order_ids))

    def pending_slots(self, meter: int) -> Call[int]:
        """Slots of a meter that the pool has not taken over."""
        return self.contract.call("pendingSlots", meter)

    def unclaimed(self, meter: int, slot: int) -> Call[list[int]]:
        """A meter's open orders of a slot, ascending."""
        return self.contract.call("unclaimed", meter, slot)

    def book_of(self, slot: int) -> Call[tuple[list[int], list[int]]]:
        """Wh bid and offered at each tick, from tick 1."""
        return self.contract.call("bookOf", slot)

    def gate_closes_at(self, slot: int) -> Call[int]:
        """Unix second from which a slot takes no orders."""
        return self.contract.call("gateClosesAt", slot)

    def tick_size(self) -> Call[int]:
        """Price of tick 1, micro-rupees per kWh."""
        return self.contract.call("tickSizeMicroInrPerKwh")

    def tick_count(self) -> Call[int]:
        """How many ticks there are."""
        return self.contract.call("tickCount")

    def gate_seconds(self) -> Call[int]:
        """How long before a slot its gate closes."""
        return self.contract.call("gateSeconds")

    def horizon_seconds(self) -> Call[int]:
        """How far ahead orders are taken."""
        return self.contract.call("horizonSeconds")

    def min_order_wh(self) -> Call[int]:
        """The smallest order."""
        return self.contract.call("minOrderWh")

    def nonces(self, account: str) -> Call[int]:
        """The nonce that an account's next signed orders need."""
        return self.contract.call("nonces", account)

    def order_digest(
        self, meter: int, orders: Sequence[Placement], nonce: int, deadline: int
    ) -> Call[bytes]:
        """The digest that the meter's holder signs, by the contract itself."""
        placed = [order.as_tuple() for order in orders]
        return self.contract.call("orderDigest", meter, placed, nonce, deadline)


class PoolClient(Client):
    """IRealTimePool."""

    def join(self, meter: int) -> Call[None]:
        """Takes in a meter whose Market terms have begun."""
        return self.contract.call("join", meter)

    def depart(self, meter: int) -> Call[None]:
        """Lets go of a member whose terms have ended."""
        return self.contract.call("depart", meter)

    def report(
        self,
        slot: int,
        leaves: Sequence[tuple[int, int, bytes]],
        proof: Sequence[ProofNode],
        flags: bytes,
    ) -> Call[None]:
        """Reports members; leaves are (meter, packed registers, salt), ascending."""
        return self.contract.call("report", slot, list(leaves), list(proof), flags)

    def declare(self, slot: int, meters: Sequence[int]) -> Call[None]:
        """Counts members without a reading of the slot."""
        return self.contract.call("declare", slot, list(meters))

    def close(self, slot: int) -> Call[None]:
        """Fixes a slot's prices and totals."""
        return self.contract.call("close", slot)

    def settle(self, slot: int, meters: Sequence[int]) -> Call[int]:
        """Settles members of a closed slot; how many."""
        return self.contract.call("settle", slot, list(meters))

    def through(self, meter: int) -> Call[int]:
        """Newest slot in which a member is reported or declared; 0 also for who is no member."""
        call = self.contract.call("member", meter)
        return Call(
            call.target, call.data, lambda data: int(call.read(data)["through"]), call.name
        )

    def trader_of(self, meter: int) -> Call[str]:
        """Who may trade for a meter now; the zero address if nobody."""
        return self.contract.call("traderOf", meter)

    def grid_prices_at(self, slot: int) -> Call[tuple[int, int]]:
        """Buy-back and retail price of the main grid, micro-rupees per kWh."""
        return self.contract.call("gridPricesAt", slot)

    def report_seconds(self) -> Call[int]:
        """How long members may be reported after a slot's commitment."""
        return self.contract.call("reportSeconds")


@dataclass(frozen=True, slots=True)
class MarketClients:
    """The markets' clients of one deployment."""

    house: ClearingHouseClient
    day_ahead: DayAheadClient
    pool: PoolClient
