"""Meters behind an MQTT broker: a real Mosquitto, killed where it hurts."""

from __future__ import annotations

import asyncio
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
import sqlalchemy as sa
from ingest_kit import METERS, Clock, write_keys
from meters import SINCE, Meter, key_of
from mosquitto import PATIENCE_S, Listener, Mosquitto, needs_mosquitto

from backend import signals
from backend.ingest import mqtt_access
from backend.ingest.downlink import Downlink
from backend.ingest.frame import decode, encode, verify
from backend.ingest.frame_values import Command, Frame, FrameType, Result, Results, SetTime
from backend.ingest.keyring import Keyring
from backend.ingest.mqtt_connection import Broker, BrokerError
from backend.ingest.mqtt_gateway import MqttGateway
from backend.ingest.octets import join_octets, split_octets
from backend.ingest.pipeline import Pipeline
from backend.ingest.verify import Limits
from backend.telemetry import nodes, quarantine, readings
from backend.telemetry.store import Store
from devices.simulator.__main__ import parse, settings_of
from devices.simulator.mqtt_link import MqttBroker, password_of
from devices.simulator.neighbourhood import (
    Neighbourhood,
    NeighbourhoodError,
    Settings,
    open_session,
)
from devices.simulator.plan import load_plan
from scripts.demo import _broker_options

pytestmark = needs_mosquitto
PREFIX = "test/grid"


class Node:
    """A node's client: publishes frames, takes what comes down."""

    def __init__(self, port: int, node_id: int, **options: object) -> None:
        self.node_id = node_id
        self._line = Listener(port, f"{PREFIX}/node/{node_id}/down", **options).ready()  # type: ignore[arg-type]
        self._read = 0

    def send(self, *frames: bytes) -> None:
        self._line.say(f"{PREFIX}/node/{self.node_id}/up", join_octets(frames))

    def receive(self) -> list[Frame]:
        """The frames of the next message, verified."""
        self._read += 1
        self._line.until_count(self._read)
        frames = [
            decode(raw, downlink=True)
            for raw in split_octets(self._line.heard[self._read - 1].payload)
        ]
        for frame in frames:
            verify(frame, key_of(frame.node_id))
        return frames

    def results(self) -> list[tuple[int, Result]]:
        """Sequences and results of the next message's RESULTS."""
        return [
            (sequence, result)
            for frame in self.receive()
            if isinstance(frame.body, Results)
            for _, sequence, result in frame.body.entries
        ]

    def close(self) -> None:
        self._line.close()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    made = Mosquitto(tmp_path / "broker")
    made.start()
    yield made
    made.stop()


Pending = dict[int, list[bytes]]


@pytest.fixture
def pending() -> Pending:
    return {}


Make = Callable[..., MqttGateway]


@pytest.fixture
def make(
    pipeline: Pipeline, store: Store, keyring: Keyring, clock: Clock, pending: Pending
) -> Iterator[Make]:
    downlink = Downlink(store, keyring, lambda node_id: pending.get(node_id, []), clock)
    made: list[MqttGateway] = []

    def start(port: int, connections: int = 1, broker: Broker | None = None) -> MqttGateway:
        where = broker or Broker(f"mqtt://127.0.0.1:{port}")
        gateway = MqttGateway(where, PREFIX, "test-gateway", connections, pipeline, downlink)
        made.append(gateway)
        gateway.start()
        for line in gateway.lines:
            assert line.connection.connected.wait(PATIENCE_S)
        return gateway

    yield start
    for gateway in made:
        gateway.stop()
    downlink.close()


def _until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.02)


def _booked(store: Store, node_id: int) -> int | None:
    with store.read() as connection:
        stored = readings.latest_of(connection, node_id)
    return stored.imported_wh if stored else None


