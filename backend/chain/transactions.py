"""Signed transactions of the outbox's rows."""

from __future__ import annotations

import time
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address

from backend.chain.fees import FeePolicy
from backend.telemetry.outbox import OutboxRow


class TransactionSigner:
    """Signs EIP-1559 transactions of one account on one chain. 0.3 ms each."""

    def __init__(self, account: LocalAccount, chain_id: int, fees: FeePolicy) -> None:
        self._account = account
        self._chain_id = chain_id
        self._fees = fees

    def sign(
        self, row: OutboxRow, nonce: int, base_fee: int, previous_max_fee: int = 0
    ) -> dict[str, Any]:
        """What changes in a row that is signed: raw bytes, hash, nonce, fee, attempts, time.

        Args:
            previous_max_fee: what it offered before at this nonce (wei), to offer more; 0 = nothing
        """
        fees = self._fees.offer(base_fee, row.attempts if previous_max_fee else 0, previous_max_fee)
        transaction: dict[str, Any] = {
            "type": 2,
            "chainId": self._chain_id,
            "nonce": nonce,
            "to": to_checksum_address(row.target),
            "value": 0,
            "data": "0x" + row.data.hex(),
            "gas": row.gas,
            "maxFeePerGas": fees.max_fee,
            "maxPriorityFeePerGas": fees.priority_fee,
        }
        signed = self._account.sign_transaction(transaction)
        return {
            "nonce": nonce,
            "raw": bytes(signed.raw_transaction),
            "tx_hash": "0x" + bytes(signed.hash).hex(),
            "max_fee_per_gas": fees.max_fee,
            "attempts": row.attempts + 1,
            "sent_ms": time.time_ns() // 1_000_000,
        }
