"""A thousand charge points at once, meter values every ten seconds. JSON lines for `make bench`.

The charging service as `make run` starts it, held to one core, with its store on disk (every answer
is after its commit); the charge points are connections of another process, half of them OCPP 1.6,
half 2.1, each with a session. Latency is from the message's sending to its answer's arrival, with
the clients' own work in it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from backend.charging import credentials
from backend.charging.moments import text_of
from backend.telemetry import charging
from backend.telemetry.charging import Registered
from backend.telemetry.store import open_store

POINTS = int(os.environ.get("BENCH_CHARGE_POINTS", "1000"))
EVERY_S = 10.0
RUN_S = 40.0
AT_ONCE = 50
PASSWORD = "a-password-of-twenty"


def figure(name: str, value: float, unit: str, **more: str) -> None:
    print(json.dumps({"name": name, "value": round(value, 3), "unit": unit, **more}), flush=True)


class Service:
    """The process, on one core."""

    def __init__(self, home: Path) -> None:
        store = open_store(f"sqlite:///{home / 'store.sqlite'}")
        names = [f"CP{i:04d}" for i in range(POINTS)]
        with store.write() as connection:
            charging.register(
                connection,
                [Registered(name, 10_000 + i, name, 7400, 7400, 1, True)
                 for i, name in enumerate(names)],
            )  # fmt: skip
        store.close()
        credentials.keep(home / "keys/chargers.json", dict.fromkeys(names, PASSWORD))
        self.names = names
        self.process = subprocess.Popen(
            [sys.executable, "-m", "backend.charging"],
            env=os.environ
            | {"OHMSTEAD_HOME": str(home), "OHMSTEAD_CHARGING_PORT": "0",
               "OHMSTEAD_LOG_LEVEL": "WARNING"},
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[-1]
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(self.process.pid, {max(os.sched_getaffinity(0))})

    def memory_mb(self) -> float:
        command = ["ps", "-o", "rss=", "-p", str(self.process.pid)]
        return int(subprocess.run(command, capture_output=True, text=True).stdout) / 1024

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


class Point:
    """One charge point's connection."""

    def __init__(self, name: str, old: bool) -> None:
        self.name, self.old = name, old
        self.number = 0
        self.wh = 0
        self.socket: ClientConnection | None = None
        self.transaction: Any = f"tx-{name}"

    async def call(self, action: str, payload: dict[str, Any]) -> tuple[float, Any]:
        assert self.socket is not None
        self.number += 1
        unique_id = str(self.number)
        began = time.perf_counter()
        await self.socket.send(json.dumps([2, unique_id, action, payload]))
        while True:
            frame = json.loads(await self.socket.recv())
            if frame[0] == 2:
                answer = {"status": "Accepted"} if self.old else {"setVariableResult": []}
                await self.socket.send(json.dumps([3, frame[1], answer]))
            elif frame[1] == unique_id:
                return time.perf_counter() - began, frame[2]

    async def begin(self, url: str) -> None:
        basic = base64.b64encode(f"{self.name}:{PASSWORD}".encode()).decode()
        self.socket = await connect(
            url + self.name,
            subprotocols=["ocpp1.6" if self.old else "ocpp2.1"],  # type: ignore[list-item]
            additional_headers={"Authorization": f"Basic {basic}"},
            compression=None, ping_interval=None, open_timeout=120,
        )  # fmt: skip
        now = text_of(int(time.time() * 1000))
        if self.old:
            start = {"connectorId": 1, "idTag": f"t-{self.name}", "meterStart": 0, "timestamp": now}
            _, answer = await self.call("StartTransaction", start)
            self.transaction = answer["transactionId"]
        else:
            await self.tell("Started")

    async def tell(self, kind: str = "Updated") -> float:
        now = text_of(int(time.time() * 1000))
        self.wh += 20
        energy = {"value": self.wh, "measurand": "Energy.Active.Import.Register"}
        power = {"value": 7200, "measurand": "Power.Active.Import"}
        soc = {"value": 40.5, "measurand": "SoC"}
        values = [energy, power, soc]
        if self.old:
            values = [{**value, "value": str(value["value"])} for value in values]
            meter = [{"timestamp": now, "sampledValue": values}]
            body: dict[str, Any] = {
                "connectorId": 1, "transactionId": self.transaction, "meterValue": meter,
            }  # fmt: skip
            return (await self.call("MeterValues", body))[0]
        body = {
            "eventType": kind, "timestamp": now, "triggerReason": "MeterValuePeriodic",
            "seqNo": self.number, "evse": {"id": 1},
            "transactionInfo": {"transactionId": self.transaction, "chargingState": "Charging"},
            "meterValue": [{"timestamp": now, "sampledValue": values}],
        }  # fmt: skip
        return (await self.call("TransactionEvent", body))[0]

    async def live(self, until: float, latencies: list[float]) -> None:
        await asyncio.sleep(random.uniform(0, EVERY_S))
        while time.monotonic() < until:
            latencies.append(await self.tell())
            await asyncio.sleep(EVERY_S)


async def measure(service: Service) -> None:
    points = [Point(name, old=i % 2 == 0) for i, name in enumerate(service.names)]
    before_mb = service.memory_mb()
    gate = asyncio.Semaphore(AT_ONCE)

    async def begin(point: Point) -> None:
        async with gate:
            await point.begin(service.url)

    began = time.monotonic()
    await asyncio.gather(*(begin(point) for point in points))
    connected_s = time.monotonic() - began
    after_mb, cpu_s, began = service.memory_mb(), service.cpu_s(), time.monotonic()
    latencies: list[float] = []
    await asyncio.gather(*(point.live(began + RUN_S, latencies) for point in points))
    wall_s, used_s = time.monotonic() - began, service.cpu_s() - cpu_s
    for point in points:
        if point.socket is not None:
            point.socket.transport.abort()
    cuts = statistics.quantiles([1000 * latency for latency in latencies], n=100)
    figure(f"{POINTS} charge points connect and begin sessions", connected_s, "s")
    figure("memory of a connection", (after_mb - before_mb) * 1024 / POINTS, "KiB", aim="<= 200")
    figure("memory of the charging service", after_mb, "MB", aim="<= 400")
    figure("messages answered", len(latencies) / wall_s, "1/s")
    figure("meter values answered, median", cuts[49], "ms", aim="<= 50")
    figure("meter values answered, 99 %", cuts[98], "ms", aim="<= 250",
           note=f"after the commit; machine's load {os.getloadavg()[0]:.0f}")  # fmt: skip
    per_message_ms = 1000 * used_s / len(latencies)
    figure("processor time of a message", per_message_ms, "ms", aim="<= 5")
    figure("of a core used at 100 messages a second", 10 * per_message_ms, "%", aim="<= 60")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder))
        try:
            asyncio.run(measure(service))
        finally:
            service.stop()


if __name__ == "__main__":
    main()