def test_a_reading_is_stored_and_answered_and_a_command_comes_at_once(
    broker: Mosquitto, make: Make, store: Store, pending: Pending
) -> None:
    make(broker.port)
    meter, node = Meter(4), Node(broker.port, 4)
    meter.count(3)
    node.send(meter.keyframe_at(SINCE), meter.delta_at(SINCE))
    assert node.results() == [(1, Result.ACCEPTED), (2, Result.ACCEPTED)]
    assert _booked(store, 4) == 3
    command = Command((3 << 40) + 1, 0, False, 0, 0)
    pending[4] = [encode(4, 9, 1, SINCE, command, key_of(4))]
    signals.command_issued.send(None, command_id=command.command_id, board=4)
    assert [frame.body for frame in node.receive()] == [command]
    again = meter.keyframe_at(SINCE)  # not acknowledged: said again at the next contact
    node.send(again)
    assert command in [frame.body for frame in node.receive()]
    node.send(again)  # repeated, as by whoever overheard it: no command for that
    assert [frame.type for frame in node.receive()] == [FrameType.RESULTS]
    node.close()


def test_a_node_without_a_clock_is_told_the_time(broker: Mosquitto, make: Make) -> None:
    make(broker.port)
    meter, node = Meter(4), Node(broker.port, 4)
    node.send(meter.keyframe_at(SINCE + 500))
    said = node.receive()
    assert [entry[2] for entry in said[0].body.entries] == [Result.FUTURE_TIME]  # type: ignore[union-attr]
    assert said[1].body == SetTime(SINCE, 0)
    node.close()


def test_rubbish_is_refused_and_stops_nobody(broker: Mosquitto, make: Make, store: Store) -> None:
    make(broker.port)
    stranger = Listener(broker.port).ready()
    forged = encode(4, 1, 1, SINCE, Meter(4).reading(), key_of(7))
    for topic in ("node/4/up", "node/x/up", "node/0/up", "node/99999999999/up"):
        for payload in (b"", b"\xff", b"\x00" * 40, bytes(range(256)) * 40, join_octets([forged])):
            stranger.say(f"{PREFIX}/{topic}", payload)
    node = Node(broker.port, 4)
    node.send(Meter(4).keyframe_at(SINCE))
    assert node.results() == [(1, Result.ACCEPTED)]
    stranger.close()
    node.close()


def test_a_hub_carries_the_frames_of_others_and_their_answers(
    broker: Mosquitto, make: Make, pending: Pending
) -> None:
    make(broker.port)
    hub, meter = Node(broker.port, 7), Meter(4)
    hub.send(meter.keyframe_at(SINCE))
    assert hub.results() == [(1, Result.ACCEPTED)]
    command = Command((3 << 40) + 1, 0, False, 0, 0)
    pending[4] = [encode(4, 9, 1, SINCE, command, key_of(4))]
    signals.command_issued.send(None, command_id=command.command_id, board=4)
    assert [frame.node_id for frame in hub.receive()] == [4]
    hub.close()


def test_what_comes_while_the_service_is_away_waits_at_the_broker(
    broker: Mosquitto, make: Make, store: Store
) -> None:
    make(broker.port).stop()
    meter, node = Meter(4), Node(broker.port, 4)
    for _ in range(5):
        meter.count(1)
        node.send(meter.keyframe_at(SINCE))
    assert _booked(store, 4) is None
    make(broker.port)
    _until(lambda: _booked(store, 4) == 5)
    node.close()


def test_nothing_is_acknowledged_that_the_store_did_not_take(
    broker: Mosquitto, make: Make, store: Store, pipeline: Pipeline
) -> None:
    """The store is out of reach, the service ends: the next one gets the message again."""
    gateway = make(broker.port)
    tried = threading.Event()

    def away(*_: object) -> None:
        tried.set()
        raise sa.exc.OperationalError("", {}, Exception("away"))

    meter, node = Meter(4), Node(broker.port, 4)
    meter.count(2)
    with patch.object(pipeline, "_store_batch", away):
        node.send(meter.keyframe_at(SINCE))
        assert tried.wait(PATIENCE_S)
        gateway.stop()
    assert _booked(store, 4) is None
    make(broker.port)
    _until(lambda: _booked(store, 4) == 2)
    node.close()


