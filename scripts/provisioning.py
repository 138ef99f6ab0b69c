"""Sets up the simulated neighbourhood: keys, meters, switches, one-time codes, demo households.

Everything asks first whether it is there, so a second run adds only what is missing. On a local
chain demo households hold most meters; elsewhere every household claims its own with its code.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.messages import encode_defunct
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

from backend.chain.accounts import LOCAL_CHAINS, load_account
from backend.chain.clients import Clients
from backend.chain.contracts import Call, ContractSet
from backend.chain.deployment import load_for_chain
from backend.chain.rpc import RpcClient, number
from backend.chain.types import BillingMode
from backend.chain.views import ChainViews
from backend.charging import credentials
from backend.charging.linking import Link
from backend.config import Settings
from backend.oracle.sum_tree import EntityKind
from backend.telemetry import charging, nodes
from backend.telemetry.store import open_store
from devices.simulator.element import open_element
from devices.simulator.plan import Node, Plan, load_plan
from scripts import development, vehicles
from scripts.claim_codes import ClaimCode, ClaimCodes
from scripts.keyfiles import random_hex, secret_once, write_secret
from scripts.transactions import Wallet

NEWCOMERS_METER = 4
"""House C1: nobody's yet, so that whoever opens the page can join with its code."""

_HOUSEHOLDS: dict[int, BillingMode] = {
    12: BillingMode.MARKET,
    7: BillingMode.PREPAID,
    8: BillingMode.BILLED,
    9: BillingMode.PREPAID,
    10: BillingMode.MARKET,
    11: BillingMode.MARKET,
}
"""Demo households and how they pay; the development accounts follow each other in this order."""

_POCKET_MONEY_WEI = 10**16  # Rs 2 500 at the demo's first rate
_ENOUGH_WEI = 10**18
_GRID_MICRO_INR = 50_000_000_000  # of the main grid's money at the clearing house
_GRID_WEI = 10**18
_MESH_MICRO_INR = 10_000_000  # what every account has prepaid for the mesh at first
_MESH_WEI = 10**16
_SPENDERS = {
    BillingMode.PREPAID: "EnergyMarket",
    BillingMode.BILLED: "TariffBook",
    BillingMode.MARKET: "ClearingHouse",
}
"""Whom a household lets take its INR."""


class ProvisionError(RuntimeError):
    """The neighbourhood cannot be set up; the message says what is wrong."""


def household_account(meter: int) -> development.DevelopmentAccount:
    """The development account of a demo household."""
    return development.account(development.FIRST_HOUSEHOLD + list(_HOUSEHOLDS).index(meter))


def households() -> dict[int, BillingMode]:
    """Meters that demo households hold, and how they pay."""
    return dict(_HOUSEHOLDS)


def provision_demo(settings: Settings, chain_id: int, say: Callable[[str], None]) -> None:
    """Sets up whatever of the neighbourhood is missing.

    Raises:
        ProvisionError, TransactionError, AccountError: with what to do.
    """
    plan = load_plan()
    chain, operator, sent = provision_plan(
        settings, chain_id, plan, _operator(settings, chain_id), say
    )
    codes = ClaimCodes(settings.home / "claim-codes.json")
    sent += chain.issue_codes(operator, plan, codes)
    say(f"meters, switches and one-time codes are on chain ({sent} calls sent)")
    if chain_id in LOCAL_CHAINS:
        chain.fund_people()
        chain.fund_grid(operator)
        joined = sum(chain.move_in(meter, mode, codes) for meter, mode in _HOUSEHOLDS.items())
        chain.fund_mesh(operator, _HOUSEHOLDS)
        say(f"{len(_HOUSEHOLDS)} demo households hold their meters ({joined} joined now)")
        _write_demo_wallets(settings)
        numbers = chain.set_up_vehicles(operator, plan, settings)
        _link_tokens(settings, chain_id, plan, numbers)
    mark_provisioned(settings, chain)


def provision_plan(
    settings: Settings,
    chain_id: int,
    plan: Plan,
    operator: LocalAccount,
    say: Callable[[str], None],
) -> tuple[Chain, Wallet, int]:
    """Keys, store and chain of a plan's nodes: the chain, the operator's wallet, calls sent."""
    keys = _node_keys(settings, plan)
    _fill_store(settings, plan)
    _admit_chargers(settings, plan)
    say(f"{len(keys)} nodes have keys and are known to the gateway")
    chain = Chain.connect(settings, chain_id)
    wallet = chain.wallet(operator)
    sent = chain.install(wallet, plan, keys)
    sent += chain.enrol_elements(wallet, plan, settings.home / "devices")
    return chain, wallet, sent


