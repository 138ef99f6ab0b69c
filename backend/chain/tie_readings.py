"""Readings of a tie that one end has shown and that are not settled yet."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

from backend.chain.contracts import integer
from backend.chain.trading import End
from backend.telemetry import events

_NEWEST_EVENTS = 64


class ShownReading(NamedTuple):
    """What an end has shown for a slot: cumulative Wh from A to B, and when (Unix seconds)."""

    slot: int
    end: End
    net_wh: int
    shown_at: int


def waiting_readings(
    connection: sa.Connection, agreement: int, settled_slot: int
) -> list[ShownReading]:
    """Readings of slots after `settled_slot`, newest slot first."""
    shown = events.query(
        connection, contract="Interconnection", name="ReadingShown", limit=_NEWEST_EVENTS
    )
    found = [
        ShownReading(
            integer(event.args["slot"]),
            End(integer(event.args["end"])),
            integer(event.args["netWh"]),
            event.timestamp,
        )
        for event in shown
        if integer(event.args["agreementId"]) == agreement
    ]
    return sorted((one for one in found if one.slot > settled_slot), reverse=True)
