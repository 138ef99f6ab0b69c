"""A node's key is replaced over the air: whoever loses power when, both go on talking."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingest_kit import Clock, booked, provision, write_keys
from meters import SINCE, key_of
from unhurried import unhurried

from backend.config import Settings
from backend.ingest import rotation
from backend.ingest.downlink import Downlink
from backend.ingest.frame import decode
from backend.ingest.frame_values import FrameType, KeyMethod, NextKey, Result
from backend.ingest.key_epochs import KeyEpochs
from backend.ingest.keyring import Keyring, KeyringError, read_keys
from backend.ingest.pipeline import Outcome, Pipeline
from backend.ingest.verify import Limits
from backend.oracle.attestation import read_evidence
from backend.telemetry import events, nodes
from backend.telemetry.events import ChainEvent
from backend.telemetry.store import open_store
from devices.esp32 import frame as firmware
from devices.esp32.element import Sealer
from devices.esp32.node import Node
from devices.simulator.element import open_element
from devices.simulator.plan import load_plan
from scripts import provisioning

NODE, OTHER = 4, 7
WMS_PER_WH = 3_600_000


class NoPower(Exception):  # noqa: N818 - what happens to the part
    """Whoever raises it loses power here."""


class Air:
    """One node and the gateway. Each loses power where `cut` says and goes on from what it kept.

    Args:
        cut: places, in the order in which they are met: "node sends", "gateway judged", "node got
            the key", "node kept it", "gateway heard the new key", "gateway kept that"
    """

    def __init__(self, home: Path, with_element: bool = False) -> None:
        self.home, self.ring = home, home / "keys" / "nodes.json"
        write_keys(self.ring, [NODE, OTHER])
        self.clock = Clock(SINCE)
        self.store = open_store(f"sqlite:///{home / 'store.sqlite'}")
        provision(self.store, 100_000)
        self.cut: list[str] = []
        self.kept: dict[str, Any] | None = None
        self.element = open_element(home, NODE) if with_element else None
        self.pipeline: Pipeline | None = None
        self.told: list[bytes] = []
        self.start_gateway()
        self.start_node()

    def start_gateway(self) -> None:
        if self.pipeline is not None:
            self.pipeline.stop()
        self._looks = 0.0
        self.keyring = Keyring(self.ring, self._tick, self.clock, self._keep_used)
        self.pipeline = Pipeline(self.store, self.keyring, Limits(since=SINCE), self.clock)
        self.pipeline.start()
        self.downlink = Downlink(self.store, self.keyring, lambda _: [], self.clock)

    def start_node(self) -> None:
        kept = copy.deepcopy(self.kept)
        self.node = Node(NODE, key_of(NODE), kept, [], 1, (1, 0, 0), 0, 10**9, 64)
        if self.element is not None:
            self.node.sealer = Sealer(self.element, 31_337, bytes(20), NODE, 1)
        self.uptime_ms = 0
        self.remember()

    def close(self) -> None:
        assert self.pipeline is not None
        self.pipeline.stop()
        self.store.close()

    def _tick(self) -> float:
        self._looks += 2.0  # the ring is looked at each time
        return self._looks

    def _keep_used(self, path: Path, node_id: int, key: bytes, now: int) -> None:
        self.at("gateway heard the new key")
        rotation.note_used(path, node_id, key, now)
        self.at("gateway kept that")

    def at(self, place: str) -> None:
        if self.cut and self.cut[0] == place:
            self.cut.pop(0)
            raise NoPower(place)

    def remember(self) -> None:
        self.kept = json.loads(json.dumps(self.node.state()))

    # ---- what happens ----------------------------------------------------------------------------

    def exchange(self) -> list[Outcome]:
        """The node counts a Wh, says so and hears what the gateway answers; or somebody dies."""
        self.clock.now += 20
        self.uptime_ms += 20_000
        self.node.count([0, WMS_PER_WH, 0, WMS_PER_WH, 0, 0])
        self.node.tick(self.uptime_ms, int(self.clock.now * 1000), {})
        self.node.read(int(self.clock.now * 1000))
        try:
            return self._talk()
        except NoPower as death:
            if str(death).startswith("gateway"):
                self.start_gateway()
            else:
                self.start_node()
            return []
        finally:
            self.nobody_is_locked_out()

    def _talk(self) -> list[Outcome]:
        assert self.pipeline is not None
        self.remember()  # as every node does before it sends
        frames = self.node.outbox.batch(8)
        self.at("node sends")
        outcomes = self.pipeline.submit(frames)
        self.at("gateway judged")
        down = self.downlink.for_senders_of(outcomes).get(NODE, [])
        for data in self.downlink.results(NODE, outcomes) + down:
            self.told.append(data)
            what = self.node.receive(data, self.uptime_ms, int(self.clock.now * 1000), {})
            if what == "key":
                self.at("node got the key")
                self.remember()
                self.at("node kept it")
        return outcomes

    def nobody_is_locked_out(self) -> None:
        """Whatever the node would go by after a start now, the gateway takes it, after a start."""
        kept = copy.deepcopy(self.kept)
        would = Node(NODE, key_of(NODE), kept, [], 1, (1, 0, 0), 0, 10**9, 64).key
        ring = Keyring(self.ring, now=self.clock)
        assert would in (ring.get(NODE), ring.previous(NODE))

    def settle(self) -> None:
        """Exchanges without faults: the new key is used, the old one is refused, all is booked."""
        for _ in range(4):
            outcomes = self.exchange()
        assert {outcome.result for outcome in outcomes} <= {Result.ACCEPTED, Result.DUPLICATE}
        assert not self.node.outbox.in_flight
        found = read_keys(self.ring)[NODE]
        assert (found.used, self.node.key, self.node.epoch) == (True, found.key, found.epoch)
        assert self.keyring.previous(NODE) is None
        assert booked(self.store, NODE)[3] == self.node.register_wh(3)


@pytest.fixture
def air(tmp_path: Path) -> Iterator[Air]:
    made = Air(tmp_path)
    yield made
    made.close()


@pytest.fixture
def air_with_element(tmp_path: Path) -> Iterator[Air]:
    made = Air(tmp_path, with_element=True)
    yield made
    made.close()


def begin(air: Air) -> None:
    rotation.wrap(air.ring, NODE, int(air.clock.now))


def test_the_node_has_its_new_key_after_two_exchanges_and_loses_no_energy(air: Air) -> None:
    air.exchange()
    begin(air)
    old = air.node.key
    air.exchange()
    assert air.node.key != old
    air.exchange()
    air.settle()


PLACES = (
    "node sends", "gateway judged", "node got the key", "node kept it",
    "gateway heard the new key", "gateway kept that",
)  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("twice", [False, True])
def test_power_is_lost_at_this_step(air: Air, place: str, twice: bool) -> None:
    air.exchange()
    begin(air)
    air.cut = [place] * (2 if twice else 1)
    for _ in range(6):
        air.exchange()
    assert air.cut in ([], [place])  # what is heard and kept once is not heard a second time
    air.cut = []
    air.settle()


@settings(
    parent=unhurried, max_examples=8,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(st.data())
def test_whatever_order_they_die_in(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    air = Air(tmp_path_factory.mktemp("air"))
    try:
        for _ in range(data.draw(st.integers(1, 2))):
            begin(air)
            air.cut = data.draw(st.lists(st.sampled_from(PLACES), max_size=5))
            for _ in range(10):
                air.exchange()
            air.cut = []
            air.settle()
    finally:
        air.close()


def test_a_node_that_was_away_for_a_month_finds_both_keys_good(air: Air) -> None:
    begin(air)
    air.clock.now += 30 * 86_400
    air.exchange()
    air.settle()


def test_both_count_until_the_new_one_is_used_and_then_one(air: Air) -> None:
    air.exchange()
    begin(air)
    late = air.node.outbox.next_frame(FrameType.EVENT, SINCE, bytes([4, 255, 0, 0, 0, 0]))
    later = air.node.outbox.next_frame(FrameType.EVENT, SINCE, bytes([4, 255, 0, 0, 0, 0]))
    assert air.pipeline is not None
    assert [o.result for o in air.pipeline.submit([late])] == [Result.ACCEPTED]
    air.exchange()
    air.settle()
    assert [o.result for o in air.pipeline.submit([later])] == [Result.BAD_TAG]
    air.start_gateway()  # that the new key was used outlives the service
    assert [o.result for o in air.pipeline.submit([later])] == [Result.BAD_TAG]


def test_a_revoked_node_is_given_none(air: Air) -> None:
    air.exchange()
    begin(air)
    with air.store.write() as connection:
        assert nodes.revoke(connection, NODE, int(air.clock.now))
    air.told.clear()
    for _ in range(3):
        air.exchange()
    assert [decode(data, downlink=True).type for data in air.told] == []
    assert air.node.epoch == 0


def test_a_recorded_key_is_worth_nothing_later_and_none_to_another_node(air: Air) -> None:
    air.exchange()
    begin(air)
    air.exchange()
    air.settle()
    told = [d for d in air.told if decode(d, downlink=True).type is FrameType.KEY]
    assert told
    key = air.node.key
    for data in told:
        assert air.node.receive(data, 0, 0, {}) == "bad_tag"
    other = Node(OTHER, key_of(OTHER), None, [], 1, (1, 0, 0), 0, 10**9, 64)
    assert {other.receive(data, 0, 0, {}) for data in told} == {"unknown_node"}
    assert air.node.key == key
    frame = decode(told[0], downlink=True)
    assert isinstance(frame.body, NextKey)
    assert frame.body.content != key  # it is wrapped


def test_an_older_epoch_is_refused_and_a_second_change_waits_for_the_first(air: Air) -> None:
    begin(air)
    with pytest.raises(KeyringError, match="wait until"):
        rotation.wrap(air.ring, NODE, int(air.clock.now) + 1)
    air.exchange()
    air.settle()
    with pytest.raises(KeyringError, match="already"):
        rotation.wrap(air.ring, NODE, read_keys(air.ring)[NODE].epoch)
    with pytest.raises(KeyringError, match="does not know node 99"):
        rotation.wrap(air.ring, 99, int(air.clock.now))


def test_oracle_nodes_take_what_was_measured_before_until_it_is_old(air: Air) -> None:
    air.exchange()
    values = (0, 9, 0, 9, 0, 0, 2300, 0, 0, 1000, 250, 0xFFFF, 0, 1)
    payload = firmware.put_reading(values)
    frame = air.node.outbox.next_frame(firmware.KEYFRAME, int(air.clock.now), payload)
    begin(air)
    air.exchange()
    air.settle()
    read_evidence(NODE, [frame], air.keyring.get, air.keyring.evidence)
    air.clock.now += rotation.EVIDENCE_S
    with pytest.raises(ValueError, match="boot"):
        read_evidence(NODE, [frame], air.keyring.get, air.keyring.evidence)
    assert rotation.forget_old(air.ring, int(air.clock.now)) == 1
    assert key_of(NODE).hex() not in air.ring.read_text()
    assert Keyring(air.ring).get(NODE) == air.node.key


def test_a_console_key_comes_before_one_from_the_air(air: Air) -> None:
    """Who provisions a node anew has the last word, whatever its memory holds."""
    begin(air)
    air.exchange()
    air.settle()
    anew = Node(NODE, bytes(range(32)), copy.deepcopy(air.kept), [], 1, (1, 0, 0), 0, 1, 64)
    assert (anew.key, anew.epoch) == (bytes(range(32)), 0)


# ---- agreed on, and session epochs ---------------------------------------------------------------


def test_an_agreed_key_is_not_in_what_was_said(air_with_element: Air) -> None:
    air = air_with_element
    air.exchange()
    rotation.agree(air.ring, NODE, open_element(air.home, NODE).public_key(), int(air.clock.now))
    air.exchange()
    air.settle()
    assert all(air.node.key not in data for data in air.told)
    (body,) = {
        frame.body
        for data in air.told
        if (frame := decode(data, downlink=True)).type is FrameType.KEY
    }
    assert isinstance(body, NextKey)
    assert body.method is KeyMethod.AGREED


def test_a_node_without_an_element_stays_with_its_key(air: Air, tmp_path: Path) -> None:
    public = open_element(tmp_path, OTHER).public_key()
    rotation.agree(air.ring, NODE, public, int(air.clock.now))
    for _ in range(3):
        air.exchange()
    assert air.node.epoch == 0
    assert booked(air.store, NODE)[3] == air.node.register_wh(3)


def enrol(air: Air) -> None:
    """What the follower stores of an enrolment."""
    public = open_element(air.home, NODE).public_key()
    args = {
        "meter": NODE, "enrolment": 1, "before": 0, "afterReset": 0,
        "x": "0x" + public[:32].hex(), "y": "0x" + public[32:].hex(),
    }  # fmt: skip
    told = ChainEvent(1, 0, "0x1", "0x2", "ElementRegistry", "ElementEnrolled", args, SINCE)
    with air.store.write() as connection:
        events.store(connection, [told])


def test_epochs_roll_by_time_and_by_frames(air_with_element: Air) -> None:
    air = air_with_element
    enrol(air)
    epochs = KeyEpochs(air.store, air.ring, hours=24, frames=50, clock=air.clock)
    air.exchange()
    assert epochs.sweep() == [NODE]  # the provisioned key, which was typed in, goes first
    assert epochs.sweep() == []
    air.exchange()
    air.settle()
    first = air.node.epoch
    assert epochs.sweep() == []
    air.clock.now += rotation.EVIDENCE_S
    air.exchange()
    assert epochs.sweep() == []
    air.clock.now += 24 * 3600
    assert epochs.sweep() == [NODE]
    air.exchange()
    air.settle()
    assert air.node.epoch > first
    air.clock.now += rotation.EVIDENCE_S
    begun = []
    for _ in range(60):
        air.exchange()
        begun += epochs.sweep()
    assert begun == [NODE]  # more than fifty frames
    air.settle()


def test_no_epoch_for_a_revoked_node_and_none_if_told_so(air_with_element: Air) -> None:
    air = air_with_element
    enrol(air)
    air.exchange()
    assert KeyEpochs(air.store, air.ring, hours=0, frames=100, clock=air.clock).sweep() == []
    with air.store.write() as connection:
        assert nodes.revoke(connection, NODE, int(air.clock.now))
    assert KeyEpochs(air.store, air.ring, hours=1, frames=100, clock=air.clock).sweep() == []


# ---- the demonstration's next start --------------------------------------------------------------


def test_provisioning_again_leaves_a_key_from_the_air_alone(tmp_path: Path) -> None:
    """The node has it in its memory; where that is gone, the key is put in anew."""
    settings, plan = Settings(home=tmp_path), load_plan()
    first = provisioning._node_keys(settings, plan)
    file, ring = tmp_path / "devices" / f"{NODE}.key", tmp_path / "keys" / "nodes.json"
    rotation.wrap(ring, NODE, SINCE)
    memory = file.with_suffix(".nvm.json")
    memory.write_text("{}")
    again = provisioning._node_keys(settings, plan)
    assert again[NODE] == Keyring(ring).get(NODE) != first[NODE]
    assert file.read_text().strip() == first[NODE].hex()
    memory.unlink()
    provisioning._node_keys(settings, plan)
    assert file.read_text().strip() == again[NODE].hex()
    (tmp_path / "devices" / f"{OTHER}.key").write_text("00" * 32)
    with pytest.raises(provisioning.ProvisionError, match="differs from"):
        provisioning._node_keys(settings, plan)
