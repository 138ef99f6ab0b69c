"""What the store knows of the markets from the chain: orders, clearings, the pool's slots."""

from __future__ import annotations

import sqlalchemy as sa

from backend.chain.contracts import integer
from backend.chain.handlers import EventHandlers
from backend.telemetry import markets
from backend.telemetry.events import ChainEvent
from backend.telemetry.markets import (
    OrderState,
    PoolLine,
    PoolSlot,
    StoredClearing,
    StoredOrder,
)

market_projections = EventHandlers()


@market_projections.on("DayAheadMarket", "OrderPlaced")
def store_order(connection: sa.Connection, event: ChainEvent) -> None:
    """An order is in the book."""
    args = event.args
    order = StoredOrder(
        order_id=integer(args["orderId"]),
        meter_id=args["meter"],
        slot=integer(args["slot"]),
        holder=args["holder"].lower(),
        side=args["side"],
        tick=args["tick"],
        energy_wh=args["energyWh"],
        locked_micro_inr=integer(args["lockedMicroInr"]),
        state=OrderState.OPEN,
        filled_wh=0,
        paid_micro_inr=0,
        earned_micro_inr=0,
        placed_at=event.timestamp,
        placed_block=event.block,
        closed_block=None,
    )
    markets.put_order(connection, order)


@market_projections.on("DayAheadMarket", "OrderCancelled")
def store_cancellation(connection: sa.Connection, event: ChainEvent) -> None:
    """An order is taken back."""
    order_id = integer(event.args["orderId"])
    markets.end_order(connection, order_id, OrderState.CANCELLED, event.block)


@market_projections.on("DayAheadMarket", "OrderClaimed")
def store_claim(connection: sa.Connection, event: ChainEvent) -> None:
    """An order is filled as its slot was cleared, and paid."""
    args = event.args
    markets.end_order(
        connection,
        integer(args["orderId"]),
        OrderState.CLAIMED,
        event.block,
        filled_wh=integer(args["filledWh"]),
        paid_micro_inr=integer(args["paidMicroInr"]),
        earned_micro_inr=integer(args["earnedMicroInr"]),
    )


@market_projections.on("DayAheadMarket", "SlotCleared")
def store_clearing(connection: sa.Connection, event: ChainEvent) -> None:
    """A slot has its price."""
    args = event.args
    clearing = StoredClearing(
        slot=integer(args["slot"]),
        tick=args["tick"],
        price_micro_inr_per_kwh=integer(args["priceMicroInrPerKwh"]),
        volume_wh=integer(args["volumeWh"]),
        rationed=args["rationed"],
        shared_wh=integer(args["sharedWh"]),
        at_tick_wh=integer(args["atTickWh"]),
        block=event.block,
    )
    markets.put_clearing(connection, clearing)


@market_projections.on("RealTimePool", "MemberJoined", "MemberLeft")
def store_member(connection: sa.Connection, event: ChainEvent) -> None:
    """A meter takes part in the pool, or no longer."""
    args = event.args
    if event.name == "MemberJoined":
        markets.put_member(connection, args["meter"], args["holder"].lower(), event.block)
    else:
        markets.end_member(connection, args["meter"], event.block)


@market_projections.on("RealTimePool", "MemberReported")
def store_line(connection: sa.Connection, event: ChainEvent) -> None:
    """A member's delivery of a slot is known."""
    args = event.args
    line = PoolLine(
        slot=integer(args["slot"]),
        meter_id=args["meter"],
        holder=args["holder"].lower(),
        delivered_wh=integer(args["deliveredWh"]),
        position_wh=integer(args["positionWh"]),
        declared=args["declared"],
        reported_block=event.block,
        received_micro_inr=None,
        settled_block=None,
    )
    markets.put_line(connection, line)


@market_projections.on("RealTimePool", "SlotClosed")
def store_pool_slot(connection: sa.Connection, event: ChainEvent) -> None:
    """A slot of the pool has its prices."""
    args = {name: integer(value) for name, value in event.args.items()}
    closed = PoolSlot(
        slot=args["slot"],
        supply_wh=args["supplyWh"],
        demand_wh=args["demandWh"],
        sell_price=args["sellPrice"],
        buy_price=args["buyPrice"],
        sellers_micro_inr=args["sellersMicroInr"],
        buyers_micro_inr=args["buyersMicroInr"],
        grid_micro_inr=args["gridMicroInr"],
        block=event.block,
    )
    markets.put_slot(connection, closed)


@market_projections.on("RealTimePool", "MemberSettled")
def store_payment(connection: sa.Connection, event: ChainEvent) -> None:
    """A member has paid or is paid for a slot."""
    args = event.args
    markets.settle_line(
        connection,
        integer(args["slot"]),
        args["meter"],
        integer(args["receivedMicroInr"]),
        event.block,
    )


@market_projections.undo
def forget(connection: sa.Connection, block: int) -> None:
    """Later blocks are no longer part of the chain."""
    markets.forget_after(connection, block)