def mark_provisioned(settings: Settings, chain: Chain) -> None:
    """Written last: the service waits for it."""
    marker = {"registry": chain.contracts["MeterRegistry"].address}
    (settings.home / "provisioned.json").write_text(json.dumps(marker) + "\n")


# ---- keys and store ----------------------------------------------------------------------------


def _node_keys(settings: Settings, plan: Plan) -> dict[int, bytes]:
    """Every node's key, made once, for the gateway and for the node itself."""
    ring_file = settings.keys_dir / "nodes.json"
    ring: dict[str, Any] = json.loads(ring_file.read_text()) if ring_file.exists() else {}
    missing = [node.id for node in plan.nodes if str(node.id) not in ring]
    if missing:
        ring |= {str(node_id): random_hex() for node_id in missing}
        write_secret(ring_file, json.dumps(ring, indent=2) + "\n")
    for node in plan.nodes:
        file = settings.home / "devices" / f"{node.id}.key"
        key = _current(ring[str(node.id)])
        if not file.exists():
            write_secret(file, key + "\n")
        if _came_over_the_air(ring[str(node.id)]):
            if not any(file.with_suffix(kept).exists() for kept in (".nvm.json", ".nvs")):
                write_secret(file, key + "\n")  # its memory, with the key, is gone
        elif file.read_text().strip() != key:
            raise ProvisionError(
                f"{file} differs from {ring_file}: the gateway would refuse the node's frames; "
                "remove the one that is wrong and run again"
            )
    secret_once(settings.keys_dir / "salt.hex", random_hex)
    boards = {str(node.id) for node in plan.nodes if node.kind == "board"}
    tokens_file = settings.keys_dir / "blynk.json"
    if not tokens_file.exists():
        tokens = {board: random_hex(16) for board in sorted(boards)}
        write_secret(tokens_file, json.dumps(tokens) + "\n")
    speaks_for = {str(battery.id): battery.node for battery in plan.batteries}
    write_secret(settings.keys_dir / "batteries.json", json.dumps(speaks_for) + "\n")
    return {node.id: bytes.fromhex(_current(ring[str(node.id)])) for node in plan.nodes}


def _current(entry: Any) -> str:
    """A node's key, of an entry that may be in rotation (backend.ingest.keyring)."""
    return str(entry["key"] if isinstance(entry, dict) else entry)


def _came_over_the_air(entry: Any) -> bool:
    """Whether the node's key is in its own memory, in place of the provisioned one."""
    return isinstance(entry, dict) and bool(entry.get("epoch"))


def _fill_store(settings: Settings, plan: Plan) -> None:
    battery = {battery.node: battery.id for battery in plan.batteries}
    capacity = {battery.node: battery.capacity_wh for battery in plan.batteries}
    store = open_store(settings.store_url)
    try:
        with store.write() as connection:
            nodes.provision(
                connection,
                [
                    nodes.Node(
                        node.id, node.label, _kind(node), node.feeder, node.max_power_w,
                        battery.get(node.id), capacity_wh=capacity.get(node.id),
                    )
                    for node in plan.nodes
                ],
            )  # fmt: skip
    finally:
        store.close()


def _admit_chargers(settings: Settings, plan: Plan) -> None:
    """The charge points' passwords, made once, and what the charging service is to know of them."""
    known = settings.keys_dir / "chargers.json"
    for charger in plan.chargers:
        file = settings.home / "devices" / f"charger-{charger.name}.key"
        if not file.exists():
            write_secret(file, credentials.new_password() + "\n")
        credentials.keep(known, {charger.name: file.read_text().strip()})
    labels = {node.id: node.label for node in plan.nodes}
    store = open_store(settings.store_url)
    try:
        with store.write() as connection:
            charging.register(
                connection,
                [
                    charging.Registered(
                        charger.name, charger.node, labels[charger.node], charger.max_charge_w,
                        charger.max_discharge_w, open_to_all=charger.open_to_all,
                    )
                    for charger in plan.chargers
                ],
            )  # fmt: skip
    finally:
        store.close()


def _link_tokens(settings: Settings, chain_id: int, plan: Plan, numbers: Mapping[str, int]) -> None:
    """The demo cars' tokens, for which their households' development accounts answer."""
    now = int(time.time())
    store = open_store(settings.store_url)
    try:
        with store.write() as connection:
            for car in plan.cars:
                if car.owner is None:
                    continue
                number = numbers.get(car.token, 0)
                known = charging.token(connection, car.token)
                if known is not None and (known.ev_id or 0) == number:
                    continue
                owner = household_account(car.owner)
                link = Link(car.token, owner.address, number, chain_id, now)
                signed = Account.sign_message(encode_defunct(text=link.text), owner.private_key)
                evidence = {"text": link.text, "signature": signed.signature.hex()}
                charging.put_token(
                    connection,
                    charging.IdToken(
                        car.token,
                        owner.address,
                        number or None,
                        car.name,
                        False,
                        None,
                        now,
                        evidence,
                    ),
                )
    finally:
        store.close()


