"""What the store knows of cars that charge and discharge, from the V2G contracts' events."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from backend.chain.contracts import integer
from backend.chain.handlers import EventHandlers
from backend.telemetry import events, v2g
from backend.telemetry.events import ChainEvent

v2g_projections = EventHandlers()

_REGISTRY_EVENTS = ("EvRegistered", "ReserveChanged", "EvRetired", "ChargePointSet")
_SESSION_EVENTS = (
    "SessionStarted",
    "SessionOpened",
    "EnergyOrdered",
    "SocReported",
    "SessionEnded",
    "SessionClosed",
    "FlowSettled",
)


@v2g_projections.on("EvRegistry", *_REGISTRY_EVENTS)
def store_vehicle(connection: sa.Connection, event: ChainEvent) -> None:
    """A car or a charge point is there, changed, or gone."""
    args = event.args
    if event.name == "ChargePointSet":
        v2g.put_point(
            connection,
            integer(args["chargePoint"]),
            integer(args["maxChargeWh"]),
            integer(args["maxDischargeWh"]),
        )
        return
    ev_id = integer(args["ev"])
    if event.name == "EvRegistered":
        v2g.put_car(
            connection,
            ev_id,
            owner=args["owner"].lower(),
            capacity_wh=integer(args["capacityWh"]),
            reserve_bps=integer(args["reserveBps"]),
            retired=False,
        )
    elif event.name == "ReserveChanged":
        v2g.put_car(connection, ev_id, reserve_bps=integer(args["newBps"]))
    else:
        v2g.put_car(connection, ev_id, retired=True)


@v2g_projections.on("IncentiveRates", "RatesUpdated")
def store_rates(connection: sa.Connection, event: ChainEvent) -> None:
    """Other prices from a slot on."""
    args = event.args
    v2g.put_rates(
        connection,
        {
            "from_slot": integer(args["fromSlot"]),
            "base_micro_inr_per_kwh": integer(args["basePrice"]),
            "multiplier_bps": integer(args["multiplierBps"]),
            "demand_bps": integer(args["demandBps"]),
            "carbon_bps": integer(args["carbonBps"]),
        },
    )


@v2g_projections.on("V2GExchange", *_SESSION_EVENTS)
def store_session(connection: sa.Connection, event: ChainEvent) -> None:
    """A session goes on."""
    session_id = integer(event.args["sessionId"])
    if event.name == "FlowSettled":
        v2g.put_flow(connection, _flow(session_id, event))
    else:
        v2g.put_session(connection, session_id, **_changes(event))


def _changes(event: ChainEvent) -> dict[str, Any]:
    args = event.args
    if event.name == "SessionStarted":
        agreed = args["agreed"]
        return {
            "ev_id": integer(args["ev"]),
            "meter_id": integer(args["chargePoint"]),
            "started_at": event.timestamp,
            "departure_slot": integer(agreed["departureSlot"]),
            "reserve_bps": integer(agreed["reserveBps"]),
            "target_bps": integer(agreed["targetBps"]),
            "max_micro_inr_per_kwh": integer(agreed["maxPrice"]),
            "min_reward_micro_inr_per_kwh": integer(agreed["minReward"]),
            "escrow_micro_inr": integer(agreed["maxCostMicroInr"]),
            "soc_bps": integer(args["socBps"]),
            "tx_hash": event.tx_hash,
        }
    if event.name == "SessionOpened":
        return {"opened_slot": integer(args["slot"])}
    if event.name == "EnergyOrdered":
        return {
            "direction": integer(args["direction"]),
            "wh_per_slot": integer(args["whPerSlot"]),
            "order_from_slot": integer(args["fromSlot"]),
            "order_until_slot": integer(args["untilSlot"]),
            "order_due": args["due"],
        }
    if event.name == "SocReported":
        return {"soc_bps": integer(args["socBps"]), "soc_slot": integer(args["slot"])}
    if event.name == "SessionEnded":
        return {"end_slot": integer(args["endSlot"])}
    return {"refunded_micro_inr": integer(args["refundedMicroInr"])}


def _flow(session_id: int, event: ChainEvent) -> dict[str, Any]:
    args = event.args
    return {
        "session_id": session_id,
        "slot": integer(args["slot"]),
        "previous_slot": integer(args["previousSlot"]),
        "charged_wh": integer(args["chargedWh"]),
        "discharged_wh": integer(args["dischargedWh"]),
        "price_micro_inr_per_kwh": integer(args["price"]),
        "reward_micro_inr_per_kwh": integer(args["rewardPrice"]),
        "cost_micro_inr": integer(args["costMicroInr"]),
        "reward_micro_inr": integer(args["rewardMicroInr"]),
        "unpaid_micro_inr": integer(args["unpaidMicroInr"]),
        "unordered_wh": integer(args["unorderedWh"]),
        "at": event.timestamp,
        "tx_hash": event.tx_hash,
    }


@v2g_projections.undo
def forget(connection: sa.Connection, _block: int) -> None:
    """Later blocks are no longer part of the chain: told again from those that are."""
    v2g.clear(connection)
    for contract, names in (
        ("EvRegistry", _REGISTRY_EVENTS),
        ("IncentiveRates", ("RatesUpdated",)),
        ("V2GExchange", _SESSION_EVENTS),
    ):
        for event in events.in_order(connection, contract, names):
            v2g_projections.apply(connection, event)
