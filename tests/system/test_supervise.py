"""The supervisor's parts on their own: processes, the chain's state file, ports, what is shown."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.reset import reset
from scripts.residents import Household, wants_wh
from scripts.supervise.chain_node import ChainNode, ChainNodeError, find_anvil, rpc
from scripts.supervise.child import Child, describe_exit
from scripts.supervise.display import Display, flow, percent, slot_line, watts
from scripts.supervise.surroundings import (
    ROOT,
    Surroundings,
    SurroundingsError,
    free_port,
    lock_home,
    require_free,
    write_run_file,
)

FIRST, SECOND = (
    "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
    "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
)
# Ends a test whose event never comes, on however busy a machine.
PATIENCE_S = 120.0


def eventually(ready: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (found := ready()):
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)
    return found


def python(tmp_path: Path, code: str) -> Child:
    return Child("part", [sys.executable, "-c", code], tmp_path / "part.log", {"PART": "1"})


class TestChild:
    def test_its_output_and_environment_are_in_its_log(self, tmp_path: Path) -> None:
        child = python(tmp_path, "import os; print('PART', os.environ['PART'])")
        child.start()
        assert child.stop(PATIENCE_S)
        assert child.last_words() == "PART 1"
        assert child.exit_code() == 0

    def test_it_is_asked_before_it_is_killed(self, tmp_path: Path) -> None:
        code = (
            "import signal,sys,time\n"
            "signal.signal(signal.SIGTERM, lambda *_: (print('bye'), sys.exit(0)))\n"
            "print('up', flush=True)\ntime.sleep(60)"
        )
        child = python(tmp_path, code)
        child.start()
        eventually(lambda: "up" in child.last_words())
        child.ask_to_stop()
        assert child.stop(PATIENCE_S)
        assert "bye" in child.last_words()

    def test_one_that_does_not_listen_is_killed(self, tmp_path: Path) -> None:
        code = (
            "import signal,time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "print('up', flush=True)\ntime.sleep(60)"
        )
        child = python(tmp_path, code)
        child.start()
        eventually(lambda: "up" in child.last_words())
        child.ask_to_stop()
        assert not child.stop(0.2)
        assert child.pid is None

    def test_one_that_ends_starts_again_later_each_time(self, tmp_path: Path) -> None:
        child = python(tmp_path, "raise SystemExit(3)")
        child.start()
        eventually(lambda: child.exit_code() == 3)
        line = child.revive()
        assert line is not None
        assert "exit code 3" in line
        assert str(child.log) in line
        assert child.revive() is None
        assert eventually(child.revive) == "part started again"
        eventually(lambda: child.exit_code() == 3)
        assert "1 s" in str(child.revive())

    @pytest.mark.skipif(sys.platform != "linux", reason="needs the kernel's parent death signal")
    def test_it_ends_when_the_supervisor_is_killed(self, tmp_path: Path) -> None:
        code = (
            "import sys,time; from pathlib import Path\n"
            "from scripts.supervise.child import Child\n"
            "code = 'import time; print(1, flush=True); time.sleep(60)'\n"
            f"log = Path({str(tmp_path / 'c.log')!r})\n"
            "child = Child('c', [sys.executable, '-c', code], log, {})\n"
            "child.start()\n"
            "while not child.last_words(): time.sleep(0.01)\n"
            "print(child.pid, flush=True); time.sleep(60)"
        )
        supervisor = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        assert supervisor.stdout is not None
        pid = int(supervisor.stdout.readline())
        supervisor.kill()
        supervisor.wait()
        supervisor.stdout.close()
        eventually(lambda: not _runs(pid))

    def test_exits_are_told_in_words(self) -> None:
        assert describe_exit(1) == "exit code 1"
        assert describe_exit(-signal.SIGKILL) == "killed by SIGKILL"


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Callable[[], ChainNode]]:
    nodes: list[ChainNode] = []

    def start() -> ChainNode:
        state = tmp_path / "chain/state.json"
        node = ChainNode(find_anvil(ROOT), free_port(), state, tmp_path / "chain.log")
        node.start()
        nodes.append(node)
        node.wait_ready(PATIENCE_S)
        return node

    yield start
    for node in nodes:
        node.child.ask_to_stop()
        node.child.stop(PATIENCE_S)


def pay(node: ChainNode) -> None:
    paid = rpc(node.url, "eth_sendTransaction", {"from": FIRST, "to": SECOND, "value": "0x1"})
    eventually(lambda: rpc(node.url, "eth_getTransactionReceipt", paid))


def nonce(node: ChainNode) -> int:
    return int(rpc(node.url, "eth_getTransactionCount", FIRST, "latest"), 16)


class TestChainNode:
    def test_it_goes_on_from_its_stored_state(self, chain: Callable[[], ChainNode]) -> None:
        node = chain()
        pay(node)
        node.stop(PATIENCE_S)
        again = chain()
        assert nonce(again) == 1
        pay(again)
        assert nonce(again) == 2

    def test_a_kill_loses_only_what_was_not_saved(self, chain: Callable[[], ChainNode]) -> None:
        node = chain()
        pay(node)
        node.save()
        pay(node)
        assert node.child.pid is not None
        os.killpg(node.child.pid, signal.SIGKILL)
        assert node.child.stop(5)
        assert nonce(chain()) == 1

    def test_half_a_write_leaves_the_whole_old_state(
        self, chain: Callable[[], ChainNode], tmp_path: Path
    ) -> None:
        node = chain()
        pay(node)
        node.stop(PATIENCE_S)
        state = tmp_path / "chain/state.json"
        state.with_suffix(".draft").write_bytes(state.read_bytes()[:500])
        assert nonce(chain()) == 1

    def test_a_port_in_use_is_told_with_the_log(self, tmp_path: Path) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            log = tmp_path / "chain.log"
            node = ChainNode(find_anvil(ROOT), port, tmp_path / "state.json", log)
            node.start()
            with pytest.raises(ChainNodeError, match=str(log)):
                node.wait_ready(10)

    def test_a_missing_anvil_is_told_with_the_fix(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(ChainNodeError, match="anvil is missing: run `make setup`"):
            find_anvil(tmp_path)

    def test_a_node_that_is_not_there_is_told_by_its_address(self) -> None:
        port = free_port()
        with pytest.raises(ChainNodeError, match=f"no Ethereum node answers at .*{port}"):
            rpc(f"http://127.0.0.1:{port}", "eth_chainId")


class TestSurroundings:
    def test_defaults_are_the_documented_ones(self) -> None:
        where = Surroundings.from_environment({})
        assert (where.page_port, where.chain_port, where.slot_seconds) == (5000, 8545, 15)
        assert where.home == ROOT / ".ohmstead"
        assert where.chain_url is None

    def test_the_environment_decides(self, tmp_path: Path) -> None:
        where = Surroundings.from_environment(
            {"OHMSTEAD_HOME": str(tmp_path), "OHMSTEAD_PORT": "5999", "OHMSTEAD_RPC_URL": "http://x"}
        )
        assert (where.home, where.page_port, where.chain_url) == (tmp_path, 5999, "http://x")

    @pytest.mark.parametrize("value", ["abc", "-1", "0", "70000", "5000.5"])
    def test_a_bad_port_names_its_variable(self, value: str) -> None:
        with pytest.raises(SurroundingsError, match="OHMSTEAD_PORT"):
            Surroundings.from_environment({"OHMSTEAD_PORT": value})

    def test_a_port_in_use_is_named_with_the_fix(self) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            with pytest.raises(SurroundingsError, match=f"port {port}.*in use.*set OHMSTEAD_PORT"):
                require_free(port, "the web page", "set OHMSTEAD_PORT")

    def test_a_home_has_one_run(self, tmp_path: Path) -> None:
        first = lock_home(tmp_path)
        with pytest.raises(SurroundingsError, match="already runs"):
            lock_home(tmp_path)
        first.close()
        lock_home(tmp_path).close()


SUMMARY: dict[str, Any] = {
    "current_slot": 8,
    "slot_progress": 0.4,
    "power_w": {
        "solar": 2300,
        "prosumer_export": 0,
        "battery": -850,
        "grid": None,
        "consumption": 1450,
        "unknown": 0,
    },
    "soc_bp": 7420,
    "price": {"buy_micro_inr_per_kwh": 6_000_000, "sell_micro_inr_per_kwh": 3_000_000},
    "latest_slot": {
        "slot": 7,
        "condition": "surplus",
        "balance_wh": -120,
        "leaf_count": 15,
        "state": "committed",
    },
    "counts": {
        "slots_committed": 7,
        "settlements": 40,
        "sheds": 1,
        "acknowledgements": 3,
        "readings": 900,
    },
    "relays": [
        {
            "label": "Workshop",
            "acknowledged_closed": False,
            "pending": True,
            "critical": False,
            "reason": "shed",
            "threshold_bps": 7500,
        },
        {
            "label": "Lift",
            "acknowledged_closed": True,
            "pending": False,
            "critical": True,
            "reason": "restored",
            "threshold_bps": 2500,
        },
    ],
}


class TestDisplay:
    def test_without_a_terminal_each_slot_is_one_line(self) -> None:
        text = io.StringIO()
        display = Display(text)
        for slot in (7, 7, 8):
            latest = {**SUMMARY["latest_slot"], "slot": slot}
            display.show(["address"], {**SUMMARY, "latest_slot": latest})
        lines = text.getvalue().splitlines()
        assert [line.split()[1] for line in lines] == ["7", "8"]

    def test_a_line_holds_the_figures(self) -> None:
        line = slot_line(SUMMARY)
        for part in ("surplus", "-120 Wh", "74.2 %", "sheds 1", "relays closed 1/2"):
            assert part in line

    def test_on_a_terminal_the_whole_picture_is_drawn(self, monkeypatch: Any) -> None:
        monkeypatch.setenv("TERM", "xterm")
        text = io.StringIO()
        text.isatty = lambda: True  # type: ignore[method-assign]
        display = Display(text)
        display.show(["Ohmstead runs at http://localhost:5000"], SUMMARY)
        display.show(["Ohmstead runs at http://localhost:5000"], None)
        display.close()
        drawn = text.getvalue()
        for part in ("http://localhost:5000", "takes 850 W", "Lift (critical)", "on its way"):
            assert part in drawn
        assert "the service does not answer" in drawn

    def test_words_for_figures(self) -> None:
        assert percent(None) == "unknown"
        assert percent(0) == "0.0 %"
        assert watts(999) == "999 W"
        assert watts(-2300) == "-2.3 kW"
        assert flow(0, "gives", "takes") == "at rest"
        assert flow(None, "gives", "takes") == "unknown"


def test_a_run_that_cannot_start_says_why_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        environment = {
            **os.environ,
            "OHMSTEAD_HOME": str(tmp_path / "home"),
            "OHMSTEAD_PORT": str(port),
        }
        ended = subprocess.run(
            [sys.executable, "-m", "scripts.demo"],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    assert ended.returncode == 1
    assert f"port {port}, where the web page should listen, is in use" in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


def test_a_node_of_another_chain_is_refused(tmp_path: Path) -> None:
    port = free_port()
    anvil = subprocess.Popen(
        [find_anvil(ROOT), "--port", str(port), "--chain-id", "11155111", "--quiet"]
    )
    try:
        eventually(lambda: _answers(f"http://127.0.0.1:{port}"))
        ended = subprocess.run(
            [sys.executable, "-m", "scripts.demo"],
            env={
                **os.environ,
                "OHMSTEAD_HOME": str(tmp_path / "home"),
                "OHMSTEAD_PORT": str(free_port()),
                "OHMSTEAD_RPC_URL": f"http://127.0.0.1:{port}",
            },
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    finally:
        anvil.terminate()
        anvil.wait()
    assert ended.returncode == 1
    assert "chain id 11155111" in ended.stderr
    assert "make serve" in ended.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_can_be_stopped_half_started(tmp_path: Path, number: signal.Signals) -> None:
    home, log = tmp_path / "home", tmp_path / "run.log"
    environment = {
        **os.environ,
        "OHMSTEAD_HOME": str(home),
        "OHMSTEAD_PORT": str(free_port()),
        "OHMSTEAD_CHAIN_PORT": str(free_port()),
    }
    with log.open("wb") as output:
        run = subprocess.Popen(
            [sys.executable, "-m", "scripts.demo"],
            env=environment, cwd=ROOT, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        eventually(lambda: "being deployed" in log.read_text())
        run.send_signal(number)
        run.wait(PATIENCE_S)
    finally:
        run.kill()
        run.wait()
    assert "Traceback" not in log.read_text()
    left = [
        path
        for path in Path("/proc").glob("[0-9]*/environ")
        if _reads(path) and str(home).encode() in path.read_bytes()
    ]
    assert left == []


def _reads(path: Path) -> bool:
    try:
        return bool(path.read_bytes())
    except OSError:
        return False


def _answers(url: str) -> bool:
    try:
        return bool(rpc(url, "eth_chainId"))
    except ChainNodeError:
        return False


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_the_run_file_is_json(tmp_path: Path) -> None:
    path = write_run_file(tmp_path, {"page": "http://localhost:5000"})
    assert json.loads(path.read_text()) == {"pid": os.getpid(), "page": "http://localhost:5000"}


class TestReset:
    def test_it_removes_the_local_run_and_nothing_else(self, tmp_path: Path) -> None:
        home, deployments = tmp_path / "home", tmp_path / "deployments"
        for name in ("chain/state.json", "keys/nodes.json", "store.sqlite", "deploy/31337.json"):
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text("{}")
        (home / "notes.txt").write_text("mine")
        deployments.mkdir()
        (deployments / "31337.json").write_text("{}")
        (deployments / "11155111.json").write_text("{}")
        reset(home, deployments)
        assert [path.name for path in home.iterdir()] == ["notes.txt"]
        assert [path.name for path in deployments.iterdir()] == ["11155111.json"]

    def test_an_empty_home_goes_too(self, tmp_path: Path) -> None:
        home = tmp_path / "home"
        (home / "deployments").mkdir(parents=True)
        (home / "deployments/31337.json").write_text("{}")
        reset(home, home / "deployments")
        assert not home.exists()
        reset(home, home / "deployments")

    def test_keys_of_a_public_network_are_safe(self, tmp_path: Path) -> None:
        for name in ("deploy/11155111.json", "keys/relayer.json"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text("{}")
        with pytest.raises(SurroundingsError, match="11155111: nothing was removed"):
            reset(tmp_path, tmp_path / "deployments")
        assert (tmp_path / "keys/relayer.json").exists()

    def test_a_running_microgrid_is_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "store.sqlite").write_text("")
        with lock_home(tmp_path), pytest.raises(SurroundingsError, match="already runs"):
            reset(tmp_path, tmp_path / "deployments")
        assert (tmp_path / "store.sqlite").exists()


class TestResidents:
    def household(self, **changes: Any) -> Household:
        usual: dict[str, Any] = {
            "energy_wh": 2_000,
            "debt_wh": 0,
            "suspended": False,
            "forgetful": False,
            "market_has_wh": 100_000,
        }
        return Household(**{**usual, **changes})

    def test_enough_is_enough(self) -> None:
        assert wants_wh(self.household()) == 0

    def test_a_careful_household_buys_before_it_runs_out(self) -> None:
        assert wants_wh(self.household(energy_wh=400)) == 3_000
        assert wants_wh(self.household(energy_wh=0, debt_wh=2_000)) == 5_000

    def test_a_forgetful_one_pays_when_it_is_cut_off(self) -> None:
        dark = {"energy_wh": 0, "debt_wh": 3_200, "forgetful": True}
        assert wants_wh(self.household(**dark)) == 0
        assert wants_wh(self.household(**dark, suspended=True)) > 3_200

    def test_nobody_buys_what_the_microgrid_has_not(self) -> None:
        dark = {"energy_wh": 0, "debt_wh": 2_000, "suspended": True}
        assert wants_wh(self.household(**dark, market_has_wh=1_999)) == 0

    def test_a_surplus_is_sold(self) -> None:
        assert wants_wh(self.household(energy_wh=30_000)) == -27_000
