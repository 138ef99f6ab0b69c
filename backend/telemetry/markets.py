"""Orders, clearings, members and lines of the pool, as the chain's events tell.

Energy in Wh, money in micro-rupees, prices in micro-rupees per kWh. What a block added is marked
with it, so that a reorganisation takes back exactly that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from backend.telemetry.market_tables import market_clearings, market_orders, pool_lines
from backend.telemetry.market_tables import pool_members as members
from backend.telemetry.market_tables import pool_slots as slots
from backend.telemetry.upsert import insert_or_replace


class OrderState(StrEnum):
    """Where an order stands."""

    OPEN = "open"
    CANCELLED = "cancelled"
    CLAIMED = "claimed"


@dataclass(frozen=True, slots=True)
class StoredOrder:
    """An order. `filled_wh`, `paid` and `earned` are 0 until it is claimed."""

    order_id: int
    meter_id: int
    slot: int
    holder: str
    side: int
    tick: int
    energy_wh: int
    locked_micro_inr: int
    state: OrderState
    filled_wh: int
    paid_micro_inr: int
    earned_micro_inr: int
    placed_at: int
    placed_block: int
    closed_block: int | None


@dataclass(frozen=True, slots=True)
class StoredClearing:
    """A cleared slot; `tick` 0 = nothing traded. `rationed`: 0 nobody, 1 bids, 2 offers."""

    slot: int
    tick: int
    price_micro_inr_per_kwh: int
    volume_wh: int
    rationed: int
    shared_wh: int
    at_tick_wh: int
    block: int


@dataclass(frozen=True, slots=True)
class PoolSlot:
    """A closed slot of the pool. `grid_micro_inr` is what the main grid got; below 0: paid."""

    slot: int
    supply_wh: int
    demand_wh: int
    sell_price: int
    buy_price: int
    sellers_micro_inr: int
    buyers_micro_inr: int
    grid_micro_inr: int
    block: int


@dataclass(frozen=True, slots=True)
class PoolLine:
    """A member's line in a slot. `received_micro_inr` is None until settled; below 0: paid."""

    slot: int
    meter_id: int
    holder: str
    delivered_wh: int
    position_wh: int
    declared: bool
    reported_block: int
    received_micro_inr: int | None
    settled_block: int | None

    @property
    def imbalance_wh(self) -> int:
        """Sold in the pool; below 0: bought in it."""
        return self.delivered_wh - self.position_wh


# ---- orders and clearings ----------------------------------------------------------------------


def put_order(connection: sa.Connection, order: StoredOrder) -> None:
    """A new order."""
    values = {name: getattr(order, name) for name in StoredOrder.__dataclass_fields__}
    insert_or_replace(connection, market_orders, [{**values, "state": order.state.value}])


def end_order(
    connection: sa.Connection, order_id: int, state: OrderState, block: int, **figures: int
) -> None:
    """An order is cancelled or claimed."""
    connection.execute(
        market_orders.update()
        .where(market_orders.c.order_id == order_id)
        .values(state=state.value, closed_block=block, **figures)
    )


def put_clearing(connection: sa.Connection, clearing: StoredClearing) -> None:
    """A slot is cleared."""
    values = {name: getattr(clearing, name) for name in StoredClearing.__dataclass_fields__}
    insert_or_replace(connection, market_clearings, [values])


def clearing(connection: sa.Connection, slot: int) -> StoredClearing | None:
    """How a slot was cleared."""
    statement = market_clearings.select().where(market_clearings.c.slot == slot)
    row = connection.execute(statement).one_or_none()
    return None if row is None else StoredClearing(*row)


def uncleared(connection: sa.Connection) -> list[int]:
    """Slots with open orders that are not cleared, ascending."""
    cleared = sa.select(market_clearings.c.slot)
    statement = (
        sa.select(market_orders.c.slot)
        .where(market_orders.c.state == OrderState.OPEN.value)
        .where(market_orders.c.slot.not_in(cleared))
        .distinct()
        .order_by(market_orders.c.slot)
    )
    return list(connection.execute(statement).scalars())


