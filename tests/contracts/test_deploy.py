"""The deployment: roles as in the table, nothing left with the deployer, interruptions survived."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from eth_abi.abi import encode
from eth_utils.abi import collapse_if_tuple
from refusals import reverts

from scripts import development
from scripts.construction import ORDER
from scripts.deployer import Deployed, Deployer, DeployError
from scripts.deployment_file import write_deployment
from scripts.etherscan import Etherscan, EtherscanError, Source
from scripts.plan import Parameters, Plan, Stablecoin, local_plan
from scripts.roles import CONTRACT_ROLES, FUNCTION_ROLES, Role, selectors

SIGNERS = [f"0x{number:040x}" for number in (0xB0B, 0xA11CE, 0xCAFE)]
STRANGER = "0x00000000000000000000000000000000DeaDBeef"
DELAY = 2 * 24 * 3600


def make_plan(delay: int = 0, stablecoin: str | None = None) -> Plan:
    plan = local_plan(SIGNERS, slot_seconds=15)
    return plan.model_copy(
        update={
            "parameters": Parameters(slot_seconds=15, admin_delay_seconds=delay),
            "stablecoin": Stablecoin(address=stablecoin) if stablecoin else None,
        }
    )


class Deployment:
    def __init__(self, deployer: Deployer, contracts: dict[str, Deployed], project: Any) -> None:
        self.deployer = deployer
        self.contracts = contracts
        self._project = project

    def __getitem__(self, name: str) -> Any:
        container = "DemoRupee" if name == "Stablecoin" else name
        return getattr(self._project, container).at(self.contracts[name].address)


@pytest.fixture
def deploy(
    project: Any, accounts: Any, chain: Any, tmp_path: Path
) -> Callable[..., Deployment]:
    def run(plan: Plan | None = None, kind: type[Deployer] = Deployer) -> Deployment:
        deployer = kind(
            project, accounts[development.DEPLOYER], chain.chain_id, plan or make_plan(),
            tmp_path / "progress.json", lambda _line: None,
        )  # fmt: skip
        return Deployment(deployer, deployer.deploy(), project)

    return run


def arguments(inputs: list[dict[str, Any]]) -> bytes:
    """Something of the right shape; what it says does not matter."""
    types = [collapse_if_tuple(entry) for entry in inputs]  # type: ignore[arg-type]
    return encode(types, [empty(entry) for entry in inputs])


def empty(entry: dict[str, Any]) -> Any:
    kind = entry["type"]
    if kind.endswith("]"):
        return []
    if kind == "tuple":
        return tuple(empty(part) for part in entry["components"])
    if kind.startswith(("uint", "int")):
        return 0
    if kind == "bool":
        return False
    if kind == "address":
        return STRANGER
    if kind == "string":
        return ""
    return b"\0" * int(kind.removeprefix("bytes") or 0)


def refused_by_role(chain: Any, address: str, data: bytes) -> bool:
    """Whether a stranger's call ends with AccessManagedUnauthorized(stranger)."""
    error = bytes.fromhex("068ca9d8") + encode(["address"], [STRANGER])
    call = {"from": STRANGER, "to": address, "data": "0x" + data.hex()}
    try:
        chain.provider.web3.eth.call(call)
    except Exception as refusal:
        return str(getattr(refusal, "data", "")) == "0x" + error.hex()
    return False


def test_every_restricted_function_is_in_the_table_and_nothing_else(
    deploy: Callable[..., Deployment], chain: Any
) -> None:
    deployment = deploy()
    for name in ORDER:
        if name in ("AccessManager", "Stablecoin"):
            continue
        address, abi = deployment.contracts[name].address, deployment.deployer.abi(name)
        restricted = {
            entry["name"]
            for entry in abi
            if entry["type"] == "function"
            and entry["stateMutability"] in ("nonpayable", "payable")
            and entry["name"] != "setAuthority"  # for the manager alone, by OpenZeppelin
            for selector in selectors([entry], entry["name"])
            if refused_by_role(chain, address, selector + arguments(entry["inputs"]))
        }
        assert restricted == set(FUNCTION_ROLES.get(name, {})), name


