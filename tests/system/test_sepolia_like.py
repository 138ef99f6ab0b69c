"""Deploying to and serving from a public network, on a node that has Sepolia's chain id.

Fresh keys, the same two commands that a person types, and the refusals that protect them.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from eth_account import Account

from backend.chain.accounts import load_account
from backend.chain.clients import Clients
from backend.chain.contracts import ContractSet
from backend.chain.deployment import load_for_chain
from backend.chain.rpc import RpcClient
from backend.chain.views import ChainViews
from devices.simulator.plan import load_plan
from scripts import development
from scripts.keyfiles import keystore_once, write_secret
from scripts.supervise.chain_node import ChainNodeError, find_anvil, rpc
from scripts.supervise.surroundings import ROOT, free_port

CHAIN_ID = 11155111
PASSPHRASE = "only for this test"
ETHER = hex(10**20)
# Ends a test whose event never comes, on however busy a machine.
PATIENCE_S = 300.0


def eventually(ready: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            if found := ready():
                return found
        except (ChainNodeError, requests.RequestException):
            pass
        assert time.monotonic() < deadline, f"{what}: not within {PATIENCE_S:.0f} s"
        time.sleep(0.1)


@dataclass
class Sepolia:
    """A node with Sepolia's chain id, a home, and a deployer with a key of its own."""

    url: str
    home: Path
    deployer: str

    def environment(self, **changes: str) -> dict[str, str]:
        return {
            **{key: text for key, text in os.environ.items() if not key.startswith("OHMSTEAD")},
            "SEPOLIA_RPC_URL": self.url,
            "OHMSTEAD_HOME": str(self.home),
            "OHMSTEAD_KEYFILE": str(self.home / "deployer.json"),
            "OHMSTEAD_PASSPHRASE": PASSPHRASE,
            **changes,
        }

    def make(self, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["make", *arguments, "NETWORK=sepolia"],
            cwd=ROOT, env=self.environment(**changes), capture_output=True, text=True,
            timeout=2 * PATIENCE_S, check=False,
        )  # fmt: skip


@pytest.fixture(scope="module")
def sepolia(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sepolia]:
    home = tmp_path_factory.mktemp("sepolia")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    anvil = subprocess.Popen(
        [
            find_anvil(ROOT), "--port", str(port), "--chain-id", str(CHAIN_ID), "--quiet",
            "--block-time", "0.25", "--accounts", "0",
        ]
    )  # fmt: skip
    try:
        eventually(lambda: rpc(url, "eth_chainId"), "the node")
        deployer = keystore_once(home / "deployer.json", PASSPHRASE)
        rpc(url, "anvil_setBalance", deployer, ETHER)
        yield Sepolia(url, home, deployer)
    finally:
        anvil.terminate()
        anvil.wait()


@pytest.fixture(scope="module")
def deployed(sepolia: Sepolia) -> subprocess.CompletedProcess[str]:
    done = sepolia.make("deploy")
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_one_command_deploys_with_fresh_keys(
    sepolia: Sepolia, deployed: subprocess.CompletedProcess[str]
) -> None:
    deployment = load_for_chain(sepolia.home / "deployments", CHAIN_ID)
    assert deployment.slot_seconds == 900
    for contract in deployment.contracts.values():
        assert len(rpc(sepolia.url, "eth_getCode", contract.address, "latest")) > 2
        assert 0 < contract.block <= int(rpc(sepolia.url, "eth_blockNumber"), 16)
    assert "no plan was there: wrote" in deployed.stdout
    assert "sources not verified: set ETHERSCAN_API_KEY" in deployed.stdout
    assert "send ether to the relayer" in deployed.stdout


@pytest.mark.usefixtures("deployed")
def test_every_role_has_a_key_that_its_file_opens(sepolia: Sepolia) -> None:
    keys = sepolia.home / "keys"
    names = ["admin", "operator", "authority-1", "authority-2", "certifier", "pauser", "relayer"]
    addresses = {load_account(keys / f"{name}.json", PASSPHRASE).address for name in names}
    addresses |= {load_account(keys / f"signer-{index}.json").address for index in range(4)}
    assert len(addresses) == 11
    assert sepolia.deployer not in addresses


@pytest.mark.usefixtures("deployed")
def test_running_it_again_changes_nothing(sepolia: Sepolia) -> None:
    before = (sepolia.home / f"deployments/{CHAIN_ID}.json").read_text()
    nonce = rpc(sepolia.url, "eth_getTransactionCount", sepolia.deployer, "latest")
    again = sepolia.make("deploy")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "nothing was missing" in again.stdout
    assert (sepolia.home / f"deployments/{CHAIN_ID}.json").read_text() == before
    assert rpc(sepolia.url, "eth_getTransactionCount", sepolia.deployer, "latest") == nonce


def test_a_development_key_must_not_deploy(sepolia: Sepolia, tmp_path: Path) -> None:
    key = tmp_path / "deployer.json"
    known = development.account(development.DEPLOYER)
    write_secret(key, json.dumps(Account.encrypt(known.private_key, PASSPHRASE, iterations=2)))
    rpc(sepolia.url, "anvil_setBalance", known.address, ETHER)
    refused = sepolia.make("deploy", OHMSTEAD_KEYFILE=str(key), OHMSTEAD_HOME=str(tmp_path))
    assert refused.returncode != 0
    assert "OHMSTEAD_KEYFILE is" in refused.stderr
    assert "development account" in refused.stderr
    assert int(rpc(sepolia.url, "eth_getTransactionCount", known.address, "latest"), 16) == 0


