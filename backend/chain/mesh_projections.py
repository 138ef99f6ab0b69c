"""Cleared mesh sessions from the chain's events."""

from __future__ import annotations

import struct

import sqlalchemy as sa

from backend.chain.contracts import integers
from backend.chain.handlers import EventHandlers
from backend.telemetry import mesh
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
            "payer": args["payer"].lower(),
            "route": [node for node, _ in nodes],
            "energies": [energy for _, energy in nodes],
            "cleared_at": event.timestamp,
            "tx_hash": event.tx_hash,
            **integers(
                args,
                source="source",
                started_at="startedAt",
                sent="sent",
                delivered="delivered",
                broken_hop="brokenHop",
                reporters="reporters",
                paid_micro_inr="paid",
            ),
        },
    )


@mesh_projections.undo
def tell_again(connection: sa.Connection, _block: int) -> None:
    """The sessions follow from what is left of the events."""
    mesh.clear(connection)
    mesh_projections.tell_again(connection, _CONTRACT, ("ReceiptCleared",))
