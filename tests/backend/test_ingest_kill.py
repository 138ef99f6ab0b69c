"""A process killed at any instant has lost no accepted reading and books none twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
from ingest_kit import METERS, provision, write_keys
from ingest_process import frame_of

from backend.telemetry.node_tables import readings
from backend.telemetry.store import open_store

KILLS = 8
NODES = [node_id for node_id, kind in METERS.items() if kind]


@pytest.mark.slow
def test_killed_at_random_moments_every_accepted_reading_is_there_once(tmp_path: Path) -> None:
    chance = random.Random(20_261_121)
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    store = open_store(url)
    provision(store)
    store.close()
    write_keys(tmp_path / "nodes.json", NODES)
    accepted: dict[int, set[int]] = {node_id: set() for node_id in NODES}
    duplicates = 0
    for _ in range(KILLS):
        lines = _run_and_kill(tmp_path, accepted, after_s=chance.uniform(0.02, 0.3))
        for line in lines:
            node_id, sequence, result = line.split()
            assert result in ("accepted", "duplicate"), line
            duplicates += result == "duplicate"
            accepted[int(node_id)].add(int(sequence))
    with open_store(url).read() as connection:
        rows = connection.execute(
            sa.select(
                readings.c.node_id, readings.c.sequence, readings.c.imported_wh, readings.c.frame
            )
        ).all()
    stored = [(row.node_id, row.sequence) for row in rows]
    assert len(stored) == len(set(stored))
    for node_id, sequences in accepted.items():
        assert sequences <= {sequence for node, sequence in stored if node == node_id}
        assert len(sequences) > KILLS
    for row in rows:
        assert row.imported_wh == row.sequence
        assert row.frame == frame_of(row.node_id, row.sequence)


def _run_and_kill(folder: Path, accepted: dict[int, set[int]], after_s: float) -> list[str]:
    """What the process said before SIGKILL, `after_s` seconds after its first word.

    It starts with the first frame that was not answered, as a node does with what it kept.
    """
    nexts = {node_id: max(sequences, default=0) + 1 for node_id, sequences in accepted.items()}
    command = [sys.executable, str(Path(__file__).with_name("ingest_process.py")), str(folder)]
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(
        [*command, json.dumps(nexts)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    assert process.stdout is not None
    first = process.stdout.read(1)
    time.sleep(after_s)  # the moment of the kill is the test's input, not something to wait for
    process.send_signal(signal.SIGKILL)
    text = (first + process.stdout.read()).decode()
    process.wait()
    return [line for line in text.split("\n")[:-1] if line]  # the last line may be torn
