"""How fast frames are verified and readings stored: JSON lines for `make bench`.

Verified: decoded, tag checked, judged, on one core, keyframes and deltas as a meter mixes them.
Stored: by the ingest alone, and through HTTP and the production server; either way a reading is on
disk before it is answered. Server and clients share the machine's cores.
"""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from backend.ingest.frame import decode, encode, verify
from backend.ingest.frame_values import Delta, Reading, Result
from backend.ingest.keyring import Keyring
from backend.ingest.pipeline import Pipeline
from backend.ingest.verify import Limits, judge
from backend.telemetry import nodes
from backend.telemetry.node_state import NodeState
from backend.telemetry.nodes import Node
from backend.telemetry.store import Store, open_store

KEYFRAME_EVERY = 16
START = 1_800_000_000


def report(name: str, value: float, unit: str) -> None:
    print(json.dumps({"name": name, "value": round(value, 2), "unit": unit}), flush=True)


def key_of(node_id: int) -> bytes:
    return node_id.to_bytes(4, "big") * 8


def frames_of(node_id: int, count: int) -> Iterator[bytes]:
    """What a meter sends: every 16th a keyframe, deltas between."""
    keyframe, at = Reading(*([0] * 14)), 0
    for i in range(1, count + 1):
        reading = Reading(
            0, i, 0, i, 0, 0, 2300 + i % 9, 4300 + i % 70, 1000, 990, 251, 0xFFFF, 1, 1
        )
        if (i - 1) % KEYFRAME_EVERY == 0:
            keyframe, at, body = reading, i, reading
            yield encode(node_id, 1, i, START + i, body, key_of(node_id))
        else:
            delta = Delta.between(i - at, keyframe, reading)
            yield encode(node_id, 1, i, START + i, delta, key_of(node_id))


def bench_verify(count: int = 60_000) -> None:
    frames = list(frames_of(7, count))
    key, limits = key_of(7), Limits(since=START)
    state = NodeState(7, 10_000)
    now_ms = (START + count) * 1000
    began = time.process_time()
    for raw in frames:
        frame = decode(raw)
        verify(frame, key)
        verdict = judge(frame, state, limits, now_ms)
        assert verdict.state is not None
        state = verdict.state
    report("frames verified and judged", count / (time.process_time() - began), "frames/s/core")
    began = time.process_time()
    for raw in frames:
        verify(decode(raw), key)
    report("frames verified (HMAC)", count / (time.process_time() - began), "frames/s/core")
    report("mean frame", sum(map(len, frames)) / count, "bytes")


def bench_pipeline(store: Store, pipeline: Pipeline, meters: int, each: int, batch: int) -> None:
    """`meters` threads, each sending `batch` frames at a time."""
    first = 1 + meters * (batch + 1)  # other meters for every case
    streams = [list(frames_of(first + i, each)) for i in range(meters)]
    with store.write() as connection:
        nodes.provision(connection, [Node(first + i, "", 1, 0, 10_000) for i in range(meters)])

    def play(frames: list[bytes]) -> None:
        for start in range(0, len(frames), batch):
            results = pipeline.submit(frames[start : start + batch])
            assert all(outcome.result is Result.ACCEPTED for outcome in results)

    with ThreadPoolExecutor(meters) as pool:
        began = time.perf_counter()
        list(pool.map(play, streams))
        took = time.perf_counter() - began
    name = f"readings stored, {meters} meters x {batch} a submission"
    report(name, meters * each / took, "readings/s")


# ---- through HTTP ------------------------------------------------------------------------------


def serve(folder: Path, port: int) -> None:
    """The routes for nodes alone, under the server that `make serve` uses."""
    from types import SimpleNamespace

    from flask_openapi3.openapi import OpenAPI

    from backend.api.node_routes import node_blueprint
    from backend.ingest.downlink import Downlink
    from scripts.web_server import WebServer

    def make_app() -> OpenAPI:
        store = open_store(f"sqlite:///{folder}/store.sqlite")
        keyring = Keyring(folder / "nodes.json")
        pipeline = Pipeline(store, keyring, Limits(since=START), lambda: START + 10_000_000.0)
        pipeline.start()
        downlink = Downlink(store, keyring, lambda _node: [])
        app = OpenAPI("bench", doc_ui=False)
        app.register_api(node_blueprint(SimpleNamespace(pipeline=pipeline, downlink=downlink)))
        return app

    WebServer("127.0.0.1", port, make_app, lambda: None).run()


def bench_http(meters: int, each: int, batch: int) -> None:
    """`meters` connections that stay open, each posting `batch` frames at a time."""
    with tempfile.TemporaryDirectory() as name, socket.socket() as probe:
        folder = Path(name)
        write_keys(folder / "nodes.json")
        store = open_store(f"sqlite:///{folder}/store.sqlite")
        with store.write() as connection:
            nodes.provision(connection, [Node(1 + i, "", 1, 0, 10_000) for i in range(meters)])
        store.close()
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        command = [sys.executable, "-m", "benchmarks.bench_ingest", "--serve", name, str(port)]
        server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            await_port(port)
            took = post_all(port, meters, each, batch)
        finally:
            server.terminate()
            server.wait()
    report(
        f"readings over HTTP, {meters} connections x {batch} a request",
        meters * each / took,
        "readings/s",
    )


def await_port(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def post_all(port: int, meters: int, each: int, batch: int) -> float:
    streams = [list(frames_of(1 + i, each)) for i in range(meters)]

    def play(frames: list[bytes]) -> None:
        line = http.client.HTTPConnection("127.0.0.1", port)
        for start in range(0, len(frames), batch):
            part = frames[start : start + batch]
            body = b"".join(bytes([len(frame)]) + frame for frame in part)
            line.request(
                "POST", "/api/readings", body, {"Content-Type": "application/octet-stream"}
            )
            answer = json.loads(line.getresponse().read())
            assert all(entry["result"] == "accepted" for entry in answer["results"])
        line.close()

    with ThreadPoolExecutor(meters) as pool:
        began = time.perf_counter()
        list(pool.map(play, streams))
        return time.perf_counter() - began


def write_keys(path: Path) -> None:
    path.touch(mode=0o600)
    path.write_text(json.dumps({str(i): key_of(i).hex() for i in range(1, 5_000)}))


def main() -> None:
    if sys.argv[1:2] == ["--serve"]:
        serve(Path(sys.argv[2]), int(sys.argv[3]))
        return
    bench_verify()
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "nodes.json"
        write_keys(keys)
        store = open_store(f"sqlite:///{folder}/store.sqlite")
        pipeline = Pipeline(store, Keyring(keys), Limits(since=START), lambda: START + 10_000_000.0)
        pipeline.start()
        bench_pipeline(store, pipeline, meters=1, each=200, batch=1)
        bench_pipeline(store, pipeline, meters=100, each=50, batch=1)
        bench_pipeline(store, pipeline, meters=16, each=2000, batch=100)
        pipeline.stop()
    assert threading.active_count() == 1
    bench_http(meters=32, each=40, batch=1)
    bench_http(meters=16, each=2_000, batch=100)


if __name__ == "__main__":
    main()
