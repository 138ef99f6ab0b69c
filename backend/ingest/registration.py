"""Meters and boards the chain knows become nodes the gateway knows.

Provisioning writes labels; kind, place and largest power are the chain's to say. A meter registered
while the service runs can speak as soon as its key is in the keyring.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from backend.telemetry import events, nodes
from backend.telemetry.events import ChainEvent
from backend.telemetry.nodes import Node
from backend.telemetry.store import Store

_METER = ("MeterRegistry", "MeterRegistered")
_SWITCH = ("PriorityRegistry", "SwitchAdded")


def on_chain_event(store: Store, event: ChainEvent) -> None:
    """Takes a registration at the required depth; any other event is not its business."""
    if (event.contract, event.name) in (_METER, _SWITCH):
        with store.write() as connection:
            _apply(connection, event)


def catch_up(store: Store) -> None:
    """Takes every registration the follower has stored: at the start, as notices may be missed."""
    with store.write() as connection:
        for contract, name in (_METER, _SWITCH):
            for event in events.in_order(connection, contract, [name]):
                _apply(connection, event)


def _apply(connection: sa.Connection, event: ChainEvent) -> None:
    if (event.contract, event.name) == _METER:
        _meter(connection, event.args)
    else:
        _board(connection, event.args["config"])


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


def _board(connection: sa.Connection, config: Any) -> None:
    board, battery = int(config["board"]), int(config["battery"])
    if nodes.get(connection, board) is None:
        nodes.provision(connection, [Node(board, f"Board {board}", 0, 0, 0)])
    speaks_for = {node.battery_id for node in nodes.all_nodes(connection).values()}
    speaker = nodes.get(connection, battery)
    # Unless provisioning says otherwise, battery n is metered by node n.
    if battery and battery not in speaks_for and speaker is not None:
        nodes.provision(connection, [replace(speaker, battery_id=battery)])
