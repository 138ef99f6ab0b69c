"""Lots, bids and what flowed over ties, as the chain's events tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from backend.telemetry.market_tables import auction_bids, auction_lots, tie_agreements, tie_slots
from backend.telemetry.upsert import insert_or_replace

Row = Mapping[str, Any]


def put_lot(connection: sa.Connection, lot_id: int, **changes: Any) -> None:
    """Sets some of a lot's columns."""
    insert_or_replace(connection, auction_lots, [{"lot_id": lot_id, **changes}])


def put_bid(connection: sa.Connection, bid_id: int, **changes: Any) -> None:
    """Sets some of a bid's columns."""
    insert_or_replace(connection, auction_bids, [{"bid_id": bid_id, **changes}])


def put_agreement(connection: sa.Connection, agreement_id: int, **changes: Any) -> None:
    """Sets some of an agreement's columns."""
    insert_or_replace(connection, tie_agreements, [{"agreement_id": agreement_id, **changes}])


def put_tie_slot(connection: sa.Connection, agreement_id: int, slot: int, **changes: Any) -> None:
    """Sets some of the columns of what flowed up to a slot."""
    row = {"agreement_id": agreement_id, "slot": slot, **changes}
    insert_or_replace(connection, tie_slots, [row])


def clear(connection: sa.Connection) -> None:
    """Forgets all, to be told again from the start."""
    for table in (auction_lots, auction_bids, tie_agreements, tie_slots):
        connection.execute(table.delete())


def lots(connection: sa.Connection, limit: int, before: int | None = None) -> list[Row]:
    """Lots, newest first."""
    table = auction_lots
    statement = table.select().order_by(table.c.lot_id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(table.c.lot_id < before)
    return _rows(connection, statement)


def lot(connection: sa.Connection, lot_id: int) -> Row | None:
    """One lot."""
    found = _rows(connection, auction_lots.select().where(auction_lots.c.lot_id == lot_id))
    return found[0] if found else None


def lots_due(connection: sa.Connection, open_state: int, now: int) -> list[int]:
    """Open lots whose reveal deadline is over."""
    table = auction_lots
    due = sa.and_(table.c.state == open_state, table.c.reveal_until <= now)
    return list(connection.execute(sa.select(table.c.lot_id).where(due)).scalars())


def lots_with_rest(connection: sa.Connection, open_state: int) -> list[tuple[int, str]]:
    """(lot, seller) of lots that are over and hold units the seller has not taken back."""
    table = auction_lots
    rest = sa.and_(table.c.state != open_state, table.c.unsold_wh > table.c.taken_back_wh)
    rows = connection.execute(sa.select(table.c.lot_id, table.c.seller).where(rest))
    return [(row.lot_id, row.seller) for row in rows]


def bids_of(connection: sa.Connection, lot_id: int) -> list[Row]:
    """A lot's bids in order of commitment."""
    table = auction_bids
    return _rows(
        connection, table.select().where(table.c.lot_id == lot_id).order_by(table.c.bid_id)
    )


def bids_with_rest(connection: sa.Connection, slot: int) -> list[tuple[int, str]]:
    """(bid, bidder) of bids that won units not yet taken, all of which are free in `slot`."""
    bids, of = auction_bids, auction_lots
    rest = sa.and_(
        bids.c.won_wh > bids.c.taken_wh,
        of.c.lot_id == bids.c.lot_id,
        of.c.first_slot + of.c.slot_count - 1 <= slot,
    )
    rows = connection.execute(sa.select(bids.c.bid_id, bids.c.bidder).where(rest))
    return [(row.bid_id, row.bidder) for row in rows]


def agreements(connection: sa.Connection) -> list[Row]:
    """Every agreement, oldest first."""
    table = tie_agreements
    return _rows(connection, table.select().order_by(table.c.agreement_id))


def tie_flows(connection: sa.Connection, agreement_id: int, limit: int) -> list[Row]:
    """What flowed, newest slot first."""
    table = tie_slots
    statement = table.select().where(table.c.agreement_id == agreement_id)
    return _rows(connection, statement.order_by(table.c.slot.desc()).limit(limit))


def tie_totals(connection: sa.Connection, agreement_id: int) -> tuple[int, int, int, int]:
    """Wh settled from A to B and from B to A, micro-rupees paid by B and by A."""
    table = tie_slots
    forward = sa.and_(table.c.agreement_id == agreement_id, table.c.settled_wh > 0)
    back = sa.and_(table.c.agreement_id == agreement_id, table.c.settled_wh < 0)

    def total(column: sa.Column[Any], where: sa.ColumnElement[bool]) -> int:
        statement = sa.select(sa.func.coalesce(sa.func.sum(column), 0)).where(where)
        return int(connection.execute(statement).scalar_one())

    return (
        total(table.c.settled_wh, forward),
        -total(table.c.settled_wh, back),
        total(table.c.micro_inr, forward),
        total(table.c.micro_inr, back),
    )


def open_disputes(connection: sa.Connection) -> list[tuple[int, int]]:
    """(agreement, slot) of disputes that have not ended."""
    table = tie_slots
    rows = connection.execute(
        sa.select(table.c.agreement_id, table.c.slot).where(table.c.state == "disputed")
    )
    return [(row.agreement_id, row.slot) for row in rows]


def disputes_of(connection: sa.Connection, agreement_id: int) -> list[Row]:
    """Slots of an agreement whose dispute has not ended, newest first."""
    table = tie_slots
    open_here = sa.and_(table.c.agreement_id == agreement_id, table.c.state == "disputed")
    return _rows(connection, table.select().where(open_here).order_by(table.c.slot.desc()))


def _rows(connection: sa.Connection, statement: sa.Select[Any]) -> list[Row]:
    rows: Sequence[sa.RowMapping] = connection.execute(statement).mappings().all()
    return [dict(row) for row in rows]
