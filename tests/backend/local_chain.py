"""A real anvil and the real contracts, up in about a second: for tests and benchmarks."""

from __future__ import annotations

import json
import platform
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.abi import collapse_if_tuple
from eth_utils.crypto import keccak

from backend.chain.contracts import Call, Contract
from backend.chain.deployment import DeployedContract, Deployment, parse_deployment
from backend.chain.rpc import NodeUnreachableError, RpcClient, RpcError, number
from scripts.construction import ORDER
from scripts.roles import CONTRACT_ROLES, FUNCTION_ROLES, Role, functions_by_role

ROOT = Path(__file__).resolve().parents[2]
MNEMONIC = "test test test test test test test test test test test junk"
DEPLOYER, OPERATOR, AUTHORITY, SECOND_AUTHORITY, PAUSER, RELAYER, RESIDENT, STRANGER = range(8)
SLOT_SECONDS = 15
CERTIFIER = 8
FIRST_SIGNER = 10
"""Index of the first oracle node's development account."""


@cache
def development_account(index: int) -> LocalAccount:
    Account.enable_unaudited_hdwallet_features()
    account: LocalAccount = Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}")
    return account


# ---- anvil -------------------------------------------------------------------------------------


def anvil_binary() -> str:
    found = shutil.which("anvil")
    if (found and "@foundry-rs" in found) or not found:
        machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(
            platform.machine(), platform.machine()
        )
        system = platform.system().lower()
        package = f"node_modules/@foundry-rs/anvil-{system}-{machine}/bin/anvil"
        if (ROOT / package).exists():
            return str(ROOT / package)
    if not found:
        raise RuntimeError("anvil is not installed: run make setup")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Anvil:
    """One node process, which a test may stop, kill, pause and start again on its own state."""

    def __init__(
        self, state: Path | None = None, port: int | None = None, options: Sequence[str] = ()
    ) -> None:
        self.port = port or free_port()
        self.state = state
        self.options = list(options)
        self.process: subprocess.Popen[bytes] | None = None
        self.rpc = RpcClient(f"http://127.0.0.1:{self.port}")

    @property
    def url(self) -> str:
        return self.rpc.url

    def start(self, load: Path | None = None) -> Anvil:
        command = [anvil_binary(), "--port", str(self.port), "--quiet", "--accounts", "20"]
        if load is not None:
            command += ["--load-state", str(load)]
        elif self.state is not None:
            command += ["--state", str(self.state)]
        self.process = subprocess.Popen(
            [*command, *self.options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 20
        while True:
            try:
                self.rpc.call("eth_chainId")
                return self
            except NodeUnreachableError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("anvil did not start") from None
                time.sleep(0.02)

    def stop(self, how: int = signal.SIGTERM) -> None:
        """Ends it; with SIGTERM it writes its state."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(how)
            self.process.wait(20)
            self.process = None

    def pause(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Anvil:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop(signal.SIGKILL)

    # ---- what anvil can do beyond a node --------------------------------------------------------

    def snapshot(self) -> str:
        return str(self.rpc.call("evm_snapshot"))

    def revert(self, snapshot: str) -> None:
        assert self.rpc.call("evm_revert", snapshot)

    def mine(self, blocks: int = 1) -> None:
        self.rpc.call("anvil_mine", hex(blocks))

    def automine(self, on: bool) -> None:
        self.rpc.call("evm_setAutomine", on)

    def block_number(self) -> int:
        return number(self.rpc.call("eth_blockNumber"))

    def now(self) -> int:
        return number(self.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"])


# ---- contracts ---------------------------------------------------------------------------------


@cache
def manifest() -> dict[str, Any]:
    """Every contract's type, as `make compile` left them."""
    place = ROOT / ".build/__local__.json"
    if not place.exists():
        raise RuntimeError(f"{place.name} is missing: run make compile")
    types: dict[str, Any] = json.loads(place.read_text())["contractTypes"]
    return types


def artifact(name: str) -> tuple[list[dict[str, Any]], bytes]:
    """ABI and creation code of a contract, as Ape compiled it."""
    contract = manifest().get({"Stablecoin": "DemoRupee"}.get(name, name))
    if contract is None:
        raise RuntimeError(f"{name} is not compiled: run make compile")
    code = contract["deploymentBytecode"]["bytecode"]
    return contract["abi"], bytes.fromhex(code.removeprefix("0x"))


def transact(rpc: RpcClient, sender: str, to: str | None, data: bytes, value: int = 0) -> Any:
    """Sends from an unlocked account and returns the receipt; fails if it reverts."""
    transaction = {"from": sender, "data": "0x" + data.hex(), "gas": hex(15_000_000)}
    if to is not None:
        transaction["to"] = to
    if value:
        transaction["value"] = hex(value)
    tx_hash = rpc.call("eth_sendTransaction", transaction)
    deadline = time.monotonic() + 20
    while (receipt := rpc.call("eth_getTransactionReceipt", tx_hash)) is None:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{tx_hash} is not mined")
        time.sleep(0.01)
    if receipt["status"] != "0x1":
        try:
            rpc.call("eth_call", transaction, receipt["blockNumber"])
        except RpcError as error:
            raise RuntimeError(f"reverted: {error.message} {error.data.hex()}") from None
        raise RuntimeError("reverted")
    return receipt


def send(rpc: RpcClient, sender: int | str, call: Call[Any], value: int = 0) -> Any:
    address = development_account(sender).address if isinstance(sender, int) else sender
    return transact(rpc, address, call.target, call.data, value)


FIGURES: Mapping[str, Any] = {
    "secondsToReport": 60,
    "gridPrices": (0, 30_000_000, 3_000_000, 7_000_000),
    "rules": (50_000, 600, 30, 3_600, 10),
    "firstBacker": development_account(OPERATOR).address,
    "initialAdmin": development_account(DEPLOYER).address,
    "issuer": development_account(OPERATOR).address,
    "microInrPerWholeToken": 1_000_000,
    "rate": 250_000_000_000,
    "limits": (1, 10**18, 10_000, 0, 2**24 - 1),
    "minPrice": 500_000,
    "maxPrice": 30_000_000,
    "buyPrice": 6_000_000,
    "sellPrice": 3_000_000,
    "feed": 1,
    "firstBounds": (0, 1_500, 30 * 86_400, 3_600),
    "feedSettings": (2_000_000, 12_000_000, 60, 5, 100_000, 5_000),
    "startPrice": 6_000_000,
    "maxPriceAge": 10**9,
    "emergencyCreditWh": 1_000,
    "maxRequestWh": 50_000,
    "minBond": 5_000_000,
    "firstLimits": (4, 8_500, 300, 600, 3_600),
    "firstSettings": (
        2_000_000, 12_000_000, 10_000, 20_000, 6_000, 300, 900, 500, 1_300, 2_500, 2, 10**6,
    ),
    "secondsOfUnbonding": 1_200,
    "shareBps": 3_000,
    "communityAccount": development_account(OPERATOR).address,
    "figures": (600, 60, 60, 5, 10**16),
    "feeMicroInr": 100,
    "firstCommunity": development_account(OPERATOR).address,
    "secondsPerEpoch": 60,
    "stepLimits": (
        (500_000, 0, 0, 0, 0, 0, 0), (1_500_000, *[1_000_000] * 6), (20_000,) * 7,
    ),
    "start": (1_000_000, 500_000, 300_000, 300_000, 300_000, 300_000, 100_000),
    "projectSettings": (50_000_000_000, 86_400, 7 * 86_400, 5_000),
}  # fmt: skip
"""Constructor arguments by name."""

_INTERFACE_OF = {
    "IERC20Metadata": "Stablecoin",
    "IPriceSource": "PostedPrice",
    "IAccessManager": "AccessManager",
}


def _argument(
    item: Mapping[str, Any], addresses: Mapping[str, str], figures: Mapping[str, Any]
) -> Any:
    internal = item.get("internalType") or ""
    contract = re.fullmatch(r"contract (I?\w+)", internal)
    name = item["name"].strip("_")
    if contract:
        interface = contract.group(1)
        return addresses[_INTERFACE_OF.get(interface, interface.removeprefix("I"))]
    if name in ("authority", "manager") and item["type"] == "address":
        return addresses["AccessManager"]
    if "slot" in name.lower() and item["type"] == "uint32":
        return figures["slotSeconds"]
    if internal == "struct IQuorumPriceFeed.Settings":
        return figures["feedSettings"]
    if name in figures:
        return figures[name]
    if item["type"] == "tuple":
        return tuple(_argument(part, addresses, figures) for part in item["components"])
    by_name = _BY_NAME.get(name)
    if by_name is not None and by_name in addresses:
        return addresses[by_name]
    raise RuntimeError(f"no value for constructor argument {name} ({internal or item['type']})")


_BY_NAME = {
    "token": "GridToken",
    "desk": "PowerCoinDesk",
    "registry": "MeterRegistry",
    "ledger": "MeterLedger",
    "tariffBook": "TariffBook",
    "priorities": "PriorityRegistry",
    "priceSource": "PostedPrice",
    "quorum": "OracleQuorum",
    "stablecoin": "Stablecoin",
}


def deploy(
    rpc: RpcClient, slot_seconds: int, signers: Sequence[str] = (), threshold: int = 2
) -> Deployment:
    """Deploys everything with the development accounts in their roles."""
    admin = development_account(DEPLOYER).address
    if not signers:
        signers = [development_account(FIRST_SIGNER + i).address for i in range(3)]
    ascending = sorted(signers, key=lambda address: int(address, 16))
    figures = {**FIGURES, "slotSeconds": slot_seconds}
    addresses: dict[str, str] = {}
    entries: dict[str, Any] = {}
    for name in ORDER:
        abi, code = artifact(name)
        constructor = next((i for i in abi if i["type"] == "constructor"), {"inputs": []})
        inputs = constructor["inputs"]
        values = [_argument(item, addresses, figures) for item in inputs]
        data = code + encode([collapse_if_tuple(item) for item in inputs], values)
        receipt = transact(rpc, admin, None, data)
        addresses[name] = receipt["contractAddress"]
        block = number(receipt["blockNumber"])
        entries[name] = {"address": addresses[name], "abi": abi, "block": block}
    document = {
        "chainId": number(rpc.call("eth_chainId")),
        "slotSeconds": slot_seconds,
        "deployedAt": int(time.time()),
        "contracts": entries,
    }
    deployment = parse_deployment(document)
    _wire(rpc, deployment, ascending, threshold)
    return deployment


def _wire(rpc: RpcClient, deployment: Deployment, signers: Sequence[str], threshold: int) -> None:
    manager = Contract(deployment["AccessManager"])
    calls = []
    for name in FUNCTION_ROLES:
        entry = deployment[name]
        present = {i.get("name") for i in entry.abi}
        assert set(FUNCTION_ROLES[name]) <= present, name
        for role, selectors in functions_by_role(name, entry.abi).items():
            calls.append(manager.call("setTargetFunctionRole", entry.address, selectors, int(role)))
    holders = {
        Role.OPERATOR: OPERATOR,
        Role.AUTHORITY: AUTHORITY,
        Role.PAUSER: PAUSER,
        Role.RELAYER: RELAYER,
        Role.CERTIFIER: CERTIFIER,
    }
    grants = [(role, development_account(index).address) for role, index in holders.items()]
    grants.append((Role.AUTHORITY, development_account(SECOND_AUTHORITY).address))
    grants += [
        (role, deployment[name].address) for role, names in CONTRACT_ROLES.items() for name in names
    ]
    calls += [manager.call("grantRole", int(role), account, 0) for role, account in grants]
    send(rpc, DEPLOYER, manager.call("multicall", [call.data for call in calls]))
    quorum = Contract(deployment["OracleQuorum"])
    send(rpc, DEPLOYER, quorum.call("setSigners", list(signers), threshold))
    ledger = Contract(deployment["MeterLedger"])
    send(rpc, DEPLOYER, ledger.call("setInventory", deployment["EnergyMarket"].address))
    pool = Contract(deployment["RealTimePool"])
    send(rpc, DEPLOYER, pool.call("setDayAhead", deployment["DayAheadMarket"].address))


def document_of(deployment: Deployment) -> dict[str, Any]:
    """The deployment as its file holds it."""
    return {
        "chainId": deployment.chain_id,
        "slotSeconds": deployment.slot_seconds,
        "deployedAt": deployment.deployed_at,
        "contracts": {
            name: {"address": c.address, "abi": list(c.abi), "block": c.block}
            for name, c in deployment.contracts.items()
        },
    }


# ---- a small community -------------------------------------------------------------------------


def register_meter(
    rpc: RpcClient, deployment: Deployment, meter: int, kind: int, max_power_w: int = 50_000
) -> None:
    registry = Contract(deployment["MeterRegistry"])
    key_hash = keccak(meter.to_bytes(4, "big"))
    send(rpc, OPERATOR, registry.call("register", meter, kind, 1, max_power_w, key_hash))


def add_switch(
    rpc: RpcClient,
    deployment: Deployment,
    switch_id: int,
    *,
    board: int,
    pin: int,
    battery: int,
    meter: int = 0,
    supplied: bool = True,
    critical: bool = False,
    min_on_s: int = 0,
    min_off_s: int = 0,
) -> None:
    contract = Contract(deployment["PriorityRegistry"])
    config = (meter, board, pin, battery, critical, False, min_on_s, min_off_s)
    send(rpc, OPERATOR, contract.call("addSwitch", switch_id, config, supplied))


def plain_contract(address: str, name: str = "Plain") -> DeployedContract:
    """A contract without functions."""
    return DeployedContract(name, address, (), 0)


def claim_meter(
    rpc: RpcClient, deployment: Deployment, meter: int, household: int, mode: int
) -> None:
    """A household claims a meter with a fresh one-time code."""
    registry = Contract(deployment["MeterRegistry"])
    code: LocalAccount = Account.create()
    send(rpc, OPERATOR, registry.call("issueClaimCode", meter, code.address))
    wallet = development_account(household).address
    ask = registry.call("claimDigest", meter, wallet)
    digest = ask.read(bytes.fromhex(rpc.call(*_flat(ask.request()))[2:]))
    signature = bytes(code.unsafe_sign_hash(digest).signature)
    send(rpc, household, registry.call("claim", meter, mode, signature))


def _flat(request: tuple[str, list[Any]]) -> tuple[Any, ...]:
    return (request[0], *request[1])


def add_tariff(rpc: RpcClient, deployment: Deployment, period_s: int) -> None:
    """A flat tariff of Rs 5 a kWh, valid from an hour ago, billed every `period_s` seconds."""
    book = Contract(deployment["TariffBook"])
    abi = next(i for i in deployment["TariffBook"].abi if i.get("name") == "addTariff")
    now = number(rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"])
    fields = {
        "validFrom": now - 3600,
        "validUntil": now + 10**8,
        "billingPeriodSeconds": period_s,
        "paymentTermSeconds": 3600,
        "feedInMicroInrPerKwh": 3_000_000,
        "telescopic": [],
        "flat": [(2**64 - 1, 5_000_000)],
        "name": "flat",
    }
    tariff = tuple(fields[part["name"]] for part in abi["inputs"][0]["components"])
    send(rpc, OPERATOR, book.call("addTariff", tariff))
