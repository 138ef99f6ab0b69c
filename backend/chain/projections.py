"""What the store knows from the chain: commands, committed slots, settlements."""

from __future__ import annotations

import time

import sqlalchemy as sa

from backend.chain.certificate_projections import certificate_projections
from backend.chain.contracts import integer
from backend.chain.handlers import EventHandlers
from backend.chain.incentive_projections import incentive_projections
from backend.chain.market_projections import market_projections
from backend.chain.mesh_projections import mesh_projections
from backend.chain.types import ZERO_ADDRESS, BillingMode
from backend.chain.v2g_projections import v2g_projections
from backend.resilience.shedding import Reason
from backend.telemetry import commands, events, prices, slots, terms
from backend.telemetry.events import ChainEvent
from backend.telemetry.slots import SlotState

projections = EventHandlers()
projections.include(market_projections)
projections.include(certificate_projections)
projections.include(v2g_projections)
projections.include(mesh_projections)
projections.include(incentive_projections)

_AT_ONCE = (BillingMode.COMMUNITY, BillingMode.ON_REQUEST)  # set by the operator, while unheld


@projections.on("PriorityRegistry", "RelayCommand")
def store_command(connection: sa.Connection, event: ChainEvent) -> None:
    """A relay is to move."""
    args = event.args
    identifier = commands.command_id(args["switchId"], args["sequence"])
    commands.issue(
        connection,
        {
            "command_id": identifier,
            "switch_id": args["switchId"],
            "board": args["board"],
            "pin": args["pin"],
            "closed": args["closed"],
            "cutoff_wh": args["cutoffWh"],
            "reason": Reason(args["reason"]).name.lower(),
            "block": event.block,
            "issued_ms": time.time_ns() // 1_000_000,
            "offered": 0,
            "reported": False,
        },
    )


@projections.on("PriorityRegistry", "RelayAcknowledged")
def store_report(connection: sa.Connection, event: ChainEvent) -> None:
    """The chain knows what a board answered."""
    args = event.args
    identifier = commands.command_id(args["switchId"], args["sequence"])
    commands.mark_reported(connection, identifier, args["closed"])


@projections.on("MeterLedger", "SlotCommitted")
def store_commitment(connection: sa.Connection, event: ChainEvent) -> None:
    """A slot is on chain; if not with our root, ours will never be."""
    slot = integer(event.args["slot"])
    stored = slots.get(connection, slot)
    if stored is None:
        return
    ours = bytes.fromhex(event.args["root"][2:]) == stored.root
    slots.set_state(
        connection,
        slot,
        SlotState.COMMITTED if ours else SlotState.SUPERSEDED,
        tx_hash=event.tx_hash,
        committed_block=event.block,
    )


@projections.on("MeterLedger", "MeterSettled")
def store_settlement(connection: sa.Connection, event: ChainEvent) -> None:
    """A meter's registers are booked."""
    args = event.args
    slots.record_settlement(
        connection,
        {
            "meter_id": args["meter"],
            "slot": integer(args["slot"]),
            "registers": integer(args["registers"]).to_bytes(30, "big"),
            "debt_wh": integer(args["debtWh"]),
            "block": event.block,
        },
    )


@projections.on("MeterLedger", "DebtRepaid")
def store_debt(connection: sa.Connection, event: ChainEvent) -> None:
    """A meter's debt fell."""
    slots.set_debt(connection, event.args["meter"], integer(event.args["debtWh"]))


@projections.on("QuorumPriceFeed", "PriceRoundAccepted")
def store_price(connection: sa.Connection, event: ChainEvent) -> None:
    """A price round is in force."""
    args = event.args
    prices.accept(
        connection,
        prices.Acceptance(
            round_id=integer(args["round"]),
            median=integer(args["median"]),
            price=integer(args["buyPrice"]),
            sell_price=integer(args["sellPrice"]),
            observed_at=integer(args["observedAt"]),
            block=event.block,
            at=event.timestamp,
            tx_hash=event.tx_hash,
        ),
    )


_TERMS_EVENTS = (
    "MeterRegistered",
    "MeterClaimed",
    "BillingModeChanged",
    "ReleaseRequested",
    "TermsStarted",
)
_SUSPENSION_EVENTS = ("MeterSuspended", "MeterResumed")


@projections.on("MeterRegistry", *_TERMS_EVENTS)
def store_terms(connection: sa.Connection, event: ChainEvent) -> None:
    """A meter is new, its terms changed, or they are to change at its next settlement."""
    args = event.args
    meter = args["meter"]
    if event.name == "MeterRegistered":
        terms.put(connection, meter, kind=args["kind"])
    elif event.name == "TermsStarted":
        holder = None if args["holder"] == ZERO_ADDRESS else args["holder"]
        terms.put(connection, meter, mode=args["mode"], changing=False, holder=holder)
        if args["mode"] == BillingMode.BILLED:
            terms.put(connection, meter, billed=True)
    elif event.name == "BillingModeChanged" and args["newMode"] in _AT_ONCE:
        terms.put(connection, meter, mode=args["newMode"], changing=False)
    else:
        terms.put(connection, meter, changing=True)


@projections.on("EnergyMarket", *_SUSPENSION_EVENTS)
def store_suspension(connection: sa.Connection, event: ChainEvent) -> None:
    """A meter's supply is cut, or back."""
    terms.put(connection, event.args["meter"], suspended=event.name == "MeterSuspended")


@projections.undo
def forget(connection: sa.Connection, block: int) -> None:
    """Later blocks are no longer part of the chain."""
    commands.forget_after(connection, block)
    commands.unreport_after(connection)
    slots.uncommit_after(connection, block)
    prices.forget_after(connection, block)
    slots.forget_settlements_after(connection, block)
    terms.clear(connection)
    for event in events.in_order(connection, "MeterRegistry", _TERMS_EVENTS):
        store_terms(connection, event)
    for event in events.in_order(connection, "EnergyMarket", _SUSPENSION_EVENTS):
        store_suspension(connection, event)
