"""Typed client of the mesh's payments. As in `clients.py`, every method builds a `Call`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backend.chain.contracts import Call, Client
from backend.mesh.judging import Receipt


class RelayCreditsClient(Client):
    """IRelayCredits, as far as the service calls it."""

    def clear(self, receipts: Sequence[Receipt], signatures: Sequence[bytes]) -> Call[int]:
        """Clears receipts that a quorum signed; how many were not passed over."""
        return self.contract.call(
            "clear", [receipt_fields(one) for one in receipts], list(signatures)
        )

    def prepaid_of(self, account: str) -> Call[int]:
        """What an account has prepaid, micro-rupees."""
        return self.contract.call("prepaidOf", account)

    def earned_of(self, account: str) -> Call[int]:
        """What an account's nodes earned and nobody took out, micro-rupees."""
        return self.contract.call("earnedOf", account)

    def fee_at(self, started_at: int) -> Call[int]:
        """Fee of a session, micro-rupees for each message and relay."""
        return self.contract.call("feeAt", started_at)

    def account_of(self, node: int) -> Call[str]:
        """Whose account a node's is."""
        return self.contract.call("accountOf", node)


def receipt_fields(receipt: Receipt) -> tuple[Any, ...]:
    """A receipt in the order of the contract's struct."""
    session = receipt.session
    return (
        session.started_at,
        receipt.sent,
        receipt.delivered,
        receipt.broken_hop,
        receipt.reporters,
        session.s_root,
        receipt.s_value,
        session.h_root,
        receipt.h_value,
        session.packed_route(),
    )
