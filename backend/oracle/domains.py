"""The EIP-712 domains of the contracts that oracle signatures are for, read from the contracts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from backend.chain.contracts import Call, ContractSet
from backend.chain.rpc import RpcClient, RpcError
from backend.oracle.digests import SigningDomain


@dataclass(frozen=True, slots=True)
class SigningDomains:
    """Where signatures about slots, batteries and prices count; `feed` None: there is no feed."""

    ledger: SigningDomain
    priority: SigningDomain
    feed: SigningDomain | None = None


def read_domains(rpc: RpcClient, contracts: ContractSet) -> SigningDomains:
    """Asks the contracts (ERC-5267). Raises NodeUnreachableError or RpcError."""
    names = ["MeterLedger", "PriorityRegistry"]
    if "QuorumPriceFeed" in contracts.deployment.contracts:
        names.append("QuorumPriceFeed")
    calls: list[Call[Any]] = [contracts[name].call("eip712Domain") for name in names]
    domains = []
    for call, answer in zip(calls, rpc.batch([c.request() for c in calls]), strict=True):
        if isinstance(answer, RpcError):
            raise answer
        _fields, name, version, chain_id, contract, _salt, _extensions = call.read(
            bytes.fromhex(answer[2:])
        )
        domains.append(SigningDomain(name, version, chain_id, contract))
    return SigningDomains(*domains)