def test_a_broker_killed_and_restarted_loses_nothing(
    broker: Mosquitto, make: Make, store: Store
) -> None:
    """The node repeats what has no result; the gateway finds the broker again and is online."""
    gateway = make(broker.port)
    watch = Listener(broker.port, f"{PREFIX}/gateway/status").ready()
    watch.until(f"{PREFIX}/gateway/status", "online")
    meter, node = Meter(4), Node(broker.port, 4)
    meter.count(1)
    node.send(meter.keyframe_at(SINCE))
    node.results()
    broker.kill()
    meter.count(4)
    frame = meter.keyframe_at(SINCE)
    broker.start()
    for line in gateway.lines:
        assert line.connection.connected.wait(PATIENCE_S)
    _until(node._line.client.is_connected)
    node.send(frame)
    _until(lambda: _booked(store, 4) == 5)
    watch.close()
    node.close()


def test_the_last_will_says_that_the_gateway_is_gone(broker: Mosquitto, make: Make) -> None:
    status = f"{PREFIX}/gateway/status"
    gateway = make(broker.port)
    watch = Listener(broker.port, status).ready()
    watch.until(status, "online")
    client = gateway.lines[0].connection._client
    client.reconnect_delay_set(60, 60)
    client.socket().shutdown(2)  # type: ignore[union-attr]  # as a machine that fell over
    watch.until(status, "offline")
    watch.close()


def test_several_connections_share_the_meters(broker: Mosquitto, make: Make, store: Store) -> None:
    gateway = make(broker.port, connections=3)
    taken = [0, 0, 0]
    for i, line in enumerate(gateway.lines):
        original = line.connection.acknowledge

        def count(*given: int, i: int = i, original: Callable[..., None] = original) -> None:
            taken[i] += 1
            original(*given)

        line.connection.acknowledge = count  # type: ignore[method-assign]
    meters = {node_id: Meter(node_id) for node_id in METERS if METERS[node_id]}
    nodes = {node_id: Node(broker.port, node_id) for node_id in meters}
    for _ in range(6):
        for node_id, meter in meters.items():
            meter.count(1)
            nodes[node_id].send(meter.keyframe_at(SINCE))
        for node in nodes.values():
            assert [result for _, result in node.results()] == [Result.ACCEPTED]
    assert sum(taken) == 6 * len(meters)  # each message to one of them
    assert all(taken)
    assert {_booked(store, node_id) for node_id in meters} == {6}
    for node in nodes.values():
        node.close()


def test_an_end_is_quick_even_while_the_broker_is_away(
    tmp_path: Path, pipeline: Pipeline, store: Store, keyring: Keyring
) -> None:
    downlink = Downlink(store, keyring, lambda _node: [])
    gateway = MqttGateway(
        Broker("mqtt://127.0.0.1:9"), PREFIX, "test-gateway", 1, pipeline, downlink
    )
    gateway.start()
    began = time.monotonic()
    gateway.stop()
    assert time.monotonic() - began < 20  # the broker would be tried for ever
    downlink.close()


# ---- the simulated node's end ------------------------------------------------------------------

HOUSE = 13  # whose transport is mqtt in the plan


