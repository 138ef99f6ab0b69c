"""How price nodes sign and whom they are: the quorum's signers, by ascending address."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256

from eth_account.signers.local import LocalAccount

from backend.chain.types import Quorum
from backend.oracle.digests import SigningDomain, price_digest, sign, signer_of
from backend.oracle.price_messages import Observed, statement

_REMEMBERED = 4096


def members_of(quorum: Quorum) -> tuple[str, ...]:
    """The nodes; a node's index is its place here, as the contract wants them ascending."""
    return tuple(sorted(quorum.signers, key=lambda address: int(address, 16)))


@dataclass(frozen=True, slots=True)
class FeedIdentity:
    """What an observation is for: one feed on one chain under one set of signers."""

    domain: SigningDomain
    feed: int
    epoch: int

    @property
    def context(self) -> bytes:
        """In every statement nodes make to each other."""
        d = self.domain
        text = f"{d.chain_id}:{d.contract.lower()}:{self.feed}:{self.epoch}"
        return sha256(text.encode()).digest()

    def digest(self, round_id: int, price: int, observed_at: int) -> bytes:
        """What is signed of a price."""
        return price_digest(self.domain, self.feed, round_id, price, observed_at, self.epoch)


class NodeSigning:
    """Signatures of this node, checks of others'. What was checked is remembered for a while."""

    def __init__(
        self, account: LocalAccount, members: tuple[str, ...], identity: FeedIdentity
    ) -> None:
        self.members = members
        self.identity = identity
        self._account = account
        self._context = identity.context
        self._checked: OrderedDict[tuple[bytes, bytes], str | None] = OrderedDict()

    @property
    def me(self) -> int:
        """This node's index; ValueError if it is none of the quorum's signers."""
        return self.members.index(self._account.address)

    def observe(self, round_id: int, price: int, observed_at: int) -> Observed:
        """This node's signed price."""
        digest = self.identity.digest(round_id, price, observed_at)
        return Observed(round_id, self.me, price, observed_at, sign(self._account, digest))

    def sign(self, kind: str, round_id: int, view: int, content: bytes) -> bytes:
        """This node's signature of a statement."""
        return sign(self._account, statement(self._context, kind, round_id, view, content))

    def is_signed(
        self, sender: int, kind: str, round_id: int, view: int, content: bytes, signature: bytes
    ) -> bool:
        """Whether `sender` signed a statement."""
        digest = statement(self._context, kind, round_id, view, content)
        return self._is_of(sender, digest, signature)

    def is_observed(self, seen: Observed) -> bool:
        """Whether its sender signed an observation as the contract wants it."""
        digest = self.identity.digest(
            seen.round_id, seen.price_micro_inr_per_kwh, seen.observed_at
        )
        return self._is_of(seen.sender, digest, seen.signature)

    def _is_of(self, sender: int, digest: bytes, signature: bytes) -> bool:
        if not 0 <= sender < len(self.members):
            return False
        key = (digest, signature)
        if key not in self._checked:
            self._checked[key] = signer_of(digest, signature)
            if len(self._checked) > _REMEMBERED:
                self._checked.popitem(last=False)
        return self._checked[key] == self.members[sender]