def claimable(connection: sa.Connection, limit: int) -> list[int]:
    """Open orders of cleared slots, ascending by number: the order in which shares are exact."""
    statement = (
        sa.select(market_orders.c.order_id)
        .join(market_clearings, market_clearings.c.slot == market_orders.c.slot)
        .where(market_orders.c.state == OrderState.OPEN.value)
        .order_by(market_orders.c.order_id)
        .limit(limit)
    )
    return list(connection.execute(statement).scalars())


def ordered(
    connection: sa.Connection, meters: Sequence[int], after: int, through: int
) -> tuple[int, int]:
    """For how many slots of a range these meters have ordered, and how many orders are open."""
    within = (
        market_orders.c.meter_id.in_(meters),
        market_orders.c.slot > after,
        market_orders.c.slot <= through,
    )
    pairs = sa.select(market_orders.c.meter_id, market_orders.c.slot).where(*within).distinct()
    still_open = sa.select(sa.func.count()).where(
        *within, market_orders.c.state == OrderState.OPEN.value
    )
    slot_count = connection.execute(sa.select(sa.func.count()).select_from(pairs.subquery()))
    open_orders = connection.execute(still_open.select_from(market_orders))
    return int(slot_count.scalar_one()), int(open_orders.scalar_one())


def orders_of_meter(
    connection: sa.Connection, meter_id: int, holder: str, limit: int, before: int | None
) -> list[StoredOrder]:
    """A household's orders for its meter, newest first."""
    statement = (
        market_orders.select()
        .where(market_orders.c.meter_id == meter_id, market_orders.c.holder == holder)
        .order_by(market_orders.c.order_id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(market_orders.c.order_id < before)
    return [_order(row) for row in connection.execute(statement)]


def orders_between(
    connection: sa.Connection, meter_id: int, holder: str, first_slot: int, last_slot: int
) -> list[StoredOrder]:
    """A household's orders for its meter with delivery in these slots, by number."""
    statement = (
        market_orders.select()
        .where(market_orders.c.meter_id == meter_id, market_orders.c.holder == holder)
        .where(market_orders.c.slot.between(first_slot, last_slot))
        .order_by(market_orders.c.order_id)
    )
    return [_order(row) for row in connection.execute(statement)]


# ---- pool --------------------------------------------------------------------------------------


def put_member(connection: sa.Connection, meter_id: int, holder: str, block: int) -> None:
    """A meter joined the pool."""
    row = {"meter_id": meter_id, "holder": holder, "joined_block": block, "left_block": None}
    insert_or_replace(connection, members, [row])


def end_member(connection: sa.Connection, meter_id: int, block: int) -> None:
    """A meter left the pool."""
    connection.execute(
        members.update()
        .where(members.c.meter_id == meter_id, members.c.left_block.is_(None))
        .values(left_block=block)
    )


def member_meters(connection: sa.Connection) -> list[int]:
    """Meters that are in the pool, ascending."""
    statement = (
        sa.select(members.c.meter_id)
        .where(members.c.left_block.is_(None))
        .distinct()
        .order_by(members.c.meter_id)
    )
    return list(connection.execute(statement).scalars())


def put_line(connection: sa.Connection, line: PoolLine) -> None:
    """A member is reported or declared."""
    values = {name: getattr(line, name) for name in PoolLine.__dataclass_fields__}
    insert_or_replace(connection, pool_lines, [values])


def settle_line(
    connection: sa.Connection, slot: int, meter_id: int, received_micro_inr: int, block: int
) -> None:
    """A member's slot is settled."""
    connection.execute(
        pool_lines.update()
        .where(pool_lines.c.slot == slot, pool_lines.c.meter_id == meter_id)
        .values(received_micro_inr=received_micro_inr, settled_block=block)
    )


def put_slot(connection: sa.Connection, closed: PoolSlot) -> None:
    """A slot of the pool is closed."""
    values = {name: getattr(closed, name) for name in PoolSlot.__dataclass_fields__}
    insert_or_replace(connection, slots, [values])


def pool_slot(connection: sa.Connection, slot: int) -> PoolSlot | None:
    """How a slot of the pool was closed."""
    row = connection.execute(slots.select().where(slots.c.slot == slot)).one_or_none()
    return None if row is None else PoolSlot(*row)


def latest_pool_slot(connection: sa.Connection) -> int | None:
    """The newest closed slot of the pool."""
    return connection.execute(sa.select(sa.func.max(slots.c.slot))).scalar()


def unclosed(connection: sa.Connection) -> list[int]:
    """Slots with reported members that are not closed, ascending."""
    statement = (
        sa.select(pool_lines.c.slot)
        .where(pool_lines.c.slot.not_in(sa.select(slots.c.slot)))
        .distinct()
        .order_by(pool_lines.c.slot)
    )
    return list(connection.execute(statement).scalars())


def unsettled(connection: sa.Connection) -> dict[int, list[int]]:
    """Members to settle of each closed slot, both ascending."""
    statement = (
        sa.select(pool_lines.c.slot, pool_lines.c.meter_id)
        .join(slots, slots.c.slot == pool_lines.c.slot)
        .where(pool_lines.c.received_micro_inr.is_(None))
        .order_by(pool_lines.c.slot, pool_lines.c.meter_id)
    )
    found: dict[int, list[int]] = {}
    for slot, meter in connection.execute(statement):
        found.setdefault(slot, []).append(meter)
    return found


def lines_between(
    connection: sa.Connection, meter_id: int, holder: str, first_slot: int, last_slot: int
) -> list[PoolLine]:
    """A household's lines in these slots, ascending."""
    statement = (
        pool_lines.select()
        .where(pool_lines.c.meter_id == meter_id, pool_lines.c.holder == holder)
        .where(pool_lines.c.slot.between(first_slot, last_slot))
        .order_by(pool_lines.c.slot)
    )
    return [PoolLine(*row) for row in connection.execute(statement)]


def line_counts(connection: sa.Connection, slot: int) -> tuple[int, int]:
    """How many members of a slot are in, and how many of them are settled."""
    row = connection.execute(
        sa.select(sa.func.count(), sa.func.count(pool_lines.c.settled_block)).where(
            pool_lines.c.slot == slot
        )
    ).one()
    return int(row[0]), int(row[1])


# ---- reorganisations ---------------------------------------------------------------------------


def forget_after(connection: sa.Connection, block: int) -> None:
    """Takes back what blocks after `block` did."""
    for table, column in (
        (market_orders, market_orders.c.placed_block),
        (market_clearings, market_clearings.c.block),
        (slots, slots.c.block),
        (pool_lines, pool_lines.c.reported_block),
        (members, members.c.joined_block),
    ):
        connection.execute(table.delete().where(column > block))
    reopened: Sequence[tuple[sa.Table, sa.Column[Any], dict[str, Any]]] = (
        (
            market_orders,
            market_orders.c.closed_block,
            {
                "state": OrderState.OPEN.value,
                "filled_wh": 0,
                "paid_micro_inr": 0,
                "earned_micro_inr": 0,
            },
        ),
        (pool_lines, pool_lines.c.settled_block, {"received_micro_inr": None}),
        (members, members.c.left_block, {}),
    )
    for table, marked, values in reopened:
        connection.execute(
            table.update().where(marked > block).values(**values, **{marked.name: None})
        )


def _order(row: sa.Row[Any]) -> StoredOrder:
    values = dict(row._mapping)
    return StoredOrder(**{**values, "state": OrderState(values["state"])})
