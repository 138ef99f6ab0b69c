"""Deploys the contracts one by one and hands them to their roles; an interrupted run goes on.

Every step asks the chain first whether it is done. The address of a contract is written down before
the transaction that creates it, so a run that dies in between finds the contract again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from eth_utils.address import to_checksum_address
from web3.exceptions import Web3Exception
from web3.utils.address import get_create_address

from backend.chain.accounts import LOCAL_CHAINS
from backend.tariff import parse_tariff
from scripts.construction import ORDER, Site
from scripts.etherscan import Source
from scripts.keyfiles import write_secret
from scripts.plan import TARIFF_FOLDER, Plan
from scripts.roles import CONTRACT_ROLES, Role, functions_by_role

TEST_CHAIN_IDS = LOCAL_CHAINS | {11155111, 17000, 560048}
"""Where a demo token may stand in for a stablecoin: local chains, Sepolia, Holesky, Hoodi."""

_MINED_WITHIN_S = 900.0
_ZERO = "0x" + "0" * 40


class DeployError(RuntimeError):
    """The deployment cannot go on; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """One contract of the deployment."""

    address: str
    block: int


class Deployer:
    """Deploys on the chain that Ape is connected to.

    Args:
        project: Ape's project, whose contracts are deployed.
        account: pays, and holds ADMIN and OPERATOR only until the roles are handed over.
        chain_id: where this is.
        plan: roles and figures.
        progress: file that remembers addresses between runs.
        adopted: contracts of another deployment that this one uses instead of its own, by name.
        omitted: contracts it does without.
        say: shows one line of progress.
    """

    def __init__(
        self,
        project: Any,
        account: Any,
        chain_id: int,
        plan: Plan,
        progress: Path,
        say: Callable[[str], None],
        adopted: Mapping[str, Deployed] | None = None,
        omitted: Collection[str] = (),
    ) -> None:
        self.account = account
        self.plan = plan
        self.holders = plan.roles.holders()
        self.gas_used = 0
        self.fee_wei = 0
        self._project = project
        self._chain_id = chain_id
        self._progress_file = progress
        self._say = say
        self._adopted = dict(adopted or {})
        self._omitted = frozenset(omitted)
        self._contracts: dict[str, Any] = {}
        self._site = Site(plan, str(account.address), self._address)
        self._known = self._read_progress()

    @property
    def _web3(self) -> Any:
        return self.account.provider.web3

    # ---- the whole ----------------------------------------------------------------------------

    def deploy(self) -> dict[str, Deployed]:
        """Does whatever is missing and returns all contracts.

        Raises:
            DeployError: a step failed, or the roles are handed over and something is missing.
        """
        self._await_pending()
        for name in ORDER:
            self._ensure(name)
        if self._holds(Role.ADMIN, self.account.address):
            self._grant_roles()
            self._configure()
            self._hand_over()
        self._verify()
        return {
            name: Deployed(instance.address, self._known[name]["block"])
            for name, instance in self._contracts.items()
        }

    def abi(self, name: str) -> list[dict[str, Any]]:
        """The ABI of a deployed contract as plain JSON."""
        contract_type = self._type(name)
        return [item.model_dump(mode="json", by_alias=True) for item in contract_type.abi]

    def slot_seconds(self) -> int:
        """Length of a slot in the deployed ledger, which an older plan may have set."""
        return int(self._contracts["MeterLedger"].slotSeconds())

    def sources(self) -> dict[str, tuple[str, Source]]:
        """Name -> address and source of every contract of ours, as it was compiled."""
        from ape import compilers

        compiled: dict[str, tuple[str, Source]] = {}
        for name, instance in self._contracts.items():
            if name == "Stablecoin" and self.plan.stablecoin:
                continue  # somebody else's
            contract_type = self._type(name)
            file = self._project.path / contract_type.source_id
            found = compilers.solidity.get_standard_input_json([file], project=self._project)
            ((version, standard_json),) = found.items()
            arguments = self._container(name).constructor.encode_input(*self._site.arguments(name))
            compiled[name] = (
                instance.address,
                Source(
                    standard_json,
                    f"v{version}",
                    f"{contract_type.source_id}:{contract_type.name}",
                    bytes(arguments),
                ),
            )
        return compiled

    # ---- contracts ----------------------------------------------------------------------------

    def _ensure(self, name: str) -> None:
        if name == "Stablecoin" and self.plan.stablecoin:
            self._adopt_stablecoin(self.plan.stablecoin.address)
            return
        container = self._container(name)
        if container is None or name in self._omitted:
            return
        if name in self._adopted:
            theirs = self._adopted[name]
            self._contracts[name] = container.at(theirs.address)
            self._known[name] = {"address": theirs.address, "block": theirs.block}
            return
        known = self._known.get(name)
        if known and self._has_code(known["address"]):
            self._say(f"{name:<17} {known['address']} is there")
            self._contracts[name] = container.at(known["address"])
            return
        self._contracts[name] = self._create(name, container)

    def _container(self, name: str) -> Any:
        if name == "Stablecoin":
            return self._project.DemoRupee if self._chain_id in TEST_CHAIN_IDS else None
        return getattr(self._project, name)

    def _type(self, name: str) -> Any:
        # Not the instance's own: Ape remembers types by address, also those of another chain.
        container = self._project.DemoRupee if name == "Stablecoin" else self._container(name)
        return container.contract_type

    def _create(self, name: str, container: Any) -> Any:
        arguments = self._site.arguments(name)
        nonce = self._web3.eth.get_transaction_count(self.account.address)
        address = str(get_create_address(self.account.address, nonce))
        self._remember(name, address, int(self._web3.eth.block_number) + 1)
        transaction = container(*arguments)
        transaction.sender = self.account.address
        receipt = self._send(name, transaction)
        if to_checksum_address(receipt["contractAddress"]) != address:
            raise DeployError(
                f"{name} was created at {receipt['contractAddress']}, not at {address}: "
                f"{self.account.address} sends other transactions at the same time; run again"
            )
        self._remember(name, address, int(receipt["blockNumber"]))
        self._count(f"{name:<17} {address}", receipt)
        return container.at(address)

    def _adopt_stablecoin(self, address: str) -> None:
        if not self._has_code(address):
            raise DeployError(f"stablecoin.address: there is no contract at {address}")
        self._contracts["Stablecoin"] = self._project.DemoRupee.at(address)
        self._known["Stablecoin"] = {"address": address, "block": int(self._web3.eth.block_number)}

    def _address(self, name: str) -> str:
        return str(self._contracts[name].address) if name in self._contracts else _ZERO

    def _has_code(self, address: str) -> bool:
        return bool(self._web3.eth.get_code(address))

    # ---- roles --------------------------------------------------------------------------------

    def _holds(self, role: Role, account: str) -> bool:
        return bool(self._contracts["AccessManager"].hasRole(int(role), account)[0])

    def _grant_roles(self) -> None:
        """Assigns functions to roles and roles to accounts, in one transaction."""
        manager = self._contracts["AccessManager"]
        calls: list[bytes] = []
        for name in self._contracts:
            if name in ("AccessManager", "Stablecoin"):
                continue
            target = self._address(name)
            for role, found in functions_by_role(name, self.abi(name)).items():
                missing = [s for s in found if manager.getTargetFunctionRole(target, s) != role]
                if missing:
                    calls.append(manager.setTargetFunctionRole.encode_input(target, missing, role))
        grants = [
            *self.holders.grants(),
            *(
                (role, self._address(name))
                for role, names in CONTRACT_ROLES.items()
                for name in names
                if name not in self._omitted
            ),
            (Role.OPERATOR, str(self.account.address)),
        ]
        for role, account in grants:
            if not self._holds(role, account):
                delay = self.plan.parameters.admin_delay_seconds if role is Role.ADMIN else 0
                calls.append(manager.grantRole.encode_input(int(role), account, delay))
        if calls:
            labels = [
                manager.labelRole.encode_input(int(role), role.name)
                for role in Role
                if role is not Role.ADMIN
            ]
            self._call("roles granted", manager.multicall, [*labels, *calls])

    def _hand_over(self) -> None:
        """The deployer gives up what it held, in one transaction."""
        manager, own = self._contracts["AccessManager"], str(self.account.address)
        calls = []
        if self._holds(Role.OPERATOR, own):
            calls.append(manager.revokeRole.encode_input(int(Role.OPERATOR), own))
        calls.append(manager.renounceRole.encode_input(int(Role.ADMIN), own))
        self._call("roles handed over", manager.multicall, calls)

    # ---- figures ------------------------------------------------------------------------------

    def _configure(self) -> None:
        """What constructors could not set: signers, inventory, limits, links, tariffs."""
        quorum, ledger = self._contracts["OracleQuorum"], self._contracts["MeterLedger"]
        signers = self.holders.signers_ascending()
        if list(quorum.signers()) != signers or quorum.threshold() != self.holders.threshold:
            self._call("signers set", quorum.setSigners, signers, self.holders.threshold)
        if ledger.inventory() != self._address("EnergyMarket"):
            self._call("inventory set", ledger.setInventory, self._address("EnergyMarket"))
        limit_wh = self.plan.parameters.advance_limit_wh
        if ledger.advanceLimitWh() != limit_wh:
            self._call("advance limit set", ledger.setAdvanceLimit, limit_wh)
        pool = self._contracts["RealTimePool"]
        if pool.dayAhead() != self._address("DayAheadMarket"):
            self._call("day-ahead market set", pool.setDayAhead, self._address("DayAheadMarket"))
        self._fund_bonds()
        self._load_tariffs()

    def _fund_bonds(self) -> None:
        """Puts ether behind the oracle nodes, as the plan says; they may add what they like."""
        bond, wanted = self._contracts["OracleBond"], self.plan.witness.bond_wei
        relayer, deposits = self.holders.relayer, 10 * self.plan.witness.deposit_wei
        if wanted and bond.creditOf(relayer) == 0:  # the relayer accuses for the community
            credit = bond.creditTo.as_transaction(relayer, sender=self.account, value=deposits)
            self._count("deposits for accusations", self._send("deposits", credit))
        for signer in self.holders.signers_ascending() if wanted else ():
            if bond.bondOf(signer).bondWei == 0:
                deposit = bond.deposit.as_transaction(signer, sender=self.account, value=wanted)
                self._count(f"bond of {signer}", self._send("bond", deposit))

    def _load_tariffs(self) -> None:
        book = self._contracts["TariffBook"]
        for index, name in enumerate(self.plan.parameters.tariffs):
            if self._answers(book, book.tariff.encode_input(index + 1)):
                continue
            document = json.loads((TARIFF_FOLDER / f"{name}.json").read_text())
            self._call(f"tariff {name}", book.addTariff, astuple(parse_tariff(document)))

    def _answers(self, contract: Any, data: bytes) -> bool:
        """Whether a view returns something; asked beside Ape, which would print the refusal."""
        try:
            return bool(self._web3.eth.call({"to": contract.address, "data": data}))
        except Web3Exception:
            return False

    # ---- check --------------------------------------------------------------------------------

    def _verify(self) -> None:
        """Everything is as planned and the deployer holds nothing."""
        wrong = [
            f"{Role(role).name} is not held by {account}"
            for role, account in self.holders.grants()
            if not self._holds(role, account)
        ]
        own = str(self.account.address)
        held = [role.name for role in Role if self._holds(role, own)]
        wrong += [f"the deployer still holds {name}" for name in held]
        if self._contracts["MeterLedger"].inventory() != self._address("EnergyMarket"):
            wrong.append("MeterLedger's inventory is not the EnergyMarket")
        if wrong:
            raise DeployError(
                "the deployment differs from its plan, and only the admin can change it now: "
                + "; ".join(wrong)
            )

    # ---- transactions and progress ------------------------------------------------------------

    def _call(self, what: str, method: Any, *arguments: Any) -> None:
        transaction = method.as_transaction(*arguments, sender=self.account)
        self._count(what, self._send(what, transaction))

    def _send(self, what: str, transaction: Any) -> Any:
        """Signs with Ape's account and waits for the receipt.

        Ape's own wait asks once in half a block's time and after that for each confirmation.
        """
        prepared = self.account.prepare_transaction(transaction)
        signed = self.account.sign_transaction(prepared)
        try:
            sent = self._web3.eth.send_raw_transaction(signed.serialize_transaction())
            poll = 0.01 if self._chain_id in LOCAL_CHAINS else 0.5
            receipt = self._web3.eth.wait_for_transaction_receipt(sent, _MINED_WITHIN_S, poll)
        except Web3Exception as error:
            raise DeployError(f"{what}: {error}; run again to go on") from error
        if receipt["status"] != 1:
            raise DeployError(f"{what}: reverted in {sent.to_0x_hex()}")
        return receipt

    def _count(self, what: str, receipt: Any) -> None:
        gas = int(receipt["gasUsed"])
        self.gas_used += gas
        self.fee_wei += gas * int(receipt["effectiveGasPrice"])
        self._say(f"{what}  ({gas:,} gas)")

    def _await_pending(self, timeout_s: float = 600.0) -> None:
        """Waits until no earlier transaction of the account is on its way."""
        deadline = time.monotonic() + timeout_s
        count, own = self._web3.eth.get_transaction_count, self.account.address
        while count(own, "pending") > count(own, "latest"):
            if time.monotonic() > deadline:
                raise DeployError(
                    f"transactions of {own} have been pending for {timeout_s:.0f} s; let them be "
                    "mined or replace them, then run again"
                )
            time.sleep(1)

    def _read_progress(self) -> dict[str, dict[str, Any]]:
        try:
            content = json.loads(self._progress_file.read_text())
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise DeployError(f"{self._progress_file} is damaged: {error}; remove it") from error
        return dict(content) if isinstance(content, dict) else {}

    def _remember(self, name: str, address: str, block: int) -> None:
        self._known[name] = {"address": address, "block": block}
        write_secret(self._progress_file, json.dumps(self._known, indent=2) + "\n")
