"""Why a node did not take a raw transaction. Nodes agree on no codes, so their words are read."""

from __future__ import annotations

from enum import Enum, auto


class Refusal(Enum):
    """What the sender must do about it."""

    KNOWN = auto()
    """The node has it already: nothing."""
    NONCE_TOO_LOW = auto()
    """Its nonce is used up: look for our receipt, else take a new nonce."""
    UNDERPRICED = auto()
    """Offer more."""
    NO_FUNDS = auto()
    """The relayer's account is empty: tell a person, try later."""
    PERMANENT = auto()
    """It can never be mined as it is."""
    UNKNOWN = auto()
    """Try later."""


_WORDS: tuple[tuple[Refusal, tuple[str, ...]], ...] = (
    (Refusal.KNOWN, ("already known", "already imported", "known transaction", "alreadyknown")),
    (Refusal.NONCE_TOO_LOW, ("nonce too low", "nonce is too low", "oldnonce", "already been used")),
    (
        Refusal.UNDERPRICED,
        (
            "underpriced",
            "fee too low",
            "less than block base fee",
            "lower than the current base fee",
            "max fee per gas less than",
            "feetoolow",
        ),
    ),
    (Refusal.NO_FUNDS, ("insufficient funds", "insufficient balance", "doesn't have enough funds")),
    (
        Refusal.PERMANENT,
        (
            "intrinsic gas",
            "exceeds block gas limit",
            "gas limit exceeded",
            "exceeds transaction gas limit",
            "gas limit too high",
            "gas too high",
            "transaction gas limit",
            "invalid sender",
            "invalid chain id",
            "wrong chain",
            "oversized data",
            "invalid signature",
        ),
    ),
)


def classify(message: str) -> Refusal:
    """What a node's message means for the sender."""
    text = message.lower()
    for refusal, words in _WORDS:
        if any(word in text for word in words):
            return refusal
    return Refusal.UNKNOWN