def _kind(node: Node) -> int:
    return 0 if node.kind == "board" else int(EntityKind[node.kind.upper()])


def _operator(settings: Settings, chain_id: int) -> LocalAccount:
    if chain_id in LOCAL_CHAINS:
        key = development.account(development.OPERATOR).private_key
        account: LocalAccount = Account.from_key(key)
        return account
    file = settings.keys_dir / "operator.json"
    return load_account(file, os.environ.get("OHMSTEAD_PASSPHRASE"))


def _write_demo_wallets(settings: Settings) -> None:
    """The keys that the page offers as demo wallets on a local chain."""
    offered: list[tuple[str, str, int, list[int]]] = [
        ("Newcomer", "resident", development.NEWCOMER, []),
        ("Authority", "authority", development.AUTHORITY, []),
        ("Second authority", "authority", development.SECOND_AUTHORITY, []),
        ("Operator", "operator", development.OPERATOR, []),
        ("Certifier", "certifier", development.CERTIFIER, []),
    ]
    labels = {node.id: node.label for node in load_plan().nodes}
    for index, meter in enumerate(_HOUSEHOLDS):
        offered.append((labels[meter], "resident", development.FIRST_HOUSEHOLD + index, [meter]))
    wallets = [
        {
            "name": name,
            "role": role,
            "address": development.account(index).address,
            "private_key": development.account(index).private_key,
            "meters": meters,
        }
        for name, role, index, meters in offered
    ]
    path = settings.keys_dir / "demo-wallets.json"
    write_secret(path, json.dumps(wallets, indent=2) + "\n")


