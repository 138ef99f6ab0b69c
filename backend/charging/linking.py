"""What a wallet signs to answer for a token. Pure.

A text that people can read in their wallet (EIP-191), bound to the chain. Who signs it pays for
what is charged with the token, if that is under a contract; the meter's holder otherwise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from backend.charging.moments import text_of

TOKEN = re.compile(r"[a-z0-9*_=:+|@.\-]{4,20}\Z")
"""Tokens that may be linked, in lower case: what both OCPP 1.6 and 2 can carry."""
HOLDS_S = 600
"""How long after its time a signed message is taken."""


@dataclass(frozen=True, slots=True)
class Link:
    """An account answers for a token; `ev_id` of the V2G contract, 0: none."""

    id_token: str
    account: str
    ev_id: int
    chain_id: int
    issued_at: int

    @property
    def text(self) -> str:
        """What is signed."""
        return "\n".join(
            (
                "Ohmstead: I answer for what is charged with this token.",
                "",
                f"Token: {self.id_token.lower()}",
                f"Account: {self.account.lower()}",
                f"Car: {self.ev_id or 'none'}",
                f"Chain: {self.chain_id}",
                f"Issued At: {text_of(self.issued_at * 1000)}",
            )
        )
