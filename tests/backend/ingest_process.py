"""A process that ingests until it is killed: `python ingest_process.py FOLDER '{"<node>": next}'`.

Each node's thread sends its frames one after the other and writes `<node> <sequence> <result>` once
it is answered. A frame follows from node and sequence alone: any process can make it again.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

from meters import SINCE, Meter

from backend.ingest.keyring import Keyring
from backend.ingest.pipeline import Pipeline
from backend.ingest.verify import Limits
from backend.telemetry.store import open_store

KEYFRAME_EVERY = 16


def frame_of(node_id: int, sequence: int) -> bytes:
    """The frame with `sequence` of a meter that counts one Wh a frame."""
    meter = Meter(node_id)
    at = (sequence - 1) // KEYFRAME_EVERY * KEYFRAME_EVERY + 1
    meter.sequence, meter.registers[3] = at - 1, at
    keyframe = meter.keyframe_at(SINCE + at)
    if at == sequence:
        return keyframe
    meter.sequence, meter.registers[3] = sequence - 1, sequence
    return meter.delta_at(SINCE + sequence)


def send_all(pipeline: Pipeline, node_id: int, sequence: int) -> None:
    while True:
        (outcome,) = pipeline.submit([frame_of(node_id, sequence)])
        os.write(1, f"{node_id} {sequence} {outcome.result.value}\n".encode())
        sequence += 1


def main() -> None:
    folder, nexts = Path(sys.argv[1]), json.loads(sys.argv[2])
    store = open_store(f"sqlite:///{folder / 'store.sqlite'}")
    limits = Limits(since=SINCE)
    pipeline = Pipeline(store, Keyring(folder / "nodes.json"), limits, lambda: SINCE + 1_000_000.0)
    pipeline.start()
    for node_id, sequence in nexts.items():
        threading.Thread(target=send_all, args=(pipeline, int(node_id), sequence)).start()


if __name__ == "__main__":
    main()
