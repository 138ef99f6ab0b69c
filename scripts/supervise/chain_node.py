"""The embedded chain: anvil, with a state file that a kill at any instant leaves whole.

Anvil's own `--state` rewrites its file in place, and anvil refuses to start from half a file. Here
the state is fetched by RPC, written beside, synced and renamed.
"""

from __future__ import annotations

import gzip
import os
import platform
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import requests

from scripts.supervise.child import Child

DEMO_ACCOUNTS = 20
_DUMP_EVERY_S = 5.0
_DUMP_DUTY = 20  # a dump may take at most a twentieth of the time
_GAS_LIMIT = 60_000_000
_BLOCKS_WITH_TRANSACTIONS = 10_000  # hours of the demo; more would make every dump heavier


class ChainNodeError(RuntimeError):
    """The local chain cannot be used; the message says what to do."""


def find_anvil(root: Path) -> str:
    """Path of the anvil binary, from PATH or from npm's platform package.

    Raises:
        ChainNodeError: it is not installed.
    """
    found = shutil.which("anvil")
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    package = f"anvil-{platform.system().lower()}-{machine}"
    candidate = root / "node_modules/@foundry-rs" / package / "bin/anvil"
    if candidate.is_file():
        return str(candidate)
    if found:
        return found
    raise ChainNodeError("anvil is missing: run `make setup`, which installs it from npm")


def rpc(url: str, method: str, *params: Any, timeout: float = 5.0) -> Any:
    """One JSON-RPC call.

    Raises:
        ChainNodeError: nobody answers at `url`, or it answers with an error.
    """
    call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
    try:
        answer = requests.post(url, json=call, timeout=timeout).json()
    except (requests.RequestException, ValueError) as error:
        raise ChainNodeError(f"no Ethereum node answers at {url}: {error}") from error
    if "error" in answer:
        raise ChainNodeError(f"{method} at {url}: {answer['error'].get('message')}")
    return answer.get("result")


class ChainNode:
    """Anvil on loopback with chain id 31337, going on from `state` if that file exists."""

    def __init__(self, anvil: str, port: int, state: Path, log: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._state = state
        self._stopping = threading.Event()
        self._dumping = threading.Lock()
        command = [
            anvil, "--host", "127.0.0.1", "--port", str(port), "--chain-id", "31337",
            "--accounts", str(DEMO_ACCOUNTS), "--gas-limit", str(_GAS_LIMIT), "--quiet",
            "--transaction-block-keeper", str(_BLOCKS_WITH_TRANSACTIONS),
        ]  # fmt: skip
        # Read anew at each start: a restart goes on from the last dump.
        shell = 'state=$1; shift; [ -s "$state" ] && set -- "$@" --load-state "$state"; exec "$@"'
        self.child = Child("chain", ["sh", "-c", shell, "sh", str(state), *command], log, {})
        self._keeper = threading.Thread(target=self._keep, name="chain-state", daemon=True)

    def start(self) -> None:
        """Starts anvil and the keeper of its state."""
        self._state.parent.mkdir(parents=True, exist_ok=True)
        self.child.start()
        self._keeper.start()

    def wait_ready(self, timeout_s: float) -> None:
        """Returns when the node answers.

        Raises:
            ChainNodeError: it ended or did not answer in time; the message has its log's path.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self.child.exit_code() is not None:
                break
            try:
                rpc(self.url, "eth_chainId")
                return
            except ChainNodeError:
                self._stopping.wait(0.05)
        raise ChainNodeError(f"the local chain did not start: {self.child.log}")

    def save(self) -> None:
        """Writes the state so that the file is always a whole one: the old or the new."""
        with self._dumping:
            packed = bytes.fromhex(str(rpc(self.url, "anvil_dumpState", timeout=60))[2:])
            draft = self._state.with_suffix(".draft")
            with draft.open("wb") as file:
                file.write(gzip.decompress(packed))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._state)

    def stop(self, grace_s: float) -> None:
        """Saves the state and ends anvil."""
        self._stopping.set()
        if self.child.pid:
            try:
                self.save()
            except (ChainNodeError, OSError) as error:
                print(f"the chain's last state was not saved: {error}")
        self.child.ask_to_stop()
        self.child.stop(grace_s)

    def _keep(self) -> None:
        pause, saved_block = _DUMP_EVERY_S, None
        while not self._stopping.wait(pause):
            began = time.monotonic()
            try:
                block = rpc(self.url, "eth_blockNumber")
                if block != saved_block:
                    self.save()
                    saved_block = block
            except (ChainNodeError, OSError):
                continue  # the supervisor sees a node that is down and starts it again
            pause = max(_DUMP_EVERY_S, _DUMP_DUTY * (time.monotonic() - began))
