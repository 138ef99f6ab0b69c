"""The small microgrid next door to the demo: own contracts, oracle node, service and simulator.

It comes up after the demo and beside it, in its own folder of the home, and never holds it up.
"""

from __future__ import annotations

import json
import shutil
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.supervise.chain_node import rpc
from scripts.supervise.child import Child, describe_exit
from scripts.supervise.surroundings import free_port

FOLDER = "hamlet"
_PLAN = "devices/simulator/hamlet.toml"


@dataclass(frozen=True, slots=True)
class NextDoor:
    """What the hamlet needs to know of the demo.

    Args:
        home: the demo's folder.
        deployment: the demo's deployment file.
        control: the neighbourhood's control port, which the tie is told.
        environment: the demo's, of which the hamlet's differs by home, port and signers.
    """

    home: Path
    root: Path
    chain_url: str
    chain_id: int
    deployment: Path
    control: str
    slot_seconds: int
    environment: Mapping[str, str]


class Hamlet:
    """Its processes: `tick` starts them one after another, those that began are in `children`."""

    def __init__(
        self, near: NextDoor, say: Callable[[str], None], on_up: Callable[[], None]
    ) -> None:
        self.home = near.home / FOLDER
        self.children: list[Child] = []
        self._near, self._say, self._on_up = near, say, on_up
        self._page_port, self._signer_port = free_port(), free_port()
        self._control_port = free_port()
        self._deploy: Child | None = None
        self._done = False

    @property
    def page(self) -> str:
        """Where its own page is."""
        return f"http://localhost:{self._page_port}"

    def tick(self) -> None:
        """Goes on with bringing it up; call it every moment, from the thread that stays.

        A process ends with the thread that started it (see Child).
        """
        if self._done:
            return
        if self._deploy is None and not self._is_deployed():
            (self.home / "provisioned.json").unlink(missing_ok=True)
            file = str(self._near.deployment)
            self._deploy = self._ape("hamlet-deploy", "deploy", "--hamlet", file)
            self._deploy.start()
            return
        code = self._deploy.exit_code() if self._deploy else 0
        if code is None:
            return
        if code != 0:
            self._done = True
            assert self._deploy is not None
            self._say(
                f"the hamlet next door did not come up ({describe_exit(code)}): "
                f"{self._deploy.last_words(1)} (its log: {self._deploy.log})"
            )
            return
        if not self.children:
            self._start(self._signer(), self._service())
            return
        # The line carries nothing before somebody hears its meter.
        if not _answers(self._page_port):
            return
        self._done = True
        self._start(self._simulator())
        self._say(f"the hamlet next door runs at {self.page}")
        self._on_up()

    def ending(self) -> list[Child]:
        """What is to be stopped."""
        deploying = [self._deploy] if self._deploy and self._deploy.exit_code() is None else []
        return [*deploying, *self.children]

    def addresses(self) -> dict[str, object] | None:
        """For `run.json`; None while it is not up."""
        if not self._done or not self.children:
            return None
        return {
            "page": self.page,
            "home": str(self.home),
            "control": f"http://127.0.0.1:{self._control_port}",
            "children": {child.name: child.pid for child in self.children},
        }

    def _start(self, *parts: Child) -> None:
        for child in parts:
            child.start()
            self.children.append(child)

    def _is_deployed(self) -> bool:
        """True if this chain holds its registry and everything is set up."""
        file = self.home / "deployments" / f"{self._near.chain_id}.json"
        try:
            registry = json.loads(file.read_text())["contracts"]["MeterRegistry"]["address"]
            ready = json.loads((self.home / "provisioned.json").read_text())
            tie = json.loads(file.read_text())["contracts"]["Interconnection"]["address"]
            near = json.loads(self._near.deployment.read_text())["contracts"]
        except (OSError, ValueError, KeyError):
            return False
        if ready.get("registry") != registry or near["Interconnection"]["address"] != tie:
            return False
        return bool(rpc(self._near.chain_url, "eth_getCode", registry, "latest") != "0x")

    # ---- processes -----------------------------------------------------------------------------

    def _signer(self) -> Child:
        return self._python(
            "hamlet-signer", "backend.oracle.signer",
            "--index", "0", "--home", str(self.home), "--port", str(self._signer_port),
        )  # fmt: skip

    def _service(self) -> Child:
        return self._ape("hamlet-service", "serve")

    def _simulator(self) -> Child:
        return self._python(
            "hamlet-simulator", "devices.simulator",
            "--plan", str(self._near.root / _PLAN), "--home", str(self.home / "devices"),
            "--gateway", f"http://127.0.0.1:{self._page_port}",
            "--slot-seconds", str(self._near.slot_seconds),
            "--control", str(self._control_port), "--near-control", self._near.control,
        )  # fmt: skip

    def _python(self, name: str, module: str, *arguments: str) -> Child:
        return self._child(name, sys.executable, "-m", module, *arguments)

    def _ape(self, name: str, script: str, *arguments: str) -> Child:
        ape = str(Path(sys.executable).with_name("ape"))
        return self._child(name, ape, "run", script, *arguments, "--network", self._near.chain_url)

    def _child(self, name: str, *command: str) -> Child:
        # The neighbourhood goes first where there is not enough of the machine for both.
        nice = shutil.which("nice")
        log = self._near.home / "logs" / f"{name}.log"
        return Child(name, [*([nice] if nice else []), *command], log, self._environment())

    def _environment(self) -> dict[str, str]:
        return {
            **self._near.environment,
            "OHMSTEAD_HOME": str(self.home),
            "OHMSTEAD_PORT": str(self._page_port),
            "OHMSTEAD_SERIAL_PORTS": "",
            "OHMSTEAD_MQTT_URL": "",  # the broker is the neighbourhood's
            "OHMSTEAD_MQTT_HOME_METERS": "",
            "OHMSTEAD_MQTT_SWITCHING": "",
            "OHMSTEAD_DEMO_CONTROL_URL": "",  # nothing there has a radio
            "OHMSTEAD_SIGNER_URLS": f"http://127.0.0.1:{self._signer_port}",
        }


def _answers(port: int) -> bool:
    """True if somebody listens on the loopback port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.2):
            return True
    except OSError:
        return False
