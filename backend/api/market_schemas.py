"""What the service answers about the day-ahead market and the real-time pool. Units: `schemas`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from backend.api.schemas import Answer

SideName = Literal["bid", "offer"]
OrderStateName = Literal["open", "cancelled", "claimed"]
RationedName = Literal["nobody", "bids", "offers"]


class Markets(Answer):
    """The rules of the markets, and where they stand."""

    slot_seconds: int
    tick_micro_inr_per_kwh: int = Field(description="price of tick 1; tick t costs t times that")
    tick_count: int
    gate_seconds: int = Field(description="a slot takes orders until so long before it begins")
    horizon_seconds: int = Field(description="and from so long before")
    min_order_wh: int
    first_open_slot: int
    last_open_slot: int
    buyback_micro_inr_per_kwh: int = Field(description="of the main grid, in the slot now running")
    retail_micro_inr_per_kwh: int
    members: int = Field(description="meters in the pool")
    latest_pool_slot: int | None = Field(description="newest closed slot of the pool")


class Tick(Answer):
    """A price at which something is bid or offered."""

    tick: int
    price_micro_inr_per_kwh: int
    bid_wh: int
    offer_wh: int


class Clearing(Answer):
    """How a slot was cleared."""

    price_micro_inr_per_kwh: int | None = Field(description="for all; null: nothing traded")
    volume_wh: int
    rationed: RationedName = Field(description="whose orders at the price share what is left")
    shared_wh: int
    at_price_wh: int


DayAheadState = Literal["open", "closed", "cleared", "no_orders"]


class DayAheadSlot(Answer):
    """A slot of the day-ahead market: its book, and its clearing once there is one.

    `no_orders`: the gate is closed and nobody has ordered. Such a slot is never cleared, as nothing
    hangs on that; anybody could.
    """

    slot: int
    state: DayAheadState
    starts_at: int
    gate_closes_at: int
    book: list[Tick] = Field(description="ascending; ticks without energy are left out")
    clearing: Clearing | None


class PoolSlot(Answer):
    """A closed slot of the pool. Prices: the seller's rounded down, the buyer's up."""

    slot: int
    starts_at: int
    supply_wh: int
    demand_wh: int
    sell_micro_inr_per_kwh: int
    buy_micro_inr_per_kwh: int
    sellers_micro_inr: int
    buyers_micro_inr: int
    grid_micro_inr: int = Field(description="what the main grid gets; below 0 it pays")
    members: int
    settled: int = Field(description="of the members")


class Order(Answer):
    """An order; what it brought is 0 until it is claimed."""

    order_id: int
    slot: int
    side: SideName
    limit_micro_inr_per_kwh: int
    energy_wh: int
    locked_micro_inr: int = Field(description="when it was placed")
    state: OrderStateName
    filled_wh: int
    paid_micro_inr: int
    earned_micro_inr: int
    placed_at: int


class OrderPage(Answer):
    """Orders, newest first; `next_before` is the `before` of the next page."""

    orders: list[Order]
    next_before: int | None


class StatementLine(Answer):
    """A slot of a household: what it ordered, traded, delivered, and what that brought."""

    slot: int
    starts_at: int
    bid_wh: int = Field(description="ordered and not cancelled")
    offered_wh: int
    bought_wh: int
    sold_wh: int
    day_ahead_micro_inr: int = Field(description="earned less paid at the clearing price")
    delivered_wh: int | None = Field(description="supplied less drawn, by its own registers")
    position_wh: int | None = Field(description="sold less bought ahead, as the pool counted it")
    imbalance_wh: int | None = Field(description="sold in the pool; below 0: bought in it")
    declared: bool = Field(description="counted without a reading of the slot")
    pool_micro_inr: int | None = Field(description="got from the pool; below 0: paid into it")
    total_micro_inr: int = Field(description="day ahead and pool, as far as settled")


class Statement(Answer):
    """A household's slots, ascending; the totals are the sums of the lines."""

    meter_id: int
    holder: str
    lines: list[StatementLine]
    day_ahead_micro_inr: int
    pool_micro_inr: int
    total_micro_inr: int
    unsettled_slots: int = Field(description="lines whose part of the pool is not settled yet")


class OrdersQueued(Answer):
    """Signed orders on their way to the chain."""

    digest: str = Field(description="what was signed; its orders appear once they are mined")