def test_a_simulated_house_counts_on_while_its_broker_is_killed(
    broker: Mosquitto, tmp_path: Path, store: Store
) -> None:
    """Node, broker and gateway as they are: what the house counted is what is booked."""
    homes, key = tmp_path / "devices", key_of(HOUSE)
    homes.mkdir()
    (homes / f"{HOUSE}.key").write_text(key.hex())
    write_keys(tmp_path / "mqtt" / "nodes.json", [HOUSE])
    keyring = Keyring(tmp_path / "mqtt" / "nodes.json")
    with store.write() as connection:
        nodes.provision(connection, [nodes.Node(HOUSE, "house", 1, 1, 10_000)])
    pipeline = Pipeline(store, keyring, Limits(time_scale=1e6))
    pipeline.start()
    pending: Pending = {}
    downlink = Downlink(store, keyring, lambda node_id: pending.pop(node_id, []))
    where = f"mqtt://127.0.0.1:{broker.port}"
    gateway = MqttGateway(Broker(where), PREFIX, "test-gateway", 1, pipeline, downlink)
    gateway.start()

    async def scenario() -> None:
        settings = Settings(
            homes, "http://127.0.0.1:9", 15.0, 0.05, 0.05, 60.0,
            nodes=frozenset({HOUSE}), mqtt=MqttBroker(where, PREFIX),
        )  # fmt: skip
        async with open_session() as session:
            made = Neighbourhood(load_plan(), settings, session)
            task = asyncio.create_task(made.run())
            watch = Listener(broker.port, f"{PREFIX}/node/{HOUSE}/status").ready()
            await asyncio.to_thread(watch.until, f"{PREFIX}/node/{HOUSE}/status", "online")
            close = Command((HOUSE << 40) + 1, 0, True, 0, 0)
            pending[HOUSE] = [encode(HOUSE, 1, 1, int(time.time()), close, key)]
            await asyncio.to_thread(_until, lambda: bool(made.world.closed[HOUSE]))
            made.world.forced_w[HOUSE] = 9_000
            await asyncio.to_thread(_until, lambda: (_booked(store, HOUSE) or 0) > 0)
            broker.kill()
            before = _booked(store, HOUSE) or 0
            await asyncio.sleep(0.5)
            broker.start()
            await asyncio.to_thread(_until, lambda: (_booked(store, HOUSE) or 0) > before)
            made.world.forced_w[HOUSE] = 0
            firmware = made.meters[HOUSE].firmware
            await asyncio.to_thread(
                _until, lambda: _booked(store, HOUSE) == firmware.register_wh(3)
            )
            assert firmware.outbox.dropped == 0
            task.cancel()
            await asyncio.wait((task,))
            watch.close()

    try:
        asyncio.run(scenario())
        with store.read() as connection:
            assert not quarantine.open_frames(connection, {HOUSE})
    finally:
        gateway.stop()
        downlink.close()
        pipeline.stop()


# ---- who may -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ca.pem, and server.pem and server.key that it vouches for."""
    folder = tmp_path_factory.mktemp("tls")

    def openssl(line: str) -> None:
        subprocess.run(["openssl", *line.split()], cwd=folder, check=True, capture_output=True)

    ec = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl(f"req -x509 {ec} -keyout ca.key -out ca.pem -subj /CN=ca -days 2")
    openssl(f"req {ec} -keyout server.key -out server.csr -subj /CN=broker")
    openssl(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -extfile names -out server.pem -days 2"
    )
    return folder


@pytest.fixture
def guarded(certificate: Path, tmp_path: Path) -> Iterator[Mosquitto]:
    """TLS, passwords and the ACL, from the files that `mqtt_access` writes."""
    home, out = tmp_path / "home", tmp_path / "access"
    (home / "keys").mkdir(parents=True)
    names = {str(node_id): key_of(node_id).hex() for node_id in METERS}
    file = home / "keys" / "nodes.json"
    file.touch(mode=0o600)
    file.write_text(str(names).replace("'", '"'))
    arguments = ["mqtt_access", "--home", str(home), "--out", str(out), "--prefix", PREFIX]
    with patch.dict("os.environ", OHMSTEAD_MQTT_PASSWORD="gateway's"), patch("sys.argv", arguments):
        assert mqtt_access.main() == 0
    made = Mosquitto(
        tmp_path / "broker",
        f"cafile {certificate / 'ca.pem'}",
        f"certfile {certificate / 'server.pem'}",
        f"keyfile {certificate / 'server.key'}",
        f"password_file {out / 'passwords'}",
        f"acl_file {out / 'acl'}",
        anonymous=False,
    )
    made.start()
    yield made
    made.stop()


