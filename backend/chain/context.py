"""What a part of the service needs to speak to one community's contracts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from eth_account.signers.local import LocalAccount

from backend.chain.accounts import refuse_development_keys
from backend.chain.clients import Clients
from backend.chain.contracts import ContractSet
from backend.chain.deployment import Deployment, DeploymentError
from backend.chain.rpc import RpcClient, number
from backend.chain.views import ChainViews

if TYPE_CHECKING:
    from web3 import Web3


class ChainContext:
    """A node's connection, the deployment on its chain, and the accounts this process may use.

    Roles in `accounts`: `relayer` sends the oracle's transactions; `operator` is optional.
    Building one asks the node nothing; `check` does.
    """

    def __init__(
        self,
        node: Web3 | RpcClient | str,
        deployment: Deployment,
        accounts: Mapping[str, LocalAccount] | None = None,
        *,
        view_ttl_s: float = 1.0,
    ) -> None:
        self.rpc = _rpc_of(node)
        self.deployment = deployment
        self.chain_id = deployment.chain_id
        self.accounts = dict(accounts or {})
        refuse_development_keys(
            {role: a.address for role, a in self.accounts.items()}, self.chain_id
        )
        self.contracts = ContractSet(deployment)
        self.clients = Clients(self.contracts)
        self.views = ChainViews(self.rpc, self.contracts, self.clients, view_ttl_s)

    @property
    def relayer(self) -> LocalAccount:
        """The account that sends the oracle's transactions; DeploymentError if there is none."""
        return self._account("relayer")

    @property
    def operator(self) -> LocalAccount | None:
        """The operator's account, if this process holds it."""
        return self.accounts.get("operator")

    def check(self) -> None:
        """Asks the node whether it is the right chain and holds the contracts.

        Raises DeploymentError with what to do, or NodeUnreachableError.
        """
        chain_id = number(self.rpc.call("eth_chainId"))
        if chain_id != self.chain_id:
            raise DeploymentError(
                f"rpc_url {self.rpc.url} is chain {chain_id}, "
                f"the deployment is for chain {self.chain_id}"
            )
        entries = list(self.deployment.contracts.values())
        codes = self.rpc.batch([("eth_getCode", [entry.address, "latest"]) for entry in entries])
        missing = [
            entry.name for entry, code in zip(entries, codes, strict=True) if code in ("0x", None)
        ]
        if missing:
            raise DeploymentError(
                f"chain {chain_id} has no code for {', '.join(missing)}: it was reset; deploy again"
            )

    def block_number(self) -> int:
        """The newest block."""
        return number(self.rpc.call("eth_blockNumber"))

    def _account(self, role: str) -> LocalAccount:
        try:
            return self.accounts[role]
        except KeyError:
            raise DeploymentError(f"no account for the role {role}: name its key file") from None


def _rpc_of(node: Web3 | RpcClient | str) -> RpcClient:
    if isinstance(node, RpcClient):
        return node
    if isinstance(node, str):
        return RpcClient(node)
    url = getattr(node.provider, "endpoint_uri", None)
    if url is None:
        raise DeploymentError(
            "the network's provider must speak HTTP: set rpc_url to an http(s) address"
        )
    return RpcClient(str(url))
