"""A fresh store, a clock the test moves, and the ingest on both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ingest_kit import METERS, Clock, provision, send, write_keys
from meters import SINCE, Meter

from backend.ingest.frame_values import Result
from backend.ingest.keyring import Keyring
from backend.ingest.pipeline import Pipeline
from backend.ingest.verify import Limits
from backend.telemetry.store import Store, open_store

pytest.register_assert_rewrite("api_world", "chain_fixtures")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'store.sqlite'}")
    yield opened
    opened.close()


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    path = tmp_path / "keys" / "nodes.json"
    write_keys(path, [*METERS, 99])  # 99 has a key and is not provisioned
    return Keyring(path)


@pytest.fixture
def pipeline(store: Store, keyring: Keyring, clock: Clock) -> Iterator[Pipeline]:
    provision(store)
    made = Pipeline(store, keyring, Limits(since=SINCE), clock)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def meter(pipeline: Pipeline, clock: Clock) -> Meter:
    """A meter with one accepted reading."""
    made = Meter(4)
    assert send(pipeline, made.keyframe_at(SINCE)) == [Result.ACCEPTED]
    clock.now += 60
    return made