def test_under_tls_a_node_has_its_own_topics_and_no_others(
    guarded: Mosquitto, certificate: Path, make: Make, store: Store
) -> None:
    ca = certificate / "ca.pem"
    where = Broker(f"mqtts://127.0.0.1:{guarded.port}", "gateway", "gateway's", ca)
    make(guarded.port, broker=where)
    node = Node(guarded.port, 4, user="4", password=password_of(key_of(4)), ca=ca)
    meter = Meter(4)
    meter.count(1)
    node.send(meter.keyframe_at(SINCE))
    assert node.results() == [(1, Result.ACCEPTED)]
    # What another's node knows of ours: nothing. Its word on our topic goes nowhere.
    other = Listener(
        guarded.port, f"{PREFIX}/#", user="7", password=password_of(key_of(7)), ca=ca
    ).ready()
    meter.count(1)
    for topic, payload in (
        ("node/4/up", join_octets([meter.keyframe_at(SINCE)])),
        ("gateway/status", b"offline"),
        ("relay/4/set", b"OFF"),
    ):
        other.say(f"{PREFIX}/{topic}", payload, qos=0)
    meter.count(1)
    node.send(meter.keyframe_at(SINCE))
    assert node.results() == [(3, Result.ACCEPTED)]
    assert _booked(store, 4) == 3
    assert {message.topic for message in other.heard} <= {f"{PREFIX}/gateway/status"}
    assert other.latest(f"{PREFIX}/gateway/status") == "online"
    other.close()
    node.close()


@pytest.mark.parametrize(("user", "password"), [("4", "wrong"), ("nobody", "x"), (None, None)])
def test_a_wrong_password_is_refused(
    guarded: Mosquitto, certificate: Path, user: str | None, password: str | None
) -> None:
    stranger = Listener(guarded.port, user=user, password=password, ca=certificate / "ca.pem")
    assert stranger.refused.wait(PATIENCE_S)
    stranger.close()


def test_a_broker_nobody_vouches_for_is_not_believed(
    guarded: Mosquitto, pipeline: Pipeline, store: Store, keyring: Keyring
) -> None:
    downlink = Downlink(store, keyring, lambda _node: [])
    where = Broker(f"mqtts://127.0.0.1:{guarded.port}", "gateway", "gateway's")  # the system's CAs
    gateway = MqttGateway(where, PREFIX, "test-gateway", 1, pipeline, downlink)
    gateway.start()
    assert not gateway.lines[0].connection.connected.wait(1.0)
    gateway.stop()
    downlink.close()


def test_a_ca_that_is_none_is_named(
    tmp_path: Path, pipeline: Pipeline, store: Store, keyring: Keyring
) -> None:
    rubbish = tmp_path / "ca.pem"
    rubbish.write_text("no certificate")
    with pytest.raises(BrokerError, match="OHMSTEAD_MQTT_CA"):
        MqttGateway(
            Broker("mqtts://broker", ca=rubbish),
            PREFIX,
            "test-gateway",
            1,
            pipeline,
            Downlink(store, keyring, lambda _node: []),
        )


def test_files_written_again_keep_what_is_not_ours() -> None:
    keys = {4: key_of(4)}
    first = mqtt_access.password_file(keys, "secret") + "house4:$7$101$c2FsdA==$aGFzaA==\n"
    again = mqtt_access.password_file({}, "secret", first)
    assert [line.partition(":")[0] for line in again.splitlines()] == ["gateway", "house4"]
    rules = mqtt_access.acl_file("a", "homeassistant") + "user house4\ntopic read a/meter/4/#\n"
    renewed = mqtt_access.acl_file("b", "homeassistant", rules)
    assert "user house4\ntopic read a/meter/4/#" in renewed
    assert "pattern write b/node/%u/up" in renewed
    assert mqtt_access.acl_file("b", "homeassistant", renewed) == renewed


def test_the_demo_tells_its_neighbourhood_of_the_broker() -> None:
    given = {"OHMSTEAD_MQTT_URL": "mqtts://broker", "OHMSTEAD_MQTT_PASSWORD": "x"}
    options = _broker_options({**given, "OHMSTEAD_MQTT_CA": "/ca.pem"})
    home = ["--home", "h", "--gateway", "http://127.0.0.1:5000"]
    assert settings_of(parse([*home, *options])).mqtt == MqttBroker(
        "mqtts://broker", "ohmstead", Path("/ca.pem"), passwords=True
    )
    assert _broker_options({"OHMSTEAD_MQTT_PASSWORD": "x"}) == []
    with pytest.raises(NeighbourhoodError, match="--mqtt"):
        settings_of(parse([*home, "--mqtt", "http://broker"]))
    assert [node.id for node in load_plan().nodes if node.transport == "mqtt"] == [8, HOUSE]
