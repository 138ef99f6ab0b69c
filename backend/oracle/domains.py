"""The EIP-712 domains of the contracts that oracle signatures are for, read from the contracts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from backend.chain.contracts import Call, ContractSet
from backend.chain.rpc import RpcClient, RpcError
from backend.oracle.digests import SigningDomain

_CONTRACTS = {
    "ledger": "MeterLedger",
    "priority": "PriorityRegistry",
    "feed": "QuorumPriceFeed",
    "carbon": "CarbonIntensity",
    "v2g": "V2GExchange",
    "mesh": "RelayCredits",
    "policy": "SustainabilityPolicy",
}


@dataclass(frozen=True, slots=True)
class SigningDomains:
    """Where signatures count, by contract; None: the deployment has none such."""

    ledger: SigningDomain
    priority: SigningDomain
    feed: SigningDomain | None = None
    carbon: SigningDomain | None = None
    v2g: SigningDomain | None = None
    mesh: SigningDomain | None = None
    policy: SigningDomain | None = None


def read_domains(rpc: RpcClient, contracts: ContractSet) -> SigningDomains:
    """Asks the contracts (ERC-5267). Raises NodeUnreachableError or RpcError."""
    there = contracts.deployment.contracts
    names = {field: name for field, name in _CONTRACTS.items() if name in there}
    calls: list[Call[Any]] = [contracts[name].call("eip712Domain") for name in names.values()]
    domains: dict[str, SigningDomain] = {}
    answers = rpc.batch([c.request() for c in calls])
    for field, call, answer in zip(names, calls, answers, strict=True):
        if isinstance(answer, RpcError):
            raise answer
        _fields, name, version, chain_id, contract, _salt, _extensions = call.read(
            bytes.fromhex(answer[2:])
        )
        domains[field] = SigningDomain(name, version, chain_id, contract)
    return SigningDomains(**domains)
