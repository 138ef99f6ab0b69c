"""`make run`: the whole microgrid on this machine, until Ctrl-C.

Starts a local chain, deploys and provisions what is missing, then runs four oracle signers, the
service and the simulated neighbourhood, restarts what ends, and stops all of it in order.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import requests

from devices.simulator.plan import load_plan
from devices.simulator.uno.build import missing as missing_for_uno
from scripts.new_keys import SIGNERS
from scripts.supervise.chain_node import ChainNode, ChainNodeError, find_anvil, rpc
from scripts.supervise.child import Child, describe_exit
from scripts.supervise.display import Display
from scripts.supervise.hamlet import Hamlet, NextDoor
from scripts.supervise.surroundings import (
    ROOT,
    Surroundings,
    SurroundingsError,
    free_port,
    lock_home,
    require_free,
    write_run_file,
)

CHAIN_ID = 31337
PROFILE_SLOT_S = 900
_TICK_S = 0.5
_START_TIMEOUT_S = 180.0
# They end within two seconds; on a machine that is busy with something else they may take longer.
_STOP_GRACE_S = 15.0


class StartError(RuntimeError):
    """A part did not come up; the message says which and where its log is."""


class Demo:
    """The parts of one run, in the order in which they depend on each other."""

    def __init__(self, where: Surroundings, display: Display) -> None:
        self.where = where
        self.display = display
        self.stopping = threading.Event()
        self.node: ChainNode | None = None
        self.children: list[Child] = []
        self.chain_url = where.chain_url or f"http://127.0.0.1:{where.chain_port}"
        self._signer_ports = [free_port() for _ in range(SIGNERS)]
        self._code: str | None = None
        self.hamlet: Hamlet | None = None

    # ---- start --------------------------------------------------------------------------------

    def start(self) -> None:
        """Brings up every part; returns when the page answers.

        Raises:
            StartError, ChainNodeError, SurroundingsError: with one line for the person.
        """
        where = self.where
        require_free(where.page_port, "the web page", "choose another by OHMSTEAD_PORT")
        self._start_chain()
        if not self._is_deployed():
            # The service waits for this file; one of a chain that is gone must not let it go ahead.
            (where.home / "provisioned.json").unlink(missing_ok=True)
        service = self._ape("service", "serve", "--await-deployment")
        service.start()  # its imports overlap with the deployment
        self.children.append(service)
        self._deploy_if_needed()
        for index, port in enumerate(self._signer_ports):
            signer = self._python(
                f"signer-{index}", "backend.oracle.signer",
                "--index", str(index), "--home", str(where.home), "--port", str(port),
            )  # fmt: skip
            signer.start()
            self.children.append(signer)
        self.display.step("signers", f"{SIGNERS} oracle nodes, 3 must agree")
        self._await(lambda: self._get("/api/health") is not None, service, "the service")
        self.display.step("service", f"answers on {where.page}")
        self._start_charging()
        self._start_neighbourhood()
        residents = self._python("households", "scripts.residents")
        residents.start()
        self.children.append(residents)
        self._write_run_file()
        self._code = self._newcomers_code()
        if where.hamlet:
            self.hamlet = self._hamlet()

    def _write_run_file(self) -> None:
        where = self.where
        run = {
            "page": where.page,
            "home": str(where.home),
            "chain": self.chain_url,
            "charging": where.charging,
            "control": f"http://127.0.0.1:{where.control_port}",
            "signers": [f"http://127.0.0.1:{port}" for port in self._signer_ports],
            "children": {child.name: child.pid for child in self.children},
            "hamlet": self.hamlet.addresses() if self.hamlet else None,
        }
        write_run_file(where.home, run)

    def _hamlet(self) -> Hamlet:
        where = self.where
        near = NextDoor(
            home=where.home,
            root=ROOT,
            chain_url=self.chain_url,
            chain_id=CHAIN_ID,
            deployment=self._deployment_file(),
            control=f"http://127.0.0.1:{where.control_port}",
            slot_seconds=where.slot_seconds,
            environment=self._environment(),
        )
        return Hamlet(near, self.display.say, self._write_run_file)

    def _start_chain(self) -> None:
        if self.where.chain_url is None:
            require_free(
                self.where.chain_port,
                "the local chain",
                "choose another by OHMSTEAD_CHAIN_PORT, or use a node of yours by OHMSTEAD_RPC_URL",
            )
            state = self.where.home / "chain/state.json"
            goes_on = state.exists()
            log = self._log("chain")
            self.node = ChainNode(find_anvil(ROOT), self.where.chain_port, state, log)
            self.node.start()
            self.node.wait_ready(timeout_s=60)
            how = "goes on from the stored state" if goes_on else "started empty"
            self.display.step("chain", f"{self.chain_url} {how}")
        chain_id = int(rpc(self.chain_url, "eth_chainId"), 16)
        if chain_id != CHAIN_ID:
            raise StartError(
                f"the node at {self.chain_url} has chain id {chain_id}; `make run` uses well-known "
                f"development keys and works on {CHAIN_ID} only (`make serve` is for other chains)"
            )

    def _deploy_if_needed(self) -> None:
        if self._is_deployed():
            self.display.step("contracts", "already on this chain")
            return
        deploy = self._ape("deploy", "deploy", "--demo")
        deploy.start()
        self.children.append(deploy)
        self.display.step("contracts", f"being deployed: {deploy.log}")
        self._await(lambda: deploy.exit_code() == 0, deploy, "the deployment")
        self.children.remove(deploy)
        if self.node:
            self.node.save()
        self.display.step("contracts", "deployed, roles granted, meters and switches registered")

    def _is_deployed(self) -> bool:
        """True if this chain holds the deployment and everything is provisioned."""
        try:
            deployment = json.loads(self._deployment_file().read_text())
            ready = json.loads((self.where.home / "provisioned.json").read_text())
            registry = deployment["contracts"]["MeterRegistry"]["address"]
            market = deployment["contracts"]["EnergyMarket"]["address"]
        except (OSError, ValueError, KeyError):
            return False
        if not (self.where.home / "store.sqlite").exists():
            return False  # somebody removed it; the nodes must be made known again
        codes = [rpc(self.chain_url, "eth_getCode", a, "latest") for a in (registry, market)]
        return all(code != "0x" for code in codes) and ready.get("registry") == registry

    def _start_charging(self) -> None:
        charging = self._python("charging", "backend.charging")
        charging.start()
        self.children.append(charging)
        self.display.step("charging", f"charge points connect to {self.where.charging}/ocpp/")

    def _start_neighbourhood(self) -> None:
        where = self.where
        neighbourhood = self._python(
            "neighbourhood", "devices.simulator",
            "--home", str(where.home / "devices"), "--gateway", f"http://127.0.0.1:{where.page_port}",
            "--slot-seconds", str(where.slot_seconds), "--control", str(where.control_port),
            "--charging", where.charging, *_broker_options(os.environ),
            "--boards", "compiled" if where.compiled else "python",
            *(["--uno"] if where.uno else []),
        )  # fmt: skip
        neighbourhood.start()
        self.children.append(neighbourhood)
        count = len(load_plan().nodes)
        self.display.step(
            "neighbourhood", f"{count} nodes; 15 minutes of theirs last {where.slot_seconds} s here"
        )
        self.display.step("Arduino Uno", _uno_told(where.uno))

    def _await(self, ready: Callable[[], bool], child: Child, what: str) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not ready():
            code = child.exit_code()
            if code is not None and not ready():
                raise StartError(
                    f"{what} did not start ({describe_exit(code)}): {child.last_words(1)} "
                    f"(its log: {child.log})"
                )
            if time.monotonic() > deadline:
                raise StartError(f"{what} takes longer than {_START_TIMEOUT_S:.0f} s: {child.log}")
            if self.stopping.wait(0.1):
                raise KeyboardInterrupt

    # ---- run ----------------------------------------------------------------------------------

    def watch(self) -> None:
        """Shows the microgrid and restarts what ends, until asked to stop."""
        while not self.stopping.wait(_TICK_S):
            if self.hamlet:
                self.hamlet.tick()
            watched = [
                *([self.node.child] if self.node else []),
                *self.children,
                *(self.hamlet.children if self.hamlet else ()),
            ]
            for child in watched:
                if line := child.revive():
                    self.display.say(line)
            self.display.show(self._heading(), self._get("/api/summary"))

    def _heading(self) -> list[str]:
        logs = self.where.home / "logs"
        lines = [f"Ohmstead runs at {self.where.page}   (Ctrl-C stops it, logs in {logs})"]
        if self._code:
            lines += ["House C1 has no household yet; its one-time code:", f"  {self._code}"]
        return lines

    def announce(self) -> None:
        """The address and what to try, as plain lines; a terminal shows them with the summary."""
        if not self.display.in_place:
            for line in self._heading():
                self.display.say(line)

    def _newcomers_code(self) -> str | None:
        try:
            codes = json.loads((self.where.home / "claim-codes.json").read_text())
        except (OSError, ValueError):
            return None
        code = codes.get("4", {}).get("code")
        return str(code) if code else None

    # ---- stop ---------------------------------------------------------------------------------

    def stop(self) -> None:
        """Ends every part: devices, then the service, then signers, at last the chain."""
        self.display.close()
        last_first = [*(self.hamlet.ending() if self.hamlet else ()), *self.children][::-1]
        service = [child for child in last_first if child.name.endswith("service")]
        others = [child for child in last_first if child not in service]
        for group in (others, service):
            for child in group:
                child.ask_to_stop()
            deadline = time.monotonic() + _STOP_GRACE_S
            for child in group:
                if not child.stop(deadline - time.monotonic()):
                    self.display.say(f"{child.name} did not end by itself and was killed")
        if self.node:
            self.node.stop(_STOP_GRACE_S)
        (self.where.home / "run.json").unlink(missing_ok=True)

    # ---- parts --------------------------------------------------------------------------------

    def _log(self, name: str) -> Path:
        return self.where.home / "logs" / f"{name}.log"

    def _deployment_file(self) -> Path:
        folder = self.where.home if os.environ.get("OHMSTEAD_HOME") else ROOT
        return folder / "deployments" / f"{CHAIN_ID}.json"

    def _python(self, name: str, module: str, *arguments: str) -> Child:
        command = [sys.executable, "-m", module, *arguments]
        return Child(name, command, self._log(name), self._environment())

    def _ape(self, name: str, script: str, *arguments: str) -> Child:
        ape = str(Path(sys.executable).with_name("ape"))
        command = [ape, "run", script, *arguments, "--network", self.chain_url]
        return Child(name, command, self._log(name), self._environment())

    def _environment(self) -> dict[str, str]:
        where = self.where
        return {
            "OHMSTEAD_PORT": str(where.page_port),
            "OHMSTEAD_RPC_URL": self.chain_url,
            "OHMSTEAD_CHARGING_PORT": str(where.charging_port),
            "OHMSTEAD_CHARGING_SAMPLE_S": os.environ.get(
                "OHMSTEAD_CHARGING_SAMPLE_S", str(max(1, where.slot_seconds // 3))
            ),
            "OHMSTEAD_SLOT_SECONDS": str(where.slot_seconds),
            "OHMSTEAD_DEMO_CONTROL_URL": f"http://127.0.0.1:{where.control_port}",
            "OHMSTEAD_SERIAL_PORTS": ",".join(self._serial_ports()),
            "OHMSTEAD_SIGNER_URLS": ",".join(f"http://127.0.0.1:{p}" for p in self._signer_ports),
            "PYTHONUNBUFFERED": "1",
            "SOLCX_BINARY_PATH": str(ROOT / ".cache/solcx"),
            "APE_DATA_FOLDER": str(ROOT / ".cache/ape"),
            "ETH_HASH_BACKEND": "pysha3",
        }

    def _serial_ports(self) -> list[str]:
        """Where the neighbourhood's serial nodes put the gateway's end of their lines."""
        nodes = [node.id for node in load_plan().nodes if node.transport == "serial"]
        return [str(self.where.home / "devices" / f"node{node_id}.tty") for node_id in nodes]

    def _get(self, path: str) -> Any:
        try:
            answer = requests.get(f"http://127.0.0.1:{self.where.page_port}{path}", timeout=2)
            return answer.json() if answer.ok else None
        except (requests.RequestException, ValueError):
            return None


def _uno_told(wanted: bool) -> str:
    """Who meters the home whose meter is an Uno."""
    home = next(node.label for node in load_plan().nodes if node.uno)
    lacking = " ".join(missing_for_uno())
    if wanted and not lacking:
        return f"{home} is metered by its compiled firmware, in simavr; sensors are simulated"
    why = f"this machine lacks {lacking}" if wanted else "OHMSTEAD_UNO is 0"
    return f"{home} is metered by a simulated meter in its place: {why}"


def _broker_options(environment: Mapping[str, str]) -> list[str]:
    """The broker that the service is told of, for the simulated nodes."""
    names = {"MQTT_URL": "--mqtt", "MQTT_PREFIX": "--mqtt-prefix", "MQTT_CA": "--mqtt-ca"}
    if not environment.get("OHMSTEAD_MQTT_URL"):
        return []
    given = {option: environment.get(f"OHMSTEAD_{name}") for name, option in names.items()}
    options = [part for option, value in given.items() if value for part in (option, value)]
    return [*options, *(["--mqtt-passwords"] if environment.get("OHMSTEAD_MQTT_PASSWORD") else [])]


def run() -> int:
    """Runs the demo; the process's exit status."""
    display = Display()
    try:
        where = Surroundings.from_environment(os.environ)
        lock = lock_home(where.home)
    except SurroundingsError as error:
        print(error, file=sys.stderr)
        return 2
    demo = Demo(where, display)

    def on_signal(_number: int, _frame: object) -> None:
        if demo.stopping.is_set():
            raise KeyboardInterrupt  # a second Ctrl-C does not wait
        demo.stopping.set()

    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)
    status = 0
    try:
        demo.start()
        demo.announce()
        demo.watch()
    except (StartError, ChainNodeError, SurroundingsError) as error:
        display.close()
        print(error, file=sys.stderr)
        status = 1
    except KeyboardInterrupt:
        status = 130
    finally:
        demo.stopping.set()
        demo.stop()
        lock.close()
    print("stopped; `make run` goes on from here" if status == 0 else "stopped")
    return status


if __name__ == "__main__":
    sys.exit(run())
