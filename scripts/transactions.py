"""Sends transactions of a key that this process holds, one after the other."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address

from backend.chain.contracts import Call, Contract, ContractSet
from backend.chain.fees import FeePolicy
from backend.chain.rpc import RpcClient, RpcError, number, quantity

_BATCH = 12
_WAIT_S = 300.0


class TransactionError(RuntimeError):
    """A transaction was refused or reverted; the message says which and why."""


class Wallet:
    """An account on a chain.

    Args:
        rpc: the node.
        chain_id: which chain signatures are for.
        contracts: of the deployment, to explain what a contract refuses.
        account: the key.
    """

    def __init__(
        self, rpc: RpcClient, chain_id: int, contracts: ContractSet, account: LocalAccount
    ) -> None:
        self._rpc = rpc
        self._chain_id = chain_id
        self._contracts = contracts
        self._account = account
        self._fees = FeePolicy()

    @property
    def address(self) -> str:
        """The account's address."""
        return str(self._account.address)

    def send(self, call: Call[Any], value_wei: int = 0) -> dict[str, Any]:
        """Sends one call and waits until it is mined; the receipt.

        Raises:
            TransactionError: the contract refuses it, or the node does.
        """
        request = {
            "from": self.address,
            "to": call.target,
            "data": "0x" + call.data.hex(),
            "value": quantity(value_wei),
        }
        try:
            gas = number(self._rpc.call("eth_estimateGas", request))
            raw = self._sign(call, value_wei, gas + gas // 4)
            sent = str(self._rpc.call("eth_sendRawTransaction", "0x" + raw.hex()))
        except RpcError as error:
            refused = self._contracts.revert_of(error)
            raise TransactionError(f"{call.name}: {refused or error.message}") from error
        receipt = self._receipt(sent)
        if number(receipt["status"]) != 1:
            raise TransactionError(f"{call.name}: reverted in transaction {sent}")
        return receipt

    def send_as_manager(self, manager: Contract, calls: Sequence[Call[Any]]) -> None:
        """Sends restricted calls, a dozen in a transaction, through the AccessManager.

        The account needs the roles of the calls; the contracts see the manager as the caller.
        """
        for start in range(0, len(calls), _BATCH):
            part = calls[start : start + _BATCH]
            inner = [manager.call("execute", call.target, call.data).data for call in part]
            self.send(manager.call("multicall", inner))

    def _sign(self, call: Call[Any], value_wei: int, gas: int) -> bytes:
        count = self._rpc.call("eth_getTransactionCount", self.address, "pending")
        base_fee = number(self._rpc.call("eth_getBlockByNumber", "latest", False)["baseFeePerGas"])
        fees = self._fees.offer(base_fee)
        signed = self._account.sign_transaction(
            {
                "chainId": self._chain_id,
                "nonce": number(count),
                "to": to_checksum_address(call.target),
                "value": value_wei,
                "data": call.data,
                "gas": gas,
                "maxFeePerGas": fees.max_fee,
                "maxPriorityFeePerGas": fees.priority_fee,
            }
        )
        return bytes(signed.raw_transaction)

    def _receipt(self, sent: str) -> dict[str, Any]:
        pause, waited = threading.Event(), 0.0
        delay = 0.005  # a local node mines at once, a public one every few seconds
        while waited < _WAIT_S:
            receipt = self._rpc.call("eth_getTransactionReceipt", sent)
            if receipt is not None:
                return dict(receipt)
            pause.wait(delay)
            waited += delay
            delay = min(2.0, delay * 1.5)
        raise TransactionError(f"transaction {sent} was not mined within {_WAIT_S:.0f} s")
