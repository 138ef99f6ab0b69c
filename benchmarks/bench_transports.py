"""Readings a second that each transport brings to disk and answers: JSON lines for `make bench`.

Serial: a pseudo-terminal, so that no baud rate holds it up (a real line at 115 200 baud carries
some 80 frames a second). MQTT: a Mosquitto on loopback, QoS 1 both ways. HTTP is in `ingest`, with
the production server; gateway, broker and meters share the machine's cores.
"""

from __future__ import annotations

import os
import select
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from backend.ingest import cobs
from backend.ingest.downlink import Downlink
from backend.ingest.frame import decode
from backend.ingest.frame_values import Result, Results
from backend.ingest.keyring import Keyring
from backend.ingest.mqtt_connection import Broker
from backend.ingest.mqtt_gateway import MqttGateway
from backend.ingest.octets import join_octets, split_octets
from backend.ingest.pipeline import Pipeline
from backend.ingest.serial_gateway import SerialGateway
from backend.ingest.verify import Limits
from backend.telemetry import nodes
from backend.telemetry.nodes import Node
from backend.telemetry.store import open_store
from benchmarks.bench_ingest import START, await_port, frames_of, report, write_keys

PREFIX = "bench"
METERS = 32
EACH = 400
BATCH = 10
MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def gateway(folder: Path) -> Iterator[tuple[Pipeline, Downlink]]:
    write_keys(folder / "nodes.json")
    store = open_store(f"sqlite:///{folder}/store.sqlite")
    with store.write() as connection:
        nodes.provision(connection, [Node(1 + i, "", 1, 0, 10_000) for i in range(METERS)])
    keyring = Keyring(folder / "nodes.json")
    pipeline = Pipeline(store, keyring, Limits(since=START), lambda: START + 10_000_000.0)
    pipeline.start()
    downlink = Downlink(store, keyring, lambda _node: [])
    yield pipeline, downlink
    downlink.close()
    pipeline.stop()
    store.close()


def accepted(raw: bytes) -> int:
    body = decode(raw, downlink=True).body
    assert isinstance(body, Results)
    assert all(result is Result.ACCEPTED for _, _, result in body.entries)
    return len(body.entries)


def bench_serial(folder: Path) -> None:
    """One line, one node, `BATCH` frames at a time, each batch answered before the next."""
    end, other = os.openpty()
    tty.setraw(other)
    frames = [cobs.encode(frame) + b"\0" for frame in frames_of(1, 2_000)]
    with gateway(folder) as (pipeline, downlink):
        lines = SerialGateway([os.ttyname(other)], pipeline, downlink)
        lines.start()
        assert lines.lines[0].connected.wait(10)
        time.sleep(0.2)
        began, rest = time.perf_counter(), b""
        for start in range(0, len(frames), BATCH):
            os.write(end, b"".join(frames[start : start + BATCH]))
            waiting = BATCH
            while waiting:
                assert select.select([end], [], [], 10)[0], "the gateway is silent"
                *packets, rest = (rest + os.read(end, 4096)).split(b"\0")
                waiting -= sum(accepted(cobs.decode(packet)) for packet in packets if packet)
        took = time.perf_counter() - began
        lines.stop()
    report(f"readings over a serial line, {BATCH} at a time", len(frames) / took, "readings/s")


class Meter:
    """One meter's session: a message of `BATCH` frames, its results, the next."""

    def __init__(self, port: int, node_id: int) -> None:
        frames = list(frames_of(node_id, EACH))
        self._left = [join_octets(frames[start : start + BATCH]) for start in range(0, EACH, BATCH)]
        self._left.reverse()
        self._up, down = f"{PREFIX}/node/{node_id}/up", f"{PREFIX}/node/{node_id}/down"
        self._waiting = 0
        self.ready, self.done = threading.Event(), threading.Event()
        self.client = Client(CallbackAPIVersion.VERSION2)
        self.client.on_connect = lambda client, *_: client.subscribe(down, 1)
        self.client.on_subscribe = lambda *_: self.ready.set()
        self.client.on_message = lambda _client, _data, message: self._take(message.payload)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def next(self) -> None:
        if not self._left:
            self.done.set()
            return
        self._waiting = BATCH
        self.client.publish(self._up, self._left.pop(), qos=1)

    def _take(self, payload: bytes) -> None:
        self._waiting -= sum(map(accepted, split_octets(payload)))
        if not self._waiting:
            self.next()


def bench_mqtt(folder: Path, connections: int) -> None:
    """`METERS` sessions at a broker, each as `Meter` says."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    file = folder / "mosquitto.conf"
    file.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_inflight_messages 500\n"
        "max_queued_messages 0\n"
    )
    assert MOSQUITTO is not None
    broker = subprocess.Popen([MOSQUITTO, "-c", str(file)], stderr=subprocess.DEVNULL)
    try:
        await_port(port)
        with gateway(folder) as (pipeline, downlink):
            where = Broker(f"mqtt://127.0.0.1:{port}")
            lines = MqttGateway(where, PREFIX, "bench-gateway", connections, pipeline, downlink)
            lines.start()
            assert all(line.connection.connected.wait(10) for line in lines.lines)
            meters = [Meter(port, 1 + i) for i in range(METERS)]
            assert all(meter.ready.wait(30) for meter in meters)
            began = time.perf_counter()
            for meter in meters:
                meter.next()
            assert all(meter.done.wait(120) for meter in meters)
            took = time.perf_counter() - began
            for meter in meters:
                meter.client.disconnect()
                meter.client.loop_stop()
            lines.stop()
    finally:
        broker.terminate()
        broker.wait()
    name = f"readings over MQTT, {METERS} meters x {BATCH} a message, {connections} connections"
    report(name, METERS * EACH / took, "readings/s")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        bench_serial(Path(folder))
    for connections in (1, 4):
        if MOSQUITTO is not None:
            with tempfile.TemporaryDirectory() as folder:
                bench_mqtt(Path(folder), connections)


if __name__ == "__main__":
    main()