# ---- chain -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Chain:
    """A community's contracts, as the operator and the demo households use them."""

    rpc: RpcClient
    chain_id: int
    contracts: ContractSet
    views: ChainViews

    @classmethod
    def connect(cls, settings: Settings, chain_id: int) -> Chain:
        """The chain and contracts of a home."""
        contracts = ContractSet(load_for_chain(settings.deployments_dir, chain_id))
        rpc = RpcClient(settings.rpc_url)
        return cls(rpc, chain_id, contracts, ChainViews(rpc, contracts, Clients(contracts), 0.0))

    def wallet(self, account: LocalAccount) -> Wallet:
        """An account that sends."""
        return Wallet(self.rpc, self.chain_id, self.contracts, account)

    def install(self, operator: Wallet, plan: Plan, keys: dict[int, bytes]) -> int:
        """Registers meters, sets community modes, adds switches; how many calls that took."""
        calls = [
            *self._registrations(plan, keys),
            *self._modes(plan),
            *self._switches(plan),
        ]
        operator.send_as_manager(self.contracts["AccessManager"], calls)
        return len(calls)

    def enrol_elements(self, operator: Wallet, plan: Plan, devices: Path) -> int:
        """Makes a plan's secure elements known on chain and tells the nodes their numbers; how many
        are new."""
        registry = self.contracts["ElementRegistry"]
        ledger = self.contracts["MeterLedger"].address
        calls = []
        for node in plan.nodes:
            if not node.element:
                continue
            key = open_element(devices, node.id).public_key()
            count = int(self.views.ask(registry.call("enrolmentCount", node.id)))
            known = self.views.ask(registry.call("enrolmentAt", node.id, count)) if count else None
            if known is None or (known["x"], known["y"]) != (key[:32], key[32:]):
                calls.append(registry.call("enrol", node.id, key[:32], key[32:], 0, 0))
                count += 1
            told = {"chain_id": self.chain_id, "ledger": ledger, "enrolment": count}
            write_secret(devices / f"{node.id}.enrolment.json", json.dumps(told) + "\n")
        operator.send_as_manager(self.contracts["AccessManager"], calls)
        return len(calls)

    def set_up_vehicles(self, operator: Wallet, plan: Plan, settings: Settings) -> dict[str, int]:
        """Charge points, the budget and the demo's cars; their numbers by token."""
        slot_s = self.contracts.deployment.slot_seconds

        def owner_of(household: int) -> Wallet:
            return self.wallet(Account.from_key(household_account(household).private_key))

        return vehicles.set_up(
            plan,
            self.views,
            Clients(self.contracts),
            operator,
            owner_of,
            slot_s * settings.time_scale_on(self.chain_id, slot_s),
        )

    def _registrations(self, plan: Plan, keys: dict[int, bytes]) -> Iterable[Call[Any]]:
        registry = self.contracts["MeterRegistry"]
        known = set(self.views.meter_ids())
        for node in plan.nodes:
            if node.kind != "board" and node.id not in known:
                yield registry.call(
                    "register", node.id, _kind(node), node.feeder, node.max_power_w,
                    keccak(keys[node.id]),
                )  # fmt: skip

    def _modes(self, plan: Plan) -> Iterable[Call[Any]]:
        registry = self.contracts["MeterRegistry"]
        known = set(self.views.meter_ids())
        for node in plan.nodes:
            if not (node.relay and node.relay.on_request):
                continue
            if node.id not in known or self.views.meter(node.id).mode is BillingMode.COMMUNITY:
                yield registry.call("setCommunityMode", node.id, int(BillingMode.ON_REQUEST))

    def _switches(self, plan: Plan) -> Iterable[Call[Any]]:
        priority = self.contracts["PriorityRegistry"]
        known = {view.switch_id for view in self.views.switches()}
        for node in plan.nodes:
            relay = node.relay
            if relay is None or relay.switch in known:
                continue
            config = (
                node.id, node.board, relay.pin, plan.battery_behind(node), relay.critical,
                relay.fail_safe_closed, relay.min_on_s, relay.min_off_s,
            )  # fmt: skip
            yield priority.call("addSwitch", relay.switch, config, not relay.on_request)

    def fund_people(self) -> None:
        """Ether for development accounts that a node of the user's own did not fund."""
        people = [development.account(index).address for index in range(development.ACCOUNTS)]
        balances = self.rpc.batch([("eth_getBalance", [person, "latest"]) for person in people])
        giver = self.wallet(Account.from_key(development.account(development.DEPLOYER).private_key))
        for person, balance in zip(people, balances, strict=True):
            if number(balance) < _ENOUGH_WEI:
                giver.send(Call(person, b"", lambda _answer: None, f"ether for {person}"), 10**19)

    def issue_codes(self, operator: Wallet, plan: Plan, codes: ClaimCodes) -> int:
        """A one-time code for every house without a household; how many are new."""
        calls = []
        for node in plan.nodes:
            if node.contactor is None or node.contactor.on_request or node.contactor.battery:
                continue
            meter = self.views.meter(node.id)
            if int(meter.holder, 16) != 0:
                codes.forget(node.id)
                continue
            code = codes.get(node.id)
            if code is None or code.address.lower() != meter.claim_key.lower():
                code = code or ClaimCode.fresh()
                codes.keep(node.id, node.label, code)
                registry = self.contracts["MeterRegistry"]
                calls.append(registry.call("issueClaimCode", node.id, code.address))
        operator.send_as_manager(self.contracts["AccessManager"], calls)
        return len(calls)

    def move_in(self, meter: int, mode: BillingMode, codes: ClaimCodes) -> bool:
        """A demo household claims its meter and gets some money; False if it lives there."""
        if int(self.views.meter(meter).holder, 16) != 0:
            return False
        code = codes.get(meter)
        if code is None:
            raise ProvisionError(f"there is no one-time code for meter {meter}")
        wallet = self.wallet(Account.from_key(household_account(meter).private_key))
        registry, token = self.contracts["MeterRegistry"], self.contracts["GridToken"]
        digest = self.views.ask(registry.call("claimDigest", meter, wallet.address))
        wallet.send(registry.call("claim", meter, int(mode), code.sign(digest)))
        codes.forget(meter)
        desk = self.contracts["PowerCoinDesk"]
        wallet.send(desk.call("buyWithEther", wallet.address, 0), _POCKET_MONEY_WEI)
        spender = _SPENDERS[mode]
        wallet.send(token.call("setApprovalForAll", self.contracts[spender].address, True))
        return True

    def fund_mesh(self, operator: Wallet, meters: Iterable[int]) -> None:
        """Every meter's account can pay those who carry its messages: the operator prepays."""
        mesh = self.contracts["RelayCredits"]
        token, desk = self.contracts["GridToken"], self.contracts["PowerCoinDesk"]
        holders = self.views.ask_many([mesh.call("accountOf", meter) for meter in meters])
        accounts = sorted({operator.address, *holders})
        prepaid = self.views.ask_many([mesh.call("prepaidOf", account) for account in accounts])
        lacking = [a for a, paid in zip(accounts, prepaid, strict=True) if paid == 0]
        if not lacking:
            return
        operator.send(desk.call("buyWithEther", operator.address, 0), _MESH_WEI)
        operator.send(token.call("setApprovalForAll", mesh.address, True))
        for account in lacking:
            operator.send(mesh.call("depositFor", account, _MESH_MICRO_INR))

    def fund_grid(self, operator: Wallet) -> None:
        """The operator's account at the clearing house, which stands for the main grid."""
        house = self.contracts["ClearingHouse"]
        if self.views.ask(house.call("balanceOf", operator.address)) < _GRID_MICRO_INR:
            operator.send(house.call("deposit", 0), _GRID_WEI)
