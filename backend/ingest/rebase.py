"""A device was replaced or reset, says the chain: its registers count from another value now."""

from __future__ import annotations

import sqlalchemy as sa

from backend.telemetry import events, nodes, quarantine
from backend.telemetry.events import ChainEvent
from backend.telemetry.node_state import Registers
from backend.telemetry.store import Store

_CONTRACT, _EVENT = "MeterRegistry", "RegistersRebased"
_LANE_BITS = 40


def on_chain_event(store: Store, event: ChainEvent) -> None:
    """Takes a `RegistersRebased` at the required depth; any other event is not its business."""
    if (event.contract, event.name) == (_CONTRACT, _EVENT):
        with store.write() as connection:
            _apply(connection, event)


def catch_up(store: Store) -> None:
    """Takes every rebase the follower has stored: at the start, as notices may have been missed.

    A rebase that was taken before changes nothing.
    """
    with store.write() as connection:
        for event in events.in_order(connection, _CONTRACT, [_EVENT]):
            _apply(connection, event)


def _apply(connection: sa.Connection, event: ChainEvent) -> None:
    meter = int(event.args["meter"])
    taken = nodes.apply_rebase(
        connection,
        meter,
        before=_lanes(event.args["before"]),
        after_reset=_lanes(event.args["afterReset"]),
        block=event.block,
        log_index=event.log_index,
    )
    if taken:
        quarantine.resolve_node(connection, meter, event.timestamp)


def _lanes(packed: int | str) -> Registers:
    word = int(packed, 16) if isinstance(packed, str) else packed
    mask = (1 << _LANE_BITS) - 1
    return tuple(word >> _LANE_BITS * lane & mask for lane in range(6))
