"""A device's key is replaced while frames are on their way: none is lost, none comes back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ingest_kit import Clock, booked, provision, send, write_keys
from meters import SINCE, Meter, key_of

from backend.ingest import agreement
from backend.ingest.frame import encode
from backend.ingest.frame_values import BadTag, Result
from backend.ingest.keyring import Keyring, KeyringError, read_keys
from backend.ingest.pipeline import Pipeline
from backend.ingest.verify import Limits
from backend.oracle.attestation import read_evidence
from backend.telemetry import nodes
from backend.telemetry.store import Store
from devices.esp32.element import Atecc608, session_key
from devices.simulator.element import SimulatedAtecc
from scripts.rotate_key import rotate

NODE = 4
NEW = bytes(range(32))
GRACE_S = 600


class Rotating:
    """A gateway whose ring a test changes, and a meter with one accepted reading."""

    def __init__(self, store: Store, home: Path, clock: Clock) -> None:
        self.ring = home / "nodes.json"
        write_keys(self.ring, [NODE, 7])
        self.clock, self.store = clock, store
        provision(store)
        self._looks = 0.0
        self.keyring = Keyring(self.ring, clock=self._tick, now=clock)
        self.pipeline = Pipeline(store, self.keyring, Limits(since=SINCE), clock)
        self.pipeline.start()
        self.meter = Meter(NODE)
        assert send(self.pipeline, self.meter.keyframe_at(SINCE)) == [Result.ACCEPTED]
        clock.now += 60

    def _tick(self) -> float:
        self._looks += 2.0  # the ring is looked at each time
        return self._looks

    def rotate(self) -> None:
        rotate(self.ring, NODE, NEW, int(self.clock.now) + GRACE_S)

    def read(self, key: bytes) -> bytes:
        self.meter.count(1)
        self.meter.sequence += 1
        at = int(self.clock.now)
        return encode(NODE, 1, self.meter.sequence, at, self.meter.reading(), key)


@pytest.fixture
def rotating(store: Store, tmp_path: Path, clock: Clock):  # type: ignore[no-untyped-def]
    made = Rotating(store, tmp_path, clock)
    yield made
    made.pipeline.stop()


def test_frames_on_their_way_are_not_lost(rotating: Rotating) -> None:
    before = rotating.read(key_of(NODE))
    rotating.rotate()
    assert send(rotating.pipeline, before) == [Result.ACCEPTED]
    assert send(rotating.pipeline, rotating.read(NEW)) == [Result.ACCEPTED]
    assert booked(rotating.store, NODE)[3] == 2


def test_old_key_is_refused_once_the_node_has_spoken_with_the_new_one(rotating: Rotating) -> None:
    rotating.rotate()
    assert send(rotating.pipeline, rotating.read(NEW)) == [Result.ACCEPTED]
    assert send(rotating.pipeline, rotating.read(key_of(NODE))) == [Result.BAD_TAG]


def test_old_key_is_refused_after_the_grace(rotating: Rotating) -> None:
    rotating.rotate()
    rotating.clock.now += GRACE_S - 1
    assert send(rotating.pipeline, rotating.read(key_of(NODE))) == [Result.ACCEPTED]
    rotating.clock.now += 1
    assert send(rotating.pipeline, rotating.read(key_of(NODE))) == [Result.BAD_TAG]


def test_rotation_reaches_no_other_node(rotating: Rotating) -> None:
    rotating.rotate()
    forged = encode(7, 1, 1, int(rotating.clock.now), rotating.meter.reading(), key_of(NODE))
    assert send(rotating.pipeline, forged) == [Result.BAD_TAG]


def test_replays_stay_what_they_are(rotating: Rotating) -> None:
    first = rotating.read(key_of(NODE))
    assert send(rotating.pipeline, first) == [Result.ACCEPTED]
    rotating.rotate()
    assert send(rotating.pipeline, first) == [Result.DUPLICATE]
    assert send(rotating.pipeline, rotating.read(NEW)) == [Result.ACCEPTED]
    assert send(rotating.pipeline, first) == [Result.BAD_TAG]


def test_stolen_node_is_refused_under_either_key(rotating: Rotating) -> None:
    rotating.rotate()
    with rotating.store.write() as connection:
        assert nodes.revoke(connection, NODE, int(rotating.clock.now))
    for key in (key_of(NODE), NEW):
        assert send(rotating.pipeline, rotating.read(key)) == [Result.REVOKED_NODE]
    assert booked(rotating.store, NODE)[3] == 0


def test_key_is_used_once(rotating: Rotating) -> None:
    rotating.rotate()
    for used in (NEW, key_of(NODE)):
        with pytest.raises(KeyringError, match="a key is used once"):
            rotate(rotating.ring, NODE, used, 0)
    with pytest.raises(KeyringError, match="does not know node 99"):
        rotate(rotating.ring, 99, NEW, 0)


@pytest.mark.parametrize(
    "entry",
    [
        {"key": "11" * 32},
        {"key": "11" * 32, "previous": "22" * 31, "until": 1},
        {"key": "11" * 32, "previous": "22" * 32, "until": "soon"},
        {"key": "11" * 32, "previous": "22" * 32, "until": 1, "more": 1},
        17,
        None,
    ],
)
def test_damaged_ring_is_named(tmp_path: Path, entry: object) -> None:
    ring = tmp_path / "nodes.json"
    ring.touch(mode=0o600)
    ring.write_text(json.dumps({"4": entry}))
    with pytest.raises(KeyringError, match="4"):
        read_keys(ring)


def test_oracle_nodes_take_evidence_of_before(rotating: Rotating) -> None:
    frame = rotating.read(key_of(NODE))
    rotating.rotate()
    keyring = rotating.keyring
    read_evidence(NODE, [frame], keyring.get, keyring.previous)
    with pytest.raises(BadTag):
        read_evidence(NODE, [frame], keyring.get)
    rotating.clock.now += GRACE_S
    with pytest.raises(BadTag):
        read_evidence(NODE, [frame], keyring.get, keyring.previous)


# ---- agreement -----------------------------------------------------------------------------------


def test_both_ends_come_to_one_key_that_was_never_sent(tmp_path: Path) -> None:
    element = Atecc608(SimulatedAtecc(tmp_path / "element.json"), lambda _ms: None)
    own = agreement.new_private_key()
    shared = agreement.shared_secret(own, element.public_key())
    keys = set()
    for node_id, epoch in ((4, 1), (4, 2), (5, 1)):
        ours = agreement.frame_key(shared, node_id, epoch)
        assert ours == session_key(element, agreement.public_key(own), node_id, epoch)
        keys.add(ours)
    assert len(keys) == 3


def test_agreement_refuses_what_is_no_point() -> None:
    own = agreement.new_private_key()
    for wrong in (b"\x01" * 64, b"\x00" * 64, b"\x01" * 63):
        with pytest.raises(ValueError, match=r".+"):
            agreement.shared_secret(own, wrong)
