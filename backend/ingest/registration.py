"""Meters and boards the chain knows become nodes the gateway knows.

Provisioning writes labels; kind, place and largest power are the chain's to say. A meter registered
while the service runs can speak as soon as its key is in the keyring.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from backend.telemetry import events, nodes
from backend.telemetry.events import ChainEvent
from backend.telemetry.nodes import Node
from backend.telemetry.store import Store

_METER = ("MeterRegistry", "MeterRegistered")
_SWITCH = ("PriorityRegistry", "SwitchAdded")


class SpeakersError(ValueError):
    """The file of batteries' nodes cannot be used; the message names it and the fix."""


def read_speakers(path: Path) -> dict[int, int]:
    """Battery -> node that speaks for it, from `{"<battery>": <node>}`; empty without a file."""
    try:
        document = json.loads(path.read_text())
        return {int(battery): int(node) for battery, node in document.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise SpeakersError(f'{path} must be {{"<battery id>": <node id>}}: {error}') from None


class Registration:
    """Takes registrations. `speakers`: battery -> node; without an entry battery n is node n."""

    def __init__(self, store: Store, speakers: Mapping[int, int]) -> None:
        self._store = store
        self._speakers = speakers

    def on_chain_event(self, event: ChainEvent) -> None:
        """Takes a registration at the required depth; any other event is not its business."""
        if (event.contract, event.name) in (_METER, _SWITCH):
            with self._store.write() as connection:
                self._apply(connection, event)

    def catch_up(self) -> None:
        """Takes all that the follower has stored: at the start, as notices may be missed."""
        with self._store.write() as connection:
            for contract, name in (_METER, _SWITCH):
                for event in events.in_order(connection, contract, [name]):
                    self._apply(connection, event)

    def _apply(self, connection: sa.Connection, event: ChainEvent) -> None:
        if (event.contract, event.name) == _METER:
            _meter(connection, event.args)
        else:
            self._board(connection, event.args["config"])

    def _board(self, connection: sa.Connection, config: Any) -> None:
        board, battery = int(config["board"]), int(config["battery"])
        if nodes.get(connection, board) is None:
            nodes.provision(connection, [Node(board, f"Board {board}", 0, 0, 0)])
        speaker = nodes.get(connection, self._speakers.get(battery, battery))
        if battery and speaker is not None and speaker.battery_id is None:
            nodes.provision(connection, [replace(speaker, battery_id=battery)])


def _meter(connection: sa.Connection, args: Any) -> None:
    meter = int(args["meter"])
    known = nodes.get(connection, meter) or Node(meter, f"Meter {meter}", 0, 0, 0)
    said = replace(
        known,
        kind=int(args["kind"]),
        feeder_node=int(args["feederNode"]),
        max_power_w=int(args["maxPowerW"]),
    )
    if nodes.get(connection, meter) != said:
        nodes.provision(connection, [said])
