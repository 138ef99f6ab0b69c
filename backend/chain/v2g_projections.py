"""What the store knows of cars that charge and discharge, from the V2G contracts' events."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from backend.chain.contracts import integer, integers
from backend.chain.handlers import EventHandlers
from backend.telemetry import v2g
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
        names = {"charge_wh": "maxChargeWh", "discharge_wh": "maxDischargeWh"}
        v2g.put_point(connection, **integers(args, meter_id="chargePoint", **names))
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
    rates = integers(
        event.args,
        from_slot="fromSlot",
        base_micro_inr_per_kwh="basePrice",
        multiplier_bps="multiplierBps",
        demand_bps="demandBps",
        carbon_bps="carbonBps",
    )
    v2g.put_rates(connection, rates)


@v2g_projections.on("V2GExchange", *_SESSION_EVENTS)
def store_session(connection: sa.Connection, event: ChainEvent) -> None:
    """A session goes on."""
    session_id = integer(event.args["sessionId"])
    if event.name == "FlowSettled":
        v2g.put_flow(connection, _flow(session_id, event))
    else:
        v2g.put_session(connection, session_id, **_changes(event))


_CHANGES = {
    "SessionOpened": {"opened_slot": "slot"},
    "EnergyOrdered": {
        "direction": "direction",
        "wh_per_slot": "whPerSlot",
        "order_from_slot": "fromSlot",
        "order_until_slot": "untilSlot",
    },
    "SocReported": {"soc_bps": "socBps", "soc_slot": "slot"},
    "SessionEnded": {"end_slot": "endSlot"},
    "SessionClosed": {"refunded_micro_inr": "refundedMicroInr"},
}
"""Columns of a session that an event changes, and the arguments they come from."""


def _changes(event: ChainEvent) -> dict[str, Any]:
    args = event.args
    if event.name == "SessionStarted":
        return _begun(event)
    changes: dict[str, Any] = {**integers(args, **_CHANGES[event.name])}
    if event.name == "EnergyOrdered":
        changes["order_due"] = args["due"]
    return changes


def _begun(event: ChainEvent) -> dict[str, Any]:
    agreed = integers(
        event.args["agreed"],
        departure_slot="departureSlot",
        reserve_bps="reserveBps",
        target_bps="targetBps",
        max_micro_inr_per_kwh="maxPrice",
        min_reward_micro_inr_per_kwh="minReward",
        escrow_micro_inr="maxCostMicroInr",
    )
    begun = integers(event.args, ev_id="ev", meter_id="chargePoint", soc_bps="socBps")
    return {**begun, **agreed, "started_at": event.timestamp, "tx_hash": event.tx_hash}


def _flow(session_id: int, event: ChainEvent) -> dict[str, Any]:
    flow = integers(
        event.args,
        slot="slot",
        previous_slot="previousSlot",
        charged_wh="chargedWh",
        discharged_wh="dischargedWh",
        price_micro_inr_per_kwh="price",
        reward_micro_inr_per_kwh="rewardPrice",
        cost_micro_inr="costMicroInr",
        reward_micro_inr="rewardMicroInr",
        unpaid_micro_inr="unpaidMicroInr",
        unordered_wh="unorderedWh",
    )
    return {**flow, "session_id": session_id, "at": event.timestamp, "tx_hash": event.tx_hash}


@v2g_projections.undo
def forget(connection: sa.Connection, _block: int) -> None:
    """Later blocks are no longer part of the chain: told again from those that are."""
    v2g.clear(connection)
    v2g_projections.tell_again(connection, "EvRegistry", _REGISTRY_EVENTS)
    v2g_projections.tell_again(connection, "IncentiveRates", ("RatesUpdated",))
    v2g_projections.tell_again(connection, "V2GExchange", _SESSION_EVENTS)
