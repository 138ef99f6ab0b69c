"""One meter over serial line, HTTP and MQTT at once: the same energy is booked, once.

Blynk is no transport of readings: its pins show what a meter told, and V4 and V5 cannot be written
(test_blynk.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask_openapi3.openapi import OpenAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingest_kit import write_keys
from meters import SINCE, Meter
from mosquitto import PATIENCE_S, Mosquitto, needs_mosquitto
from test_mqtt import PREFIX
from test_mqtt import Node as MqttNode
from test_serial import Node as SerialNode

from backend.api.node_routes import node_blueprint
from backend.ingest.downlink import Downlink
from backend.ingest.frame_values import Result, Results
from backend.ingest.keyring import Keyring
from backend.ingest.mqtt_connection import Broker
from backend.ingest.mqtt_gateway import MqttGateway
from backend.ingest.octets import join_octets
from backend.ingest.pipeline import Pipeline
from backend.ingest.serial_gateway import SerialGateway
from backend.ingest.verify import Limits
from backend.telemetry import nodes, quarantine, readings
from backend.telemetry.store import Store, open_store

pytestmark = needs_mosquitto
HUB = 9
METERS = range(1_000, 1_600)
Send = Callable[[bytes], Result]
SERIAL, HTTP, MQTT = "serial", "http", "mqtt"


class Gateway:
    """All three transports before one store. Each answers with what became of a frame."""

    def __init__(self, folder: Path) -> None:
        self.broker = Mosquitto(folder / "broker")
        self.broker.start()
        write_keys(folder / "nodes.json", list(METERS))
        self.store: Store = open_store(f"sqlite:///{folder / 'store.sqlite'}")
        with self.store.write() as connection:
            nodes.provision(
                connection, [nodes.Node(meter, "", 1, 1, 10_000_000) for meter in METERS]
            )
        keyring = Keyring(folder / "nodes.json")
        limits = Limits(since=SINCE, time_scale=1_000)
        self._pipeline = Pipeline(self.store, keyring, limits, lambda: SINCE + 1_000.0)
        self._pipeline.start()
        self._downlink = Downlink(self.store, keyring, lambda _node: [])
        self._line = SerialNode(folder / "line.tty")
        where = Broker(f"mqtt://127.0.0.1:{self.broker.port}")
        self._parts = (
            SerialGateway([str(folder / "line.tty")], self._pipeline, self._downlink),
            MqttGateway(where, PREFIX, "test-gateway", 1, self._pipeline, self._downlink),
        )
        for part in self._parts:
            part.start()
        assert self._parts[0].lines[0].connected.wait(PATIENCE_S)
        assert self._parts[1].lines[0].connection.connected.wait(PATIENCE_S)
        app = OpenAPI("transports", doc_ui=False)
        services = SimpleNamespace(pipeline=self._pipeline, downlink=self._downlink)
        app.register_api(node_blueprint(services))  # type: ignore[arg-type]
        self._client = app.test_client()
        self._hub = MqttNode(self.broker.port, HUB)
        self._line.receive_after(Meter(METERS[-1]).keyframe_at(SINCE))
        while not self._line.is_quiet():
            self._line.receive()  # a port that is being opened had to be told again
        self.over: dict[str, Send] = {SERIAL: self._serial, HTTP: self._http, MQTT: self._mqtt}

    def _serial(self, frame: bytes) -> Result:
        self._line.send(frame)
        body = self._line.receive().body
        assert isinstance(body, Results)
        return body.entries[0][2]

    def _http(self, frame: bytes) -> Result:
        answer = self._client.post(
            "/api/readings", data=join_octets([frame]), content_type="application/octet-stream"
        )
        return Result(answer.get_json()["results"][0]["result"])

    def _mqtt(self, frame: bytes) -> Result:
        self._hub.send(frame)
        ((_sequence, result),) = self._hub.results()
        return result

    def booked(self, meter: int) -> tuple[int, ...] | None:
        with self.store.read() as connection:
            newest = readings.latest_of(connection, meter)
            assert not quarantine.open_frames(connection, {meter})
        return newest.registers if newest else None

    def close(self) -> None:
        self._hub.close()
        for part in self._parts:
            part.stop()
        self._downlink.close()
        self._pipeline.stop()
        self.store.close()
        self.broker.stop()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    made = Gateway(tmp_path_factory.mktemp("transports"))
    yield made
    made.close()


FRESH = count(METERS.start)
ways = st.lists(st.sampled_from([SERIAL, HTTP, MQTT]), min_size=1, max_size=3)
steps = st.lists(
    st.tuples(
        st.integers(0, 5),  # the register it is in
        st.integers(0, 400),  # Wh since the reading before
        st.booleans(),  # a delta, if there is a keyframe
        ways,  # on which lines, in that order
        st.booleans(),  # kept back, and said after newer ones
    ),
    min_size=1,
    max_size=8,
)


@settings(
    max_examples=settings.default.max_examples // 4,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps, ways)
def test_the_same_energy_is_booked_however_the_frames_come(
    gateway: Gateway, plan: list[tuple[int, int, bool, list[str], bool]], last: list[str]
) -> None:
    meter = Meter(next(FRESH))
    late: list[tuple[bytes, list[str]]] = []
    for lane, wh, as_delta, lines, kept_back in plan:
        meter.count(wh, lane)
        whole = not as_delta or meter.keyframe is None
        frame = meter.keyframe_at(SINCE) if whole else meter.delta_at(SINCE)
        if kept_back:
            late.append((frame, lines))
            continue
        for i, line in enumerate(lines):
            result = gateway.over[line](frame)
            if i == 0:
                assert result in (Result.ACCEPTED, Result.MISSING_KEYFRAME)
            else:
                assert result in (Result.DUPLICATE, Result.MISSING_KEYFRAME)
    ending = meter.keyframe_at(SINCE)
    assert gateway.over[last[0]](ending) is Result.ACCEPTED
    for frame, lines in [*late, (ending, last)]:
        for line in lines:
            assert gateway.over[line](frame) in (Result.REORDERED, Result.DUPLICATE)
    assert gateway.booked(meter.node_id) == tuple(meter.registers)


def test_each_transport_alone_books_the_same_readings(gateway: Gateway) -> None:
    """Reading for reading, not only in the end."""
    told = {}
    for line, send in gateway.over.items():
        meter = Meter(next(FRESH))
        for i in range(6):
            meter.count(7 * i, i)
            frame = meter.keyframe_at(SINCE + i) if i in (0, 3) else meter.delta_at(SINCE + i)
            assert send(frame) is Result.ACCEPTED
        with gateway.store.read() as connection:
            found = readings.between(connection, meter.node_id, 0, SINCE + 100, 100)
        told[line] = [(*row.registers, row.measured_at, row.sequence) for row in found]
    assert told[SERIAL] == told[HTTP] == told[MQTT]
    assert len(told[HTTP]) == 6