def test_the_manager_knows_the_table(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy()
    manager = deployment["AccessManager"]
    for name, functions in FUNCTION_ROLES.items():
        address, abi = deployment.contracts[name].address, deployment.deployer.abi(name)
        for function, role in functions.items():
            for selector in selectors(abi, function):
                assert manager.getTargetFunctionRole(address, selector) == role, (name, function)


def test_roles_are_held_as_planned_and_the_deployer_holds_none(
    deploy: Callable[..., Deployment], accounts: Any
) -> None:
    deployment = deploy()
    manager, holders = deployment["AccessManager"], deployment.deployer.holders
    for role, account in holders.grants():
        assert manager.hasRole(int(role), account)[0], role.name
    for role, names in CONTRACT_ROLES.items():
        for name in names:
            assert manager.hasRole(int(role), deployment.contracts[name].address)[0], role.name
    everyone = {account.lower() for _, account in holders.grants()}
    deployer = accounts[development.DEPLOYER]
    assert deployer.address.lower() not in everyone
    assert not [role for role in Role if manager.hasRole(int(role), deployer)[0]]
    with reverts():
        manager.grantRole(int(Role.OPERATOR), deployer, 0, sender=deployer)


def test_contracts_start_as_planned(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy()
    plan = deployment.deployer.plan
    signers = deployment.deployer.holders.signers_ascending()
    assert list(deployment["OracleQuorum"].signers()) == signers
    assert deployment["OracleQuorum"].threshold() == 2
    assert deployment["MeterLedger"].inventory() == deployment.contracts["EnergyMarket"].address
    assert deployment["MeterLedger"].slotSeconds() == 15
    assert deployment["PowerCoinDesk"].etherRate()[0] == plan.ether_rate.micro_inr
    assert list(deployment["PostedPrice"].prices())[:2] == [6_000_000, 3_000_000]
    assert list(deployment["QuorumPriceFeed"].prices())[:2] == [6_000_000, 3_000_000]
    assert deployment["EnergyMarket"].priceSource() == deployment.contracts["PostedPrice"].address
    assert deployment["TariffBook"].chargeUp(1, 368_000) == 2_704_800_000
    assert deployment["Stablecoin"].owner() == deployment.deployer.holders.operator


def test_the_market_follows_the_feed_where_the_plan_says_so(
    deploy: Callable[..., Deployment],
) -> None:
    plan = make_plan()
    prices = plan.prices.model_copy(update={"source": "feed"})
    deployment = deploy(plan.model_copy(update={"prices": prices}))
    market, feed = deployment["EnergyMarket"], deployment.contracts["QuorumPriceFeed"]
    assert market.priceSource() == feed.address
    assert market.quoteBuyUp(1000) == plan.feed.start_micro_inr_per_kwh


def test_the_admin_announces_what_it_does(
    deploy: Callable[..., Deployment], accounts: Any, chain: Any
) -> None:
    deployment = deploy(make_plan(delay=DELAY))
    manager, price = deployment["AccessManager"], deployment["PostedPrice"]
    admin = accounts[development.ADMIN]
    assert manager.hasRole(int(Role.ADMIN), admin) == [True, DELAY]
    data = price.setBounds.encode_input(1, 2)
    with reverts():
        price.setBounds(1, 2, sender=admin)
    manager.schedule(price, data, 0, sender=admin)
    with reverts():
        manager.execute(price, data, sender=admin)
    chain.mine(deltatime=DELAY)
    manager.execute(price, data, sender=admin)
    assert price.bounds() == [1, 2]


def test_the_admin_cannot_hand_out_roles_at_once_either(
    deploy: Callable[..., Deployment], accounts: Any
) -> None:
    manager = deploy(make_plan(delay=DELAY))["AccessManager"]
    admin = accounts[development.ADMIN]
    with reverts():
        manager.grantRole(int(Role.OPERATOR), admin, 0, sender=admin)


def test_a_second_run_sends_nothing(deploy: Callable[..., Deployment], accounts: Any) -> None:
    first = deploy()
    nonce = accounts[development.DEPLOYER].nonce
    second = deploy()
    assert accounts[development.DEPLOYER].nonce == nonce
    assert second.contracts == first.contracts
    assert second.deployer.gas_used == 0


class InterruptionError(Exception):
    pass


class DiesAfterEachTransaction(Deployer):
    def _count(self, what: str, receipt: Any) -> None:
        super()._count(what, receipt)
        raise InterruptionError(what)


class DiesBeforeEachCreation(Deployer):
    def _remember(self, name: str, address: str, block: int) -> None:
        fresh = name not in self._known
        super()._remember(name, address, block)
        if fresh:
            raise InterruptionError(name)


@pytest.mark.parametrize("kind", [DiesAfterEachTransaction, DiesBeforeEachCreation])
def test_an_interrupted_run_goes_on_without_sending_anything_twice(
    deploy: Callable[..., Deployment],
    accounts: Any,
    kind: type[Deployer],
) -> None:
    before = accounts[development.DEPLOYER].nonce
    interruptions = 0
    while True:
        try:
            deployment = deploy(kind=kind)
            break
        except InterruptionError:
            interruptions += 1
    # The contracts; then roles, signers, inventory, advance limit, day-ahead market, three bonds,
    # the relayer's deposits, tariff, hand-over.
    assert interruptions >= len(ORDER)
    assert accounts[development.DEPLOYER].nonce - before == len(ORDER) + 11
    assert set(deployment.contracts) == set(ORDER)


def test_what_is_missing_after_the_hand_over_is_the_admins(
    deploy: Callable[..., Deployment], accounts: Any
) -> None:
    deployment = deploy()
    manager, admin = deployment["AccessManager"], accounts[development.ADMIN]
    operator = deployment.deployer.holders.operator
    manager.revokeRole(int(Role.OPERATOR), operator, sender=admin)
    with pytest.raises(DeployError, match="only the admin can change it now: OPERATOR is not held"):
        deploy()


def test_a_named_stablecoin_is_used(
    deploy: Callable[..., Deployment], project: Any, accounts: Any
) -> None:
    coin = accounts[0].deploy(project.DemoRupee, accounts[0])
    deployment = deploy(make_plan(stablecoin=coin.address))
    assert deployment["PowerCoinDesk"].stablecoin()[0] == coin.address
    assert deployment.contracts["Stablecoin"].address == coin.address


def test_a_stablecoin_without_code_is_refused(deploy: Callable[..., Deployment]) -> None:
    with pytest.raises(DeployError, match=r"stablecoin\.address: there is no contract"):
        deploy(make_plan(stablecoin=STRANGER))


def test_a_damaged_progress_file_is_named(
    deploy: Callable[..., Deployment], tmp_path: Path
) -> None:
    (tmp_path / "progress.json").write_text("{")
    with pytest.raises(DeployError, match=r"progress\.json is damaged"):
        deploy()


def test_the_deployment_file_keeps_its_date(tmp_path: Path) -> None:
    contracts = {"GridToken": {"address": STRANGER, "abi": [], "block": 3}}
    path = write_deployment(tmp_path, 31337, 15, contracts)
    first = json.loads(path.read_text())
    path.write_text(json.dumps({**first, "deployedAt": 7}))
    write_deployment(tmp_path, 31337, 15, contracts)
    assert json.loads(path.read_text())["deployedAt"] == 7
    moved = {"GridToken": {"address": "0x" + "1" * 40, "abi": [], "block": 3}}
    write_deployment(tmp_path, 31337, 15, moved)
    assert json.loads(path.read_text())["deployedAt"] > 7


class FakeEtherscan:
    """Answers as Etherscan's documentation says, and keeps what was submitted."""

    def __init__(self, answers: list[dict[str, str]]) -> None:
        self.forms: list[dict[str, str]] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                fake.forms.append({k: v[0] for k, v in parse_qs(body).items()})
                answer = json.dumps(answers[min(len(fake.forms), len(answers)) - 1]).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_arguments: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


SUBMITTED = {"status": "1", "message": "OK", "result": "guid"}
VERIFIED = {"status": "1", "message": "OK", "result": "Pass - Verified"}
PENDING = {"status": "0", "message": "NOTOK", "result": "Pending in queue"}
FAILED = {"status": "0", "message": "NOTOK", "result": "Fail - Unable to verify"}
ALREADY = {"status": "0", "message": "NOTOK", "result": "Contract source code already verified"}
UNSEEN = {"status": "0", "message": "NOTOK", "result": "Unable to locate ContractCode at 0x.."}
BAD_KEY = {"status": "0", "message": "NOTOK", "result": "Invalid API Key"}


@pytest.fixture
def etherscan() -> Iterator[Callable[[list[dict[str, str]]], tuple[Etherscan, FakeEtherscan]]]:
    fakes: list[FakeEtherscan] = []

    def make(answers: list[dict[str, str]]) -> tuple[Etherscan, FakeEtherscan]:
        fakes.append(FakeEtherscan(answers))
        return Etherscan(11155111, "key", fakes[-1].url, poll_s=0.01), fakes[-1]

    yield make
    for fake in fakes:
        fake.server.shutdown()
        fake.server.server_close()


SOURCE = Source({"language": "Solidity"}, "v0.8.37+commit.f401782d", "a.sol:A", b"\1")


@pytest.mark.parametrize(
    "answers", [[SUBMITTED, VERIFIED], [SUBMITTED, PENDING, VERIFIED], [ALREADY], [UNSEEN, ALREADY]]
)
def test_sources_are_verified(etherscan: Any, answers: list[dict[str, str]]) -> None:
    client, fake = etherscan(answers)
    client.verify(STRANGER, SOURCE)
    assert len(fake.forms) == len(answers)
    assert fake.forms[0]["contractname"] == "a.sol:A"
    assert fake.forms[0]["constructorArguements"] == "01"


@pytest.mark.parametrize(
    ("answers", "message"),
    [([SUBMITTED, FAILED], "Unable to verify"), ([BAD_KEY], "Invalid API Key")],
)
def test_a_refusal_is_told_in_etherscans_words(
    etherscan: Any, answers: list[dict[str, str]], message: str
) -> None:
    client, _ = etherscan(answers)
    with pytest.raises(EtherscanError, match=message):
        client.verify(STRANGER, SOURCE)


def test_the_published_source_gives_the_deployed_bytes(
    deploy: Callable[..., Deployment], chain: Any
) -> None:
    """What Etherscan will do: compile the input anew and compare with the creation transaction."""
    deployment = deploy()
    sources = deployment.deployer.sources()
    assert set(sources) == set(ORDER)
    for name in ("AccessManager", "PowerCoinDesk"):
        address, source = sources[name]
        assert source.compiler == "v0.8.37+commit.f401782d"
        file, contract = source.name.split(":")
        settings = {**source.standard_json["settings"]}
        settings["outputSelection"] = {file: {contract: ["evm.bytecode.object"]}}
        given = json.dumps({**source.standard_json, "settings": settings})
        solc = Path(".cache/solcx/solc-v0.8.37")
        compiled = json.loads(
            subprocess.run(
                [solc, "--standard-json", "--base-path", "/nowhere"],
                input=given, capture_output=True, text=True, check=True,
            ).stdout
        )  # fmt: skip
        assert not [e for e in compiled.get("errors", []) if e["severity"] == "error"]
        code = compiled["contracts"][file][contract]["evm"]["bytecode"]["object"]
        block = chain.provider.web3.eth.get_block(deployment.contracts[name].block, True)
        (creation,) = block["transactions"]
        assert creation["input"].hex() == code + source.constructor_arguments.hex()
        assert deployment.contracts[name].address == address
