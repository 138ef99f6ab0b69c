"""A community as processes: chain, three oracle nodes, the backend; and meters that speak HTTP."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from local_chain import (
    FIRST_SIGNER,
    ROOT,
    Anvil,
    deploy,
    development_account,
    document_of,
    free_port,
    register_meter,
)
from meters import Meter, key_of

from backend.chain.accounts import save_account
from backend.chain.context import ChainContext
from backend.oracle.registers import EntityKind, unpack_registers

KEYFRAME_EVERY = 16
PATIENCE_S = 120.0  # ends a test whose event never comes


def until(condition: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain: {what}")
        time.sleep(0.05)
    return found


class WholeBackend:
    """Everything but the meters, on a chain of its own."""

    def __init__(self, folder: Path, kinds: Mapping[int, EntityKind], slot_seconds: int) -> None:
        self.home = folder / "home"
        self._meters = set(kinds)
        self.anvil = Anvil().start()
        self.deployment = deploy(self.anvil.rpc, slot_seconds)
        self.chain = ChainContext(self.anvil.url, self.deployment, {}, view_ttl_s=0.0)
        for meter, kind in kinds.items():
            register_meter(self.anvil.rpc, self.deployment, meter, int(kind))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._signer_ports = [free_port() for _ in range(3)]
        self._write_home(kinds)
        self.signers = [self._signer(index) for index in range(3)]
        self._launcher = self._start_launcher()
        self.pid: int | None = None

    def _write_home(self, kinds: Mapping[int, EntityKind]) -> None:
        keys = self.home / "keys"
        keys.mkdir(parents=True)
        (self.home / "deployments").mkdir()
        document = json.dumps(document_of(self.deployment))
        (self.home / "deployments" / "31337.json").write_text(document)
        nodes = json.dumps({str(meter): key_of(meter).hex() for meter in {*kinds, *range(1, 60)}})
        bank = next((m for m, kind in kinds.items() if kind is EntityKind.BATTERY), 0)
        batteries = json.dumps({"1": bank} if bank else {})
        secrets = {"salt.hex": "11" * 32, "nodes.json": nodes, "batteries.json": batteries}
        for name, text in secrets.items():
            (keys / name).write_text(text)
            os.chmod(keys / name, 0o600)
        for index in range(3):
            save_account(keys / f"signer-{index}.json", development_account(FIRST_SIGNER + index))

    @property
    def _environment(self) -> dict[str, str]:
        signers = ",".join(f"http://127.0.0.1:{port}" for port in self._signer_ports)
        return {
            **os.environ,
            "OHMSTEAD_HOME": str(self.home),
            "OHMSTEAD_RPC_URL": self.anvil.url,
            "OHMSTEAD_SIGNER_URLS": signers,
            "OHMSTEAD_CLOSE_GRACE_S": "0.3",
            "OHMSTEAD_LOG_LEVEL": "WARNING",
        }

    def _signer(self, index: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "backend.oracle.signer", "--index", str(index)]
        with (self.home / f"signer-{index}.log").open("ab") as log:
            return subprocess.Popen(
                [*command, "--port", str(self._signer_ports[index])],
                env=self._environment, cwd=ROOT, stdout=log, stderr=log,
            )  # fmt: skip

    def restart_signer(self, index: int) -> None:
        """Kills an oracle node and starts it again."""
        self.signers[index].kill()
        self.signers[index].wait()
        self.signers[index] = self._signer(index)

    def _start_launcher(self) -> subprocess.Popen[str]:
        program = Path(__file__).with_name("backend_process.py")
        arguments = [str(self.home), self.anvil.url, str(self.port)]
        path = os.pathsep.join([str(program.parent), str(ROOT)])
        with (self.home / "backend.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, str(program), *arguments],
                env={**self._environment, "PYTHONPATH": path},
                cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip

    # ---- its life ------------------------------------------------------------------------------

    def start(self) -> None:
        assert self._launcher.stdin is not None
        assert self._launcher.stdout is not None
        self._launcher.stdin.write("start\n")
        self._launcher.stdin.flush()
        self.pid = int(self._launcher.stdout.readline())

    def kill(self) -> None:
        """SIGKILL, wherever it is."""
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)
            until(lambda: not _alive(self.pid or 0), "the backend is gone")
            self.pid = None

    def wait_ready(self) -> None:
        """Until it answers and has read from the chain which meters there are."""
        until(self._is_ready, f"the backend knows the meters (see {self.home}/backend.log)")

    def _is_ready(self) -> bool:
        try:
            nodes = requests.get(self.url + "/api/field", timeout=2).json()["nodes"]
        except (requests.RequestException, KeyError):
            return False
        return self._meters <= {node["node_id"] for node in nodes}

    def close(self) -> None:
        self.kill()
        self._launcher.kill()
        self._launcher.wait()
        for signer in self.signers:
            signer.kill()
            signer.wait()
        self.anvil.stop(signal.SIGKILL)

    # ---- the books -----------------------------------------------------------------------------

    def settled(self, meter: int) -> tuple[int, ...]:
        word = self.chain.views.settled_registers(meter)
        registers = unpack_registers(word)
        return (
            registers.generated_wh,
            registers.consumed_wh,
            registers.exported_wh,
            registers.imported_wh,
            registers.charged_wh,
            registers.discharged_wh,
        )

    def events(self, contract: str, name: str) -> list[dict[str, Any]]:
        """Every event of one kind, from the chain itself."""
        entry = self.chain.contracts[contract]
        query = {"fromBlock": "0x0", "address": entry.address, "topics": [entry.topic(name)]}
        logs = self.anvil.rpc.call("eth_getLogs", query)
        found = [self.chain.contracts.decode_log(log) for log in logs]
        return [event.args for event in found if event is not None]


@dataclass
class HttpMeter:
    """A meter that counts and sends, and repeats what was not answered, as firmware does."""

    url: str
    meter: Meter
    chance: random.Random
    pause_s: float = 0.05
    most_wh: int = 40
    accepted: list[tuple[int, int]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        session = requests.Session()
        session.trust_env = False
        need_keyframe = True
        while not self.stop.is_set():
            for lane in range(6):
                self.meter.registers[lane] += self.chance.randrange(self.most_wh)
            keyframe = need_keyframe or self.meter.sequence % KEYFRAME_EVERY == 0
            now = int(time.time())
            make = self.meter.keyframe_at if keyframe else self.meter.delta_at
            result = self._send(session, make(now))
            need_keyframe = result not in ("accepted", "duplicate")
            self.stop.wait(self.chance.random() * 2 * self.pause_s)

    def _send(self, session: requests.Session, frame: bytes) -> str:
        """Sends the very same bytes until somebody answers."""
        order = (self.meter.boot, self.meter.sequence)
        while True:
            try:
                answer = session.post(
                    self.url + "/api/readings",
                    data=bytes([len(frame)]) + frame,
                    headers={"Content-Type": "application/octet-stream"},
                    timeout=5,
                )
                result = str(answer.json()["results"][0]["result"])
            except (requests.RequestException, ValueError, KeyError):
                time.sleep(0.05)
                continue
            if result == "busy":
                time.sleep(0.05)
                continue
            if result in ("accepted", "duplicate"):
                self.accepted.append(order)
            else:
                self.refused.append(result)
            return result


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