@pytest.mark.usefixtures("deployed")
def test_a_development_key_must_not_hold_a_role(sepolia: Sepolia, tmp_path: Path) -> None:
    plan = (sepolia.home / "deployments/sepolia.toml").read_text()
    pauser = load_account(sepolia.home / "keys/pauser.json", PASSPHRASE).address
    bad = tmp_path / "plan.toml"
    bad.write_text(plan.replace(pauser, development.account(development.PAUSER).address))
    refused = sepolia.make("deploy", OHMSTEAD_PLAN=str(bad), OHMSTEAD_HOME=str(tmp_path))
    assert refused.returncode != 0
    assert "pauser is" in refused.stderr
    assert "development account" in refused.stderr


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"OHMSTEAD_KEYFILE": ""}, "set OHMSTEAD_KEYFILE"),
        ({"OHMSTEAD_KEYFILE": "/nowhere/key.json"}, "neither a file nor the alias"),
        ({"OHMSTEAD_PASSPHRASE": "wrong"}, "check OHMSTEAD_PASSPHRASE"),
        ({"OHMSTEAD_PLAN": "/nowhere/plan.toml", "OHMSTEAD_PASSPHRASE": ""}, "OHMSTEAD_PASSPHRASE"),
    ],
)
def test_what_is_missing_is_named(
    sepolia: Sepolia, changes: dict[str, str], message: str
) -> None:
    refused = sepolia.make("deploy", **changes)
    assert refused.returncode != 0
    assert message in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.usefixtures("deployed")
def test_the_operator_provisions_a_neighbourhood(sepolia: Sepolia) -> None:
    operator = load_account(sepolia.home / "keys/operator.json", PASSPHRASE).address
    rpc(sepolia.url, "anvil_setBalance", operator, ETHER)
    done = sepolia.make("provision")
    assert done.returncode == 0, done.stdout + done.stderr
    contracts = ContractSet(load_for_chain(sepolia.home / "deployments", CHAIN_ID))
    views = ChainViews(RpcClient(sepolia.url), contracts, Clients(contracts), 0.0)
    meters = views.meter_ids()
    plan = load_plan()
    assert len(meters) == sum(node.kind != "board" for node in plan.nodes) == 21
    batteries = Counter(view.config.battery for view in views.switches())
    assert batteries == {0: 8, 1: 4, 2: 2}
    assert not any(meter.claimed for meter in views.meters(meters))
    codes = json.loads((sepolia.home / "claim-codes.json").read_text())
    assert sorted(map(int, codes)) == [4, 7, 8, 9, 10, 11, 12]
    assert not (sepolia.home / "keys/demo-wallets.json").exists()
    again = sepolia.make("provision")
    assert "(0 calls sent)" in again.stdout


@contextmanager
def running(command: list[str], environment: dict[str, str], log: Path) -> Iterator[Any]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@pytest.mark.usefixtures("deployed")
def test_the_service_answers_on_it(sepolia: Sepolia, tmp_path: Path) -> None:
    relayer = load_account(sepolia.home / "keys/relayer.json", PASSPHRASE).address
    rpc(sepolia.url, "anvil_setBalance", relayer, ETHER)
    ports, page = [free_port() for _ in range(4)], free_port()
    environment = sepolia.environment(
        OHMSTEAD_PORT=str(page),
        OHMSTEAD_RPC_URL=sepolia.url,
        OHMSTEAD_SIGNER_URLS=",".join(f"http://127.0.0.1:{port}" for port in ports),
    )
    signers = [
        [
            sys.executable, "-m", "backend.oracle.signer",
            "--index", str(index), "--home", str(sepolia.home), "--port", str(port),
        ]
        for index, port in enumerate(ports)
    ]  # fmt: skip
    log = tmp_path / "serve.log"
    with (
        running(signers[0], environment, tmp_path / "s0.log"),
        running(signers[1], environment, tmp_path / "s1.log"),
        running(signers[2], environment, tmp_path / "s2.log"),
        running(signers[3], environment, tmp_path / "s3.log"),
        running(["make", "serve", "NETWORK=sepolia"], environment, log) as service,
    ):

        def health() -> Any:
            assert service.poll() is None, log.read_text()
            answer = requests.get(f"http://127.0.0.1:{page}/api/health", timeout=30)
            return answer.json() if answer.json()["oracle"]["signers_up"] == 4 else None

        found = eventually(health, "the service")
        config = requests.get(f"http://127.0.0.1:{page}/api/config", timeout=30).json()
    # Nobody has started the charging service, a process of its own here.
    assert [what for what in found["problems"] if "charging service" not in what] == []
    assert found["chain"]["id"] == CHAIN_ID
    assert config["chain_id"] == CHAIN_ID
    assert not config.get("demo_wallets")
    assert "etherscan.io" in config["explorer_url"]


@pytest.mark.usefixtures("deployed")
def test_the_service_refuses_a_development_key(sepolia: Sepolia) -> None:
    key = sepolia.home / "keys/relayer.json"
    good = key.read_text()
    known = development.account(development.RELAYER)
    write_secret(key, json.dumps({"address": known.address, "private_key": known.private_key}))
    try:
        refused = sepolia.make("serve", OHMSTEAD_PORT=str(free_port()))
    finally:
        write_secret(key, good)
    assert refused.returncode != 0
    assert "relayer is" in refused.stderr
    assert "development account" in refused.stderr
