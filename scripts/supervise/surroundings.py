"""Where a run lives: its folder, its ports, its lock, what it needs from the machine."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[2]
CHARGING_PORT = 9016


class SurroundingsError(RuntimeError):
    """The run cannot start here; the message is one line that names the cause and the fix."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where this run keeps its state and on which loopback ports it listens.

    Args:
        home: state folder.
        page_port: the web page and API.
        chain_url: an Ethereum node of the user's own, or None for the embedded one.
        chain_port: port of the embedded node.
        control_port: the simulated neighbourhood's controls.
        charging_port: where charge points connect.
        slot_seconds: length of a slot on the wall clock, standing for 15 minutes.
        hamlet: the small microgrid next door runs, too.
        compiled: nodes with a radio run the ESP32's compiled firmware.
        uno: the Uno's node runs its compiled firmware.
    """

    home: Path
    page_port: int
    chain_url: str | None
    chain_port: int
    control_port: int
    slot_seconds: int
    charging_port: int
    hamlet: bool = True
    compiled: bool = False
    uno: bool = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Surroundings:
        """Reads OHMSTEAD_HOME, _PORT, _RPC_URL, _CHAIN_PORT, _CONTROL_PORT, _CHARGING_PORT,
        _SLOT_SECONDS, _HAMLET, _COMPILED, _UNO.

        Raises:
            SurroundingsError: a value is not what it should be.
        """
        home = Path(environment.get("OHMSTEAD_HOME") or ROOT / ".ohmstead").expanduser().resolve()
        return cls(
            home=home,
            page_port=_port(environment, "OHMSTEAD_PORT", 5000),
            chain_url=environment.get("OHMSTEAD_RPC_URL") or None,
            chain_port=_port(environment, "OHMSTEAD_CHAIN_PORT", 8545),
            control_port=_port(environment, "OHMSTEAD_CONTROL_PORT", 0) or free_port(),
            slot_seconds=_positive(environment, "OHMSTEAD_SLOT_SECONDS", 15),
            charging_port=_port(environment, "OHMSTEAD_CHARGING_PORT", 0) or _usual_port(),
            hamlet=environment.get("OHMSTEAD_HAMLET") != "0",
            compiled=environment.get("OHMSTEAD_COMPILED") != "0",
            uno=environment.get("OHMSTEAD_UNO") != "0",
        )

    @property
    def page(self) -> str:
        """The address to open in a browser."""
        return f"http://localhost:{self.page_port}"

    @property
    def charging(self) -> str:
        """Where the simulated charge points connect."""
        return f"ws://127.0.0.1:{self.charging_port}"


def require_free(port: int, what: str, fix: str) -> None:
    """Raises SurroundingsError if somebody listens on loopback `port`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise SurroundingsError(
                f"port {port}, where {what} should listen, is in use: stop what uses it or {fix}"
            ) from error


def _usual_port() -> int:
    """The charging service's usual port, or another if somebody uses that."""
    try:
        require_free(CHARGING_PORT, "the charging service", "")
    except SurroundingsError:
        return free_port()
    return CHARGING_PORT


def free_port() -> int:
    """A loopback port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def lock_home(home: Path) -> IO[str]:
    """Takes the home for this process; keep the file open as long as the lock should hold.

    Raises:
        SurroundingsError: another run has it.
    """
    home.mkdir(parents=True, exist_ok=True)
    file = (home / "run.lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise SurroundingsError(
            f"a microgrid already runs from {home}: stop it first, or set OHMSTEAD_HOME"
        ) from error
    return file


def write_run_file(home: Path, run: Mapping[str, object]) -> Path:
    """`run.json`: the addresses of the parts that run now, for people and tests."""
    path = home / "run.json"
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps({"pid": os.getpid(), **run}, indent=2) + "\n")
    draft.replace(path)
    return path


def _port(environment: Mapping[str, str], key: str, default: int) -> int:
    port = _positive(environment, key, default)
    if port > 65535:
        raise SurroundingsError(f"{key}={port} is not a port: use 1..65535")
    return port


def _positive(environment: Mapping[str, str], key: str, default: int) -> int:
    text = environment.get(key)
    if not text:
        return default
    if not text.isdecimal() or int(text) == 0:
        raise SurroundingsError(f"{key}={text!r} is not a whole number above 0")
    return int(text)
