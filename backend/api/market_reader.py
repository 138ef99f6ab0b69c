"""The markets as the API shows them: rules and books from the chain, the past from the store."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Literal

from backend.api import market_schemas as schemas
from backend.chain.context import ChainContext
from backend.chain.contracts import Call
from backend.chain.market_clients import MarketClients, Side
from backend.telemetry import markets
from backend.telemetry.markets import OrderState, PoolLine, StoredClearing, StoredOrder
from backend.telemetry.store import Store

_RATIONED: tuple[schemas.RationedName, ...] = ("nobody", "bids", "offers")


class MarketReader:
    """Reads rules, books, clearings, the pool's slots, orders and statements."""

    def __init__(self, store: Store, chain: ChainContext, clients: MarketClients) -> None:
        self._store = store
        self._chain = chain
        self._clients = clients
        self._slot_seconds = chain.deployment.slot_seconds

    def rules(self, now: float) -> schemas.Markets:
        """The markets' rules, and which slots take orders now."""
        market, pool = self._clients.day_ahead, self._clients.pool
        calls: list[Call[Any]] = [
            market.tick_size(),
            market.tick_count(),
            market.gate_seconds(),
            market.horizon_seconds(),
            market.min_order_wh(),
            pool.grid_prices_at(int(now // self._slot_seconds)),
        ]
        tick, count, gate, horizon, least, grid = self._chain.views.ask_many(calls)
        with self._store.read() as connection:
            members = markets.member_meters(connection)
            latest = markets.latest_pool_slot(connection)
        return schemas.Markets(
            slot_seconds=self._slot_seconds,
            tick_micro_inr_per_kwh=tick,
            tick_count=count,
            gate_seconds=gate,
            horizon_seconds=horizon,
            min_order_wh=least,
            first_open_slot=int((now + gate) // self._slot_seconds) + 1,
            last_open_slot=int((now + horizon) // self._slot_seconds),
            buyback_micro_inr_per_kwh=grid[0],
            retail_micro_inr_per_kwh=grid[1],
            members=len(members),
            latest_pool_slot=latest,
        )

    def day_ahead(self, slot: int, now: float) -> schemas.DayAheadSlot:
        """A slot's book and clearing at `now`, Unix seconds."""
        market = self._clients.day_ahead
        calls: list[Call[Any]] = [
            market.book_of(slot),
            market.gate_closes_at(slot),
            market.tick_size(),
        ]
        (bids, offers), closes_at, size = self._chain.views.ask_many(calls)
        with self._store.read() as connection:
            cleared = markets.clearing(connection, slot)
        ordered = any(bids) or any(offers)
        state: schemas.DayAheadState = (
            "cleared" if cleared is not None
            else "open" if now < closes_at
            else "closed" if ordered
            else "no_orders"
        )  # fmt: skip
        return schemas.DayAheadSlot(
            slot=slot,
            state=state,
            starts_at=slot * self._slot_seconds,
            gate_closes_at=closes_at,
            book=[
                schemas.Tick(
                    tick=tick, price_micro_inr_per_kwh=tick * size, bid_wh=bid, offer_wh=offer
                )
                for tick, (bid, offer) in enumerate(zip(bids, offers, strict=True), start=1)
                if bid or offer
            ],
            clearing=None if cleared is None else _clearing(cleared),
        )

    def pool(self, slot: int) -> schemas.PoolSlot | None:
        """A closed slot of the pool."""
        with self._store.read() as connection:
            closed = markets.pool_slot(connection, slot)
            members, settled = markets.line_counts(connection, slot)
        if closed is None:
            return None
        return schemas.PoolSlot(
            slot=slot,
            starts_at=slot * self._slot_seconds,
            supply_wh=closed.supply_wh,
            demand_wh=closed.demand_wh,
            sell_micro_inr_per_kwh=closed.sell_price,
            buy_micro_inr_per_kwh=closed.buy_price,
            sellers_micro_inr=closed.sellers_micro_inr,
            buyers_micro_inr=closed.buyers_micro_inr,
            grid_micro_inr=closed.grid_micro_inr,
            members=members,
            settled=settled,
        )

    def orders(self, meter: int, holder: str, limit: int, before: int | None) -> schemas.OrderPage:
        """A household's orders, newest first."""
        size = self._chain.views.ask(self._clients.day_ahead.tick_size())
        with self._store.read() as connection:
            found = markets.orders_of_meter(connection, meter, holder.lower(), limit + 1, before)
        shown = found[:limit]
        return schemas.OrderPage(
            orders=[_order(order, size) for order in shown],
            next_before=shown[-1].order_id if len(found) > limit else None,
        )

    def statement(self, meter: int, holder: str, first: int, last: int) -> schemas.Statement:
        """A household's slots from `first` to `last` in which it ordered or delivered."""
        with self._store.read() as connection:
            orders = markets.orders_between(connection, meter, holder.lower(), first, last)
            lines = markets.lines_between(connection, meter, holder.lower(), first, last)
        by_slot: defaultdict[int, list[StoredOrder]] = defaultdict(list)
        for order in orders:
            if order.state is not OrderState.CANCELLED:
                by_slot[order.slot].append(order)
        delivered = {line.slot: line for line in lines}
        shown = [
            self._line(slot, by_slot[slot], delivered.get(slot))
            for slot in sorted({*by_slot, *delivered})
        ]
        day_ahead = sum(line.day_ahead_micro_inr for line in shown)
        pool = sum(line.pool_micro_inr or 0 for line in shown)
        return schemas.Statement(
            meter_id=meter,
            holder=holder,
            lines=shown,
            day_ahead_micro_inr=day_ahead,
            pool_micro_inr=pool,
            total_micro_inr=day_ahead + pool,
            unsettled_slots=sum(line.pool_micro_inr is None for line in shown),
        )

    def _line(
        self, slot: int, orders: list[StoredOrder], line: PoolLine | None
    ) -> schemas.StatementLine:
        bids = [order for order in orders if order.side == Side.BID]
        offers = [order for order in orders if order.side == Side.OFFER]
        day_ahead = sum(order.earned_micro_inr - order.paid_micro_inr for order in orders)
        received = None if line is None else line.received_micro_inr
        return schemas.StatementLine(
            slot=slot,
            starts_at=slot * self._slot_seconds,
            bid_wh=sum(order.energy_wh for order in bids),
            offered_wh=sum(order.energy_wh for order in offers),
            bought_wh=sum(order.filled_wh for order in bids),
            sold_wh=sum(order.filled_wh for order in offers),
            day_ahead_micro_inr=day_ahead,
            delivered_wh=None if line is None else line.delivered_wh,
            position_wh=None if line is None else line.position_wh,
            imbalance_wh=None if line is None else line.imbalance_wh,
            declared=line is not None and line.declared,
            pool_micro_inr=received,
            total_micro_inr=day_ahead + (received or 0),
        )


def _clearing(cleared: StoredClearing) -> schemas.Clearing:
    return schemas.Clearing(
        price_micro_inr_per_kwh=cleared.price_micro_inr_per_kwh if cleared.tick else None,
        volume_wh=cleared.volume_wh,
        rationed=_RATIONED[cleared.rationed],
        shared_wh=cleared.shared_wh,
        at_price_wh=cleared.at_tick_wh,
    )


def _order(order: StoredOrder, tick_size: int) -> schemas.Order:
    side: Literal["bid", "offer"] = "bid" if order.side == Side.BID else "offer"
    return schemas.Order(
        order_id=order.order_id,
        slot=order.slot,
        side=side,
        limit_micro_inr_per_kwh=order.tick * tick_size,
        energy_wh=order.energy_wh,
        locked_micro_inr=order.locked_micro_inr,
        state=order.state.value,
        filled_wh=order.filled_wh,
        paid_micro_inr=order.paid_micro_inr,
        earned_micro_inr=order.earned_micro_inr,
        placed_at=order.placed_at,
    )
