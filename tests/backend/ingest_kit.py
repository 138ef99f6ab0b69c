"""What the ingest's tests share: meters, their keys, a clock the test moves."""

from __future__ import annotations

import json
from pathlib import Path

from meters import SINCE, key_of

from backend.ingest.frame_values import Result
from backend.ingest.pipeline import Pipeline
from backend.telemetry import nodes, readings
from backend.telemetry.nodes import Node
from backend.telemetry.store import Store

METERS = {1: 6, 2: 3, 3: 4, 4: 1, 5: 0, 7: 2}
"""Node -> EntityKind: grid, DER, battery, consumer, a board, prosumer."""


class Clock:
    """Unix seconds, as the test says."""

    def __init__(self, now: float = SINCE) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def write_keys(path: Path, node_ids: list[int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(json.dumps({str(node_id): key_of(node_id).hex() for node_id in node_ids}))


def provision(store: Store, max_power_w: int = 10_000) -> None:
    with store.write() as connection:
        nodes.provision(
            connection,
            [
                Node(node_id, f"node {node_id}", kind, node_id, max_power_w if kind else 0)
                for node_id, kind in METERS.items()
            ],
        )


def booked(store: Store, node_id: int) -> list[int]:
    """A node's newest registers, Wh; zeros before its first reading."""
    with store.read() as connection:
        newest = readings.latest_of(connection, node_id)
    return list(newest.registers) if newest else [0] * 6


def send(pipeline: Pipeline, *frames: bytes) -> list[Result]:
    """What became of each frame."""
    return [outcome.result for outcome in pipeline.submit(frames)]
