"""`deployments/<chainId>.json`: where the contracts are and how to speak to them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_utils.address import is_hex_address, to_checksum_address

CONTRACT_NAMES = (
    "AccessManager",
    "OracleQuorum",
    "GridToken",
    "PowerCoinDesk",
    "PostedPrice",
    "MeterRegistry",
    "MeterLedger",
    "TariffBook",
    "PriorityRegistry",
    "EnergyMarket",
    "ClearingHouse",
    "RealTimePool",
    "DayAheadMarket",
    "SurplusAuction",
    "Interconnection",
    "CarbonIntensity",
    "RenewableCertificate",
    "CertificateSales",
    "ElementRegistry",
    "OracleBond",
    "MeterWitness",
    "SustainabilityPolicy",
    "RenewableIncentive",
)
"""Contracts that a deployment must have. A Stablecoin is optional."""


class DeploymentError(ValueError):
    """The deployment is missing or wrong; the message names the file, the field and the fix."""


@dataclass(frozen=True, slots=True)
class DeployedContract:
    """One contract: checksummed address, ABI, and the block it was created in."""

    name: str
    address: str
    abi: tuple[dict[str, Any], ...]
    block: int


@dataclass(frozen=True, slots=True)
class Deployment:
    """All contracts of one community on one chain. `deployed_at` is Unix seconds."""

    chain_id: int
    slot_seconds: int
    deployed_at: int
    contracts: Mapping[str, DeployedContract]

    @property
    def first_block(self) -> int:
        """The oldest block that can hold an event of these contracts."""
        return min(contract.block for contract in self.contracts.values())

    def __getitem__(self, name: str) -> DeployedContract:
        """The contract called `name`; DeploymentError if the deployment has none."""
        try:
            return self.contracts[name]
        except KeyError:
            raise DeploymentError(
                f"the deployment has no contract {name}; deploy it first"
            ) from None


def load_deployment(path: Path) -> Deployment:
    """Reads and validates a deployment file; DeploymentError names what is wrong."""
    try:
        document = json.loads(path.read_text())
    except FileNotFoundError:
        raise DeploymentError(
            f"{path} does not exist: deploy first (make run, or make deploy NETWORK=..)"
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DeploymentError(f"{path} is not valid JSON ({error}): deploy again") from None
    return parse_deployment(document, source=str(path))


def load_for_chain(folder: Path, chain_id: int) -> Deployment:
    """Loads `<folder>/<chain_id>.json` and checks that it speaks of that chain."""
    path = folder / f"{chain_id}.json"
    deployment = load_deployment(path)
    if deployment.chain_id != chain_id:
        raise DeploymentError(f"{path}: chainId is {deployment.chain_id}, the node's is {chain_id}")
    return deployment


def parse_deployment(document: Any, source: str = "deployment") -> Deployment:
    """Validates a parsed deployment document; DeploymentError names the field."""
    if not isinstance(document, dict):
        raise DeploymentError(f"{source}: must be an object")
    contracts = document.get("contracts")
    if not isinstance(contracts, dict):
        raise DeploymentError(f"{source}: contracts must be an object of name -> contract")
    missing = [name for name in CONTRACT_NAMES if name not in contracts]
    if missing:
        raise DeploymentError(
            f"{source}: contracts lacks {', '.join(missing)}: run the deployment again"
        )
    return Deployment(
        chain_id=_integer(document, "chainId", source, minimum=1),
        slot_seconds=_integer(document, "slotSeconds", source, minimum=1),
        deployed_at=_integer(document, "deployedAt", source),
        contracts={name: _contract(name, entry, source) for name, entry in contracts.items()},
    )


def _contract(name: str, entry: Any, source: str) -> DeployedContract:
    where = f"{source}: contracts.{name}"
    if not isinstance(entry, dict):
        raise DeploymentError(f"{where} must be an object")
    address, abi = entry.get("address"), entry.get("abi")
    if not isinstance(address, str) or not is_hex_address(address) or int(address, 16) == 0:
        raise DeploymentError(f"{where}.address must be a 20-byte 0x address, not {address!r}")
    if not isinstance(abi, list) or not all(isinstance(item, dict) for item in abi):
        raise DeploymentError(f"{where}.abi must be a list of ABI entries")
    return DeployedContract(
        name, to_checksum_address(address), tuple(abi), _integer(entry, "block", where)
    )


def _integer(entry: Mapping[str, Any], field: str, source: str, minimum: int = 0) -> int:
    value = entry.get(field)
    if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
        raise DeploymentError(
            f"{source}: {field} must be an integer of at least {minimum}, not {value!r}"
        )
    return value
