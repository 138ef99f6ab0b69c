"""Cleared mesh sessions from the chain's events."""

from __future__ import annotations

import struct

import sqlalchemy as sa

from backend.chain.contracts import integer
from backend.chain.handlers import EventHandlers
from backend.telemetry import events, mesh
from backend.telemetry.events import ChainEvent

mesh_projections = EventHandlers()

_CONTRACT = "RelayCredits"


@mesh_projections.on(_CONTRACT, "ReceiptCleared")
def store_session(connection: sa.Connection, event: ChainEvent) -> None:
    """A session's counts and what was paid for what is new in them."""
    args = event.args
    nodes = list(struct.iter_unpack(">IH", bytes.fromhex(args["route"].removeprefix("0x"))))
    mesh.put_session(
        connection,
        {
            "receipt_id": args["id"],
            "block": event.block,
            "log_index": event.log_index,
            "source": integer(args["source"]),
            "started_at": integer(args["startedAt"]),
            "payer": args["payer"].lower(),
            "route": [node for node, _ in nodes],
            "energies": [energy for _, energy in nodes],
            "sent": integer(args["sent"]),
            "delivered": integer(args["delivered"]),
            "broken_hop": integer(args["brokenHop"]),
            "reporters": integer(args["reporters"]),
            "paid_micro_inr": integer(args["paid"]),
            "cleared_at": event.timestamp,
            "tx_hash": event.tx_hash,
        },
    )


@mesh_projections.undo
def tell_again(connection: sa.Connection, _block: int) -> None:
    """The sessions follow from what is left of the events."""
    mesh.clear(connection)
    for event in events.in_order(connection, _CONTRACT, ("ReceiptCleared",)):
        store_session(connection, event)
