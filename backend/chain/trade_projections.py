"""What the store knows of auctions and ties: lots, bids, agreements, flows by slot."""

from __future__ import annotations

import sqlalchemy as sa

from backend.chain.contracts import integer
from backend.chain.projections import projections as projections
from backend.chain.trading import BidState, LotState
from backend.telemetry import events, trades
from backend.telemetry.events import ChainEvent

_LOT_EVENTS = ("LotOpened", "LotCancelled", "LotFinalised", "UnsoldTaken")
_BID_EVENTS = ("BidCommitted", "BidRevealed", "BondForfeited", "LotWon", "EnergyTaken")
_TIE_EVENTS = ("AgreementBegun", "NoticeGiven", "FlowSettled", "FlowDisputed", "DisputeEnded")


@projections.on("SurplusAuction", *_LOT_EVENTS)
def store_lot(connection: sa.Connection, event: ChainEvent) -> None:
    """A lot is offered, or over."""
    args = event.args
    lot_id = integer(args["lotId"])
    if event.name == "LotOpened":
        _open_lot(connection, lot_id, event)
        return
    found = trades.lot(connection, lot_id)
    if found is None:
        return
    if event.name == "LotCancelled":
        trades.put_lot(
            connection, lot_id, state=int(LotState.CANCELLED), unsold_wh=found["energy_wh"]
        )
    elif event.name == "LotFinalised":
        trades.put_lot(
            connection,
            lot_id,
            state=int(LotState.FINALISED),
            sold_wh=integer(args["soldWh"]),
            unsold_wh=integer(args["unsoldWh"]),
            proceeds_micro_inr=integer(args["proceedsMicroInr"]),
        )
    else:
        trades.put_lot(connection, lot_id, taken_back_wh=found["unsold_wh"])


def _open_lot(connection: sa.Connection, lot_id: int, event: ChainEvent) -> None:
    invitation = event.args["invitation"]
    commit_until = event.timestamp + invitation["commitSeconds"]
    trades.put_lot(
        connection,
        lot_id,
        seller=event.args["seller"],
        meter_id=event.args["meter"],
        energy_wh=invitation["energyWh"],
        reserve_micro_inr_per_kwh=invitation["reserveMicroInrPerKwh"],
        bond_micro_inr=integer(invitation["bondMicroInr"]),
        rule=invitation["rule"],
        state=int(LotState.OPEN),
        commit_until=commit_until,
        reveal_until=commit_until + invitation["revealSeconds"],
        first_slot=integer(invitation["firstSlot"]),
        slot_count=invitation["slotCount"],
    )


@projections.on("SurplusAuction", *_BID_EVENTS)
def store_bid(connection: sa.Connection, event: ChainEvent) -> None:
    """A bid is sealed, opened, forfeited, won or delivered."""
    args = event.args
    bid_id = integer(args["bidId"])
    if event.name == "BidCommitted":
        trades.put_bid(
            connection,
            bid_id,
            lot_id=integer(args["lotId"]),
            bidder=args["bidder"],
            meter_id=args["meter"],
            node_priority=integer(args["priority"]),
            state=int(BidState.COMMITTED),
            committed_at=event.timestamp,
        )
    elif event.name == "BidRevealed":
        trades.put_bid(
            connection,
            bid_id,
            state=int(BidState.REVEALED),
            price_micro_inr_per_kwh=integer(args["priceMicroInrPerKwh"]),
            energy_wh=integer(args["energyWh"]),
        )
    elif event.name == "BondForfeited":
        trades.put_bid(connection, bid_id, state=int(BidState.FORFEITED))
    elif event.name == "LotWon":
        trades.put_bid(
            connection,
            bid_id,
            won_wh=integer(args["energyWh"]),
            payment_micro_inr=integer(args["paymentMicroInr"]),
        )
    else:
        trades.put_bid(connection, bid_id, taken_wh=integer(args["takenWh"]))


@projections.on("Interconnection", *_TIE_EVENTS)
def store_tie(connection: sa.Connection, event: ChainEvent) -> None:
    """An agreement begins or is to end; energy between grids is settled, disputed or decided."""
    args = event.args
    agreement = integer(args["agreementId"])
    if event.name == "AgreementBegun":
        terms = dict(args["agreed"])
        trades.put_agreement(
            connection,
            agreement,
            terms=terms,
            begun_at=event.timestamp,
            last_slot=integer(terms["lastSlot"]),
        )
    elif event.name == "NoticeGiven":
        trades.put_agreement(connection, agreement, last_slot=integer(args["lastSlot"]))
    else:
        slot = integer(args["slot"])
        trades.put_tie_slot(connection, agreement, slot, **_flow(event))


def _flow(event: ChainEvent) -> dict[str, object]:
    args = event.args
    if event.name == "DisputeEnded":
        return {
            "state": "resolved",
            "verdict": args["verdict"],
            "settled_wh": integer(args["settledWh"]),
            "micro_inr": integer(args["microInr"]),
            "frozen_a_micro_inr": 0,
            "frozen_b_micro_inr": 0,
        }
    flow: dict[str, object] = {
        "previous_slot": integer(args["previousSlot"]),
        "reading_a_wh": integer(args["readingAWh"]),
        "reading_b_wh": integer(args["readingBWh"]),
        "at": event.timestamp,
    }
    if event.name == "FlowDisputed":
        return flow | {
            "state": "disputed",
            "frozen_a_micro_inr": integer(args["frozenA"]),
            "frozen_b_micro_inr": integer(args["frozenB"]),
        }
    return flow | {
        "state": "settled",
        "basis": args["basis"],
        "settled_wh": integer(args["settledWh"]),
        "micro_inr": integer(args["microInr"]),
    }


@projections.undo
def forget_trades(connection: sa.Connection, _block: int) -> None:
    """Later blocks are no longer part of the chain: told again from those that are."""
    trades.clear(connection)
    for event in events.in_order(connection, "SurplusAuction", _LOT_EVENTS):
        store_lot(connection, event)
    for event in events.in_order(connection, "SurplusAuction", _BID_EVENTS):
        store_bid(connection, event)
    for event in events.in_order(connection, "Interconnection", _TIE_EVENTS):
        store_tie(connection, event)
